#include "fusefs/core/core.h"

#include "common/base/clock.h"
#include "common/base/cond.h"

#include <assert.h>
#include <sched.h>

static void release_inode(void *cookie, struct inode *inode)
{
	struct core *core = cookie;

	if (core->hooks->release)
		core->hooks->release(core->cookie, inode);
}

void core_init(struct core *core, const struct core_options *options)
{
	static const struct core_hooks nobody = {NULL};

	*core = (struct core){.store = options->store,
		.hooks = options->hooks ? options->hooks : &nobody,
		.cookie = options->cookie,
		.others = options->shared};
	core->later_end = &core->later;
	fill_view_init(&core->view, options->follows ? 0 : INT64_MAX, CORE_GRACE_MS * NS_PER_MS);
	pthread_mutex_init(&core->lock, NULL);
	cond_init(&core->quiet);
	inodes_init(&core->inodes, release_inode, core);
}

void core_fini(struct core *core)
{
	assert(core->calls == 0 && atomic_load(&core->running) == 0);
	inodes_fini(&core->inodes);
	pthread_cond_destroy(&core->quiet);
	pthread_mutex_destroy(&core->lock);
}

/* -- the lock -- */

void core_lock(struct core *core)
{
	pthread_mutex_lock(&core->lock);
	core->now_ns = clock_boot_ns();
	core_view_changed(core);
}

void core_later(struct core *core, struct later *later)
{
	later->next = NULL;
	*core->later_end = later;
	core->later_end = &later->next;
}

void core_unlock(struct core *core)
{
	struct later *later;
	bool runs;

	if (core->hooks->leaving)
		core->hooks->leaving(core->cookie);
	later = core->later;
	runs = later != NULL;
	if (runs)
		atomic_fetch_add(&core->running, 1); /* core_wait_quiet waits for it: the work may take the lock */
	core->later = NULL;
	core->later_end = &core->later;
	if (core->calls == 0)
		pthread_cond_broadcast(&core->quiet);
	pthread_mutex_unlock(&core->lock);
	while (later) {
		struct later *next = later->next;

		later->run(later);
		later = next;
	}
	if (runs)
		atomic_fetch_sub(&core->running, 1);
}

bool core_run_later(struct core *core)
{
	if (!core->later)
		return false;
	core_unlock(core);
	core_lock(core);
	return true;
}

void core_wait(struct core *core, pthread_cond_t *cond, int64_t until_ns)
{
	(void)cond_wait_until(cond, &core->lock, until_ns);
}

/* -- calls in flight -- */

void core_call_begins(struct core *core)
{
	core->calls++;
}

void core_call_over(struct core *core)
{
	assert(core->calls > 0);
	core->calls--;
}

bool core_wait_quiet(struct core *core, int64_t until_ns)
{
	bool quiet;

	core_lock(core);
	while (core->calls > 0 && clock_mono_ns() < until_ns)
		core_wait(core, &core->quiet, until_ns);
	quiet = core->calls == 0;
	core_unlock(core);
	/* The work takes only microseconds, and its end is not signalled. */
	while (quiet && atomic_load(&core->running) > 0) {
		quiet = clock_mono_ns() < until_ns;
		(void)sched_yield();
	}
	return quiet;
}

/* -- positions -- */

void core_view_changed(struct core *core)
{
	core->inodes.trusted = fill_trusted(&core->view, core->now_ns);
	core->inodes.needed = fill_needed(&core->view, core->now_ns);
}

void core_saw(struct core *core, struct store_position at)
{
	fill_view_saw(&core->view, at.incarnation, at.seq, core->now_ns);
	core_view_changed(core);
	if (core->now_ns - core->settles_ns >= CORE_CONTENDED_S * NS_PER_S) {
		core->settled = core->settles;
		core->settles = at.seq;
		core->settles_ns = core->now_ns;
	}
}

/* -- changes by others -- */

void core_saw_foreign(struct core *core)
{
	core->newest = 0;
	core->foreign_ns = core->now_ns;
}

static bool is_lately(const struct core *core, int64_t foreign_ns)
{
	return foreign_ns != 0 && core->now_ns - foreign_ns < CORE_FOREIGN_S * NS_PER_S;
}

bool core_is_shared(const struct core *core)
{
	return core->others || !core->inodes.trusted || is_lately(core, core->foreign_ns);
}

bool core_is_shared_folder(const struct core *core, const struct inode *folder)
{
	return folder && is_lately(core, folder->foreign_ns);
}

bool core_is_contended(const struct core *core, const struct inode *inode)
{
	return inode->foreign_ns != 0 && core->now_ns - inode->foreign_ns < CORE_CONTENDED_S * NS_PER_S;
}

/* -- the kernel's pages -- */

void core_drop_pages(struct core *core, struct inode *inode)
{
	inode->pages_seq = 0;
	if (core->hooks->pages_gone)
		core->hooks->pages_gone(core->cookie, inode);
}
