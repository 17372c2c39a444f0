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

static void nothing_is_cached_before_the_first_answer_of_the_journal(void **state)
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

static void a_lookup_wakes_the_journal_poll_while_the_journal_is_not_followed(void **state)
{
	struct fixture *f = *state;
	unsigned woken = 0;

	fs_set_waker(f->fs, talk_count_up, &woken);
	assert_true(fake_is_absent(&f->kernel, fake_lookup(&f->kernel, ROOT, "a")));
	assert_true(woken > 0);
	assert_true(fs_in_use(f->fs));
	fs_set_waker(f->fs, NULL, NULL);
}

static void a_journal_answer_to_a_poll_sent_long_ago_allows_no_caching(void **state)
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

static void a_journal_answer_with_more_changes_to_come_allows_no_caching(void **state)
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

static void the_kernel_may_keep_no_entries_while_other_mounts_use_the_drive(void **state)
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

static void a_name_removed_by_another_mount_is_dropped_from_mount_and_kernel(void **state)
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

static void a_name_made_by_another_mount_is_found_after_it_was_cached_as_absent(void **state)
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

static void a_rename_by_another_mount_drops_both_names(void **state)
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

static void a_change_of_an_unknown_kind_drops_the_name_that_it_reports(void **state)
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

static void own_changes_in_the_journal_drop_nothing_from_the_cache(void **state)
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

static void attributes_changed_by_another_mount_are_dropped_and_fetched_again(void **state)
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

static void content_changed_by_another_mount_is_dropped_from_mount_and_kernel(void **state)
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

static void unstored_own_bytes_stay_over_content_stored_by_another_mount(void **state)
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

static void xattrs_changed_by_another_mount_are_fetched_again(void **state)
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

static void an_open_file_without_a_name_is_reported_as_held_until_it_is_closed(void **state)
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

static void after_a_lost_journal_names_attributes_and_content_are_fetched_again(void **state)
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
		UNTOLD(nothing_is_cached_before_the_first_answer_of_the_journal),
		UNTOLD(a_lookup_wakes_the_journal_poll_while_the_journal_is_not_followed),
		UNTOLD(a_journal_answer_to_a_poll_sent_long_ago_allows_no_caching),
		UNTOLD(a_journal_answer_with_more_changes_to_come_allows_no_caching),
		UNTOLD(the_kernel_may_keep_no_entries_while_other_mounts_use_the_drive),
		TEST(a_name_removed_by_another_mount_is_dropped_from_mount_and_kernel),
		TEST(a_name_made_by_another_mount_is_found_after_it_was_cached_as_absent),
		TEST(a_rename_by_another_mount_drops_both_names),
		TEST(a_change_of_an_unknown_kind_drops_the_name_that_it_reports),
		TEST(own_changes_in_the_journal_drop_nothing_from_the_cache),
		TEST(attributes_changed_by_another_mount_are_dropped_and_fetched_again),
		TEST(content_changed_by_another_mount_is_dropped_from_mount_and_kernel),
		TEST(unstored_own_bytes_stay_over_content_stored_by_another_mount),
		TEST(xattrs_changed_by_another_mount_are_fetched_again),
		TEST(an_open_file_without_a_name_is_reported_as_held_until_it_is_closed),
		TEST(after_a_lost_journal_names_attributes_and_content_are_fetched_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
