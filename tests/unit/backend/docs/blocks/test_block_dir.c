#include "backend/docs/blocks/block_mem.h"
#include "backend/docs/blocks/block_store.h"
#include "tests/unit/backend/docs/blocks/block_suite.h"

#include "common/base/limits.h"
#include "common/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

/* State of the program's own fsync: it records what was synced, and fails for the folder that a test names. */
static struct {
	/* The suite puts on several threads. The test reads the rest only when they have ended. */
	pthread_mutex_t lock;
	char failing[128]; /* a folder's path; "": none */
	char synced[16][128];
	size_t count;
} syncs = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The C library's header calls the parameter __fd, a name that only it may use. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int fsync(int fd)
{
	char link[32], path[128] = "";
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	pthread_mutex_lock(&syncs.lock);
	if (n > 0 && syncs.count < 16)
		(void)snprintf(syncs.synced[syncs.count++], sizeof(syncs.synced[0]), "%s", path);
	pthread_mutex_unlock(&syncs.lock);
	if (syncs.failing[0] && strcmp(path, syncs.failing) == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

/* below: a path below the store's folder; "": the folder itself. */
static bool was_synced(const char *below, const char *folder)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s%s", folder, below);
	for (size_t i = 0; i < syncs.count; i++)
		if (strcmp(syncs.synced[i], path) == 0)
			return true;
	return false;
}

struct fixture {
	struct block_trial trial; /* first: what the suite takes */
	char folder[64];
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static size_t files_seen;
static int count_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)ftw;
	files_seen += flag == FTW_F;
	return 0;
}

static size_t count_files(const char *folder)
{
	files_seen = 0;
	assert_int_equal(nftw(folder, count_one, 8, FTW_PHYS), 0);
	return files_seen;
}

