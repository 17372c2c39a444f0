#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"

#include <fcntl.h>
#include <stdio.h>

/* Requests that remove names: UNLINK, RMDIR, RENAME. */

static uint64_t rename_in_root(struct fixture *f, const char *name, const char *new_name, uint32_t flags)
{
	return fake_rename(&f->kernel,
		&(struct fake_rename){.from = ROOT, .name = name, .to = ROOT, .new_name = new_name, .flags = flags});
}

static bool is_there(struct fixture *f, const char *name)
{
	return !fake_is_absent(&f->kernel, fake_lookup(&f->kernel, ROOT, name));
}

static uint64_t node_of(struct fixture *f, const char *name)
{
	return fake_entry(&f->kernel, fake_lookup(&f->kernel, ROOT, name))->nodeid;
}

/* -- UNLINK and RMDIR -- */

static void a_removed_name_is_absent_without_asking_the_store(void **state)
{
	struct fixture *f = *state;
	uint64_t lookups;

	(void)talk_make_file(f, ROOT, "a");
	assert_int_equal(fake_error(&f->kernel, fake_unlink(&f->kernel, ROOT, "a")), 0);
	lookups = talk_counts(f).lookups;
	assert_false(is_there(f, "a"));
	assert_int_equal(talk_counts(f).lookups, lookups);
}

static void an_open_file_stays_readable_after_unlink_and_close_does_not_wait(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR);

	talk_write_text(f, handle, 0, "here");
	assert_int_equal(fake_error(k, fake_unlink(k, ROOT, "a")), 0);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->nlink, 0);
	talk_check_content(f, handle, "here");
	/* The file can never be opened again, so close does not wait for the store. */
	talk_hold(f, FAULT_BATCH);
	assert_int_equal(fake_error(k, fake_flush(k, handle, 0)), 0);
	assert_int_equal(fake_error(k, fake_release(k, handle)), 0);
}

static void unlinking_one_of_two_names_keeps_the_other(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	(void)fake_entry(k, fake_link(k, file, ROOT, "b"));
	assert_int_equal(fake_error(k, fake_unlink(k, ROOT, "a")), 0);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->nlink, 1);
	assert_int_equal(node_of(f, "b"), file);
}

static void rmdir_removes_only_an_empty_folder(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");

	(void)talk_make_file(f, folder, "a");
	assert_int_equal(fake_error(k, fake_rmdir(k, ROOT, "folder")), ENOTEMPTY);
	assert_int_equal(fake_error(k, fake_unlink(k, folder, "a")), 0);
	assert_int_equal(fake_error(k, fake_rmdir(k, ROOT, "folder")), 0);
	assert_int_equal(fake_attr(k, fake_getattr(k, folder))->nlink, 0);
}

static void rmdir_refuses_a_file_and_unlink_refuses_a_folder(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	(void)talk_make_file(f, ROOT, "file");
	(void)talk_make_folder(f, ROOT, "folder");
	assert_int_equal(fake_error(k, fake_rmdir(k, ROOT, "file")), ENOTDIR);
	assert_int_equal(fake_error(k, fake_unlink(k, ROOT, "folder")), EISDIR);
}

static void unlink_and_rmdir_of_a_missing_name_fail_with_enoent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	assert_int_equal(fake_error(k, fake_unlink(k, ROOT, "a")), ENOENT);
	assert_int_equal(fake_error(k, fake_rmdir(k, ROOT, "a")), ENOENT);
	assert_int_equal(fake_error(k, fake_unlink(k, NO_SUCH_NODE, "a")), ENOENT);
}

static void a_failed_removal_makes_names_absent_that_another_mount_has_removed(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	(void)talk_make_file(f, ROOT, "a");
	(void)talk_make_folder(f, ROOT, "b");
	(void)talk_make_file(f, ROOT, "c");
	(void)talk_make_file(f, ROOT, "d");
	for (const char *name = "a\0b\0c\0"; *name; name += 2) {
		const struct op op = {.kind = *name == 'b' ? OP_RMDIR : OP_UNLINK,
			.parent = ITEM_ROOT(DRIVE),
			.name = span_str(name)};

		assert_true(talk_elsewhere(f, &op) >= 0);
		assert_true(is_there(f, name));
	}
	assert_int_equal(fake_error(k, fake_unlink(k, ROOT, "a")), ENOENT);
	assert_int_equal(fake_error(k, fake_rmdir(k, ROOT, "b")), ENOENT);
	assert_int_equal(fake_error(k, rename_in_root(f, "c", "d", RENAME_EXCHANGE)), ENOENT);
	assert_false(is_there(f, "a"));
	assert_false(is_there(f, "b"));
	assert_false(is_there(f, "c"));
	assert_true(is_there(f, "d"));
}

