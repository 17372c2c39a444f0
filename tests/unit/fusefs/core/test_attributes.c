#include "fusefs/core/attributes.h"

#include "common/base/clock.h"
#include "fusefs/core/holds.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#define DRIVE 7
#define FILE_ID ITEM_ID(DRIVE, 50)

/* A store that records the questions about attributes. The test answers them later. */
struct question {
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at);
	void *cookie;
};

struct fixture {
	struct store store; /* must be first */
	struct core core;
	struct holds holds;
	struct question questions[4];
	size_t asked, answered;
	unsigned learnt, fresh, mode_changes;
};

static store_ticket on_item(struct store *s, int64_t id,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie)
{
	struct fixture *f = (struct fixture *)s;

	assert_int_equal(id, FILE_ID);
	assert_true(f->asked < sizeof(f->questions) / sizeof(f->questions[0]));
	f->questions[f->asked++] = (struct question){done, cookie};
	return f->asked;
}

static const struct store_ops store_ops = {.item = on_item};

static void on_learnt(void *cookie, struct inode *inode, const struct item *item, int64_t seen, bool fresh)
{
	struct fixture *f = cookie;

	(void)inode;
	(void)item;
	(void)seen;
	f->learnt++;
	f->fresh += fresh;
}

static void on_mode_changes(void *cookie, struct inode *inode, const struct item *item)
{
	struct fixture *f = cookie;

	assert_int_not_equal(inode->attr.mode, item->mode); /* the inode does not have the new mode yet */
	f->mode_changes++;
}

static const struct core_hooks hooks = {.learnt = on_learnt, .mode_changes = on_mode_changes};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->store.ops = &store_ops;
	core_init(&f->core, &(struct core_options){.store = &f->store, .hooks = &hooks, .cookie = f});
	holds_init(&f->holds, &f->core);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	/* After a failed test this thread still holds the lock. */
	(void)pthread_mutex_trylock(&f->core.lock);
	core_unlock(&f->core);
	holds_stop(&f->holds);
	core_fini(&f->core);
	free(f);
	return 0;
}

static struct item item_of(int64_t size, int64_t seq)
{
	return (struct item){.id = FILE_ID,
		.parent = ITEM_ROOT(DRIVE),
		.size = size,
		.mode = S_IFREG | 0644,
		.nlink = 1,
		.seq = seq,
		.content_seq = seq};
}

static void answer(struct fixture *f, int error, const struct item *item, int64_t seq)
{
	const struct question q = f->questions[f->answered++];

	assert_true(f->answered <= f->asked);
	q.done(q.cookie, error, item, (struct store_position){1, seq});
}

/* -- answers -- */

static void attributes_from_an_answer_become_valid_and_fresh(void **state)
{
	const struct item item = item_of(100, 10);
	struct fixture *f = *state;
	struct inode *inode;
	bool fresh = false;

	core_lock(&f->core);
	inode = attributes_learn(&f->core, &item, 10, &fresh);
	assert_non_null(inode);
	assert_true(fresh);
	assert_true(inode_valid(inode));
	assert_int_equal(inode->attr.size, 100);
	assert_int_equal(f->fresh, 1);
	inode_unref(inode);
	core_unlock(&f->core);
}

static void attributes_older_than_an_announced_change_are_not_cached(void **state)
{
	const struct item item = item_of(100, 10);
	struct fixture *f = *state;
	struct inode *inode;
	bool fresh = true;

	core_lock(&f->core);
	recent_add_document(&f->core.recent, 11, FILE_ID);
	inode = attributes_learn(&f->core, &item, 10, &fresh);
	assert_false(fresh);
	assert_false(inode_valid(inode));
	assert_int_equal(f->learnt, 1);
	assert_int_equal(f->fresh, 0);
	inode_unref(inode);
	core_unlock(&f->core);
}

