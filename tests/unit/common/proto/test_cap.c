#include "common/proto/cap.h"

#include "common/base/error.h"
#include "common/base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka.h comes last: it needs the headers above. */
#include <cmocka.h>

static const uint8_t cluster_key[32] = {1, 2, 3};
static const uint8_t hash[32] = {9, 8, 7};

static void derive(const uint8_t key[32], struct cap_key *ret)
{
	assert_int_equal(sha256_hmac(span_of(key, 32), SPAN_LITERAL(CAP_LABEL), ret->bytes), 0);
}

static void a_signed_capability_is_accepted_until_it_expires(void **state)
{
	struct cap_key key;
	char cap[CAP_TEXT_SIZE];
	int64_t generation = 0;

	(void)state;
	derive(cluster_key, &key);
	for (int64_t now = 1700000000; now < 1700000000 + 2 * CAP_ROUND_S; now += 37) {
		int64_t expiry;

		cap_sign(&key, 7, hash, 42, now, cap);
		expiry = strtoll(cap, NULL, 10);
		assert_true(expiry - now >= 600 && expiry - now < 1200);
		assert_int_equal(expiry % CAP_ROUND_S, 0);
		assert_int_equal(cap_check(&key, 7, hash, span_str(cap), now, &generation), 0);
		assert_int_equal(generation, 42);
		assert_int_equal(cap_check(&key, 7, hash, span_str(cap), expiry - 1, &generation), 0);
		assert_int_equal(cap_check(&key, 7, hash, span_str(cap), expiry, &generation), -ERR_FORBIDDEN);
	}
}

static void cap_check_refuses_another_drive_block_or_key(void **state)
{
	static const uint8_t other_hash[32] = {9, 8, 6}, other_cluster[32] = {1, 2, 4};
	struct cap_key key, other;
	char cap[CAP_TEXT_SIZE];
	int64_t generation = -5;

	(void)state;
	derive(cluster_key, &key);
	derive(other_cluster, &other);
	cap_sign(&key, 7, hash, 42, 1700000000, cap);
	assert_int_equal(cap_check(&key, 8, hash, span_str(cap), 1700000000, &generation), -ERR_FORBIDDEN);
	assert_int_equal(cap_check(&key, 7, other_hash, span_str(cap), 1700000000, &generation), -ERR_FORBIDDEN);
	assert_int_equal(cap_check(&other, 7, hash, span_str(cap), 1700000000, &generation), -ERR_FORBIDDEN);
	assert_int_equal(generation, -5);
}

static void cap_check_refuses_a_capability_with_any_changed_character(void **state)
{
	struct cap_key key;
	char cap[CAP_TEXT_SIZE];
	int64_t generation;

	(void)state;
	derive(cluster_key, &key);
	cap_sign(&key, 7, hash, 42, 1700000000, cap);
	for (size_t i = 0; cap[i]; i++) {
		char was = cap[i];

		cap[i] = was == '1' ? '2' : '1';
		assert_int_equal(cap_check(&key, 7, hash, span_str(cap), 1700000000, &generation), -ERR_FORBIDDEN);
		cap[i] = was;
	}
	for (size_t size = 0; size < strlen(cap); size++)
		assert_int_equal(cap_check(&key, 7, hash, span_of(cap, size), 1700000000, &generation), -ERR_FORBIDDEN);
	assert_int_equal(cap_check(&key, 7, hash, (struct span){0}, 1700000000, &generation), -ERR_FORBIDDEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signed_capability_is_accepted_until_it_expires),
		cmocka_unit_test(cap_check_refuses_another_drive_block_or_key),
		cmocka_unit_test(cap_check_refuses_a_capability_with_any_changed_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
