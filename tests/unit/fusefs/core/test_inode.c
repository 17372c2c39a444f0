#include "fusefs/core/inode.h"

#include "fusefs/names/names.h"
#include "fusefs/core/recent.h"
#include "fusefs/names/xattrs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

static unsigned released;

static void release(void *cookie, struct inode *inode)
{
	(void)cookie;
	(void)inode;
	released++;
}

static struct item file_item(int64_t id, int64_t size, int64_t seq)
{
	return (struct item){.id = id,
		.parent = 1,
		.size = size,
		.mode = S_IFREG | 0644,
		.nlink = 1,
		.seq = seq,
		.content_seq = seq};
}

/* -- inodes -- */

static void an_inode_goes_when_neither_the_kernel_nor_anybody_here_knows_it(void **state)
{
	struct inodes t;
	struct inode *a;

	(void)state;
	released = 0;
	inodes_init(&t, release, NULL);
	a = inodes_get(&t, 7);
	assert_ptr_equal(inodes_get(&t, 7), a);
	inode_lookup(a);
	inode_lookup(a);
	inode_unref(a);
	inode_unref(a);
	assert_ptr_equal(inodes_find(&t, 7), a);
	inode_forget(a, 1);
	assert_int_equal(released, 0);
	inode_forget(a, 1);
	assert_int_equal(released, 1);
	assert_null(inodes_find(&t, 7));
	inodes_fini(&t);
}

static void a_kernel_that_forgets_too_much_takes_nothing_from_others(void **state)
{
	struct inodes t;
	struct inode *a;

	(void)state;
	inodes_init(&t, release, NULL);
	a = inodes_get(&t, 7);
	inode_lookup(a);
	inode_forget(a, 100);
	assert_ptr_equal(inodes_find(&t, 7), a);
	inode_unref(a);
	assert_null(inodes_find(&t, 7));
	inodes_fini(&t);
}

static void an_older_answer_does_not_replace_a_newer_one(void **state)
{
	struct item newer = file_item(7, 20, 12), older = file_item(7, 10, 9);
	struct inodes t;
	struct inode *a;

	(void)state;
	inodes_init(&t, release, NULL);
	a = inodes_get(&t, 7);
	assert_true(inode_learn(a, &newer, 12));
	assert_false(inode_learn(a, &older, 10));
	assert_int_equal(a->attr.size, 20);
	inode_unref(a);
	inodes_fini(&t);
}

static void a_change_that_is_in_the_answer_already_takes_nothing_away(void **state)
{
	struct item item = file_item(7, 20, 12);
	struct inodes t;
	struct inode *a;

	(void)state;
	inodes_init(&t, release, NULL);
	a = inodes_get(&t, 7);
	assert_false(inode_valid(a));
	assert_true(inode_learn(a, &item, 12));
	inode_changed(a, 12);
	assert_true(inode_valid(a));
	inode_changed(a, 13);
	assert_false(inode_valid(a));
	assert_true(inode_learn(a, &item, 13));
	t.epoch++; /* the journal was lost */
	assert_false(inode_valid(a));
	inode_unref(a);
	inodes_fini(&t);
}

/* -- names -- */

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

static void a_name_is_known_until_a_later_change_of_it(void **state)
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

static void in_a_complete_folder_what_is_not_known_does_not_exist(void **state)
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

static void a_folder_that_lost_a_name_for_lack_of_room_is_not_complete(void **state)
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
	assert_int_equal(find(&t, "n0"), NAME_PRESENT); /* used just now: another goes */
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

/* Their names with a space behind each; or "error" and the number. */
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

static void the_names_of_a_complete_folder_are_listed_by_their_bytes(void **state)
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

static void a_folder_with_a_name_that_is_not_known_is_not_listed(void **state)
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
	make_complete(&t); /* … but "a" was seen before */
	assert_string_equal(list(&t, 100), error(EAGAIN));
	names_learn(&t.names, 1, span_str("a"), t.file, 13);
	names_learn(&t.names, 1, span_str("b"), t.file, 13);
	assert_string_equal(list(&t, 100), "a b ");
	table_fini(&t);
}

static void absent_names_count_for_what_is_too_many_to_list(void **state)
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

