/*
 * Blocks in a real S3 service, which somebody else starts: the suite of all stores, and what only a service
 * can do. S3_TEST_ENDPOINT, S3_TEST_BUCKET and S3_TEST_KEYS name the service; without them all tests are
 * skipped. Each test has a prefix of its own.
 */
#include "backend/docs/s3/block_s3.h"
#include "backend/docs/s3/block_s3_probe.h"
#include "common/base/text.h"
#include "tests/unit/backend/docs/blocks/block_suite.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
	struct block_trial trial; /* first: what the suite takes */
	char prefix[32];
	struct block_s3_options options;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char random[17];

	assert_non_null(f);
	assert_int_equal(text_random_hex(8, random), 0);
	snprintf(f->prefix, sizeof(f->prefix), "t/%s/", random);
	f->options = (struct block_s3_options){.s3 = {.endpoint = getenv("S3_TEST_ENDPOINT"),
						       .bucket = getenv("S3_TEST_BUCKET"),
						       .region = "us-east-1",
						       .prefix = f->prefix,
						       .keys_file = getenv("S3_TEST_KEYS"),
						       .connections = 4},
		.spool_folder = "/tmp"};
	assert_int_equal(block_s3_new(&f->options, &f->trial.blocks), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->trial.blocks->ops->free(f->trial.blocks);
	free(f);
	return 0;
}

static void the_s3_service_honours_if_none_match(void **state)
{
	struct fixture *f = *state;
	struct s3_client *c;
	bool new_only = false;

	assert_int_equal(s3_client_new(&f->options.s3, &c), 0);
	assert_int_equal(block_s3_probe(c, &new_only), 0);
	assert_true(new_only);
	s3_client_free(c);
}

static void each_lists_only_objects_that_are_blocks(void **state)
{
	static const char *const keys[] = {"0101/", "0101/note", "0101/7-ab-1"};
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1);
	struct s3_client *c;
	struct s3_answer answer;

	assert_int_equal(s3_client_new(&f->options.s3, &c), 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const struct s3_request put = {.method = "PUT", .key = keys[i], .body = SPAN_LITERAL("x")};

		assert_int_equal(s3_ask(c, &put, &answer), 0);
		assert_int_equal(answer.status, 200);
	}
	s3_client_free(c);
	assert_int_equal(block_trial_put(&f->trial, &name, "a block"), 0);
	assert_int_equal(block_trial_each(&f->trial, 0, -3600).count, 1);
	assert_int_equal(block_trial_each(&f->trial, 0, 3600).count, 0);
	assert_int_equal(block_trial_each(&f->trial, 0x0102, -3600).count, 0);
}

static int try_new(struct block_s3_options options)
{
	struct block_store *s = NULL;

	return block_s3_new(&options, &s);
}

static void block_s3_new_refuses_a_missing_bucket_and_wrong_keys(void **state)
{
	struct fixture *f = *state;
	struct block_s3_options options = f->options;
	char keys[] = "/tmp/test_block_s3.XXXXXX";
	FILE *file = fdopen(mkstemp(keys), "w");

	options.s3.bucket = "no-such-bucket";
	assert_int_equal(try_new(options), -EINVAL);
	options = f->options;
	options.s3.keys_file = keys;
	assert_non_null(file);
	(void)fputs("AWS_ACCESS_KEY_ID=nobody\nAWS_SECRET_ACCESS_KEY=nothing\n", file);
	(void)fclose(file);
	assert_int_equal(try_new(options), -EINVAL);
	(void)remove(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLOCK_SUITE("in_s3", setup, teardown),
		cmocka_unit_test_setup_teardown(the_s3_service_honours_if_none_match, setup, teardown),
		cmocka_unit_test_setup_teardown(each_lists_only_objects_that_are_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(block_s3_new_refuses_a_missing_bucket_and_wrong_keys, setup, teardown),
	};

	if (!getenv("S3_TEST_ENDPOINT")) {
		print_message("skipped: no service of S3 (S3_TEST_ENDPOINT)\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
