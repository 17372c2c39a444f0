#include "common/base/clock.h"
#include "tests/unit/fusefs/ops/talk_fixture.h"

#include <fcntl.h>

/* How the mount acts on changes by others in the journal: what it drops from its caches, what it has the kernel
 * drop, and what stays. */

#define INCARNATION 1 /* of the drive in memory */
#define LONG_NS (NS_PER_S * 3600)

/* The newest position of the drive: each op by any mount takes one position. */
static int64_t now_at(struct fixture *f)
{
	return (int64_t)talk_counts(f).ops;
}

/* A poll is answered with these changes and no more follow. The answer stays valid for long, however slow the
 * machine is. */
static void tell_all(struct fixture *f, const struct store_change *list, size_t count)
{
	const struct store_changes changes = {
		.list = list, .count = count, .last = {INCARNATION, now_at(f)}, .counted = true};

	fs_on_changes(f->fs, &changes, clock_boot_ns() + LONG_NS);
}

static void tell(struct fixture *f, const struct store_change *change)
{
	struct store_change c = *change;

	c.seq = now_at(f);
	tell_all(f, &c, 1);
}

static void tell_nothing_new(struct fixture *f)
{
	tell_all(f, NULL, 0);
}

static int setup(void **state)
{
	int r = talk_setup_following(state);

	tell_nothing_new(*state);
	return r;
}

static struct store_change of_name(enum op_kind op, uint64_t id, const char *name)
{
	return (struct store_change){.op = op, .id = (int64_t)id, .parent = ITEM_ROOT(DRIVE), .name = span_str(name)};
}

static void make_known(struct fixture *f, const char *name)
{
	(void)talk_make_elsewhere(f, name, S_IFREG | 0644);
	tell_nothing_new(f);
	(void)talk_node(f, name);
	talk_let_kernel_keep(f);
}

/* -- trust -- */

static void nothing_is_kept_before_somebody_tells_what_changes(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t lookups;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	assert_int_equal(fake_entry(k, fake_lookup(k, ROOT, "a"))->entry_valid, 0);
	lookups = talk_counts(f).lookups;
	(void)talk_node(f, "a");
	assert_int_equal(talk_counts(f).lookups, lookups + 1);
}

static void who_asks_while_nobody_tells_wakes_the_one_who_does(void **state)
{
	struct fixture *f = *state;
	unsigned woken = 0;

	fs_set_waker(f->fs, talk_count_up, &woken);
	assert_true(fake_is_absent(&f->kernel, fake_lookup(&f->kernel, ROOT, "a")));
	assert_true(woken > 0);
	assert_true(fs_in_use(f->fs));
	fs_set_waker(f->fs, NULL, NULL);
}

static void a_poll_that_was_sent_long_ago_proves_nothing(void **state)
{
	struct fixture *f = *state;
	const struct store_changes changes = {.last = {INCARNATION, 0}, .counted = true};
	uint64_t lookups;

	fs_on_changes(f->fs, &changes, clock_boot_ns() - LONG_NS);
	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	(void)talk_node(f, "a");
	lookups = talk_counts(f).lookups;
	(void)talk_node(f, "a");
	assert_int_equal(talk_counts(f).lookups, lookups + 1);
}

static void a_poll_with_more_behind_it_proves_nothing(void **state)
{
	struct fixture *f = *state;
	const struct store_changes changes = {.last = {INCARNATION, 0}, .counted = true, .more = true};
	uint64_t lookups;

	fs_on_changes(f->fs, &changes, clock_boot_ns());
	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	(void)talk_node(f, "a");
	lookups = talk_counts(f).lookups;
	(void)talk_node(f, "a");
	assert_int_equal(talk_counts(f).lookups, lookups + 1);
}

static void while_other_mounts_are_there_the_kernel_keeps_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct store_changes changes = {.last = {INCARNATION, 0}, .counted = true, .others = 1};

	fs_on_changes(f->fs, &changes, clock_boot_ns() + LONG_NS);
	assert_int_equal(fake_entry(k, fake_mkdir(k, ROOT, "a", 0755))->entry_valid, 0);
	tell_nothing_new(f); /* and that there are no other mounts any more */
	assert_true(fake_entry(k, fake_lookup(k, ROOT, "a"))->entry_valid > 0);
}

/* -- names -- */

