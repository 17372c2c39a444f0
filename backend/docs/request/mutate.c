#include "backend/docs/request/mutate.h"

#include "backend/docs/core/failpoint.h"
#include "backend/docs/request/reply.h"
#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/base/text.h"
#include "common/proto/batch_key.h"
#include "common/proto/headers.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void mutate_fini(void *p)
{
	struct mutate *m = p;

	op_batch_free(m->batch);
	buf_fini(&m->headers);
	buf_fini(&m->body);
	http_headers_fini(&m->all_headers);
}

/* ---- keys ---- */

static int parse_header_number(const struct call *call, const char *name, int64_t *ret)
{
	const char *text = http_request_header(call->req, name);
	uint64_t number;

	if (!text)
		return 0;
	if (text_parse_u64(span_str(text), INT64_MAX, &number) < 0)
		return -ERR_BAD_REQUEST;
	*ret = (int64_t)number;
	return 0;
}

/* The journal shows the key, so it must be text, and must not look like the batch key of a mount. */
static int check_key(const struct http_request *req, struct span key)
{
	char text[HTTP_BLAME_BYTES];

	if (key.size == 0 || key.size > IDEMPOTENCY_KEY_BYTES_MAX) {
		(void)snprintf(
			text, sizeof(text), "Idempotency-Key must have 1 to %u bytes", IDEMPOTENCY_KEY_BYTES_MAX);
		return http_request_blame(req, -ERR_BAD_REQUEST, text);
	}
	if (!text_is_utf8(key))
		return http_request_blame(req, -ERR_BAD_REQUEST, "Idempotency-Key must be UTF-8");
	if (batch_key_is_one(key))
		return http_request_blame(req, -ERR_BAD_REQUEST,
			"Idempotency-Key must not have the form NUMBER/NUMBER, which names batches of mounts");
	return 0;
}

static int parse_key(struct mutate *m)
{
	const char *key = http_request_header(m->call->req, "Idempotency-Key");
	struct docs_key *k = &m->request.key;
	size_t size = key ? strlen(key) : 0;
	int64_t batch = -1;
	int r = parse_header_number(m->call, HEADER_BATCH, &batch);

	k->user = m->call->user;
	if (r == 0 && batch >= 0) {
		k->kind = DOCS_KEY_SESSION;
		k->session = m->call->scope.session;
		k->number = batch;
		return k->session > 0 ? 0 : -ERR_BAD_REQUEST;
	}
	if (r == 0 && key) {
		k->kind = DOCS_KEY_USER;
		k->key = span_of(key, size);
		return check_key(m->call->req, k->key);
	}
	return r;
}

static void on_answer(struct commit_request *request, int error, int index, const struct op_result *results,
	struct docs_position at, struct docs_answer *ret);
static void on_done(struct commit_request *request, int error, const struct docs_answer *answer, bool repeat,
	const struct tree_drive *drive);

int mutate_init(struct mutate *m, struct call *call)
{
	int r;

	memset(m, 0, sizeof(*m));
	m->call = call;
	buf_init(&m->headers, MUTATE_HEADERS_MAX);
	buf_init(&m->body, MUTATE_BODY_MAX);
	http_headers_init(&m->all_headers);
	r = call_keep(call, m, mutate_fini);
	if (r < 0)
		return r;
	m->request.epoch = m->request.lease_epoch = -1;
	m->request.answer = on_answer;
	m->request.done = on_done;
	r = parse_key(m);
	if (r == 0)
		r = parse_header_number(call, HEADER_EPOCH, &m->request.epoch);
	if (r == 0)
		r = parse_header_number(call, HEADER_LEASE, &m->request.lease_epoch);
	return r;
}

bool mutate_has_key(const struct mutate *m)
{
	return m->request.key.kind != DOCS_KEY_NONE;
}

