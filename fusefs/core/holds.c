#include "fusefs/core/holds.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "fusefs/core/core.h"

#include <assert.h>
#include <utlist.h>

void holds_init(struct holds *holds, struct core *core)
{
	*holds = (struct holds){.core = core};
	cond_init(&holds->wake);
	core->holds = holds;
}

void holds_drop(struct holds *holds, struct hold *hold)
{
	if (hold->listed)
		DL_DELETE(holds->list, hold);
	hold->listed = false;
}

/* A hold whose time has come; NULL: none, and *ret_next is the time of the next one. */
static struct hold *due(const struct holds *holds, int64_t *ret_next)
{
	const int64_t now = clock_mono_ns();
	struct hold *hold;

	*ret_next = INT64_MAX;
	DL_FOREACH(holds->list, hold) {
		if (hold->due_ns <= now)
			return hold;
		if (hold->due_ns < *ret_next)
			*ret_next = hold->due_ns;
	}
	return NULL;
}

static void *holds_main(void *cookie)
{
	struct holds *holds = cookie;
	bool stop = false;

	while (!stop) {
		struct hold *hold;
		int64_t next;

		core_lock(holds->core);
		hold = due(holds, &next);
		if (hold) {
			holds_drop(holds, hold);
			hold->over(hold);
		} else if (!holds->stop) {
			core_wait(holds->core, &holds->wake, next);
		}
		stop = holds->stop && !holds->list;
		core_unlock(holds->core);
	}
	return NULL;
}

void holds_stop(struct holds *holds)
{
	bool running;

	core_lock(holds->core);
	holds->stop = true;
	running = holds->running;
	pthread_cond_signal(&holds->wake);
	core_unlock(holds->core);
	if (running)
		pthread_join(holds->thread, NULL);
	pthread_cond_destroy(&holds->wake);
}

bool holds_add(struct holds *holds, struct hold *hold)
{
	if (!holds->running && !holds->stop)
		holds->running = pthread_create(&holds->thread, NULL, holds_main, holds) == 0;
	if (!holds->running || holds->stop)
		return false;
	assert(!hold->listed);
	hold->listed = true;
	DL_APPEND(holds->list, hold);
	pthread_cond_signal(&holds->wake);
	return true;
}

void holds_release(struct holds *holds, const struct inode *inode)
{
	struct hold *hold;

	DL_FOREACH(holds->list, hold) {
		if (hold->inode != inode)
			continue;
		hold->due_ns = 0;
		pthread_cond_signal(&holds->wake);
	}
}
