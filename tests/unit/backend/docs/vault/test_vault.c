/* The promises of every vault: one in a folder, and, if S3_TEST_ENDPOINT, _BUCKET and _KEYS are set, one in S3. */
#include "backend/docs/vault/vaults.h"

#include "backend/docs/vault/vault_dir.h"
#include "backend/docs/vault/vault_s3.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 1300 /* more than a page of a listing, and than are renamed together */

struct fixture {
	char folder[32];
	char target[128];
	struct vault *vault;
};

static void open_vault(struct fixture *f)
{
	const struct vault_options options = {.target = f->target,
		.endpoint = getenv("S3_TEST_ENDPOINT"),
		.region = "us-east-1",
		.keys_file = getenv("S3_TEST_KEYS"),
		.connections = 4};

	assert_int_equal(vaults_open(&options, &f->vault), 0);
}

static struct fixture *begin(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->folder, "/tmp/test_vault.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->target, sizeof(f->target), "%s", f->folder);
	return f;
}

static int setup_dir(void **state)
{
	struct fixture *f = begin();

	open_vault(f);
	*state = f;
	return 0;
}

static int setup_s3(void **state)
{
	struct fixture *f = begin();

	(void)snprintf(f->target, sizeof(f->target), "s3://%s/%s", getenv("S3_TEST_BUCKET"), f->folder + 5);
	open_vault(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];

	f->vault->ops->free(f->vault);
	(void)snprintf(command, sizeof(command), "rm -r %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *name, const char *text)
{
	assert_int_equal(f->vault->ops->put(f->vault, name, span_str(text)), 0);
}

static void check_is(struct fixture *f, const char *name, const char *text)
{
	struct buf bytes;

	buf_init(&bytes, VAULT_BYTES_MAX);
	assert_int_equal(f->vault->ops->get(f->vault, name, &bytes), 0);
	assert_true(span_eq_str(buf_span(&bytes), text));
	buf_fini(&bytes);
}

static void check_missing(struct fixture *f, const char *name)
{
	struct buf bytes;

	buf_init(&bytes, VAULT_BYTES_MAX);
	assert_int_equal(f->vault->ops->get(f->vault, name, &bytes), -ENOENT);
	buf_fini(&bytes);
}

static void a_file_put_into_a_vault_is_read_back_and_can_be_replaced(void **state)
{
	struct fixture *f = *state;

	check_missing(f, "blocks/ab/abcd");
	put(f, "blocks/ab/abcd", "some bytes");
	put(f, "blocks/ab/none", "");
	put(f, "top", "another");
	assert_int_equal(f->vault->ops->sync(f->vault), 0);
	check_is(f, "blocks/ab/abcd", "some bytes");
	check_is(f, "blocks/ab/none", "");
	check_is(f, "top", "another");
	put(f, "top", "that one again");
	assert_int_equal(f->vault->ops->sync(f->vault), 0);
	check_is(f, "top", "that one again");
}

static void has_reports_files_by_name_and_size_in_any_order(void **state)
{
	struct fixture *f = *state;
	struct vault *v = f->vault;

	put(f, "blocks/11/1111", "1");
	put(f, "blocks/22/2222", "22");
	put(f, "blocks/33/3333", "333");
	put(f, "copies/x", "4444");
	assert_int_equal(v->ops->sync(v), 0);
	assert_int_equal(v->ops->has(v, "blocks/22/2222", 2), 1);
	assert_int_equal(v->ops->has(v, "blocks/22/2222", 3), 0);
	assert_int_equal(v->ops->has(v, "blocks/11/1111", 1), 1);
	assert_int_equal(v->ops->has(v, "blocks/00/0000", 1), 0);
	assert_int_equal(v->ops->has(v, "blocks/33/3333", 3), 1);
	assert_int_equal(v->ops->has(v, "blocks/22/222", 2), 0);
	assert_int_equal(v->ops->has(v, "zzz", 2), 0);
	assert_int_equal(v->ops->has(v, "copies/x", 4), 1);
}

static int count_name(const char *name, void *cookie)
{
	unsigned *count = cookie;

	assert_true(strncmp(name, "many/", 5) == 0);
	return ++*count == MANY + 1 ? -E2BIG : 0;
}

static int stop(const char *name, void *cookie)
{
	(void)name;
	(void)cookie;
	return 77;
}

struct writer {
	struct fixture *f;
	unsigned from;
	int error;
};

static void *write_some(void *cookie)
{
	struct writer *w = cookie;
	struct vault *v = w->f->vault;
	char name[64];

	for (unsigned i = w->from; i < MANY && w->error == 0; i += 4) {
		(void)snprintf(name, sizeof(name), "many/%u/%08u", i % 10, i);
		w->error = v->ops->put(v, name, span_str(name));
	}
	return NULL;
}

static void files_put_by_several_threads_are_all_present_and_listed(void **state)
{
	struct fixture *f = *state;
	struct vault *v = f->vault;
	struct writer writers[4];
	pthread_t threads[4];
	unsigned count = 0;
	char name[64];

	put(f, "other", "");
	for (unsigned i = 0; i < 4; i++) {
		writers[i] = (struct writer){.f = f, .from = i};
		assert_int_equal(pthread_create(&threads[i], NULL, write_some, &writers[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(writers[i].error, 0);
	}
	assert_int_equal(v->ops->sync(v), 0);
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "many/%u/%08u", i % 10, i);
		assert_int_equal(v->ops->has(v, name, strlen(name)), 1);
	}
	assert_int_equal(v->ops->each(v, "many/", count_name, &count), 0);
	assert_int_equal(count, MANY);
	assert_int_equal(v->ops->each(v, "many/", stop, NULL), 77);
	assert_int_equal(v->ops->has(v, "many/3/00000003", 15), 1);
}

static void a_removed_file_is_gone_and_removing_it_again_succeeds(void **state)
{
	struct fixture *f = *state;

	put(f, "a/b", "x");
	assert_int_equal(f->vault->ops->sync(f->vault), 0);
	assert_int_equal(f->vault->ops->remove(f->vault, "a/b"), 0);
	assert_int_equal(f->vault->ops->remove(f->vault, "a/b"), 0);
	check_missing(f, "a/b");
}

static void a_file_that_was_not_synced_is_not_in_the_vault(void **state)
{
	struct fixture *f = *state;
	char command[128];

	put(f, "a/b", "x");
	assert_int_equal(f->vault->ops->has(f->vault, "a/b", 1), 0); /* it does not count before it is on the disk */
	f->vault->ops->free(f->vault);
	(void)snprintf(command, sizeof(command), "test -z \"$(find %s -type f)\"", f->folder);
	assert_int_equal(system(command), 0);
	open_vault(f);
	check_missing(f, "a/b");
}

static void get_refuses_a_file_larger_than_vault_bytes_max(void **state)
{
	struct fixture *f = *state;
	struct buf bytes;
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/large", f->folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), VAULT_BYTES_MAX + 1), 0);
	assert_int_equal(fclose(file), 0);
	buf_init(&bytes, 2 * VAULT_BYTES_MAX);
	assert_int_equal(f->vault->ops->get(f->vault, "large", &bytes), -EFBIG);
	buf_fini(&bytes);
}

static void vaults_open_refuses_malformed_or_missing_targets(void **state)
{
	static const char *const targets[] = {"s3://", "s3:///x", "s3://b/x y", "s3://B/x", "s3://bucket/../x"};
	struct vault *v = NULL;
	struct vault_options options = {
		.endpoint = "http://127.0.0.1:1", .keys_file = "/none", .region = "x", .connections = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		options.target = targets[i];
		assert_int_equal(vaults_open(&options, &v), -EINVAL);
	}
	assert_int_equal(vaults_open(&(struct vault_options){.target = "s3://bucket/x"}, &v), -EINVAL);
	assert_int_equal(vaults_open(&(struct vault_options){.target = "/tmp/none/such"}, &v), -ENOENT);
	assert_null(v);
}

int main(void)
{
	const struct CMUnitTest dir[] = {
		cmocka_unit_test_setup_teardown(
			a_file_put_into_a_vault_is_read_back_and_can_be_replaced, setup_dir, teardown),
		cmocka_unit_test_setup_teardown(has_reports_files_by_name_and_size_in_any_order, setup_dir, teardown),
		cmocka_unit_test_setup_teardown(
			files_put_by_several_threads_are_all_present_and_listed, setup_dir, teardown),
		cmocka_unit_test_setup_teardown(
			a_removed_file_is_gone_and_removing_it_again_succeeds, setup_dir, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_was_not_synced_is_not_in_the_vault, setup_dir, teardown),
		cmocka_unit_test_setup_teardown(get_refuses_a_file_larger_than_vault_bytes_max, setup_dir, teardown),
		cmocka_unit_test(vaults_open_refuses_malformed_or_missing_targets),
	};
	const struct CMUnitTest s3[] = {
		cmocka_unit_test_setup_teardown(
			a_file_put_into_a_vault_is_read_back_and_can_be_replaced, setup_s3, teardown),
		cmocka_unit_test_setup_teardown(has_reports_files_by_name_and_size_in_any_order, setup_s3, teardown),
		cmocka_unit_test_setup_teardown(
			files_put_by_several_threads_are_all_present_and_listed, setup_s3, teardown),
		cmocka_unit_test_setup_teardown(
			a_removed_file_is_gone_and_removing_it_again_succeeds, setup_s3, teardown),
	};
	int failed = cmocka_run_group_tests(dir, NULL, NULL);

	return failed + (getenv("S3_TEST_ENDPOINT") ? cmocka_run_group_tests(s3, NULL, NULL) : 0);
}
