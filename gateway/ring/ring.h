/*
 * ring: this gateway's membership in the ring of gateways. A thread calls the ring's book each second, and looks
 * at it more often, through any docs service and by the rules of common/ring/member, and keeps this gateway's
 * lease. The module says which gateway is the home of a drive, and notifies the module that keeps answers about
 * drives (keeper.h) when it has to give drives up.
 *
 * 	ring_new     nothing happens yet; this gateway is the home of no drive
 * 	ring_start   the calls begin; this gateway is a member as soon as the book says so
 * 	ring_leave   asks to be no member any more, and returns when it is none, when no service can be asked, or at
 * 	             the deadline: the drives of this gateway then get other homes without waiting for its lease
 * 	ring_stop    no new call begins; one that is in flight ends with the HTTP client
 * 	ring_free
 *
 * Threads: any, except that ring_new, ring_start, ring_stop and ring_free belong to the owner's thread. Times are
 * of clock_boot_ns: a lease runs out while the machine sleeps, too.
 */
#ifndef NEPHOS_GATEWAY_RING_RING_H
#define NEPHOS_GATEWAY_RING_RING_H

#include "common/base/metrics.h"
#include "common/http/client/client.h"
#include "common/ring/member.h"
#include "gateway/upstream/registry.h"
#include "gateway/upstream/service_clock.h"

#include <jansson.h>

/* For one try to call the book: even after two tries the answer comes within the lease that it renews. */
#define RING_CALL_MS 1000
#define RING_LOOK_MS 300 /* short, because a call waits until a look is over */

struct ring;

struct ring_options {
	struct http_client *client; /* to services; outlives ring_stop, is freed before ring_free */
	struct registry *registry;  /* outlives the ring */
	struct metrics *metrics;
	struct service_clock *clock; /* learns the services' time from their answers; outlives the ring. May be NULL */
	/* Called with the ring's lock held, so that no ring_place comes in between: must not call the ring. May
	 * be NULL. Before it returns, the drives that move (member_moves), or all drives, must be given up, as
	 * the duty says. */
	void (*on_duty)(void *cookie, enum member_duty duty, const struct member *member);
	/* Called without the lock after each answer of the book: drives may have other homes. May be NULL */
	void (*on_heard)(void *cookie);
	void *cookie;
};

/* Where a drive belongs. */
struct ring_place {
	bool known; /* the drive has a home, as far as this gateway has learned from the book */
	bool self;  /* this gateway is the home, and does not have to give the drive up */
	bool lease; /* this gateway's lease runs, so its answers may be served. The clock is read inside ring_place */
	bool last;  /* no later epoch than this one can be active yet: the lease runs, and the others await our word */
	int64_t epoch;
	struct membership_gateway home; /* if known: the home */
};

int ring_new(const struct ring_options *options, struct ring **ret);
/* Once. self is copied. -EINVAL: self is not valid (member_init). */
int ring_start(struct ring *r, const struct member_self *self);
void ring_leave(struct ring *r, unsigned deadline_ms);
void ring_stop(struct ring *r); /* NULL is fine, for both */
void ring_free(struct ring *r);

void ring_place(struct ring *r, uint32_t drive, struct ring_place *ret);
/* The gateways, without this one, among the first `max` owners of a key that is no drive's (a block's hash).
 * Gateways may disagree about owners: what a caller finds through this list must be usable wherever it lies. */
#define RING_OWNERS_MAX 4u
struct ring_owners {
	int64_t epoch;
	size_t count;
	struct membership_gateway list[RING_OWNERS_MAX];
};
void ring_owners(struct ring *r, struct span key, size_t max, struct ring_owners *ret);
int64_t ring_epoch(struct ring *r);
/* The gateway that becomes the drive's home when this one, the present home, is gone. false: this gateway is not
 * the home, or there is no second owner that takes requests of other gateways. */
bool ring_successor(struct ring *r, uint32_t drive, struct membership_gateway *ret);
/* The epoch whose members ring_successor uses; 0: this gateway is the only member, or is in no ring. */
int64_t ring_company(struct ring *r);
/* Whether the gateway with this boot is a member, by the book that this gateway has. */
bool ring_has(struct ring *r, const char *boot);

/* {epoch, state, lease_ms, preparing, members: [{name, url, share, self, leaving}]}; lease_ms: what is left of
 * this gateway's lease. share: of all keys, in thousandths. NULL: no memory. */
json_t *ring_status(struct ring *r);

/* Sets the metrics that change with the time; call it before the metrics are rendered. */
void ring_refresh(struct ring *r);

/* {drive, epoch, owners: [{name, url}]}: the home of the drive, then the gateway that would be its home without
 * the first one; none while this gateway has no list of members. NULL: no memory. */
json_t *ring_drive_status(struct ring *r, uint32_t drive);

#endif
