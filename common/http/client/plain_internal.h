/*
 * plain_internal: the types and functions that the files of plain share.
 *
 *   plain.c             calls: their lists, their beginning and end, deadlines
 *   plain_connection.c  connections: dialing, sending, receiving, keeping
 *   plain_request.c     requests: the address in the URL, the head
 */
#ifndef NEPHOS_HTTP_CLIENT_PLAIN_INTERNAL_H
#define NEPHOS_HTTP_CLIENT_PLAIN_INTERNAL_H

#include "common/http/client/client_internal.h"
#include "common/http/client/response_parser.h"

/*
 * The states of a connection. plain->lock guards the change from and to KEPT.
 *
 * state     meaning                                              call   list   next
 * DIALS     it is being connected, or greeted                    set    –      BUSY
 * BUSY      a request is being sent, or its answer is awaited    set    –      KEPT
 * KEPT      idle                                                 none   idle   BUSY
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
	int64_t dialed_ns; /* when its dial began */
	int64_t kept_ns;   /* KEPT: since when it is idle */
	bool used;	   /* it served a call before this one */
	struct plain_connection *prev, *next;

	pthread_mutex_t sending;
	size_t sent;	    /* of head and body */
	uint32_t waits_for; /* events in epoll; 0: not in epoll, as its call pauses */
	struct response_parser parser;
	struct buf held;    /* received bytes that were not used yet */
	struct buf refused; /* a piece of the body that the call did not take yet */
};

/* plain_request.c: the address of an http URL whose host is numeric. -EINVAL: it is no such URL. */
int plain_address_of(const char *url, struct endpoint_address *ret);
int plain_request_write(const struct http_call *call, const struct http_call_options *options, struct buf *ret);

/* plain_connection.c; called by the client's thread unless it says otherwise. */

/* The caller holds plain->lock; any thread. Takes a kept connection for this call and returns it locked for
 * sending; NULL: none. */
struct plain_connection *plain_connection_take(struct http_call *call);
/* Sends the request; called by the thread that took the connection. Unlocks it. The client's thread sends what the
 * socket does not take now, and learns of a failure from the connection's events. */
void plain_connection_send_first(struct plain_connection *c);
/* Begins a new connection for this call; or returns why there cannot be one. */
int plain_connection_dial(struct http_call *call);
/* Lets the call go on receiving. */
void plain_connection_resume(struct plain_connection *c);
/* Separates the call from its connection. whole: the answer is complete, and the connection may be kept. */
void plain_connection_leave(struct plain_connection *c, bool whole);
void plain_connection_close_kept(struct plain_connection *c); /* KEPT */
void plain_connection_act(struct plain_connection *c, uint32_t events);
bool plain_connection_is_stale(const struct plain_connection *c, int64_t now_ns);
/* The greeting of a connection in use stopped counting outdated_ms ago, so its call had the time to end by itself. */
bool plain_connection_is_outdated(const struct plain_connection *c, int64_t now_ns);

/* plain.c: the call's connection failed before the answer was complete: begins the call anew, or ends it. */
void plain_failed(struct http_call *call, int error);

#endif
