#include "tests/unit/gateway/service_content.h"

#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/base/text.h"
#include "common/proto/extent.h"
#include "common/proto/headers.h"
#include "common/proto/text_page.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VERSIONS 100 /* the most that a test may make */
#define BEFORE "{\"text\":\""
#define AFTER "\",\"user_id\":[5]}"

void service_content_init(struct service_content *c)
{
	pthread_mutex_init(&c->lock, NULL);
	gate_init(&c->asked);
}

static void make_block(int version, unsigned block, char ret[SERVICE_CONTENT_BLOCK])
{
	for (unsigned i = 0; i < SERVICE_CONTENT_BLOCK; i++)
		ret[i] = (char)(i * 7 + block * 31 + (unsigned)version * 13 + i / 251);
	/* So that no two blocks are the same. */
	memcpy(ret, &version, sizeof(version));
	memcpy(ret + sizeof(version), &block, sizeof(block));
}

void service_content_bytes(int version, char ret[SERVICE_CONTENT_SIZE])
{
	memset(ret, 0, SERVICE_CONTENT_SIZE);
	for (unsigned i = 0; i < SERVICE_CONTENT_BLOCKS; i++)
		make_block(version, i, ret + (size_t)i * SERVICE_CONTENT_BLOCK);
	memset(ret + SERVICE_CONTENT_SIZE - 50, 'a' + version % 26, 50);
}

void service_content_hash(int version, unsigned block, uint8_t ret[32])
{
	char *bytes = malloc(SERVICE_CONTENT_BLOCK);

	make_block(version, block, bytes);
	assert_int_equal(sha256_of(span_of(bytes, SERVICE_CONTENT_BLOCK), ret), 0);
	free(bytes);
}

static void make_page(int version, struct buf *ret)
{
	const struct extent_page page = {.incarnation = 1,
		.seq = 1,
		.size = SERVICE_CONTENT_SIZE,
		.content_seq = version,
		.count = SERVICE_CONTENT_BLOCKS + 1};
	struct extent e = {.kind = EXTENT_BLOCK, .len = SERVICE_CONTENT_BLOCK, .block_size = SERVICE_CONTENT_BLOCK};
	char tail[50];
	size_t count_at;

	assert_int_equal(extent_page_begin(ret, &page, &count_at), 0);
	for (unsigned i = 0; i < SERVICE_CONTENT_BLOCKS; i++) {
		e.at = (int64_t)i * SERVICE_CONTENT_BLOCK;
		e.generation = i + 1;
		service_content_hash(version, i, e.sha256);
		assert_int_equal(extent_page_add(ret, &e), 0);
	}
	memset(tail, 'a' + version % 26, sizeof(tail));
	e = (struct extent){.kind = EXTENT_INLINE, .at = SERVICE_CONTENT_SIZE - 50, .len = 50};
	e.data = span_of(tail, sizeof(tail));
	assert_int_equal(extent_page_add(ret, &e), 0);
}

