/* The parser reads heads that leave nothing to interpret, and leaves all others to the library. */
#include "common/base/limits.h"
#include "common/http/server/request_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static char data[2 * HEADER_BYTES_MAX];
static struct request_head head;

static enum request_head_kind read_text(const char *text)
{
	const size_t size = strlen(text);

	assert_true(size <= sizeof(data));
	memcpy(data, text, size);
	return request_head_read(data, size, &head);
}

static void request_head_read_returns_the_method_target_and_fields(void **state)
{
	const char *text = "GET /a?b=%20 HTTP/1.1\r\nHost: x\r\nEmpty:\r\nX-Spaces: \t a  b \t\r\n\r\n";

	(void)state;
	assert_int_equal(read_text(text), REQUEST_HEAD_READ);
	assert_string_equal(head.method, "GET");
	assert_string_equal(head.target, "/a?b=%20");
	assert_int_equal(head.target_size, strlen("/a?b=%20"));
	assert_int_equal(head.size, strlen(text));
	assert_int_equal(head.body, 0);
	assert_false(head.closes);
	assert_int_equal(head.count, 3);
	assert_string_equal(head.fields[0].name, "Host");
	assert_string_equal(head.fields[0].value, "x");
	assert_string_equal(head.fields[1].value, "");
	assert_string_equal(head.fields[2].name, "X-Spaces");
	assert_int_equal(head.fields[2].name_size, strlen("X-Spaces"));
	assert_string_equal(head.fields[2].value, "a  b");
	assert_int_equal(head.fields[2].value_size, strlen("a  b"));
}

static void bytes_after_the_end_of_a_head_do_not_belong_to_it(void **state)
{
	(void)state;
	assert_int_equal(read_text("PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nGET / HTTP/1.1\r\n"), REQUEST_HEAD_READ);
	assert_int_equal(head.size, strlen("PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\n"));
	assert_int_equal(head.body, 3);
}

static void every_truncated_head_is_reported_as_partial(void **state)
{
	const char *text = "DELETE /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

	(void)state;
	for (size_t size = 0; size < strlen(text); size++) {
		memcpy(data, text, size);
		assert_int_equal(request_head_read(data, size, &head), REQUEST_HEAD_PARTIAL);
	}
	assert_int_equal(read_text(text), REQUEST_HEAD_READ);
	assert_true(head.closes);
}

static void ambiguous_and_unusual_heads_are_left_to_the_library(void **state)
{
	static const char *const texts[] = {
		"\r\nGET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"GET / HTTP/1.1\n\r\n",
		"GET  / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1 \r\n\r\n",
		" GET / HTTP/1.1\r\n\r\n",
		"GET /a b HTTP/1.1\r\n\r\n",
		"GET /a\tb HTTP/1.1\r\n\r\n",
		"GET /a#b HTTP/1.1\r\n\r\n",
		"GET * HTTP/1.1\r\n\r\n",
		"GET http://x/ HTTP/1.1\r\n\r\n",
		"GET HTTP/1.1\r\n\r\n",
		"GET\r\n\r\n",
		"G(T / HTTP/1.1\r\n\r\n",
		"SIXTEENCHARACTERS / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\n\r\n",
		"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
		"GET / HTTP/1.1\r\n: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\ry\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\x01y\r\n\r\n",
		"GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
		"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.1\r\ntransfer-encoding: identity\r\n\r\n",
		"GET / HTTP/1.1\r\nConnection: upgrade\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (read_text(texts[i]) != REQUEST_HEAD_OTHER)
			fail_msg("read: %s", texts[i]);
	}
	memcpy(data, "GET / HTTP/1.1\r\nA: \0b\r\n\r\n", 25);
	assert_int_equal(request_head_read(data, 25, &head), REQUEST_HEAD_OTHER);
}

static void a_head_with_too_many_fields_or_bytes_is_left_to_the_library(void **state)
{
	char line[32];
	size_t size;

	(void)state;
	for (int fields = HTTP_HEADERS_MAX; fields <= HTTP_HEADERS_MAX + 1; fields++) {
		size = (size_t)sprintf(data, "GET / HTTP/1.1\r\n");
		for (int i = 0; i < fields; i++) {
			const int n = sprintf(line, "N%d: v\r\n", i);

			memcpy(data + size, line, (size_t)n);
			size += (size_t)n;
		}
		memcpy(data + size, "\r\n", 2);
		assert_int_equal(request_head_read(data, size + 2, &head),
			fields <= HTTP_HEADERS_MAX ? REQUEST_HEAD_READ : REQUEST_HEAD_OTHER);
	}
	for (size_t total = HEADER_BYTES_MAX; total <= HEADER_BYTES_MAX + 1; total++) {
		size = (size_t)sprintf(data, "GET / HTTP/1.1\r\nA: ");
		memset(data + size, 'a', total - size);
		memcpy(data + total - 4, "\r\n\r\n", 4);
		assert_int_equal(request_head_read(data, total, &head),
			total <= HEADER_BYTES_MAX ? REQUEST_HEAD_READ : REQUEST_HEAD_OTHER);
	}
	/* The parser does not wait for the end of a head that is too long. */
	memset(data, 'A', sizeof(data));
	assert_int_equal(request_head_read(data, HEADER_BYTES_MAX, &head), REQUEST_HEAD_PARTIAL);
	assert_int_equal(request_head_read(data, HEADER_BYTES_MAX + 1, &head), REQUEST_HEAD_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_head_read_returns_the_method_target_and_fields),
		cmocka_unit_test(bytes_after_the_end_of_a_head_do_not_belong_to_it),
		cmocka_unit_test(every_truncated_head_is_reported_as_partial),
		cmocka_unit_test(ambiguous_and_unusual_heads_are_left_to_the_library),
		cmocka_unit_test(a_head_with_too_many_fields_or_bytes_is_left_to_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
