/*
 * Blocks by their hash: PUT stores a block durably, GET returns it to a client that has a capability, or to the
 * owner of a drive that refers to it.
 *
 * PUT reads the whole body (upload), compares its SHA-256 with the one in the URL, and keeps the bytes
 * (blocks_keep). Nothing refers to the block yet: the client sends a batch afterwards whose ops name it. The
 * answer is 201, or 200 when the drive had the block already, and in both cases the bytes are durable.
 *
 * GET must find out which generation of the block is meant. A capability, which came signed with the extents of a
 * file, contains the generation, and the database need not be asked: this is how a mount reads. Without a
 * capability, rows of the caller's own drive must refer to the block. A block never changes, so its hash is its
 * etag, and a client may keep it for ever.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/request/blocks.h"
#include "backend/docs/request/content.h"
#include "common/http/precondition.h"
#include "backend/docs/request/reply.h"
#include "backend/docs/request/upload.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdio.h>

static int parse_hash(const struct call *call, uint8_t ret[32])
{
	/* A malformed hash is just the name of no block. */
	return text_unhex(http_request_param(call->req, "sha256"), ret, 32) < 0 ? -ERR_NOT_FOUND : 0;
}

/* ---- PUT ---- */

struct block_put {
	struct call *call;
	struct upload *upload;
	uint8_t wanted[32];
	struct digest digest;
};

static void put_respond(struct call *call, const uint8_t sha256[32], size_t size, bool is_new)
{
	char hex[65];

	text_hex(sha256, 32, hex);
	reply_json_take(
		call, is_new ? 201 : 200, NULL, json_pack("{s:s, s:I}", "block", hex, "size", (json_int_t)size));
}

static int check_quota(struct call *call, struct docs_store *store, size_t size)
{
	struct docs_drive drive;
	int r = store->ops->drive_get(store, &call->scope, &drive);

	/* Refuses only a block that could never be referred to: content that the same batch overwrites makes
	 * room. */
	return r < 0 ? r : drive.row.quota > 0 && (int64_t)size > drive.row.quota ? -EDQUOT : 0;
}

static void put_on_uploaded(void *cookie, int error, struct docs_store *store)
{
	struct block_put *p = cookie;
	struct blocks_piece piece;
	struct docs_block made = {.size = 0};

	if (error < 0) {
		call_fail(p->call, error, NULL);
		return;
	}
	piece.bytes = upload_bytes(p->upload);
	memcpy(piece.sha256, upload_digest(p->upload).data, sizeof(piece.sha256));
	if (memcmp(piece.sha256, p->wanted, sizeof(p->wanted)) != 0)
		error = -ERR_BAD_DIGEST;
	else if (piece.bytes.size == 0)
		error = -ERR_UNPROCESSABLE;
	if (error == 0)
		error = check_quota(p->call, store, piece.bytes.size);
	if (error == 0)
		error = blocks_keep(p->call->docs, store, &p->call->scope, &piece, &made);
	upload_release(p->upload);
	if (error < 0)
		call_fail(p->call, error, NULL);
	else
		put_respond(p->call, piece.sha256, piece.bytes.size, made.size > 0);
}

static void put_start(struct block_put *p)
{
	struct upload_options options = {.what = UPLOAD_BLOCK,
		.max = BLOCK_BYTES_MAX,
		.digest = p->digest,
		.done = put_on_uploaded,
		.cookie = p};

	upload_start(p->call, &options, &p->upload);
}

static void put_job(struct call *call, struct docs_store *store)
{
	int r = call_drive(call, store);

	if (r < 0)
		call_fail(call, r, NULL);
	else
		put_start(call->data);
}

void api_block_put(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct block_put *p = call ? call_alloc(call, sizeof(*p)) : NULL;
	int r;

	if (!p)
		return;
	call->data = p;
	p->call = call;
	r = parse_hash(call, p->wanted) < 0 ? -ERR_BAD_REQUEST : 0;
	if (r == 0)
		r = digest_parse(http_request_header(req, "Repr-Digest"), http_request_header(req, "Content-Digest"),
			&p->digest);
	if (r == 0)
		r = call_drive_number(call);
	if (r < 0)
		call_fail(call, r, NULL);
	else if (call->home)
		call_work(call, put_job);
	else
		put_start(p);
}

/* ---- GET ---- */

