/*
 * flights: which answers are being asked for, and which requests wait for the same answer. The first request
 * for a key leads: it asks a service. A request that comes meanwhile follows, and is handed back to the leader
 * when the leader has landed; what the follower gets then is up to the caller.
 *
 * 	flights_join    FLIGHTS_LEADS: the caller must call flights_land, once
 * 	                FLIGHTS_FOLLOWS: the leader gets this rider, unless flights_leave says that it was taken out
 * 	                FLIGHTS_ALONE: there is no place, or it is known that the answer will do for nobody else: the
 * 	                caller asks on its own
 * 	flights_land    from then on the next request for the key leads
 * 	flights_part    the same, and requests for the key go alone for a while. Without that, requests whose answers
 * 	                cannot be shared would each wait for one leader or another before they are sent
 *
 * Pure, but for its lock: any thread, no callbacks. Times are of one monotonic clock, and passed in.
 */
#ifndef NEPHOS_GATEWAY_PROXY_FLIGHTS_H
#define NEPHOS_GATEWAY_PROXY_FLIGHTS_H

#include "common/base/clock.h"
#include "common/base/span.h"

#include <stdbool.h>
#include <stddef.h>

/* Flights at once. Each belongs to a request at a service, of which a gateway has no more (SHARE_REQUESTS_MAX);
 * 2 KiB each, for the key. */
#define FLIGHTS_MAX 2048u
/* Followers of all flights: each follower has a place among the requests as well. */
#define FLIGHTS_FOLLOWERS_MAX 2048u

/* How long requests for a key go alone after flights_part. Then one leads again, in case the answer can be shared by
 * now: once a second the others wait for one call. */
#define FLIGHTS_ALONE_NS (1 * NS_PER_S)
/* The keys of which that is known, by their hashes; 16 bytes each. One more takes the place of another one. */
#define FLIGHTS_ALONE_KEYS 4096u

struct flights;
struct flight;

/* Embedded by the caller; all zeros: it is in no flight. */
struct flight_rider {
	struct flight *flight;
	bool leads;
	struct flight_rider *prev, *next;
};

enum flights_verdict { FLIGHTS_LEADS, FLIGHTS_FOLLOWS, FLIGHTS_ALONE };

int flights_new(size_t max, size_t followers_max, struct flights **ret); /* -ENOMEM */
void flights_free(struct flights *f);					 /* it must have no flights; NULL is fine */

/* may_lead: the answer of this rider will do for others; else it follows or goes alone. */
struct flights_request {
	struct span key;
	bool may_lead;
	int64_t now_ns;
};
enum flights_verdict flights_join(struct flights *f, const struct flights_request *r, struct flight_rider *rider);
/* true: the rider was a follower, and no leader gets it any more. */
bool flights_leave(struct flights *f, struct flight_rider *rider);
/* For a leader: the list of its followers, linked by next, in the order in which they came. */
struct flight_rider *flights_land(struct flights *f, struct flight_rider *leader);
/* The same, when the answer does for none of them, and will not do for those who come next. */
struct flight_rider *flights_part(struct flights *f, struct flight_rider *leader, int64_t now_ns);
size_t flights_followers(struct flights *f);

#endif
