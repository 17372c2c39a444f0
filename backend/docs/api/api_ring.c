/*
 * POST /internal/v1/ring: a gateway's call to the book of the ring, and the book after it. Nobody but gateways comes
 * here, and no user is behind it. The rules are common/ring/membership; the store runs them on the rows. Whatever
 * becomes of the answer, the caller calls again within the second.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/core/docs.h"
#include "backend/service/service.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/ring/ring_message.h"

#include <errno.h>
#include <stdlib.h>

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
		error = docs_run(call_book, r, service_app(cookie)) < 0 ? -ERR_UNAVAILABLE : 0;
	} else {
		free(r);
	}
	if (error < 0)
		http_respond_error(req, error, NULL);
}
