#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

/* Requests that make names: MKNOD, MKDIR, SYMLINK, LINK, CREATE. */

#define LONG_NAME 256 /* bytes: one more than the limit */

static const char *long_name(void)
{
	static char name[LONG_NAME + 1];

	memset(name, 'n', LONG_NAME);
	return name;
}

/* -- MKNOD and MKDIR -- */

static void a_new_file_belongs_to_the_user_and_group_of_the_caller(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct fuse_entry_out *entry;

	k->uid = NOBODY;
	k->gid = NOBODY + 1;
	entry = fake_entry(k, fake_mknod(k, ROOT, "file", S_IFREG | 0640, 0));
	assert_int_equal(entry->attr.uid, NOBODY);
	assert_int_equal(entry->attr.gid, NOBODY + 1);
	assert_int_equal(entry->attr.mode, S_IFREG | 0640);
	assert_int_equal(entry->attr.nlink, 1);
	assert_int_equal(entry->attr.size, 0);
	assert_int_equal(fake_entry(k, fake_lookup(k, ROOT, "file"))->nodeid, entry->nodeid);
}

static void a_new_folder_belongs_to_the_owner_of_a_mount_that_shows_one_owner(void **state)
{
	struct fixture *f = *state;
	const struct fuse_entry_out *entry;

	f->kernel.uid = NOBODY;
	entry = fake_entry(&f->kernel, fake_mkdir(&f->kernel, ROOT, "folder", 0755));
	assert_int_equal(entry->attr.uid, OWNER);
	assert_int_equal(entry->attr.gid, OWNER);
}

static void the_umask_is_applied_to_folders_and_files_but_not_to_symlinks(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	k->umask = 027;
	assert_int_equal(fake_entry(k, fake_mkdir(k, ROOT, "folder", 0777))->attr.mode, S_IFDIR | 0750);
	assert_int_equal(fake_entry(k, fake_mknod(k, ROOT, "file", S_IFREG | 0666, 0))->attr.mode, S_IFREG | 0640);
	assert_int_equal(fake_entry(k, fake_symlink(k, ROOT, "link", "x"))->attr.mode, S_IFLNK | 0777);
}

static void a_device_node_keeps_its_major_and_minor_number(void **state)
{
	struct fixture *f = *state;
	const struct fuse_entry_out *entry =
		fake_entry(&f->kernel, fake_mknod(&f->kernel, ROOT, "tty", S_IFCHR | 0600, (uint32_t)makedev(4, 65)));

	assert_int_equal(entry->attr.mode, S_IFCHR | 0600);
	assert_int_equal(major(entry->attr.rdev), 4);
	assert_int_equal(minor(entry->attr.rdev), 65);
}

static void a_fifo_has_no_device_number(void **state)
{
	struct fixture *f = *state;
	const struct fuse_entry_out *entry =
		fake_entry(&f->kernel, fake_mknod(&f->kernel, ROOT, "fifo", S_IFIFO | 0600, (uint32_t)makedev(4, 65)));

	assert_int_equal(entry->attr.rdev, 0);
}

static void a_new_folder_has_two_links_and_its_parent_one_more(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint32_t before = fake_attr(k, fake_getattr(k, ROOT))->nlink;

	assert_int_equal(fake_entry(k, fake_mkdir(k, ROOT, "folder", 0755))->attr.nlink, 2);
	assert_int_equal(fake_attr(k, fake_getattr(k, ROOT))->nlink, before + 1);
}

static void mknod_mkdir_symlink_and_create_of_an_existing_name_fail_with_eexist(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	(void)talk_make_file(f, ROOT, "a");
	assert_int_equal(fake_error(k, fake_mknod(k, ROOT, "a", S_IFREG | 0644, 0)), EEXIST);
	assert_int_equal(fake_error(k, fake_mkdir(k, ROOT, "a", 0755)), EEXIST);
	assert_int_equal(fake_error(k, fake_symlink(k, ROOT, "a", "b")), EEXIST);
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "a", S_IFREG | 0644, O_RDWR | O_EXCL)), EEXIST);
}

