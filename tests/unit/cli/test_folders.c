#include "cli/folders.h"

#include "common/proto/item.h"
#include "tests/unit/cli/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define DRIVE 1
#define TOP 1 /* document numbers in DRIVE */

static int64_t id_of(uint32_t number)
{
	return ITEM_ID(DRIVE, number);
}

/* The store's answer about one folder. */
static const char *folder(char text[512], uint32_t number, uint32_t parent, const char *name)
{
	(void)snprintf(text, 512,
		"{\"id\":\"%lld\",\"parent\":\"%lld\",\"name\":\"%s\",\"type\":\"dir\",\"mode\":493,\"size\":0,"
		"\"blocks\":0,\"nlink\":2,\"uid\":0,\"gid\":0,\"atime\":\"1.000000000\",\"mtime\":\"1.000000000\","
		"\"ctime\":\"1.000000000\",\"btime\":\"1.000000000\",\"seq\":\"1\",\"etag\":\"\\\"1-1\\\"\"}",
		(long long)id_of(number), (long long)id_of(parent), name);
	return text;
}

struct fixture {
	struct store store;
	struct api *api;
	struct folders *folders;
	char texts[STORE_STEPS_MAX][512];
	struct store_step steps[STORE_STEPS_MAX];
	size_t step_count;
};

static void add_folder(struct fixture *f, uint32_t number, uint32_t parent, const char *name)
{
	const size_t n = f->step_count++;

	assert_true(n < STORE_STEPS_MAX);
	f->steps[n] = (struct store_step){200, folder(f->texts[n], number, parent, name), NULL};
}

static void start(struct fixture *f)
{
	store_start(&f->store, f->steps, f->step_count);
	assert_int_equal(api_new(&f->store.credentials, &f->api), 0);
	assert_int_equal(folders_new(f->api, id_of(TOP), &f->folders), 0);
}

static void stop(struct fixture *f)
{
	folders_free(f->folders);
	api_free(f->api);
	store_stop(&f->store);
}

static int path(struct fixture *f, uint32_t number, const char **ret)
{
	static char text[512];
	struct buf buf;
	int r;

	buf_init(&buf, sizeof(text));
	r = folders_path(f->folders, id_of(number), &buf);
	(void)snprintf(text, sizeof(text), "%s", buf.size > 0 ? buf.data : "");
	buf_fini(&buf);
	*ret = text;
	return r;
}

static void assert_path(struct fixture *f, uint32_t number, const char *wanted)
{
	const char *got;

	assert_int_equal(path(f, number, &got), 0);
	assert_string_equal(got, wanted);
}

static void a_path_is_built_with_one_request_for_each_unknown_folder(void **state)
{
	struct fixture f = {.step_count = 0};

	(void)state;
	add_folder(&f, 30, 20, "c");
	add_folder(&f, 20, 10, "b");
	add_folder(&f, 10, TOP, "a");
	add_folder(&f, 31, 20, "d");
	start(&f);
	assert_path(&f, 30, "/a/b/c");
	assert_int_equal(f.store.count, 3);
	assert_path(&f, 30, "/a/b/c");
	assert_path(&f, 20, "/a/b");
	assert_int_equal(f.store.count, 3);
	assert_path(&f, 31, "/a/b/d");
	assert_int_equal(f.store.count, 4);
	stop(&f);
}

static void the_path_of_the_top_folder_is_empty_and_needs_no_request(void **state)
{
	struct fixture f = {.step_count = 0};

	(void)state;
	start(&f);
	assert_path(&f, TOP, "");
	assert_int_equal(f.store.count, 0);
	stop(&f);
}

static void a_forgotten_folder_is_requested_again(void **state)
{
	struct fixture f = {.step_count = 0};

	(void)state;
	add_folder(&f, 20, 10, "b");
	add_folder(&f, 10, TOP, "a");
	add_folder(&f, 20, TOP, "new");
	start(&f);
	assert_path(&f, 20, "/a/b");
	folders_forget(f.folders, id_of(20));
	folders_forget(f.folders, id_of(99)); /* a folder that is not cached */
	assert_path(&f, 20, "/new");
	assert_int_equal(f.store.count, 3);
	stop(&f);
}

static void a_folder_that_is_not_below_the_top_folder_is_not_found(void **state)
{
	struct fixture f = {.step_count = 0};
	const char *got;

	(void)state;
	add_folder(&f, 20, 20, "root"); /* a folder that is its own parent */
	f.steps[f.step_count++] = (struct store_step){
		404, "{\"type\":\"urn:nephos:error:not-found\"}", "Content-Type: application/problem+json"};
	start(&f);
	assert_int_equal(path(&f, 20, &got), -ENOENT);
	assert_string_equal(got, "");
	assert_int_equal(path(&f, 40, &got), -ENOENT); /* this folder no longer exists */
	stop(&f);
}

static void a_circle_of_parent_folders_gives_enoent(void **state)
{
	struct fixture f = {.step_count = 0};
	const char *got;

	(void)state;
	add_folder(&f, 20, 30, "a");
	add_folder(&f, 30, 20, "b");
	start(&f);
	assert_int_equal(path(&f, 20, &got), -ENOENT);
	assert_int_equal(f.store.count, 2);
	stop(&f);
}

static void a_malformed_answer_about_a_folder_gives_eproto(void **state)
{
	struct fixture f = {.step_count = 0};
	const char *got;

	(void)state;
	f.steps[f.step_count++] = (struct store_step){200, "{\"id\":7}", NULL};
	start(&f);
	assert_int_equal(path(&f, 20, &got), -EPROTO);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_built_with_one_request_for_each_unknown_folder),
		cmocka_unit_test(the_path_of_the_top_folder_is_empty_and_needs_no_request),
		cmocka_unit_test(a_forgotten_folder_is_requested_again),
		cmocka_unit_test(a_folder_that_is_not_below_the_top_folder_is_not_found),
		cmocka_unit_test(a_circle_of_parent_folders_gives_enoent),
		cmocka_unit_test(a_malformed_answer_about_a_folder_gives_eproto),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