static void a_name_that_somebody_removed_is_dropped_here_and_by_the_kernel(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	struct store_change c;

	make_known(f, "a");
	c = of_name(OP_UNLINK, (uint64_t)talk_remove_elsewhere(f, "a"), "a");
	tell(f, &c);
	fake_wait_name_dropped(k, ROOT, "a");
	assert_true(fake_is_absent(k, fake_lookup(k, ROOT, "a")));
}

static void a_name_that_somebody_made_is_found_though_it_was_known_not_to_exist(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	struct store_change c;
	uint64_t id;

	assert_true(fake_is_absent(k, fake_lookup(k, ROOT, "a")));
	talk_let_kernel_keep(f);
	id = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	c = of_name(OP_CREATE, id, "a");
	tell(f, &c);
	fake_wait_name_dropped(k, ROOT, "a");
	assert_int_equal(talk_node(f, "a"), id);
}

static void a_rename_by_somebody_drops_both_names(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct op op = {.kind = OP_RENAME,
		.parent = ITEM_ROOT(DRIVE),
		.name = SPAN_LITERAL("a"),
		.new_parent = ITEM_ROOT(DRIVE),
		.new_name = SPAN_LITERAL("b")};
	struct store_change c;
	uint64_t a, b;

	make_known(f, "a");
	make_known(f, "b");
	a = talk_node(f, "a");
	b = talk_node(f, "b");
	assert_int_equal(talk_elsewhere(f, &op), a);
	c = of_name(OP_RENAME, a, "b");
	c.old_parent = c.parent;
	c.old_name = SPAN_LITERAL("a");
	c.replaced = (int64_t)b;
	tell(f, &c);
	fake_wait_name_dropped(k, ROOT, "a");
	fake_wait_name_dropped(k, ROOT, "b");
	assert_true(fake_is_absent(k, fake_lookup(k, ROOT, "a")));
	assert_int_equal(talk_node(f, "b"), a);
	assert_int_equal(fake_attr(k, fake_getattr(k, b))->nlink, 0);
}

static void a_change_of_a_kind_that_is_not_known_may_have_changed_the_name(void **state)
{
	struct fixture *f = *state;
	struct store_change c;
	uint64_t lookups;

	make_known(f, "a");
	c = of_name(OP_KINDS, talk_node(f, "a"), "a");
	(void)talk_make_elsewhere(f, "other", S_IFREG | 0644);
	lookups = talk_counts(f).lookups;
	tell(f, &c);
	(void)talk_node(f, "a");
	assert_int_equal(talk_counts(f).lookups, lookups + 1);
}

static void own_changes_drop_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_change c;
	uint64_t lookups;

	c = of_name(OP_CREATE, talk_make_file(f, ROOT, "a"), "a");
	c.own = true;
	tell(f, &c);
	lookups = talk_counts(f).lookups;
	(void)talk_node(f, "a");
	assert_int_equal(talk_counts(f).lookups, lookups);
}

/* -- documents -- */

static void attributes_that_somebody_changed_are_asked_for_again(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	struct store_change c;
	struct op op;

	make_known(f, "a");
	c = of_name(OP_SETATTR, talk_node(f, "a"), "a");
	c.attributes = true;
	op = (struct op){.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = c.id, .mode = 0600};
	assert_true(talk_elsewhere(f, &op) > 0);
	tell(f, &c);
	fake_wait_dropped(k, (uint64_t)c.id);
	assert_int_equal(fake_attr(k, fake_getattr(k, (uint64_t)c.id))->mode, S_IFREG | 0600);
}

static void content_that_somebody_changed_is_dropped_here_and_by_the_kernel(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	struct store_change c;
	uint64_t handle;

	make_known(f, "a");
	c = of_name(OP_WRITE, talk_node(f, "a"), "a");
	c.content = c.attributes = true;
	handle = talk_open(f, (uint64_t)c.id, O_RDONLY);
	talk_check_content(f, handle, "");
	talk_store_elsewhere(f, c.id, SPAN_LITERAL("theirs"));
	tell(f, &c);
	fake_wait_dropped(k, (uint64_t)c.id);
	talk_check_content(f, handle, "theirs");
}

