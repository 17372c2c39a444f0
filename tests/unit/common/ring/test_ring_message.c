/* The messages of gateways and docs services about the ring: written and read again, and texts that are no
 * such message. */
#include "common/base/error.h"
#include "common/ring/ring_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct membership_silence SILENT[] = {{.name = "b", .boot = "b0", .renewed_at = INT64_MAX}};
static const struct membership_call CALL = {.name = "a",
	.boot = "a0",
	.url = "http://[::1]:8050",
	.hop_url = "http://10.0.0.1:8060",
	.weight = PLACEMENT_WEIGHT_MAX,
	.view = 7,
	.said = 8,
	.leaving = true,
	.silent = SILENT,
	.silent_count = 1};

static void a_written_call_is_read_back_unchanged(void **state)
{
	struct ring_message_call message;
	struct buf text;

	(void)state;
	buf_init(&text, RING_MESSAGE_BYTES_MAX);
	assert_int_equal(ring_message_write_call(&CALL, &text), 0);
	assert_int_equal(ring_message_read_call(buf_span(&text), &message), 0);
	assert_string_equal(message.call.name, CALL.name);
	assert_string_equal(message.call.boot, CALL.boot);
	assert_string_equal(message.call.url, CALL.url);
	assert_string_equal(message.call.hop_url, CALL.hop_url);
	assert_int_equal(message.call.weight, CALL.weight);
	assert_int_equal(message.call.view, CALL.view);
	assert_int_equal(message.call.said, CALL.said);
	assert_true(message.call.leaving);
	assert_int_equal(message.call.silent_count, 1);
	assert_string_equal(message.call.silent[0].name, "b");
	assert_string_equal(message.call.silent[0].boot, "b0");
	assert_true(message.call.silent[0].renewed_at == INT64_MAX);
	ring_message_call_fini(&message);
	buf_fini(&text);
}

static void fill(struct membership *book, size_t count)
{
	memset(book, 0, sizeof(*book));
	for (size_t i = 0; i < count; i++) {
		char name[MEMBERSHIP_NAME_SIZE], boot[MEMBERSHIP_BOOT_SIZE], url[MEMBERSHIP_URL_SIZE];
		struct membership_call call = {.name = name, .boot = boot, .url = url, .hop_url = url, .weight = 1};
		bool lease;

		memset(url, 'u', sizeof(url));
		url[sizeof(url) - 1] = '\0';
		(void)snprintf(name, sizeof(name), "%0*zu", MEMBERSHIP_NAME_SIZE - 1, i);
		(void)snprintf(boot, sizeof(boot), "%0*zu", MEMBERSHIP_BOOT_SIZE - 1, i);
		assert_int_equal(membership_hear(book, &call, &lease), 0);
	}
}

static void the_largest_book_fits_into_a_message_and_is_read_back_unchanged(void **state)
{
	struct membership *book = calloc(2, sizeof(*book));
	struct membership *got = book + 1;
	struct buf text;
	bool lease = false;

	(void)state;
	fill(book, MEMBERSHIP_GATEWAYS_MAX);
	for (size_t i = 0; i < book->count; i++)
		book->list[i].renewed_at = book->list[i].called_at = book->list[i].unsaid = INT64_MAX;
	book->calls = INT64_MAX;
	buf_init(&text, RING_MESSAGE_BYTES_MAX);
	assert_int_equal(ring_message_write_answer(book, true, &text), 0);
	assert_int_equal(ring_message_read_answer(buf_span(&text), got, &lease), 0);
	assert_true(lease);
	assert_int_equal(got->count, MEMBERSHIP_GATEWAYS_MAX);
	assert_memory_equal(got, book, sizeof(*book));
	buf_fini(&text);
	free(book);
}

