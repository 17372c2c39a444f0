/*
 * pulse: asks the database every second whether it is there, and does a service's housekeeping, on one thread with a
 * connection of its own: a full queue of the workers must not look like a database that is gone.
 */
#ifndef NEPHOS_SERVICE_PULSE_H
#define NEPHOS_SERVICE_PULSE_H

#include <stdbool.h>

#define PULSE_PERIOD_MS 1000
#define PULSE_DEADLINE_MS 1000 /* a database that does not answer for this long counts as gone */

struct pg;
struct pulse;

struct pulse_options {
	const char *conninfo;
	unsigned housekeep_s;
	void (*housekeep)(struct pg *pg, void *cookie); /* may be NULL */
	void *cookie;
};

int pulse_start(const struct pulse_options *options, struct pulse **ret); /* -ENOMEM, -EAGAIN */
void pulse_free(struct pulse *p);	    /* waits for what is in progress; accepts NULL */
bool pulse_is_alive(const struct pulse *p); /* any thread; true until the first failure */

#endif
