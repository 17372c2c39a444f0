/* get: through the whole command, against a store that answers by a script. */
#include "cli/command.h"
#include "tests/unit/cli/folder.h"
#include "tests/unit/cli/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HELLO "Repr-Digest: sha-256=:k2oYXKqiZrucvpgengXLeM1zKwsygOuURBK7b4+PB68=:" /* the SHA-256 of "helloworld" */

static int get(struct store *s)
{
	return STORE_COMMAND(s, "get", "/dir/a b", "file");
}

static void get_writes_the_content_to_the_given_local_name(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, "helloworld", HELLO}));
	assert_int_equal(get(&s), EXIT_DONE);
	assert_string_equal(s.asked[0].target, "/api/v2/docs/drives/home/files/dir/a%20b");
	folder_assert("file", "helloworld");
	assert_int_equal(folder_count(), 1);
	store_stop(&s);
}

static void get_without_a_local_name_uses_the_name_in_the_store(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, "x", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "get", "/dir/a b"), EXIT_DONE);
	folder_assert("a b", "x");
	store_stop(&s);
}

static void an_interrupted_get_resumes_at_the_missing_bytes(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({0, "hello", "ETag: \"e1\"\n" HELLO},
			{206, "world", "ETag: \"e1\"\nContent-Range: bytes 5-9/10"}));
	assert_int_equal(get(&s), EXIT_DONE);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.asked[0].range, "");
	assert_string_equal(s.asked[1].range, "bytes=5-");
	assert_string_equal(s.asked[1].match, "\"e1\"");
	folder_assert("file", "helloworld");
	store_stop(&s);
}

static void get_is_refused_if_the_file_changes_during_the_transfer(void **state)
{
	struct store s;

	(void)state;
	folder_put("file", "before");
	store_start(&s,
		STORE_STEPS({0, "hello", "ETag: \"e1\""},
			{412, "{\"type\":\"/problems/precondition-failed\",\"title\":\"Changed\"}", NULL}));
	assert_int_equal(get(&s), EXIT_REFUSED);
	folder_assert("file", "before");
	assert_int_equal(folder_count(), 1);
	store_stop(&s);
}

static void a_resumed_get_refuses_an_answer_with_another_range(void **state)
{
	static const struct store_step table[] = {
		{206, "world", "Content-Range: bytes 4-8/10"},
		{206, "world", "Content-Range: lines 5-9/10"},
		{206, "world", NULL},
		{200, "helloworld", NULL},
		{206, "worl", "Content-Range: bytes 5-8/10"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct store s;

		store_start(&s, STORE_STEPS({0, "hello", "ETag: \"e1\""}, table[i]));
		assert_int_equal(get(&s), EXIT_REFUSED);
		assert_int_equal(folder_count(), 0);
		store_stop(&s);
	}
}

static void an_interrupted_get_without_an_etag_is_not_resumed(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({0, "hello", NULL}, {206, "world", "Content-Range: bytes 5-9/10"}));
	assert_int_equal(get(&s), EXIT_UNREACHABLE);
	assert_int_equal(s.count, 1);
	assert_int_equal(folder_count(), 0);
	store_stop(&s);
}

static void get_refuses_content_with_a_wrong_digest(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, "helloWorld", HELLO}));
	assert_int_equal(get(&s), EXIT_REFUSED);
	assert_int_equal(folder_count(), 0);
	store_stop(&s);
}

static void get_of_a_missing_file_creates_no_local_file(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({404, "{\"type\":\"/problems/not-found\",\"title\":\"Not found\"}", NULL}));
	assert_int_equal(get(&s), EXIT_REFUSED);
	assert_int_equal(folder_count(), 0);
	store_stop(&s);
}

static void get_fails_on_a_full_disk_without_a_retry(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, "x", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "get", "/f", "/dev/full"), EXIT_REFUSED);
	assert_int_equal(s.count, 1);
	store_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(get_writes_the_content_to_the_given_local_name),
		FOLDER_TEST(get_without_a_local_name_uses_the_name_in_the_store),
		FOLDER_TEST(an_interrupted_get_resumes_at_the_missing_bytes),
		FOLDER_TEST(get_is_refused_if_the_file_changes_during_the_transfer),
		FOLDER_TEST(a_resumed_get_refuses_an_answer_with_another_range),
		FOLDER_TEST(an_interrupted_get_without_an_etag_is_not_resumed),
		FOLDER_TEST(get_refuses_content_with_a_wrong_digest),
		FOLDER_TEST(get_of_a_missing_file_creates_no_local_file),
		FOLDER_TEST(get_fails_on_a_full_disk_without_a_retry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