static void an_answer_older_than_the_cached_attributes_changes_nothing(void **state)
{
	const struct item newer = item_of(200, 12), older = item_of(100, 10);
	struct fixture *f = *state;
	struct inode *inode;

	core_lock(&f->core);
	inode = attributes_learn(&f->core, &newer, 12, NULL);
	inode_unref(attributes_learn(&f->core, &older, 10, NULL));
	assert_int_equal(inode->attr.size, 200);
	assert_int_equal(f->learnt, 1);
	inode_unref(inode);
	core_unlock(&f->core);
}

static void a_content_change_counts_as_foreign_only_while_other_clients_are_active(void **state)
{
	const struct item first = item_of(100, 10), second = item_of(100, 11), third = item_of(100, 12);
	struct fixture *f = *state;
	struct inode *inode;

	core_lock(&f->core);
	inode = attributes_learn(&f->core, &first, 10, NULL);
	inode_unref(attributes_learn(&f->core, &second, 11, NULL));
	assert_int_equal(inode->foreign_ns, 0); /* without other mounts, no change can be foreign */
	f->core.others = true;
	inode_unref(attributes_learn(&f->core, &second, 11, NULL));
	assert_int_equal(inode->foreign_ns, 0); /* the content is the same as before */
	inode_unref(attributes_learn(&f->core, &third, 12, NULL));
	assert_int_equal(inode->foreign_ns, f->core.now_ns);
	inode_unref(inode);
	core_unlock(&f->core);
}

/* -- own changes -- */

static void an_own_change_outdates_older_answers_and_reports_a_change_of_mode(void **state)
{
	const struct item before = item_of(100, 10);
	struct op_result result = {.has_item = true, .item = item_of(300, 12)};
	struct fixture *f = *state;
	struct inode *inode;
	bool fresh = true;

	core_lock(&f->core);
	inode = attributes_learn(&f->core, &before, 10, NULL);
	inode_unref(attributes_learn_own(&f->core, &result));
	assert_int_equal(f->mode_changes, 0);
	assert_int_equal(inode->attr.size, 300);
	assert_int_equal(inode->told, 300); /* the kernel changes its own size in the same way as the op */
	inode_unref(attributes_learn(&f->core, &before, 11, &fresh));
	assert_false(fresh);
	assert_int_equal(inode->attr.size, 300);
	result.item.mode = S_IFREG | 0600;
	result.item.seq = 13;
	inode_unref(attributes_learn_own(&f->core, &result));
	assert_int_equal(f->mode_changes, 1);
	inode_unref(inode);
	core_unlock(&f->core);
}

static void attributes_seq_of_returns_the_highest_seq_in_the_result_of_an_op(void **state)
{
	const struct op_result nothing = {.has_item = false};
	struct op_result result = {.has_item = true, .item = item_of(0, 12), .dir_count = 2};

	(void)state;
	assert_int_equal(attributes_seq_of(&nothing), 0);
	result.dirs[0].seq = 11;
	result.dirs[1].seq = 14;
	assert_int_equal(attributes_seq_of(&result), 14);
	result.has_item = false;
	result.dir_count = 1;
	assert_int_equal(attributes_seq_of(&result), 11);
}

static void attributes_changed_now_holds_for_the_newest_changed_document_for_one_tick(void **state)
{
	const struct op_result mine = {.has_item = true, .item = item_of(100, 10)};
	struct op_result another = mine;
	struct fixture *f = *state;
	struct inode *inode;

	another.item.id = ITEM_ID(DRIVE, 51);
	core_lock(&f->core);
	inode = attributes_learn_own(&f->core, &mine);
	f->core.newest_ns = INT64_MAX; /* in the future, however slow the machine is */
	assert_true(attributes_changed_now(&f->core, inode));
	f->core.newest_ns = clock_mono_ns() - ATTRIBUTES_TICK_NS;
	assert_false(attributes_changed_now(&f->core, inode));
	inode_unref(attributes_learn_own(&f->core, &another));
	f->core.newest_ns = INT64_MAX;
	assert_false(attributes_changed_now(&f->core, inode));
	inode_unref(inode);
	core_unlock(&f->core);
}

/* -- asking -- */

struct told {
	unsigned times;
	int error;
};

static void on_ready(void *cookie, int error)
{
	struct told *t = cookie;

	t->times++;
	t->error = error;
}

