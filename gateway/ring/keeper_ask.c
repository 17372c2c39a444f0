/*
 * The keeper's questions to docs services: claims of a drive, and what its journal has after a position. Each
 * question is an object with the number by which homes decides whether the answer still counts. It is sent
 * without the lock, and its answer is taken with the lock held: what the answer makes untrue is dropped before
 * any caller looks.
 *
 * At most one question for a drive is in flight at a time, and KEEPER_CALLS_MAX in all; a drive that finds no
 * room is asked about when it is looked at next. A claim that gets no answer counts as refused; a journal
 * question without an answer is repeated by the next request.
 */
#include "gateway/ring/keeper_internal.h"

#include "common/base/text.h"
#include "common/proto/headers.h"
#include "common/proto/touched.h"
#include "gateway/upstream/upstream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define TARGET_SIZE 96

struct question {
	struct keeper *keeper;
	uint32_t drive;
	uint64_t number;
	char key[16];
	char target[TARGET_SIZE];
	char body[TARGET_SIZE];
};

static int ask(struct question *q, const char *method, void (*done)(void *, int, struct http_response *))
{
	struct keeper *k = q->keeper;
	struct upstream_call *call;
	const struct upstream_options options = {
		.client = k->with.client,
		.registry = k->with.registry,
		.kind = REGISTRY_DOCS,
		.key = span_str(q->key),
		.method = method,
		.target = q->target,
		.headers = q->body[0] ? &k->json : NULL,
		.body = span_str(q->body),
		.repeatable = true,
		.response_max = TOUCHED_TEXT_SIZE,
		.deadline_ms = KEEPER_CALL_MS,
		.stall_ms = KEEPER_CALL_MS,
		.first_byte_ms = KEEPER_CALL_MS / 2,
		.cookie = q,
		.done = done,
	};

	return upstream_start(&options, &call);
}

static struct question *question_new(struct keeper *k, uint32_t drive, uint64_t number)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->keeper = k;
	q->drive = drive;
	q->number = number;
	(void)snprintf(q->key, sizeof(q->key), "%" PRIu32, drive);
	return q;
}

/* The caller holds k->lock. owner: 0 if there is no such drive. */
static void mark_absent(struct keeper *k, uint32_t drive, int64_t owner)
{
	struct keeper_waiter *w;

	DL_FOREACH(k->waiting, w)
		if (w->drive == drive && (owner == 0 || (w->user != KEEPER_VOUCHED && w->user != owner)))
			w->absent = true;
}

/* The owner of a drive that exists; 0: the answer does not name one. */
static int64_t owner_of(const struct http_response *response)
{
	const char *text = http_headers_get(&response->headers, HEADER_USER);
	int64_t owner = 0;

	return text && text_parse_id(span_str(text), INT64_MAX, &owner) == 0 ? owner : 0;
}

static void on_claimed(void *cookie, int error, struct http_response *response)
{
	struct question *q = cookie;
	struct keeper *k = q->keeper;
	struct home_claim said = {0};
	const int status = error == 0 ? response->status : 0;
	enum home_duty duty = HOME_NOTHING;
	bool claimed = status == 204 &&
		headers_position_parse(
			http_headers_get(&response->headers, HEADER_SEQ), &said.incarnation, &said.seq) == 0;

	if (claimed)
		said.owner = owner_of(response);
	pthread_mutex_lock(&k->lock);
	k->calls--;
	if (claimed)
		keeper_note_timeline(k, http_headers_get(&response->headers, HEADER_TIMELINE));
	if (claimed)
		claimed = homes_claimed(k->homes, q->drive, q->number, &said, &duty);
	else
		homes_refused(k->homes, q->drive, q->number);
	keeper_do_duty(k, q->drive, duty, NULL);
	if (status == 404 || said.owner != 0)
		mark_absent(k, q->drive, said.owner);
	/* After any other failure no waiter is called: one that waits for an epoch that other gateways have
	 * already is called when the ring's book has answered (keeper_on_heard). */
	if (claimed || said.owner != 0 || status == 404)
		keeper_wake_all(k);
	keeper_ask_and_unlock(k, q->drive); /* asks the journal what the replica has missed */
	metric_inc(claimed ? k->claims : k->claim_failures);
	free(q);
}

void keeper_ask_claim(struct keeper *k, uint32_t drive, uint64_t number, int64_t epoch)
{
	struct question *q = question_new(k, drive, number);
	int error = q ? 0 : -ENOMEM;

	if (error == 0) {
		(void)snprintf(q->target, sizeof(q->target), "/internal/v1/ring/claims");
		(void)snprintf(q->body, sizeof(q->body), "{\"drive\":%" PRIu32 ",\"epoch\":%" PRId64 "}", drive, epoch);
		error = ask(q, "POST", on_claimed);
	}
	if (error < 0) {
		pthread_mutex_lock(&k->lock);
		k->calls--;
		homes_refused(k->homes, drive, number);
		pthread_mutex_unlock(&k->lock);
		metric_inc(k->claim_failures);
		free(q);
	}
}

static void ask_journal(struct keeper *k, uint32_t drive, uint64_t number, int64_t since);

void keeper_ask_and_unlock(struct keeper *k, uint32_t drive)
{
	int64_t since = 0;
	const uint64_t number = k->calls < KEEPER_CALLS_MAX ? homes_ask(k->homes, drive, &since) : 0;

	k->calls += number != 0;
	pthread_mutex_unlock(&k->lock);
	if (number)
		ask_journal(k, drive, number, since);
}

static void on_journal(void *cookie, int error, struct http_response *response)
{
	struct question *q = cookie;
	struct keeper *k = q->keeper;
	struct touched touched;
	const int status = error == 0 ? response->status : 0;
	const bool told = status == 200 && touched_parse(buf_span(&response->body), q->drive, &touched) == 0;

	pthread_mutex_lock(&k->lock);
	k->calls--;
	if (told)
		keeper_note_timeline(k, http_headers_get(&response->headers, HEADER_TIMELINE));
	if (told) {
		const struct home_stretch stretch = keeper_stretch(&touched);

		keeper_do_duty(k, q->drive, homes_told(k->homes, q->drive, q->number, &stretch), &touched);
	} else {
		(void)homes_told(k->homes, q->drive, q->number, NULL);
	}
	/* The drive was set back, or does not exist any more. */
	if (status == 409 || status == 404)
		keeper_forget_home(k, q->drive);
	if (told)
		keeper_ask_and_unlock(k, q->drive); /* an answer may have named a later position by now */
	else
		pthread_mutex_unlock(&k->lock); /* the next request asks again */
	free(q);
}

static void ask_journal(struct keeper *k, uint32_t drive, uint64_t number, int64_t since)
{
	struct question *q = question_new(k, drive, number);
	int error = q ? 0 : -ENOMEM;

	if (error == 0) {
		(void)snprintf(q->target, sizeof(q->target),
			"/internal/v1/ring/journal?drive=%" PRIu32 "&since=%" PRId64, drive, since);
		error = ask(q, "GET", on_journal);
	}
	metric_inc(k->questions);
	if (error < 0) {
		pthread_mutex_lock(&k->lock);
		k->calls--;
		(void)homes_told(k->homes, drive, number, NULL);
		pthread_mutex_unlock(&k->lock);
		free(q);
	}
}