static void unlink_and_rmdir_refuse_an_invalid_name_without_sending_a_batch(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t batches = talk_counts(f).batches;
	char name[257];

	memset(name, 'n', 256);
	name[256] = '\0';
	assert_int_equal(fake_error(k, fake_unlink(k, ROOT, name)), ENAMETOOLONG);
	assert_int_equal(fake_error(k, fake_unlink(k, ROOT, "")), EINVAL);
	assert_int_equal(fake_error(k, fake_rmdir(k, ROOT, ".")), EINVAL);
	assert_int_equal(talk_counts(f).batches, batches);
}

static void a_refused_unlink_leaves_the_name_in_place(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -ERR_FORBIDDEN, 1);
	assert_int_equal(fake_error(k, fake_unlink(k, ROOT, "a")), EPERM);
	assert_int_equal(node_of(f, "a"), file);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->nlink, 1);
}

static void a_signal_does_not_end_unlink(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	(void)talk_make_file(f, ROOT, "a");
	talk_hold(f, FAULT_BATCH);
	asked = fake_unlink(k, ROOT, "a");
	talk_wait_held(f, FAULT_BATCH, 1);
	fake_interrupt(k, asked);
	talk_age(f, 20 * NS_PER_S);
	assert_false(fake_is_answered(k, asked));
	talk_let_go(f, FAULT_BATCH);
	assert_int_equal(fake_error(k, asked), 0);
}

static void an_unsent_unlink_fails_after_an_outage_and_removes_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t first, second;

	(void)talk_make_file(f, ROOT, "a");
	talk_hold(f, FAULT_BATCH);
	first = fake_mkdir(k, ROOT, "folder", 0755);
	talk_wait_held(f, FAULT_BATCH, 1);
	second = fake_unlink(k, ROOT, "a");
	talk_age(f, STORE_OUTAGE_NS + NS_PER_S);
	assert_int_equal(fake_error(k, second), EIO);
	talk_let_go(f, FAULT_BATCH);
	(void)fake_answer(k, first);
	assert_true(is_there(f, "a"));
}

static void an_unlink_of_a_dying_caller_ends_at_once_and_is_still_carried_out(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	(void)talk_make_file(f, ROOT, "a");
	talk_hold(f, FAULT_BATCH);
	k->pid = DEAD_PID;
	asked = fake_unlink(k, ROOT, "a");
	talk_wait_held(f, FAULT_BATCH, 1);
	fake_interrupt(k, asked);
	assert_int_equal(fake_error(k, asked), EINTR);
	talk_let_go(f, FAULT_BATCH);
	talk_wait_quiet(f);
	assert_false(is_there(f, "a"));
}

/* -- RENAME -- */

static void a_renamed_document_has_its_new_name_and_not_its_old_one(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	uint64_t lookups;

	assert_int_equal(fake_error(&f->kernel, rename_in_root(f, "a", "b", 0)), 0);
	lookups = talk_counts(f).lookups;
	assert_false(is_there(f, "a"));
	assert_int_equal(node_of(f, "b"), file);
	assert_int_equal(talk_counts(f).lookups, lookups);
}

static void a_rename_moves_a_document_to_another_folder(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder"), file = talk_make_file(f, ROOT, "a");
	const struct fake_rename move = {.from = ROOT, .name = "a", .to = folder, .new_name = "b"};

	assert_int_equal(fake_error(k, fake_rename(k, &move)), 0);
	assert_false(is_there(f, "a"));
	assert_int_equal(fake_entry(k, fake_lookup(k, folder, "b"))->nodeid, file);
}

static void a_document_replaced_by_a_rename_has_no_link_left(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t a = talk_make_file(f, ROOT, "a"), b = talk_make_file(f, ROOT, "b");

	assert_int_equal(fake_error(k, rename_in_root(f, "a", "b", 0)), 0);
	assert_int_equal(node_of(f, "b"), a);
	assert_int_equal(fake_attr(k, fake_getattr(k, b))->nlink, 0);
}

static void a_rename_with_noreplace_over_an_existing_name_fails_with_eexist(void **state)
{
	struct fixture *f = *state;
	const uint64_t a = talk_make_file(f, ROOT, "a"), b = talk_make_file(f, ROOT, "b");

	assert_int_equal(fake_error(&f->kernel, rename_in_root(f, "a", "b", RENAME_NOREPLACE)), EEXIST);
	assert_int_equal(node_of(f, "a"), a);
	assert_int_equal(node_of(f, "b"), b);
}

static void a_rename_with_exchange_swaps_two_documents(void **state)
{
	struct fixture *f = *state;
	const uint64_t a = talk_make_file(f, ROOT, "a"), b = talk_make_folder(f, ROOT, "b");

	assert_int_equal(fake_error(&f->kernel, rename_in_root(f, "a", "b", RENAME_EXCHANGE)), 0);
	assert_int_equal(node_of(f, "a"), b);
	assert_int_equal(node_of(f, "b"), a);
	assert_int_equal(fake_error(&f->kernel, rename_in_root(f, "a", "none", RENAME_EXCHANGE)), ENOENT);
}