static uint64_t make_in_the_way(struct fake_kernel *k, int kind, uint64_t folder, uint64_t file, const char *name)
{
	switch (kind) {
	case 0:
		return fake_mkdir(k, folder, name, 0755);
	case 1:
		return fake_mknod(k, folder, name, S_IFREG | 0644, 0);
	case 2:
		return fake_symlink(k, folder, name, "x");
	case 3:
		return fake_link(k, file, folder, name);
	case 4:
		return fake_create(k, folder, name, S_IFREG | 0644, O_RDWR | O_EXCL);
	default:
		return fake_rename(k,
			&(struct fake_rename){
				.from = ROOT, .name = "a", .to = folder, .new_name = name, .flags = RENAME_NOREPLACE});
	}
}

static void after_eexist_a_lookup_finds_the_document_that_another_mount_made(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder"), file = talk_make_file(f, ROOT, "a");
	char name[] = "0";

	for (int kind = 0; kind < 6; kind++) {
		name[0] = (char)('0' + kind);
		/* For every other kind the name itself is cached as absent. Otherwise only the empty list of the
		 * new folder is cached. */
		if (kind % 2)
			assert_true(fake_is_absent(k, fake_lookup(k, folder, name)));
		(void)talk_make_in_elsewhere(f, (int64_t)folder, name, S_IFDIR | 0755);
		assert_true(fake_is_absent(k, fake_lookup(k, folder, name)));
		assert_int_equal(fake_error(k, make_in_the_way(k, kind, folder, file, name)), EEXIST);
		assert_true(S_ISDIR(fake_entry(k, fake_lookup(k, folder, name))->attr.mode));
	}
}

static void a_name_of_256_bytes_is_refused_for_every_kind_of_document(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t batches = talk_counts(f).batches;

	assert_int_equal(fake_error(k, fake_mknod(k, ROOT, long_name(), S_IFREG | 0644, 0)), ENAMETOOLONG);
	assert_int_equal(fake_error(k, fake_mkdir(k, ROOT, long_name(), 0755)), ENAMETOOLONG);
	assert_int_equal(fake_error(k, fake_symlink(k, ROOT, long_name(), "x")), ENAMETOOLONG);
	assert_int_equal(fake_error(k, fake_link(k, file, ROOT, long_name())), ENAMETOOLONG);
	assert_int_equal(fake_error(k, fake_create(k, ROOT, long_name(), S_IFREG | 0644, O_RDWR)), ENAMETOOLONG);
	assert_int_equal(talk_counts(f).batches, batches);
}

static void a_name_of_255_bytes_is_accepted(void **state)
{
	struct fixture *f = *state;

	(void)talk_make_file(f, ROOT, long_name() + 1);
}

static void an_empty_name_a_slash_and_dotdot_are_refused_as_names(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	assert_int_equal(fake_error(k, fake_mkdir(k, ROOT, "", 0755)), EINVAL);
	assert_int_equal(fake_error(k, fake_mkdir(k, ROOT, "a/b", 0755)), EINVAL);
	assert_int_equal(fake_error(k, fake_mkdir(k, ROOT, "..", 0755)), EINVAL);
}

static void mkdir_and_create_in_a_missing_folder_fail_with_enoent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	assert_int_equal(fake_error(k, fake_mkdir(k, NO_SUCH_NODE, "a", 0755)), ENOENT);
	assert_int_equal(fake_error(k, fake_create(k, NO_SUCH_NODE, "a", S_IFREG | 0644, O_RDWR)), ENOENT);
}

static void mkdir_in_a_file_fails_with_enotdir(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_int_equal(fake_error(&f->kernel, fake_mkdir(&f->kernel, file, "b", 0755)), ENOTDIR);
}

static void an_error_of_the_store_becomes_the_errno_of_mkdir(void **state)
{
	static const struct {
		int error, heard;
	} cases[] = {{-EACCES, EACCES}, {-EDQUOT, EDQUOT}, {-ENOSPC, ENOSPC}, {-EROFS, EROFS}, {-ERR_FORBIDDEN, EPERM},
		{-ERR_UNPROCESSABLE, EINVAL}, {-ERR_SESSION_GONE, ESTALE}};
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		talk_fault(f, FAULT_BATCH, FAULT_REFUSE, cases[i].error, 0);
		assert_int_equal(fake_error(k, fake_mkdir(k, ROOT, "a", 0755)), cases[i].heard);
		fault_clear(f->store);
		assert_true(fake_is_absent(k, fake_lookup(k, ROOT, "a")));
	}
}

static void a_folder_whose_mkdir_was_in_doubt_is_found_by_a_lookup(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	talk_fault(f, FAULT_BATCH, FAULT_LOSE, -ERR_IN_DOUBT, 1);
	assert_int_equal(fake_error(k, fake_mkdir(k, ROOT, "a", 0755)), EIO);
	assert_true(S_ISDIR(fake_entry(k, fake_lookup(k, ROOT, "a"))->attr.mode));
}

