/* login and logout: through the whole command, against a store that answers by a script. */
#include "cli/command.h"
#include "tests/unit/cli/folder.h"
#include "tests/unit/cli/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define SESSION                                                \
	{                                                      \
		201, "{\"token\":\"nps_s\",\"user\":{}}", NULL \
	}
#define KEY(id_)                                                            \
	{                                                                   \
		201, "{\"id\":\"" id_ "\",\"token\":\"npk_" id_ "\"}", NULL \
	}
#define GONE                  \
	{                     \
		204, "", NULL \
	}
#define NAMED "--credentials", "sub/folder/cred"

static int log_in(struct store *s)
{
	setenv("NEPHOS_PASSWORD", "secret", 1);
	return STORE_COMMAND(s, "login", "--user", "ann", NAMED);
}

static void login_stores_a_device_key_and_ends_its_session(void **state)
{
	struct credentials c;
	struct store s;
	struct buf why;
	struct stat st;

	(void)state;
	buf_init(&why, 1000);
	store_start(&s, STORE_STEPS(SESSION, KEY("9"), GONE));
	assert_int_equal(log_in(&s), EXIT_DONE);
	assert_int_equal(s.count, 3);
	assert_string_equal(s.asked[0].target, "/api/v2/user/sessions");
	assert_string_equal(s.asked[0].body, "{\"name\":\"ann\",\"password\":\"secret\"}");
	assert_string_equal(s.asked[0].token, "");
	assert_string_equal(s.asked[1].target, "/api/v2/user/keys");
	assert_string_equal(s.asked[1].token, "Bearer nps_s");
	assert_string_equal(s.asked[2].method, "DELETE");
	assert_string_equal(s.asked[2].target, "/api/v2/user/sessions/current");
	assert_string_equal(s.asked[2].token, "Bearer nps_s");
	assert_int_equal(stat("sub/folder/cred", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat("sub/folder", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(credentials_read("sub/folder/cred", &c, &why), 0);
	assert_string_equal(c.token, "npk_9");
	assert_string_equal(c.user, "ann");
	assert_string_equal(c.urls[0], s.credentials.urls[0]);
	credentials_fini(&c);
	buf_fini(&why);
	store_stop(&s);
}

static void a_second_login_revokes_the_previous_key(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(SESSION, KEY("9"), GONE, SESSION, KEY("10"), GONE, GONE));
	assert_int_equal(log_in(&s), EXIT_DONE);
	assert_int_equal(log_in(&s), EXIT_DONE);
	assert_int_equal(s.count, 7);
	assert_string_equal(s.asked[5].method, "DELETE");
	assert_string_equal(s.asked[5].target, "/api/v2/user/keys/9");
	assert_string_equal(s.asked[6].target, "/api/v2/user/sessions/current");
	store_stop(&s);
}

static void a_login_with_a_wrong_password_keeps_the_credentials_file(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(SESSION, KEY("9"), GONE, {401, "{}", NULL}));
	assert_int_equal(log_in(&s), EXIT_DONE);
	assert_int_equal(log_in(&s), EXIT_UNAUTHENTICATED);
	assert_int_equal(s.count, 4);
	assert_int_equal(access("sub/folder/cred", R_OK), 0);
	store_stop(&s);
}

static void login_ends_its_session_if_no_key_can_be_made(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(SESSION, {422, "{}", NULL}, GONE));
	assert_int_equal(log_in(&s), EXIT_REFUSED);
	assert_int_equal(s.count, 3);
	assert_string_equal(s.asked[2].target, "/api/v2/user/sessions/current");
	assert_int_equal(folder_count(), 0);
	store_stop(&s);
}

static void a_login_that_gets_no_key_does_not_revoke_the_previous_key(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(SESSION, KEY("9"), GONE, SESSION, {422, "{}", NULL}, GONE));
	assert_int_equal(log_in(&s), EXIT_DONE);
	assert_int_equal(log_in(&s), EXIT_REFUSED);
	assert_int_equal(s.count, 6);
	assert_string_equal(s.asked[5].target, "/api/v2/user/sessions/current");
	store_stop(&s);
}

static void login_revokes_a_new_key_that_it_cannot_store(void **state)
{
	struct store s;

	(void)state;
	folder_put("sub", "in the way");
	store_start(&s, STORE_STEPS(SESSION, KEY("9"), GONE, GONE));
	assert_int_equal(log_in(&s), EXIT_REFUSED);
	assert_string_equal(s.asked[2].target, "/api/v2/user/keys/9");
	assert_string_equal(s.asked[3].target, "/api/v2/user/sessions/current");
	store_stop(&s);
}

static void logout_revokes_the_key_and_removes_the_file(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(SESSION, KEY("9"), GONE, GONE));
	assert_int_equal(log_in(&s), EXIT_DONE);
	assert_int_equal(STORE_COMMAND(&s, "logout", NAMED), EXIT_DONE);
	assert_string_equal(s.asked[3].target, "/api/v2/user/keys/9");
	assert_string_equal(s.asked[3].token, "Bearer npk_9");
	assert_int_not_equal(access("sub/folder/cred", F_OK), 0);
	assert_int_equal(STORE_COMMAND(&s, "logout", NAMED), EXIT_UNAUTHENTICATED);
	assert_int_equal(s.count, 4);
	store_stop(&s);
}

static void logout_with_an_invalid_key_succeeds_and_removes_the_file(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(SESSION, KEY("9"), GONE, {401, "{}", NULL}));
	assert_int_equal(log_in(&s), EXIT_DONE);
	assert_int_equal(STORE_COMMAND(&s, "logout", NAMED), EXIT_DONE);
	assert_int_not_equal(access("sub/folder/cred", F_OK), 0);
	store_stop(&s);
}

static void logout_keeps_the_file_when_the_store_refuses(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(SESSION, KEY("9"), GONE, {500, "{}", NULL}));
	assert_int_equal(log_in(&s), EXIT_DONE);
	assert_int_equal(STORE_COMMAND(&s, "logout", NAMED), EXIT_REFUSED);
	assert_int_equal(access("sub/folder/cred", F_OK), 0);
	store_stop(&s);
}

static void logout_refuses_credentials_that_no_login_wrote(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, NULL, 0);
	folder_put("cred", "NEPHOS_URL=http://127.0.0.1:1\nNEPHOS_TOKEN=npk_x\n");
	assert_int_equal(chmod("cred", 0600), 0);
	assert_int_equal(STORE_COMMAND(&s, "logout", "--credentials", "cred"), EXIT_REFUSED);
	assert_int_equal(access("cred", F_OK), 0);
	store_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(login_stores_a_device_key_and_ends_its_session),
		FOLDER_TEST(a_second_login_revokes_the_previous_key),
		FOLDER_TEST(a_login_with_a_wrong_password_keeps_the_credentials_file),
		FOLDER_TEST(login_ends_its_session_if_no_key_can_be_made),
		FOLDER_TEST(a_login_that_gets_no_key_does_not_revoke_the_previous_key),
		FOLDER_TEST(login_revokes_a_new_key_that_it_cannot_store),
		FOLDER_TEST(logout_revokes_the_key_and_removes_the_file),
		FOLDER_TEST(logout_with_an_invalid_key_succeeds_and_removes_the_file),
		FOLDER_TEST(logout_keeps_the_file_when_the_store_refuses),
		FOLDER_TEST(logout_refuses_credentials_that_no_login_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
