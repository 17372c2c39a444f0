/*
 * validator: asks the homes of drives whether answers that this gateway has kept of theirs are what they would answer
 * now (RFC 9111 calls that validation). Questions are put together: those that come while a home is being asked wait
 * for the next call, and go in it all at once. So many readers cost the home and this gateway one call for many.
 *
 * A question never goes into a call that was sent before it came: the verdict is of a moment after the read began.
 *
 * A home that does not answer a call is left alone for a while, and all who wait for it are told at once: they ask it
 * as if nothing was kept, with the patience of those requests.
 *
 * Whoever asks keeps his question, with its key, until he is heard. Any thread.
 */
#ifndef NEPHOS_GATEWAY_PROXY_VALIDATOR_H
#define NEPHOS_GATEWAY_PROXY_VALIDATOR_H

#include "common/base/metrics.h"
#include "gateway/proxy/validation_message.h"
#include "gateway/ring/ring.h"
#include "gateway/upstream/upstream.h"

/* Questions at once; more readers ask as if nothing was kept. Each holds its key and its answer, of 64 KiB at most: 33
 * MiB, if all of that has fallen out of the cache meanwhile. */
#define VALIDATOR_WAITING_MAX 512u
#define VALIDATOR_HOMES_MAX 64u /* that are asked at once: as many as a ring has */
/* Of one call: a home that is there answers within a millisecond, on a busy machine within some more. */
#define VALIDATOR_CALL_MS 1000
#define VALIDATOR_PAUSE_MS 500 /* a home that has not answered is asked nothing for so long */

struct validator;

struct validator_options {
	struct http_client *client;
	struct registry *registry; /* as upstream wants one; no service is asked */
	struct metrics *metrics;   /* NULL: nothing is counted */
	/* The ring has gone on without this boot: what it was asked has no answer. Asked about while one is owed. */
	bool (*is_gone)(void *cookie, const char *boot);
	void *cookie;
};

/* Embedded by who asks. */
struct validator_question {
	struct validation_question asked;
	/* Once for each validator_ask that was true, on the client's thread, without a lock. error < 0: nobody has
	 * said. It may free the question. */
	void (*heard)(struct validator_question *q, int error, const struct validation_verdict *verdict);
	struct validator_question *next; /* the validator's own, as the verdict */
	struct validation_verdict verdict;
};

int validator_new(const struct validator_options *options, struct validator **ret);
void validator_free(struct validator *v); /* nobody may wait. NULL is fine */
/* false: there is no place for it, and heard is not called. */
bool validator_ask(struct validator *v, const struct membership_gateway *home, struct validator_question *q);

#endif
