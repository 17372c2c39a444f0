/*
 * dial: a connection that is not used before it is known who is at its other end.
 *
 * It connects without blocking, then says in small requests (POST HTTP_GREETING_TARGET, one field HEADER_HELLO,
 * no body) what a greeter from above tells it to, and gives the greeter what is answered (204, the same field), until
 * that one is content or refuses. Nothing else has been said on the connection then. For one thread.
 */
#ifndef NEPHOS_HTTP_CLIENT_DIAL_H
#define NEPHOS_HTTP_CLIENT_DIAL_H

#include "common/base/span.h"
#include "common/http/endpoint.h"

#include <stdint.h>

#define HTTP_GREETING_TARGET "/internal/v1/hello"
#define HTTP_GREETING_TEXT_SIZE 512    /* of one field's value, with its NUL */
#define HTTP_GREETING_STATE_BYTES 1024 /* what a greeter remembers of one connection */
#define HTTP_GREETING_HEAD_BYTES 2048  /* of an answer; ours have 300 */

/* What a greeter is asked. */
struct http_greeting {
	const char *peer; /* whom the call is for */
	/* "CLIENT>SERVER", addresses with ports as this side sees them; "-" between processes that share no network */
	const char *way;
	struct span heard; /* the value that was answered; at first empty */
	void *state;	   /* HTTP_GREETING_STATE_BYTES, zeros at first */
};

struct http_greeter {
	/* 1: ret has what to say next. 0: the peer is who it should be. A failure: it is not, and the connection is
	 * closed. Must not block. Any thread. */
	int (*step)(void *cookie, const struct http_greeting *greeting, char ret[HTTP_GREETING_TEXT_SIZE]);
	/* Told when whoever answers is not who he should be: said no, no HTTP, or what step refused. May be NULL. */
	void (*refused)(void *cookie, const struct http_greeting *greeting);
	/* Connections that were greeted before this moment (clock_mono_ns) are not used any more; 0: all are. May be
	 * NULL. Any thread. */
	int64_t (*stale_ns)(void *cookie);
	void *cookie;
};

struct dial;

/* Begins to connect. The greeter and the peer's text must stay. No greeter: whoever listens is the right one. -ENOMEM,
 * or what the kernel says at once. */
int dial_new(const struct endpoint_address *address, const struct http_greeter *greeter, const char *peer,
	struct dial **ret);
void dial_free(struct dial *d); /* closes what was not taken; NULL is fine */
int dial_fd(const struct dial *d);
/* What to wait for before it goes on: POLLIN or POLLOUT. */
short dial_events(const struct dial *d);
/* 0: the connection may be taken. -EAGAIN: not yet. Else it failed: -ECONNREFUSED …; -EKEYREJECTED: not who it should
 * be. */
int dial_go_on(struct dial *d);
int dial_wait(struct dial *d, int64_t deadline_ns); /* the same, blocking; -ETIMEDOUT */
int dial_take(struct dial *d);			    /* the descriptor, non-blocking, the caller's from now on */

#endif
