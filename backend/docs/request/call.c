#include "backend/docs/request/call.h"

#include "backend/service/service.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/http/accept.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct call_kept {
	struct call_kept *next;
	void *p;
	void (*free_fn)(void *p);
};

static void call_free(void *data)
{
	struct call *call = data;

	while (call->kept) {
		struct call_kept *kept = call->kept;

		call->kept = kept->next;
		kept->free_fn(kept->p);
		free(kept);
	}
	free(call);
}

/* Only the home of a drive sends this field, and only with reads. */
static int parse_stand(struct call *call)
{
	const char *text = http_request_header(call->req, HEADER_STANDBY);
	const char *method = http_request_method(call->req);
	struct headers_stand stand;

	if (!text)
		return 0;
	if ((strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) || headers_stand_parse(text, &stand) < 0)
		return -ERR_BAD_REQUEST;
	call->stand = (struct docs_stand){.at = {stand.incarnation, stand.seq}, .timeline = stand.timeline};
	return 0;
}

static int parse_headers(struct call *call)
{
	const char *floor = http_request_header(call->req, HEADER_FLOOR);
	const char *session = http_request_header(call->req, HEADER_SESSION);
	const char *drive = http_request_header(call->req, HEADER_DRIVE);
	uint64_t number;
	int64_t meant = 0;

	if (floor && headers_position_parse(floor, &call->scope.floor.incarnation, &call->scope.floor.seq) < 0)
		return -ERR_BAD_REQUEST;
	if (drive && text_parse_id(span_str(drive), INT32_MAX, &meant) < 0)
		return -ERR_BAD_REQUEST;
	call->meant = (uint32_t)meant;
	if (parse_stand(call) < 0)
		return -ERR_BAD_REQUEST;
	if (!session)
		return 0;
	if (text_parse_u64(span_str(session), INT64_MAX, &number) < 0)
		return -ERR_BAD_REQUEST;
	call->scope.session = (int64_t)number;
	return 0;
}

static int parse_drive(struct call *call)
{
	struct span drive = http_request_param(call->req, "drive");
	int64_t number;

	call->home = span_eq_str(drive, "home");
	if (drive.size == 0 || call->home)
		return 0;
	if (text_parse_id(drive, INT32_MAX, &number) < 0)
		return -ERR_NOT_FOUND;
	call->scope.drive = (uint32_t)number;
	return 0;
}

static int identify(struct call *call)
{
	struct service_identity who;
	int r = service_identity(call->req, &who);

	if (r < 0)
		return r;
	if (who.user_id == 0)
		return -ERR_UNAUTHENTICATED;
	call->user = (int64_t)who.user_id;
	call->scope.user = call->user;
	call->admin = who.admin;
	return 0;
}

struct call *call_of_part(struct http_request *req, void *cookie)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call) {
		http_respond_error(req, -ENOMEM, NULL);
		return NULL;
	}
	call->docs = service_app(cookie);
	call->req = req;
	http_request_set_data(req, call, call_free);
	return call;
}

struct call *call_new(struct http_request *req, void *cookie)
{
	struct call *call = call_of_part(req, cookie);
	int r;

	if (!call)
		return NULL;
	r = identify(call);
	if (r == 0)
		r = parse_headers(call);
	if (r == 0)
		r = parse_drive(call);
	if (r < 0) {
		call_fail(call, r, NULL);
		return NULL;
	}
	return call;
}

int call_keep(struct call *call, void *p, void (*free_fn)(void *p))
{
	struct call_kept *kept = malloc(sizeof(*kept));

	if (!kept) {
		free_fn(p);
		return -ENOMEM;
	}
	*kept = (struct call_kept){call->kept, p, free_fn};
	call->kept = kept;
	return 0;
}

void *call_try_alloc(struct call *call, size_t size)
{
	void *p = calloc(1, size);

	return p && call_keep(call, p, free) == 0 ? p : NULL;
}

void *call_alloc(struct call *call, size_t size)
{
	void *p = call_try_alloc(call, size);

	if (!p)
		call_fail(call, -ENOMEM, NULL);
	return p;
}

static void call_on_worker(struct docs_store *store, void *cookie)
{
	struct call *call = cookie;

	call->job(call, store);
}

int64_t call_party(const struct call *call)
{
	return call->user ? call->user : -(int64_t)call->scope.drive;
}

