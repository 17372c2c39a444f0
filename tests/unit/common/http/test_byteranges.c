#include "common/http/byteranges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CONTENT "0123456789"
#define SIZE 10

/* Makes the body as a sender of it does. */
static void make_body(const struct byteranges *b, struct buf *ret)
{
	buf_init(ret, BYTERANGES_TEXT_MAX + 64 * SIZE);
	for (size_t i = 0; i < b->ranges.count; i++) {
		assert_int_equal(byteranges_append_head(b, i, ret), 0);
		assert_int_equal(buf_append(ret, CONTENT + b->ranges.parts[i].from, (size_t)b->ranges.parts[i].len), 0);
	}
	assert_int_equal(byteranges_append_tail(b, ret), 0);
}

static void assert_body(const char *range, int64_t size, const char *body)
{
	struct range_set ranges;
	struct byteranges b;
	struct buf made;
	int64_t length = -1;

	assert_int_equal(range_parse(range, size, &ranges), 0);
	assert_int_equal(byteranges_init(&b, &ranges, "text/x", size), 0);
	memset(b.boundary, 'b', sizeof(b.boundary) - 1);
	make_body(&b, &made);
	assert_string_equal(made.size > 0 ? made.data : "", body);
	assert_int_equal(byteranges_length(&b, &length), 0);
	assert_int_equal(length, made.size);
	buf_fini(&made);
}

#define LINE "--bbbbbbbbbbbbbbbbbbbbbbbb"
#define HEAD(range) LINE "\r\nContent-Type: text/x\r\nContent-Range: bytes " range "/10\r\n\r\n"

static void one_range_gives_a_plain_body_and_several_give_a_multipart_body(void **state)
{
	(void)state;
	assert_body(NULL, SIZE, CONTENT);
	assert_body(NULL, 0, "");
	assert_body("bytes=2-4", SIZE, "234");
	assert_body("bytes=-1", SIZE, "9");
	assert_body("bytes=0-1,-2", SIZE, HEAD("0-1") "01\r\n" HEAD("8-9") "89\r\n" LINE "--\r\n");
	assert_body("bytes=5-5,0-0,20-30", SIZE, HEAD("5-5") "5\r\n" HEAD("0-0") "0\r\n" LINE "--\r\n");
}

static void assert_fields(const char *range, const char *type, const char *content_range)
{
	struct range_set ranges;
	struct byteranges b;
	struct http_headers headers;

	http_headers_init(&headers);
	assert_int_equal(range_parse(range, SIZE, &ranges), 0);
	assert_int_equal(byteranges_init(&b, &ranges, "text/x", SIZE), 0);
	memset(b.boundary, 'b', sizeof(b.boundary) - 1);
	assert_int_equal(byteranges_add_fields(&b, &headers), 0);
	assert_string_equal(http_headers_get(&headers, "Content-Type"), type);
	if (content_range)
		assert_string_equal(http_headers_get(&headers, "Content-Range"), content_range);
	else
		assert_null(http_headers_get(&headers, "Content-Range"));
	http_headers_fini(&headers);
}

static void header_fields_describe_a_single_range_or_a_multipart_answer(void **state)
{
	(void)state;
	assert_fields("bytes=2-4", "text/x", "bytes 2-4/10");
	assert_fields("bytes=7-", "text/x", "bytes 7-9/10");
	assert_fields("bytes=0-0,2-2", "multipart/byteranges; boundary=bbbbbbbbbbbbbbbbbbbbbbbb", NULL);
}

static void byteranges_add_size_adds_a_content_range_with_only_the_size(void **state)
{
	struct http_headers headers;

	(void)state;
	http_headers_init(&headers);
	assert_int_equal(byteranges_add_size(SIZE, &headers), 0);
	assert_string_equal(http_headers_get(&headers, "Content-Range"), "bytes */10");
	http_headers_fini(&headers);
}

static void two_multipart_answers_have_different_boundaries(void **state)
{
	const struct range_set ranges = {.count = 0};
	struct byteranges a, b;

	(void)state;
	assert_int_equal(byteranges_init(&a, &ranges, "text/x", SIZE), 0);
	assert_int_equal(byteranges_init(&b, &ranges, "text/x", SIZE), 0);
	assert_int_equal(strlen(a.boundary), 2 * BYTERANGES_BOUNDARY_BYTES);
	assert_string_not_equal(a.boundary, b.boundary);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_range_gives_a_plain_body_and_several_give_a_multipart_body),
		cmocka_unit_test(header_fields_describe_a_single_range_or_a_multipart_answer),
		cmocka_unit_test(byteranges_add_size_adds_a_content_range_with_only_the_size),
		cmocka_unit_test(two_multipart_answers_have_different_boundaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
