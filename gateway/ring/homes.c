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
	uint64_t number; /* of the claim, or of the last question to the journal; a late answer carries an older one */
	bool asking;	 /* a question to the journal is in flight */
	bool doubtful;	 /* an answer may have seen more than `known`, and did not say what */
	bool again;	 /* doubt arose again after the journal was asked */
	int64_t owner;	 /* the user whose drive it is; CLAIMING: who asked for it, 0: whose-ever it is */
	int64_t asked_known; /* `known` when the journal was asked */
	int64_t epoch, incarnation, followed, known;
	bool has_replica;	   /* CLAIMING: it was a replica before, and is one again if the claim fails */
	struct home_stand replica; /* the replica's position, and replica_known, before the claim */
	int64_t replica_known;
	struct home_stretch ahead[HOMES_STRETCHES_MAX]; /* dropped already; there is a gap before them */
	size_t ahead_count;
	struct home *prev, *next; /* in the order of use; the last one was used the longest ago */
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

void homes_free(struct homes *h)
{
	struct home *home, *next;

	if (!h)
		return;
	DL_FOREACH_SAFE(h->by_use, home, next)
		let_go(h, home);
	free(h);
}

static void use(struct homes *h, struct home *home)
{
	if (h->by_use == home)
		return;
	DL_DELETE(h->by_use, home);
	DL_PREPEND(h->by_use, home);
}

/* A drive with a claim is HELD if everything known has been followed, else BEHIND. */
static void settle(struct home *home)
{
	if (home->state == HOME_CLAIMING)
		return;
	assert(!home->has_replica && home->followed <= home->known);
	if (home->state != HOME_REPLICA)
		home->state = home->followed == home->known && !home->doubtful ? HOME_HELD : HOME_BEHIND;
}

static bool is_held(const struct home *home)
{
	return home->state == HOME_HELD || home->state == HOME_BEHIND;
}

struct home_view homes_view(struct homes *h, uint32_t drive)
{
	struct home *home = find(h, drive);

	if (!home)
		return (struct home_view){.state = HOME_NONE};
	use(h, home);
	return (struct home_view){.state = home->state,
		.owner = is_held(home) ? home->owner : 0,
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

/* Saves the replica's position. While the claim is in flight, the home's own fields note only what comes
 * meanwhile. */
static void set_aside(struct home *home)
{
	home->has_replica = true;
	home->replica =
		(struct home_stand){.epoch = home->epoch, .incarnation = home->incarnation, .followed = home->followed};
	home->replica_known = home->known;
	home->incarnation = home->followed = home->known = 0;
	home->asking = home->again = false;
	home->ahead_count = 0;
}

/* Whether the replica can be used: it is of the same incarnation, its positions are not beyond the row's, and its
 * epoch is not later than the claim's. Otherwise a database was set back since: a position that an answer has
 * seen might be used a second time, for another change. */
static bool replica_counts(const struct home *home, const struct home_claim *claim)
{
	return home->has_replica && home->replica.incarnation == claim->incarnation &&
		home->replica.followed <= claim->seq && home->replica_known <= claim->seq &&
		home->replica.epoch <= home->epoch;
}

uint64_t homes_claim(struct homes *h, uint32_t drive, int64_t epoch, int64_t user, uint32_t *ret_forgotten)
{
	*ret_forgotten = 0;
	struct home *home = find(h, drive);

	if (home && home->state != HOME_REPLICA)
		return 0;
	if (home)
		set_aside(home);
	else
		home = make(h, drive, ret_forgotten);
	if (!home)
		return 0;
	home->state = HOME_CLAIMING;
	home->owner = user;
	home->epoch = epoch;
	home->number = ++h->numbers;
	return home->number;
}

static void take_up(struct home *home)
{
	const bool of_it = home->incarnation == home->replica.incarnation;

	if (!of_it || home->known < home->replica_known)
		home->known = home->replica_known;
	home->epoch = home->replica.epoch;
	home->incarnation = home->replica.incarnation;
	home->followed = home->replica.followed;
}

/* This gateway gives up the claim, or does not get it: what is kept is true at the position up to which it was
 * followed. */
static void become_replica(struct homes *h, struct home *home)
{
	if (home->state == HOME_CLAIMING && !home->has_replica) {
		let_go(h, home);
		return;
	}
	if (home->state == HOME_CLAIMING)
		take_up(home);
	home->state = HOME_REPLICA;
	home->has_replica = home->asking = home->doubtful = home->again = false;
	home->ahead_count = 0;
	home->owner = 0;
	settle(home);
}

static struct home *find_claim(struct homes *h, uint32_t drive, uint64_t number)
{
	struct home *home = find(h, drive);

	return home && home->state == HOME_CLAIMING && home->number == number ? home : NULL;
}

/* An answer that came while the claim was in flight may have seen a later position than the row's answer names. */
bool homes_claimed(
	struct homes *h, uint32_t drive, uint64_t number, const struct home_claim *claim, enum home_duty *ret_duty)
{
	struct home *home = find_claim(h, drive, number);

	*ret_duty = HOME_NOTHING;
	if (!home)
		return false;
	if (home->incarnation > claim->incarnation || (home->owner != 0 && home->owner != claim->owner)) {
		become_replica(h, home);
		return false;
	}
	home->owner = claim->owner;
	const bool warm = replica_counts(home, claim);
	if (home->has_replica && !warm)
		*ret_duty = HOME_FORGET;
	home->has_replica = false;
	home->doubtful = home->doubtful || warm;
	if (home->incarnation < claim->incarnation || home->known < claim->seq)
		home->known = claim->seq;
	home->incarnation = claim->incarnation;
	home->followed = warm ? home->replica.followed : claim->seq;
	home->state = HOME_HELD;
	settle(home);
	return true;
}

void homes_refused(struct homes *h, uint32_t drive, uint64_t number)
{
	struct home *home = find_claim(h, drive, number);

	if (home)
		become_replica(h, home);
}

/* ---- following ---- */

/* Positions of one incarnation say nothing about those of another. A new claim finds out the present incarnation;
 * the answer to a claim that is in flight shows whether the drive is already in the later one. */
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
		return HOME_NOTHING; /* the answer was of an earlier incarnation */
	let_go(h, home);
	return HOME_FORGET;
}

static void know(struct home *home, int64_t seq)
{
	if (seq > home->known)
		home->known = seq;
}

/* Moves `followed` over remembered stretches whose gap has been closed. */
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
		i = 0; /* a stretch that was skipped may follow now */
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
		know(home, stretch->last); /* the answer to a change that was sent before the claim was given up */
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

