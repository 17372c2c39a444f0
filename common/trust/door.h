/*
 * door: how a process of a store greets the others (hello) on its connections, and which connections it lets in.
 * One per process.
 *
 * In: DOOR_ROUTE's handler calls door_answer. The guard asks door_admits, which accepts a connection whose other
 * end has shown that it has a key of the store; or door_admits_kind, which also checks what kind of part the other
 * end said it is. For door_admits, a connection over a unix socket from this user or root needs no greeting: the
 * kernel identifies it. Out: door_greeter, for an HTTP client whose calls are for parts of the store only.
 * call.peer is the expected name: "docs/docs-1/INSTANCE", or "gateway/" for any gateway. A server without the key
 * learns nothing and is counted. It is logged once for each address, until a server with the key answers there.
 */
#ifndef NEPHOS_TRUST_DOOR_H
#define NEPHOS_TRUST_DOOR_H

#include "common/base/metrics.h"
#include "common/http/client/dial.h"
#include "common/http/server/server.h"
#include "common/trust/cluster.h"

#define DOOR_INSTANCE_SIZE 33 /* 128 bits in hex: no two processes have the same one */
#define DOOR_STRANGER_MS \
	5000 /* http_server_options.stranger_ms: a greeting takes a second at most, or its client gives up */
#define DOOR_STRANGERS_MAX 32 /* addresses that are remembered as logged */

struct door;

/* cluster must outlive the door; metrics may be NULL. kind, name: letters, digits, '.', '_', '-', short enough for
 * HELLO_NAME_SIZE, else -EINVAL. */
int door_new(struct cluster *cluster, const char *kind, const char *name, struct metrics *metrics, struct door **ret);
void door_free(struct door *d); /* accepts NULL */
const char *door_instance(const struct door *d);

/* A row for the route table; its handler must call door_answer. */
#define DOOR_ROUTE(handler_)                                                                                      \
	{                                                                                                         \
		.method = "POST", .pattern = HTTP_GREETING_TARGET, .body = HTTP_BODY_NONE, .handler = (handler_), \
		.open = true, .internal = true                                                                    \
	}
void door_answer(struct door *d, struct http_request *req);
/* false: the request was answered with 401. */
bool door_admits(struct door *d, struct http_request *req);
/* The same for parts of one kind only; all others get the answer for strangers. A client over a unix socket does
 * not state its kind, so it is refused. */
bool door_admits_kind(struct door *d, struct http_request *req, const char *kind);

/* http_server_options.outdated: whether the other end greeted with a key that was removed since. */
bool door_is_outdated(struct door *d, const void *guest);

const struct http_greeter *door_greeter(struct door *d);

#endif
