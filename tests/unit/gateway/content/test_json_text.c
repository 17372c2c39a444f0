/* What is made here is compared with what jansson makes, which writes the documents of the docs service. */
#include "gateway/content/json_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define TEXT_SIZE 10000u /* more than two pieces */

/* A text that comes in steps of at most `step` bytes; it waits once at `waits_at`, and fails at `fails_at`. */
struct text {
	const char *bytes;
	size_t size, at, step, waits_at, fails_at;
};

static int pull_text(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct text *t = cookie;

	if (t->at >= t->fails_at)
		return -EBADMSG;
	if (t->at >= t->waits_at) {
		t->waits_at = SIZE_MAX;
		return -EAGAIN;
	}
	size = size < t->step ? size : t->step;
	*ret_size = size < t->size - t->at ? size : t->size - t->at;
	memcpy(data, t->bytes + t->at, *ret_size);
	t->at += *ret_size;
	return 0;
}

static struct text text_of(const char *bytes, size_t size)
{
	return (struct text){
		.bytes = bytes, .size = size, .step = SIZE_MAX, .waits_at = SIZE_MAX, .fails_at = SIZE_MAX};
}

static const struct text_page FRAME = {.before = SPAN_LITERAL("[\""), .after = SPAN_LITERAL("\"]")};

/* Pulls all of it, at most `room` bytes at a time. Returns the failure, or 0. */
static int pull_all(struct text *text, size_t room, struct buf *ret)
{
	struct json_text *t = malloc(sizeof(*t));
	char *bytes = malloc(room);
	size_t size = 1;
	int error = 0;

	json_text_init(t, &FRAME, pull_text, text);
	while (size > 0 && (error == 0 || error == -EAGAIN)) {
		error = json_text_pull(t, bytes, room, &size);
		if (error == 0)
			assert_int_equal(buf_append(ret, bytes, size), 0);
	}
	free(bytes);
	free(t);
	return error;
}

static void assert_like_jansson(struct text *text, size_t room)
{
	json_t *array = json_pack("[s%]", text->bytes, text->size);
	char *wanted = json_dumps(array, JSON_COMPACT);
	struct buf made;

	assert_non_null(wanted);
	buf_init(&made, 1 << 20);
	assert_int_equal(pull_all(text, room, &made), 0);
	assert_true(span_eq_str(buf_span(&made), wanted));
	buf_fini(&made);
	free(wanted);
	json_decref(array);
}

static void each_byte_is_escaped_as_the_docs_service_escapes_it(void **state)
{
	(void)state;
	for (int c = 0; c < 0x80; c++) {
		const char bytes[] = {'a', (char)c, 'b'};
		struct text text = text_of(bytes, sizeof(bytes));

		assert_like_jansson(&text, 64);
	}
	struct text umlaut = text_of("\xc3\xa4 / \xe2\x82\xac \xf0\x9f\x98\x80", 14);
	assert_like_jansson(&umlaut, 64);
}

static void a_text_of_many_pieces_is_the_same_however_it_is_pulled(void **state)
{
	static char bytes[TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < TEXT_SIZE; i++)
		bytes[i] = (char)(i * 7 % 128);
	for (size_t room = 1; room < 8000; room = room * 3 + 1) {
		struct text text = text_of(bytes, sizeof(bytes));

		assert_like_jansson(&text, room);
	}
	struct text slow = text_of(bytes, sizeof(bytes));
	slow.step = 1;
	assert_like_jansson(&slow, 100);
}

static void an_empty_text_is_its_frame(void **state)
{
	struct text text = text_of("", 0);

	(void)state;
	assert_like_jansson(&text, 3);
}

static void a_text_that_has_to_wait_goes_on_where_it_was(void **state)
{
	static char bytes[TEXT_SIZE];

	(void)state;
	memset(bytes, '\n', sizeof(bytes));
	for (size_t at = 0; at <= TEXT_SIZE; at += 1000) {
		struct text text = text_of(bytes, sizeof(bytes));

		text.waits_at = at;
		text.step = 1000;
		assert_like_jansson(&text, 4096);
	}
}

static void a_text_that_fails_passes_on_the_failure(void **state)
{
	static char bytes[TEXT_SIZE];
	struct text text = text_of(bytes, sizeof(bytes));
	struct buf made;

	(void)state;
	text.fails_at = JSON_TEXT_PIECE;
	buf_init(&made, 1 << 20);
	assert_int_equal(pull_all(&text, 1000, &made), -EBADMSG);
	buf_fini(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_is_escaped_as_the_docs_service_escapes_it),
		cmocka_unit_test(a_text_of_many_pieces_is_the_same_however_it_is_pulled),
		cmocka_unit_test(an_empty_text_is_its_frame),
		cmocka_unit_test(a_text_that_has_to_wait_goes_on_where_it_was),
		cmocka_unit_test(a_text_that_fails_passes_on_the_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
