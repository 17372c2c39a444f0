/*
 * Blocks from memory. A GET of a block with a capability, which the docs service has signed into a list of
 * extents, is answered here when this gateway is the home of the drive and may serve from memory. The
 * capability is judged without asking anybody. The block comes from this gateway, from another gateway that
 * owns it, or from a docs service, whole and verified, and is kept. When a part of a block is asked for, only
 * the second such request has the block fetched: a client that reads here and there in a large file does not
 * need four MiB for each part. Without a capability, or with a bad one, the docs service is asked as ever: it
 * lets the owner of a drive read the blocks that the drive refers to.
 */
#include "gateway/proxy/proxy_internal.h"

#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/sha256.h"
#include "common/base/text.h"
#include "common/proto/headers.h"
#include "gateway/blocks/block_answer.h"
#include "gateway/blocks/block_request.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_CACHE_CONTROL "private, max-age=31536000, immutable"

/* Conditions that the docs service understands for a block, and that are not judged here. */
static const char *const BEYOND[] = {
	"If-Match", "If-None-Match", "If-Range", "If-Modified-Since", "If-Unmodified-Since"};

/* Reads which block and which part is asked for; true: it may be read. */
static bool read_request(struct exchange *x, struct block_request_part *part)
{
	const bool reads = strcmp(x->method, "GET") == 0 || strcmp(x->method, "HEAD") == 0;
	const char *cap;

	if (!x->proxy->with.blocks || !reads || !x->where.serves || strncmp(x->about.below, "blocks/", 7) != 0)
		return false;
	for (size_t i = 0; i < sizeof(BEYOND) / sizeof(BEYOND[0]); i++)
		if (http_request_header(x->req, BEYOND[i]))
			return false;
	if (!proxy_hit_may_answer(http_request_header(x->req, HEADER_SESSION)))
		return false;
	x->block.name.drive = x->drive;
	cap = http_request_query(x->req, "cap");
	return cap && block_request_hash(x->target.data, x->block.name.sha256) &&
		block_request_part(http_request_header(x->req, "Range"), part) &&
		block_caps_check(x->proxy->with.caps, &x->block.name, span_str(cap)) == 0;
}

/* ---- an answer ---- */

static int add_digest(struct http_headers *headers, struct span bytes)
{
	uint8_t digest[SHA256_BYTES];
	struct buf text;
	int r = sha256_of(bytes, digest);

	buf_init(&text, 64);
	if (r == 0)
		r = text_base64(span_of(digest, sizeof(digest)), &text);
	if (r == 0)
		r = http_headers_addf(headers, "Content-Digest", "sha-256=:%s:", text.data);
	buf_fini(&text);
	return r;
}

/* The same fields as the docs service sends. */
static int make_fields(const struct exchange *x, struct http_headers *headers)
{
	char hex[SHA256_HEX_SIZE], home[TOLD_URL_SIZE];

	text_hex(x->block.name.sha256, SHA256_BYTES, hex);
	int r = http_headers_addf(headers, "ETag", "\"%s\"", hex);
	if (r == 0)
		r = http_headers_add(headers, "Accept-Ranges", "bytes");
	if (r == 0)
		r = http_headers_add(headers, "X-Content-Type-Options", "nosniff");
	if (r == 0)
		r = http_headers_add(headers, "Cache-Control", BLOCK_CACHE_CONTROL);
	if (r == 0)
		r = http_headers_add(headers, "Content-Type", "application/octet-stream");
	if (r == 0)
		r = http_headers_add(
			headers, HEADER_HOME, forward_headers_home(x->req, x->hopped, x->where.home.url, home));
	if (r == 0)
		r = http_headers_addf(headers, HEADER_CACHE_STATUS, "%s; %s", x->proxy->said_name,
			x->block.tried ? "fwd=miss; stored" : "hit");
	return r;
}

