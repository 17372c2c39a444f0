/*
 * shortcut_internal: the types and functions that shortcut.c (the loops) and strand.c (one connection) share. The
 * shortcut serves most requests without libmicrohttpd: the library clears its memory for each request, takes the
 * connection out of epoll while a request waits and puts it back, and is woken through a descriptor
 * (docs/adr/0041).
 *
 * All connections begin here. The shortcut takes a request when its head leaves nothing to interpret
 * (request_head.h), is in order, and all of the request is there when the loop looks at it. At the first request
 * for which this is not so, the connection goes to libmicrohttpd for good. This is possible because the loop only
 * peeks at the bytes, and takes them from the socket when the request is its own. Handlers do not see which way a
 * request has come.
 *
 * A loop is one thread with its own epoll; it owns its strands. A strand is one connection. Other threads do two
 * things: they answer, and then send as much of the answer as the socket takes, with the request's lock held; and
 * they wake the loop for a suspended request (request_wake).
 */
#ifndef NEPHOS_HTTP_SERVER_SHORTCUT_INTERNAL_H
#define NEPHOS_HTTP_SERVER_SHORTCUT_INTERNAL_H

#include "common/http/server/server_internal.h"

#define SHORTCUT_TAKEN_BYTES 4096      /* of a known request that one recv takes: enough for most */
#define SHORTCUT_BYTES_MAX (64 * 1024) /* of a request with its body: what one recv of a small one could bring */

/* shortcut.c; called by the strand's loop. */
char *shortcut_buffer(struct shortcut_loop *loop); /* SHORTCUT_BYTES_MAX bytes, valid for one call */
struct http_server *shortcut_server(struct shortcut_loop *loop);
void shortcut_remove(struct strand *w, bool keep_fd); /* removes w from the loop; it is freed later */
void shortcut_touch(struct strand *w);		      /* notes that w was active now */

/* strand.c; called by the strand's loop. */
void strand_act(struct strand *w);
void strand_close(struct strand *w);
bool strand_sleeps(const struct strand *w); /* w waits for its handler, not for its client */

#endif
