/*
 * traits: what the gateway must know of a request before it sends it on: whether it changes anything, may be repeated,
 * is owed its answer for long, and which of the shares it takes a place of. Pure: it looks at method, target and
 * fields only. A spelling of a target that it does not know is only handled with more care.
 */
#ifndef NEPHOS_GATEWAY_PROXY_TRAITS_H
#define NEPHOS_GATEWAY_PROXY_TRAITS_H

#include "common/http/message.h"
#include "gateway/access/share_policy.h"

struct traits {
	bool reads;	 /* changes nothing */
	bool poll;	 /* may be owed its answer for a long time */
	bool repeatable; /* has one effect however often it comes */
	bool asked;	 /* the client waits to be told whether its body is wanted: the service says */
};

struct traits_request {
	const char *method;
	const char *target; /* path and query, raw */
	const struct http_headers *headers;
	const char *key; /* that it is balanced by; of the part that polls of scripts share */
	int64_t user;	 /* who asks; 0: nobody */
	bool expects;	 /* it has a body, and came with Expect */
};

void traits_find(const struct traits_request *request, struct traits *ret);
/* The place that it needs at a service; its amount is 0 until it is taken. wait: that parameter of its query; NULL:
 * none. */
void traits_place(
	const struct traits_request *request, const struct traits *traits, const char *wait, struct share_claim *ret);

#endif
