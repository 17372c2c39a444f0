#include "backend/user/api/answer.h"
#include "backend/user/rows/user_mem.h"
#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t KEY[ANSWER_KEY_BYTES] = {1}, OTHER_KEY[ANSWER_KEY_BYTES] = {2};
static const uint8_t REQUEST[SHA256_BYTES] = {3}, OTHER_REQUEST[SHA256_BYTES] = {4};
static char text[] = "{\"token\":\"npk_secret\"}";
static const struct answer ANSWER = {.status = 201, .text = text, .forget_user = 7, .forget_token = "k8"};

static int store_new(void **state)
{
	return user_mem_new((struct user_store **)state);
}

static int store_free(void **state)
{
	struct user_store *s = *state;

	s->ops->free(s);
	return 0;
}

/* Fills the one static slot: each call overwrites the last one. */
static const struct answer_slot *slot(
	struct user_store *store, uint64_t account_id, const char *key, const uint8_t *request, int64_t now_ns)
{
	static struct answer_slot one;

	one = (struct answer_slot){
		.store = store, .seal_key = KEY, .account_id = account_id, .idempotency_key = key, .now_ns = now_ns};
	memcpy(one.request, request, SHA256_BYTES);
	return &one;
}

static void a_repeated_request_gets_the_answer_of_the_first(void **state)
{
	struct answer a = {0};

	assert_int_equal(answer_put(slot(*state, 5, "key", REQUEST, USER_ANSWER_NS), &ANSWER), 0);
	assert_int_equal(answer_get(slot(*state, 5, "key", REQUEST, 2 * USER_ANSWER_NS), &a), 0);
	assert_int_equal(a.status, 201);
	assert_string_equal(a.text, text);
	assert_int_equal(a.forget_user, 7);
	assert_string_equal(a.forget_token, "k8");
	answer_fini(&a);
	assert_int_equal(answer_get(slot(*state, 6, "key", REQUEST, USER_ANSWER_NS), &a), -ENOENT);
	assert_int_equal(answer_get(slot(*state, 5, "other", REQUEST, USER_ANSWER_NS), &a), -ENOENT);
}

static void a_kept_answer_without_a_body_is_returned_without_a_body(void **state)
{
	const struct answer nothing = {.status = 204};
	struct answer a = {0};

	assert_int_equal(answer_put(slot(*state, 5, "key", REQUEST, 1), &nothing), 0);
	assert_int_equal(answer_get(slot(*state, 5, "key", REQUEST, 1), &a), 0);
	assert_int_equal(a.status, 204);
	assert_null(a.text);
	answer_fini(&a);
}

static void another_request_under_a_used_key_is_refused(void **state)
{
	struct answer a = {0};

	assert_int_equal(answer_put(slot(*state, 5, "key", REQUEST, 1), &ANSWER), 0);
	assert_int_equal(answer_get(slot(*state, 5, "key", OTHER_REQUEST, 1), &a), -ERR_KEY_REUSED);
	assert_int_equal(answer_put(slot(*state, 5, "key", REQUEST, 1), &ANSWER), -EEXIST);
}

static void after_a_day_an_idempotency_key_is_free_again(void **state)
{
	struct answer a = {0};

	assert_int_equal(answer_put(slot(*state, 5, "key", REQUEST, 1), &ANSWER), 0);
	assert_int_equal(answer_get(slot(*state, 5, "key", REQUEST, 2 + USER_ANSWER_NS), &a), -ENOENT);
	assert_int_equal(answer_put(slot(*state, 5, "key", OTHER_REQUEST, 2 + USER_ANSWER_NS), &ANSWER), 0);
}

static void a_kept_answer_cannot_be_read_without_its_seal_key(void **state)
{
	struct user_store *s = *state;
	struct user_answer row;
	struct answer a = {0};

	assert_int_equal(answer_put(slot(*state, 5, "key", REQUEST, 1), &ANSWER), 0);
	assert_int_equal(s->ops->answer_get(s, 5, "key", 0, &row), 0);
	assert_null(memmem(row.sealed.data, row.sealed.size, "npk_", 4));
	struct answer_slot other = *slot(s, 5, "key", REQUEST, 1);
	other.seal_key = OTHER_KEY;
	assert_int_equal(answer_get(&other, &a), -EBADMSG);
}

static void an_answer_that_is_too_long_is_not_kept(void **state)
{
	char *longest = calloc(1, ANSWER_BYTES_MAX + 1);
	const struct answer a = {.status = 200, .text = longest};

	assert_non_null(longest);
	memset(longest, 'x', ANSWER_BYTES_MAX);
	assert_int_equal(answer_put(slot(*state, 5, "key", REQUEST, 1), &a), -EMSGSIZE);
	free(longest);
}

#define with_store(test) cmocka_unit_test_setup_teardown(test, store_new, store_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_store(a_repeated_request_gets_the_answer_of_the_first),
		with_store(a_kept_answer_without_a_body_is_returned_without_a_body),
		with_store(another_request_under_a_used_key_is_refused),
		with_store(after_a_day_an_idempotency_key_is_free_again),
		with_store(a_kept_answer_cannot_be_read_without_its_seal_key),
		with_store(an_answer_that_is_too_long_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
