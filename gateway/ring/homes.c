#include "gateway/ring/homes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

struct home {
	uint32_t drive;
	enum home_state state;
	uint64_t number;     /* of the claim, and of the last question to the journal: a late answer has another one */
	bool asking;	     /* the journal */
	bool doubtful;	     /* known is not all: somebody saw more, and did not say what */
	bool again;	     /* the same, since the journal was asked */
	int64_t owner;	     /* CLAIMING: the user who has asked for it */
	int64_t asked_known; /* known when the journal was asked */
	int64_t epoch, incarnation, followed, known;
	struct home_stretch ahead[HOMES_STRETCHES_MAX]; /* that were dropped, and do not follow on followed yet */
	size_t ahead_count;
	struct home *prev, *next; /* by use; the last one was used the longest ago */
	UT_hash_handle hh;
};

struct homes {
	struct home *table, *by_use;
	size_t max;
	uint64_t numbers;
};

int homes_new(size_t max, struct homes **ret)
{
	struct homes *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->max = max;
	*ret = h;
	return 0;
}

void homes_free(struct homes *h)
{
	if (!h)
		return;
	homes_give_up_all(h);
	free(h);
}

static struct home *find(struct homes *h, uint32_t drive)
{
	struct home *home;

	HASH_FIND(hh, h->table, &drive, sizeof(drive), home);
	return home;
}

static void let_go(struct homes *h, struct home *home)
{
	HASH_DEL(h->table, home);
	DL_DELETE(h->by_use, home);
	free(home);
}

static void use(struct homes *h, struct home *home)
{
	if (h->by_use == home)
		return;
	DL_DELETE(h->by_use, home);
	DL_PREPEND(h->by_use, home);
}

/* What is held is either all followed, or behind. */
static void settle(struct home *home)
{
	if (home->state == HOME_CLAIMING)
		return;
	assert(home->followed <= home->known);
	home->state = home->followed == home->known && !home->doubtful ? HOME_HELD : HOME_BEHIND;
}

struct home_view homes_view(struct homes *h, uint32_t drive)
{
	struct home *home = find(h, drive);

	if (!home)
		return (struct home_view){.state = HOME_NONE};
	use(h, home);
	return (struct home_view){.state = home->state,
		.owner = home->state == HOME_CLAIMING ? 0 : home->owner,
		.epoch = home->epoch,
		.incarnation = home->incarnation,
		.followed = home->followed,
		.known = home->known};
}

/* ---- claims ---- */

static struct home *make(struct homes *h, uint32_t drive, uint32_t *ret_forgotten)
{
	struct home *home = calloc(1, sizeof(*home));

	if (!home)
		return NULL;
	if (HASH_COUNT(h->table) >= h->max) {
		struct home *last = h->by_use->prev;

		*ret_forgotten = last->drive;
		let_go(h, last);
	}
	home->drive = drive;
	HASH_ADD(hh, h->table, drive, sizeof(home->drive), home);
	DL_PREPEND(h->by_use, home);
	return home;
}

uint64_t homes_claim(struct homes *h, uint32_t drive, int64_t epoch, int64_t user, uint32_t *ret_forgotten)
{
	*ret_forgotten = 0;
	if (find(h, drive))
		return 0;
	struct home *home = make(h, drive, ret_forgotten);
	if (!home)
		return 0;
	home->state = HOME_CLAIMING;
	home->owner = user;
	home->epoch = epoch;
	home->number = ++h->numbers;
	return home->number;
}

static struct home *find_claim(struct homes *h, uint32_t drive, uint64_t number)
{
	struct home *home = find(h, drive);

	return home && home->state == HOME_CLAIMING && home->number == number ? home : NULL;
}

/* What was seen since the row was asked may be more than the row had then. */
bool homes_claimed(struct homes *h, uint32_t drive, uint64_t number, const struct home_claim *claim)
{
	struct home *home = find_claim(h, drive, number);

	if (!home)
		return false;
	if (home->incarnation > claim->incarnation || home->owner != claim->owner) {
		let_go(h, home);
		return false;
	}
	if (home->incarnation < claim->incarnation || home->known < claim->seq)
		home->known = claim->seq;
	home->incarnation = claim->incarnation;
	home->followed = claim->seq;
	home->state = HOME_HELD;
	settle(home);
	return true;
}

void homes_refused(struct homes *h, uint32_t drive, uint64_t number)
{
	struct home *home = find_claim(h, drive, number);

	if (home)
		let_go(h, home);
}

/* ---- following ---- */

/* A drive in another life has positions that say nothing about those of before. What it is now, a new claim tells; and
 * a claim that is under way will tell whether it is in the later one. */
