/*
 * hop: a request that another gateway passes on (PROTOCOL.md, "Between gateways"): by which epoch it was sent
 * here, by which gateway, and for which user. The sender has found out who asks, and has the token: it ends the
 * request when the token ends. Here the user is only a name under which shares are counted and services are
 * asked.
 *
 * The sender must be known to be a gateway: the guard of the listener calls door_admits_kind first. Any thread.
 */
#ifndef NEPHOS_GATEWAY_ACCESS_HOP_H
#define NEPHOS_GATEWAY_ACCESS_HOP_H

#include "common/http/server/server.h"
#include "gateway/access/tokens.h"

/* For a guard: the user that the request's fields name becomes its identity (auth_identity). false: the request
 * was answered. 400: a field is missing or malformed; 508: the sender is self. self: this gateway's name. */
bool hop_admit(struct http_request *req, const char *self);
/* For an admitted request, before other data replaces its identity: the epoch that the sender went by, and the
 * sender's name, which lies in the request. false: the request came from a client. */
bool hop_of(const struct http_request *req, int64_t *ret_epoch, const char **ret_name);

/* Parses EPOCH NAME; the name is the last part of text. -EBADMSG: no such text, or NULL; nothing is set then.
 * Pure. */
int hop_parse(const char *text, int64_t *ret_epoch, const char **ret_name);

/* The values of the fields that say who asks; NULL: the field is missing. */
struct hop_fields {
	const char *user, *name, *admin, *token_id;
};

/* -EBADMSG: a field is missing, or has an impossible value; -ENOMEM. Nothing is set then. Pure. */
int hop_identity(const struct hop_fields *fields, struct token_identity *ret);

#endif
