#include "common/proto/item.h"

#include "common/base/limits.h"
#include "common/proto/compact.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

/* A page of three items, the second with content. */
static void make_page(struct buf *b)
{
	struct item_page page = {.incarnation = 2, .seq = 99, .cursor = SPAN_LITERAL("bmV4dA")};
	struct item item = {
		.id = ITEM_ID(1, 2), .parent = ITEM_ROOT(1), .mode = S_IFREG | 0644, .nlink = 1, .mtime = -7};
	size_t count_at;

	assert_int_equal(item_page_begin(b, &page, &count_at), 0);
	item.name = SPAN_LITERAL("a");
	assert_int_equal(item_page_add(b, &item), 0);
	item.name = SPAN_LITERAL("b\xff");
	item.has_inline = true;
	item.inline_data = SPAN_LITERAL("content");
	item.size = 7;
	assert_int_equal(item_page_add(b, &item), 0);
	item.has_inline = false;
	item.mode = S_IFLNK | 0777;
	item.target = SPAN_LITERAL("a");
	assert_int_equal(item_page_add(b, &item), 0);
	item_page_end(b, count_at, 3, true);
}

static void item_page_read_returns_the_items_that_were_added(void **state)
{
	struct item_page page;
	struct item item;
	struct buf b;
	size_t at;

	(void)state;
	buf_init(&b, 65536);
	make_page(&b);
	assert_int_equal(item_page_read(buf_span(&b), &page, &at), 0);
	assert_true(page.more);
	assert_int_equal(page.count, 3);
	assert_int_equal(page.incarnation, 2);
	assert_int_equal(page.seq, 99);
	assert_true(span_eq_str(page.cursor, "bmV4dA"));
	assert_int_equal(item_page_next(buf_span(&b), &at, &item), 0);
	assert_true(span_eq_str(item.name, "a"));
	assert_false(item.has_inline);
	assert_int_equal(item.mtime, -7);
	assert_int_equal(item_page_next(buf_span(&b), &at, &item), 0);
	assert_true(item.has_inline);
	assert_true(span_eq_str(item.inline_data, "content"));
	assert_int_equal(item_page_next(buf_span(&b), &at, &item), 0);
	assert_true(span_eq_str(item.target, "a"));
	assert_int_equal(item_page_next(buf_span(&b), &at, &item), -ENOENT);
	buf_fini(&b);
}

static void item_page_has_the_byte_layout_of_the_contract(void **state)
{
	static const char expected[] = "NPI1\0\0\0\0\1\0\0\0"
				       "\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0"
				       "\x71\0\0\0\2\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0";
	struct item_page page = {.incarnation = 2, .seq = 3};
	struct item item = {.id = ITEM_ID(1, 2), .parent = ITEM_ROOT(1), .name = SPAN_LITERAL("n")};
	struct buf b;
	size_t count_at;

	(void)state;
	buf_init(&b, 65536);
	assert_int_equal(item_page_begin(&b, &page, &count_at), 0);
	assert_int_equal(item_page_add(&b, &item), 0);
	item_page_end(&b, count_at, 1, false);
	assert_memory_equal(b.data, expected, sizeof(expected) - 1);
	assert_int_equal(b.size, 30 + 4 + 0x71);
	buf_fini(&b);
}

static void the_position_in_the_head_of_an_item_page_can_be_replaced(void **state)
{
	struct buf b, other;
	struct item_page page;
	size_t at = 0;

	(void)state;
	buf_init(&b, 4096);
	make_page(&b);
	assert_int_equal(compact_head_set_position(b.data, b.size, 3, 1ll << 40), 0);
	assert_int_equal(item_page_read(buf_span(&b), &page, &at), 0);
	assert_int_equal(page.incarnation, 3);
	assert_int_equal(page.seq, 1ll << 40);
	assert_int_equal(compact_head_set_position(b.data, 27, 3, 4), -EBADMSG);
	buf_init(&other, 100);
	assert_int_equal(buf_append_str(&other, "NPR1 has its positions elsewhere, and is not kept"), 0);
	assert_int_equal(compact_head_set_position(other.data, other.size, 3, 4), -EBADMSG);
	buf_fini(&other);
	buf_fini(&b);
}

static void item_page_read_refuses_a_truncated_page_and_a_wrong_count(void **state)
{
	struct item_page page;
	struct buf b;
	size_t at = 12345;

	(void)state;
	buf_init(&b, 65536);
	make_page(&b);
	for (size_t size = 0; size < b.size; size++) {
		char *copy = malloc(size ? size : 1); /* of exactly this size, so that a read behind it is found */

		memcpy(copy, b.data, size);
		assert_int_equal(item_page_read(span_of(copy, size), &page, &at), -EBADMSG);
		free(copy);
	}
	b.data[8] = 2;
	assert_int_equal(item_page_read(buf_span(&b), &page, &at), -EBADMSG);
	assert_int_equal(at, 12345);
	buf_fini(&b);
}

static void item_page_add_that_does_not_fit_leaves_the_page_unchanged(void **state)
{
	struct item_page page = {.seq = 1};
	struct item item = {.name = SPAN_LITERAL("n")};
	struct buf b;
	size_t count_at, size;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(item_page_begin(&b, &page, &count_at), 0);
	size = b.size;
	assert_int_equal(item_page_add(&b, &item), -E2BIG);
	assert_int_equal(b.size, size);
	item_page_end(&b, count_at, 0, false);
	assert_int_equal(item_page_read(buf_span(&b), &page, &size), 0);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(item_page_read_returns_the_items_that_were_added),
		cmocka_unit_test(item_page_has_the_byte_layout_of_the_contract),
		cmocka_unit_test(the_position_in_the_head_of_an_item_page_can_be_replaced),
		cmocka_unit_test(item_page_read_refuses_a_truncated_page_and_a_wrong_count),
		cmocka_unit_test(item_page_add_that_does_not_fit_leaves_the_page_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
