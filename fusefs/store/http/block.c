#include "fusefs/store/http/store_http_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/sha256.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/*
 * Fetches blocks, whole or in part, and stores them.
 *
 * The bytes of a block are received from the network into the caller's memory, without a copy. No program on the way
 * is trusted: a whole block must have the hash that is its name, a part the digest that comes with its answer. Bytes
 * that fail this check are asked for once more, from another gateway, since they may have been damaged on the way;
 * when they are wrong again the caller gets -EBADMSG. Large blocks are hashed on separate threads.
 *
 * A block is asked for with the capability that came with its extents. When the capability has expired, the block is
 * asked for without one, which is enough for the owner of the drive. Content never changes under its name, so a
 * block may be sent and asked for any number of times.
 */
#define PROBLEM_BYTES_MAX (64u * 1024) /* of the body of a refusal */

/* Larger blocks are hashed on the hasher's threads: 4 MiB take milliseconds, for which all other answers would
 * wait on the client's thread. For a few bytes, hashing takes no longer than the hand-over to another thread. */
#define HASHED_AT_ONCE_BYTES (64u * 1024)

/* ---- answers ---- */

static int on_head(void *cookie, const struct http_response *head)
{
	struct block_call *b = &((struct store_http_call *)cookie)->as.block;

	b->coming = head->status == (b->whole ? 200 : 206);
	return 0;
}

static int on_data(void *cookie, const void *data, size_t size)
{
	struct store_http_call *call = cookie;
	struct block_call *b = &call->as.block;

	if (!b->coming)
		return buf_append(&call->owned, data, size);
	if (size > b->part.len - b->got)
		return -E2BIG;
	memcpy((char *)b->part.into + b->got, data, size);
	b->got += (uint32_t)size;
	return 0;
}

void store_http_block_receive(struct store_http_call *call, struct http_call_options *options)
{
	call->as.block.coming = false;
	call->as.block.got = 0;
	options->on_head = on_head;
	options->on_data = on_data;
}

void store_http_block_received(struct store_http_call *call, struct http_response *response)
{
	metric_add(call->s->counts[CALL_BLOCK_GET].received, call->as.block.got);
	buf_fini(&response->body);
	response->body = call->owned;
	buf_init(&call->owned, PROBLEM_BYTES_MAX);
}

static void get_over(struct store_http_call *call, int error)
{
	call->as.block.get(call->cookie, error);
	store_http_call_over(call);
}

/* The bytes may have been damaged on the way or by a gateway: then another gateway may deliver better ones. When
 * the stored bytes are damaged, the caller gets the error. */
static void bad_bytes(struct store_http_call *call)
{
	if (call->as.block.again) {
		get_over(call, -EBADMSG);
		return;
	}
	call->as.block.again = true;
	log_warning(NULL, "a block came with other bytes than it should have, asking again");
	store_http_call_again(call, true);
}

static void on_hashing(struct worker_job *job)
{
	struct store_http_call *call =
		(struct store_http_call *)((char *)job - offsetof(struct store_http_call, as.block.job));
	uint8_t digest[SHA256_BYTES];
	int r = sha256_of(span_of(call->as.block.part.into, call->as.block.got), digest);

	if (r == 0 && memcmp(digest, call->as.block.sha256, sizeof(digest)) != 0)
		bad_bytes(call);
	else
		get_over(call, r);
}

/* Accepts "sha-256=:…:" and nothing else: that is how the service writes it. */
static bool parse_digest(const char *field, uint8_t ret[SHA256_BYTES])
{
	static const char head[] = "sha-256=:";
	size_t size = field ? strlen(field) : 0;
	struct buf bytes;
	bool good = false;

	buf_init(&bytes, 2 * SHA256_BYTES);
	if (size > sizeof(head) && strncmp(field, head, sizeof(head) - 1) == 0 && field[size - 1] == ':')
		good = text_unbase64(span_of(field + sizeof(head) - 1, size - sizeof(head)), &bytes) == 0 &&
			bytes.size == SHA256_BYTES;
	if (good)
		memcpy(ret, bytes.data, SHA256_BYTES);
	buf_fini(&bytes);
	return good;
}

