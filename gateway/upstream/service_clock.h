/*
 * service_clock: the latest time that a docs service, or this gateway, takes it to be. A capability is signed by that:
 * whoever has the right time, or is behind it, then takes it for one that still holds, also when the gateway's own
 * clock is behind. Whoever hears of a service with a Date says so here, which is at least once a second (ring.c); in
 * between goes the clock that only goes forward. A service that is ahead counts for SERVICE_CLOCK_KEPT_S after it was
 * heard last: what is signed then holds for longer than it should, and not less. Any thread.
 */
#ifndef NEPHOS_GATEWAY_UPSTREAM_SERVICE_CLOCK_H
#define NEPHOS_GATEWAY_UPSTREAM_SERVICE_CLOCK_H

#include <stdint.h>

#define SERVICE_CLOCK_KEPT_S 10 /* several calls, so that each of some services is heard */

struct service_clock;

int service_clock_new(struct service_clock **ret); /* -ENOMEM */
void service_clock_free(struct service_clock *c);  /* NULL is fine */
/* date: the field's value, of an answer that came now, CLOCK_BOOTTIME; NULL or no date: nothing happens. */
void service_clock_hear(struct service_clock *c, const char *date, int64_t boot_ns);
int64_t service_clock_latest_s(struct service_clock *c, int64_t boot_ns); /* unix seconds */

#endif