static void a_signal_does_not_end_mkdir(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	talk_hold(f, FAULT_BATCH);
	asked = fake_mkdir(k, ROOT, "a", 0755);
	talk_wait_held(f, FAULT_BATCH, 1);
	fake_interrupt(k, asked);
	assert_false(fake_is_answered(k, asked));
	talk_let_go(f, FAULT_BATCH);
	assert_true(S_ISDIR(fake_entry(k, asked)->attr.mode));
}

static void a_new_folder_is_known_to_be_empty_without_asking_the_store(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");
	const uint64_t lookups = talk_counts(f).lookups;

	assert_true(fake_is_absent(k, fake_lookup(k, folder, "x")));
	assert_int_equal(talk_counts(f).lookups, lookups);
}

static void a_folder_can_be_forgotten_while_a_name_is_made_in_it(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");
	uint64_t asked;

	talk_hold(f, FAULT_BATCH);
	asked = fake_mkdir(k, folder, "a", 0755);
	talk_wait_held(f, FAULT_BATCH, 1);
	fake_forget(k, folder, 1);
	talk_let_go(f, FAULT_BATCH);
	assert_true(S_ISDIR(fake_entry(k, asked)->attr.mode));
}

/* -- SYMLINK -- */

static void readlink_returns_the_target_that_a_symlink_was_made_with(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t link = fake_entry(k, fake_symlink(k, ROOT, "link", "over/there"))->nodeid;

	fake_check_bytes(k, fake_send(k, FUSE_READLINK, link, NULL, 0), "over/there", 10);
}

static void a_symlink_target_longer_than_any_path_is_refused(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char *target = calloc(1, PATH_BYTES_MAX + 1);

	assert_non_null(target);
	memset(target, 't', PATH_BYTES_MAX);
	assert_int_equal(fake_error(k, fake_symlink(k, ROOT, "link", target)), ENAMETOOLONG);
	assert_true(fake_is_absent(k, fake_lookup(k, ROOT, "link")));
	free(target);
}

/* -- LINK -- */

static void a_hard_link_names_the_same_document(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct fuse_entry_out *entry = fake_entry(k, fake_link(k, file, ROOT, "b"));

	assert_int_equal(entry->nodeid, file);
	assert_int_equal(entry->attr.nlink, 2);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->nlink, 2);
}

static void a_hard_link_to_a_folder_is_refused(void **state)
{
	struct fixture *f = *state;
	const uint64_t folder = talk_make_folder(f, ROOT, "a");

	assert_int_equal(fake_error(&f->kernel, fake_link(&f->kernel, folder, ROOT, "b")), EPERM);
}

static void a_hard_link_to_a_missing_document_fails_with_enoent(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_error(&f->kernel, fake_link(&f->kernel, NO_SUCH_NODE, ROOT, "b")), ENOENT);
}

static void a_hard_link_under_an_existing_name_fails_with_eexist(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	(void)talk_make_file(f, ROOT, "b");
	assert_int_equal(fake_error(&f->kernel, fake_link(&f->kernel, file, ROOT, "b")), EEXIST);
}

static void a_hard_link_to_a_file_that_another_mount_removed_fails_with_estale(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	(void)fake_entry(k, fake_lookup(k, ROOT, "a"));
	assert_true(talk_remove_elsewhere(f, "a") > 0);
	assert_int_equal(fake_error(k, fake_link(k, file, ROOT, "b")), ESTALE);
}

/* -- CREATE -- */

static void a_created_file_is_open_for_reading_and_writing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t node;
	const uint64_t handle = fake_created(k, fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDWR), &node);

	talk_write_text(f, handle, 0, "hello");
	talk_check_content(f, handle, "hello");
	assert_int_equal(fake_attr(k, fake_getattr(k, node))->size, 5);
	assert_int_equal(fake_error(k, fake_release(k, handle)), 0);
}

static void create_opens_a_file_that_another_mount_made_first(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t theirs = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	uint64_t node;

	(void)fake_created(k, fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDWR), &node);
	assert_int_equal(node, theirs);
}

