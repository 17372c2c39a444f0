/*
 * Requests that gateways make for their ring. Only gateways use these routes, and there is no user behind a
 * request.
 *
 * POST /internal/v1/ring: a call to the book of the ring; the answer is the book after the call. The rules are
 * common/ring/membership; the store runs them on the rows. Whatever happens to the answer, the gateway calls
 * again within a second.
 *
 * GET /internal/v1/ring: the book, for a gateway that checks whether the others live.
 *
 * POST /internal/v1/ring/claims: makes the gateway the home of a drive; the answer is the position of the drive.
 *
 * GET /internal/v1/ring/home: the drive that is a user's `home`, for a gateway that needs it to find the home of
 * the drive.
 *
 * GET /internal/v1/ring/journal: what has become untrue of a drive behind a seq, for a home that has missed
 * changes. The answer has the form of touched.h, so that a gateway needs no knowledge of journal entries.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/core/docs.h"
#include "backend/docs/request/call.h"
#include "backend/docs/rules/touches.h"
#include "backend/service/job_queue.h"
#include "backend/service/service.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/proto/headers.h"
#include "common/ring/ring_message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define JOURNAL_ENTRIES_MAX \
	1000u /* entries whose tags are returned; with more entries the whole drive counts as touched */

struct ring_request {
	struct http_request *req;
	struct ring_message_call message;
	struct membership book;
};

static void free_request(void *data)
{
	struct ring_request *r = data;

	ring_message_call_fini(&r->message);
	free(r);
}

static void answer(const struct ring_request *r, bool lease)
{
	struct http_headers headers;
	struct buf body;

	http_headers_init(&headers);
	buf_init(&body, RING_MESSAGE_BYTES_MAX);
	int error = ring_message_write_answer(&r->book, lease, &body);
	if (error == 0)
		error = http_headers_add(&headers, "Content-Type", "application/json");
	if (error < 0)
		http_respond_error(r->req, error, NULL);
	else
		http_respond(r->req, 200, &headers, span_of(body.data, body.size));
	buf_fini(&body);
	http_headers_fini(&headers);
}

static void call_book(struct docs_store *store, void *cookie)
{
	struct ring_request *r = cookie;
	bool lease = false;
	int error = store->ops->ring_call(store, &r->message.call, &r->book, &lease);

	if (error == 0) {
		answer(r, lease);
		return;
	}
	if (error != -EINVAL && error != -ENOSPC)
		log_error(http_request_trace(r->req), "op=ring gateway=%s error=%d outcome=failed",
			r->message.call.name, error);
	http_respond_error(r->req, error == -EINVAL ? -ERR_BAD_REQUEST : error, NULL);
}

void api_ring_call(struct http_request *req, void *cookie)
{
	struct ring_request *r = calloc(1, sizeof(*r));
	int error = r ? ring_message_read_call(http_request_body(req), &r->message) : -ENOMEM;

	if (error == 0) {
		r->req = req;
		http_request_set_data(req, r, free_request);
		error = docs_run(call_book, r, service_app(cookie), JOB_PARTY_SERVICE) < 0 ? -ERR_UNAVAILABLE : 0;
	} else {
		free(r);
	}
	if (error < 0)
		http_respond_error(req, error, NULL);
}

static void look_at_book(struct docs_store *store, void *cookie)
{
	struct ring_request *r = cookie;
	int error = store->ops->ring_look(store, &r->book);

	if (error == 0) {
		answer(r, false);
		return;
	}
	log_error(http_request_trace(r->req), "op=ring-look error=%d outcome=failed", error);
	http_respond_error(r->req, error, NULL);
}

void api_ring_look(struct http_request *req, void *cookie)
{
	struct ring_request *r = calloc(1, sizeof(*r));
	int error = r ? 0 : -ENOMEM;

	if (error == 0) {
		r->req = req;
		http_request_set_data(req, r, free_request);
		error = docs_run(look_at_book, r, service_app(cookie), JOB_PARTY_SERVICE) < 0 ? -ERR_UNAVAILABLE : 0;
	}
	if (error < 0)
		http_respond_error(req, error, NULL);
}

/* ---- claims, and what was missed ---- */

struct drive_request {
	struct http_request *req;
	const struct docs *docs;
	uint32_t drive;
	int64_t number; /* the epoch of a claim, the seq that the caller knows, or a user */
};

