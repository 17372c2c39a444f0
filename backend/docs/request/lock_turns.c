#include "backend/docs/request/lock_turns.h"

#include "common/base/clock.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <utlist.h>

enum state {
	WAITS,	/* waits; nobody behind it stands back */
	CALLED, /* will look soon */
	TURN,	/* was answered that it is its turn; will ask for the lock */
	AWAY,	/* will ask again; only its place is kept */
};

struct entry {
	struct entry *prev, *next; /* in order of arrival */
	struct lock_wait who;
	enum state state;
	int64_t until_ns; /* end of the states CALLED, TURN and AWAY */
};

struct lock_turns {
	pthread_mutex_t lock; /* guards all below */
	struct entry *entries;
};

int lock_turns_new(struct lock_turns **ret)
{
	struct lock_turns *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	*ret = t;
	return 0;
}

static void drop(struct lock_turns *t, struct entry *e)
{
	DL_DELETE(t->entries, e);
	free(e);
}

void lock_turns_free(struct lock_turns *t)
{
	if (!t)
		return;
	while (t->entries)
		drop(t, t->entries);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static bool same_document(const struct lock_wait *a, const struct lock_wait *b)
{
	return a->id == b->id && a->kind == b->kind;
}

static bool is_same(const struct lock_wait *a, const struct lock_wait *b)
{
	return same_document(a, b) && a->session == b->session && a->range.from == b->range.from &&
		a->range.to == b->range.to && a->range.exclusive == b->range.exclusive;
}

static bool are_beside(const struct docs_lock_range *a, const struct docs_lock_range *b)
{
	return a->from > b->to || b->from > a->to || (!a->exclusive && !b->exclusive);
}

static struct entry *find(struct lock_turns *t, const struct lock_wait *who)
{
	struct entry *e;

	DL_FOREACH(t->entries, e) {
		if (is_same(&e->who, who))
			return e;
	}
	return NULL;
}

/* Drops entries whose time is over, and counts the remaining entries of the drive. */
static unsigned clear(struct lock_turns *t, uint32_t drive, int64_t now_ns)
{
	struct entry *e, *next;
	unsigned count = 0;

	DL_FOREACH_SAFE(t->entries, e, next) {
		if ((e->state == TURN || e->state == AWAY) && e->until_ns <= now_ns)
			drop(t, e);
		else
			count += e->who.drive == drive;
	}
	assert(count <= LOCK_WAITERS_PER_DRIVE_MAX);
	return count;
}

int lock_turns_join(struct lock_turns *t, const struct lock_wait *who, int64_t now_ns)
{
	struct entry *e;
	unsigned count;
	int r = 0;

	pthread_mutex_lock(&t->lock);
	count = clear(t, who->drive, now_ns);
	e = find(t, who);
	if (!e && count >= LOCK_WAITERS_PER_DRIVE_MAX) {
		r = -ERR_TOO_MANY;
	} else if (!e) {
		e = calloc(1, sizeof(*e));
		r = e ? 0 : -ENOMEM;
		if (e) {
			e->who = *who;
			DL_APPEND(t->entries, e);
		}
	}
	if (e)
		e->state = WAITS;
	pthread_mutex_unlock(&t->lock);
	return r;
}

static void set(struct lock_turns *t, const struct lock_wait *who, enum state state, int64_t until_ns)
{
	struct entry *e;

	pthread_mutex_lock(&t->lock);
	e = find(t, who);
	if (e) {
		e->state = state;
		e->until_ns = until_ns;
	}
	pthread_mutex_unlock(&t->lock);
}

void lock_turns_called(struct lock_turns *t, const struct lock_wait *who, int64_t now_ns)
{
	set(t, who, CALLED, now_ns + LOCK_TURN_MS * NS_PER_MS);
}

void lock_turns_stays(struct lock_turns *t, const struct lock_wait *who)
{
	set(t, who, WAITS, 0);
}

void lock_turns_leaves(struct lock_turns *t, const struct lock_wait *who, bool turn, int64_t now_ns)
{
	set(t, who, turn ? TURN : AWAY, now_ns + LOCK_TURN_MS * NS_PER_MS);
}

bool lock_turns_stands_back(struct lock_turns *t, const struct lock_wait *who, int64_t now_ns)
{
	bool back = false;
	struct entry *e;

	pthread_mutex_lock(&t->lock);
	DL_FOREACH(t->entries, e) {
		if (is_same(&e->who, who))
			break;
		if ((e->state == CALLED || e->state == TURN) && e->until_ns > now_ns && same_document(&e->who, who) &&
			e->who.session != who->session && !are_beside(&e->who.range, &who->range)) {
			back = true;
			break;
		}
	}
	pthread_mutex_unlock(&t->lock);
	return back;
}

void lock_turns_over(struct lock_turns *t, const struct lock_wait *who)
{
	struct entry *e;

	pthread_mutex_lock(&t->lock);
	e = find(t, who);
	if (e)
		drop(t, e);
	pthread_mutex_unlock(&t->lock);
}
