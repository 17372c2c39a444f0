#include "fusefs/store/http/store_http_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#define DRIVE 7

static struct item file(void)
{
	return (struct item){.id = ITEM_ID(DRIVE, 50),
		.parent = ITEM_ROOT(DRIVE),
		.mode = S_IFREG | 0644,
		.size = 5,
		.name = SPAN_LITERAL("name")};
}

static bool is_ok(const struct item *item)
{
	return store_http_item_ok(item, DRIVE);
}

static void valid_items_of_this_drive_are_accepted(void **state)
{
	const uint32_t types[] = {S_IFREG, S_IFDIR, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
	struct item item = file();

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		item.mode = types[i] | 07777;
		assert_true(is_ok(&item));
	}
	item.parent = 0; /* the root, or a document that lost its last name */
	item.name = SPAN_LITERAL("");
	assert_true(is_ok(&item));
}

static void an_item_is_refused_if_its_id_or_parent_is_not_valid_in_this_drive(void **state)
{
	struct item item = file();

	(void)state;
	item.id = ITEM_ID(DRIVE + 1, 50);
	assert_false(is_ok(&item));
	item = file();
	item.parent = ITEM_ROOT(DRIVE + 1);
	assert_false(is_ok(&item));
	item = file();
	item.id = ITEM_ID(DRIVE, 0);
	assert_false(is_ok(&item));
	item.id = -5;
	assert_false(is_ok(&item));
}

static void an_item_with_an_invalid_type_is_refused(void **state)
{
	struct item item = file();

	(void)state;
	item.mode = 0644;
	assert_false(is_ok(&item));
	item.mode = S_IFMT | 0644;
	assert_false(is_ok(&item));
	item.mode = S_IFREG | (1u << 30);
	assert_false(is_ok(&item));
}

static void an_item_with_an_invalid_size_or_name_is_refused(void **state)
{
	struct item item = file();

	(void)state;
	item.size = -1;
	assert_false(is_ok(&item));
	item.size = (int64_t)FILE_BYTES_MAX;
	assert_true(is_ok(&item));
	item.size++;
	assert_false(is_ok(&item));
	item = file();
	item.allocated = -1;
	assert_false(is_ok(&item));
	item = file();
	item.name = SPAN_LITERAL("..");
	assert_false(is_ok(&item));
	item.name = SPAN_LITERAL("a/b");
	assert_false(is_ok(&item));
}

static void a_symlink_needs_a_target_and_inline_content_must_fit_its_file(void **state)
{
	struct item item = file();

	(void)state;
	item.mode = S_IFLNK | 0777;
	assert_false(is_ok(&item));
	item.target = SPAN_LITERAL("there");
	assert_true(is_ok(&item));
	item = file();
	item.has_inline = true;
	item.inline_data = SPAN_LITERAL("hello");
	assert_true(is_ok(&item));
	item.size = 6;
	assert_false(is_ok(&item));
	item.size = 5;
	item.mode = S_IFDIR | 0755;
	assert_false(is_ok(&item));
}

/* -- extents -- */

static void an_extent_must_follow_the_one_before_and_lie_within_the_file(void **state)
{
	struct extent e = {.at = 10, .len = 5, .kind = EXTENT_INLINE, .data = SPAN_LITERAL("hello")};

	(void)state;
	assert_true(store_http_extent_ok(&e, 15, 10));
	assert_false(store_http_extent_ok(&e, 15, 11)); /* the extent before it ends inside it */
	assert_false(store_http_extent_ok(&e, 14, 10)); /* it goes beyond the end of the file */
	e.len = 0;
	assert_false(store_http_extent_ok(&e, 15, 10));
	e.len = INT64_MAX;
	assert_false(store_http_extent_ok(&e, 15, 10));
	e.len = 4; /* data has more bytes than len says */
	assert_false(store_http_extent_ok(&e, 15, 10));
}

static void an_extent_must_lie_within_its_block(void **state)
{
	struct extent e = {.len = 100, .kind = EXTENT_BLOCK, .block_size = 150, .from = 50};

	(void)state;
	assert_true(store_http_extent_ok(&e, 100, 0));
	e.from = 51;
	assert_false(store_http_extent_ok(&e, 100, 0));
	/* Beyond the block: what is left of the block must not come out as a very large number. */
	e.from = 151;
	assert_false(store_http_extent_ok(&e, 100, 0));
	e.from = 0;
	e.block_size = BLOCK_BYTES_MAX + 1;
	assert_false(store_http_extent_ok(&e, 100, 0));
	e.block_size = 0;
	assert_false(store_http_extent_ok(&e, 100, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_items_of_this_drive_are_accepted),
		cmocka_unit_test(an_item_is_refused_if_its_id_or_parent_is_not_valid_in_this_drive),
		cmocka_unit_test(an_item_with_an_invalid_type_is_refused),
		cmocka_unit_test(an_item_with_an_invalid_size_or_name_is_refused),
		cmocka_unit_test(a_symlink_needs_a_target_and_inline_content_must_fit_its_file),
		cmocka_unit_test(an_extent_must_follow_the_one_before_and_lie_within_the_file),
		cmocka_unit_test(an_extent_must_lie_within_its_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