char *service_content_document(int version, size_t *ret_size)
{
	char *bytes = malloc(SERVICE_CONTENT_SIZE);
	char *document = malloc(6 * SERVICE_CONTENT_SIZE + sizeof(BEFORE AFTER));
	size_t size = (size_t)sprintf(document, BEFORE);

	service_content_bytes(version, bytes);
	for (size_t i = 0; i < SERVICE_CONTENT_SIZE; i++) {
		const unsigned char c = (unsigned char)bytes[i];
		const char *const name = c >= '\b' && c <= '\r' ? &"b\0t\0n\0\0\0f\0r"[2 * (c - '\b')] : "";

		if (*name)
			size += (size_t)sprintf(document + size, "\\%s", name);
		else if (c < 0x20)
			size += (size_t)sprintf(document + size, "\\u%04X", c);
		else
			size += (size_t)sprintf(document + size, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
	}
	size += (size_t)sprintf(document + size, AFTER);
	free(bytes);
	*ret_size = size;
	return document;
}

/* Puts the page of extents into the page of a text. */
static void make_text_page(int version, struct buf *page)
{
	struct text_page text = {
		.before = SPAN_LITERAL(BEFORE), .after = SPAN_LITERAL(AFTER), .extents = buf_span(page)};
	struct buf made;
	size_t size;

	free(service_content_document(version, &size));
	text.length = (int64_t)size;
	buf_init(&made, 1024 * 1024);
	assert_int_equal(text_page_write(&made, &text), 0);
	buf_fini(page);
	*page = made;
}

static void answer_bytes(
	const struct service_content *c, struct http_request *req, int version, struct http_headers *headers)
{
	size_t size = SERVICE_CONTENT_SIZE;
	char *bytes = c->text ? service_content_document(version, &size) : malloc(size);

	if (!c->text)
		service_content_bytes(version, bytes);
	(void)http_headers_add(headers, "Content-Type", "text/x-long");
	http_respond_take(req, 200, headers, bytes, size);
}

void service_content_answer(
	struct service_content *c, struct http_request *req, int version, struct http_headers *headers)
{
	const char *wanted = http_request_header(req, HEADER_CONTENT);
	struct buf page;
	size_t size;

	if (!c->text)
		(void)http_headers_add(headers, "Accept-Ranges", "bytes");
	if (!wanted || strcmp(wanted, HEADER_CONTENT_WANTED) != 0) {
		answer_bytes(c, req, version, headers);
		return;
	}
	buf_init(&page, 1024 * 1024);
	make_page(version, &page);
	if (c->text)
		make_text_page(version, &page);
	if (c->damaged)
		page.size--;
	(void)http_headers_add(headers, HEADER_CONTENT, "text/x-long");
	(void)http_headers_add(headers, "Content-Type", c->text ? TEXT_PAGE_TYPE : "application/vnd.nephos.extents");
	char *bytes = buf_take(&page, &size);
	http_respond_take(req, 200, headers, bytes, size);
}

/* Looks for the block with this hash among all blocks of all versions. */
static bool find_block(struct span hex, char ret[SERVICE_CONTENT_BLOCK])
{
	uint8_t hash[32], wanted[32];

	if (text_unhex(hex, wanted, sizeof(wanted)) < 0)
		return false;
	for (int version = 0; version < VERSIONS; version++) {
		for (unsigned i = 0; i < SERVICE_CONTENT_BLOCKS; i++) {
			service_content_hash(version, i, hash);
			if (memcmp(hash, wanted, sizeof(hash)) == 0) {
				make_block(version, i, ret);
				return true;
			}
		}
	}
	return false;
}

static int pull_half(void *cookie, void *data, size_t size, size_t *ret_size)
{
	size_t *left = cookie;

	size = size < *left ? size : *left;
	memset(data, 0, size);
	*left -= size;
	*ret_size = size;
	return size ? 0 : -EIO;
}

static void half_done(void *cookie, bool complete)
{
	(void)complete;
	free(cookie);
}

static void cut(struct http_request *req)
{
	static const struct http_stream_ops HALF = {.pull = pull_half, .done = half_done};
	size_t *left = malloc(sizeof(*left));

	*left = SERVICE_CONTENT_BLOCK / 2;
	http_respond_stream(req, 200, NULL, SERVICE_CONTENT_BLOCK, &HALF, left, NULL);
}

void service_content_block(struct service_content *c, struct http_request *req)
{
	char *bytes = malloc(SERVICE_CONTENT_BLOCK);

	pthread_mutex_lock(&c->lock);
	const bool gone =
		c->gone || !http_request_query(req, "cap") || !find_block(http_request_param(req, "sha256"), bytes);
	struct gate *let_on = c->let_on;
	const bool cuts = c->cuts > 0;
	c->cuts -= cuts;
	if (c->wrong && !gone)
		bytes[SERVICE_CONTENT_BLOCK / 2] ^= 1;
	pthread_mutex_unlock(&c->lock);
	gate_open(&c->asked);
	if (let_on)
		(void)gate_wait(let_on, 1);
	if (cuts) {
		free(bytes);
		cut(req);
		return;
	}
	if (!gone) {
		http_respond_take(req, 200, NULL, bytes, SERVICE_CONTENT_BLOCK);
		return;
	}
	free(bytes);
	http_respond_error(req, -ERR_NOT_FOUND, NULL);
}
