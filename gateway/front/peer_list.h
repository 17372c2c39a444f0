/*
 * peer_list: the base URLs of all gateways of the store, as clients are told them. Pure; any thread.
 */
#ifndef NEPHOS_GATEWAY_FRONT_PEER_LIST_H
#define NEPHOS_GATEWAY_FRONT_PEER_LIST_H

#include "common/http/server/server.h"

#include <jansson.h>

/* text: URLs with commas between; NULL: none. -ENOMEM. */
int peer_list_parse(const char *text, json_t **ret);
/* Addresses that mean the machine of whoever uses them are for those who came by such a one. Others are told the host
 * that they came by instead; what cannot be told so is left out: it would be their own machine. A new array. */
json_t *peer_list_for(const json_t *peers, const struct http_request *req);
/* The same of the url of each object in the list, in place; what cannot be told stays as it is. */
void peer_list_tell(json_t *owners, const struct http_request *req);

#endif
