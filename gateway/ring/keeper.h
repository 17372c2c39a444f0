/*
 * keeper: makes this gateway the home of drives. It claims a drive when a request for the drive comes and the
 * ring says that the drive belongs here, follows the changes of the drive, has the cache drop what they made
 * untrue, and asks the journal when it has missed a change. The proxy decides what is served, and where requests
 * go, by what the keeper returns.
 *
 * Where a request for a drive goes, by keeper_place:
 *
 *   KEEPER_NO_RING    there is no ring, or the drive is another user's: the request goes to the services as it is. If
 *                     a service then says that a change of this drive needs its home, the user may make the change
 *                     (an administrator makes a document for another user): KEEPER_VOUCHED is passed for the user
 *   KEEPER_HERE       this gateway is the home. held: changes go to the services with `epoch`; else they wait for the
 *                     claim. serves: what is kept of the drive may be served, as of incarnation.seq
 *   KEEPER_THERE      another gateway is the home
 *   KEEPER_NOWHERE    no gateway is the home for the moment: the ring changes
 *
 * Services show a change before its home has learned of it. So a read may go to a service, past what homes have noted,
 * only while no gateway can be a home that has noted less: here, with a lease; or where the home's process is gone
 * (THERE), while no later epoch can be active (last). Both are looked at again when the answer has come. All other
 * reads wait, as changes do.
 *
 * The caller reports the answer to each request of a drive that was sent from here (keeper_answered) before it
 * passes the answer on. So what is kept is never older than what a client has seen.
 *
 * A waiter is called when it is worth to look again: after a claim, after each answer of the ring's book, and
 * each KEEPER_TICK_MS.
 *
 * Threads: any. Order of locks: the ring's, the keeper's, those of the cache.
 */
#ifndef NEPHOS_GATEWAY_RING_KEEPER_H
#define NEPHOS_GATEWAY_RING_KEEPER_H

#include "common/proto/touched.h"
#include "gateway/cache/cache.h"
#include "gateway/ring/homes.h"
#include "gateway/ring/ring.h"

#define KEEPER_TICK_MS 50     /* as often as the ring's book is called while the ring prepares */
#define KEEPER_CALL_MS 3000   /* for one question to a docs service: a claim waits for the drive's row */
#define KEEPER_VOUCHED 0      /* as the user of a request: a service has said that it may change the drive of another */
#define KEEPER_CALLS_MAX 128u /* questions in flight at once; a further one is tried again at the next tick */

struct keeper;

struct keeper_options {
	struct http_client *client; /* to services; freed between keeper_stop and keeper_free */
	struct registry *registry;
	struct cache *cache;
	struct metrics *metrics;
	/* Called with what was touched in a drive that is followed here, each time that it has been dropped from
	 * the cache. The keeper holds its lock: the callback must not call the keeper. May be NULL. */
	void (*touched)(void *cookie, uint32_t drive, const struct touched *touched);
	void *touched_cookie;
};

enum keeper_way { KEEPER_NO_RING, KEEPER_HERE, KEEPER_THERE, KEEPER_NOWHERE };

struct keeper_place {
	enum keeper_way way;
	int64_t user;		  /* as passed to keeper_place or keeper_look */
	bool held, serves;	  /* HERE */
	bool lease;		  /* this gateway's lease runs */
	bool last;		  /* no later epoch of the ring than the one known here can be active (ring_place) */
	int64_t epoch;		  /* HERE: of the claim; THERE: of the ring's book by which the home was found */
	int64_t incarnation, seq; /* if serves: the position of what is kept */
	int64_t known;		  /* HERE: no client has seen a later position so far */
	/* HERE: no client has seen a later timeline of the database; 0: there are no standbys, or it is not known */
	int64_t timeline;
	struct membership_gateway home; /* HERE, THERE: the home */
};

/* A caller that waits; embedded. */
struct keeper_waiter {
	/* Called once for each keeper_wait, on the keeper's thread, without a lock. */
	void (*look)(struct keeper_waiter *waiter);
	uint32_t drive;
	int64_t user;
	bool absent; /* set when a claim found that there is no such drive, or that it is another user's */
	/* The keeper's own. */
	struct keeper_waiter *prev, *next;
};

/* What a docs service answered to a request that was sent from here. */
struct keeper_answer {
	const char *touched; /* values of Nephos-Touched and Nephos-Seq; NULL: not in the answer */
	const char *seq;
	const char *timeline; /* of Nephos-Timeline */
	bool told; /* the answer may show later changes than these fields name, or changes without a position */
};

int keeper_new(const struct keeper_options *options, struct keeper **ret);
/* Call it before other threads use the keeper. ring: outlives the keeper, has keeper_on_duty and keeper_on_heard
 * as its callbacks, and is not started yet. */
int keeper_start(struct keeper *k, struct ring *ring);
void keeper_stop(struct keeper *k); /* calls all waiters, and takes no new ones. NULL is fine, for both */
void keeper_free(struct keeper *k);

/* Finds the place for a request of this user. Begins what the next request needs: a claim, or a question to the
 * journal. */
void keeper_place(struct keeper *k, uint32_t drive, int64_t user, struct keeper_place *ret);
/* The same, but begins nothing. */
void keeper_look(struct keeper *k, uint32_t drive, int64_t user, struct keeper_place *ret);
bool keeper_has_gateway(struct keeper *k, const char *boot);
bool keeper_wait(struct keeper *k, struct keeper_waiter *waiter); /* false: it was stopped, and calls nobody */

/* Call it before the answer is passed on. */
void keeper_answered(struct keeper *k, uint32_t drive, const struct keeper_answer *answer);
/* A change was sent and got no answer, so its effect is not known. Also for changes that bypass the journal. */
void keeper_forget(struct keeper *k, uint32_t drive);
/* A service refused a change for its epoch: another gateway has claimed the drive. */
void keeper_refused(struct keeper *k, uint32_t drive, int64_t epoch);

/* ---- replicas: homes.h says what they are ---- */

/* The position at which this gateway, as the home, has followed the drive: what is in the cache after this call
 * is true there. `at` is called before anything more of the drive is touched, with the keeper's lock held. false:
 * this gateway is not the home. */
bool keeper_stand_at(struct keeper *k, uint32_t drive, struct home_stand *ret, void (*at)(void *cookie, uint32_t drive),
	void *cookie);
/* The home of the drive offers copies, and sends what was touched in the drive of late (NULL: nothing). true:
 * copies that are true at `stand` may be kept, under a fence of the cache that was noted before this call. */
bool keeper_offered(struct keeper *k, uint32_t drive, const struct home_stand *stand, const struct touched *touched);
/* Whether what is kept of the drive is of that incarnation. */
bool keeper_has_life(struct keeper *k, uint32_t drive, int64_t incarnation);

/* The callbacks for ring_options. */
void keeper_on_duty(void *cookie, enum member_duty duty, const struct member *member);
void keeper_on_heard(void *cookie);

/* {held, behind, claiming, replicas, lagging}. NULL: no memory. */
json_t *keeper_status(struct keeper *k);

#endif