static int setup_dir(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	syncs.failing[0] = '\0';
	syncs.count = 0;
	strcpy(f->folder, "/tmp/test_block_dir.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_int_equal(block_dir_new(f->folder, &f->trial.blocks), 0);
	*state = f;
	return 0;
}

static int setup_mem(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(block_mem_new(&f->trial.blocks), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->trial.blocks->ops->free(f->trial.blocks);
	if (f->folder[0])
		nftw(f->folder, remove_one, 8, FTW_PHYS | FTW_DEPTH);
	free(f);
	return 0;
}

static void a_block_is_one_private_file_in_folders_named_by_its_hash(void **state)
{
	struct fixture *f = *state;
	struct block_name name = block_trial_name(0xcd, 42);
	char path[256], hex[65];
	struct stat st;

	name.sha256[1] = 0x01;
	assert_int_equal(block_trial_put(&f->trial, &name, "x"), 0);
	text_hex(name.sha256, 32, hex);
	snprintf(path, sizeof(path), "%s/cd/01/7-%s-42", f->folder, hex);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(count_files(f->folder), 1);
}

/* Files may grow to limit bytes only: a full disk has the same effect. */
static void with_file_limit(rlim_t limit)
{
	struct rlimit r;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = limit;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static void a_put_without_space_fails_with_enospc_and_leaves_no_file(void **state)
{
	struct fixture *f = *state;
	struct block_name name = block_trial_name(3, 1);
	char *large = calloc(1, BLOCK_BYTES_MAX);
	int r;

	with_file_limit(1000000);
	r = f->trial.blocks->ops->put(f->trial.blocks, &name, span_of(large, BLOCK_BYTES_MAX));
	with_file_limit(RLIM_INFINITY);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(count_files(f->folder), 0);
	assert_int_equal(f->trial.blocks->ops->put(f->trial.blocks, &name, span_of(large, BLOCK_BYTES_MAX)), 0);
	free(large);
}

static void a_put_fails_with_eio_if_a_file_has_the_name_of_its_folder(void **state)
{
	struct fixture *f = *state;
	struct block_name name = block_trial_name(0xee, 1);
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/ee", f->folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(block_trial_put(&f->trial, &name, "x"), -EIO);
	assert_int_equal(count_files(f->folder), 1);
}

static void a_put_fails_with_eio_if_a_symlink_replaces_its_folder(void **state)
{
	struct fixture *f = *state;
	struct block_name name = block_trial_name(0xee, 1);
	char path[128];

	snprintf(path, sizeof(path), "%s/ee", f->folder);
	assert_int_equal(symlink("/tmp", path), 0);
	assert_int_equal(block_trial_put(&f->trial, &name, "x"), -EIO);
}

static void opening_the_store_removes_old_temporary_files_and_keeps_fresh_ones(void **state)
{
	struct fixture *f = *state;
	struct utimbuf long_ago = {1000000000, 1000000000};
	struct block_store *again;
	char old[128], fresh[128];

	snprintf(old, sizeof(old), "%s/new/old", f->folder);
	snprintf(fresh, sizeof(fresh), "%s/new/fresh", f->folder);
	fclose(fopen(old, "w"));
	fclose(fopen(fresh, "w"));
	assert_int_equal(utime(old, &long_ago), 0);
	assert_int_equal(block_dir_new(f->folder, &again), 0);
	assert_int_equal(access(old, F_OK), -1);
	assert_int_equal(access(fresh, F_OK), 0);
	again->ops->free(again);
}

static void the_first_put_syncs_folders_that_another_process_has_made(void **state)
{
	struct fixture *f = *state;
	struct block_name name = block_trial_name(0xcd, 1), second = block_trial_name(0xcd, 2);
	char path[128];

	snprintf(path, sizeof(path), "%s/cd", f->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/cd/cd", f->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(block_trial_put(&f->trial, &name, "x"), 0);
	assert_true(was_synced("", f->folder));
	assert_true(was_synced("/cd", f->folder));
	assert_true(was_synced("/cd/cd", f->folder));
	/* That happens once: from then on only the block's own name is new. */
	syncs.count = 0;
	assert_int_equal(block_trial_put(&f->trial, &second, "x"), 0);
	assert_int_equal(syncs.count, 1);
	assert_true(was_synced("/cd/cd", f->folder));
}

static void after_a_failed_sync_each_put_syncs_the_folder_again(void **state)
{
	static const char *const parents[] = {"", "/cd"};
	struct fixture *f = *state;
	struct block_name name = block_trial_name(0xcd, 1);

	for (size_t i = 0; i < 2; i++) {
		snprintf(syncs.failing, sizeof(syncs.failing), "%s%s", f->folder, parents[i]);
		for (int n = 0; n < 2; n++) {
			syncs.count = 0;
			assert_int_equal(block_trial_put(&f->trial, &name, "x"), -EIO);
			assert_true(was_synced(parents[i], f->folder));
			assert_int_equal(count_files(f->folder), 0);
		}
	}
	syncs.failing[0] = '\0';
	syncs.count = 0;
	assert_int_equal(block_trial_put(&f->trial, &name, "x"), 0);
	assert_true(was_synced("/cd", f->folder));
}

static void a_put_removes_its_block_when_the_folder_sync_fails(void **state)
{
	struct fixture *f = *state;
	struct block_name name = block_trial_name(0xcd, 1);

	snprintf(syncs.failing, sizeof(syncs.failing), "%s/cd/cd", f->folder);
	assert_int_equal(block_trial_put(&f->trial, &name, "x"), -EIO);
	assert_int_equal(count_files(f->folder), 0);
	syncs.failing[0] = '\0';
	assert_int_equal(block_trial_put(&f->trial, &name, "x"), 0);
}

static void each_visits_old_blocks_and_removes_old_temporary_files(void **state)
{
	struct fixture *f = *state;
	const struct block_name names[] = {
		block_trial_name(0, 1), block_trial_name(0, 2), block_trial_name(0x80, 4), block_trial_name(0xff, 8)};
	static const char *const others[] = {"/80/80/7-80-4", "/80/80/notes", "/80/80/07-", "/new/left"};
	struct utimbuf long_ago = {1000000000, 1000000000};
	char path[256], hex[65];
	struct block_trial_seen seen;

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(block_trial_put(&f->trial, &names[i], "x"), 0);
		text_hex(names[i].sha256, 32, hex);
		snprintf(path, sizeof(path), "%s/%.2s/%.2s/7-%s-%d", f->folder, hex, hex, hex, 1 << i);
		if (i < 3)
			assert_int_equal(utime(path, &long_ago), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", f->folder, others[i]);
		fclose(fopen(path, "w"));
		assert_int_equal(utime(path, &long_ago), 0);
	}
	seen = block_trial_each(&f->trial, 0, 3600);
	assert_int_equal(seen.sum, 1 + 2 + 4);
	assert_int_equal(access(path, F_OK), -1); /* the rest of a broken upload is removed */
	seen = block_trial_each(&f->trial, 0x8081, 3600);
	assert_int_equal(seen.count, 0);
	seen = block_trial_each(&f->trial, 0, -3600);
	assert_int_equal(seen.sum, 1 + 2 + 4 + 8);
}

static void a_spool_file_has_no_name_in_the_folder(void **state)
{
	struct fixture *f = *state;
	int fd = f->trial.blocks->ops->spool(f->trial.blocks);

	assert_true(fd >= 0);
	assert_int_equal(count_files(f->folder), 0);
	close(fd);
}

static void block_dir_new_refuses_a_path_that_is_no_folder(void **state)
{
	struct block_store *s;

	(void)state;
	assert_int_equal(block_dir_new("/dev/null", &s), -ENOTDIR);
	assert_int_equal(block_dir_new("/tmp/none/such", &s), -ENOENT);
}

static void the_memory_store_fails_puts_as_block_mem_fail_requests(void **state)
{
	struct fixture *f = *state;
	struct block_name name = block_trial_name(1, 1);

	block_mem_fail(f->trial.blocks, 1, -EIO);
	assert_int_equal(block_trial_put(&f->trial, &name, "a"), 0);
	assert_int_equal(block_trial_put(&f->trial, &name, "a"), -EIO);
	block_mem_fail(f->trial.blocks, 0, 0);
	assert_int_equal(block_trial_put(&f->trial, &name, "a"), -EEXIST);
	assert_int_equal(block_mem_count(f->trial.blocks), 1);
}

#define DIR_TEST(name) cmocka_unit_test_setup_teardown(name, setup_dir, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		DIR_TEST(a_block_is_one_private_file_in_folders_named_by_its_hash),
		DIR_TEST(a_put_without_space_fails_with_enospc_and_leaves_no_file),
		DIR_TEST(a_put_fails_with_eio_if_a_file_has_the_name_of_its_folder),
		DIR_TEST(a_put_fails_with_eio_if_a_symlink_replaces_its_folder),
		DIR_TEST(opening_the_store_removes_old_temporary_files_and_keeps_fresh_ones),
		DIR_TEST(the_first_put_syncs_folders_that_another_process_has_made),
		DIR_TEST(after_a_failed_sync_each_put_syncs_the_folder_again),
		DIR_TEST(a_put_removes_its_block_when_the_folder_sync_fails),
		DIR_TEST(each_visits_old_blocks_and_removes_old_temporary_files),
		DIR_TEST(a_spool_file_has_no_name_in_the_folder),
		cmocka_unit_test(block_dir_new_refuses_a_path_that_is_no_folder),
		cmocka_unit_test_setup_teardown(
			the_memory_store_fails_puts_as_block_mem_fail_requests, setup_mem, teardown),
		BLOCK_SUITE("in_files", setup_dir, teardown),
		BLOCK_SUITE("in_memory", setup_mem, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