static void claim_drive(struct docs_store *store, void *cookie)
{
	const struct drive_request *r = cookie;
	struct docs_position at;
	struct http_headers headers;
	char text[HEADERS_VALUE_SIZE];
	int64_t owner = 0;
	int error = store->ops->ring_claim(store, r->drive, r->number, &at, &owner);

	if (error < 0) {
		http_respond_error(r->req, error, NULL);
		return;
	}
	http_headers_init(&headers);
	headers_position_print(at.incarnation, at.seq, text);
	error = http_headers_add(&headers, HEADER_SEQ, text);
	if (error == 0)
		error = http_headers_addf(&headers, HEADER_USER, "%" PRId64, owner);
	if (error < 0)
		http_respond_error(r->req, error, NULL);
	else
		http_respond(r->req, 204, &headers, span_of(NULL, 0));
	http_headers_fini(&headers);
}

static int touch_entry(const struct tree_change *change, void *cookie)
{
	touches_add(cookie, change);
	return 0;
}

static void tell_touched(struct docs_store *store, void *cookie)
{
	const struct drive_request *r = cookie;
	const struct docs_scope scope = {.drive = r->drive};
	struct docs_position at = {.seq = -1};
	struct touched touched;
	char text[TOUCHED_TEXT_SIZE];

	touched_init(&touched, r->drive, 0, r->number);
	int error = store->ops->changes(store, &scope, r->number, JOURNAL_ENTRIES_MAX, touch_entry, &touched, &at);
	/* The entries are no longer in the journal, so touched_all below covers them. */
	if (error == -ERR_GONE && at.seq >= r->number)
		error = 0;
	if (error == 0 && at.seq < r->number)
		error = -ERR_EPOCH; /* the drive was set back */
	if (error < 0) {
		http_respond_error(r->req, error, NULL);
		return;
	}
	touched.incarnation = at.incarnation;
	if (touched.last < at.seq)
		touched_all(&touched, at.seq);
	touched_print(&touched, text);
	http_respond(r->req, 200, NULL, span_str(text));
}

static void tell_home(struct docs_store *store, void *cookie)
{
	const struct drive_request *r = cookie;
	char text[16];
	uint32_t drive = 0;
	int error = call_home(r->docs, store, r->number, &drive);

	(void)snprintf(text, sizeof(text), "%" PRIu32, drive);
	if (error < 0)
		http_respond_error(r->req, error, NULL);
	else
		http_respond(r->req, 200, NULL, span_str(text));
}

static void run(struct http_request *req, void *cookie, const struct drive_request *what,
	void (*job)(struct docs_store *store, void *cookie))
{
	struct drive_request *r = malloc(sizeof(*r));
	int error = r ? 0 : -ENOMEM;

	if (r) {
		*r = *what;
		r->req = req;
		r->docs = service_app(cookie);
		http_request_set_data(req, r, free);
		error = docs_run(job, r, service_app(cookie), JOB_PARTY_SERVICE) < 0 ? -ERR_UNAVAILABLE : 0;
	}
	if (error < 0)
		http_respond_error(req, error, NULL);
}

void api_ring_home(struct http_request *req, void *cookie)
{
	const char *user = http_request_query(req, "user");
	struct drive_request what = {.drive = 0};

	if (!user || text_parse_id(span_str(user), INT64_MAX, &what.number) < 0)
		http_respond_error(req, -ERR_BAD_REQUEST, "the query must have user=N, the number of a user");
	else
		run(req, cookie, &what, tell_home);
}

static int get_number(const json_t *object, const char *name, int64_t max, int64_t *ret)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > max)
		return -ERR_BAD_REQUEST;
	*ret = json_integer_value(value);
	return 0;
}

void api_ring_claim(struct http_request *req, void *cookie)
{
	const struct span body = http_request_body(req);
	json_t *object = json_loadb(body.data ? body.data : "", body.size, JSON_REJECT_DUPLICATES, NULL);
	struct drive_request what = {.drive = 0};
	int64_t drive = 0;
	int error = object ? get_number(object, "drive", INT32_MAX, &drive) : -ERR_BAD_JSON;

	if (error == 0)
		error = get_number(object, "epoch", INT64_MAX, &what.number);
	json_decref(object);
	what.drive = (uint32_t)drive;
	if (error < 0)
		http_respond_error(req, error, NULL);
	else
		run(req, cookie, &what, claim_drive);
}

void api_ring_journal(struct http_request *req, void *cookie)
{
	const char *drive = http_request_query(req, "drive"), *since = http_request_query(req, "since");
	struct drive_request what = {.drive = 0};
	uint64_t number = 0;
	int64_t id = 0;
	int error = drive && since && text_parse_id(span_str(drive), INT32_MAX, &id) == 0 &&
			text_parse_u64(span_str(since), INT64_MAX - 1, &number) == 0
		? 0
		: -ERR_BAD_REQUEST;

	what.drive = (uint32_t)id;
	what.number = (int64_t)number;
	if (error < 0)
		http_respond_error(req, error, NULL);
	else
		run(req, cookie, &what, tell_touched);
}
