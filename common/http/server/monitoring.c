#include "common/http/server/monitoring.h"

#include "common/http/server/server_internal.h"

#include "common/base/error.h"

#include <errno.h>
#include <stdlib.h>

#define WHY_BYTES_MAX 1024

static const struct monitoring *monitoring_of(const struct http_request *req)
{
	static const struct monitoring none;
	const struct monitoring *w = req->server->options.monitoring;

	return w ? w : &none;
}

static void respond_text(struct http_request *req, const char *type, int error, struct buf *text)
{
	struct http_headers headers;

	http_headers_init(&headers);
	if (!error)
		error = http_headers_add(&headers, "Content-Type", type);
	if (error)
		http_respond_error(req, error, NULL);
	else
		http_respond(req, 200, &headers, buf_span(text));
	http_headers_fini(&headers);
	buf_fini(text);
}

static void respond_word(struct http_request *req, struct span word)
{
	struct http_headers headers;

	http_headers_init(&headers);
	(void)http_headers_add(&headers, "Content-Type", "text/plain");
	http_respond(req, 200, &headers, word);
	http_headers_fini(&headers);
}

static void on_healthz(struct http_request *req, void *cookie)
{
	(void)cookie;
	respond_word(req, SPAN_LITERAL("ok\n"));
}

static void on_readyz(struct http_request *req, void *cookie)
{
	const struct monitoring *w = monitoring_of(req);
	struct buf why;
	int r;

	(void)cookie;
	buf_init(&why, WHY_BYTES_MAX);
	r = w->ready ? w->ready(w->cookie, &why) : 0;
	if (r)
		http_respond_error(req, r, why.size ? why.data : NULL);
	else
		respond_word(req, SPAN_LITERAL("ready\n"));
	buf_fini(&why);
}

static void on_metrics(struct http_request *req, void *cookie)
{
	const struct monitoring *w = monitoring_of(req);
	struct buf text;

	(void)cookie;
	buf_init(&text, METRICS_BYTES_MAX);
	if (w->refresh)
		w->refresh(w->cookie);
	respond_text(req, "text/plain; version=0.0.4", w->metrics ? metrics_render(w->metrics, &text) : 0, &text);
}

static void on_status(struct http_request *req, void *cookie)
{
	const struct monitoring *w = monitoring_of(req);
	struct buf text;

	(void)cookie;
	buf_init(&text, STATUS_BYTES_MAX);
	respond_text(
		req, "application/json", w->status ? w->status(w->cookie, &text) : buf_append_str(&text, "{}"), &text);
}

#define ROW(pattern_, handler_)                                                                        \
	{                                                                                              \
		.method = "GET", .pattern = (pattern_), .body = HTTP_BODY_NONE, .handler = (handler_), \
		.internal = true, .open = true                                                         \
	}

const struct http_route MONITORING_ROUTES[] = {
	ROW("/healthz", on_healthz),
	ROW("/readyz", on_readyz),
	ROW("/metrics", on_metrics),
	ROW("/status", on_status),
	{0},
};