static void a_folder_whose_names_went_for_lack_of_room_is_not_listed(void **state)
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
		assert_string_equal(list(&t, 10), "a b "); /* listed: used */
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
	assert_int_equal(HASH_COUNT(t.names.folders), 1); /* nothing stays of a folder without names */
	table_fini(&t);
}

/* -- what was announced -- */

static void an_answer_stands_unless_it_is_older_than_a_change_of_the_same(void **state)
{
	struct recent r = {0};

	(void)state;
	recent_add_document(&r, 10, 7);
	recent_add_name(&r, 12, 1, span_str("a"));
	assert_false(recent_document_stands(&r, 9, 7));
	assert_true(recent_document_stands(&r, 10, 7));
	assert_true(recent_document_stands(&r, 9, 8));
	assert_false(recent_name_stands(&r, 11, 1, span_str("a")));
	assert_true(recent_name_stands(&r, 11, 1, span_str("b")));
	assert_true(recent_name_stands(&r, 12, 1, span_str("a")));
	assert_false(recent_folder_stands(&r, 11, 1));
	assert_true(recent_folder_stands(&r, 12, 1));
}

static void what_was_forgotten_counts_as_a_change_of_everything(void **state)
{
	struct recent r = {0};

	(void)state;
	for (int64_t seq = 1; seq <= (int64_t)RECENT_MAX + 10; seq++)
		recent_add_document(&r, seq, 1000 + seq);
	assert_false(recent_document_stands(&r, 9, 7));
	assert_true(recent_document_stands(&r, 10, 7));
}

static void after_a_reset_only_answers_from_then_on_stand(void **state)
{
	struct recent r = {0};

	(void)state;
	recent_add_name(&r, 30, 1, span_str("a"));
	recent_reset(&r, 20); /* another incarnation may have come less far */
	assert_false(recent_document_stands(&r, 19, 7));
	assert_false(recent_name_stands(&r, 19, 1, span_str("b")));
	assert_false(recent_folder_stands(&r, 19, 1));
	assert_true(recent_name_stands(&r, 20, 1, span_str("a")));
}

/* -- extended attributes -- */

static void xattrs_are_replaced_removed_and_listed(void **state)
{
	struct xattrs *x = xattrs_new();
	char names[64];

	(void)state;
	assert_int_equal(xattrs_add(x, span_str("user.a"), span_str("1")), 0);
	assert_int_equal(xattrs_add(x, span_str("user.b"), span_str("")), 0);
	assert_int_equal(xattrs_add(x, span_str("user.a"), span_str("22")), 0);
	assert_true(span_eq_str(xattrs_find(x, span_str("user.a"))->value, "22"));
	assert_int_equal(x->names_size, 14);
	xattrs_names(x, names);
	assert_memory_equal(names, "user.a\0user.b", 14);
	xattrs_remove(x, span_str("user.a"));
	assert_null(xattrs_find(x, span_str("user.a")));
	assert_int_equal(x->names_size, 7);
	assert_int_equal(x->bytes, 6);
	xattrs_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_inode_goes_when_neither_the_kernel_nor_anybody_here_knows_it),
		cmocka_unit_test(a_kernel_that_forgets_too_much_takes_nothing_from_others),
		cmocka_unit_test(an_older_answer_does_not_replace_a_newer_one),
		cmocka_unit_test(a_change_that_is_in_the_answer_already_takes_nothing_away),
		cmocka_unit_test(a_name_is_known_until_a_later_change_of_it),
		cmocka_unit_test(in_a_complete_folder_what_is_not_known_does_not_exist),
		cmocka_unit_test(a_folder_that_lost_a_name_for_lack_of_room_is_not_complete),
		cmocka_unit_test(the_names_of_a_complete_folder_are_listed_by_their_bytes),
		cmocka_unit_test(a_folder_with_a_name_that_is_not_known_is_not_listed),
		cmocka_unit_test(absent_names_count_for_what_is_too_many_to_list),
		cmocka_unit_test(a_folder_whose_names_went_for_lack_of_room_is_not_listed),
		cmocka_unit_test(an_answer_stands_unless_it_is_older_than_a_change_of_the_same),
		cmocka_unit_test(what_was_forgotten_counts_as_a_change_of_everything),
		cmocka_unit_test(after_a_reset_only_answers_from_then_on_stand),
		cmocka_unit_test(xattrs_are_replaced_removed_and_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
