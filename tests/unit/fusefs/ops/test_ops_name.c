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

static void what_is_made_belongs_to_who_asked_for_it(void **state)
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

static void what_is_made_belongs_to_the_owner_of_a_mount_that_has_one(void **state)
{
	struct fixture *f = *state;
	const struct fuse_entry_out *entry;

	f->kernel.uid = NOBODY;
	entry = fake_entry(&f->kernel, fake_mkdir(&f->kernel, ROOT, "folder", 0755));
	assert_int_equal(entry->attr.uid, OWNER);
	assert_int_equal(entry->attr.gid, OWNER);
}

static void the_umask_takes_permissions_away(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	k->umask = 027;
	assert_int_equal(fake_entry(k, fake_mkdir(k, ROOT, "folder", 0777))->attr.mode, S_IFDIR | 0750);
	assert_int_equal(fake_entry(k, fake_mknod(k, ROOT, "file", S_IFREG | 0666, 0))->attr.mode, S_IFREG | 0640);
	assert_int_equal(fake_entry(k, fake_symlink(k, ROOT, "link", "x"))->attr.mode, S_IFLNK | 0777);
}

static void a_device_keeps_its_number(void **state)
{
	struct fixture *f = *state;
	const struct fuse_entry_out *entry =
		fake_entry(&f->kernel, fake_mknod(&f->kernel, ROOT, "tty", S_IFCHR | 0600, (uint32_t)makedev(4, 65)));

	assert_int_equal(entry->attr.mode, S_IFCHR | 0600);
	assert_int_equal(major(entry->attr.rdev), 4);
	assert_int_equal(minor(entry->attr.rdev), 65);
}

static void a_fifo_has_no_number(void **state)
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

static void a_name_that_exists_is_not_made_again(void **state)
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

static void whose_name_is_taken_finds_what_is_in_his_way(void **state)
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

static void a_name_of_256_bytes_is_too_long_for_every_kind(void **state)
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

static void a_name_of_255_bytes_is_made(void **state)
{
	struct fixture *f = *state;

	(void)talk_make_file(f, ROOT, long_name() + 1);
}

static void a_name_that_names_nothing_is_refused(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	assert_int_equal(fake_error(k, fake_mkdir(k, ROOT, "", 0755)), EINVAL);
	assert_int_equal(fake_error(k, fake_mkdir(k, ROOT, "a/b", 0755)), EINVAL);
	assert_int_equal(fake_error(k, fake_mkdir(k, ROOT, "..", 0755)), EINVAL);
}

static void nothing_is_made_in_a_folder_that_does_not_exist(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	assert_int_equal(fake_error(k, fake_mkdir(k, NO_SUCH_NODE, "a", 0755)), ENOENT);
	assert_int_equal(fake_error(k, fake_create(k, NO_SUCH_NODE, "a", S_IFREG | 0644, O_RDWR)), ENOENT);
}

static void nothing_is_made_in_a_file(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_int_equal(fake_error(&f->kernel, fake_mkdir(&f->kernel, file, "b", 0755)), ENOTDIR);
}

static void why_the_store_refuses_a_name_is_what_the_caller_hears(void **state)
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

static void a_name_that_was_made_though_its_answer_was_lost_is_found(void **state)
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

static void a_new_folder_is_known_to_be_empty_without_asking(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");
	const uint64_t lookups = talk_counts(f).lookups;

	assert_true(fake_is_absent(k, fake_lookup(k, folder, "x")));
	assert_int_equal(talk_counts(f).lookups, lookups);
}

static void the_folder_may_be_forgotten_while_a_name_is_made_in_it(void **state)
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

static void a_symlink_is_read_as_it_was_made(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t link = fake_entry(k, fake_symlink(k, ROOT, "link", "over/there"))->nodeid;

	fake_check_bytes(k, fake_send(k, FUSE_READLINK, link, NULL, 0), "over/there", 10);
}

static void a_target_longer_than_any_path_is_refused(void **state)
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

static void a_second_name_is_the_same_document(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct fuse_entry_out *entry = fake_entry(k, fake_link(k, file, ROOT, "b"));

	assert_int_equal(entry->nodeid, file);
	assert_int_equal(entry->attr.nlink, 2);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->nlink, 2);
}

static void a_folder_gets_no_second_name(void **state)
{
	struct fixture *f = *state;
	const uint64_t folder = talk_make_folder(f, ROOT, "a");

	assert_int_equal(fake_error(&f->kernel, fake_link(&f->kernel, folder, ROOT, "b")), EPERM);
}

static void a_document_that_does_not_exist_gets_no_name(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_error(&f->kernel, fake_link(&f->kernel, NO_SUCH_NODE, ROOT, "b")), ENOENT);
}

static void a_second_name_may_not_be_one_that_exists(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	(void)talk_make_file(f, ROOT, "b");
	assert_int_equal(fake_error(&f->kernel, fake_link(&f->kernel, file, ROOT, "b")), EEXIST);
}

