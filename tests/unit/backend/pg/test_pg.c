#include "tests/unit/backend/pg/fixture.h"

#include "common/base/error.h"

static void parameters_of_each_type_are_returned_unchanged(void **state)
{
	static const struct pg_statement ECHO = {"echo", "SELECT $1, $2, $3, $4, $5, $6, $7::text", true};
	const struct pg_param params[] = {PG_P_I64(INT64_MIN), PG_P_I32(-2), PG_P_I16(-3), PG_P_BOOL(true),
		PG_P_TEXT(span_str("héllo")), PG_P_BYTEA(span_of("a\0b", 3)), PG_P_NULL};
	struct pg_result *r = NULL;

	for (int round = 0; round < 2; round++) {
		assert_int_equal(pg_run(*state, &ECHO, params, 7, &r), 0);
		assert_true(pg_number(r, 0, 0) == INT64_MIN);
		assert_int_equal(pg_number(r, 0, 1), -2);
		assert_int_equal(pg_number(r, 0, 2), -3);
		assert_int_equal(pg_number(r, 0, 3), 1);
		assert_true(span_eq_str(pg_bytes(r, 0, 4), "héllo"));
		assert_true(span_eq(pg_bytes(r, 0, 5), span_of("a\0b", 3)));
		assert_true(pg_is_null(r, 0, 6));
		assert_false(pg_is_null(r, 0, 0));
		pg_result_free(r);
	}
}

static void array_parameters_are_unnested_into_rows(void **state)
{
	static const struct pg_statement UNNEST = {"unnest",
		"SELECT sum(n), count(t), octet_length(string_agg(b, ''))::bigint, count(*) FROM unnest($1::int[], $2::text[], $3::bytea[]) x(n, t, b)",
		true};
	struct pg_array *n = NULL, *t = NULL, *b = NULL;
	struct pg_result *r = NULL;

	assert_int_equal(pg_array_new(PG_I32, &n), 0);
	assert_int_equal(pg_array_new(PG_TEXT, &t), 0);
	assert_int_equal(pg_array_new(PG_BYTEA, &b), 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(pg_array_add_number(n, i), 0);
		assert_int_equal(i % 2 ? pg_array_add_null(t) : pg_array_add_bytes(t, span_str("x")), 0);
		assert_int_equal(pg_array_add_bytes(b, span_of("\0\xff", 2)), 0);
	}
	const struct pg_param params[] = {pg_array_param(n), pg_array_param(t), pg_array_param(b)};
	assert_int_equal(pg_run(*state, &UNNEST, params, 3, &r), 0);
	assert_int_equal(pg_number(r, 0, 0), 499500);
	assert_int_equal(pg_number(r, 0, 1), 500);
	assert_int_equal(pg_number(r, 0, 2), 2000);
	assert_int_equal(pg_number(r, 0, 3), 1000);
	pg_result_free(r);
	pg_array_free(n);
	pg_array_free(t);
	pg_array_free(b);
}

static void a_failed_statement_has_its_sqlstate_and_the_connection_stays_usable(void **state)
{
	static const struct pg_statement DIVIDE = {"divide", "SELECT 1 / $1::int", true};
	static const struct pg_statement NONSENSE = {"nonsense", "SELEKT 1", true};
	const struct pg_param zero = PG_P_I32(0), one = PG_P_I32(1);

	assert_int_equal(pg_run(*state, &DIVIDE, &zero, 1, NULL), -EIO);
	assert_string_equal(pg_sqlstate(*state), "22012");
	assert_string_equal(pg_error(*state), "division by zero");
	assert_int_equal(pg_run(*state, &NONSENSE, NULL, 0, NULL), -EIO);
	assert_string_equal(pg_sqlstate(*state), "42601");
	assert_int_equal(one_number(*state, &DIVIDE, &one, 1), 1);
}

static void a_disk_full_error_is_returned_as_enospc(void **state)
{
	static const struct pg_statement FULL = {
		"full", "DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$", false};

	assert_int_equal(pg_run(*state, &FULL, NULL, 0, NULL), -ENOSPC);
	assert_string_equal(pg_sqlstate(*state), "53100");
}

static void pg_touched_returns_the_number_of_inserted_rows(void **state)
{
	static const struct pg_statement INSERT = {
		"touch_insert", "INSERT INTO touched SELECT generate_series(1, 7)", false};
	struct pg_result *r = NULL;

	assert_int_equal(pg_script(*state, "CREATE TABLE touched (n int); CREATE INDEX ON touched (n)"), 0);
	assert_int_equal(pg_run(*state, &INSERT, NULL, 0, &r), 0);
	assert_int_equal(pg_touched(r), 7);
	assert_int_equal(pg_rows(r), 0);
	pg_result_free(r);
}

