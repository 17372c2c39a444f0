/*
 * forward_headers: which header fields cross the gateway. A request is written anew: nothing that describes the
 * connection passes, and of the fields of ours (Nephos-…) only the few pass that clients may send, or may
 * receive. Pure.
 *
 * The identity that a service relies on is put in here, from the token, and whatever the client said about
 * identity is dropped: names are compared without case, and an underscore counts as a dash, because a server
 * behind us might read it so. Fields of ours that are not listed do not pass, so that a future field is not
 * open to clients by mistake. Fields that Connection names stop here, as the protocol demands.
 */
#ifndef NEPHOS_GATEWAY_PROXY_FORWARD_HEADERS_H
#define NEPHOS_GATEWAY_PROXY_FORWARD_HEADERS_H

#include "common/http/server/server.h"
#include "gateway/access/tokens.h"

/* Fields for the service: the client's own, without hop-by-hop fields and without ours; then identity (NULL:
 * nobody), trace, and the client's address (NULL: it is not sent). -ENOMEM; -ENOSPC: too many fields; -EINVAL:
 * too many lines of Connection. */
int forward_headers_request(const struct http_request *req, const struct token_identity *identity, const char *client,
	struct http_headers *ret);
/* Fields for the client, from an answer of a service or of another gateway. */
int forward_headers_answer(const struct http_headers *answer, bool of_gateway, struct http_headers *ret);
/* The key that one request is balanced by: the drive in its target, or the caller's home; empty when any
 * instance will do. Written to ret, which must hold FORWARD_KEY_SIZE. */
#define FORWARD_KEY_SIZE 48
void forward_headers_key(const char *target, const struct token_identity *identity, char *ret);

/* The value of Nephos-Home for the sender of this request: told_url for the host that the sender has used. hopped: the
 * sender has greeted as a gateway; it passes the value on, and gets url as it is. ret needs TOLD_URL_SIZE bytes. */
const char *forward_headers_home(const struct http_request *req, bool hopped, const char *url, char *ret);

#endif
