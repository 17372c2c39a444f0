#include "backend/user/api/fair_queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

struct turns_party {
	char who[TURNS_WHO_SIZE];
	size_t held; /* waiting and taken */
	size_t waits;
	struct turn *waiting;		 /* the oldest first */
	struct turns_party *prev, *next; /* of those that have one waiting */
	UT_hash_handle hh;
};

struct turns {
	pthread_mutex_t lock; /* guards all */
	size_t max, share;
	size_t held;
	struct turns_party *parties; /* those that hold something: never more than max */
	struct turns_party *round;
};

int turns_new(size_t max, size_t share, struct turns **ret)
{
	struct turns *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	t->max = max;
	t->share = share;
	*ret = t;
	return 0;
}

void turns_free(struct turns *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static struct turns_party *party_of(struct turns *t, const char *who)
{
	struct turns_party *p;

	HASH_FIND_STR(t->parties, who, p);
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	(void)snprintf(p->who, sizeof(p->who), "%s", who);
	HASH_ADD_STR(t->parties, who, p);
	return p;
}

static void drop_if_empty(struct turns *t, struct turns_party *p)
{
	if (p->held > 0)
		return;
	HASH_DEL(t->parties, p);
	free(p);
}

static void wait_in(struct turns *t, struct turns_party *p, struct turn *turn)
{
	if (!p->waiting)
		DL_APPEND(t->round, p);
	*turn = (struct turn){.party = p};
	DL_APPEND(p->waiting, turn);
	p->waits++;
	p->held++;
	t->held++;
}

static void wait_no_more(struct turns *t, struct turns_party *p, struct turn *turn)
{
	DL_DELETE(p->waiting, turn);
	p->waits--;
	if (!p->waiting)
		DL_DELETE(t->round, p);
}

static void let_go(struct turns *t, struct turns_party *p)
{
	p->held--;
	t->held--;
	drop_if_empty(t, p);
}

/* The last that waits of whoever has most, if that is more than who comes would have. */
static struct turn *displace(struct turns *t, const struct turns_party *by)
{
	struct turns_party *p, *most = NULL;

	DL_FOREACH(t->round, p) {
		if (!most || p->waits > most->waits)
			most = p;
	}
	if (!most || most->waits <= by->held + 1)
		return NULL;
	struct turn *last = most->waiting->prev; /* of a list, the first one's previous is the last */
	wait_no_more(t, most, last);
	let_go(t, most);
	return last;
}

int turns_enter(struct turns *t, const char *who, struct turn *turn, struct turn **ret_displaced)
{
	struct turn *displaced = NULL;
	int r = 0;

	pthread_mutex_lock(&t->lock);
	struct turns_party *p = party_of(t, who);
	if (!p)
		r = -ENOMEM;
	else if (p->held >= t->share)
		r = -EAGAIN;
	else if (t->held >= t->max && !(displaced = displace(t, p)))
		r = -EAGAIN;
	if (r == 0) {
		wait_in(t, p, turn);
		*ret_displaced = displaced;
	} else if (p) {
		drop_if_empty(t, p);
	}
	pthread_mutex_unlock(&t->lock);
	return r;
}

struct turn *turns_take(struct turns *t)
{
	struct turn *turn = NULL;

	pthread_mutex_lock(&t->lock);
	struct turns_party *p = t->round;
	if (p) {
		turn = p->waiting;
		wait_no_more(t, p, turn);
		if (p->waiting) { /* again when all others had theirs */
			DL_DELETE(t->round, p);
			DL_APPEND(t->round, p);
		}
	}
	pthread_mutex_unlock(&t->lock);
	return turn;
}

void turns_leave(struct turns *t, struct turn *turn)
{
	pthread_mutex_lock(&t->lock);
	let_go(t, turn->party);
	pthread_mutex_unlock(&t->lock);
}