static void a_rename_with_whiteout_leaves_a_whiteout_under_the_old_name(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct fuse_entry_out *entry;

	(void)talk_make_file(f, ROOT, "a");
	assert_int_equal(fake_error(k, rename_in_root(f, "a", "b", RENAME_WHITEOUT)), 0);
	entry = fake_entry(k, fake_lookup(k, ROOT, "a"));
	assert_int_equal(entry->attr.mode & S_IFMT, S_IFCHR);
	assert_int_equal(entry->attr.rdev, 0);
}

static void a_rename_to_another_name_of_the_same_document_does_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	(void)fake_entry(k, fake_link(k, file, ROOT, "b"));
	assert_int_equal(fake_error(k, rename_in_root(f, "a", "b", 0)), 0);
	assert_int_equal(node_of(f, "a"), file);
	assert_int_equal(node_of(f, "b"), file);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->nlink, 2);
}

static void a_rename_of_a_folder_into_itself_fails_with_einval(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");
	const struct fake_rename move = {.from = ROOT, .name = "folder", .to = folder, .new_name = "x"};

	assert_int_equal(fake_error(k, fake_rename(k, &move)), EINVAL);
}

static void a_rename_with_an_unknown_flag_is_refused(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_int_equal(fake_error(&f->kernel, rename_in_root(f, "a", "b", 1u << 7)), EINVAL);
	assert_int_equal(node_of(f, "a"), file);
}

static void a_rename_from_or_to_an_invalid_name_is_refused(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char name[257];

	memset(name, 'n', 256);
	name[256] = '\0';
	(void)talk_make_file(f, ROOT, "a");
	assert_int_equal(fake_error(k, rename_in_root(f, "a", name, 0)), ENAMETOOLONG);
	assert_int_equal(fake_error(k, rename_in_root(f, name, "b", 0)), ENAMETOOLONG);
	assert_int_equal(fake_error(k, rename_in_root(f, "a", "", 0)), EINVAL);
	assert_int_equal(fake_error(k, rename_in_root(f, "none", "b", 0)), ENOENT);
}

static void a_refused_rename_moves_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t a = talk_make_file(f, ROOT, "a"), b = talk_make_file(f, ROOT, "b");

	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -EXDEV, 1);
	assert_int_equal(fake_error(k, rename_in_root(f, "a", "b", 0)), EXDEV);
	assert_int_equal(node_of(f, "a"), a);
	assert_int_equal(node_of(f, "b"), b);
	assert_int_equal(fake_attr(k, fake_getattr(k, b))->nlink, 1);
}

static void folders_can_be_forgotten_while_a_rename_between_them_is_in_flight(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t from = talk_make_folder(f, ROOT, "from"), to = talk_make_folder(f, ROOT, "to");
	const uint64_t file = talk_make_file(f, from, "a");
	const struct fake_rename move = {.from = from, .name = "a", .to = to, .new_name = "b"};
	uint64_t asked;

	talk_hold(f, FAULT_BATCH);
	asked = fake_rename(k, &move);
	talk_wait_held(f, FAULT_BATCH, 1);
	fake_forget(k, from, 1);
	fake_forget(k, to, 1);
	fake_forget(k, file, 1);
	talk_let_go(f, FAULT_BATCH);
	assert_int_equal(fake_error(k, asked), 0);
	assert_int_equal(fake_entry(k, fake_lookup(k, to, "b"))->nodeid, file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_removed_name_is_absent_without_asking_the_store),
		TEST(an_open_file_stays_readable_after_unlink_and_close_does_not_wait),
		TEST(unlinking_one_of_two_names_keeps_the_other),
		TEST(rmdir_removes_only_an_empty_folder),
		TEST(rmdir_refuses_a_file_and_unlink_refuses_a_folder),
		TEST(unlink_and_rmdir_of_a_missing_name_fail_with_enoent),
		TEST(a_failed_removal_makes_names_absent_that_another_mount_has_removed),
		TEST(unlink_and_rmdir_refuse_an_invalid_name_without_sending_a_batch),
		TEST(a_refused_unlink_leaves_the_name_in_place),
		TEST(a_signal_does_not_end_unlink),
		TEST(an_unsent_unlink_fails_after_an_outage_and_removes_nothing),
		TEST(an_unlink_of_a_dying_caller_ends_at_once_and_is_still_carried_out),
		TEST(a_renamed_document_has_its_new_name_and_not_its_old_one),
		TEST(a_rename_moves_a_document_to_another_folder),
		TEST(a_document_replaced_by_a_rename_has_no_link_left),
		TEST(a_rename_with_noreplace_over_an_existing_name_fails_with_eexist),
		TEST(a_rename_with_exchange_swaps_two_documents),
		TEST(a_rename_with_whiteout_leaves_a_whiteout_under_the_old_name),
		TEST(a_rename_to_another_name_of_the_same_document_does_nothing),
		TEST(a_rename_of_a_folder_into_itself_fails_with_einval),
		TEST(a_rename_with_an_unknown_flag_is_refused),
		TEST(a_rename_from_or_to_an_invalid_name_is_refused),
		TEST(a_refused_rename_moves_nothing),
		TEST(folders_can_be_forgotten_while_a_rename_between_them_is_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
