#include "fusefs/inode.h"

#include "fusefs/names.h"
#include "fusefs/recent.h"
#include "fusefs/xattrs.h"

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
		cmocka_unit_test(an_answer_stands_unless_it_is_older_than_a_change_of_the_same),
		cmocka_unit_test(what_was_forgotten_counts_as_a_change_of_everything),
		cmocka_unit_test(xattrs_are_replaced_removed_and_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
