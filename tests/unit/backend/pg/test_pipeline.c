#include "tests/unit/backend/pg/fixture.h"

#include "common/base/error.h"

static const struct pg_statement INSERT = {"insert", "INSERT INTO row VALUES ($1) RETURNING n", false};
static const struct pg_statement COUNT = {"count", "SELECT count(*) FROM row", true};

static int rows_new(void **state)
{
	int r = connection_new(state);

	return r < 0
		? r
		: pg_script(*state,
			  "SET client_min_messages = error; DROP TABLE IF EXISTS row; CREATE TABLE row (n bigint PRIMARY KEY)");
}

static void begin_and_insert(struct pg *pg, int64_t n)
{
	const struct pg_param p = PG_P_I64(n);

	assert_int_equal(pg_pipeline_begin(pg), 0);
	assert_int_equal(pg_pipeline_add(pg, &PG_BEGIN, NULL, 0), 0);
	assert_int_equal(pg_pipeline_add(pg, &INSERT, &p, 1), 0);
}

static void pipeline_results_are_in_the_order_of_the_statements(void **state)
{
	struct pg_result *r[4] = {0};
	const struct pg_param two = PG_P_I64(2);

	for (int round = 0; round < 2; round++) {
		begin_and_insert(*state, 1);
		assert_int_equal(pg_pipeline_add(*state, &INSERT, &two, 1), 0);
		assert_int_equal(pg_pipeline_add(*state, &COUNT, NULL, 0), 0);
		assert_int_equal(pg_pipeline_flush(*state, r), 0);
		assert_int_equal(pg_number(r[1], 0, 0), 1);
		assert_int_equal(pg_number(r[2], 0, 0), 2);
		assert_int_equal(pg_number(r[3], 0, 0), 2);
		for (int i = 0; i < 4; i++)
			pg_result_free(r[i]);
		assert_int_equal(pg_pipeline_rollback(*state), 0);
	}
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 0);
}

static void a_transaction_can_span_several_pipeline_flushes(void **state)
{
	const struct pg_param two = PG_P_I64(2);

	begin_and_insert(*state, 1);
	assert_int_equal(pg_pipeline_flush(*state, NULL), 0);
	assert_true(pg_in_transaction(*state));
	assert_int_equal(pg_pipeline_add(*state, &INSERT, &two, 1), 0);
	assert_int_equal(pg_pipeline_add(*state, &PG_COMMIT, NULL, 0), 0);
	assert_int_equal(pg_pipeline_flush(*state, NULL), 0);
	pg_pipeline_end(*state);
	assert_false(pg_in_transaction(*state));
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 2);
}

static void a_failed_pipeline_writes_nothing_and_the_connection_stays_usable(void **state)
{
	struct pg_result *r[4] = {0};
	const struct pg_param one = PG_P_I64(1);

	begin_and_insert(*state, 1);
	assert_int_equal(pg_pipeline_add(*state, &INSERT, &one, 1), 0);
	assert_int_equal(pg_pipeline_add(*state, &COUNT, NULL, 0), 0);
	assert_int_equal(pg_pipeline_flush(*state, r), -EIO);
	assert_string_equal(pg_sqlstate(*state), "23505");
	assert_null(r[0]);
	assert_int_equal(pg_pipeline_rollback(*state), 0);
	assert_string_equal(pg_sqlstate(*state), "23505");
	/* The failure skipped COUNT together with its Parse: it is prepared only now. */
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 0);
}

static void a_commit_after_a_failed_statement_is_reported_as_failed(void **state)
{
	const struct pg_param one = PG_P_I64(1);

	begin_and_insert(*state, 1);
	assert_int_equal(pg_pipeline_add(*state, &INSERT, &one, 1), 0);
	assert_int_equal(pg_pipeline_flush(*state, NULL), -EIO);
	assert_int_equal(pg_pipeline_add(*state, &PG_COMMIT, NULL, 0), 0);
	assert_int_equal(pg_pipeline_flush(*state, NULL), -EIO);
	pg_pipeline_end(*state);
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 0);
}

static void a_pipeline_larger_than_the_socket_buffers_completes(void **state)
{
	static const struct pg_statement ECHO = {"echo", "SELECT $1", true};
	static char megabyte[1 << 20];
	struct pg_result *r[32] = {0};

	memset(megabyte, 'x', sizeof(megabyte));
	const struct pg_param p = PG_P_BYTEA(span_of(megabyte, sizeof(megabyte)));
	assert_int_equal(pg_pipeline_begin(*state), 0);
	for (int i = 0; i < 32; i++)
		assert_int_equal(pg_pipeline_add(*state, &ECHO, &p, 1), 0);
	assert_int_equal(pg_pipeline_flush(*state, r), 0);
	for (int i = 0; i < 32; i++) {
		assert_int_equal(pg_bytes(r[i], 0, 0).size, sizeof(megabyte));
		pg_result_free(r[i]);
	}
	pg_pipeline_end(*state);
}

