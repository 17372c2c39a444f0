/*
 * share_policy: how much each user may have of what one gateway has for all users: places for requests at the
 * services, places for requests that wait there, memory for bodies.
 *
 * Each lane has its own room, so that requests that wait cannot keep away those that work, nor a script's polls
 * those of a mount. Within a lane a user may take as much as is left free for the others: the first user takes
 * up to half of the room, the next up to half of the rest, and so on. So a user who comes with little always
 * finds room, however greedy the users before are, and nobody is sent away for that. Above that stand the named
 * limits of a lane. No I/O, no clock, no lock: the caller has one.
 */
#ifndef NEPHOS_GATEWAY_ACCESS_SHARE_POLICY_H
#define NEPHOS_GATEWAY_ACCESS_SHARE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum share_lane {
	SHARE_REQUESTS,	 /* at a service, and answered as soon as possible */
	SHARE_POLLS,	 /* wait for changes: long polls and event streams; part: the drive */
	SHARE_MOUNTS,	 /* the polls of sessions of mounts; part: the session */
	SHARE_LOCKS,	 /* wait for file locks */
	SHARE_QUESTIONS, /* whose token this is; user: the address that asks, hashed */
	SHARE_BODIES,	 /* bytes of bodies that are kept */
	SHARE_LANES
};

/* Places of each lane. What one gateway has in flight at services is no more than their sum. */
#define SHARE_REQUESTS_MAX 2048u
#define SHARE_POLLS_MAX 2048u
#define SHARE_MOUNTS_MAX 2048u
#define SHARE_LOCKS_MAX 2048u
#define SHARE_QUESTIONS_MAX 512u
#define SHARE_CALLS_MAX \
	(SHARE_REQUESTS_MAX + SHARE_POLLS_MAX + SHARE_MOUNTS_MAX + SHARE_LOCKS_MAX + SHARE_QUESTIONS_MAX)
#define SHARE_POLLS_PER_USER 512u	/* a page in each of many windows, and scripts */
#define SHARE_POLLS_PER_DRIVE 256u	/* of one user */
#define SHARE_MOUNTS_PER_USER 512u	/* a cluster that mounts one user's drives */
#define SHARE_MOUNTS_PER_SESSION 8u	/* a mount has one poll; earlier ones may not have been given up yet */
#define SHARE_LOCKS_PER_USER 1024u	/* as many as may wait for the locks of a drive */
#define SHARE_BODIES_BYTES (256u << 20) /* of all bodies that are kept at once */

struct share_policy;

struct share_claim {
	enum share_lane lane;
	int64_t user;
	uint64_t part; /* 0: none */
	uint64_t amount;
};

int share_policy_new(struct share_policy **ret); /* -ENOMEM */
void share_policy_free(struct share_policy *p);	 /* NULL is fine */
/* -ERR_TOO_MANY: more than this user may have now; nothing was taken. -ENOMEM. */
int share_policy_take(struct share_policy *p, const struct share_claim *claim);
/* Gives back what was taken, in one or in several pieces. */
void share_policy_give_back(struct share_policy *p, const struct share_claim *claim);
uint64_t share_policy_taken(const struct share_policy *p, enum share_lane lane);

#endif