static void create_with_o_trunc_empties_a_file_that_another_mount_made_first(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const int64_t theirs = talk_make_elsewhere(f, "a", S_IFREG | 0644);
	const struct op grow = {.kind = OP_SETATTR, .fields = OP_HAS_SIZE, .id = theirs, .size = 99};
	uint64_t handle;

	assert_int_equal(talk_elsewhere(f, &grow), theirs);
	handle = fake_created(k, fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDWR | O_TRUNC), NULL);
	talk_check_content(f, handle, "");
}

static void create_does_not_open_a_folder_or_fifo_that_another_mount_made_first(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	(void)talk_make_elsewhere(f, "folder", S_IFDIR | 0755);
	(void)talk_make_elsewhere(f, "fifo", S_IFIFO | 0644);
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "folder", S_IFREG | 0600, O_RDWR)), EISDIR);
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "fifo", S_IFREG | 0600, O_RDWR)), EEXIST);
}

static void create_makes_a_new_file_if_a_foreign_one_is_removed_before_the_open(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t theirs = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	uint64_t asked, node;

	talk_hold(f, FAULT_LOOKUP);
	asked = fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDWR);
	talk_wait_held(f, FAULT_LOOKUP, 1);
	assert_true(talk_remove_elsewhere(f, "a") > 0);
	talk_let_go(f, FAULT_LOOKUP);
	(void)fake_created(k, asked, &node);
	assert_int_not_equal(node, theirs);
}

static void create_fails_with_eio_if_the_existing_name_cannot_be_looked_up(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	talk_fault(f, FAULT_LOOKUP, FAULT_FAIL, -ERR_NO_GATEWAY, 1);
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDWR)), EIO);
}

static void create_with_o_trunc_opens_nothing_if_the_store_refuses_the_truncation(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct fault_rule second = {
		.call = FAULT_BATCH, .kind = FAULT_REFUSE, .error = -EACCES, .nth = 2, .times = 1};

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	fault_add(f->store, &second);
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDWR | O_TRUNC)), EACCES);
	assert_int_equal(talk_open_count(f), 0);
}

static void create_opens_an_immutable_file_made_first_by_others_only_for_reading(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct op protect = {.kind = OP_SETATTR,
		.fields = OP_HAS_PROTECT,
		.id = talk_make_elsewhere(f, "a", S_IFREG | 0644),
		.protect = ITEM_IMMUTABLE};

	assert_true(talk_elsewhere(f, &protect) > 0);
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDWR)), EPERM);
	(void)fake_created(k, fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDONLY), NULL);
}

static void create_of_a_file_that_another_user_made_first_fails_with_estale(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t roots = (uint64_t)talk_make_elsewhere(f, "secret", S_IFREG | 0600);

	k->uid = NOBODY;
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "secret", S_IFREG | 0600, O_RDONLY)), ESTALE);
	assert_int_equal(talk_open_count(f), 0);
	assert_int_equal(fake_entry(k, fake_lookup(k, ROOT, "secret"))->nodeid, roots);
	k->uid = 0;
	(void)fake_created(k, fake_create(k, ROOT, "secret", S_IFREG | 0600, O_RDONLY), NULL);
}

static void create_opens_an_existing_file_only_as_far_as_its_mode_allows_its_owner(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct op give = {.kind = OP_SETATTR,
		.fields = OP_HAS_UID | OP_HAS_MODE,
		.id = talk_make_elsewhere(f, "mine", S_IFREG | 0400),
		.uid = NOBODY,
		.mode = 0400};

	assert_true(talk_elsewhere(f, &give) > 0);
	k->uid = NOBODY;
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "mine", S_IFREG | 0600, O_RDWR)), ESTALE);
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "mine", S_IFREG | 0600, O_RDONLY | O_TRUNC)), ESTALE);
	(void)fake_created(k, fake_create(k, ROOT, "mine", S_IFREG | 0600, O_RDONLY), NULL);
}

static void a_signal_ends_a_create_once_the_store_is_silent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t first, asked;

	/* The second batch is not sent yet, and never will be. */
	talk_hold(f, FAULT_BATCH);
	first = fake_mkdir(k, ROOT, "first", 0755);
	talk_wait_held(f, FAULT_BATCH, 1);
	asked = fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDWR);
	fake_interrupt(k, asked);
	assert_false(fake_is_answered(k, asked));
	talk_age(f, 11 * NS_PER_S);
	assert_int_equal(fake_error(k, asked), EINTR);
	talk_let_go(f, FAULT_BATCH);
	(void)fake_entry(k, first);
	assert_true(fake_is_absent(k, fake_lookup(k, ROOT, "a")));
}

