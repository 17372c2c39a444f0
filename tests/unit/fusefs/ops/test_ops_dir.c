#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"

#include <stdio.h>

/* Requests that read folders: OPENDIR, READDIR, READDIRPLUS, RELEASEDIR. */

#define PAGE 4096 /* bytes that the kernel asks for */
#define NAMES_MAX 2048
#define MANY 300 /* entries: more than the store sends in one page */

/* Adds the names of an answer, each with a space after it. Returns the offset to go on from; 0: there were no
 * entries. */
static uint64_t names_of(const struct fake_answer *a, bool plus, char *ret, size_t size)
{
	const size_t before = plus ? FUSE_NAME_OFFSET_DIRENTPLUS - FUSE_NAME_OFFSET : 0;
	const char *bytes = (const char *)a->body;
	uint64_t next = 0;

	assert_int_equal(a->error, 0);
	for (size_t at = 0; at < a->size;) {
		const struct fuse_dirent *entry = (const void *)(bytes + at + before);
		const size_t used = strlen(ret);

		(void)snprintf(ret + used, size - used, "%.*s ", (int)entry->namelen, entry->name);
		next = entry->off;
		at += FUSE_DIRENT_ALIGN(before + FUSE_NAME_OFFSET + entry->namelen);
	}
	return next;
}

static void check_names(struct fixture *f, uint64_t handle, bool plus, const char *names)
{
	struct fake_kernel *k = &f->kernel;
	char found[NAMES_MAX] = "";
	uint64_t next = 0, at;

	do {
		at = next;
		next = names_of(
			fake_answer(
				k, plus ? fake_readdirplus(k, handle, at, PAGE) : fake_readdir(k, handle, at, PAGE)),
			plus, found, sizeof(found));
	} while (next != 0);
	assert_string_equal(found, names);
}

static uint64_t open_folder(struct fixture *f, uint64_t node)
{
	return fake_handle(&f->kernel, fake_opendir(&f->kernel, node));
}

/* Another mount puts "a", "b" and "c" into the root. */
static void make_three(struct fixture *f)
{
	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	(void)talk_make_elsewhere(f, "b", S_IFDIR | 0755);
	(void)talk_make_elsewhere(f, "c", S_IFLNK | 0777);
}

static void a_folder_lists_itself_its_parent_and_its_entries(void **state)
{
	struct fixture *f = *state;
	uint64_t handle;

	make_three(f);
	handle = open_folder(f, ROOT);
	check_names(f, handle, false, ". .. a b c ");
	check_names(f, handle, true, ". .. a b c ");
	assert_int_equal(fake_error(&f->kernel, fake_releasedir(&f->kernel, handle)), 0);
}

static void an_empty_folder_lists_itself_and_its_parent(void **state)
{
	struct fixture *f = *state;

	check_names(f, open_folder(f, talk_make_folder(f, ROOT, "empty")), false, ". .. ");
}

static void entries_have_the_number_and_the_type_of_their_documents(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");
	const struct fuse_dirent *entry;
	const struct fake_answer *a;

	a = fake_answer(k, fake_readdir(k, open_folder(f, ROOT), 2, PAGE));
	entry = (const void *)a->body;
	assert_int_equal(a->error, 0);
	assert_int_equal(entry->ino, folder);
	assert_int_equal(entry->type, S_IFDIR >> 12);
	assert_int_equal(entry->off, 3);
}

static void an_entry_of_readdirplus_counts_as_a_lookup_and_caches_the_name(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct fuse_direntplus *entry;
	const struct fake_answer *a;
	uint64_t file, lookups;

	file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0640);
	a = fake_answer(k, fake_readdirplus(k, open_folder(f, ROOT), 2, PAGE));
	entry = (const void *)a->body;
	assert_int_equal(a->error, 0);
	assert_int_equal(entry->entry_out.nodeid, file);
	assert_int_equal(entry->entry_out.attr.mode, S_IFREG | 0640);
	assert_int_equal(talk_lookups(f, file), 1);
	lookups = talk_counts(f).lookups;
	assert_int_equal(fake_entry(k, fake_lookup(k, ROOT, "a"))->nodeid, file);
	assert_int_equal(talk_counts(f).lookups, lookups);
}

static void readdirplus_gives_no_node_for_the_folder_itself_and_its_parent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const struct fake_answer *a = fake_answer(k, fake_readdirplus(k, open_folder(f, ROOT), 0, PAGE));
	const struct fuse_direntplus *dot = (const void *)a->body;

	assert_int_equal(a->error, 0);
	assert_int_equal(dot->entry_out.nodeid, 0);
	assert_int_equal(dot->dirent.namelen, 1);
}