static void a_connection_has_the_statement_and_idle_timeouts_set(void **state)
{
	static const struct pg_statement SETTING = {"setting",
		"SELECT count(*) FROM pg_settings WHERE (name = 'statement_timeout' AND setting = '25000') OR (name = "
		"'idle_in_transaction_session_timeout' AND setting = '10000')",
		true};

	assert_int_equal(one_number(*state, &SETTING, NULL, 0), 2);
}

static void a_statement_past_its_deadline_drops_the_connection(void **state)
{
	static const struct pg_statement READ = {"sleep_read", "SELECT 1 FROM pg_sleep(20)", true};
	static const struct pg_statement WRITE = {"sleep_write", "SELECT 1 FROM pg_sleep(20)", false};

	assert_int_equal(pg_connect(*state), 0);
	pg_set_deadline(*state, 1000);
	assert_int_equal(pg_run(*state, &READ, NULL, 0, NULL), -ETIMEDOUT);
	assert_int_equal(pg_fd(*state), -1);
	/* Connecting has a deadline of its own, which is not tested here. */
	assert_int_equal(pg_connect(*state), 0);
	assert_int_equal(pg_run(*state, &WRITE, NULL, 0, NULL), -ERR_UNKNOWN_OUTCOME);
	assert_int_equal(pg_fd(*state), -1);
}

static void a_write_that_the_server_times_out_gets_etimedout_not_unknown_outcome(void **state)
{
	static const struct pg_statement SLEEP = {"sleep", "SELECT 1 FROM pg_sleep(20)", false};

	assert_int_equal(pg_script(*state, "SET statement_timeout = 50"), 0);
	assert_int_equal(pg_run(*state, &SLEEP, NULL, 0, NULL), -ETIMEDOUT);
	assert_int_not_equal(pg_fd(*state), -1);
}

static void a_write_on_a_lost_connection_has_an_unknown_outcome(void **state)
{
	static const struct pg_statement SLEEP = {"sleep", "SELECT 1 FROM pg_sleep(20)", false};
	pthread_t killer;

	assert_int_equal(pg_connect(*state), 0);
	killer = start_killer(*state);
	assert_int_equal(pg_run(*state, &SLEEP, NULL, 0, NULL), -ERR_UNKNOWN_OUTCOME);
	pthread_join(killer, NULL);
}

static void a_read_is_repeated_after_its_connection_is_lost(void **state)
{
	/* Sleeps only in the backend that the table names; the killer ends that backend. */
	static const struct pg_statement SLEEP = {"sleep_once",
		"SELECT 42::bigint FROM pg_sleep((SELECT count(*) * 20 FROM sleeper WHERE pid = pg_backend_pid()))",
		true};
	pthread_t killer;

	assert_int_equal(pg_script(*state, "CREATE TABLE sleeper AS SELECT pg_backend_pid() AS pid"), 0);
	killer = start_killer(*state);
	assert_int_equal(one_number(*state, &SLEEP, NULL, 0), 42);
	pthread_join(killer, NULL);
}

static void a_connection_closed_while_idle_is_replaced_before_a_write(void **state)
{
	static const struct pg_statement KILL = {"kill", "SELECT pg_terminate_backend($1, 5000)", false};
	static const struct pg_statement WRITE = {"write", "SELECT 7::bigint", false};
	struct pg *killer = NULL;

	assert_int_equal(one_number(*state, &WRITE, NULL, 0), 7);
	assert_int_equal(pg_new(server.conninfo, &killer), 0);
	/* It must end only this backend: another one that is just ending would cause a warning, and so an
	 * unknown outcome. */
	const struct pg_param pid = PG_P_I32(pg_backend(*state));
	assert_int_equal(pg_run(killer, &KILL, &pid, 1, NULL), 0);
	assert_int_equal(one_number(*state, &WRITE, NULL, 0), 7);
	pg_free(killer);
}

static void without_a_server_every_call_fails_with_enotconn(void **state)
{
	static const struct pg_statement ONE = {"one", "SELECT 1", true};
	struct pg *pg = NULL;

	(void)state;
	assert_int_equal(pg_new("host=/nonexistent user=x", &pg), 0);
	assert_int_equal(pg_run(pg, &ONE, NULL, 0, NULL), -ENOTCONN);
	assert_string_not_equal(pg_error(pg), "");
	assert_int_equal(pg_pipeline_begin(pg), -ENOTCONN);
	assert_int_equal(pg_script(pg, "SELECT 1"), -ENOTCONN);
	char payload[8];
	int backend;
	assert_int_equal(pg_notification(pg, 0, payload, sizeof(payload), &backend), -ENOTCONN);
	pg_free(pg);
	pg_free(NULL);
}