static bool is_of_life(struct home *home, int64_t incarnation)
{
	if (home->state == HOME_CLAIMING && home->incarnation < incarnation) {
		home->incarnation = incarnation;
		home->known = 0;
	}
	return home->incarnation == incarnation;
}

static enum home_duty give_up_life(struct homes *h, struct home *home)
{
	if (home->state == HOME_CLAIMING)
		return HOME_NOTHING; /* it was of an earlier life */
	let_go(h, home);
	return HOME_FORGET;
}

static void know(struct home *home, int64_t seq)
{
	if (seq > home->known)
		home->known = seq;
}

/* Goes on over stretches that were dropped before the gap in front of them was closed. */
static void go_on(struct home *home)
{
	for (size_t i = 0; i < home->ahead_count;) {
		const struct home_stretch *s = &home->ahead[i];

		if (s->first > home->followed + 1) {
			i++;
			continue;
		}
		if (s->last > home->followed)
			home->followed = s->last;
		home->ahead[i] = home->ahead[--home->ahead_count];
		i = 0; /* one that was passed over may follow now */
	}
}

static void follow(struct home *home, const struct home_stretch *s)
{
	know(home, s->last);
	if (s->first <= home->followed + 1) {
		if (s->last > home->followed)
			home->followed = s->last;
		go_on(home);
	} else if (s->last >= s->first && home->ahead_count < HOMES_STRETCHES_MAX) {
		home->ahead[home->ahead_count++] = *s;
	}
}

enum home_duty homes_touched(struct homes *h, uint32_t drive, const struct home_stretch *stretch)
{
	struct home *home = find(h, drive);

	if (!home)
		return HOME_NOTHING;
	if (!is_of_life(home, stretch->incarnation))
		return give_up_life(h, home);
	if (home->state == HOME_CLAIMING) {
		know(home, stretch->last); /* of a change from before it was given up */
		return HOME_DROP;
	}
	follow(home, stretch);
	settle(home);
	return HOME_DROP;
}

enum home_duty homes_saw(struct homes *h, uint32_t drive, int64_t incarnation, int64_t seq)
{
	struct home *home = find(h, drive);

	if (!home)
		return HOME_NOTHING;
	if (!is_of_life(home, incarnation))
		return give_up_life(h, home);
	know(home, seq);
	settle(home);
	return HOME_NOTHING;
}

void homes_doubt(struct homes *h, uint32_t drive)
{
	struct home *home = find(h, drive);

	if (!home)
		return;
	home->again = home->asking; /* what is being told may be from before this */
	home->doubtful = true;
	settle(home);
}

uint64_t homes_ask(struct homes *h, uint32_t drive, int64_t *ret_since)
{
	struct home *home = find(h, drive);

	if (!home || home->state != HOME_BEHIND || home->asking)
		return 0;
	home->asking = true;
	home->again = false;
	home->asked_known = home->known;
	home->number = ++h->numbers;
	*ret_since = home->followed;
	return home->number;
}

enum home_duty homes_told(struct homes *h, uint32_t drive, uint64_t number, const struct home_stretch *stretch)
{
	struct home *home = find(h, drive);

	if (!home || !home->asking || home->number != number)
		return HOME_NOTHING;
	home->asking = false;
	if (!stretch)
		return HOME_NOTHING;
	if (home->incarnation != stretch->incarnation || stretch->last < home->asked_known)
		return give_up_life(h, home);
	home->doubtful = home->again;
	follow(home, stretch);
	settle(home);
	return HOME_DROP;
}

/* ---- giving up ---- */

void homes_give_up(struct homes *h, uint32_t drive)
{
	struct home *home = find(h, drive);

	if (home)
		let_go(h, home);
}

void homes_give_up_all(struct homes *h)
{
	struct home *home, *next;

	DL_FOREACH_SAFE(h->by_use, home, next)
		let_go(h, home);
}

void homes_give_up_if(struct homes *h, bool (*moves)(void *cookie, uint32_t drive),
	void (*gone)(void *cookie, uint32_t drive), void *cookie)
{
	struct home *home, *next;

	DL_FOREACH_SAFE(h->by_use, home, next) {
		const uint32_t drive = home->drive;

		if (!moves(cookie, drive))
			continue;
		let_go(h, home);
		gone(cookie, drive);
	}
}

void homes_count(const struct homes *h, struct homes_counters *ret)
{
	const struct home *home;

	*ret = (struct homes_counters){0};
	DL_FOREACH(h->by_use, home) {
		ret->held += home->state == HOME_HELD;
		ret->behind += home->state == HOME_BEHIND;
		ret->claiming += home->state == HOME_CLAIMING;
	}
}

const char *home_state_name(enum home_state state)
{
	static const char *const NAMES[HOME_STATES] = {"none", "claiming", "held", "behind"};

	return NAMES[state];
}
