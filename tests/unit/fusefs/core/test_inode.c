#include "fusefs/core/inode.h"

#include <setjmp.h>
#include <stdarg.h>
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

static void an_inode_is_freed_when_no_lookups_and_no_references_are_left(void **state)
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

static void a_forget_of_too_many_lookups_does_not_take_other_references(void **state)
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

static void an_older_answer_does_not_replace_newer_attributes(void **state)
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

static void attributes_stay_valid_until_a_change_newer_than_they_are_or_a_new_epoch(void **state)
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
	t.epoch++; /* as when the journal was lost */
	assert_false(inode_valid(a));
	inode_unref(a);
	inodes_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_inode_is_freed_when_no_lookups_and_no_references_are_left),
		cmocka_unit_test(a_forget_of_too_many_lookups_does_not_take_other_references),
		cmocka_unit_test(an_older_answer_does_not_replace_newer_attributes),
		cmocka_unit_test(attributes_stay_valid_until_a_change_newer_than_they_are_or_a_new_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
