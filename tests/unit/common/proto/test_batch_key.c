#include "common/proto/batch_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h comes last: it needs the headers above. */
#include <cmocka.h>

static void a_batch_key_is_recognised_as_a_key_of_its_session(void **state)
{
	char key[BATCH_KEY_SIZE];

	(void)state;
	batch_key_print(12, 345, key);
	assert_string_equal(key, "12/345");
	assert_true(batch_key_is_one(span_str(key)));
	assert_true(batch_key_is_of(span_str(key), 12));
	assert_false(batch_key_is_of(span_str(key), 1));
	assert_false(batch_key_is_of(span_str(key), 345));
	batch_key_print(INT64_MAX, INT64_MAX, key);
	assert_true(batch_key_is_of(span_str(key), INT64_MAX));
}

static void other_idempotency_keys_are_not_taken_for_batch_keys(void **state)
{
	static const char *const keys[] = {
		"", "/", "12", "12/", "/1", "12/1/1", "12/x", "x/1", "2026/11/25", "-1/1", " 1/1", "1:2"};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		assert_false(batch_key_is_one(span_str(keys[i])));
		assert_false(batch_key_is_of(span_str(keys[i]), 12));
	}
	assert_false(batch_key_is_of(SPAN_LITERAL("0/1"), 0));
	assert_false(batch_key_is_of(span_of(NULL, 0), 12));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_key_is_recognised_as_a_key_of_its_session),
		cmocka_unit_test(other_idempotency_keys_are_not_taken_for_batch_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
