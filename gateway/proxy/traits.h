/*
 * traits: what the gateway must find out about a request before it sends the request on: whether it changes
 * anything, may be repeated, may wait long for its answer, and of which share it takes a place. Pure: it looks
 * at method, target and fields only. A target in an unknown spelling is only handled with more care.
 */
#ifndef NEPHOS_GATEWAY_PROXY_TRAITS_H
#define NEPHOS_GATEWAY_PROXY_TRAITS_H

#include "common/http/message.h"
#include "gateway/access/share_policy.h"

struct traits {
	bool reads;	 /* changes nothing */
	bool poll;	 /* its answer may take a long time */
	bool repeatable; /* has one effect however often it comes */
	bool asked;	 /* the client waits to be told whether to send its body: the service decides */
};

struct traits_request {
	const char *method;
	const char *target; /* path and query, raw */
	const struct http_headers *headers;
	const char *key; /* by which it is balanced; also the part that polls of scripts share */
	int64_t user;	 /* who asks; 0: nobody */
	bool expects;	 /* it has a body, and came with Expect */
};

void traits_find(const struct traits_request *request, struct traits *ret);
/* The place that the request needs at a service; its amount is 0 until it is taken. wait: the query parameter
 * of that name; NULL: none. */
void traits_place(
	const struct traits_request *request, const struct traits *traits, const char *wait, struct share_claim *ret);

#endif
