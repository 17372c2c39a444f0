#include "common/proto/extent.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void make_extents(struct buf *b)
{
	struct extent_page page = {.incarnation = 2, .seq = 99, .size = 1 << 20, .content_seq = 5};
	struct extent block = {
		.at = 4096, .len = 8192, .kind = EXTENT_BLOCK, .generation = 6, .from = 100, .block_size = 9000};
	struct extent text = {.at = 0, .len = 4, .kind = EXTENT_INLINE, .data = SPAN_LITERAL("data")};
	size_t count_at;

	memset(block.sha256, 0xab, sizeof(block.sha256));
	block.cap = SPAN_LITERAL("1.2.33");
	assert_int_equal(extent_page_begin(b, &page, &count_at), 0);
	assert_int_equal(extent_page_add(b, &text), 0);
	assert_int_equal(extent_page_add(b, &block), 0);
	extent_page_end(b, count_at, 2, false);
}

static void extent_page_read_returns_the_extents_that_were_added(void **state)
{
	struct extent_page page;
	struct extent e;
	struct buf b;
	size_t at;

	(void)state;
	buf_init(&b, 65536);
	make_extents(&b);
	assert_int_equal(extent_page_read(buf_span(&b), &page, &at), 0);
	assert_false(page.more);
	assert_int_equal(page.size, 1 << 20);
	assert_int_equal(page.content_seq, 5);
	assert_int_equal(extent_page_next(buf_span(&b), &at, &e), 0);
	assert_int_equal(e.kind, EXTENT_INLINE);
	assert_true(span_eq_str(e.data, "data"));
	assert_int_equal(extent_page_next(buf_span(&b), &at, &e), 0);
	assert_int_equal(e.kind, EXTENT_BLOCK);
	assert_int_equal(e.generation, 6);
	assert_int_equal(e.from, 100);
	assert_int_equal(e.block_size, 9000);
	assert_true(span_eq_str(e.cap, "1.2.33"));
	assert_int_equal(e.sha256[31], 0xab);
	assert_int_equal(extent_page_next(buf_span(&b), &at, &e), -ENOENT);
	buf_fini(&b);
}

static void extent_page_read_refuses_a_truncated_page(void **state)
{
	struct extent_page page;
	struct buf b;
	size_t at;

	(void)state;
	buf_init(&b, 65536);
	make_extents(&b);
	for (size_t size = 0; size < b.size; size++) {
		char *copy = malloc(size ? size : 1);

		memcpy(copy, b.data, size);
		assert_int_equal(extent_page_read(span_of(copy, size), &page, &at), -EBADMSG);
		free(copy);
	}
	buf_fini(&b);
}

static void extent_page_read_refuses_an_extent_beyond_its_block(void **state)
{
	struct extent_page page = {.seq = 1};
	struct extent e = {.at = 0, .len = 10, .kind = EXTENT_BLOCK, .from = 5, .block_size = 14};
	struct buf b;
	size_t at;

	(void)state;
	buf_init(&b, 65536);
	assert_int_equal(extent_page_begin(&b, &page, &at), 0);
	assert_int_equal(extent_page_add(&b, &e), 0);
	extent_page_end(&b, at, 1, false);
	assert_int_equal(extent_page_read(buf_span(&b), &page, &at), -EBADMSG);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extent_page_read_returns_the_extents_that_were_added),
		cmocka_unit_test(extent_page_read_refuses_a_truncated_page),
		cmocka_unit_test(extent_page_read_refuses_an_extent_beyond_its_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