static void a_readdir_continues_at_the_offset_where_the_last_answer_ended(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char found[NAMES_MAX] = "";
	uint64_t handle, next;

	make_three(f);
	handle = open_folder(f, ROOT);
	/* Room for two entries: one with a name of one byte takes 32. */
	next = names_of(fake_answer(k, fake_readdir(k, handle, 0, 64)), false, found, sizeof(found));
	assert_string_equal(found, ". .. ");
	next = names_of(fake_answer(k, fake_readdir(k, handle, next, 64)), false, found, sizeof(found));
	assert_string_equal(found, ". .. a b ");
	next = names_of(fake_answer(k, fake_readdir(k, handle, next, 64)), false, found, sizeof(found));
	assert_string_equal(found, ". .. a b c ");
	assert_int_equal(fake_answer(k, fake_readdir(k, handle, next, 64))->size, 0);
}

static void a_readdir_past_the_last_entry_returns_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t handle;

	make_three(f);
	handle = open_folder(f, ROOT);
	assert_int_equal(fake_answer(k, fake_readdir(k, handle, 1000000, PAGE))->size, 0);
	assert_int_equal(fake_error(k, fake_readdir(k, handle, 1000000, PAGE)), 0);
}

static void a_folder_of_many_pages_is_listed_whole(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char name[16];
	char found[MANY * 16] = "", expected[MANY * 16] = ". .. ";
	int end = (int)strlen(expected);
	uint64_t next = 0, at, handle;

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "%04d", i);
		(void)talk_make_elsewhere(f, name, S_IFREG | 0644);
		end += snprintf(expected + end, sizeof(expected) - (size_t)end, "%s ", name);
	}
	handle = open_folder(f, ROOT);
	do {
		at = next;
		next = names_of(fake_answer(k, fake_readdirplus(k, handle, at, PAGE)), true, found, sizeof(found));
	} while (next != 0);
	assert_string_equal(found, expected);
}

static void a_readdir_from_the_start_again_shows_the_present_entries(void **state)
{
	struct fixture *f = *state;
	uint64_t handle;

	(void)talk_make_file(f, ROOT, "a");
	handle = open_folder(f, ROOT);
	check_names(f, handle, false, ". .. a ");
	(void)talk_make_file(f, ROOT, "b");
	check_names(f, handle, false, ". .. a b ");
}

/* -- others at work -- */

static void a_folder_made_by_this_mount_lists_entries_that_others_put_into_it(void **state)
{
	struct fixture *f = *state;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");

	(void)talk_make_in_elsewhere(f, (int64_t)folder, "theirs", S_IFREG | 0644);
	check_names(f, open_folder(f, folder), false, ". .. theirs ");
}

static void a_failed_rmdir_makes_the_foreign_entries_of_the_folder_visible(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");

	check_names(f, open_folder(f, folder), false, ". .. ");
	(void)talk_make_in_elsewhere(f, (int64_t)folder, "theirs", S_IFREG | 0644);
	assert_int_equal(fake_error(k, fake_rmdir(k, ROOT, "folder")), ENOTEMPTY);
	check_names(f, open_folder(f, folder), false, ". .. theirs ");
	assert_int_equal(fake_error(k, fake_unlink(k, folder, "theirs")), 0);
	assert_int_equal(fake_error(k, fake_rmdir(k, ROOT, "folder")), 0);
}

static void a_failed_rename_over_a_folder_makes_its_foreign_entries_visible(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");
	const struct fake_rename move = {.from = ROOT, .name = "other", .to = ROOT, .new_name = "folder"};

	(void)talk_make_folder(f, ROOT, "other");
	(void)talk_make_in_elsewhere(f, (int64_t)folder, "theirs", S_IFREG | 0644);
	assert_int_equal(fake_error(k, fake_rename(k, &move)), ENOTEMPTY);
	check_names(f, open_folder(f, folder), false, ". .. theirs ");
}

static void an_rmdir_refused_for_a_cached_entry_keeps_the_cached_listing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");
	const uint64_t pages = talk_counts(f).children;

	(void)talk_make_file(f, folder, "mine");
	assert_int_equal(fake_error(k, fake_rmdir(k, ROOT, "folder")), ENOTEMPTY);
	check_names(f, open_folder(f, folder), false, ". .. mine ");
	assert_int_equal(talk_counts(f).children, pages);
}

static void opendir_of_an_unknown_node_fails_with_estale(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_error(&f->kernel, fake_opendir(&f->kernel, NO_SUCH_NODE)), ESTALE);
	assert_int_equal(talk_open_count(f), 0);
}