static void a_notification_arrives_with_its_payload_and_sender(void **state)
{
	static const struct pg_statement NOTIFY = {"notify", "SELECT pg_notify('bell', 'ding')", false};
	struct pg *other = NULL;
	char payload[16] = "";
	int backend = 0;

	assert_int_equal(pg_script(*state, "LISTEN bell"), 0);
	assert_int_equal(pg_notification(*state, 0, payload, sizeof(payload), &backend), 0);
	assert_int_equal(pg_new(server.conninfo, &other), 0);
	assert_int_equal(pg_run(other, &NOTIFY, NULL, 0, NULL), 0);
	assert_int_equal(pg_notification(*state, 5000, payload, sizeof(payload), &backend), 1);
	assert_string_equal(payload, "ding");
	assert_int_equal(backend, pg_backend(other));
	assert_int_not_equal(backend, pg_backend(*state));
	pg_free(other);
}

static void a_transaction_with_a_failed_statement_is_not_committed(void **state)
{
	static const struct pg_statement INSERT = {"single_insert", "INSERT INTO single VALUES ($1)", false};
	static const struct pg_statement COUNT = {"single_count", "SELECT count(*) FROM single", true};
	const struct pg_param one = PG_P_I64(1);

	assert_int_equal(pg_script(*state, "CREATE TABLE single (n bigint PRIMARY KEY)"), 0);
	assert_int_equal(pg_run(*state, &PG_BEGIN, NULL, 0, NULL), 0);
	assert_int_equal(pg_run(*state, &INSERT, &one, 1, NULL), 0);
	assert_int_equal(pg_run(*state, &INSERT, &one, 1, NULL), -EIO);
	assert_int_equal(pg_run(*state, &PG_COMMIT, NULL, 0, NULL), -EIO);
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 0);
	assert_int_equal(pg_run(*state, &PG_BEGIN, NULL, 0, NULL), 0);
	assert_int_equal(pg_run(*state, &INSERT, &one, 1, NULL), 0);
	assert_int_equal(pg_run(*state, &PG_COMMIT, NULL, 0, NULL), 0);
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 1);
}

static void a_commit_on_a_lost_connection_has_an_unknown_outcome(void **state)
{
	static const struct pg_statement INSERT = {"lost_insert", "INSERT INTO lost VALUES (1)", false};
	pthread_t killer;

	assert_int_equal(
		pg_script(*state,
			"CREATE TABLE lost (n int);"
			"CREATE FUNCTION lost() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$;"
			"CREATE CONSTRAINT TRIGGER t AFTER INSERT ON lost DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lost()"),
		0);
	assert_int_equal(pg_run(*state, &PG_BEGIN, NULL, 0, NULL), 0);
	assert_int_equal(pg_run(*state, &INSERT, NULL, 0, NULL), 0);
	killer = start_killer(*state);
	assert_int_equal(pg_run(*state, &PG_COMMIT, NULL, 0, NULL), -ERR_UNKNOWN_OUTCOME);
	pthread_join(killer, NULL);
}

static void a_statement_with_too_many_parameters_is_refused(void **state)
{
	static const struct pg_statement ONE = {"one", "SELECT 1", true};
	struct pg_param params[PG_PARAMS_MAX + 1] = {0};

	assert_int_equal(pg_run(*state, &ONE, params, PG_PARAMS_MAX + 1, NULL), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_connection(parameters_of_each_type_are_returned_unchanged),
		with_connection(array_parameters_are_unnested_into_rows),
		with_connection(a_failed_statement_has_its_sqlstate_and_the_connection_stays_usable),
		with_connection(a_disk_full_error_is_returned_as_enospc),
		with_connection(pg_touched_returns_the_number_of_inserted_rows),
		with_connection(a_connection_has_the_statement_and_idle_timeouts_set),
		with_connection(a_statement_past_its_deadline_drops_the_connection),
		with_connection(a_write_that_the_server_times_out_gets_etimedout_not_unknown_outcome),
		with_connection(a_write_on_a_lost_connection_has_an_unknown_outcome),
		with_connection(a_read_is_repeated_after_its_connection_is_lost),
		with_connection(a_connection_closed_while_idle_is_replaced_before_a_write),
		cmocka_unit_test(without_a_server_every_call_fails_with_enotconn),
		with_connection(a_notification_arrives_with_its_payload_and_sender),
		with_connection(a_transaction_with_a_failed_statement_is_not_committed),
		with_connection(a_commit_on_a_lost_connection_has_an_unknown_outcome),
		with_connection(a_statement_with_too_many_parameters_is_refused),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
