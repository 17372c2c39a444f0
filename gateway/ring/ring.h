/*
 * ring: this gateway among the others. A thread calls the ring's book each second, and looks at it in between, through
 * any docs service, by the rules of common/ring/member, and keeps this gateway's lease. It says whose home a drive is,
 * and tells who keeps something of drives (keeper.h) when that is to be given up.
 *
 * 	ring_new     nothing happens yet; it is nobody's home
 * 	ring_start   from now on it calls; it is a member when the others have heard of it
 * 	ring_leave   it asks to be no member any more, and returns when it is none, when nobody can be asked, or when
 * 	             the deadline is over: what it is home of goes to others without a wait for its lease
 * 	ring_stop    no call begins any more; what is under way ends with the HTTP client
 * 	ring_free
 *
 * Threads: any, but for ring_new, ring_start, ring_stop and ring_free, which are of who owns it. Times are of
 * clock_boot_ns: a lease runs out while the machine sleeps, too.
 */
#ifndef NEPHOS_GATEWAY_RING_RING_H
#define NEPHOS_GATEWAY_RING_RING_H

#include "common/base/metrics.h"
#include "common/http/client/client.h"
#include "common/ring/member.h"
#include "gateway/upstream/registry.h"
#include "gateway/upstream/service_clock.h"

#include <jansson.h>

/* Of one try to call the book: two of them, and the answer still comes within the lease that it renews. */
#define RING_CALL_MS 1000
#define RING_LOOK_MS 300 /* a call waits behind it */

struct ring;

struct ring_options {
	struct http_client *client; /* to services; outlives ring_stop, is freed before ring_free */
	struct registry *registry;  /* outlives the ring */
	struct metrics *metrics;
	struct service_clock *clock; /* hears what time it is by the services; outlives the ring. May be NULL */
	/* With the lock of the ring held, so that nobody asks for a place in between: must not call back. May be NULL.
	 * What moves (member_moves), or all, is to be given up before it returns. */
	void (*on_duty)(void *cookie, enum member_duty duty, const struct member *member);
	void (*on_heard)(void *cookie); /* without the lock: the book was heard, places may be others. May be NULL */
	void *cookie;
};

/* Where a drive belongs. */
struct ring_place {
	bool known; /* there is a home, as far as this gateway knows */
	bool self;  /* this gateway is it, and does not have to give it up */
	bool lease; /* this gateway's runs: what it keeps counts. The clock was read in here */
	int64_t epoch;
	struct membership_gateway home; /* known: the one */
};

int ring_new(const struct ring_options *options, struct ring **ret);
/* Once. self is copied. -EINVAL: it cannot be said of a gateway (member_init). */
int ring_start(struct ring *r, const struct member_self *self);
void ring_leave(struct ring *r, unsigned deadline_ms);
void ring_stop(struct ring *r); /* NULL is fine, for both */
void ring_free(struct ring *r);

void ring_place(struct ring *r, uint32_t drive, struct ring_place *ret);
/* The gateways but this one that own a key which is no drive's (a block): of its first `max` owners. Opinion, not
 * agreement: what is found by it must be good wherever it lies. */
#define RING_OWNERS_MAX 4u
struct ring_owners {
	int64_t epoch;
	size_t count;
	struct membership_gateway list[RING_OWNERS_MAX];
};
void ring_owners(struct ring *r, struct span key, size_t max, struct ring_owners *ret);
int64_t ring_epoch(struct ring *r);
/* The gateway that is the drive's home when this one, which is it now, is none any more. false: this one is not, or
 * there is no other that takes requests of gateways. */
bool ring_successor(struct ring *r, uint32_t drive, struct membership_gateway *ret);
/* The epoch whose members ring_successor goes by; 0: this gateway is alone, or in no ring. */
int64_t ring_company(struct ring *r);
/* Whether the gateway of this boot is a member, as far as this one knows. */
bool ring_has(struct ring *r, const char *boot);

/* {epoch, state, lease_ms, preparing, members: [{name, url, share, self, leaving}]}; lease_ms: what is left of this
 * gateway's. share: of all keys, in thousandths. NULL: no memory. */
json_t *ring_status(struct ring *r);

/* {drive, epoch, owners: [{name, url}]}: the home of the drive, and who would be it without that one; none while this
 * gateway knows no members. NULL: no memory. */
json_t *ring_drive_status(struct ring *r, uint32_t drive);

#endif
