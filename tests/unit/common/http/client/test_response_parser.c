#include "common/http/client/response_parser.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* The parts that were read, as text: "200 Name=value;data|" (";" ends the head, "|" the answer), and how
 * reading ended. */
struct reading {
	char text[4096];
	int error; /* -EAGAIN: the answer is not complete */
	size_t rest;
	bool may_keep;
};

static void note(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct reading *r, const char *format, ...)
{
	const size_t used = strlen(r->text);
	va_list args;

	va_start(args, format);
	vsnprintf(r->text + used, sizeof(r->text) - used, format, args);
	va_end(args);
}

static void note_part(struct reading *r, const struct response_part *part)
{
	switch (part->kind) {
	case RESPONSE_STATUS:
		note(r, "%d", part->number);
		break;
	case RESPONSE_FIELD:
		note(r, " %.*s=%.*s", (int)part->name.size, part->name.data, (int)part->value.size, part->value.data);
		break;
	case RESPONSE_HEAD_END:
		note(r, ";");
		break;
	case RESPONSE_DATA:
		note(r, "%.*s", (int)part->value.size, part->value.data);
		break;
	case RESPONSE_END:
		note(r, "|");
		break;
	}
}

/* Offers the parser at most `step` more bytes at a time; bytes that it did not use stay in front of them. */
static struct reading read_by(const char *answer, size_t size, size_t step, bool is_head)
{
	struct response_parser p;
	struct reading r = {.error = -EAGAIN};
	size_t from = 0, to = 0;

	response_parser_init(&p, is_head);
	while (r.error == -EAGAIN && to < size) {
		struct response_part part = {.kind = RESPONSE_STATUS};

		to = to + step < size ? to + step : size;
		do {
			r.error = response_parser_next(&p, span_of(answer + from, to - from), &part);
			from += part.used;
			if (r.error == 0)
				note_part(&r, &part);
		} while (r.error == 0 && part.kind != RESPONSE_END);
	}
	r.rest = size - from;
	if (r.error == -EAGAIN && response_parser_end(&p) == 0)
		r.error = 0;
	r.may_keep = response_parser_may_keep(&p);
	return r;
}

/* The result is the same however the bytes arrive; only the data may come in other pieces. */
static struct reading reading_of(const char *answer, bool is_head)
{
	const struct reading whole = read_by(answer, strlen(answer), strlen(answer) + 1, is_head);

	for (size_t step = 1; step < 8; step++) {
		const struct reading r = read_by(answer, strlen(answer), step, is_head);

		assert_string_equal(r.text, whole.text);
		assert_int_equal(r.error, whole.error);
		assert_int_equal(r.may_keep, whole.may_keep);
	}
	return whole;
}

static void an_answer_with_a_length_ends_after_that_many_bytes(void **state)
{
	const struct reading r = reading_of("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length:  5 \r\n\r\nhelloHTTP", false);

	(void)state;
	assert_string_equal(r.text, "200 A=b Content-Length=5;hello|");
	assert_int_equal(r.error, 0);
	assert_true(r.may_keep);
	assert_int_equal(r.rest, 4);
}

static void a_chunked_answer_ends_after_its_trailers(void **state)
{
	const struct reading r = reading_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
					    "3\r\nabc\r\n00A ; x=\"y\"\r\n0123456789\r\n0\r\nIgnored: 1\r\n\r\n",
		false);

	(void)state;
	assert_string_equal(r.text, "200 Transfer-Encoding=Chunked;abc0123456789|");
	assert_int_equal(r.error, 0);
	assert_true(r.may_keep);
	assert_int_equal(r.rest, 0);
}

static void an_answer_without_a_length_ends_with_the_connection(void **state)
{
	const struct reading r = reading_of("HTTP/1.1 200 OK\r\n\r\nall that comes", false);

	(void)state;
	assert_string_equal(r.text, "200;all that comes");
	assert_int_equal(r.error, 0);
	assert_false(r.may_keep);
}

