/*
 * keeper: makes this gateway the home of drives. It claims a drive when a request for it comes and the ring says that
 * it belongs here, follows what is changed in it, has the cache drop what that made untrue, and asks the journal when
 * something was missed. What is served, and where requests go, the proxy decides by what it says here.
 *
 * A request for a drive, as it goes by keeper_place:
 *
 *   KEEPER_NO_RING    there is no ring, or the drive is another user's: to the services, as it is
 *   KEEPER_HERE       this gateway is the home. held: changes go to the services with `epoch`; else they wait for the
 *                     claim. serves: what is kept of the drive may be given again, as it is at incarnation.seq
 *   KEEPER_THERE      another gateway is
 *   KEEPER_NOWHERE    nobody is, for the moment: the ring changes. Changes wait
 *
 * Reads may go to the services: there is the truth. Not before this gateway has heard of the ring (epoch 0), as who is
 * the home then has not heard yet of the newest changes that they show.
 *
 * The answer to each request of a drive that was sent from here is told first (keeper_answered), and passed on then:
 * so what is kept is never older than what anybody was told.
 *
 * Who waits is called when it is worth to look again: after a claim, when the ring was heard, and each KEEPER_TICK_MS.
 *
 * Threads: any. Order of locks: the ring's, the keeper's, those of the cache.
 */
#ifndef NEPHOS_GATEWAY_RING_KEEPER_H
#define NEPHOS_GATEWAY_RING_KEEPER_H

#include "common/proto/touched.h"
#include "gateway/cache/cache.h"
#include "gateway/ring/homes.h"
#include "gateway/ring/ring.h"

#define KEEPER_TICK_MS 50     /* as often as the ring is called while it prepares */
#define KEEPER_CALL_MS 3000   /* of one question to a docs service: a claim waits for the drive's row */
#define KEEPER_CALLS_MAX 128u /* questions under way at once; who needs more of them waits for the next tick */

struct keeper;

struct keeper_options {
	struct http_client *client; /* to services; freed between keeper_stop and keeper_free */
	struct registry *registry;
	struct cache *cache;
	struct metrics *metrics;
	/* What was touched in a drive that is followed here, each time that it is dropped from the cache. With a lock
	 * held: must not call back. May be NULL. */
	void (*touched)(void *cookie, uint32_t drive, const struct touched *touched);
	void *touched_cookie;
};

enum keeper_way { KEEPER_NO_RING, KEEPER_HERE, KEEPER_THERE, KEEPER_NOWHERE };

struct keeper_place {
	enum keeper_way way;
	int64_t user;		  /* as it was asked */
	bool held, serves, lease; /* HERE; lease: what this gateway keeps counts, where it is held */
	int64_t epoch;		  /* HERE: of the claim; THERE: that the way was found by */
	int64_t incarnation, seq; /* serves */
	int64_t known;		  /* HERE: nobody was told of more before now */
	/* HERE: nor of a later timeline of the database; 0: there are no standbys, or it is not known */
	int64_t timeline;
	struct membership_gateway home; /* HERE, THERE: the one */
};

/* Somebody who waits; embedded. */
struct keeper_waiter {
	/* Once for each keeper_wait, on the keeper's thread, without a lock. */
	void (*look)(struct keeper_waiter *waiter);
	uint32_t drive;
	int64_t user;
	bool absent; /* a claim found that there is no such drive, or that it is another user's */
	/* The keeper's own. */
	struct keeper_waiter *prev, *next;
};

/* What a docs service has said, of a request that was sent from here. */
struct keeper_answer {
	const char *touched; /* values of Nephos-Touched and Nephos-Seq; NULL: there was none */
	const char *seq;
	const char *timeline; /* of Nephos-Timeline */
	bool told;	      /* it may show more of the drive than that, or something without a position */
};

int keeper_new(const struct keeper_options *options, struct keeper **ret);
/* Before anybody else knows of it. ring: outlives it, has keeper_on_duty and keeper_on_heard as its callbacks, and is
 * not started yet. */
int keeper_start(struct keeper *k, struct ring *ring);
void keeper_stop(struct keeper *k); /* who waits is called; nobody waits any more. NULL is fine, for both */
void keeper_free(struct keeper *k);

/* For a request of this user. What is needed for the next one is begun: a claim, a question to the journal. */
void keeper_place(struct keeper *k, uint32_t drive, int64_t user, struct keeper_place *ret);
/* The same, and nothing is begun. */
void keeper_look(struct keeper *k, uint32_t drive, int64_t user, struct keeper_place *ret);
bool keeper_has_gateway(struct keeper *k, const char *boot);
bool keeper_wait(struct keeper *k, struct keeper_waiter *waiter); /* false: it was stopped, look is not called */

/* Before the answer is passed on. */
void keeper_answered(struct keeper *k, uint32_t drive, const struct keeper_answer *answer);
/* A change was sent and has no answer: what it did, nobody has told. Also for what changes without the journal. */
void keeper_forget(struct keeper *k, uint32_t drive);
/* A change was refused for its epoch: another gateway has claimed the drive. */
void keeper_refused(struct keeper *k, uint32_t drive, int64_t epoch);

/* ---- replicas: homes.h says what they are ---- */

/* Where this home of the drive stands: what is in the cache after this is true there. `at` is called before anything
 * more of the drive is touched, with a lock held. false: it is not the home. */
bool keeper_stand_at(struct keeper *k, uint32_t drive, struct home_stand *ret, void (*at)(void *cookie, uint32_t drive),
	void *cookie);
/* The home of the drive offers copies, and says what it has touched of late (NULL: nothing). true: they are taken, with
 * the fence of the cache as it is after this. */
bool keeper_offered(struct keeper *k, uint32_t drive, const struct home_stand *stand, const struct touched *touched);
/* What is kept of the drive is of that incarnation. */
bool keeper_has_life(struct keeper *k, uint32_t drive, int64_t incarnation);

/* For ring_options. */
void keeper_on_duty(void *cookie, enum member_duty duty, const struct member *member);
void keeper_on_heard(void *cookie);

/* {held, behind, claiming, replicas, lagging}. NULL: no memory. */
json_t *keeper_status(struct keeper *k);

#endif
