#include "fusefs/names/names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void release(void *cookie, struct inode *inode)
{
	(void)cookie;
	(void)inode;
}

struct table {
	struct inodes inodes;
	struct names names;
	struct inode *folder, *file;
};

static void table_init(struct table *t, size_t max)
{
	inodes_init(&t->inodes, release, NULL);
	names_init(&t->names, &t->inodes, max);
	t->folder = inodes_get(&t->inodes, 1);
	t->file = inodes_get(&t->inodes, 7);
}

static void table_fini(struct table *t)
{
	names_fini(&t->names);
	inode_unref(t->folder);
	inode_unref(t->file);
	assert_null(t->inodes.by_id);
	inodes_fini(&t->inodes);
}

static enum name_state find(struct table *t, const char *name)
{
	struct inode *inode = NULL;

	return names_find(&t->names, 1, span_str(name), &inode);
}

static void a_cached_name_is_known_until_a_later_change_of_it(void **state)
{
	struct table t;

	(void)state;
	table_init(&t, 100);
	assert_int_equal(find(&t, "a"), NAME_UNKNOWN);
	names_learn(&t.names, 1, span_str("a"), t.file, 10);
	assert_int_equal(find(&t, "a"), NAME_PRESENT);
	names_learn(&t.names, 1, span_str("a"), NULL, 9);
	assert_int_equal(find(&t, "a"), NAME_PRESENT);
	names_changed(&t.names, 1, span_str("a"), 10);
	assert_int_equal(find(&t, "a"), NAME_PRESENT);
	names_changed(&t.names, 1, span_str("a"), 11);
	assert_int_equal(find(&t, "a"), NAME_UNKNOWN);
	names_learn(&t.names, 1, span_str("a"), NULL, 12);
	assert_int_equal(find(&t, "a"), NAME_ABSENT);
	table_fini(&t);
}

static void in_a_complete_folder_a_name_that_is_not_cached_counts_as_absent(void **state)
{
	struct table t;

	(void)state;
	table_init(&t, 100);
	names_learn(&t.names, 1, span_str("a"), t.file, 10);
	t.folder->complete = true;
	t.folder->complete_epoch = t.inodes.epoch;
	assert_int_equal(find(&t, "b"), NAME_ABSENT);
	names_changed(&t.names, 1, span_str("b"), 11);
	assert_int_equal(find(&t, "b"), NAME_UNKNOWN);
	assert_int_equal(find(&t, "c"), NAME_ABSENT);
	t.inodes.epoch++;
	assert_int_equal(find(&t, "a"), NAME_UNKNOWN);
	assert_int_equal(find(&t, "c"), NAME_UNKNOWN);
	table_fini(&t);
}

static void a_folder_is_not_complete_after_one_of_its_names_was_evicted(void **state)
{
	struct table t;
	char name[8];

	(void)state;
	table_init(&t, 10);
	t.folder->complete = true;
	t.folder->complete_epoch = t.inodes.epoch;
	for (int i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		names_learn(&t.names, 1, span_str(name), t.file, 10);
	}
	assert_int_equal(find(&t, "x"), NAME_ABSENT);
	assert_int_equal(find(&t, "n0"), NAME_PRESENT); /* used last: another name is evicted */
	names_learn(&t.names, 1, span_str("more"), t.file, 10);
	assert_int_equal(t.names.count, 10);
	assert_int_equal(find(&t, "n0"), NAME_PRESENT);
	assert_int_equal(find(&t, "n1"), NAME_UNKNOWN);
	assert_int_equal(find(&t, "x"), NAME_UNKNOWN);
	table_fini(&t);
}

/* -- all names of a folder -- */

static void make_complete(struct table *t)
{
	t->folder->complete = true;
	t->folder->complete_epoch = t->inodes.epoch;
}

