/* put: through the whole command, against a store that answers by a script. */
#include "cli/command.h"
#include "tests/unit/cli/folder.h"
#include "tests/unit/cli/store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#define FILES "/api/v2/docs/drives/home/files"
#define DIGEST "sha-256=:k2oYXKqiZrucvpgengXLeM1zKwsygOuURBK7b4+PB68=:" /* the SHA-256 of "helloworld" */

static void put_sends_a_file_with_its_digest_and_an_idempotency_key(void **state)
{
	struct store s;

	(void)state;
	folder_put("f", "helloworld");
	store_start(&s, STORE_STEPS({201, "{}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "put", "f", "a/b"), EXIT_DONE);
	assert_string_equal(s.asked[0].method, "PUT");
	assert_string_equal(s.asked[0].target, FILES "/a/b");
	assert_string_equal(s.asked[0].body, "helloworld");
	assert_string_equal(s.asked[0].digest, DIGEST);
	assert_int_equal(strlen(s.asked[0].key), 32);
	store_stop(&s);
}

static void put_into_a_folder_keeps_the_name_of_the_file(void **state)
{
	struct store s;

	(void)state;
	folder_put("f g", "");
	store_start(&s, STORE_STEPS({201, "{}", NULL}, {201, "{}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "put", "./f g", "/a/", "--parents"), EXIT_DONE);
	assert_string_equal(s.asked[0].target, FILES "/a/f%20g?parents=1");
	assert_int_equal(STORE_COMMAND(&s, "put", "f g", "/"), EXIT_DONE);
	assert_string_equal(s.asked[1].target, FILES "/f%20g");
	store_stop(&s);
}

static void a_retried_put_sends_the_whole_file_under_the_same_key(void **state)
{
	struct store s;

	(void)state;
	folder_put("f", "helloworld");
	store_start(&s, STORE_STEPS({503, "{}", NULL}, {201, "{}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "put", "f", "a"), EXIT_DONE);
	assert_string_equal(s.asked[1].body, "helloworld");
	assert_string_equal(s.asked[0].key, s.asked[1].key);
	store_stop(&s);
}

static void put_sends_standard_input_without_a_digest(void **state)
{
	int saved = dup(STDIN_FILENO), ends[2];
	struct store s;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "piped", 5), 5);
	(void)close(ends[1]);
	(void)dup2(ends[0], STDIN_FILENO);
	(void)close(ends[0]);
	store_start(&s, STORE_STEPS({201, "{}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "put", "-", "a"), EXIT_DONE);
	assert_string_equal(s.asked[0].body, "piped");
	assert_string_equal(s.asked[0].digest, "");
	store_stop(&s);
	(void)dup2(saved, STDIN_FILENO);
	(void)close(saved);
}

static void put_of_a_bad_source_or_target_sends_no_request(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, NULL, 0);
	assert_int_equal(STORE_COMMAND(&s, "put", "missing", "a"), EXIT_REFUSED);
	assert_int_equal(STORE_COMMAND(&s, "put", ".", "a"), EXIT_REFUSED);
	assert_int_equal(STORE_COMMAND(&s, "put", "-", "a/"), EXIT_USAGE);
	assert_int_equal(STORE_COMMAND(&s, "put", "/dev/null", "a/../b"), EXIT_USAGE);
	assert_int_equal(s.count, 0);
	store_stop(&s);
}

static void put_has_an_exit_code_for_each_kind_of_refusal(void **state)
{
	static const struct {
		int status, code;
	} table[] = {{401, EXIT_UNAUTHENTICATED}, {403, EXIT_REFUSED}, {409, EXIT_REFUSED}, {507, EXIT_REFUSED},
		{500, EXIT_REFUSED}, {502, EXIT_UNREACHABLE}};

	(void)state;
	folder_put("f", "x");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct store s;

		struct store_step steps[API_ROUNDS_MAX]; /* a passing error is tried again */

		for (size_t n = 0; n < API_ROUNDS_MAX; n++)
			steps[n] = (struct store_step){table[i].status, "{}", NULL};
		store_start(&s, steps, API_ROUNDS_MAX);
		assert_int_equal(STORE_COMMAND(&s, "put", "f", "a"), table[i].code);
		store_stop(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(put_sends_a_file_with_its_digest_and_an_idempotency_key),
		FOLDER_TEST(put_into_a_folder_keeps_the_name_of_the_file),
		FOLDER_TEST(a_retried_put_sends_the_whole_file_under_the_same_key),
		FOLDER_TEST(put_sends_standard_input_without_a_digest),
		FOLDER_TEST(put_of_a_bad_source_or_target_sends_no_request),
		FOLDER_TEST(put_has_an_exit_code_for_each_kind_of_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
