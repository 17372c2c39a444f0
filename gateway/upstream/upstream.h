/*
 * upstream: one answer from one of the live instances of a service, with the rules of when another one is tried.
 *
 * An instance that refuses the connection: the next one, always. Reset or timed out before a byte of the answer: the
 * next one when the call says it is repeatable (a read, or a mutation under a key) and its body is still here. An
 * instance has timed out when its registration ran out while it owed the answer, or after first_byte_ms, and there is
 * another one; without another one a lost registration is waited out for UPSTREAM_LOST_MS. Each instance is tried at
 * most once. For small calls of the gateway's own (tokens) and for forwarded requests alike. Callbacks run on the HTTP
 * client's thread.
 */
#ifndef NEPHOS_GATEWAY_UPSTREAM_UPSTREAM_H
#define NEPHOS_GATEWAY_UPSTREAM_UPSTREAM_H

#include "common/http/client/client.h"
#include "gateway/upstream/registry.h"

#include <stdbool.h>

#define UPSTREAM_CONNECT_MS 1000 /* within a machine room; a refused connection answers at once */
#define UPSTREAM_LOST_MS 8000	 /* waited for an instance whose registration ran out, with no other one to ask */

struct upstream_call;

/* One that is asked instead of an instance of a service; all are copied. */
struct upstream_fixed {
	const char *url;  /* base, no slash at the end */
	const char *peer; /* as whom it is greeted */
};

struct upstream_options {
	struct http_client *client;
	struct registry *registry;
	enum registry_kind kind;
	struct span key;		    /* empty: round robin, else the key's own instance first */
	const struct upstream_fixed *fixed; /* NULL: an instance of the kind. No other one is tried then */
	const char *method;
	const char *target; /* path and query, raw; kept by the caller */
	const struct http_headers *headers;
	struct span body; /* kept by the caller until done */
	/* Instead of body, for bodies that are not kept: never tried twice once a byte was pulled. */
	int (*pull)(void *cookie, void *data, size_t size, size_t *ret_size);
	int64_t body_length;
	bool expect; /* pull: only when the instance wants the body */
	/* attempts: how many instances the request has been sent to by now. From 2 on an earlier one may have done it,
	 * and this answer may be that of a second time. */
	int (*on_head)(void *cookie, const struct http_response *head, unsigned attempts);
	int (*on_data)(void *cookie, const void *data, size_t size);
	void (*on_waits)(void *cookie); /* the instance says that the request waits for its turn; may be NULL */
	bool repeatable;
	bool reads; /* changes nothing: its outcome is never unknown */
	size_t response_max;
	unsigned deadline_ms;	/* of one try; 0: none */
	unsigned stall_ms;	/* no byte for so long, of one try */
	unsigned first_byte_ms; /* 0: as stall_ms */
	/* May be NULL. Asked about once a second while an answer is owed; a failure ends the call as if it was
	 * cancelled. */
	int (*waiting)(void *cookie);
	/* Of a fixed one, asked likewise: it is gone, or not the right one any more, and has timed out. */
	bool (*lost)(void *cookie, unsigned waited_ms);
	void *cookie;
	/* Exactly once. error 0: response as the instance gave it; -ERR_UNAVAILABLE: nobody lives or all refused;
	 * -ERR_UNKNOWN_OUTCOME: it may have happened; -ECANCELED: by upstream_cancel; what pull said; after on_head:
	 * -ECONNRESET … */
	void (*done)(void *cookie, int error, struct http_response *response);
};

/* The options are copied, what they point to must live until done. 0: done will come, never from inside this call. */
int upstream_start(const struct upstream_options *options, struct upstream_call **ret);
void upstream_resume(struct upstream_call *call); /* after pull or on_data said -EAGAIN; valid until done returned */
void upstream_cancel(struct upstream_call *call);

#endif
