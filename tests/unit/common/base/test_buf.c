#include "common/base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

/* The sanitizers abort a program that asks for too much memory, unless this option makes malloc return NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void buf_append_keeps_every_byte_and_adds_a_final_nul(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_append(&b, "a\0b", 3), 0);
	assert_int_equal(buf_append_str(&b, "cd"), 0);
	assert_int_equal(buf_append_span(&b, span_of("efg", 2)), 0);
	assert_int_equal(b.size, 7);
	assert_memory_equal(b.data, "a\0bcdef", 8);
	buf_fini(&b);
}

static void buf_append_of_nothing_gives_an_empty_text(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	assert_null(b.data);
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_string_equal(b.data, "");
	assert_int_equal(b.size, 0);
	buf_fini(&b);
}

static void buf_append_fills_up_to_the_maximum_and_refuses_the_next_byte(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_int_equal(buf_append_str(&b, "abcd"), 0);
	assert_int_equal(buf_append_str(&b, "e"), -E2BIG);
	assert_int_equal(buf_append_u8(&b, 1), -E2BIG);
	assert_string_equal(b.data, "abcd");
	assert_int_equal(b.size, 4);
	assert_true(b.capacity <= 5);
	buf_fini(&b);
}

static void buf_reserve_of_sizes_that_overflow_is_refused(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	assert_int_equal(buf_append_str(&b, "abc"), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -E2BIG);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 3), -E2BIG);
	assert_string_equal(b.data, "abc");
	buf_fini(&b);
}

static void buf_reserve_that_runs_out_of_memory_keeps_the_content(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	assert_int_equal(buf_append_str(&b, "abc"), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), -ENOMEM);
	assert_string_equal(b.data, "abc");
	assert_int_equal(buf_append_str(&b, "d"), 0);
	assert_string_equal(b.data, "abcd");
	buf_fini(&b);
}

static void buf_append_grows_the_buffer_but_never_beyond_its_maximum(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_append(&b, &"0123456789"[i % 10], 1), 0);
	assert_int_equal(buf_append(&b, "x", 1), -E2BIG);
	assert_int_equal(b.capacity, 10001);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(b.data[i], '0' + i % 10);
	buf_fini(&b);
}

static void buf_printf_prints_a_text_longer_than_the_first_allocation(void **state)
{
	struct buf b;
	char wide[400];

	(void)state;
	memset(wide, 'w', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	buf_init(&b, 1000);
	assert_int_equal(buf_printf(&b, "%d-", 7), 0);
	assert_int_equal(buf_printf(&b, "%s|%s", wide, "end"), 0);
	assert_int_equal(b.size, 2 + 399 + 4);
	assert_memory_equal(b.data, "7-www", 5);
	assert_string_equal(b.data + 2 + 399, "|end");
	buf_fini(&b);
}

static void buf_printf_beyond_max_changes_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(buf_append_str(&b, "head"), 0);
	assert_int_equal(buf_printf(&b, "%s", "1234567"), -E2BIG);
	assert_string_equal(b.data, "head");
	assert_int_equal(buf_printf(&b, "%s", "123456"), 0);
	assert_string_equal(b.data, "head123456");
	assert_int_equal(buf_printf(&b, "%s", ""), 0);
	buf_fini(&b);
}

static void buf_append_of_integers_is_little_endian(void **state)
{
	static const unsigned char expected[] = {
		0xfe, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01};
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_append_u8(&b, 0xfe), 0);
	assert_int_equal(buf_append_u16(&b, 0x1234), 0);
	assert_int_equal(buf_append_u32(&b, 0x12345678), 0);
	assert_int_equal(buf_append_u64(&b, 0x0123456789abcdef), 0);
	assert_int_equal(b.size, sizeof(expected));
	assert_memory_equal(b.data, expected, sizeof(expected));
	buf_fini(&b);
}

static void buf_append_of_an_integer_that_does_not_fit_adds_no_byte(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 3);
	assert_int_equal(buf_append_u32(&b, 1), -E2BIG);
	assert_int_equal(b.size, 0);
	buf_fini(&b);
}

static void buf_take_returns_the_bytes_and_leaves_an_empty_buffer(void **state)
{
	struct buf b;
	size_t size = 99;
	char *data;

	(void)state;
	buf_init(&b, 100);
	assert_null(buf_take(&b, &size));
	assert_int_equal(size, 0);
	assert_int_equal(buf_append_str(&b, "abc"), 0);
	data = buf_take(&b, &size);
	assert_string_equal(data, "abc");
	assert_int_equal(size, 3);
	free(data);
	assert_int_equal(buf_span(&b).size, 0);
	assert_int_equal(buf_append_str(&b, "next"), 0); /* the maximum is kept */
	assert_string_equal(b.data, "next");
	buf_fini(&b);
	buf_fini(NULL);
}

static void buf_reset_empties_the_buffer_and_keeps_its_memory(void **state)
{
	struct buf b;
	char *before;

	(void)state;
	buf_init(&b, 100);
	buf_reset(&b);
	assert_int_equal(buf_append_str(&b, "abc"), 0);
	before = b.data;
	buf_reset(&b);
	assert_int_equal(b.size, 0);
	assert_string_equal(b.data, "");
	assert_ptr_equal(b.data, before);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_append_keeps_every_byte_and_adds_a_final_nul),
		cmocka_unit_test(buf_append_of_nothing_gives_an_empty_text),
		cmocka_unit_test(buf_append_fills_up_to_the_maximum_and_refuses_the_next_byte),
		cmocka_unit_test(buf_reserve_of_sizes_that_overflow_is_refused),
		cmocka_unit_test(buf_reserve_that_runs_out_of_memory_keeps_the_content),
		cmocka_unit_test(buf_append_grows_the_buffer_but_never_beyond_its_maximum),
		cmocka_unit_test(buf_printf_prints_a_text_longer_than_the_first_allocation),
		cmocka_unit_test(buf_printf_beyond_max_changes_nothing),
		cmocka_unit_test(buf_append_of_integers_is_little_endian),
		cmocka_unit_test(buf_append_of_an_integer_that_does_not_fit_adds_no_byte),
		cmocka_unit_test(buf_take_returns_the_bytes_and_leaves_an_empty_buffer),
		cmocka_unit_test(buf_reset_empties_the_buffer_and_keeps_its_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
