#include "tests/unit/backend/pg/fixture.h"

#include "backend/pg/pg_internal.h"
#include "common/base/clock.h"
#include "common/base/error.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * One server that has to wait for a standby which does not exist. Its commits then wait for ever, like those
 * of a primary that was cut off.
 */
static const struct pg_statement ONE = {"one", "SELECT 1::bigint", true};
static const struct pg_statement INSERT = {"insert", "INSERT INTO row VALUES (1)", false};
static const struct pg_statement COUNT = {"count", "SELECT count(*) FROM row", true};
/* How long a statement waits for a confirmation that does not come. A busy machine answers the statement itself within
 * that time, so that the failure is the missing confirmation and not a late answer. */
#define WAIT_MS 1000
static char several[512]; /* conninfo that names a missing host, and the server */

static void sleep_ms(long ms)
{
	const struct timespec pause = {.tv_nsec = ms * 1000000L};

	nanosleep(&pause, NULL);
}

/*
 * From now on the server's commits wait for that standby; "": for none. A session that sees the new setting does not
 * prove it: commits wait as soon as the checkpointer has read the setting, and on a busy machine that can be later.
 * So a commit shows it. One that waits is given up with its connection, and ends when the server waits for none.
 */
static void set_standby(const char *names)
{
	static const struct pg_statement COMMIT = {"commit", "SELECT pg_logical_emit_message(true, 'test', '')", false};
	const bool waits = *names;
	struct pg *pg = NULL;
	char sql[128];
	int r = 0;

	snprintf(sql, sizeof(sql), "ALTER SYSTEM SET synchronous_standby_names = '%s'", names);
	assert_int_equal(pg_new(server.conninfo, &pg), 0);
	assert_int_equal(pg_script(pg, sql), 0);
	assert_int_equal(pg_script(pg, "SELECT pg_reload_conf()"), 0);
	if (waits)
		pg_set_deadline(pg, 50);
	do
		r = pg_run(pg, &COMMIT, NULL, 0, NULL);
	while (waits && r == 0);
	assert_int_equal(r, waits ? -ERR_UNKNOWN_OUTCOME : 0);
	pg_free(pg);
}

static int group_start(void **state)
{
	int r = server_start(state);
	const char *host = strstr(server.conninfo, "host=");

	if (r != 0 || !host)
		return -1;
	snprintf(several, sizeof(several), "%.*shost=/nonexistent,%s", (int)(host - server.conninfo), server.conninfo,
		host + strlen("host="));
	return 0;
}

static int several_new(void **state)
{
	struct pg *pg = NULL;

	if (pg_new(server.conninfo, &pg) < 0 || pg_script(pg, "DROP TABLE IF EXISTS row; CREATE TABLE row (n int)") < 0)
		return -1;
	pg_free(pg);
	return pg_new(several, (struct pg **)state);
}

static int several_free(void **state)
{
	set_standby("");
	return connection_free(state);
}

/* Asked without any time to wait, pg_primary_prove says whether the connection's answers are confirmed already. A new
 * connection needs a confirmation of its own. */
static void reads_and_writes_return_with_a_confirmation_of_the_primary(void **state)
{
	assert_int_equal(one_number(*state, &ONE, NULL, 0), 1);
	assert_int_equal(pg_primary_prove(*state, 0), 0);
	pg_close(*state);
	assert_int_equal(pg_run(*state, &INSERT, NULL, 0, NULL), 0);
	assert_int_equal(pg_primary_prove(*state, 0), 0);
	assert_int_equal(one_number(*state, &COUNT, NULL, 0), 1);
}

static void a_read_fails_while_no_standby_confirms_the_primary(void **state)
{
	set_standby("nobody");
	pg_set_deadline(*state, WAIT_MS);
	assert_int_equal(pg_run(*state, &ONE, NULL, 0, NULL), -ENOTCONN);
	assert_non_null(strstr(pg_error(*state), "no standby has confirmed"));
	assert_int_equal(pg_fd(*state), -1);
	assert_int_equal(pg_pipeline_begin(*state), 0);
	assert_int_equal(pg_pipeline_add(*state, &ONE, NULL, 0), 0);
	struct pg_result *r = NULL;
	assert_int_equal(pg_pipeline_flush(*state, &r), -ENOTCONN);
	assert_null(r);
	pg_pipeline_end(*state);
	set_standby("");
	pg_set_deadline(*state, PG_ANSWER_MS);
	assert_int_equal(one_number(*state, &ONE, NULL, 0), 1);
}