static void readdir_of_an_empty_folder_removed_after_its_opendir_lists_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");
	const uint64_t handle = open_folder(f, folder);
	const struct fake_answer *a;

	assert_int_equal(fake_error(k, fake_rmdir(k, ROOT, "folder")), 0);
	talk_know_nothing(f);
	a = fake_answer(k, fake_readdir(k, handle, 2, PAGE));
	assert_int_equal(a->error, 0);
	assert_int_equal(a->size, 0);
}

static void a_failure_to_fetch_a_listing_is_the_error_of_readdir(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t handle;

	make_three(f);
	talk_fault(f, FAULT_CHILDREN, FAULT_FAIL, -EACCES, 1);
	handle = open_folder(f, ROOT);
	assert_int_equal(fake_error(k, fake_readdir(k, handle, 2, PAGE)), EACCES);
	check_names(f, handle, false, ". .. a b c ");
}

static void the_first_readdir_answer_waits_for_entries_beyond_the_dots(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char found[NAMES_MAX] = "";
	uint64_t handle, asked;

	make_three(f);
	talk_hold(f, FAULT_CHILDREN);
	handle = open_folder(f, ROOT);
	asked = fake_readdir(k, handle, 0, PAGE);
	talk_wait_held(f, FAULT_CHILDREN, 1);
	assert_false(fake_is_answered(k, asked));
	talk_let_go(f, FAULT_CHILDREN);
	(void)names_of(fake_answer(k, asked), false, found, sizeof(found));
	assert_string_equal(found, ". .. a b c ");
}

static void a_signal_does_not_end_readdir(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	make_three(f);
	talk_hold(f, FAULT_CHILDREN);
	asked = fake_readdir(k, open_folder(f, ROOT), 2, PAGE);
	talk_wait_held(f, FAULT_CHILDREN, 1);
	fake_interrupt(k, asked);
	talk_age(f, 20 * NS_PER_S);
	assert_false(fake_is_answered(k, asked));
	talk_let_go(f, FAULT_CHILDREN);
	assert_int_equal(fake_error(k, asked), 0);
}

static void a_folder_can_be_closed_after_its_caller_died_during_readdir(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t handle, asked;

	make_three(f);
	talk_hold(f, FAULT_CHILDREN);
	handle = open_folder(f, ROOT);
	k->pid = DEAD_PID;
	asked = fake_readdir(k, handle, 2, PAGE);
	talk_wait_held(f, FAULT_CHILDREN, 1);
	fake_interrupt(k, asked);
	assert_int_equal(fake_error(k, asked), EINTR);
	assert_int_equal(fake_error(k, fake_releasedir(k, handle)), 0);
	talk_let_go(f, FAULT_CHILDREN);
	talk_wait_quiet(f);
	assert_int_equal(talk_open_count(f), 0);
}

static void an_opendir_whose_answer_the_kernel_did_not_get_leaves_nothing_open(void **state)
{
	struct fixture *f = *state;

	fake_hang_up(&f->kernel);
	(void)fake_opendir(&f->kernel, ROOT);
	assert_int_equal(talk_open_count(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)
#define SHARED(name) cmocka_unit_test_setup_teardown(name, talk_setup_shared, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_folder_lists_itself_its_parent_and_its_entries),
		TEST(an_empty_folder_lists_itself_and_its_parent),
		TEST(entries_have_the_number_and_the_type_of_their_documents),
		TEST(an_entry_of_readdirplus_counts_as_a_lookup_and_caches_the_name),
		TEST(readdirplus_gives_no_node_for_the_folder_itself_and_its_parent),
		TEST(a_readdir_continues_at_the_offset_where_the_last_answer_ended),
		TEST(a_readdir_past_the_last_entry_returns_nothing),
		TEST(a_folder_of_many_pages_is_listed_whole),
		TEST(a_readdir_from_the_start_again_shows_the_present_entries),
		SHARED(a_folder_made_by_this_mount_lists_entries_that_others_put_into_it),
		TEST(a_failed_rmdir_makes_the_foreign_entries_of_the_folder_visible),
		TEST(a_failed_rename_over_a_folder_makes_its_foreign_entries_visible),
		TEST(an_rmdir_refused_for_a_cached_entry_keeps_the_cached_listing),
		TEST(opendir_of_an_unknown_node_fails_with_estale),
		TEST(readdir_of_an_empty_folder_removed_after_its_opendir_lists_nothing),
		TEST(a_failure_to_fetch_a_listing_is_the_error_of_readdir),
		TEST(the_first_readdir_answer_waits_for_entries_beyond_the_dots),
		TEST(a_signal_does_not_end_readdir),
		TEST(a_folder_can_be_closed_after_its_caller_died_during_readdir),
		TEST(an_opendir_whose_answer_the_kernel_did_not_get_leaves_nothing_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
