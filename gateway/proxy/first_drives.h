/*
 * first_drives: which drive is a user's first one, as docs services have said. The first drive may change: it
 * goes to the trash and a new one is made, or it comes back. So an answer is believed for RING_HOME_BELIEVED_MS
 * from before the question was sent; a service that changes the first drive waits so long before it answers
 * (PROTOCOL.md, "The ring").
 *
 * Bounded: FIRST_DRIVES_MAX users in a table of fixed places; a user who was displaced is asked about again.
 * Times are passed in, of one clock that goes on while the machine sleeps. Pure; any thread.
 */
#ifndef NEPHOS_GATEWAY_PROXY_FIRST_DRIVES_H
#define NEPHOS_GATEWAY_PROXY_FIRST_DRIVES_H

#include <stdint.h>

#define FIRST_DRIVES_MAX 16384u /* users at work within two seconds; 24 bytes each */

struct first_drives;

int first_drives_new(struct first_drives **ret); /* -ENOMEM */
void first_drives_free(struct first_drives *f);	 /* NULL is fine */
/* 0: not known, or not believed any more. */
uint32_t first_drives_get(struct first_drives *f, int64_t user, int64_t now_ns);
void first_drives_put(struct first_drives *f, int64_t user, uint32_t drive, int64_t asked_ns);
void first_drives_forget(struct first_drives *f, int64_t user);

#endif