static void an_sql_error_is_not_returned_while_no_standby_confirms_the_primary(void **state)
{
	static const struct pg_statement DIVIDE = {"divide", "SELECT 1 / $1::int", true};
	const struct pg_param zero = PG_P_I32(0);

	assert_int_equal(pg_run(*state, &DIVIDE, &zero, 1, NULL), -EIO);
	set_standby("nobody");
	pg_close(*state);
	pg_set_deadline(*state, WAIT_MS);
	assert_int_equal(pg_run(*state, &DIVIDE, &zero, 1, NULL), -ENOTCONN);
}

/* The proof is older than the new connection, so the server may have been started again in between. */
static void an_earlier_confirmation_does_not_cover_a_later_connection(void **state)
{
	struct pg *later = NULL;

	assert_int_equal(one_number(*state, &ONE, NULL, 0), 1);
	set_standby("nobody");
	assert_int_equal(pg_new(several, &later), 0);
	pg_set_deadline(later, WAIT_MS);
	assert_int_equal(pg_run(later, &ONE, NULL, 0, NULL), -ENOTCONN);
	pg_free(later);
}

static void a_confirmation_of_the_primary_expires(void **state)
{
	int r = 0;

	assert_int_equal(one_number(*state, &ONE, NULL, 0), 1);
	set_standby("nobody");
	pg_set_deadline(*state, WAIT_MS);
	for (int i = 0; i < 1000 && r == 0; i++) {
		r = pg_run(*state, &ONE, NULL, 0, NULL);
		sleep_ms(20);
	}
	assert_int_equal(r, -ENOTCONN);
}

static void a_write_that_changes_no_row_does_not_confirm_the_primary(void **state)
{
	static const struct pg_statement NOTHING = {"nothing", "DELETE FROM row", false};

	set_standby("nobody");
	pg_set_deadline(*state, WAIT_MS);
	assert_int_equal(pg_run(*state, &NOTHING, NULL, 0, NULL), -ERR_UNKNOWN_OUTCOME);
}

/* Cancels the wait of that backend, as an administrator can. */
static void *cancel_wait(void *pid)
{
	static const struct pg_statement CANCEL = {"cancel",
		"SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid = $1",
		false};
	const struct pg_param waiter = PG_P_I32((int32_t)(intptr_t)pid);
	struct pg *pg = NULL;

	if (pg_new(server.conninfo, &pg) < 0)
		return NULL;
	struct pg_result *result = NULL;
	int64_t cancelled = 0;
	for (int i = 0; i < 5000 && cancelled == 0 && pg_run(pg, &CANCEL, &waiter, 1, &result) == 0; i++) {
		cancelled = pg_number(result, 0, 0);
		pg_result_free(result);
		sleep_ms(2);
	}
	pg_free(pg);
	return NULL;
}

/* The server still says INSERT 0 1, or COMMIT, but with a warning. */
static void a_write_whose_wait_for_a_standby_is_cancelled_has_an_unknown_outcome(void **state)
{
	struct pg *pg = NULL;
	pthread_t canceller;

	(void)state;
	assert_int_equal(pg_new(server.conninfo, &pg), 0);
	assert_int_equal(one_number(pg, &ONE, NULL, 0), 1);
	set_standby("nobody");
	assert_int_equal(pthread_create(&canceller, NULL, cancel_wait, (void *)(intptr_t)pg_backend(pg)), 0);
	assert_int_equal(pg_run(pg, &INSERT, NULL, 0, NULL), -ERR_UNKNOWN_OUTCOME);
	pthread_join(canceller, NULL);
	assert_int_equal(pg_pipeline_begin(pg), 0);
	assert_int_equal(pg_pipeline_add(pg, &PG_BEGIN, NULL, 0), 0);
	assert_int_equal(pg_pipeline_add(pg, &INSERT, NULL, 0), 0);
	assert_int_equal(pg_pipeline_add(pg, &PG_COMMIT, NULL, 0), 0);
	assert_int_equal(pthread_create(&canceller, NULL, cancel_wait, (void *)(intptr_t)pg_backend(pg)), 0);
	assert_int_equal(pg_pipeline_flush(pg, NULL), -ERR_UNKNOWN_OUTCOME);
	pthread_join(canceller, NULL);
	pg_pipeline_end(pg);
	pg_free(pg);
}

static void pg_new_refuses_a_malformed_or_too_long_connection_string(void **state)
{
	struct pg *pg = NULL;

	(void)state;
	assert_int_equal(pg_new("host=a,b nonsense", &pg), -EINVAL);
	assert_int_equal(pg_new("host=a,b,c,d,e,f,g,h,i", &pg), -E2BIG);
	assert_null(pg);
}

