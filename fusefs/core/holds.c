#include "fusefs/core/holds.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "fusefs/ops/fs_internal.h"

#include <utlist.h>

void holds_init(struct holds *holds, struct fs *fs)
{
	*holds = (struct holds){.fs = fs};
	cond_init(&holds->wake);
}

void holds_drop(struct holds *holds, struct hold *hold)
{
	if (hold->listed)
		DL_DELETE(holds->list, hold);
	hold->listed = false;
}

/* One whose time has come; else NULL, and when the next one's will. */
static struct hold *due(const struct holds *holds, int64_t *ret_next)
{
	const int64_t now = clock_mono_ns();
	struct hold *hold;

	*ret_next = COND_FOREVER;
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

		fs_lock(holds->fs);
		hold = due(holds, &next);
		if (hold) {
			holds_drop(holds, hold);
			hold->over(hold);
		} else if (!holds->stop) {
			cond_wait_until(&holds->wake, &holds->fs->lock, next);
		}
		stop = holds->stop && !holds->list;
		fs_unlock(holds->fs);
	}
	return NULL;
}

void holds_stop(struct holds *holds)
{
	bool running;

	fs_lock(holds->fs);
	holds->stop = true;
	running = holds->running;
	pthread_cond_signal(&holds->wake);
	fs_unlock(holds->fs);
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
