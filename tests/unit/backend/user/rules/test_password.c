#include "backend/user/rules/password.h"

#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_password_matches_its_own_hash_only(void **state)
{
	struct password_hasher *h = NULL;
	char hash[USER_PASSWORD_HASH_SIZE], again[USER_PASSWORD_HASH_SIZE];

	(void)state;
	assert_int_equal(password_hasher_new(1, &h), 0);
	assert_int_equal(password_hash(h, "correct horse", hash), 0);
	assert_non_null(strstr(hash, "$argon2id$v=19$m=19456,t=2,p=1$"));
	assert_int_equal(password_verify(h, hash, "correct horse"), 0);
	assert_int_equal(password_verify(h, hash, "correct horsf"), -EACCES);
	assert_int_equal(password_hash(h, "correct horse", again), 0);
	assert_string_not_equal(hash, again);
	password_hasher_free(h);
}

static void an_empty_or_malformed_hash_matches_no_password(void **state)
{
	struct password_hasher *h = NULL;

	(void)state;
	assert_int_equal(password_hasher_new(2, &h), 0);
	assert_int_equal(password_verify(h, "", ""), -EACCES);
	assert_int_equal(password_verify(h, "not a hash", ""), -EACCES);
	password_hasher_free(h);
	password_hasher_free(NULL);
}

static void composed_and_decomposed_letters_make_the_same_password(void **state)
{
	struct password_hasher *h = NULL;
	char hash[USER_PASSWORD_HASH_SIZE];

	(void)state;
	assert_int_equal(password_hasher_new(1, &h), 0);
	assert_int_equal(password_hash(h, "caf\xc3\xa9 au lait", hash), 0);
	assert_int_equal(password_verify(h, hash, "cafe\xcc\x81 au lait"), 0);
	assert_int_equal(password_verify(h, hash, "cafe au lait"), -EACCES);
	assert_int_equal(password_hash(h, "cafe\xcc\x81 au lait", hash), 0);
	assert_int_equal(password_verify(h, hash, "caf\xc3\xa9 au lait"), 0);
	password_hasher_free(h);
}

/* Hashes of "cafe\xcc\x81 au lait" and of a text that is no UTF-8, made as before letters were composed. */
static void a_password_that_was_hashed_without_normalization_still_matches(void **state)
{
	static const char *const TYPED[] = {"cafe\xcc\x81 au lait", "caf\xe9 au lait"};
	struct password_hasher *h = NULL;
	char hash[USER_PASSWORD_HASH_SIZE];

	(void)state;
	assert_int_equal(password_hasher_new(1, &h), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(crypto_pwhash_str_alg(hash, TYPED[i], strlen(TYPED[i]), PASSWORD_PASSES,
					 PASSWORD_MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13),
			0);
		assert_int_equal(password_verify(h, hash, TYPED[i]), 0);
		assert_int_equal(password_verify(h, hash, "cafe au lait"), -EACCES);
	}
	password_hasher_free(h);
}

static void a_bad_password_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *password, *says;
	} WRONG[] = {
		{"seven77", "8 to 1024 bytes"},
		{"e\xcc\x81"
		 "e\xcc\x81"
		 "e\xcc\x81",
			"8 to 1024 bytes"}, /* 9 bytes, 6 when composed */
		{"line\nfeed", "control characters: U+000A"},
		{"turned \xe2\x80\xae round", "direction of writing: U+202E"},
		{"unknown \xcd\xb8", "Unicode does not know: U+0378"},
		{"broken \xc3 one", "UTF-8"},
	};
	char why[PASSWORD_WHY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		assert_true(password_check(WRONG[i].password, why) < 0);
		assert_non_null(strstr(why, WRONG[i].says));
	}
	assert_int_equal(password_check("correct horse", why), 0);
	assert_int_equal(password_check("👩‍💻 लंबा पासवर्ड", why), 0);
}

static void password_hasher_new_refuses_zero_and_too_many_at_once(void **state)
{
	struct password_hasher *h = NULL;

	(void)state;
	assert_int_equal(password_hasher_new(0, &h), -EINVAL);
	assert_int_equal(password_hasher_new(PASSWORD_AT_ONCE_MAX + 1, &h), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_matches_its_own_hash_only),
		cmocka_unit_test(an_empty_or_malformed_hash_matches_no_password),
		cmocka_unit_test(composed_and_decomposed_letters_make_the_same_password),
		cmocka_unit_test(a_password_that_was_hashed_without_normalization_still_matches),
		cmocka_unit_test(a_bad_password_is_refused_with_the_reason),
		cmocka_unit_test(password_hasher_new_refuses_zero_and_too_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