static void the_last_known_primary_is_tried_first(void **state)
{
	struct pg_order order = {0};
	struct pg *pg = *state;

	pg_primary_order(pg, &order);
	assert_true(order.known);
	assert_int_equal(one_number(pg, &ONE, NULL, 0), 1);
	pg_primary_order(pg, &order);
	assert_null(strstr(order.hosts, "/nonexistent,"));
	assert_non_null(strstr(order.hosts, ",/nonexistent"));
	pg_close(pg);
	assert_int_equal(one_number(pg, &ONE, NULL, 0), 1);
}

/* A socket in that folder, where libpq looks for a server. */
static int listen_in(const char *folder, const char *port, struct sockaddr_un *ret_name)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	*ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret_name->sun_path, sizeof(ret_name->sun_path), "%s/.s.PGSQL.%s", folder, port);
	assert_int_equal(bind(fd, (struct sockaddr *)ret_name, sizeof(*ret_name)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

/* The latest primary still accepts connections, and would be found again if it were asked. */
static void the_others_are_asked_who_is_primary_while_a_confirmation_is_late(void **state)
{
	char folder[] = "/tmp/nephos-test-primary.XXXXXX", conninfo[600];
	struct sockaddr_un name;
	struct pg *pg = NULL;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(conninfo, sizeof(conninfo), "host=%s,%s", folder,
		strstr(several, "/nonexistent,") + strlen("/nonexistent,"));
	assert_int_equal(pg_new(conninfo, &pg), 0);
	assert_int_equal(one_number(pg, &ONE, NULL, 0), 1);
	struct pollfd other = {.fd = listen_in(folder, PQport(pg->conn), &name), .events = POLLIN};
	set_standby("nobody");
	assert_int_equal(poll(&other, 1, 10000), 1);
	close(other.fd);
	set_standby("");
	pg_free(pg);
	assert_int_equal(unlink(name.sun_path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static int older_new(void **state)
{
	char conninfo[600];

	snprintf(conninfo, sizeof(conninfo), "%s application_name=older", several);
	return pg_new(conninfo, (struct pg **)state);
}

static void a_primary_of_an_older_timeline_is_refused(void **state)
{
	struct pg *pg = *state;

	assert_int_equal(one_number(pg, &ONE, NULL, 0), 1);
	assert_true(pg_primary_meet(pg->primary, pg->timeline));
	assert_true(pg_primary_meet(pg->primary, pg->timeline + 1));
	assert_int_equal(pg_run(pg, &ONE, NULL, 0, NULL), -ENOTCONN);
	assert_string_equal(pg_error(pg), "this server was the primary before another");
}

static void *meet_another(void *cookie)
{
	struct pg *pg = cookie;

	sleep_ms(100);
	(void)pg_primary_meet(pg->primary, pg->timeline + 1);
	return NULL;
}

static void a_statement_on_an_old_primary_ends_when_a_newer_one_is_met(void **state)
{
	static const struct pg_statement SLEEP = {"sleep", "SELECT pg_sleep(60)", false};
	const int64_t begun_ns = clock_mono_ns();
	pthread_t other;

	assert_int_equal(one_number(*state, &ONE, NULL, 0), 1);
	assert_int_equal(pthread_create(&other, NULL, meet_another, *state), 0);
	assert_int_equal(pg_run(*state, &SLEEP, NULL, 0, NULL), -ERR_UNKNOWN_OUTCOME);
	pthread_join(other, NULL);
	assert_true(clock_mono_ns() - begun_ns < PG_STATEMENT_MS * NS_PER_MS);
}

#define with_several(test) cmocka_unit_test_setup_teardown(test, several_new, several_free)
#define with_older(test) cmocka_unit_test_setup_teardown(test, older_new, several_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_several(reads_and_writes_return_with_a_confirmation_of_the_primary),
		with_several(a_read_fails_while_no_standby_confirms_the_primary),
		with_several(an_sql_error_is_not_returned_while_no_standby_confirms_the_primary),
		with_several(an_earlier_confirmation_does_not_cover_a_later_connection),
		with_several(a_confirmation_of_the_primary_expires),
		with_several(a_write_that_changes_no_row_does_not_confirm_the_primary),
		with_several(a_write_whose_wait_for_a_standby_is_cancelled_has_an_unknown_outcome),
		cmocka_unit_test(pg_new_refuses_a_malformed_or_too_long_connection_string),
		with_several(the_last_known_primary_is_tried_first),
		cmocka_unit_test(the_others_are_asked_who_is_primary_while_a_confirmation_is_late),
		with_older(a_primary_of_an_older_timeline_is_refused),
		with_older(a_statement_on_an_old_primary_ends_when_a_newer_one_is_met),
	};

	return cmocka_run_group_tests(tests, group_start, server_stop);
}
