#include "backend/docs/rules/access.h"
#include "common/base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ANN = 5, BOB = 6 };

static const struct access_who ann = {.user = ANN}, admin = {.user = BOB, .admin = true};

/* Checks the user and the administrator: [0] for what is their own, [1] for what belongs to others. */
static void expect(enum access_action what, const int user[2], const int administrator[2])
{
	assert_int_equal(access_check(&ann, what, ANN), user[0]);
	assert_int_equal(access_check(&ann, what, BOB), user[1]);
	assert_int_equal(access_check(&admin, what, BOB), administrator[0]);
	assert_int_equal(access_check(&admin, what, ANN), administrator[1]);
}

static void a_drive_is_not_found_by_anyone_but_its_owner(void **state)
{
	(void)state;
	expect(ACCESS_DRIVE, (int[]){0, -ERR_NOT_FOUND}, (int[]){0, -ERR_NOT_FOUND});
}

static void only_administrators_set_the_quota_of_their_own_drives(void **state)
{
	(void)state;
	expect(ACCESS_DRIVE_QUOTA, (int[]){-ERR_FORBIDDEN, -ERR_NOT_FOUND}, (int[]){0, -ERR_NOT_FOUND});
}

static void a_users_limits_are_visible_to_the_user_and_administrators(void **state)
{
	(void)state;
	expect(ACCESS_ACCOUNT_SEE, (int[]){0, -ERR_NOT_FOUND}, (int[]){0, 0});
}

static void only_administrators_set_the_limits_of_a_user(void **state)
{
	(void)state;
	expect(ACCESS_ACCOUNT_SET, (int[]){-ERR_FORBIDDEN, -ERR_NOT_FOUND}, (int[]){0, 0});
}

static void only_administrators_make_documents_for_others(void **state)
{
	(void)state;
	expect(ACCESS_DOCUMENT_FOR, (int[]){0, -ERR_USER_NOT_FOUND}, (int[]){0, 0});
}

static void only_administrators_check_the_store(void **state)
{
	(void)state;
	expect(ACCESS_STORE, (int[]){-ERR_FORBIDDEN, -ERR_FORBIDDEN}, (int[]){0, 0});
}

static void only_administrators_see_and_set_the_default_account(void **state)
{
	(void)state;
	assert_int_equal(access_check(&ann, ACCESS_ACCOUNT_SEE, 0), -ERR_NOT_FOUND);
	assert_int_equal(access_check(&admin, ACCESS_ACCOUNT_SEE, 0), 0);
	assert_int_equal(access_check(&admin, ACCESS_ACCOUNT_SET, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drive_is_not_found_by_anyone_but_its_owner),
		cmocka_unit_test(only_administrators_set_the_quota_of_their_own_drives),
		cmocka_unit_test(a_users_limits_are_visible_to_the_user_and_administrators),
		cmocka_unit_test(only_administrators_set_the_limits_of_a_user),
		cmocka_unit_test(only_administrators_see_and_set_the_default_account),
		cmocka_unit_test(only_administrators_make_documents_for_others),
		cmocka_unit_test(only_administrators_check_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