/* Each of these is a call except for one fault. */
static void a_malformed_call_is_refused(void **state)
{
	static const char *const WRONG[] = {
		"[]",
		"{\"name\":\"a\"}",
		"{\"name\":\"a\",\"boot\":\"b\",\"url\":\"u\",\"weight\":1,\"view\":0,\"said\":0,\"leaving\":false,\"silent\":[]}",
		"{\"name\":1,\"boot\":\"b\",\"url\":\"u\",\"hop_url\":\"\",\"weight\":1,\"view\":0,\"said\":0,\"leaving\":false,\"silent\":[]}",
		"{\"name\":\"a\",\"boot\":\"b\",\"url\":\"u\",\"hop_url\":\"\",\"weight\":-1,\"view\":0,\"said\":0,\"leaving\":false,\"silent\":[]}",
		"{\"name\":\"a\",\"boot\":\"b\",\"url\":\"u\",\"hop_url\":\"\",\"weight\":4294967296,\"view\":0,\"said\":0,\"leaving\":false,\"silent\":[]}",
		"{\"name\":\"a\",\"boot\":\"b\",\"url\":\"u\",\"hop_url\":\"\",\"weight\":1,\"view\":0.5,\"said\":0,\"leaving\":false,\"silent\":[]}",
		"{\"name\":\"a\",\"boot\":\"b\",\"url\":\"u\",\"hop_url\":\"\",\"weight\":1,\"view\":0,\"said\":0,\"leaving\":0,\"silent\":[]}",
		"{\"name\":\"a\",\"boot\":\"b\",\"url\":\"u\",\"hop_url\":\"\",\"weight\":1,\"view\":0,\"said\":0,\"leaving\":false}",
		"{\"name\":\"a\",\"boot\":\"b\",\"url\":\"u\",\"hop_url\":\"\",\"weight\":1,\"view\":0,\"said\":0,\"leaving\":false,\"silent\":[{}]}",
	};
	struct ring_message_call message;

	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
		assert_int_equal(ring_message_read_call(span_str(WRONG[i]), &message), -ERR_BAD_REQUEST);
	assert_int_equal(ring_message_read_call(span_str("{"), &message), -ERR_BAD_JSON);
	assert_int_equal(ring_message_read_call(span_str("{\"name\":\"a\\u0000\"}"), &message), -ERR_BAD_JSON);
	assert_int_equal(ring_message_read_call(span_of(NULL, 0), &message), -ERR_BAD_JSON);
	assert_int_equal(ring_message_read_call(span_str("{\"name\":\"a\",\"name\":\"a\"}"), &message), -ERR_BAD_JSON);
}

static void a_call_that_reports_too_many_silent_gateways_is_refused(void **state)
{
	struct membership_silence silent[MEMBERSHIP_GATEWAYS_MAX + 1];
	struct membership_call call = CALL;
	struct ring_message_call message;
	struct buf text;

	(void)state;
	for (size_t i = 0; i <= MEMBERSHIP_GATEWAYS_MAX; i++)
		silent[i] = SILENT[0];
	call.silent = silent;
	call.silent_count = MEMBERSHIP_GATEWAYS_MAX + 1;
	buf_init(&text, RING_MESSAGE_BYTES_MAX);
	assert_int_equal(ring_message_write_call(&call, &text), 0);
	assert_int_equal(ring_message_read_call(buf_span(&text), &message), -ERR_BAD_REQUEST);
	buf_fini(&text);
}

/* The book has two members of one name, which the rules never leave behind. */
static void an_invalid_book_is_refused_and_sets_nothing(void **state)
{
	struct membership *book = calloc(2, sizeof(*book));
	struct membership *got = book + 1;
	struct buf text;
	bool lease = false;

	(void)state;
	fill(book, 2);
	for (size_t i = 0; i < 2; i++) {
		book->list[i].member = true;
		(void)snprintf(book->list[i].name, MEMBERSHIP_NAME_SIZE, "same");
	}
	got->epoch = 77;
	buf_init(&text, RING_MESSAGE_BYTES_MAX);
	assert_int_equal(ring_message_write_answer(book, true, &text), 0);
	assert_int_equal(ring_message_read_answer(buf_span(&text), got, &lease), -ERR_BAD_REQUEST);
	assert_int_equal(ring_message_read_answer(span_str("{\"lease\":true}"), got, &lease), -ERR_BAD_REQUEST);
	assert_int_equal(ring_message_read_answer(span_str("nothing"), got, &lease), -ERR_BAD_JSON);
	assert_int_equal(got->epoch, 77);
	assert_false(lease);
	buf_fini(&text);
	free(book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_written_call_is_read_back_unchanged),
		cmocka_unit_test(the_largest_book_fits_into_a_message_and_is_read_back_unchanged),
		cmocka_unit_test(a_malformed_call_is_refused),
		cmocka_unit_test(a_call_that_reports_too_many_silent_gateways_is_refused),
		cmocka_unit_test(an_invalid_book_is_refused_and_sets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