static void a_truncated_answer_is_never_complete(void **state)
{
	static const char *const cut[] = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
		"HTTP/1.1 200 OK\r\nA: b\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
		"HTTP/1.1 2", "HTTP/1.1 100 Continue\r\n\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
		assert_int_equal(reading_of(cut[i], false).error, -EAGAIN);
}

static void interim_answers_are_reported_and_do_not_end_the_answer(void **state)
{
	const struct reading r = reading_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nA: b\r\n\r\n"
					    "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
		false);

	(void)state;
	assert_string_equal(r.text, "100;102 A=b;204 Content-Length=7;|");
	assert_true(r.may_keep);
}

static void answers_to_head_and_with_status_304_have_no_body(void **state)
{
	(void)state;
	assert_string_equal(
		reading_of("HTTP/1.1 304 \r\nContent-Length: 9\r\n\r\n", false).text, "304 Content-Length=9;|");
	assert_string_equal(reading_of("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", true).text,
		"200 Transfer-Encoding=chunked;|");
	assert_string_equal(
		reading_of("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false).text, "200 Content-Length=0;|");
}

static void connection_close_http_1_0_and_ambiguous_lengths_end_the_connection(void **state)
{
	(void)state;
	assert_false(reading_of("HTTP/1.1 204 x\r\nConnection: x, Close\r\n\r\n", false).may_keep);
	assert_false(reading_of("HTTP/1.0 204 x\r\n\r\n", false).may_keep);
	assert_true(reading_of("HTTP/1.0 204 x\r\nConnection: keep-alive\r\n\r\n", false).may_keep);
	/* This answer has a length and chunks: another reader may see its end at another place. */
	assert_false(
		reading_of("HTTP/1.1 200 x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false)
			.may_keep);
}

static void malformed_and_ambiguous_answers_are_refused(void **state)
{
	static const char *const bad[] = {"HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 200 OK\n\r\n", "SSH-2.0\r\n",
		"HTTP/1.1 200 OK\r\nA b\r\n", "HTTP/1.1 200 OK\r\nA : b\r\n", "HTTP/1.1 200 OK\r\n A: b\r\n",
		"HTTP/1.1 200 OK\r\n: b\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n", "HTTP/1.1 200 OK\r\nA: b\rc\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1 2\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\na",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(reading_of(bad[i], false).error, -EPROTO);
	assert_int_equal(read_by("HTTP/1.1 200 OK\r\nA: \0\r\n", 23, 64, false).error, -EPROTO);
	assert_true(reading_of("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", false).may_keep);
}

static void a_head_or_chunk_line_that_is_too_long_is_refused(void **state)
{
	static char head[RESPONSE_HEAD_BYTES_MAX + 64] = "HTTP/1.1 200 OK\r\nA: ";
	static char chunk[RESPONSE_CHUNK_LINE_BYTES_MAX + 64] =
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;";

	(void)state;
	memset(head + strlen(head), 'x', sizeof(head) - strlen(head));
	assert_int_equal(read_by(head, sizeof(head), 4096, false).error, -E2BIG);
	memset(chunk + strlen(chunk), 'x', sizeof(chunk) - strlen(chunk));
	assert_int_equal(read_by(chunk, sizeof(chunk), 4096, false).error, -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_with_a_length_ends_after_that_many_bytes),
		cmocka_unit_test(a_chunked_answer_ends_after_its_trailers),
		cmocka_unit_test(an_answer_without_a_length_ends_with_the_connection),
		cmocka_unit_test(a_truncated_answer_is_never_complete),
		cmocka_unit_test(interim_answers_are_reported_and_do_not_end_the_answer),
		cmocka_unit_test(answers_to_head_and_with_status_304_have_no_body),
		cmocka_unit_test(connection_close_http_1_0_and_ambiguous_lengths_end_the_connection),
		cmocka_unit_test(malformed_and_ambiguous_answers_are_refused),
		cmocka_unit_test(a_head_or_chunk_line_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
