/* Blocks to a folder and back: all of the list, each once, and nothing that is not what it was. */
#include "backend/docs/block_copy.h"
#include "backend/docs/blocks/block_mem.h"
#include "common/base/sha256.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXTS 3

static const char *const texts[TEXTS] = {"one", "the second block", ""};

struct fixture {
	struct block_store *from, *to;
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

	f->from->ops->free(f->from);
	f->to->ops->free(f->to);
	(void)snprintf(command, sizeof(command), "rm -r %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static int run(struct fixture *f, bool load, struct block_copied *ret)
{
	FILE *list = fmemopen(f->list, strlen(f->list), "r");
	int r;

	assert_non_null(list);
	r = load ? block_copy_load(f->to, list, f->folder, ret) : block_copy_save(f->from, list, f->folder, ret);
	assert_int_equal(fclose(list), 0);
	return r;
}

static void path_of(const struct fixture *f, const char *text, char ret[128])
{
	char hex[SHA256_HEX_SIZE];

	hex_of(text, hex);
	(void)snprintf(ret, 128, "%s/%.2s/%s", f->folder, hex, hex);
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

static void test_what_was_saved_is_loaded(void **state)
{
	struct fixture *f = *state;
	struct block_copied done;
	char room[32];
	uint32_t size;

	assert_int_equal(run(f, false, &done), 0);
	assert_int_equal(done.blocks, TEXTS);
	assert_int_equal(done.bytes, 3 + 16);
	assert_int_equal(run(f, true, &done), 0);
	assert_int_equal(done.blocks, TEXTS);
	for (size_t i = 0; i < TEXTS; i++) {
		const struct block_name name = name_of(texts[i], 7);

		assert_int_equal(f->to->ops->get(f->to, &name, 0, room, sizeof(room), &size), 0);
		assert_int_equal(size, strlen(texts[i]));
		assert_memory_equal(room, texts[i], size);
	}
	assert_int_equal(run(f, true, &done), 0);
	assert_int_equal(done.there, TEXTS);
	assert_int_equal(done.blocks, 0);
}

static void test_a_block_of_two_drives_is_saved_once(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = name_of(texts[0], 8);
	struct block_copied done;

	assert_int_equal(f->from->ops->put(f->from, &name, span_str(texts[0])), 0);
	list_add(f, texts[0], 8);
	assert_int_equal(run(f, false, &done), 0);
	assert_int_equal(done.blocks, TEXTS);
	assert_int_equal(done.there, 1);
	assert_int_equal(run(f, true, &done), 0);
	assert_int_equal(done.blocks, TEXTS + 1);
}

static void test_what_is_missing_is_counted_and_the_rest_saved(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = name_of(texts[0], 7);
	struct block_copied done;

	assert_int_equal(f->from->ops->remove(f->from, &name), 0);
	assert_int_equal(run(f, false, &done), -ENOENT);
	assert_int_equal(done.missing, 1);
	assert_int_equal(done.blocks, TEXTS - 1);
	assert_int_equal(run(f, true, &done), -ENOENT);
	assert_int_equal(done.missing, 1);
}

static void test_other_bytes_are_neither_saved_nor_loaded(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = name_of(texts[0], 7);
	struct block_copied done;
	char path[128];

	assert_int_equal(f->from->ops->remove(f->from, &name), 0);
	assert_int_equal(f->from->ops->put(f->from, &name, span_str("eno")), 0);
	assert_int_equal(run(f, false, &done), -EIO);
	assert_int_equal(done.damaged, 1);
	path_of(f, texts[0], path);
	assert_int_equal(access(path, F_OK), -1);

	overwrite(f, texts[1], "the second clock");
	overwrite(f, texts[2], "not empty");
	assert_int_equal(run(f, true, &done), -EIO);
	assert_int_equal(done.damaged, 2);
	assert_int_equal(done.missing, 1);
	assert_int_equal(block_mem_count(f->to), 0);
}

static void test_a_list_of_something_else_is_refused(void **state)
{
	static const char *const lists[] = {"something else\n", "7 5 3 abcd\n", "7 5 3\n", "\n"};
	struct fixture *f = *state;
	struct block_copied done;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		snprintf(f->list, sizeof(f->list), "%s", lists[i]);
		assert_int_equal(run(f, false, &done), -EINVAL);
	}
	f->list[0] = '\0';
	list_add(f, texts[0], 7);
	memcpy(f->list + strlen(f->list) - 1, " and more\n", sizeof(" and more\n"));
	assert_int_equal(run(f, false, &done), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_was_saved_is_loaded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_block_of_two_drives_is_saved_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_missing_is_counted_and_the_rest_saved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_bytes_are_neither_saved_nor_loaded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_list_of_something_else_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