static void concurrent_refreshes_of_the_same_attributes_share_one_store_request(void **state)
{
	const struct item item = item_of(100, 10);
	struct told first = {0}, second = {0};
	struct fixture *f = *state;
	struct inode *inode;

	core_lock(&f->core);
	inode = inodes_get(&f->core.inodes, FILE_ID);
	assert_int_equal(attributes_refresh(&f->core, inode, on_ready, &first), 0);
	assert_int_equal(attributes_refresh(&f->core, inode, on_ready, &second), 0);
	assert_int_equal(f->asked, 1);
	core_unlock(&f->core);
	answer(f, 0, &item, 10);
	assert_int_equal(first.times, 1);
	assert_int_equal(second.times, 1);
	assert_int_equal(first.error, 0);
	core_lock(&f->core);
	assert_true(inode_valid(inode));
	assert_int_equal(f->asked, 1);
	inode_unref(inode);
	core_unlock(&f->core);
}

static void a_refresh_that_knows_a_newer_seq_than_the_answer_gets_a_second_answer(void **state)
{
	const struct item old = item_of(100, 10), now = item_of(200, 20);
	struct told early = {0}, late = {0};
	struct fixture *f = *state;
	struct inode *inode;

	core_lock(&f->core);
	inode = inodes_get(&f->core.inodes, FILE_ID);
	assert_int_equal(attributes_refresh(&f->core, inode, on_ready, &early), 0);
	fill_view_saw(&f->core.view, 1, 20, f->core.now_ns); /* while the question is in flight */
	core_view_changed(&f->core);
	assert_int_equal(attributes_refresh(&f->core, inode, on_ready, &late), 0);
	core_unlock(&f->core);
	answer(f, 0, &old, 10);
	assert_int_equal(early.times, 1);
	assert_int_equal(late.times, 0);
	assert_int_equal(f->asked, 2);
	answer(f, 0, &now, 20);
	assert_int_equal(late.times, 1);
	core_lock(&f->core);
	assert_int_equal(inode->attr.size, 200);
	inode_unref(inode);
	core_unlock(&f->core);
}

static void a_failed_refresh_is_reported_to_all_its_callers_and_the_next_asks_again(void **state)
{
	struct told first = {0}, second = {0}, later = {0};
	struct fixture *f = *state;
	struct inode *inode;

	core_lock(&f->core);
	inode = inodes_get(&f->core.inodes, FILE_ID);
	assert_int_equal(attributes_refresh(&f->core, inode, on_ready, &first), 0);
	assert_int_equal(attributes_refresh(&f->core, inode, on_ready, &second), 0);
	core_unlock(&f->core);
	answer(f, -EIO, NULL, 0);
	assert_int_equal(first.error, -EIO);
	assert_int_equal(second.error, -EIO);
	core_lock(&f->core);
	assert_int_equal(attributes_refresh(&f->core, inode, on_ready, &later), 0);
	assert_int_equal(f->asked, 2);
	inode_unref(inode);
	core_unlock(&f->core);
	answer(f, -ENOENT, NULL, 11);
	assert_int_equal(later.error, -ENOENT);
	assert_null(inodes_find(&f->core.inodes, FILE_ID)); /* no reference is left */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(attributes_from_an_answer_become_valid_and_fresh),
		TEST(attributes_older_than_an_announced_change_are_not_cached),
		TEST(an_answer_older_than_the_cached_attributes_changes_nothing),
		TEST(a_content_change_counts_as_foreign_only_while_other_clients_are_active),
		TEST(an_own_change_outdates_older_answers_and_reports_a_change_of_mode),
		cmocka_unit_test(attributes_seq_of_returns_the_highest_seq_in_the_result_of_an_op),
		TEST(attributes_changed_now_holds_for_the_newest_changed_document_for_one_tick),
		TEST(concurrent_refreshes_of_the_same_attributes_share_one_store_request),
		TEST(a_refresh_that_knows_a_newer_seq_than_the_answer_gets_a_second_answer),
		TEST(a_failed_refresh_is_reported_to_all_its_callers_and_the_next_asks_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
