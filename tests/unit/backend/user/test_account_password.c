#include "backend/user/account_password.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_password_is_known_by_its_hash(void **state)
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

static void no_password_is_never_right(void **state)
{
	struct password_hasher *h = NULL;

	(void)state;
	assert_int_equal(password_hasher_new(2, &h), 0);
	assert_int_equal(password_verify(h, "", ""), -EACCES);
	assert_int_equal(password_verify(h, "not a hash", ""), -EACCES);
	password_hasher_free(h);
	password_hasher_free(NULL);
}

static void a_hasher_for_nobody_or_for_too_many_is_not_made(void **state)
{
	struct password_hasher *h = NULL;

	(void)state;
	assert_int_equal(password_hasher_new(0, &h), -EINVAL);
	assert_int_equal(password_hasher_new(PASSWORD_AT_ONCE_MAX + 1, &h), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_is_known_by_its_hash),
		cmocka_unit_test(no_password_is_never_right),
		cmocka_unit_test(a_hasher_for_nobody_or_for_too_many_is_not_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
