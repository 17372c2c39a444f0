#include "backend/user/api/fair_queue.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

/*
 * Hashing a password costs tens of milliseconds and 19 MiB, so only a few hashings may run at once, and many
 * requests may wait. In a plain queue, one client that sends a thousand log-ins would keep everybody else out;
 * this queue serves the parties in turn.
 *
 * A party is a user, or the network of an unknown user; each has a queue of its own. Parties that have a waiting
 * request are in a ring, `round`: a worker takes the oldest request of the first party, and that party goes to
 * the end. A party may hold `share` places, all parties together `max`. When all places are taken, a request of a
 * party that has less than another takes the last place of the party that has most; the client of the displaced
 * request must try again. So however many requests come from one party, the next party finds a place.
 *
 * `held` counts the places of a party, waiting or being worked on. A party is in the table as long as it holds a
 * place.
 */

struct fair_queue_party {
	char who[FAIR_QUEUE_WHO_SIZE];
	size_t held; /* waiting and taken */
	size_t waits;
	struct fair_queue_turn *waiting;      /* the oldest first */
	struct fair_queue_party *prev, *next; /* ring of parties with a waiting turn */
	UT_hash_handle hh;
};

struct fair_queue {
	pthread_mutex_t lock; /* guards all */
	size_t max, share;
	size_t held;
	struct fair_queue_party *parties; /* parties that hold a place: never more than max */
	struct fair_queue_party *round;
};

int fair_queue_new(size_t max, size_t share, struct fair_queue **ret)
{
	struct fair_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	pthread_mutex_init(&q->lock, NULL);
	q->max = max;
	q->share = share;
	*ret = q;
	return 0;
}

void fair_queue_free(struct fair_queue *q)
{
	if (!q)
		return;
	pthread_mutex_destroy(&q->lock);
	free(q);
}

static struct fair_queue_party *party_of(struct fair_queue *q, const char *who)
{
	struct fair_queue_party *p;

	HASH_FIND_STR(q->parties, who, p);
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	(void)snprintf(p->who, sizeof(p->who), "%s", who);
	HASH_ADD_STR(q->parties, who, p);
	return p;
}

static void drop_if_empty(struct fair_queue *q, struct fair_queue_party *p)
{
	if (p->held > 0)
		return;
	HASH_DEL(q->parties, p);
	free(p);
}

static void wait_in(struct fair_queue *q, struct fair_queue_party *p, struct fair_queue_turn *turn)
{
	if (!p->waiting)
		DL_APPEND(q->round, p);
	*turn = (struct fair_queue_turn){.party = p};
	DL_APPEND(p->waiting, turn);
	p->waits++;
	p->held++;
	q->held++;
}

static void wait_no_more(struct fair_queue *q, struct fair_queue_party *p, struct fair_queue_turn *turn)
{
	DL_DELETE(p->waiting, turn);
	assert(p->waits > 0);
	p->waits--;
	if (!p->waiting)
		DL_DELETE(q->round, p);
}

static void let_go(struct fair_queue *q, struct fair_queue_party *p)
{
	assert(p->held > 0 && q->held >= p->held);
	p->held--;
	q->held--;
	drop_if_empty(q, p);
}

/* The last waiting turn of the party that has most, if that is more than the new party would have. */
static struct fair_queue_turn *displace(struct fair_queue *q, const struct fair_queue_party *by)
{
	struct fair_queue_party *p, *most = NULL;

	DL_FOREACH(q->round, p) {
		if (!most || p->waits > most->waits)
			most = p;
	}
	if (!most || most->waits <= by->held + 1)
		return NULL;
	struct fair_queue_turn *last = most->waiting->prev; /* in such a list, prev of the first is the last */
	wait_no_more(q, most, last);
	let_go(q, most);
	return last;
}

int fair_queue_enter(
	struct fair_queue *q, const char *who, struct fair_queue_turn *turn, struct fair_queue_turn **ret_displaced)
{
	struct fair_queue_turn *displaced = NULL;
	int r = 0;

	pthread_mutex_lock(&q->lock);
	struct fair_queue_party *p = party_of(q, who);
	if (!p)
		r = -ENOMEM;
	else if (p->held >= q->share)
		r = -EAGAIN;
	else if (q->held >= q->max && !(displaced = displace(q, p)))
		r = -EAGAIN;
	if (r == 0) {
		wait_in(q, p, turn);
		*ret_displaced = displaced;
	} else if (p) {
		drop_if_empty(q, p);
	}
	pthread_mutex_unlock(&q->lock);
	return r;
}

struct fair_queue_turn *fair_queue_take(struct fair_queue *q)
{
	struct fair_queue_turn *turn = NULL;

	pthread_mutex_lock(&q->lock);
	struct fair_queue_party *p = q->round;
	if (p) {
		turn = p->waiting;
		wait_no_more(q, p, turn);
		if (p->waiting) { /* its next turn comes after those of all others */
			DL_DELETE(q->round, p);
			DL_APPEND(q->round, p);
		}
	}
	pthread_mutex_unlock(&q->lock);
	return turn;
}

void fair_queue_leave(struct fair_queue *q, struct fair_queue_turn *turn)
{
	pthread_mutex_lock(&q->lock);
	let_go(q, turn->party);
	pthread_mutex_unlock(&q->lock);
}
