/*
 * reaper: a thread of the server for connections that libmicrohttpd no longer watches, or not at the moment.
 *
 * Lingering: to close a connection while the client still sends would reset it, and the reset can overtake the
 * answer that says why. So the reaper keeps the socket a little longer, reads and drops its input, until the client
 * has closed. Absence: libmicrohttpd does not watch a suspended connection. At each tick the server's callback may
 * look which clients have gone away.
 */
#ifndef NEPHOS_HTTP_SERVER_REAPER_H
#define NEPHOS_HTTP_SERVER_REAPER_H

#include <stdint.h>

#define LINGER_CONNECTIONS_MAX 64 /* further ones are closed at once, as without the reaper */
#define LINGER_MS 2000		  /* a client that still sends by then gets its reset */
#define REAPER_TICK_MS 500	  /* the longest delay until an absence is noticed */

struct reaper;

/* on_tick runs on the reaper's thread. */
int reaper_new(void (*on_tick)(void *cookie), void *cookie, struct reaper **ret);
void reaper_free(struct reaper *r); /* joins, closes what lingers; NULL is fine */
/* Takes over fd in any case: shuts its sending side and drops what still comes. Any thread. */
void reaper_linger_take(struct reaper *r, int fd);
/* Waits until nothing lingers, at most until until_ns. Any thread. */
void reaper_await(struct reaper *r, int64_t until_ns);

#endif
