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

static void a_drive_is_there_for_its_owner_alone(void **state)
{
	(void)state;
	expect(ACCESS_DRIVE, (int[]){0, -ERR_NOT_FOUND}, (int[]){0, -ERR_NOT_FOUND});
}

static void only_administrators_say_how_much_their_drives_hold(void **state)
{
	(void)state;
	expect(ACCESS_DRIVE_QUOTA, (int[]){-ERR_FORBIDDEN, -ERR_NOT_FOUND}, (int[]){0, -ERR_NOT_FOUND});
}

static void what_a_user_may_hold_is_seen_by_him_and_by_administrators(void **state)
{
	(void)state;
	expect(ACCESS_ACCOUNT_SEE, (int[]){0, -ERR_NOT_FOUND}, (int[]){0, 0});
}

static void only_administrators_set_what_a_user_may_hold(void **state)
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

static void the_account_of_everybody_is_nobodys_own(void **state)
{
	(void)state;
	assert_int_equal(access_check(&ann, ACCESS_ACCOUNT_SEE, 0), -ERR_NOT_FOUND);
	assert_int_equal(access_check(&admin, ACCESS_ACCOUNT_SEE, 0), 0);
	assert_int_equal(access_check(&admin, ACCESS_ACCOUNT_SET, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drive_is_there_for_its_owner_alone),
		cmocka_unit_test(only_administrators_say_how_much_their_drives_hold),
		cmocka_unit_test(what_a_user_may_hold_is_seen_by_him_and_by_administrators),
		cmocka_unit_test(only_administrators_set_what_a_user_may_hold),
		cmocka_unit_test(the_account_of_everybody_is_nobodys_own),
		cmocka_unit_test(only_administrators_make_documents_for_others),
		cmocka_unit_test(only_administrators_check_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