static void a_name_that_somebody_else_removed_gets_no_second_one(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	(void)fake_entry(k, fake_lookup(k, ROOT, "a"));
	assert_true(talk_remove_elsewhere(f, "a") > 0);
	assert_int_equal(fake_error(k, fake_link(k, file, ROOT, "b")), ESTALE);
}

/* -- CREATE -- */

static void a_created_file_is_open(void **state)
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

static void a_file_that_somebody_else_made_first_is_opened(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t theirs = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	uint64_t node;

	(void)fake_created(k, fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDWR), &node);
	assert_int_equal(node, theirs);
}

static void a_file_that_somebody_else_made_first_is_emptied_where_that_was_asked_for(void **state)
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

static void what_somebody_else_made_first_is_not_opened_unless_it_is_a_file(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	(void)talk_make_elsewhere(f, "folder", S_IFDIR | 0755);
	(void)talk_make_elsewhere(f, "fifo", S_IFIFO | 0644);
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "folder", S_IFREG | 0600, O_RDWR)), EISDIR);
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "fifo", S_IFREG | 0600, O_RDWR)), EEXIST);
}

static void a_file_that_went_before_it_could_be_opened_is_made_after_all(void **state)
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

static void a_create_that_cannot_see_what_was_there_first_fails(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	talk_fault(f, FAULT_LOOKUP, FAULT_FAIL, -ERR_NO_GATEWAY, 1);
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDWR)), EIO);
}

static void a_create_whose_emptying_is_refused_opens_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct fault_rule second = {
		.call = FAULT_BATCH, .kind = FAULT_REFUSE, .error = -EACCES, .nth = 2, .times = 1};

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	fault_add(f->store, &second);
	assert_int_equal(fake_error(k, fake_create(k, ROOT, "a", S_IFREG | 0600, O_RDWR | O_TRUNC)), EACCES);
}

static void a_protected_file_that_was_there_first_is_not_opened_for_writing(void **state)
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

static void a_file_that_another_user_made_first_is_left_to_the_kernel_to_look_up(void **state)
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

static void a_file_that_its_owner_made_first_is_opened_as_far_as_its_mode_says(void **state)
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

static void a_signal_ends_an_open_of_a_new_name_once_the_store_is_silent(void **state)
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

static void a_file_without_a_name_is_made_and_gets_one_later(void **state)
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

static void a_kernel_that_hung_up_leaves_no_created_file_open(void **state)
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
		TEST(what_is_made_belongs_to_who_asked_for_it),
		OWNED(what_is_made_belongs_to_the_owner_of_a_mount_that_has_one),
		TEST(the_umask_takes_permissions_away),
		TEST(a_device_keeps_its_number),
		TEST(a_fifo_has_no_number),
		TEST(a_new_folder_has_two_links_and_its_parent_one_more),
		TEST(a_name_that_exists_is_not_made_again),
		TEST(whose_name_is_taken_finds_what_is_in_his_way),
		TEST(a_name_of_256_bytes_is_too_long_for_every_kind),
		TEST(a_name_of_255_bytes_is_made),
		TEST(a_name_that_names_nothing_is_refused),
		TEST(nothing_is_made_in_a_folder_that_does_not_exist),
		TEST(nothing_is_made_in_a_file),
		TEST(why_the_store_refuses_a_name_is_what_the_caller_hears),
		TEST(a_name_that_was_made_though_its_answer_was_lost_is_found),
		TEST(a_signal_does_not_end_mkdir),
		TEST(a_new_folder_is_known_to_be_empty_without_asking),
		TEST(the_folder_may_be_forgotten_while_a_name_is_made_in_it),
		TEST(a_symlink_is_read_as_it_was_made),
		TEST(a_target_longer_than_any_path_is_refused),
		TEST(a_second_name_is_the_same_document),
		TEST(a_folder_gets_no_second_name),
		TEST(a_document_that_does_not_exist_gets_no_name),
		TEST(a_second_name_may_not_be_one_that_exists),
		SHARED(a_name_that_somebody_else_removed_gets_no_second_one),
		TEST(a_created_file_is_open),
		SHARED(a_file_that_somebody_else_made_first_is_opened),
		SHARED(a_file_that_somebody_else_made_first_is_emptied_where_that_was_asked_for),
		SHARED(what_somebody_else_made_first_is_not_opened_unless_it_is_a_file),
		SHARED(a_file_that_went_before_it_could_be_opened_is_made_after_all),
		SHARED(a_create_that_cannot_see_what_was_there_first_fails),
		SHARED(a_create_whose_emptying_is_refused_opens_nothing),
		SHARED(a_protected_file_that_was_there_first_is_not_opened_for_writing),
		SHARED(a_file_that_another_user_made_first_is_left_to_the_kernel_to_look_up),
		SHARED(a_file_that_its_owner_made_first_is_opened_as_far_as_its_mode_says),
		TEST(a_signal_ends_an_open_of_a_new_name_once_the_store_is_silent),
		TEST(a_file_without_a_name_is_made_and_gets_one_later),
		TEST(a_kernel_that_hung_up_leaves_no_created_file_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
