/* Copies blocks to a folder and back: all blocks of the list, each once, and none whose bytes have changed. */
#include "backend/docs/backup.h"
#include "backend/docs/block_copy.h"
#include "backend/docs/blocks/block_mem.h"
#include "backend/docs/vault/vaults.h"
#include "common/base/sha256.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXTS 3

static const char *const texts[TEXTS] = {"one", "the second block", ""};

struct fixture {
	struct block_store *from, *to;
	struct vault *vault;
	char folder[32];
	char list[1024];
};

static struct block_name name_of(const char *text, uint32_t drive)
{
	struct block_name name = {.drive = drive, .generation = 5};

	assert_int_equal(sha256_of(span_str(text), name.sha256), 0);
	return name;
}

static void hex_of(const char *text, char ret[SHA256_HEX_SIZE])
{
	const struct block_name name = name_of(text, 0);

	text_hex(name.sha256, sizeof(name.sha256), ret);
}

static void list_add(struct fixture *f, const char *text, uint32_t drive)
{
	const size_t at = strlen(f->list);
	char hex[SHA256_HEX_SIZE];

	hex_of(text, hex);
	(void)snprintf(f->list + at, sizeof(f->list) - at, "%" PRIu32 " 5 %zu %s\n", drive, strlen(text), hex);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->folder, "/tmp/block_copy.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_int_equal(vaults_open(&(struct vault_options){.target = f->folder}, &f->vault), 0);
	assert_int_equal(block_mem_new(&f->from), 0);
	assert_int_equal(block_mem_new(&f->to), 0);
	for (size_t i = 0; i < TEXTS; i++) {
		const struct block_name name = name_of(texts[i], 7);

		assert_int_equal(f->from->ops->put(f->from, &name, span_str(texts[i])), 0);
		list_add(f, texts[i], 7);
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];

	f->vault->ops->free(f->vault);
	f->from->ops->free(f->from);
	f->to->ops->free(f->to);
	(void)snprintf(command, sizeof(command), "rm -r %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

enum what { SAVE, LOAD, CHECK };

static int run(struct fixture *f, enum what what, struct block_copied *ret)
{
	struct block_copy copy = {
		.blocks = what == LOAD ? f->to : f->from, .vault = f->vault, .list = NULL, .threads = 3};
	int r;

	copy.list = fmemopen(f->list, strlen(f->list), "r");
	assert_non_null(copy.list);
	if (what == SAVE)
		r = block_copy_save(&copy, ret);
	else
		r = what == LOAD ? block_copy_load(&copy, ret) : block_copy_check(&copy, ret);
	assert_int_equal(fclose(copy.list), 0);
	return r;
}

static void path_of(const struct fixture *f, const char *text, char ret[128])
{
	char hex[SHA256_HEX_SIZE];

	hex_of(text, hex);
	(void)snprintf(ret, 128, "%s/blocks/%.2s/%s", f->folder, hex, hex);
}

static void overwrite(const struct fixture *f, const char *text, const char *bytes)
{
	char path[128];
	FILE *file;

	path_of(f, text, path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(bytes, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void saved_blocks_are_loaded_and_a_second_load_skips_them(void **state)
{
	struct fixture *f = *state;
	struct block_copied done;
	char room[32];
	uint32_t size;

	assert_int_equal(run(f, SAVE, &done), 0);
	assert_int_equal(done.blocks, TEXTS);
	assert_int_equal(done.bytes, 3 + 16);
	assert_int_equal(run(f, LOAD, &done), 0);
	assert_int_equal(done.blocks, TEXTS);
	for (size_t i = 0; i < TEXTS; i++) {
		const struct block_name name = name_of(texts[i], 7);

		assert_int_equal(f->to->ops->get(f->to, &name, 0, room, sizeof(room), &size), 0);
		assert_int_equal(size, strlen(texts[i]));
		assert_memory_equal(room, texts[i], size);
	}
	assert_int_equal(run(f, LOAD, &done), 0);
	assert_int_equal(done.there, TEXTS);
	assert_int_equal(done.blocks, 0);
}

static void a_block_that_two_drives_share_is_saved_once(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = name_of(texts[0], 8);
	struct block_copied done;

	assert_int_equal(f->from->ops->put(f->from, &name, span_str(texts[0])), 0);
	f->list[0] = '\0';
	list_add(f, texts[0], 7);
	list_add(f, texts[0], 8);
	list_add(f, texts[1], 7);
	assert_int_equal(run(f, SAVE, &done), 0);
	assert_int_equal(done.blocks, 2);
	assert_int_equal(done.there, 1);
	assert_int_equal(run(f, CHECK, &done), 0);
	assert_int_equal(done.blocks, 2);
	assert_int_equal(run(f, LOAD, &done), 0);
	assert_int_equal(done.blocks, 3);
}

static void a_missing_block_is_counted_and_the_other_blocks_are_saved(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = name_of(texts[0], 7);
	struct block_copied done;

	assert_int_equal(f->from->ops->remove(f->from, &name), 0);
	assert_int_equal(run(f, SAVE, &done), -ENOENT);
	assert_int_equal(done.missing, 1);
	assert_int_equal(done.blocks, TEXTS - 1);
	assert_int_equal(run(f, LOAD, &done), -ENOENT);
	assert_int_equal(done.missing, 1);
}

static void damaged_blocks_are_neither_saved_nor_loaded(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = name_of(texts[0], 7);
	struct block_copied done;
	char path[128];

	assert_int_equal(f->from->ops->remove(f->from, &name), 0);
	assert_int_equal(f->from->ops->put(f->from, &name, span_str("eno")), 0);
	assert_int_equal(run(f, SAVE, &done), -EIO);
	assert_int_equal(done.damaged, 1);
	path_of(f, texts[0], path);
	assert_int_equal(access(path, F_OK), -1);

	overwrite(f, texts[1], "the second clock");
	overwrite(f, texts[2], "not empty");
	assert_int_equal(run(f, CHECK, &done), -EIO);
	assert_int_equal(done.damaged, 2);
	assert_int_equal(run(f, LOAD, &done), -EIO);
	assert_int_equal(done.damaged, 2);
	assert_int_equal(done.missing, 1);
	assert_int_equal(block_mem_count(f->to), 0);
}

/* There are more blocks than the queue holds, so that the threads and the reader of the list wait for each other. */
static void several_threads_save_and_load_thousands_of_blocks(void **state)
{
	enum { BLOCKS = 3000, LINE = 100 };
	struct fixture *f = *state;
	struct block_copied done;
	struct block_copy copy = {.blocks = f->from, .vault = f->vault, .threads = 5};
	char *lines = calloc(BLOCKS, LINE), text[32], hex[SHA256_HEX_SIZE];
	size_t at = 0;

	assert_non_null(lines);
	for (unsigned i = 0; i < BLOCKS; i++) {
		(void)snprintf(text, sizeof(text), "block %u", i);
		const struct block_name name = name_of(text, 7);

		assert_int_equal(f->from->ops->put(f->from, &name, span_str(text)), 0);
		hex_of(text, hex);
		at += (size_t)snprintf(lines + at, LINE, "7 5 %zu %s\n", strlen(text), hex);
	}
	for (unsigned again = 0; again < 3; again++) {
		copy.list = fmemopen(lines, at, "r");
		copy.blocks = again == 2 ? f->to : f->from;
		assert_int_equal((again == 2 ? block_copy_load : block_copy_save)(&copy, &done), 0);
		assert_int_equal(done.blocks, again == 1 ? 0 : BLOCKS);
		assert_int_equal(done.there, again == 1 ? BLOCKS : 0);
		assert_int_equal(fclose(copy.list), 0);
	}
	assert_int_equal(block_mem_count(f->to), BLOCKS);
	free(lines);
}

/* A disk that takes nothing ends the copy, however much is left to do. */
static void a_save_ends_if_the_vault_cannot_make_its_folder(void **state)
{
	struct fixture *f = *state;
	struct block_copied done;
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/blocks", f->folder);
	assert_int_equal(mkfifo(path, 0600), 0); /* where a folder should be made */
	assert_int_equal(run(f, SAVE, &done), -ENOTDIR);
	assert_int_equal(done.blocks, 0);
}

static int put_fails(struct vault *v, const char *name, struct span bytes)
{
	(void)v;
	(void)name;
	(void)bytes;
	return -EIO;
}

/* A failing vault proves nothing about the blocks. */
static void a_failing_vault_is_not_reported_as_damaged_blocks(void **state)
{
	struct fixture *f = *state;
	struct vault_ops broken = *f->vault->ops;
	const struct vault_ops *const right = f->vault->ops;
	struct block_copied done;
	int r;

	broken.put = put_fails;
	f->vault->ops = &broken;
	r = run(f, SAVE, &done);
	f->vault->ops = right;
	assert_int_equal(r, -EIO);
	assert_int_equal(backup_exit_of(r, &done), BACKUP_FAILED);
}

static void backup_exit_of_maps_results_to_exit_statuses(void **state)
{
	const struct block_copied none = {0}, damaged = {.damaged = 1}, missing = {.missing = 1};

	(void)state;
	assert_int_equal(backup_exit_of(0, &none), BACKUP_DONE);
	assert_int_equal(backup_exit_of(-EIO, &none), BACKUP_FAILED);
	assert_int_equal(backup_exit_of(-EIO, &missing), BACKUP_FAILED);
	assert_int_equal(backup_exit_of(-EIO, &damaged), BACKUP_DAMAGED);
	assert_int_equal(backup_exit_of(-ENOENT, &none), BACKUP_FAILED);
	assert_int_equal(backup_exit_of(-ENOENT, &missing), BACKUP_MISSING);
	assert_int_equal(backup_exit_of(-ENOSPC, &damaged), BACKUP_NO_ROOM);
	assert_int_equal(backup_exit_of(-EDQUOT, NULL), BACKUP_NO_ROOM);
	assert_int_equal(backup_exit_of(-EROFS, &damaged), BACKUP_FAILED);
	assert_int_equal(backup_exit_of(-EIO, NULL), BACKUP_FAILED);
	assert_int_equal(backup_exit_of(-ENOENT, NULL), BACKUP_MISSING);
}

static void a_malformed_list_of_blocks_is_refused(void **state)
{
	static const char *const lists[] = {"something else\n", "7 5 3 abcd\n", "7 5 3\n", "\n"};
	struct fixture *f = *state;
	struct block_copied done;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		snprintf(f->list, sizeof(f->list), "%s", lists[i]);
		assert_int_equal(run(f, SAVE, &done), -EINVAL);
	}
	f->list[0] = '\0';
	list_add(f, texts[0], 7);
	memcpy(f->list + strlen(f->list) - 1, " and more\n", sizeof(" and more\n"));
	assert_int_equal(run(f, SAVE, &done), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(saved_blocks_are_loaded_and_a_second_load_skips_them, setup, teardown),
		cmocka_unit_test_setup_teardown(a_block_that_two_drives_share_is_saved_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_missing_block_is_counted_and_the_other_blocks_are_saved, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_blocks_are_neither_saved_nor_loaded, setup, teardown),
		cmocka_unit_test_setup_teardown(several_threads_save_and_load_thousands_of_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(a_save_ends_if_the_vault_cannot_make_its_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failing_vault_is_not_reported_as_damaged_blocks, setup, teardown),
		cmocka_unit_test(backup_exit_of_maps_results_to_exit_statuses),
		cmocka_unit_test_setup_teardown(a_malformed_list_of_blocks_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
