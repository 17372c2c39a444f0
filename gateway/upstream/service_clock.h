/*
 * service_clock: the latest time of day by the clock of any docs service, or of this gateway. Capabilities are
 * signed by that time: a server whose clock is right, or behind that time, then takes a capability as still
 * valid, even when the gateway's own clock is behind. Each part of the gateway that gets a Date from a service
 * passes it on here, which is at least once a second (ring.c); in between, the time goes on by the clock that
 * only goes forward. A service that is ahead counts for SERVICE_CLOCK_KEPT_S after its last Date: what is
 * signed then is valid for longer than it should be, and not for less. Any thread.
 */
#ifndef NEPHOS_GATEWAY_UPSTREAM_SERVICE_CLOCK_H
#define NEPHOS_GATEWAY_UPSTREAM_SERVICE_CLOCK_H

#include <stdint.h>

#define SERVICE_CLOCK_KEPT_S 10 /* several calls, so that each of some services has sent a Date */

struct service_clock;

int service_clock_new(struct service_clock **ret); /* -ENOMEM */
void service_clock_free(struct service_clock *c);  /* NULL is fine */
/* date: the Date field of an answer that came at boot_ns (CLOCK_BOOTTIME); NULL or no date: nothing happens. */
void service_clock_hear(struct service_clock *c, const char *date, int64_t boot_ns);
int64_t service_clock_latest_s(struct service_clock *c, int64_t boot_ns); /* unix seconds */

#endif