	if (!home || home->state == HOME_REPLICA)
		return;
	home->again = home->asking; /* the answer in flight may have been made before this */
	home->doubtful = true;
	settle(home);
}

static bool is_lagging(const struct home *home)
{
	return home->state == HOME_REPLICA && home->followed < home->known;
}

uint64_t homes_ask(struct homes *h, uint32_t drive, int64_t *ret_since)
{
	struct home *home = find(h, drive);

	if (!home || home->asking || (home->state != HOME_BEHIND && !is_lagging(home)))
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

void homes_forget(struct homes *h, uint32_t drive)
{
	struct home *home = find(h, drive);

	if (home)
		let_go(h, home);
}

void homes_give_up(struct homes *h, uint32_t drive)
{
	struct home *home = find(h, drive);

	if (home && home->state != HOME_REPLICA)
		become_replica(h, home);
}

void homes_give_up_if(struct homes *h, bool (*moves)(void *cookie, uint32_t drive), void *cookie)
{
	struct home *home, *next;

	DL_FOREACH_SAFE(h->by_use, home, next)
		if (home->state != HOME_REPLICA && moves(cookie, home->drive))
			become_replica(h, home);
}

static bool any(void *cookie, uint32_t drive)
{
	(void)cookie;
	(void)drive;
	return true;
}

void homes_give_up_all(struct homes *h)
{
	homes_give_up_if(h, any, NULL);
}

/* ---- copies ---- */

bool homes_stand(struct homes *h, uint32_t drive, struct home_stand *ret)
{
	const struct home *home = find(h, drive);

	if (!home || !is_held(home))
		return false;
	*ret = (struct home_stand){.epoch = home->epoch, .incarnation = home->incarnation, .followed = home->followed};
	return true;
}

static void begin_replica(struct home *home, const struct home_stand *stand)
{
	home->state = HOME_REPLICA;
	home->asking = false;
	home->ahead_count = 0;
	home->epoch = stand->epoch;
	home->incarnation = stand->incarnation;
	home->followed = home->known = stand->followed;
}

bool homes_offered(struct homes *h, uint32_t drive, const struct home_stand *stand, enum home_duty *ret_duty)
{
	struct home *home = find(h, drive);
	uint32_t forgotten = 0;

	*ret_duty = HOME_NOTHING;
	if (!home && HASH_COUNT(h->table) < h->max) {
		home = make(h, drive, &forgotten);
		assert(forgotten == 0);
		if (home)
			begin_replica(home, stand);
		return home != NULL;
	}
	if (!home || home->state != HOME_REPLICA || home->incarnation > stand->incarnation)
		return false;
	if (home->incarnation < stand->incarnation) {
		begin_replica(home, stand);
		*ret_duty = HOME_FORGET;
		return true;
	}
	if (home->known > stand->followed)
		return false; /* an entry true there may have been dropped here, in a drop that is forgotten */
	know(home, stand->followed);
	if (home->epoch < stand->epoch)
		home->epoch = stand->epoch;
	return true;
}

bool homes_is_of(struct homes *h, uint32_t drive, int64_t incarnation)
{
	const struct home *home = find(h, drive);

	if (!home)
		return false;
	return home->incarnation == incarnation || (home->has_replica && home->replica.incarnation == incarnation);
}

void homes_count(const struct homes *h, struct homes_counters *ret)
{
	const struct home *home;

	*ret = (struct homes_counters){0};
	DL_FOREACH(h->by_use, home) {
		ret->held += home->state == HOME_HELD;
		ret->behind += home->state == HOME_BEHIND;
		ret->claiming += home->state == HOME_CLAIMING;
		ret->replicas += home->state == HOME_REPLICA;
		ret->lagging += is_lagging(home);
	}
}

const char *home_state_name(enum home_state state)
{
	static const char *const NAMES[HOME_STATES] = {"none", "replica", "claiming", "held", "behind"};

	return NAMES[state];
}
