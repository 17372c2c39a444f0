#include "tests/unit/backend/pg/fixture.h"

static const struct pg_statement COUNT = {"count", "SELECT count(*) FROM thing", true};
static const struct pg_statement NAMES = {"names", "SELECT count(*) FROM schema_migration", true};
static const struct pg_migration FIRST = {"0001_init", "CREATE TABLE thing (n int); INSERT INTO thing VALUES (1)"};
static const struct pg_migration SECOND = {"0002_more", "INSERT INTO thing VALUES (2)"};
static const struct pg_migration BROKEN = {"0003_broken", "INSERT INTO thing VALUES (3); SELECT 1 / 0"};

static int clean(void **state)
{
	int r = connection_new(state);

	return r < 0
		? r
		: pg_script(*state, "SET client_min_messages = error; DROP TABLE IF EXISTS thing, schema_migration");
}

static void each_migration_is_applied_once(void **state)
{
	const struct pg_migration both[] = {FIRST, SECOND};

	assert_int_equal(pg_migrate(*state, both, 1, 4711), 0);
	assert_int_equal(pg_migrate(*state, both, 2, 4711), 0);
	assert_int_equal(pg_migrate(*state, both, 2, 4711), 0);
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 2);
	assert_int_equal(one_number(*state, &NAMES, NULL, 0), 2);
}

static void a_failing_migration_is_rolled_back_and_its_error_is_reported(void **state)
{
	const struct pg_migration all[] = {FIRST, SECOND, BROKEN};

	assert_int_equal(pg_migrate(*state, all, 3, 4711), -EIO);
	assert_string_equal(pg_error(*state), "division by zero");
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 2);
	assert_int_equal(one_number(*state, &NAMES, NULL, 0), 2);
}

static void a_database_of_a_newer_program_is_refused(void **state)
{
	const struct pg_migration both[] = {FIRST, SECOND};

	assert_int_equal(pg_migrate(*state, both, 2, 4711), 0);
	assert_int_equal(pg_migrate(*state, both, 1, 4711), -EPERM);
	assert_non_null(strstr(pg_error(*state), "0002_more"));
}

static void *migrate_in_thread(void *cookie)
{
	const struct pg_migration both[] = {FIRST, SECOND};
	struct pg *pg = NULL;
	int *ret = cookie;

	*ret = pg_new(server.conninfo, &pg);
	if (*ret == 0)
		*ret = pg_migrate(pg, both, 2, 4711);
	pg_free(pg);
	return NULL;
}

static void processes_that_migrate_at_the_same_time_apply_each_migration_once(void **state)
{
	pthread_t threads[8];
	int outcomes[8];

	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, migrate_in_thread, &outcomes[i]), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 8; i++)
		assert_int_equal(outcomes[i], 0);
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 2);
}

static void the_statement_timeout_is_restored_after_a_migration(void **state)
{
	static const struct pg_statement TIMEOUT = {
		"timeout", "SELECT setting::bigint FROM pg_settings WHERE name = 'statement_timeout'", true};

	assert_int_equal(pg_migrate(*state, &FIRST, 1, 4711), 0);
	assert_int_equal(one_number(*state, &TIMEOUT, NULL, 0), PG_STATEMENT_MS);
}

#define on_clean(test) cmocka_unit_test_setup_teardown(test, clean, connection_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_clean(each_migration_is_applied_once),
		on_clean(a_failing_migration_is_rolled_back_and_its_error_is_reported),
		on_clean(a_database_of_a_newer_program_is_refused),
		on_clean(processes_that_migrate_at_the_same_time_apply_each_migration_once),
		on_clean(the_statement_timeout_is_restored_after_a_migration),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
