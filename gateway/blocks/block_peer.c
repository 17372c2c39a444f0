#include "gateway/blocks/block_peer.h"

#include "common/base/error.h"
#include "common/base/text.h"
#include "gateway/blocks/block_answer.h"

#include <errno.h>

int block_peer_read(struct block_caps *caps, const struct block_peer_question *question, struct block_name *ret)
{
	struct block_name name = {.drive = 0};
	int64_t drive = 0;

	if (text_unhex(question->sha256, name.sha256, sizeof(name.sha256)) < 0)
		return -ERR_NOT_FOUND;
	if (!question->drive || text_parse_id(span_str(question->drive), INT32_MAX, &drive) < 0)
		return -ERR_BAD_REQUEST;
	name.drive = (uint32_t)drive;
	int r = question->cap ? block_caps_check(caps, &name, span_str(question->cap)) : -ERR_FORBIDDEN;
	if (r == 0)
		*ret = name;
	return r;
}

static int read_request(const struct block_peer *peer, struct http_request *req, struct block_name *ret)
{
	const struct block_peer_question question = {.sha256 = http_request_param(req, "sha256"),
		.drive = http_request_query(req, "drive"),
		.cap = http_request_query(req, "cap")};

	return block_peer_read(peer->caps, &question, ret);
}

void block_peer_get(const struct block_peer *peer, struct http_request *req)
{
	struct block_name name;
	struct http_headers headers;
	int r = read_request(peer, req, &name);
	struct block *block = r == 0 ? block_source_peek(peer->source, name.sha256) : NULL;

	if (!block) {
		http_respond_error(req, r < 0 ? r : -ERR_NOT_FOUND, NULL);
		return;
	}
	http_headers_init(&headers);
	r = http_headers_add(&headers, "Content-Type", "application/octet-stream");
	const struct block_answer answer = {.status = 200, .headers = &headers, .len = block_bytes(block).size};
	if (r < 0)
		http_respond_error(req, r, NULL);
	else
		block_answer_send(req, block, &answer);
	http_headers_fini(&headers);
	block_unref(block);
}

static void on_taken(void *cookie, int error)
{
	struct http_request *req = cookie;

	if (error < 0)
		http_respond_error(req, error, NULL);
	else
		http_respond(req, 204, NULL, span_of(NULL, 0));
}

void block_peer_put(const struct block_peer *peer, struct http_request *req)
{
	const struct span body = http_request_body(req);
	struct block_name name;
	int r = read_request(peer, req, &name);
	struct block *block = r == 0 && body.size > 0 ? block_new(name.sha256, body.size) : NULL;

	if (r == 0 && !block)
		r = body.size > 0 ? -ENOMEM : -ERR_BAD_REQUEST;
	if (r == 0) {
		(void)block_append(block, body); /* the block has exactly this size */
		r = block_source_take(peer->source, block, on_taken, req);
	}
	if (r < 0)
		http_respond_error(req, r, NULL);
}
