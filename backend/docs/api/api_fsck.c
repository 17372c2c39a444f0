/*
 * The check of the whole store, for administrators: POST starts a run, GET returns its progress and pages through
 * its findings, DELETE stops it. backend/docs/fsck.c does the work, at this or another instance; everything that
 * is returned here is stored in rows, so any instance can return it.
 *
 * Findings name documents of all users by their paths: an administrator who has to mend a store must know what to
 * restore. This is the only way in which an administrator sees names of other users' documents
 * (docs/threat-model.md).
 *
 * No key is kept for starting: a repeat finds the run that the first request has started.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/fsck.h"
#include "backend/docs/request/body.h"
#include "backend/docs/request/reply.h"
#include "backend/docs/rows/fsck.h"
#include "common/base/error.h"

#include <errno.h>
#include <stdio.h>

#define DETAIL_BYTES_MAX 256 /* two numbers and the text of an errno */

static const char *const STATES[] = {
	[DOCS_FSCK_NEVER] = "never",
	[DOCS_FSCK_RUNS] = "running",
	[DOCS_FSCK_OVER] = "done",
	[DOCS_FSCK_STOPPED] = "stopped",
	[DOCS_FSCK_FAILED] = "failed",
};

static json_t *run_json(const struct docs_fsck *run)
{
	json_t *o = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "state", STATES[run->state], "repair",
		(int)run->repair, "drives", (json_int_t)run->drives, "rows", (json_int_t)run->rows, "blocks",
		(json_int_t)run->blocks, "bytes", (json_int_t)run->bytes, "bytes_total", (json_int_t)run->bytes_total,
		"found", (json_int_t)run->found, "mended", (json_int_t)run->mended);
	int r = o ? item_json_set_id(o, "run", run->run) : -ENOMEM;

	if (r == 0 && run->started_at != 0)
		r = json_object_set_new(o, "started_at", json_integer(run->started_at));
	if (r == 0 && run->ended_at != 0)
		r = json_object_set_new(o, "ended_at", json_integer(run->ended_at));
	if (r < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* Adds the details that the table of errors does not have. */
static void fail(struct call *call, int r)
{
	const char *detail = NULL;

	if (r == -ERR_FORBIDDEN)
		detail = "only an administrator may check the store";
	else if (r == -EBUSY)
		detail = "a check of the other kind runs: wait for its end, or stop it";
	else if (r == -ERR_UNPROCESSABLE)
		detail = "the body must be {repair?: true or false}";
	call_fail(call, r, detail);
}

static void send_run(struct call *call, struct docs_store *store, int status)
{
	struct docs_fsck run;
	int r = store->ops->fsck_get(store, &run);

	if (r < 0)
		fail(call, r);
	else
		reply_json_take(call, status, NULL, run_json(&run));
}

/* ---- start ---- */

static int parse_repair(struct call *call, bool *ret)
{
	json_t *object = NULL;
	const json_t *repair;
	int r;

	*ret = false;
	if (http_request_body(call->req).size == 0)
		return 0;
	r = body_object(call, &object);
	if (r < 0)
		return r;
	repair = json_object_get(object, "repair");
	*ret = json_is_true(repair);
	r = repair && !json_is_boolean(repair) ? -ERR_UNPROCESSABLE : 0;
	json_decref(object);
	return r;
}

static void start_job(struct call *call, struct docs_store *store)
{
	struct docs_fsck run = {0};
	bool repair, new = false;
	int r = call_may(call, ACCESS_STORE, 0);

	if (r == 0)
		r = parse_repair(call, &repair);
	if (r == 0)
		r = store->ops->fsck_start(store, repair, &new);
	if (r == 0)
		r = store->ops->fsck_get(store, &run);
	if (r == 0 && !new &&run.state == DOCS_FSCK_RUNS && run.repair != repair)
		r = -EBUSY;
	if (r < 0) {
		fail(call, r);
		return;
	}
	fsck_wake(call->docs->fsck);
	reply_json_take(call, new ? 202 : 200, NULL, run_json(&run));
}

void api_fsck_start(struct http_request *req, void *cookie)
{
	call_start(req, cookie, start_job);
}

/* ---- progress, stop ---- */

static void get_job(struct call *call, struct docs_store *store)
{
	int r = call_may(call, ACCESS_STORE, 0);

	if (r < 0)
		fail(call, r);
	else
		send_run(call, store, 200);
}

void api_fsck_get(struct http_request *req, void *cookie)
{
	call_start(req, cookie, get_job);
}

static void stop_job(struct call *call, struct docs_store *store)
{
	int r = call_may(call, ACCESS_STORE, 0);

	if (r == 0)
		r = store->ops->fsck_stop(store);
	if (r < 0)
		fail(call, r);
	else
		send_run(call, store, 200);
}

void api_fsck_stop(struct http_request *req, void *cookie)
{
	call_start(req, cookie, stop_job);
}

/* ---- findings ---- */

struct finding_page {
	json_t *list;
	int64_t last;
};

/* Programs get the numbers only where these are a value and the right one, so that nobody compares others. */
static int set_values(json_t *o, const struct docs_fsck_finding *f)
{
	struct buf detail;
	int r;

	buf_init(&detail, DETAIL_BYTES_MAX);
	r = fsck_kind_detail(f->kind, f->is, f->should, &detail);
	if (r == 0 && detail.size > 0)
		r = item_json_set_bytes(o, "detail", buf_span(&detail));
	if (r == 0 && fsck_kind_counts(f->kind))
		r = json_object_set_new(o, "is", json_integer(f->is)) < 0 ||
				json_object_set_new(o, "should", json_integer(f->should)) < 0
			? -ENOMEM
			: 0;
	if (r == 0 && f->removed)
		r = json_object_set_new(o, "removed", json_true()) < 0 ? -ENOMEM : 0;
	buf_fini(&detail);
	return r;
}

static json_t *finding_json(const struct docs_fsck_finding *f)
{
	json_t *o = json_pack("{s:s, s:s, s:b}", "kind", fsck_kind_name(f->kind), "text", fsck_kind_text(f->kind),
		"mended", (int)f->mended);
	int r = o ? item_json_set_id(o, "number", f->number) : -ENOMEM;

	if (r == 0)
		r = set_values(o, f);
	if (r == 0)
		r = item_json_set_id(o, "drive", f->drive);
	if (r == 0)
		r = item_json_set_bytes(o, "drive_name", f->drive_name);
	if (r == 0 && f->id != 0)
		r = item_json_set_id(o, "id", f->id);
	if (r == 0 && f->path.size > 0)
		r = item_json_set_bytes(o, "path", f->path);
	if (r < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static int on_finding(const struct docs_fsck_finding *finding, void *cookie)
{
	struct finding_page *page = cookie;

	page->last = finding->number;
	return json_array_append_new(page->list, finding_json(finding)) < 0 ? -ENOMEM : 0;
}

static void findings_job(struct call *call, struct docs_store *store)
{
	struct finding_page page = {.list = json_array()};
	int64_t after = 0, limit = FSCK_PAGE_MAX;
	char next[24];
	int r = call_may(call, ACCESS_STORE, 0);

	if (r == 0)
		r = http_request_query_number(call->req, "cursor", 0, INT64_MAX, &after);
	if (r == 0)
		r = http_request_query_number(call->req, "limit", 1, FSCK_PAGE_MAX, &limit);
	if (r == 0)
		r = store->ops->fsck_findings(store, after, (uint32_t)limit, on_finding, &page);
	if (r < 0) {
		json_decref(page.list);
		fail(call, r);
		return;
	}
	(void)snprintf(next, sizeof(next), "%lld", (long long)page.last);
	reply_json_take(call, 200, NULL,
		json_pack("{s:o, s:s?}", "items", page.list, "next",
			json_array_size(page.list) == (size_t)limit ? next : NULL));
}

void api_fsck_findings(struct http_request *req, void *cookie)
{
	call_start(req, cookie, findings_job);
}