static void a_tmpfile_has_no_link_and_can_be_given_a_name_later(void **state)
{
	const struct fuse_create_in in = {.flags = O_RDWR, .mode = S_IFREG | 0600};
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t node;
	const uint64_t handle = fake_created(k, fake_send(k, FUSE_TMPFILE, ROOT, &in, sizeof(in)), &node);

	assert_int_equal(fake_attr(k, fake_getattr(k, node))->nlink, 0);
	talk_write_text(f, handle, 0, "draft");
	assert_int_equal(fake_entry(k, fake_link(k, node, ROOT, "kept"))->attr.nlink, 1);
	talk_check_content(f, handle, "draft");
}

static void a_create_whose_answer_the_kernel_did_not_get_leaves_no_file_open(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	talk_hold(f, FAULT_BATCH);
	(void)fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDWR);
	talk_wait_held(f, FAULT_BATCH, 1);
	fake_hang_up(k);
	talk_let_go(f, FAULT_BATCH);
	talk_wait_quiet(f);
	assert_int_equal(talk_open_count(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)
#define SHARED(name) cmocka_unit_test_setup_teardown(name, talk_setup_shared, talk_teardown)
#define OWNED(name) cmocka_unit_test_setup_teardown(name, talk_setup_owned, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_file_belongs_to_the_user_and_group_of_the_caller),
		OWNED(a_new_folder_belongs_to_the_owner_of_a_mount_that_shows_one_owner),
		TEST(the_umask_is_applied_to_folders_and_files_but_not_to_symlinks),
		TEST(a_device_node_keeps_its_major_and_minor_number),
		TEST(a_fifo_has_no_device_number),
		TEST(a_new_folder_has_two_links_and_its_parent_one_more),
		TEST(mknod_mkdir_symlink_and_create_of_an_existing_name_fail_with_eexist),
		TEST(after_eexist_a_lookup_finds_the_document_that_another_mount_made),
		TEST(a_name_of_256_bytes_is_refused_for_every_kind_of_document),
		TEST(a_name_of_255_bytes_is_accepted),
		TEST(an_empty_name_a_slash_and_dotdot_are_refused_as_names),
		TEST(mkdir_and_create_in_a_missing_folder_fail_with_enoent),
		TEST(mkdir_in_a_file_fails_with_enotdir),
		TEST(an_error_of_the_store_becomes_the_errno_of_mkdir),
		TEST(a_folder_whose_mkdir_was_in_doubt_is_found_by_a_lookup),
		TEST(a_signal_does_not_end_mkdir),
		TEST(a_new_folder_is_known_to_be_empty_without_asking_the_store),
		TEST(a_folder_can_be_forgotten_while_a_name_is_made_in_it),
		TEST(readlink_returns_the_target_that_a_symlink_was_made_with),
		TEST(a_symlink_target_longer_than_any_path_is_refused),
		TEST(a_hard_link_names_the_same_document),
		TEST(a_hard_link_to_a_folder_is_refused),
		TEST(a_hard_link_to_a_missing_document_fails_with_enoent),
		TEST(a_hard_link_under_an_existing_name_fails_with_eexist),
		SHARED(a_hard_link_to_a_file_that_another_mount_removed_fails_with_estale),
		TEST(a_created_file_is_open_for_reading_and_writing),
		SHARED(create_opens_a_file_that_another_mount_made_first),
		SHARED(create_with_o_trunc_empties_a_file_that_another_mount_made_first),
		SHARED(create_does_not_open_a_folder_or_fifo_that_another_mount_made_first),
		SHARED(create_makes_a_new_file_if_a_foreign_one_is_removed_before_the_open),
		SHARED(create_fails_with_eio_if_the_existing_name_cannot_be_looked_up),
		SHARED(create_with_o_trunc_opens_nothing_if_the_store_refuses_the_truncation),
		SHARED(create_opens_an_immutable_file_made_first_by_others_only_for_reading),
		SHARED(create_of_a_file_that_another_user_made_first_fails_with_estale),
		SHARED(create_opens_an_existing_file_only_as_far_as_its_mode_allows_its_owner),
		TEST(a_signal_ends_a_create_once_the_store_is_silent),
		TEST(a_tmpfile_has_no_link_and_can_be_given_a_name_later),
		TEST(a_create_whose_answer_the_kernel_did_not_get_leaves_no_file_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
