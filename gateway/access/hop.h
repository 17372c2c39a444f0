/*
 * hop: a request that another gateway passes on (PROTOCOL.md, "Between gateways"): by which epoch it was sent here, by
 * whom, and for which user. The sender has found out who asks, and has the token: it ends the request with it. Here the
 * user is only a name under which shares are counted and services are asked.
 *
 * Who says all this must be known to be a gateway: the guard of the listener asks door_admits_kind first. Any thread.
 */
#ifndef NEPHOS_GATEWAY_ACCESS_HOP_H
#define NEPHOS_GATEWAY_ACCESS_HOP_H

#include "common/http/server/server.h"
#include "gateway/access/tokens.h"

/* For a guard: what the request says of its way becomes its identity (auth_identity). false: it has answered. 400: a
 * field is missing or is none; 508: self is who has sent it. self: this gateway's name. */
bool hop_admit(struct http_request *req, const char *self);
/* Of an admitted one, before it has other data: the epoch that the sender went by, and its name, in the request. false:
 * it came from a client. */
bool hop_of(const struct http_request *req, int64_t *ret_epoch, const char **ret_name);

/* EPOCH NAME; the name is what comes last in the text. -EBADMSG: no such text, or NULL; nothing is set then. Pure. */
int hop_parse(const char *text, int64_t *ret_epoch, const char **ret_name);

/* The values of the fields that say who asks; NULL: there is none. */
struct hop_fields {
	const char *user, *name, *admin, *token_id;
};

/* -EBADMSG: one is missing, or says what it cannot; -ENOMEM. Nothing is set then. Pure. */
int hop_identity(const struct hop_fields *fields, struct token_identity *ret);

#endif