/* Whether this is the requested part; then call->as.block.sha256 becomes its digest. */
static bool is_part(struct store_http_call *call, const struct http_response *response)
{
	const struct store_part *part = &call->as.block.part;
	const char *range = http_headers_get(&response->headers, "Content-Range");
	char wanted[64];

	(void)snprintf(wanted, sizeof(wanted), "bytes %" PRIu32 "-%" PRIu32 "/%" PRIu32, part->from,
		part->from + part->len - 1, call->as.block.size);
	return range && strcmp(range, wanted) == 0 &&
		parse_digest(http_headers_get(&response->headers, "Content-Digest"), call->as.block.sha256);
}

static bool is_answer(struct store_http_call *call, const struct http_response *response)
{
	if (!call->as.block.coming || call->as.block.got != call->as.block.part.len)
		return false;
	return call->as.block.whole || is_part(call, response);
}

static void on_block(struct store_http_call *call, int error, struct http_response *response)
{
	bool forbidden = error == -EPERM || error == -ERR_FORBIDDEN;

	if (forbidden && !call->as.block.bare) {
		/* The capability has expired; the owner needs none. */
		size_t path = (size_t)(strchr(call->path.data, '?') - call->path.data);

		call->as.block.bare = true;
		call->path.size = path;
		call->path.data[path] = '\0';
		store_http_call_again(call, false);
	} else if (error == -E2BIG || (error == 0 && !is_answer(call, response))) {
		bad_bytes(call);
	} else if (error < 0) {
		get_over(call, error);
	} else if (call->as.block.got <= HASHED_AT_ONCE_BYTES) {
		on_hashing(&call->as.block.job);
	} else {
		call->as.block.job.run = on_hashing;
		worker_run(call->s->hasher, &call->as.block.job);
	}
}

static int check_part(const struct extent *extent, struct store_part part)
{
	if (part.len == 0 || part.len > extent->block_size || part.from > extent->block_size - part.len)
		return -EINVAL;
	return store_part_whole(extent, part) || part.len <= BLOCK_PART_BYTES_MAX ? 0 : -EINVAL;
}

store_ticket store_http_block_get(struct store *base, const struct extent *extent, struct store_part part,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct store_http_call *call = store_http_call_new(store_http_of(base), CALL_BLOCK_GET, on_block, cookie);
	char hex[2 * sizeof(extent->sha256) + 1];

	text_hex(extent->sha256, sizeof(extent->sha256), hex);
	call->deadline_ms = 0;
	call->owned.max = PROBLEM_BYTES_MAX;
	memcpy(call->as.block.sha256, extent->sha256, sizeof(extent->sha256));
	call->as.block.size = extent->block_size;
	call->as.block.part = part;
	call->as.block.whole = store_part_whole(extent, part);
	call->as.block.get = done;
	call->as.block.bare = extent->cap.size == 0;
	call->broken = check_part(extent, part);
	store_http_call_path(call, "/blocks/%s", hex);
	if (!call->as.block.bare) {
		store_http_call_path(call, "?cap=");
		if (call->broken == 0)
			call->broken = text_url_encode(extent->cap, &call->path);
	}
	return store_http_call_start(call);
}

static void on_stored(struct store_http_call *call, int error, struct http_response *response)
{
	(void)response;
	call->as.block.put(call->cookie, error);
	store_http_call_over(call);
}

store_ticket store_http_block_put(struct store *base, const uint8_t sha256[32], struct span data,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct store_http_call *call = store_http_call_new(store_http_of(base), CALL_BLOCK_PUT, on_stored, cookie);
	char hex[2 * SHA256_BYTES + 1];

	text_hex(sha256, SHA256_BYTES, hex);
	call->method = "PUT";
	call->content_type = "application/octet-stream";
	call->deadline_ms = 0;
	call->body = data;
	call->as.block.put = done;
	store_http_call_path(call, "/blocks/%s", hex);
	return store_http_call_start(call);
}
