#include "common/proto/tag.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka.h comes last: it needs the headers above. */
#include <cmocka.h>

#define ID(number) ITEM_ID(5, number)
#define FOLDER ID(7)
#define OTHER ID(8)
#define FILE_ID ID(0x2f)
#define REPLACED ID(9)

static void assert_text(const struct tag_list *l, const char *want)
{
	char text[TAG_TEXT_SIZE];

	assert_int_equal(tag_list_print(l, text), 0);
	assert_string_equal(text, want);
}

static void a_printed_tag_list_is_parsed_to_the_same_tags(void **state)
{
	struct tag_list list, again;
	char text[TAG_TEXT_SIZE];

	(void)state;
	tag_list_init(&list, 5);
	assert_text(&list, "5");
	tag_list_add(&list, tag_of(TAG_ATTRIBUTES, FILE_ID));
	tag_list_add(&list, tag_of(TAG_LISTING, ITEM_ROOT(5)));
	tag_list_add(&list, tag_of(TAG_CONTENT, ID(UINT32_MAX)));
	tag_list_add(&list, tag_of(TAG_XATTRS, FILE_ID));
	assert_text(&list, "5 a2f l1 cffffffff x2f");
	tag_list_add(&list, tag_name(FOLDER, SPAN_LITERAL("a name")));
	tag_list_ends(&list, 300);
	tag_list_ends(&list, 301);
	assert_int_equal(tag_list_print(&list, text), 0);
	assert_int_equal(tag_list_parse(span_str(text), &again), 0);
	assert_int_equal(again.count, 6);
	assert_int_equal(again.lifetime_s, 300);
	assert_false(again.overfull);
	for (size_t i = 0; i < list.count; i++)
		assert_true(tag_eq(&list.tags[i], &again.tags[i]));
	assert_true(tag_eq(&again.tags[0], &(struct tag){.kind = TAG_DRIVE, .id = 5}));
}

static void a_tag_list_with_too_many_tags_is_not_printed(void **state)
{
	struct tag_list list;
	char text[TAG_TEXT_SIZE];

	(void)state;
	tag_list_init(&list, INT32_MAX);
	for (uint32_t i = 1; i < TAG_LIST_MAX; i++)
		tag_list_add(&list, tag_of(TAG_ATTRIBUTES, ITEM_ID(INT32_MAX, UINT32_MAX - i)));
	assert_int_equal(tag_list_print(&list, text), 0);
	assert_true(strlen(text) > 9 * (TAG_LIST_MAX - 1));
	tag_list_add(&list, tag_of(TAG_ATTRIBUTES, ITEM_ID(INT32_MAX, 1)));
	assert_true(list.overfull);
	assert_int_equal(tag_list_print(&list, text), -E2BIG);
	assert_string_equal(text, "");
}

static void a_tag_list_whose_text_is_too_long_is_not_printed(void **state)
{
	struct tag_list list;
	char text[TAG_TEXT_SIZE];

	(void)state;
	tag_list_init(&list, 5);
	for (uint32_t i = 1; i < TAG_LIST_MAX; i++)
		tag_list_add(&list, tag_name(ID(UINT32_MAX - i), SPAN_LITERAL("x")));
	assert_false(list.overfull);
	assert_int_equal(tag_list_print(&list, text), -E2BIG);
	assert_string_equal(text, "");
}

static void a_malformed_tag_list_is_refused(void **state)
{
	static const char *const bad[] = {"", " ", "x", "5 ", " 5", "5  a1", "5 a1 ", "05", "0", "5/", "5/0", "5/03",
		"/3", "5/86401", "5/3/3", "2147483648", "-5", "5 a", "5 a01", "5 A1", "5 aF", "5 a100000000", "5 a1.1",
		"5 d5", "5 n1", "5 n1.", "5 n1.123456789abcdef", "5 n1.0123456789abcdef0", "5 n1.0123456789ABCDEF",
		"5 n1:0123456789abcdef", "5 n.0123456789abcdef", "5 n01.0123456789abcdef", "5\ta1", "5,a1", "5 6",
		"5 z1"};
	struct tag_list list;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (tag_list_parse(span_str(bad[i]), &list) != -EBADMSG)
			fail_msg("was read: \"%s\"", bad[i]);
	assert_int_equal(tag_list_parse(span_of(NULL, 0), &list), -EBADMSG);
	assert_int_equal(tag_list_parse(span_of("5\0a1", 4), &list), -EBADMSG);
}

static void a_tag_list_that_is_too_long_is_refused(void **state)
{
	char text[TAG_TEXT_SIZE + 8] = "5";
	struct tag_list list;

	(void)state;
	for (unsigned i = 1; i < TAG_LIST_MAX; i++)
		strcat(text, " a1");
	assert_int_equal(tag_list_parse(span_str(text), &list), 0);
	assert_int_equal(list.count, TAG_LIST_MAX);
	strcat(text, " a1");
	assert_int_equal(tag_list_parse(span_str(text), &list), -EBADMSG);
	memset(text, ' ', sizeof(text));
	assert_int_equal(tag_list_parse(span_of(text, sizeof(text)), &list), -EBADMSG);
}

