/*
 * door: how a process of a store greets the others (hello) on its connections, and whom it lets in. One per process.
 *
 * In: DOOR_ROUTE's handler calls door_answer; the guard asks door_admits, which knows the connections whose other end
 * has shown that it has a key of the store; or door_admits_kind, which goes by what kind of part it said it is, too.
 * 	Who comes over a unix socket and is of this user or root needs no greeting: the kernel knows him.
 * Out: door_greeter, for an HTTP client whose calls are for parts of the store only. call.peer is the name that is
 * expected: "docs/docs-1/INSTANCE", or "gateway/" for any of them. Who does not have the key learns nothing, is
 * counted, and is said in the log once for each address, until somebody who has it answers there.
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
#define DOOR_STRANGERS_MAX 32 /* addresses that are remembered as said */

struct door;

/* The cluster outlives it; metrics may be NULL. kind, name: letters, digits, '.', '_', '-', short enough for
 * HELLO_NAME_SIZE, else -EINVAL. */
int door_new(struct cluster *cluster, const char *kind, const char *name, struct metrics *metrics, struct door **ret);
void door_free(struct door *d); /* NULL is fine */
const char *door_instance(const struct door *d);

/* A row for the route table; handler: calls door_answer. */
#define DOOR_ROUTE(handler_)                                                                                      \
	{                                                                                                         \
		.method = "POST", .pattern = HTTP_GREETING_TARGET, .body = HTTP_BODY_NONE, .handler = (handler_), \
		.open = true, .internal = true                                                                    \
	}
void door_answer(struct door *d, struct http_request *req);
/* false: it has answered, 401. */
bool door_admits(struct door *d, struct http_request *req);
/* The same, of parts of one kind only; all others are told what a stranger is told. Over a unix socket nobody says what
 * he is: who comes so is none. */
bool door_admits_kind(struct door *d, struct http_request *req, const char *kind);

/* http_server_options.outdated: whoever is there greeted with a key that was taken out since. */
bool door_is_outdated(struct door *d, const void *guest);

const struct http_greeter *door_greeter(struct door *d);

#endif