static int make_part(struct http_headers *headers, struct span whole, struct block_answer *answer)
{
	int r = http_headers_addf(headers, "Content-Range", "bytes %zu-%zu/%zu", answer->from,
		answer->from + answer->len - 1, whole.size);

	answer->status = 206;
	return r < 0 ? r : add_digest(headers, span_of(whole.data + answer->from, answer->len));
}

static void on_sent(void *cookie)
{
	struct exchange *x = cookie;

	under_way_give_back(x->proxy->under_way, &x->block.room);
	x->block.room.amount = 0;
	proxy_exchange_release(x);
}

static bool take_room(struct exchange *x, size_t size)
{
	x->block.room = (struct share_claim){.lane = SHARE_BODIES, .user = x->user, .amount = size};
	if (under_way_take(x->proxy->under_way, &x->block.room) == 0)
		return true;
	x->block.room.amount = 0;
	return false;
}

/* false: a service has to be asked. */
static bool respond(struct exchange *x, struct block *block, const struct block_request_part *part)
{
	const struct span whole = block_bytes(block);
	const bool head = strcmp(x->method, "HEAD") == 0; /* ranges apply to GET alone */
	struct block_answer answer = {.status = 200, .len = whole.size, .over = on_sent, .cookie = x};
	struct http_headers headers;

	/* A part that reaches beyond the end is for the docs service to cut, or to refuse. */
	if (!part->whole && !head && (part->from >= whole.size || part->len > whole.size - part->from))
		return false;
	if (!take_room(x, whole.size))
		return false;
	http_headers_init(&headers);
	answer.headers = &headers;
	int r = make_fields(x, &headers);
	if (r == 0 && !part->whole && !head) {
		answer.from = part->from;
		answer.len = part->len;
		r = make_part(&headers, whole, &answer);
	}
	if (r < 0) {
		under_way_give_back(x->proxy->under_way, &x->block.room);
		x->block.room.amount = 0;
		proxy_exchange_fail(x, r);
	} else {
		block_answer_send(proxy_exchange_take_request(x, DONE), block, &answer);
	}
	http_headers_fini(&headers);
	return true;
}

/* ---- a fetch ---- */

/* Whatever the outcome: if the block is in memory now the request is answered from there, else a service is
 * asked. */
static void on_fetched(struct block_waiter *waiter, int error, struct block *block)
{
	struct exchange *x = (struct exchange *)((char *)waiter - offsetof(struct exchange, block.waiter));

	(void)block;
	under_way_give_back(x->proxy->under_way, &x->block.room);
	x->block.room.amount = 0;
	if (error == -ECANCELED) /* this gateway stops: nobody can be asked any more */
		proxy_exchange_fail(x, -ERR_UNAVAILABLE);
	else
		proxy_home_send(x);
}

static bool fetch(struct exchange *x)
{
	if (!take_room(x, BLOCK_BYTES_MAX))
		return false;
	x->block.tried = true;
	x->block.waiter.done = on_fetched;
	pthread_mutex_lock(&x->lock);
	proxy_exchange_move(x, HELD);
	pthread_mutex_unlock(&x->lock);
	if (block_source_ask(x->proxy->with.blocks, &x->block.name, &x->block.waiter) == 0)
		return true;
	under_way_give_back(x->proxy->under_way, &x->block.room);
	x->block.room.amount = 0;
	return false;
}

bool proxy_block_answer(struct exchange *x)
{
	struct block_request_part part;

	if (!read_request(x, &part))
		return false;
	struct block *block = block_source_find(x->proxy->with.blocks, &x->block.name);
	if (block) {
		const bool answered = respond(x, block, &part);

		block_unref(block);
		return answered;
	}
	if (x->block.tried || !block_source_keeps(x->proxy->with.blocks))
		return false;
	if (!part.whole && !block_cache_wanted_before(block_source_cache(x->proxy->with.blocks), x->block.name.sha256))
		return false;
	return fetch(x);
}
