/*
 * peer_list: the base URLs of all gateways of the store, in the form that each client gets. Pure; any thread.
 */
#ifndef NEPHOS_GATEWAY_FRONT_PEER_LIST_H
#define NEPHOS_GATEWAY_FRONT_PEER_LIST_H

#include "common/http/server/server.h"

#include <jansson.h>

/* text: URLs with commas between; NULL: none. -ENOMEM. */
int peer_list_parse(const char *text, json_t **ret);
/* A loopback URL leads each client to its own machine, and is right only for clients that came by such an
 * address themselves. Other clients get the host that they came by in its place. A URL that cannot be rewritten
 * so is left out: it would lead to the client's own machine. Returns a new array. */
json_t *peer_list_for(const json_t *peers, const struct http_request *req);
/* The same for the url of each object in the list, in place; a URL that cannot be rewritten stays as it is. */
void peer_list_tell(json_t *owners, const struct http_request *req);

#endif