/* The names of the folder with a space after each, or "error" and the number. */
static const char *list(struct table *t, size_t max)
{
	static char text[256];
	struct name **names = NULL;
	size_t count = 0, at = 0;
	int r = names_list(&t->names, 1, max, &names, &count);

	text[0] = '\0';
	if (r < 0)
		(void)snprintf(text, sizeof(text), "error %d", -r);
	for (size_t i = 0; r == 0 && i < count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%.*s ", (int)names[i]->size, names[i]->bytes);
	free(names);
	return text;
}

static const char *error(int number)
{
	static char text[32];

	(void)snprintf(text, sizeof(text), "error %d", number);
	return text;
}

static void the_names_of_a_complete_folder_are_listed_in_byte_order(void **state)
{
	const char *const names[] = {"b", "a.c", "\xff", "a", "B", "ab", "a\x01", "a/c"};
	struct table t;

	(void)state;
	table_init(&t, 100);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		names_learn(&t.names, 1, span_str(names[i]), t.file, 10);
	names_learn(&t.names, 2, span_str("elsewhere"), t.file, 10);
	names_learn(&t.names, 1, span_str("gone"), NULL, 10);
	assert_string_equal(list(&t, 100), error(EAGAIN));
	make_complete(&t);
	assert_string_equal(list(&t, 100), "B a a\x01 a.c a/c ab b \xff ");
	table_fini(&t);
}

static void a_folder_with_an_unknown_name_cannot_be_listed_from_the_cache(void **state)
{
	struct table t;

	(void)state;
	table_init(&t, 100);
	make_complete(&t);
	assert_string_equal(list(&t, 100), "");
	names_learn(&t.names, 1, span_str("a"), t.file, 10);
	names_changed(&t.names, 1, span_str("b"), 11);
	assert_string_equal(list(&t, 100), error(EAGAIN));
	names_learn(&t.names, 1, span_str("b"), NULL, 12);
	assert_string_equal(list(&t, 100), "a ");
	t.inodes.epoch++;
	assert_string_equal(list(&t, 100), error(EAGAIN));
	make_complete(&t); /* … but "a" was seen before that */
	assert_string_equal(list(&t, 100), error(EAGAIN));
	names_learn(&t.names, 1, span_str("a"), t.file, 13);
	names_learn(&t.names, 1, span_str("b"), t.file, 13);
	assert_string_equal(list(&t, 100), "a b ");
	table_fini(&t);
}

static void absent_names_count_towards_the_maximum_of_names_list(void **state)
{
	struct table t;
	char name[8];

	(void)state;
	table_init(&t, 100);
	make_complete(&t);
	names_learn(&t.names, 1, span_str("a"), t.file, 10);
	for (int i = 0; i < 9; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		names_learn(&t.names, 1, span_str(name), NULL, 10);
	}
	assert_string_equal(list(&t, 10), "a ");
	assert_string_equal(list(&t, 9), error(E2BIG));
	table_fini(&t);
}

static void a_folder_whose_names_were_evicted_cannot_be_listed_from_the_cache(void **state)
{
	struct table t;
	char name[8];

	(void)state;
	table_init(&t, 10);
	make_complete(&t);
	names_learn(&t.names, 1, span_str("a"), t.file, 10);
	names_learn(&t.names, 1, span_str("b"), t.file, 10);
	for (int i = 0; i < 9; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		assert_string_equal(list(&t, 10), "a b "); /* listing the names is a use of them */
		names_learn(&t.names, 2, span_str(name), t.file, 10);
	}
	assert_string_equal(list(&t, 10), "a b ");
	for (int i = 0; i < 9; i++) {
		(void)snprintf(name, sizeof(name), "m%d", i);
		names_learn(&t.names, 2, span_str(name), t.file, 10);
	}
	assert_string_equal(list(&t, 10), error(EAGAIN));
	assert_int_equal(HASH_COUNT(t.names.folders), 2);
	names_learn(&t.names, 2, span_str("more"), t.file, 10);
	assert_int_equal(HASH_COUNT(t.names.folders), 1); /* a folder without names keeps no memory */
	table_fini(&t);
}

static void a_contradicted_name_stays_unknown_until_a_later_answer(void **state)
{
	struct table t;

	(void)state;
	table_init(&t, 100);
	make_complete(&t);
	names_learn(&t.names, 1, span_str("a"), t.file, 10);
	names_contradicted(&t.names, 1, span_str("a"), 7); /* although its position is later than 7 */
	assert_int_equal(find(&t, "a"), NAME_UNKNOWN);
	names_learn(&t.names, 1, span_str("a"), t.file, 10);
	assert_int_equal(find(&t, "a"), NAME_UNKNOWN);
	names_learn(&t.names, 1, span_str("a"), NULL, 11);
	assert_int_equal(find(&t, "a"), NAME_ABSENT);
	assert_int_equal(find(&t, "b"), NAME_ABSENT);
	names_contradicted(&t.names, 1, span_str("b"), 20); /* only the folder's complete list says that it is absent */
	assert_int_equal(find(&t, "b"), NAME_UNKNOWN);
	names_learn(&t.names, 1, span_str("b"), t.file, 20);
	assert_int_equal(find(&t, "b"), NAME_UNKNOWN);
	names_learn(&t.names, 1, span_str("b"), t.file, 21);
	assert_int_equal(find(&t, "b"), NAME_PRESENT);
	table_fini(&t);
}

static void names_is_empty_holds_for_a_complete_folder_without_present_names(void **state)
{
	struct table t;

	(void)state;
	table_init(&t, 100);
	assert_false(names_is_empty(&t.names, 1));
	make_complete(&t);
	assert_true(names_is_empty(&t.names, 1));
	names_learn(&t.names, 1, span_str("a"), t.file, 10);
	assert_false(names_is_empty(&t.names, 1));
	names_learn(&t.names, 1, span_str("a"), NULL, 11);
	assert_true(names_is_empty(&t.names, 1));
	names_changed(&t.names, 1, span_str("b"), 12);
	assert_false(names_is_empty(&t.names, 1));
	table_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cached_name_is_known_until_a_later_change_of_it),
		cmocka_unit_test(in_a_complete_folder_a_name_that_is_not_cached_counts_as_absent),
		cmocka_unit_test(a_folder_is_not_complete_after_one_of_its_names_was_evicted),
		cmocka_unit_test(a_contradicted_name_stays_unknown_until_a_later_answer),
		cmocka_unit_test(names_is_empty_holds_for_a_complete_folder_without_present_names),
		cmocka_unit_test(the_names_of_a_complete_folder_are_listed_in_byte_order),
		cmocka_unit_test(a_folder_with_an_unknown_name_cannot_be_listed_from_the_cache),
		cmocka_unit_test(absent_names_count_towards_the_maximum_of_names_list),
		cmocka_unit_test(a_folder_whose_names_were_evicted_cannot_be_listed_from_the_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
