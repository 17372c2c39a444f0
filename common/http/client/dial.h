/*
 * dial: a connection that is not used before the identity of its peer is known.
 *
 * It connects without blocking. Then it sends the messages of a greeter from above in small requests (POST
 * HTTP_GREETING_TARGET, one field HEADER_HELLO, no body), and passes the answers (204, the same field) to the
 * greeter, until the greeter accepts or refuses the peer. Nothing else has been sent on the connection by then. For
 * one thread.
 */
#ifndef NEPHOS_HTTP_CLIENT_DIAL_H
#define NEPHOS_HTTP_CLIENT_DIAL_H

#include "common/base/span.h"
#include "common/http/endpoint.h"

#include <stdint.h>

#define HTTP_GREETING_TARGET "/internal/v1/hello"
#define HTTP_GREETING_TEXT_SIZE 512    /* of one field's value, with its NUL */
#define HTTP_GREETING_STATE_BYTES 1024 /* a greeter's data about one connection */
#define HTTP_GREETING_HEAD_BYTES 2048  /* of an answer; ours have 300 */

/* The input of a greeter's step. */
struct http_greeting {
	const char *peer; /* the peer that the call is for */
	/* "CLIENT>SERVER", addresses with ports as this side sees them; "-" between processes that share no
	 * network */
	const char *way;
	struct span heard; /* the value of the last answer; empty at first */
	void *state;	   /* HTTP_GREETING_STATE_BYTES, all zero at first */
};

struct http_greeter {
	/* 1: ret is the next message. 0: the peer is the right one. A failure: it is not, and the connection is
	 * closed. Must not block. Any thread. */
	int (*step)(void *cookie, const struct http_greeting *greeting, char ret[HTTP_GREETING_TEXT_SIZE]);
	/* Called when the peer is not the right one: it refused, sent no HTTP, or step refused its answer. May be
	 * NULL. */
	void (*refused)(void *cookie, const struct http_greeting *greeting);
	/* Connections whose dial began before this moment (clock_mono_ns) are not used any more; 0: all may be
	 * used. May be NULL. Any thread. */
	int64_t (*stale_ns)(void *cookie);
	void *cookie;
};

struct dial;

/* Begins to connect. The greeter and the text of peer must stay valid. greeter NULL: every peer is the right one.
 * -ENOMEM, or an immediate failure of the kernel. */
int dial_new(const struct endpoint_address *address, const struct http_greeter *greeter, const char *peer,
	struct dial **ret);
void dial_free(struct dial *d); /* closes the connection if it was not taken; NULL is fine */
int dial_fd(const struct dial *d);
/* The event to wait for before the next dial_go_on: POLLIN or POLLOUT. */
short dial_events(const struct dial *d);
/* 0: the connection may be taken. -EAGAIN: not yet. Else it failed: -ECONNREFUSED …; -EKEYREJECTED: the peer is
 * not the right one. */
int dial_go_on(struct dial *d);
int dial_wait(struct dial *d, int64_t deadline_ns); /* like dial_go_on, but blocks; -ETIMEDOUT */
int dial_take(struct dial *d); /* the descriptor, non-blocking, which belongs to the caller from now on */

#endif