static void tags_differ_by_kind_document_and_name(void **state)
{
	const struct tag tags[] = {tag_name(FOLDER, SPAN_LITERAL("a")), tag_name(FOLDER, SPAN_LITERAL("b")),
		tag_name(OTHER, SPAN_LITERAL("a")), tag_of(TAG_LISTING, FOLDER), tag_of(TAG_ATTRIBUTES, FOLDER),
		tag_of(TAG_CONTENT, FOLDER), tag_of(TAG_XATTRS, FOLDER), tag_drive(5), tag_drive(7)};
	const size_t count = sizeof(tags) / sizeof(tags[0]);

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			assert_int_equal(tag_eq(&tags[i], &tags[j]), i == j);
			assert_int_equal(tag_key(&tags[i]) == tag_key(&tags[j]), i == j);
		}
	assert_true(tag_name(FOLDER, SPAN_LITERAL("a")).name != tag_name(OTHER, SPAN_LITERAL("a")).name);
}

/* ---- what an entry touches ---- */

/* Compares the tags as a text, so that a test states all of them. */
static void assert_touched(const struct tag_change *change, const char *want)
{
	struct tag touched[TAG_TOUCHED_MAX];
	const size_t count = tag_touched(change, touched);
	struct tag_list list;

	tag_list_init(&list, 5);
	for (size_t i = 0; i < count; i++) {
		assert_true(touched[i].kind != TAG_DRIVE);
		if (touched[i].kind == TAG_NAME)
			touched[i].name = touched[i].name == tag_name(touched[i].id, SPAN_LITERAL("old")).name;
		tag_list_add(&list, touched[i]);
	}
	assert_text(&list, want);
}

#define NEW_NAME ".0000000000000000"
#define OLD_NAME ".0000000000000001"

static void a_change_of_a_document_touches_the_document_and_its_listing(void **state)
{
	static const enum op_kind kinds[] = {OP_WRITE, OP_SETATTR, OP_SETXATTR, OP_REMOVEXATTR, OP_CLONE};
	struct tag_change change = {.id = FILE_ID, .parent = FOLDER, .name = SPAN_LITERAL("new")};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		change.op = kinds[i];
		change.content = change.xattrs = false;
		assert_touched(&change, "5 a2f l7");
		change.content = true;
		assert_touched(&change, "5 a2f l7 c2f");
		change.xattrs = true;
		assert_touched(&change, "5 a2f l7 c2f x2f");
	}
	change.parent = 0; /* the document has no name */
	assert_touched(&change, "5 a2f c2f x2f");
}

static void creating_a_name_touches_the_name_and_its_folder(void **state)
{
	struct tag_change change = {.op = OP_CREATE, .id = FILE_ID, .parent = FOLDER, .name = SPAN_LITERAL("new")};

	(void)state;
	assert_touched(&change, "5 a2f n7" NEW_NAME " l7 a7");
	assert_touched(&(struct tag_change){.op = OP_CREATE, .id = FILE_ID}, "5 a2f"); /* nameless */
}

static void a_hard_link_also_touches_the_listing_that_shows_the_first_name(void **state)
{
	const struct tag_change change = {
		.op = OP_LINK, .id = FILE_ID, .parent = FOLDER, .name = SPAN_LITERAL("new"), .old_parent = OTHER};

	(void)state;
	assert_touched(&change, "5 a2f n7" NEW_NAME " l7 a7 l8");
}

static void removing_a_name_touches_the_name_the_folder_and_the_document(void **state)
{
	struct tag_change change = {.op = OP_UNLINK, .id = FILE_ID, .parent = FOLDER, .name = SPAN_LITERAL("old")};

	(void)state;
	assert_touched(&change, "5 n7" OLD_NAME " l7 a7 a2f c2f x2f l2f");
	change.op = OP_RMDIR;
	assert_touched(&change, "5 n7" OLD_NAME " l7 a7 a2f c2f x2f l2f");
}

static void a_rename_touches_both_names_both_folders_and_the_replaced_document(void **state)
{
	struct tag_change change = {.op = OP_RENAME,
		.id = FILE_ID,
		.parent = FOLDER,
		.name = SPAN_LITERAL("new"),
		.old_parent = OTHER,
		.old_name = SPAN_LITERAL("old")};

	(void)state;
	assert_touched(&change, "5 a2f n8" OLD_NAME " l8 a8 n7" NEW_NAME " l7 a7");
	change.replaced = REPLACED;
	assert_touched(&change, "5 a2f n8" OLD_NAME " l8 a8 n7" NEW_NAME " l7 a7 a9 c9 x9 l9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_printed_tag_list_is_parsed_to_the_same_tags),
		cmocka_unit_test(a_tag_list_with_too_many_tags_is_not_printed),
		cmocka_unit_test(a_tag_list_whose_text_is_too_long_is_not_printed),
		cmocka_unit_test(a_malformed_tag_list_is_refused),
		cmocka_unit_test(a_tag_list_that_is_too_long_is_refused),
		cmocka_unit_test(tags_differ_by_kind_document_and_name),
		cmocka_unit_test(a_change_of_a_document_touches_the_document_and_its_listing),
		cmocka_unit_test(creating_a_name_touches_the_name_and_its_folder),
		cmocka_unit_test(a_hard_link_also_touches_the_listing_that_shows_the_first_name),
		cmocka_unit_test(removing_a_name_touches_the_name_the_folder_and_the_document),
		cmocka_unit_test(a_rename_touches_both_names_both_folders_and_the_replaced_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
