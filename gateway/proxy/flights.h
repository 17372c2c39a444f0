/*
 * flights: which answers are being asked for, and who waits for the same one. The first who asks for a key leads: he
 * asks a service. Who comes while he does follows, and is handed back to the leader when that has landed; what he is
 * told then is the caller's business.
 *
 * 	flights_join    FLIGHTS_LEADS: the caller must call flights_land, once
 * 	                FLIGHTS_FOLLOWS: the leader gets this rider, unless flights_leave says that it was taken out
 * 	                FLIGHTS_ALONE: there is no place: the caller asks for himself
 * 	flights_land    from then on the next who asks for the key leads
 *
 * Pure, but for its lock: any thread, no callbacks.
 */
#ifndef NEPHOS_GATEWAY_PROXY_FLIGHTS_H
#define NEPHOS_GATEWAY_PROXY_FLIGHTS_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stddef.h>

/* At once. Each belongs to a request at a service, of which a gateway has no more (SHARE_REQUESTS_MAX); 2 KiB each, for
 * its key. */
#define FLIGHTS_MAX 2048u
/* Of all flights: who follows has a place among the requests as well. */
#define FLIGHTS_FOLLOWERS_MAX 2048u

struct flights;
struct flight;

/* Embedded by who asks; all zeros: he does not. */
struct flight_rider {
	struct flight *flight;
	bool leads;
	struct flight_rider *prev, *next;
};

enum flights_verdict { FLIGHTS_LEADS, FLIGHTS_FOLLOWS, FLIGHTS_ALONE };

int flights_new(size_t max, size_t followers_max, struct flights **ret); /* -ENOMEM */
void flights_free(struct flights *f);					 /* nobody may be on his way; NULL is fine */

/* may_lead: his answer will do for others; else he follows or goes alone. */
enum flights_verdict flights_join(struct flights *f, struct span key, bool may_lead, struct flight_rider *rider);
/* true: he followed, and nobody else will hear of him. */
bool flights_leave(struct flights *f, struct flight_rider *rider);
/* Of a leader: the list of those who followed, linked by next, in the order in which they came. */
struct flight_rider *flights_land(struct flights *f, struct flight_rider *leader);
size_t flights_followers(struct flights *f);

#endif
