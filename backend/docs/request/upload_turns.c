#include "backend/docs/request/upload_turns.h"

#include "common/base/clock.h"
#include "common/base/error.h"

#include <assert.h>
#include <utlist.h>

static unsigned count_of(struct upload_turn *list, int64_t user)
{
	struct upload_turn *turn;
	unsigned count = 0;

	DL_FOREACH(list, turn)
		count += turn->user == user;
	return count;
}

/* Whether the user may have one more: at least as many must then remain free for others. */
static bool may_have(struct upload_turn *list, unsigned taken, unsigned most, int64_t user)
{
	return taken < most && count_of(list, user) + 1 <= most - (taken + 1);
}

static bool may_run(const struct upload_turns *all, int64_t user)
{
	return may_have(all->running, all->running_count, UPLOADS_MAX, user);
}

static void run(struct upload_turns *all, struct upload_turn *turn, int64_t now_ns)
{
	turn->state = TURN_RUNNING;
	turn->since_ns = now_ns;
	DL_APPEND(all->running, turn);
	all->running_count++;
}

int upload_turns_ask(struct upload_turns *all, struct upload_turn *turn, int64_t now_ns)
{
	assert(turn->state == TURN_NONE);
	/* It must not overtake waiting uploads of its own user; it may overtake those of others, who have more
	 * than their share. */
	if (count_of(all->waiting, turn->user) == 0 && may_run(all, turn->user)) {
		run(all, turn, now_ns);
		return 1;
	}
	if (!may_have(all->waiting, all->waiting_count, UPLOADS_WAITING_MAX, turn->user))
		return -ERR_TOO_MANY;
	turn->state = TURN_WAITING;
	turn->since_ns = now_ns;
	DL_APPEND(all->waiting, turn);
	all->waiting_count++;
	return 0;
}

void upload_turns_leave(struct upload_turns *all, struct upload_turn *turn)
{
	if (turn->state == TURN_RUNNING) {
		DL_DELETE(all->running, turn);
		assert(all->running_count > 0);
		all->running_count--;
	} else if (turn->state == TURN_WAITING) {
		DL_DELETE(all->waiting, turn);
		assert(all->waiting_count > 0);
		all->waiting_count--;
	}
	turn->state = TURN_NONE;
}

struct upload_turn *upload_turns_next(struct upload_turns *all, int64_t now_ns)
{
	struct upload_turn *best = NULL, *turn;
	unsigned fewest = UPLOADS_MAX;

	DL_FOREACH(all->waiting, turn) {
		unsigned has = count_of(all->running, turn->user);

		if (has >= fewest || !may_run(all, turn->user))
			continue;
		best = turn;
		fewest = has;
	}
	if (best) {
		upload_turns_leave(all, best);
		run(all, best, now_ns);
	}
	return best;
}

bool upload_turns_is_slow(const struct upload_turn *turn, size_t bytes, int64_t now_ns)
{
	int64_t late_ms = (now_ns - turn->since_ns) / NS_PER_MS - UPLOAD_GRACE_MS;

	return late_ms > 0 && bytes < (uint64_t)late_ms * UPLOAD_RATE_MIN / 1000;
}