static void what_is_dirty_here_stays_over_what_somebody_stored(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	struct store_change c;
	uint64_t handle;

	make_known(f, "a");
	c = of_name(OP_WRITE, talk_node(f, "a"), "a");
	c.content = c.attributes = true;
	handle = talk_open(f, (uint64_t)c.id, O_RDWR);
	talk_write_text(f, handle, 2, "MINE");
	talk_store_elsewhere(f, c.id, SPAN_LITERAL("theirs, longer"));
	tell(f, &c);
	fake_wait_dropped(k, (uint64_t)c.id);
	talk_check_content(f, handle, "thMINE, longer");
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
	talk_check_content(f, handle, "thMINE, longer");
}

static void xattrs_that_somebody_changed_are_asked_for_again(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	struct store_change c;
	struct op op;

	make_known(f, "a");
	c = of_name(OP_SETXATTR, talk_node(f, "a"), "a");
	c.xattrs = c.attributes = true;
	assert_int_equal(fake_error(k, fake_getxattr(k, (uint64_t)c.id, "user.x", 10)), ENODATA);
	op = (struct op){
		.kind = OP_SETXATTR, .id = c.id, .name = SPAN_LITERAL("user.x"), .target = SPAN_LITERAL("theirs")};
	assert_true(talk_elsewhere(f, &op) > 0);
	tell(f, &c);
	fake_check_bytes(k, fake_getxattr(k, (uint64_t)c.id, "user.x", 10), "theirs", 6);
}

static void an_open_file_that_lost_its_name_is_told_to_the_store_while_it_is_open(void **state)
{
	struct fixture *f = *state;
	struct store_change c;
	uint64_t handle;
	int64_t held[4];

	make_known(f, "a");
	handle = talk_open(f, talk_node(f, "a"), O_RDONLY);
	assert_int_equal(fs_held(f->fs, held, 4), 0);
	c = of_name(OP_UNLINK, (uint64_t)talk_remove_elsewhere(f, "a"), "a");
	tell(f, &c);
	assert_int_equal(fs_held(f->fs, held, 4), 1);
	assert_int_equal(held[0], c.id);
	assert_int_equal(fs_held(f->fs, held, 0), 0);
	assert_int_equal(fake_error(&f->kernel, fake_release(&f->kernel, handle)), 0);
	assert_int_equal(fs_held(f->fs, held, 4), 0);
}

/* -- a journal that does not reach back -- */

static void everything_is_asked_for_again_when_the_journal_was_lost(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	struct store_changes changes = {.reset = true, .last = {INCARNATION + 1, 0}, .counted = true};
	uint64_t file, handle;

	make_known(f, "a");
	file = talk_node(f, "a");
	handle = talk_open(f, file, O_RDONLY);
	talk_check_content(f, handle, "");
	talk_store_elsewhere(f, (int64_t)file, SPAN_LITERAL("theirs"));
	changes.last.seq = now_at(f);
	fs_on_changes(f->fs, &changes, clock_boot_ns());
	fake_wait_dropped(k, file);
	fake_wait_name_dropped(k, ROOT, "a");
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->size, 6);
	talk_check_content(f, handle, "theirs");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, talk_teardown)
#define UNTOLD(name) cmocka_unit_test_setup_teardown(name, talk_setup_following, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNTOLD(nothing_is_kept_before_somebody_tells_what_changes),
		UNTOLD(who_asks_while_nobody_tells_wakes_the_one_who_does),
		UNTOLD(a_poll_that_was_sent_long_ago_proves_nothing),
		UNTOLD(a_poll_with_more_behind_it_proves_nothing),
		UNTOLD(while_other_mounts_are_there_the_kernel_keeps_nothing),
		TEST(a_name_that_somebody_removed_is_dropped_here_and_by_the_kernel),
		TEST(a_name_that_somebody_made_is_found_though_it_was_known_not_to_exist),
		TEST(a_rename_by_somebody_drops_both_names),
		TEST(a_change_of_a_kind_that_is_not_known_may_have_changed_the_name),
		TEST(own_changes_drop_nothing),
		TEST(attributes_that_somebody_changed_are_asked_for_again),
		TEST(content_that_somebody_changed_is_dropped_here_and_by_the_kernel),
		TEST(what_is_dirty_here_stays_over_what_somebody_stored),
		TEST(xattrs_that_somebody_changed_are_asked_for_again),
		TEST(an_open_file_that_lost_its_name_is_told_to_the_store_while_it_is_open),
		TEST(everything_is_asked_for_again_when_the_journal_was_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