/* Finds the generation that may be read: from a capability, or from the rows of the caller's drive. */
static int find_block(struct call *call, struct docs_store *store, struct block_name *name)
{
	const char *cap = http_request_query(call->req, "cap");
	struct docs_block block;
	int r = call_drive(call, store);

	if (r < 0)
		return r;
	name->drive = call->scope.drive;
	if (cap && docs_cap_check(call->docs, name->drive, name->sha256, cap, &name->generation) == 0)
		return 0;
	r = store->ops->block_referenced(store, &call->scope, name->sha256, &block);
	if (r == 0)
		name->generation = block.generation;
	return r == -ENOENT ? -ERR_NOT_FOUND : r;
}

/* 1: the client has the block already, and was answered so. */
static int check_known(struct call *call, const char *etag, uint32_t size)
{
	struct precondition conditions = {.if_match = http_request_header(call->req, "If-Match"),
		.if_none_match = http_request_header(call->req, "If-None-Match")};
	struct precondition_target target = {.exists = true, .etag = etag};
	struct http_headers headers;
	int r = precondition_check(&conditions, &target, true);

	if (r == -ERR_BAD_REQUEST)
		(void)http_request_blame(call->req, r, precondition_fault(&conditions));
	if (r != PRECONDITION_NOT_MODIFIED)
		return r;
	http_headers_init(&headers);
	(void)http_headers_add(&headers, "ETag", etag);
	(void)http_headers_add(&headers, "Cache-Control", BLOCK_CACHE_CONTROL);
	http_respond_length(call->req, 304, &headers, size);
	http_headers_fini(&headers);
	return 1;
}

static void get_job(struct call *call, struct docs_store *store)
{
	struct block_store *blocks = call->docs->blocks;
	struct block_name name = {.drive = 0};
	struct content c = {.call = call, .type = "application/octet-stream", .immutable = true, .block = &name};
	char hex[65], etag[72];
	uint32_t size = 0;
	int r = parse_hash(call, name.sha256);

	if (r == 0)
		r = find_block(call, store, &name);
	if (r == 0)
		r = blocks->ops->size(blocks, &name, &size);
	if (r < 0) {
		call_fail(call, r == -ENOENT ? -ERR_NOT_FOUND : r, NULL);
		return;
	}
	text_hex(name.sha256, sizeof(name.sha256), hex);
	snprintf(etag, sizeof(etag), "\"%s\"", hex);
	c.etag = etag;
	c.size = size;
	r = check_known(call, etag, size);
	if (r < 0)
		call_fail(call, r, NULL);
	else if (r == 0)
		(void)content_respond(&c, store); /* -ESTALE is impossible: a block has one version */
}

/* ---- for gateways ---- */

static void send_block(struct docs_store *store, void *cookie)
{
	struct call *call = cookie;
	const char *cap = http_request_query(call->req, "cap");
	struct block_name name = {.drive = call->scope.drive};
	struct content c = {.call = call, .type = "application/octet-stream", .immutable = true, .block = &name};
	uint32_t size = 0;
	int r = parse_hash(call, name.sha256);

	if (r == 0)
		r = cap ? docs_cap_check(call->docs, name.drive, name.sha256, cap, &name.generation) : -ERR_FORBIDDEN;
	if (r == 0)
		r = call->docs->blocks->ops->size(call->docs->blocks, &name, &size);
	if (r < 0) {
		call_fail(call, r == -ENOENT ? -ERR_NOT_FOUND : r, NULL);
		return;
	}
	c.etag = "\"block\"";
	c.size = size;
	(void)content_respond(&c, store);
}

/* A gateway with a capability may read the block: the request has no user, and no row is read. */
void api_block_for_gateway(struct http_request *req, void *cookie)
{
	struct call *call = call_of_part(req, cookie);
	const char *drive = http_request_query(req, "drive");
	int64_t number = 0;

	if (!call)
		return;
	if (!drive || text_parse_id(span_str(drive), INT32_MAX, &number) < 0) {
		call_fail(call, -ERR_BAD_REQUEST, NULL);
		return;
	}
	call->scope.drive = (uint32_t)number;
	if (docs_run_slow(send_block, call, call->docs, call_party(call)) < 0)
		call_fail(call, -ERR_UNAVAILABLE, NULL);
}

void api_block_get(struct http_request *req, void *cookie)
{
	call_start_slow(req, cookie, get_job);
}
