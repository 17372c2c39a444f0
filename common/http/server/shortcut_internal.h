/*
 * shortcut_internal: what shortcut.c (the loops) and strand.c (one connection) know of each other. The shortcut is the
 * way of most requests past libmicrohttpd, which clears its memory for each, takes the connection out of epoll while a
 * request waits and puts it back, and is woken through a descriptor (docs/adr/0041).
 *
 * All connections come here first. A request goes this way when its head leaves nothing to interpret (request_head.h),
 * is in order, and all of the request is there when it is looked at. At the first that is not so its connection goes to
 * libmicrohttpd, for good: the bytes are only taken from the socket when they are ours, until then they are peeked at.
 * Who handles requests does not see which way one has come.
 *
 * A loop is one thread with its own epoll; it owns its strands. A strand is one connection. Other threads do two
 * things: they answer, and send as much of the answer as the socket takes, with the request's lock held; and they wake
 * the loop for a request that sleeps (request_wake).
 */
#ifndef NEPHOS_HTTP_SERVER_SHORTCUT_INTERNAL_H
#define NEPHOS_HTTP_SERVER_SHORTCUT_INTERNAL_H

#include "common/http/server/server_internal.h"

#define SHORTCUT_TAKEN_BYTES 4096      /* that are taken from a socket at once, when they are known: most requests */
#define SHORTCUT_BYTES_MAX (64 * 1024) /* of a request, its body included: what one recv of a small one could bring */

/* shortcut.c; by the strand's loop. */
char *shortcut_buffer(struct shortcut_loop *loop); /* SHORTCUT_BYTES_MAX, for one call */
struct http_server *shortcut_server(struct shortcut_loop *loop);
void shortcut_remove(struct strand *w, bool keep_fd); /* from the loop; it is freed later */
void shortcut_touch(struct strand *w);		      /* it was active now */

/* strand.c; by its loop. */
void strand_act(struct strand *w);
void strand_close(struct strand *w);
bool strand_sleeps(const struct strand *w); /* it waits for us, and not for its client */

#endif
