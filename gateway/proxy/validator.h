/*
 * validator: asks the homes of drives whether they would give now what this gateway has kept of their answers
 * (RFC 9111 calls that validation). Questions are put together: those that come while a call to their home is
 * in flight wait for the next call, which takes them all. So many readers cost the home and this gateway one
 * call for many questions.
 *
 * A question never goes into a call that was sent before the question came: the verdict is of a moment after
 * the read began.
 *
 * A home that does not answer a call is left alone for a while (VALIDATOR_PAUSE_MS), and all questions that
 * wait for it fail at once: the requests behind them then ask the home as if nothing was kept, with the
 * patience of such requests.
 *
 * The caller keeps its question, with the key, until `heard` is called. Any thread.
 */
#ifndef NEPHOS_GATEWAY_PROXY_VALIDATOR_H
#define NEPHOS_GATEWAY_PROXY_VALIDATOR_H

#include "common/base/metrics.h"
#include "gateway/proxy/validation_message.h"
#include "gateway/ring/ring.h"
#include "gateway/upstream/upstream.h"

/* Questions at once; further readers ask as if nothing was kept. Each question holds its key and its answer, of
 * 64 KiB at most: 33 MiB, if all these answers have been evicted from the cache meanwhile. */
#define VALIDATOR_WAITING_MAX 512u
#define VALIDATOR_HOMES_MAX 64u /* homes that are asked at once: as many as a ring has */
/* Deadline of one call: a home that is alive answers within a millisecond, on a busy machine within some more. */
#define VALIDATOR_CALL_MS 1000
#define VALIDATOR_PAUSE_MS 500 /* a home that has not answered is asked nothing for this long */

struct validator;

struct validator_options {
	struct http_client *client;
	struct registry *registry; /* upstream wants one; no service is asked */
	struct metrics *metrics;   /* NULL: nothing is counted */
	/* Whether the ring has gone on without this boot: then a call to it gets no answer. Called while an
	 * answer is owed. */
	bool (*is_gone)(void *cookie, const char *boot);
	void *cookie;
};

/* Embedded by the caller. */
struct validator_question {
	struct validation_question asked;
	/* Called once for each validator_ask that was true, on the HTTP client's thread, without a lock. error
	 * < 0: there is no verdict. May free the question. */
	void (*heard)(struct validator_question *q, int error, const struct validation_verdict *verdict);
	struct validator_question *next; /* the validator's own, as the verdict is */
	struct validation_verdict verdict;
};

int validator_new(const struct validator_options *options, struct validator **ret);
void validator_free(struct validator *v); /* no question may wait; NULL is fine */
/* false: there is no place for the question, and heard is not called. */
bool validator_ask(struct validator *v, const struct membership_gateway *home, struct validator_question *q);

#endif
