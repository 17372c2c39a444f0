/*
 * reaper: the server's second thread, for connections that libmicrohttpd no longer, or not yet, looks at.
 *
 * Lingering: a connection closed while the client still sends would be reset, and the reset can overtake the answer
 * that says why. So its socket is kept here a little, its input read and dropped, until the client has closed. Absence:
 * a suspended connection is not watched by libmicrohttpd. At each tick the server's callback may look who has gone
 * away.
 */
#ifndef NEPHOS_HTTP_SERVER_REAPER_H
#define NEPHOS_HTTP_SERVER_REAPER_H

#include <stdint.h>

#define LINGER_CONNECTIONS_MAX 64 /* beyond: closed at once, as without us */
#define LINGER_MS 2000		  /* a client that has not understood by then gets its reset */
#define REAPER_TICK_MS 500	  /* how late an absence may be noticed */

struct reaper;

/* on_tick runs on the reaper's thread. */
int reaper_new(void (*on_tick)(void *cookie), void *cookie, struct reaper **ret);
void reaper_free(struct reaper *r); /* joins, closes what lingers; NULL is fine */
/* Takes fd, always: shuts its sending side and reads the rest away. Any thread. */
void reaper_linger_take(struct reaper *r, int fd);
/* Until nothing lingers, at most until then. Any thread. */
void reaper_await(struct reaper *r, int64_t until_ns);

#endif