/* Makes a constraint trigger that runs inside COMMIT. */
static void in_commit(struct pg *pg, const char *what)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
		"CREATE OR REPLACE FUNCTION in_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN %s RETURN NULL; END $$;"
		"CREATE CONSTRAINT TRIGGER t AFTER INSERT ON row DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION in_commit();"
		"SET client_min_messages = notice",
		what);
	assert_int_equal(pg_script(pg, sql), 0);
}

static void a_warning_during_commit_makes_its_outcome_unknown(void **state)
{
	in_commit(*state, "RAISE WARNING 'canceling wait for synchronous replication';");
	begin_and_insert(*state, 1);
	assert_int_equal(pg_pipeline_add(*state, &PG_COMMIT, NULL, 0), 0);
	assert_int_equal(pg_pipeline_flush(*state, NULL), -ERR_UNKNOWN_OUTCOME);
	pg_pipeline_end(*state);
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 1);
}

static void a_warning_before_commit_does_not_affect_its_outcome(void **state)
{
	static const struct pg_statement WARN = {"warn", "DO $$ BEGIN RAISE WARNING 'x'; END $$", false};

	begin_and_insert(*state, 1);
	assert_int_equal(pg_pipeline_add(*state, &WARN, NULL, 0), 0);
	assert_int_equal(pg_pipeline_flush(*state, NULL), 0);
	assert_int_equal(pg_pipeline_add(*state, &PG_COMMIT, NULL, 0), 0);
	assert_int_equal(pg_pipeline_flush(*state, NULL), 0);
	pg_pipeline_end(*state);
}

static void losing_the_connection_during_commit_makes_its_outcome_unknown(void **state)
{
	pthread_t killer;

	in_commit(*state, "PERFORM pg_sleep(20);");
	begin_and_insert(*state, 1);
	assert_int_equal(pg_pipeline_add(*state, &PG_COMMIT, NULL, 0), 0);
	killer = start_killer(*state);
	assert_int_equal(pg_pipeline_flush(*state, NULL), -ERR_UNKNOWN_OUTCOME);
	pthread_join(killer, NULL);
	pg_pipeline_end(*state);
	assert_int_equal(pg_pipeline_add(*state, &COUNT, NULL, 0), -ENOTCONN);
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 0);
}

static void losing_the_connection_before_commit_fails_with_enotconn(void **state)
{
	static const struct pg_statement SLEEP = {"sleep", "SELECT pg_sleep(20)", false};
	pthread_t killer;

	begin_and_insert(*state, 1);
	assert_int_equal(pg_pipeline_flush(*state, NULL), 0);
	assert_int_equal(pg_pipeline_add(*state, &SLEEP, NULL, 0), 0);
	killer = start_killer(*state);
	assert_int_equal(pg_pipeline_flush(*state, NULL), -ENOTCONN);
	pthread_join(killer, NULL);
	assert_int_equal(pg_pipeline_rollback(*state), 0);
}

static void a_deadline_during_commit_makes_its_outcome_unknown(void **state)
{
	in_commit(*state, "PERFORM pg_sleep(2);");
	begin_and_insert(*state, 1);
	assert_int_equal(pg_pipeline_add(*state, &PG_COMMIT, NULL, 0), 0);
	pg_set_deadline(*state, 100);
	assert_int_equal(pg_pipeline_flush(*state, NULL), -ERR_UNKNOWN_OUTCOME);
	assert_int_equal(pg_fd(*state), -1);
}

static void queued_statements_that_are_never_flushed_are_not_executed(void **state)
{
	begin_and_insert(*state, 1);
	pg_pipeline_end(*state);
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 0);
}

#define with_rows(test) cmocka_unit_test_setup_teardown(test, rows_new, connection_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_rows(pipeline_results_are_in_the_order_of_the_statements),
		with_rows(a_transaction_can_span_several_pipeline_flushes),
		with_rows(a_failed_pipeline_writes_nothing_and_the_connection_stays_usable),
		with_rows(a_commit_after_a_failed_statement_is_reported_as_failed),
		with_rows(a_pipeline_larger_than_the_socket_buffers_completes),
		with_rows(a_warning_during_commit_makes_its_outcome_unknown),
		with_rows(a_warning_before_commit_does_not_affect_its_outcome),
		with_rows(losing_the_connection_during_commit_makes_its_outcome_unknown),
		with_rows(losing_the_connection_before_commit_fails_with_enotconn),
		with_rows(a_deadline_during_commit_makes_its_outcome_unknown),
		with_rows(queued_statements_that_are_never_flushed_are_not_executed),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