void call_work(struct call *call, void (*job)(struct call *call, struct docs_store *store))
{
	call->job = job;
	if (docs_run(call_on_worker, call, call->docs, call_party(call)) < 0)
		call_fail(call, -ERR_UNAVAILABLE, "too many requests wait for this service: try again in a moment");
}

void call_work_slow(struct call *call, void (*job)(struct call *call, struct docs_store *store))
{
	call->job = job;
	if (docs_run_slow(call_on_worker, call, call->docs, call_party(call)) < 0)
		call_fail(call, -ERR_UNAVAILABLE, "too many requests wait for this service: try again in a moment");
}

void call_start(struct http_request *req, void *cookie, void (*job)(struct call *call, struct docs_store *store))
{
	struct call *call = call_new(req, cookie);

	if (call)
		call_work(call, job);
}

void call_start_slow(struct http_request *req, void *cookie, void (*job)(struct call *call, struct docs_store *store))
{
	struct call *call = call_new(req, cookie);

	if (call)
		call_work_slow(call, job);
}

int call_home(const struct docs *docs, struct docs_store *store, int64_t user, uint32_t *ret_drive)
{
	struct docs_drive drive;
	int r = store->ops->drive_home(store, user, &drive);

	if (r < 0)
		return r;
	const struct docs_scope scope = {.user = user, .drive = drive.row.id};
	/* A drive without any change so far gets the default quota of new drives. */
	if (docs->default_quota > 0 && drive.row.quota == 0 && drive.at.seq == 0)
		r = store->ops->drive_change(store, &scope, NULL, &docs->default_quota);
	if (r == 0)
		*ret_drive = scope.drive;
	return r;
}

int call_drive_beside(struct call *call, struct docs_store *store)
{
	if (!call->home || call->scope.drive)
		return 0;
	return call_home(call->docs, store, call->scope.user, &call->scope.drive);
}

/* Clears scope.drive if it is not the drive that the request is meant for, so that no code goes on with it,
 * however the caller handles the failure. */
static int check_meant(struct call *call)
{
	if (call->meant == 0 || call->scope.drive == call->meant)
		return 0;
	if (call->scope.drive)
		call->other = call->scope.drive;
	call->scope.drive = 0;
	return -ERR_NOT_HOME;
}

int call_drive_number(struct call *call)
{
	return call->home && !call->scope.drive ? 0 : check_meant(call);
}

int call_drive(struct call *call, struct docs_store *store)
{
	int r = call_drive_beside(call, store);

	return r < 0 ? r : check_meant(call);
}

int call_id(const struct call *call, const char *placeholder, int64_t *ret)
{
	int64_t id;

	if (text_parse_id(http_request_param(call->req, placeholder), INT64_MAX, &id) < 0 ||
		ITEM_DRIVE(id) != call->scope.drive)
		return -ERR_NOT_FOUND;
	*ret = id;
	return 0;
}

int call_may(const struct call *call, enum access_action what, int64_t whose)
{
	return access_check(&(struct access_who){.user = call->user, .admin = call->admin}, what, whose);
}

bool call_accepts(const struct call *call, const char *media)
{
	return accept_wants(http_request_header(call->req, "Accept"), media);
}

int call_blame_path(const struct call *call)
{
	return http_request_blame(call->req, -ERR_BAD_PATH,
		"a path is names with one slash between them, like /a/b: none is empty, \".\" or \"..\", or has a NUL");
}

static void fail_other(struct call *call)
{
	struct http_headers headers;

	http_headers_init(&headers);
	(void)http_headers_addf(&headers, HEADER_DRIVE, "%" PRIu32, call->other);
	http_respond_error_with(
		call->req, -ERR_NOT_HOME, "the request is meant for another drive than it is for", &headers);
	http_headers_fini(&headers);
}

void call_fail(struct call *call, int error, const char *detail)
{
	const struct error_info *info = error_lookup(error);

	if (info->http_status == 500)
		log_error(http_request_trace(call->req), "op=\"%s %s\" user=%lld error=%d outcome=failed",
			http_request_method(call->req), http_request_route(call->req)->pattern, (long long)call->user,
			error);
	if (error == -ERR_NOT_HOME && call->other)
		fail_other(call);
	else
		http_respond_error(call->req, error, detail);
}
