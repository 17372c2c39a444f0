/* cut: values and texts cut off the front of a message. */
#include "common/base/buf.h"
#include "common/base/cut.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void cut_reads_the_numbers_that_buf_appended(void **state)
{
	struct buf b;
	uint64_t number = 0;
	int64_t signed_number = 0;
	size_t size = 0;

	(void)state;
	buf_init(&b, 64);
	assert_int_equal(buf_append_u16(&b, 0x1234), 0);
	assert_int_equal(buf_append_u64(&b, UINT64_MAX), 0);
	assert_int_equal(buf_append_u64(&b, 77), 0);
	assert_int_equal(buf_append_u8(&b, 9), 0);
	struct span rest = buf_span(&b);
	assert_int_equal(cut_size(&rest, 2, 0x1234, &size), 0);
	assert_int_equal(size, 0x1234);
	assert_int_equal(cut_number(&rest, 8, UINT64_MAX, &number), 0);
	assert_true(number == UINT64_MAX);
	assert_int_equal(cut_i64(&rest, &signed_number), 0);
	assert_int_equal(signed_number, 77);
	assert_int_equal(cut_number(&rest, 1, 9, &number), 0);
	assert_int_equal(number, 9);
	assert_int_equal(rest.size, 0);
	buf_fini(&b);
}

static void a_number_above_its_bound_is_refused_and_sets_nothing(void **state)
{
	static const char BYTES[] = "\xff\xff\xff\xff\xff\xff\xff\xff";
	struct span rest = span_of(BYTES, 8);
	int64_t number = 5;
	size_t size = 5;

	(void)state;
	assert_int_equal(cut_i64(&rest, &number), -EBADMSG);
	assert_int_equal(number, 5);
	rest = span_of(BYTES, 8);
	assert_int_equal(cut_size(&rest, 2, 0xfffe, &size), -EBADMSG);
	assert_int_equal(size, 5);
}

static void a_field_longer_than_the_rest_of_the_message_is_refused(void **state)
{
	struct span rest = SPAN_LITERAL("abc"), piece = SPAN_LITERAL("untouched");
	uint64_t number = 5;

	(void)state;
	assert_int_equal(cut_bytes(&rest, 4, &piece), -EBADMSG);
	assert_int_equal(cut_number(&rest, 4, UINT64_MAX, &number), -EBADMSG);
	assert_int_equal(number, 5);
	assert_true(span_eq_str(piece, "untouched"));
	assert_int_equal(cut_bytes(&rest, 3, &piece), 0);
	assert_true(span_eq_str(piece, "abc") && rest.size == 0);
	assert_int_equal(cut_bytes(&rest, 0, &piece), 0);
	assert_int_equal(cut_bytes(&rest, 1, &piece), -EBADMSG);
}

static void a_message_that_does_not_begin_with_the_expected_text_is_refused(void **state)
{
	struct span rest = SPAN_LITERAL("NVQ1x");

	(void)state;
	assert_int_equal(cut_text(&rest, "NVQ1"), 0);
	assert_true(span_eq_str(rest, "x"));
	assert_int_equal(cut_text(&rest, "y"), -EBADMSG);
	rest = SPAN_LITERAL("NV");
	assert_int_equal(cut_text(&rest, "NVQ1"), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_reads_the_numbers_that_buf_appended),
		cmocka_unit_test(a_number_above_its_bound_is_refused_and_sets_nothing),
		cmocka_unit_test(a_field_longer_than_the_rest_of_the_message_is_refused),
		cmocka_unit_test(a_message_that_does_not_begin_with_the_expected_text_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
