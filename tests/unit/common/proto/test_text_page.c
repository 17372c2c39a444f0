#include "common/proto/text_page.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct text_page PAGE = {.length = 30,
	.before = SPAN_LITERAL("{\"text\":\""),
	.after = SPAN_LITERAL("\"}"),
	.extents = SPAN_LITERAL("extents")};

static void write_page(const struct text_page *page, struct buf *ret)
{
	buf_init(ret, 65536);
	assert_int_equal(text_page_write(ret, page), 0);
}

static void a_page_is_read_as_it_was_written(void **state)
{
	struct text_page page;
	struct buf b;

	(void)state;
	write_page(&PAGE, &b);
	assert_int_equal(text_page_read(buf_span(&b), &page), 0);
	assert_int_equal(page.length, 30);
	assert_true(span_eq(page.before, PAGE.before) && span_eq(page.after, PAGE.after));
	assert_true(span_eq(page.extents, PAGE.extents));
	buf_fini(&b);
}

static void a_page_that_ends_within_its_frame_is_refused(void **state)
{
	struct text_page page;
	struct buf b;

	(void)state;
	write_page(&PAGE, &b);
	for (size_t size = 0; size < b.size - PAGE.extents.size; size++)
		assert_int_equal(text_page_read(span_of(b.data, size), &page), -EBADMSG);
	assert_int_equal(text_page_read(span_of(b.data, b.size - PAGE.extents.size), &page), 0);
	buf_fini(&b);
}

static void a_page_with_another_magic_or_a_length_below_its_frame_is_refused(void **state)
{
	struct text_page page = PAGE;
	struct buf b;

	(void)state;
	page.length = (int64_t)(PAGE.before.size + PAGE.after.size) - 1;
	write_page(&page, &b);
	assert_int_equal(text_page_read(buf_span(&b), &page), -EBADMSG);
	buf_fini(&b);
	write_page(&PAGE, &b);
	b.data[0] = 'X';
	assert_int_equal(text_page_read(buf_span(&b), &page), -EBADMSG);
	buf_fini(&b);
}

static void a_longer_frame_than_allowed_is_neither_written_nor_read(void **state)
{
	static const unsigned char TOO_LONG[] = {TEXT_PAGE_FRAME_MAX & 255, TEXT_PAGE_FRAME_MAX >> 8, 0, 0};
	const size_t at = 20; /* of the size of `before`: behind magic, flags, count and length */
	char *frame = calloc(1, TEXT_PAGE_FRAME_MAX + 1);
	struct text_page page = {
		.length = 1 << 20, .before = span_of(frame, TEXT_PAGE_FRAME_MAX), .after = SPAN_LITERAL("x")};
	struct buf b;

	(void)state;
	write_page(&page, &b);
	assert_memory_equal(b.data + at, TOO_LONG, sizeof(TOO_LONG));
	assert_int_equal(text_page_read(buf_span(&b), &page), 0);
	b.data[at]++;
	assert_int_equal(text_page_read(buf_span(&b), &page), -EBADMSG);
	buf_reset(&b);
	page.before = span_of(frame, TEXT_PAGE_FRAME_MAX + 1);
	assert_int_equal(text_page_write(&b, &page), -EINVAL);
	page = PAGE;
	page.after = span_of(frame, TEXT_PAGE_FRAME_MAX + 1);
	assert_int_equal(text_page_write(&b, &page), -EINVAL);
	buf_fini(&b);
	free(frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_read_as_it_was_written),
		cmocka_unit_test(a_page_that_ends_within_its_frame_is_refused),
		cmocka_unit_test(a_page_with_another_magic_or_a_length_below_its_frame_is_refused),
		cmocka_unit_test(a_longer_frame_than_allowed_is_neither_written_nor_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
