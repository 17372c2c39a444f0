#include "common/proto/item.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

static struct item sample(void)
{
	return (struct item){
		.id = ITEM_ID(2147483647, 4294967295u),
		.parent = ITEM_ROOT(3),
		.size = INT64_MAX,
		.allocated = INT64_MAX,
		.mode = S_IFREG | 07777,
		.uid = UINT32_MAX,
		.gid = UINT32_MAX,
		.nlink = UINT32_MAX,
		.atime = INT64_MIN,
		.mtime = INT64_MAX,
		.ctime = 0,
		.btime = -1,
		.seq = INT64_MAX,
		.content_seq = INT64_MAX,
		.name = SPAN_LITERAL("gr\xc3\xbc\xc3\x9f / 'x'\x7f"),
	};
}

static void assert_same_text(const struct item *item)
{
	json_t *object = item_to_json(item);
	char *expected = json_dumps(object, JSON_COMPACT);
	struct buf b;

	buf_init(&b, 65536);
	assert_int_equal(buf_append_str(&b, "before,"), 0);
	assert_int_equal(item_append_json(&b, item), 0);
	assert_int_equal(b.size, 7 + strlen(expected));
	assert_string_equal(b.data + 7, expected);
	assert_memory_equal(b.data, "before,", 7);
	buf_fini(&b);
	free(expected);
	json_decref(object);
}

static void item_append_json_writes_the_same_text_as_the_json_tree(void **state)
{
	struct item item = sample();

	(void)state;
	assert_same_text(&item);
	item.mode |= ITEM_IMMUTABLE | ITEM_APPEND_ONLY;
	assert_same_text(&item);
	item.mode = S_IFDIR | 0755;
	item.name = (struct span){0};
	item.id = item.seq = item.content_seq = 1;
	item.atime = item.mtime = 1700000000000000001;
	item.size = item.allocated = 0;
	assert_same_text(&item);
}

static void item_append_json_escapes_names_as_the_json_tree_does(void **state)
{
	static const struct span names[] = {SPAN_LITERAL("a\"b"), SPAN_LITERAL("a\\b"), SPAN_LITERAL("a\nb"),
		SPAN_LITERAL("\x01"), SPAN_LITERAL("a\0b"), SPAN_LITERAL("a\xff"), SPAN_LITERAL("\xed\xa0\x80"),
		SPAN_LITERAL("\xe2\x80\xa8")};
	struct item item = sample();

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		item.name = names[i];
		assert_same_text(&item);
	}
}

static void item_append_json_matches_the_tree_for_every_type_of_document(void **state)
{
	static const uint32_t types[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
	struct item item = sample();

	(void)state;
	item.target = SPAN_LITERAL("../\xfe\"x");
	item.rdev_major = 259;
	item.rdev_minor = 1048575;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		item.mode = types[i] | 0644;
		assert_same_text(&item);
	}
}

static void an_item_that_does_not_fit_leaves_the_text_unchanged(void **state)
{
	struct item plain = sample(), escaped = sample();
	struct buf b;

	(void)state;
	escaped.name = SPAN_LITERAL("\"");
	buf_init(&b, 100);
	assert_int_equal(buf_append_str(&b, "before"), 0);
	assert_int_equal(item_append_json(&b, &plain), -E2BIG);
	assert_string_equal(b.data, "before");
	assert_int_equal(item_append_json(&b, &escaped), -E2BIG);
	assert_string_equal(b.data, "before");
	assert_int_equal(b.size, 6);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(item_append_json_writes_the_same_text_as_the_json_tree),
		cmocka_unit_test(item_append_json_escapes_names_as_the_json_tree_does),
		cmocka_unit_test(item_append_json_matches_the_tree_for_every_type_of_document),
		cmocka_unit_test(an_item_that_does_not_fit_leaves_the_text_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