static int hash_text(struct sha256 *hash, const char *text)
{
	/* Includes the NUL, so that no two different lists of texts give the same bytes. */
	return sha256_update(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

int mutate_fingerprint(struct mutate *m, struct span content)
{
	static const char *const conditions[] = {"If-Match", "If-None-Match", "If-Unmodified-Since"};
	struct sha256 hash;
	int r;

	if (!mutate_has_key(m))
		return 0;
	r = sha256_init(&hash);
	if (r < 0)
		return r;
	r = hash_text(&hash, http_request_method(m->call->req));
	if (r == 0)
		r = hash_text(&hash, http_request_target(m->call->req));
	for (size_t i = 0; r == 0 && i < sizeof(conditions) / sizeof(conditions[0]); i++)
		r = hash_text(&hash, http_request_header(m->call->req, conditions[i]));
	if (r == 0)
		r = sha256_update(&hash, content.data, content.size);
	if (r == 0)
		r = sha256_final(&hash, m->request.key.fingerprint);
	sha256_fini(&hash);
	return r;
}

int mutate_init_whole(struct mutate *m, struct call *call)
{
	int r = mutate_init(m, call);

	return r < 0 ? r : mutate_fingerprint(m, http_request_body(call->req));
}

/* ---- answers ---- */

int mutate_header(struct mutate *m, const char *name, const char *value)
{
	return buf_printf(&m->headers, "%s: %s\n", name, value);
}

static int append_json(const char *data, size_t size, void *cookie)
{
	return buf_append(cookie, data, size);
}

int mutate_body_take(struct mutate *m, json_t *object)
{
	int r = object ? json_dump_callback(object, append_json, &m->body, JSON_COMPACT) : -ENOMEM;

	json_decref(object);
	return r < 0 ? -ENOMEM : mutate_header(m, "Content-Type", "application/json");
}

int mutate_body_item(struct mutate *m, const struct item *item)
{
	char etag[ITEM_ETAG_SIZE];
	int r = mutate_body_take(m, item_to_json(item));

	item_etag(item, etag);
	return r < 0 ? r : mutate_header(m, "ETag", etag);
}

/* The problem in the form of http_respond_error, plus the op's index. New reference, or NULL. */
static json_t *problem_json(const struct call *call, int error, const char *detail, int index)
{
	const struct error_info *info = error_lookup(error);
	char type[64];
	json_t *o;

	snprintf(type, sizeof(type), "/problems/%s", info->type);
	o = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "type", type, "title", info->title, "status", info->http_status,
		"detail", detail ? detail : info->title, "errno", info->errno_name, "trace_id",
		http_request_trace(call->req));
	if (o && index >= 0)
		(void)json_object_set_new(o, "index", json_integer(index));
	return o;
}

void mutate_respond_problem(struct call *call, int error, const char *detail, int index)
{
	json_t *problem = index >= 0 ? problem_json(call, error, detail, index) : NULL;
	struct http_headers headers;
	char *text = problem ? json_dumps(problem, JSON_COMPACT) : NULL;

	json_decref(problem);
	if (!text) {
		call_fail(call, error, detail);
		return;
	}
	http_headers_init(&headers);
	(void)http_headers_add(&headers, "Content-Type", "application/problem+json");
	http_respond_take(call->req, error_lookup(error)->http_status, &headers, text, strlen(text));
	http_headers_fini(&headers);
}

/* Where a limit is exceeded, the text says what to do. -E2BIG of OP_SETXATTR means that an ACL is too large,
 * which has no such text. */
static const char *detail_of(const struct mutate *m, int error, int index)
{
	if (!m->detail && error == -ERR_EXTENTS)
		return "the quota goes with so many extents, and the files of all drives lie in as many already: remove "
		       "some, or write those that are in many small pieces again as a whole";
	if (!m->detail && error == -ERR_FRAGMENTED)
		return "the file lies in as many pieces as one may: write it again as a whole";
	if (m->detail || error != -E2BIG || (index >= 0 && op_batch_at(m->batch, (size_t)index)->kind == OP_SETXATTR))
		return m->detail;
	return "the batch reads or makes more extents, or more inline content, than one may: send it in parts";
}

static int append_problem(struct mutate *m, int error, int index)
{
	json_t *o = problem_json(m->call, error, detail_of(m, error, index), m->refusal ? -1 : index);
	int r = o ? json_dump_callback(o, append_json, &m->body, JSON_COMPACT) : -ENOMEM;

	json_decref(o);
	if (r == 0)
		r = mutate_header(m, "Content-Type", "application/problem+json");
	return r < 0 ? r : error_lookup(error)->http_status;
}

int mutate_header_position(struct mutate *m, struct docs_position at)
{
	char text[HEADERS_VALUE_SIZE];

	headers_position_print(at.incarnation, at.seq, text);
	return mutate_header(m, HEADER_SEQ, text);
}

/* budget: commit's form */
static void on_answer(struct commit_request *request, int error, int index, const struct op_result *results,
	struct docs_position at, struct docs_answer *ret)
{
	struct mutate *m = (struct mutate *)request;
	int status;

	buf_reset(&m->headers);
	buf_reset(&m->body);
	m->refused = error;
	m->retrying = error < 0 && m->may_retry && m->may_retry(m, error);
	if (error < 0)
		status = append_problem(m, m->refusal ? m->refusal : error, index);
	else
		status = m->answer(m, results, at);
	if (status == -E2BIG) {
		ret->status = status;
		return;
	}
	if (status < 0) {
		/* The ops take effect all the same; only the text of the answer is missing. */
		buf_reset(&m->body);
		status = 500;
	}
	(void)mutate_header_position(m, at);
	ret->status = m->retrying ? 0 : status; /* 0: not kept */
	ret->headers = buf_span(&m->headers);
	ret->body = buf_span(&m->body);
}

static void add_kept_headers(struct http_headers *headers, struct span kept)
{
	char line[512];

	while (kept.size > 0) {
		const char *end = memchr(kept.data, '\n', kept.size);
		size_t size = end ? (size_t)(end - kept.data) : kept.size;
		char *colon;

		snprintf(line, sizeof(line), "%.*s", (int)(size < sizeof(line) ? size : sizeof(line) - 1), kept.data);
		colon = strstr(line, ": ");
		if (colon) {
			*colon = '\0';
			(void)http_headers_add(headers, line, colon + 2);
		}
		kept = end ? span_of(end + 1, kept.size - size - 1) : span_of(NULL, 0);
	}
}

static void add_headers(struct mutate *m, const struct docs_answer *answer, bool repeat, const struct tree_drive *drive,
	struct http_headers *headers)
{
	add_kept_headers(headers, answer->headers);
	if (drive)
		reply_usage(headers, drive->used, drive->quota);
	if (repeat)
		(void)http_headers_add(headers, "Idempotency-Replayed", "true");
	if (m->request.touched) {
		char touched[TOUCHED_TEXT_SIZE];

		touched_print(m->request.touched, touched);
		(void)http_headers_add(headers, HEADER_TOUCHED, touched);
	}
	/* For a batch: the field says that its number is used up, and that this is its result. A refusal without
	 * the field does not say whether the number is used up. */
	if (m->request.key.kind == DOCS_KEY_SESSION)
		(void)http_headers_addf(headers, HEADER_BATCH, "%" PRId64, m->request.key.number);
}

void mutate_respond(struct mutate *m, const struct docs_answer *answer, bool repeat, const struct tree_drive *drive)
{
	struct http_headers headers;

	http_headers_init(&headers);
	add_headers(m, answer, repeat, drive, &headers);
	http_respond(m->call->req, answer->status, &headers, answer->body);
	http_headers_fini(&headers);
}

/* m->body still holds the body that `answer` made. */
static void do_afterwards(struct mutate *m, const struct docs_answer *answer, const struct tree_drive *drive)
{
	m->status = answer->status;
	add_headers(m, answer, false, drive, &m->all_headers);
	call_work(m->call, m->afterwards);
}

void mutate_answer(struct mutate *m)
{
	http_respond(m->call->req, m->status, &m->all_headers, buf_span(&m->body));
}

static void count_ops(const struct mutate *m)
{
	struct docs_metrics *metrics = &m->call->docs->metrics;

	for (size_t i = 0; i < op_batch_count(m->batch); i++)
		metric_inc(metrics->ops[op_batch_at(m->batch, i)->kind]);
	metric_inc(metrics->batches);
}

static void on_done(struct commit_request *request, int error, const struct docs_answer *answer, bool repeat,
	const struct tree_drive *drive)
{
	struct mutate *m = (struct mutate *)request;

	if (error == 0 && !repeat && m->refused == 0) {
		count_ops(m);
		failpoint_after_commit(&m->call->docs->failpoint, m->batch);
	}
	if (error == 0 && !repeat && m->retrying) {
		m->retry(m);
		return;
	}
	if (error < 0)
		call_fail(m->call, error,
			error == -E2BIG ? "the answer would be longer than one may be: send the batch in parts" : NULL);
	else if (m->afterwards && !repeat && m->refused == 0)
		do_afterwards(m, answer, drive);
	else
		mutate_respond(m, answer, repeat, drive);
}

/* ---- submitting ---- */

/* Keys are kept with the drive's owner. An administrator who acts for the owner has keys of his own there. */
static int adopt_key(struct mutate *m)
{
	struct docs_key *k = &m->request.key;
	int64_t owner = m->call->scope.user;
	size_t size = k->key.size + 32;
	char *text;

	if (k->user == owner)
		return 0;
	if (k->kind == DOCS_KEY_USER) {
		text = call_try_alloc(m->call, size);
		if (!text)
			return -ENOMEM;
		snprintf(text, size, "%" PRId64 ":%.*s", k->user, (int)k->key.size, k->key.data);
		k->key = span_str(text);
	}
	k->user = owner;
	return 0;
}

bool mutate_may_be_repeat(struct mutate *m, struct docs_store *store)
{
	struct docs_seen seen = {.state = DOCS_NEW};
	int r;

	if (m->request.key.kind != DOCS_KEY_USER)
		return mutate_has_key(m);
	r = adopt_key(m);
	if (r == 0)
		r = store->ops->answer_find(store, &m->request.key, &seen);
	store->ops->txn_abort(store);
	return r < 0 || seen.state != DOCS_NEW;
}

void mutate_submit_take(struct mutate *m, struct op_batch *batch)
{
	int r;

	assert(m->call->meant == 0 || m->call->scope.drive == m->call->meant);
	op_batch_free(m->batch);
	m->batch = batch;
	m->request.batch = batch;
	m->request.drive = m->call->scope.drive;
	m->request.user = m->call->scope.user;
	r = adopt_key(m);
	if (r == 0)
		r = commit_submit(m->call->docs->commit, &m->request);
	if (r < 0)
		call_fail(m->call, r, NULL);
}

void mutate_ops(struct mutate *m, const struct op *ops, size_t count)
{
	struct op_batch *batch;
	int r = op_batch_new(ops, count, &batch);

	if (r < 0)
		mutate_refuse(m, r, NULL);
	else
		mutate_submit_take(m, batch);
}

/* Document 0 never exists: so the op is always refused, and the answer carries the intended error. */
static void submit_nothing(struct mutate *m)
{
	struct op op = {.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = ITEM_ID(m->call->scope.drive, 0)};

	mutate_ops(m, &op, 1);
}

void mutate_refuse(struct mutate *m, int error, const char *detail)
{
	/* Failures of the service itself are kept under no key. */
	bool trouble = error_lookup(error)->http_status >= 500 && error != -EDQUOT;

	if (!mutate_has_key(m) || trouble || m->call->scope.drive == 0) {
		call_fail(m->call, error, detail);
		return;
	}
	m->refusal = error;
	m->detail = detail;
	m->may_retry = NULL;
	submit_nothing(m);
}
