/*
 * plain_internal: what the files of plain know of each other.
 *
 *   plain.c             calls: their lists, their beginning and end, deadlines
 *   plain_connection.c  connections: dialing, sending, receiving, keeping
 *   plain_request.c     what is sent: the URL's address, the head
 */
#ifndef NEPHOS_HTTP_CLIENT_PLAIN_INTERNAL_H
#define NEPHOS_HTTP_CLIENT_PLAIN_INTERNAL_H

#include "common/http/client/client_internal.h"
#include "common/http/client/response_parser.h"

/*
 * The states of a connection. plain->lock guards the change from and to KEPT.
 *
 * state     what it means                                        call   list   next
 * DIALS     it is being connected, or greeted                    set    –      BUSY
 * BUSY      a request is being sent, its answer is awaited       set    –      KEPT
 * KEPT      nobody uses it                                       none   idle   BUSY
 */
enum plain_connection_state { PLAIN_DIALS, PLAIN_BUSY, PLAIN_KEPT };

struct plain_connection {
	struct plain *plain;
	enum plain_connection_state state;
	int fd;
	struct dial *dial; /* DIALS */
	struct http_call *call;
	struct endpoint_address address;
	char peer[HTTP_PEER_SIZE];
	int64_t dialed_ns; /* when it began to be made */
	int64_t kept_ns;   /* KEPT: since when */
	bool used;	   /* a call had it before this one */
	struct plain_connection *prev, *next;

	pthread_mutex_t sending;
	size_t sent;	    /* of head and body */
	uint32_t waits_for; /* epoll's events; 0: for none, as its call pauses */
	struct response_parser parser;
	struct buf held;    /* received and not used yet */
	struct buf refused; /* a part of the body that the call would not take yet */
};

/* plain_request.c: the address of an http URL in numbers. -EINVAL: it is no such URL. */
int plain_address_of(const char *url, struct endpoint_address *ret);
int plain_request_write(const struct http_call *call, const struct http_call_options *options, struct buf *ret);

/* plain_connection.c; by the client's thread unless it says otherwise. */

/* With plain->lock held, any thread: a kept one for this call, whose it is now, locked for sending; NULL: none. */
struct plain_connection *plain_connection_take(struct http_call *call);
/* By who has taken it; unlocks it. What the socket does not take goes later; why it fails, its events tell. */
void plain_connection_send_first(struct plain_connection *c);
/* A new one for this call; or why there cannot be one. */
int plain_connection_dial(struct http_call *call);
/* The call goes on receiving. */
void plain_connection_resume(struct plain_connection *c);
/* The call leaves it. whole: its answer is complete, and the connection may be kept. */
void plain_connection_leave(struct plain_connection *c, bool whole);
void plain_connection_close_kept(struct plain_connection *c); /* KEPT */
void plain_connection_act(struct plain_connection *c, uint32_t events);
bool plain_connection_is_stale(const struct plain_connection *c, int64_t now_ns);

/* plain.c: its connection failed before its answer was complete: begun anew, or ended. */
void plain_failed(struct http_call *call, int error);

#endif
