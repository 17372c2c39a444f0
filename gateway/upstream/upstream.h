/*
 * upstream: one answer from one of the live instances of a service, with the rules for when another instance is
 * tried.
 *
 * If an instance refuses the connection, the next one is always tried. If the call is reset or times out before
 * a byte of the answer, the next one is tried when the call is repeatable (a read, or a mutation under a key)
 * and its body is still here. An instance has timed out when there is another one, and its registration expired
 * while it owed the answer, or first_byte_ms have passed; without another one, a lost registration is waited
 * out for UPSTREAM_LOST_MS. Each instance is tried at most once. For small calls of the gateway's own (tokens)
 * and for forwarded requests alike. Callbacks run on the HTTP client's thread.
 */
#ifndef NEPHOS_GATEWAY_UPSTREAM_UPSTREAM_H
#define NEPHOS_GATEWAY_UPSTREAM_UPSTREAM_H

#include "common/http/client/client.h"
#include "gateway/upstream/registry.h"

#include <stdbool.h>

#define UPSTREAM_CONNECT_MS 1000 /* within a machine room; a refusal comes at once */
#define UPSTREAM_LOST_MS 8000	 /* the wait for an instance whose registration expired, with no other one to ask */

struct upstream_call;

/* A server that is asked instead of an instance of a service; both fields are copied. */
struct upstream_fixed {
	const char *url;  /* base, no slash at the end */
	const char *peer; /* the peer as which it is greeted */
};

struct upstream_options {
	struct http_client *client;
	struct registry *registry;
	enum registry_kind kind;
	struct span key;		    /* empty: round robin, else the key's own instance first */
	const struct upstream_fixed *fixed; /* NULL: an instance of the kind; else only this server is tried */
	const char *method;
	const char *target; /* path and query, raw; kept by the caller */
	const struct http_headers *headers;
	struct span body; /* kept by the caller until done */
	/* Instead of body, for bodies that are not kept: the call is never tried again once a byte was pulled. */
	int (*pull)(void *cookie, void *data, size_t size, size_t *ret_size);
	int64_t body_length;
	bool expect; /* with pull: the body is sent only when the instance wants it */
	/* attempts: how many instances the request has been sent to by now. From 2 on an earlier instance may
	 * have executed it, and this may be the answer to a second execution. */
	int (*on_head)(void *cookie, const struct http_response *head, unsigned attempts);
	int (*on_data)(void *cookie, const void *data, size_t size);
	void (*on_waits)(void *cookie); /* the instance says that the request waits for its turn; may be NULL */
	bool repeatable;
	bool reads; /* the call changes nothing: its outcome is never unknown */
	size_t response_max;
	unsigned deadline_ms;	/* of one try; 0: none */
	unsigned stall_ms;	/* limit without a byte, of one try */
	unsigned first_byte_ms; /* 0: as stall_ms */
	/* May be NULL. Called about once a second while an answer is owed; a failure ends the call as if it was
	 * cancelled. */
	int (*waiting)(void *cookie);
	/* For a fixed server, called likewise. true: the server is gone, or not the right one any more: the
	 * call has timed out. */
	bool (*lost)(void *cookie, unsigned waited_ms);
	void *cookie;
	/* Called exactly once. error 0: response is the instance's; -ERR_UNAVAILABLE: no instance lives, or all
	 * have refused; -ERR_UNKNOWN_OUTCOME: the request may have been executed; -ECANCELED: by
	 * upstream_cancel; the error that pull returned; after on_head: -ECONNRESET … */
	void (*done)(void *cookie, int error, struct http_response *response);
};

/* The options are copied; what they point to must live until done. 0: done will be called, never from inside
 * upstream_start. */
int upstream_start(const struct upstream_options *options, struct upstream_call **ret);
void upstream_resume(struct upstream_call *call); /* after -EAGAIN by pull or on_data; valid until done returned */
void upstream_cancel(struct upstream_call *call);

#endif
