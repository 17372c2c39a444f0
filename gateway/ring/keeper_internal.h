/*
 * keeper_internal: struct keeper, for the files of the keeper.
 *
 *   keeper.c          where a drive is, what answers say about it, waiters
 *   keeper_ask.c      claims, and questions to the journal
 *   keeper_replica.c  what other gateways copy here, and what is copied from here
 */
#ifndef NEPHOS_GATEWAY_RING_KEEPER_INTERNAL_H
#define NEPHOS_GATEWAY_RING_KEEPER_INTERNAL_H

#include "gateway/ring/homes.h"
#include "gateway/ring/keeper.h"

#include <pthread.h>

struct keeper {
	struct keeper_options with;
	struct ring *ring;
	pthread_t thread;
	bool started;
	struct http_headers json; /* of claims */
	struct metric *claims, *claim_failures, *questions, *forgotten;

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;
	struct homes *homes;
	struct keeper_waiter *waiting;
	unsigned calls; /* in flight */
	bool look;	/* all waiters are to be called */
	/* The highest timeline that a service has named. unnamed: a position came without a timeline, so it may
	 * be of any; from then on keeper_place gives no timeline. */
	int64_t timeline;
	bool unnamed;
	uint64_t duties; /* how many duties the ring has given */
	bool stopping;
};

/* ---- keeper.c; the caller holds k->lock ---- */

void keeper_do_duty(struct keeper *k, uint32_t drive, enum home_duty duty, const struct touched *touched);
void keeper_forget_home(struct keeper *k, uint32_t drive);
struct home_stretch keeper_stretch(const struct touched *t);
void keeper_wake_all(struct keeper *k);
/* A service has named a position, and this timeline with it; NULL: none. */
void keeper_note_timeline(struct keeper *k, const char *text);

/* ---- keeper_ask.c ---- */

/* The caller holds k->lock; the function releases it, because the question itself is sent without the lock. */
void keeper_ask_and_unlock(struct keeper *k, uint32_t drive);
void keeper_ask_claim(struct keeper *k, uint32_t drive, uint64_t number, int64_t epoch); /* without the lock */

#endif
