#include "tests/unit/gateway/origin.h"

#include "common/base/error.h"
#include "common/http/byteranges.h"
#include "common/http/precondition.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The bytes differ at different places of one block, and between two versions at the same place. */
char origin_byte(int version, size_t at)
{
	return (char)(at * 7 + at / 251 + (unsigned)version);
}

/* ---- a body ---- */

struct outflow {
	struct origin *origin;
	struct origin_step step;
	size_t at, end; /* offsets in the content */
	size_t sent;
};

static int pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct outflow *f = cookie;
	const size_t left = f->step.until ? f->step.until - f->sent : f->end - f->at;
	char *bytes = data;

	if (left == 0 && f->step.holds)
		gate_open(&f->origin->held);
	if (left == 0 && f->step.until)
		return f->step.holds ? -EAGAIN : -EIO;
	size = size < left ? size : left;
	for (size_t i = 0; i < size; i++)
		bytes[i] = origin_byte(f->step.version, f->at + i);
	f->at += size;
	f->sent += size;
	*ret_size = size;
	return 0;
}

static void done(void *cookie, bool complete)
{
	(void)complete;
	free(cookie);
}

static const struct http_stream_ops STREAM = {.pull = pull, .done = done};

/* ---- an answer ---- */

static struct origin_step take_step(struct origin *o, const struct http_request *req)
{
	static const char *const NAMES[] = {"Range", "If-Match", "If-None-Match"};
	char *const fields[] = {o->range, o->if_match, o->if_none_match};
	struct origin_step step = {0};

	pthread_mutex_lock(&o->lock);
	if (o->next < o->count)
		step = o->plan[o->next++];
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
		const char *value = http_request_header(req, NAMES[i]);

		(void)snprintf(fields[i], ORIGIN_FIELD_SIZE, "%s", value ? value : "");
	}
	pthread_mutex_unlock(&o->lock);
	return step;
}

static void write_etag(int version, char ret[ORIGIN_FIELD_SIZE])
{
	(void)snprintf(ret, ORIGIN_FIELD_SIZE, "\"version %d\"", version);
}

static bool is_refused(const struct origin_step *step, struct http_request *req)
{
	char etag[ORIGIN_FIELD_SIZE];
	const struct precondition conditions = {.if_match = http_request_header(req, "If-Match")};
	const struct precondition_target target = {.exists = true, .etag = etag};

	write_etag(step->version, etag);
	const int error = precondition_check(&conditions, &target, true);
	if (step->status == 0 && error == 0)
		return false;
	if (step->status)
		http_respond(req, step->status, NULL, span_str("{}"));
	else
		http_respond_error(req, error, NULL);
	return true;
}

static void add_etag(const struct origin_step *step, struct http_headers *headers)
{
	char etag[ORIGIN_FIELD_SIZE];

	write_etag(step->version + (step->twist == ORIGIN_OTHER_ETAG), etag);
	if (step->twist == ORIGIN_NO_ETAG)
		return;
	(void)http_headers_addf(headers, "ETag", "%s%s", step->twist == ORIGIN_WEAK_ETAG ? "W/" : "", etag);
}

/* Finds the part of the content that is sent. Returns the status. */
static int find_part(const struct origin *o, struct outflow *f, struct http_request *req, struct http_headers *headers)
{
	const char *range = f->step.twist == ORIGIN_WHOLE ? NULL : http_request_header(req, "Range");
	const size_t off = f->step.twist == ORIGIN_OTHER_RANGE;
	struct range_set ranges;

	assert_int_equal(range_parse(range, (int64_t)o->size, &ranges), 0);
	f->at = 0;
	f->end = o->size;
	if (ranges.count != 1)
		return 200;
	f->at = (size_t)ranges.parts[0].from - off;
	f->end = f->at + (size_t)ranges.parts[0].len;
	(void)http_headers_addf(headers, "Content-Range", "bytes %zu-%zu/%zu", f->at, f->end - 1,
		o->size + (f->step.twist == ORIGIN_OTHER_SIZE));
	return 206;
}

static void handle(struct http_request *req, void *cookie)
{
	struct origin *o = cookie;
	const struct origin_step step = take_step(o, req);
	struct http_headers headers;

	gate_open(&o->asked);
	if (is_refused(&step, req))
		return;
	struct outflow *f = calloc(1, sizeof(*f));
	f->origin = o;
	f->step = step;
	http_headers_init(&headers);
	add_etag(&step, &headers);
	(void)http_headers_add(&headers, "Nephos-Seq", "1.40");
	if (step.twist != ORIGIN_NO_RANGES)
		(void)http_headers_add(&headers, "Accept-Ranges", "bytes");
	const int status = find_part(o, f, req, &headers);
	http_respond_stream(req, status, &headers, (int64_t)(f->end - f->at), &STREAM, f, NULL);
	http_headers_fini(&headers);
}

/* ---- life ---- */

static const struct http_route ROUTES[] = {{.method = "GET",
						   .pattern = "/api/v2/docs/drives/{rest...}",
						   .body = HTTP_BODY_NONE,
						   .handler = handle,
						   .internal = true,
						   .open = true},
	{0}};

void origin_start(struct origin *o, size_t size)
{
	const struct http_server_options options = {.address = "127.0.0.1", .routes = ROUTES, .cookie = o};

	*o = (struct origin){.size = size};
	pthread_mutex_init(&o->lock, NULL);
	gate_init(&o->asked);
	gate_init(&o->held);
	for (unsigned i = 0; i < ORIGIN_SERVERS; i++) {
		assert_int_equal(http_server_start(&options, &o->servers[i]), 0);
		(void)snprintf(o->urls[i], sizeof(o->urls[i]), "http://127.0.0.1:%u", http_server_port(o->servers[i]));
	}
}

void origin_kill(struct origin *o, unsigned server)
{
	http_server_stop(o->servers[server]);
	o->servers[server] = NULL;
}

void origin_stop(struct origin *o)
{
	for (unsigned i = 0; i < ORIGIN_SERVERS; i++)
		origin_kill(o, i);
}

void origin_plan(struct origin *o, const struct origin_step *plan, size_t count)
{
	pthread_mutex_lock(&o->lock);
	memcpy(o->plan, plan, count * sizeof(*plan));
	o->count = count;
	o->next = 0;
	pthread_mutex_unlock(&o->lock);
	gate_init(&o->asked);
	gate_init(&o->held);
}
