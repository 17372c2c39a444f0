#include "backend/service/pulse.h"

#include "backend/pg/pg.h"
#include "common/base/clock.h"
#include "tests/lib/postgres.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static struct test_postgres server;

static int server_start(void **state)
{
	(void)state;
	return test_postgres_start(&server);
}

static int server_stop(void **state)
{
	(void)state;
	test_postgres_stop(&server);
	return 0;
}

static bool comes_to_be(const struct pulse *p, bool alive)
{
	const int64_t until_ns = clock_mono_ns() + 30 * NS_PER_S;
	const struct timespec pause = {.tv_nsec = 5 * NS_PER_MS};

	while (pulse_is_alive(p) != alive && clock_mono_ns() < until_ns)
		nanosleep(&pause, NULL);
	return pulse_is_alive(p) == alive;
}

static void pulse_reports_whether_the_database_accepts_connections(void **state)
{
	static const char CLOSE[] = "ALTER DATABASE pulse ALLOW_CONNECTIONS false";
	static const char OPEN[] = "ALTER DATABASE pulse ALLOW_CONNECTIONS true";
	static const struct pg_statement END = {
		"end", "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'pulse'", false};
	struct pulse_options there = {0};
	struct pulse *p = NULL;
	struct pg *pg = NULL;
	char conninfo[512];

	(void)state;
	assert_int_equal(pg_new(server.conninfo, &pg), 0);
	assert_int_equal(pg_script(pg, "CREATE DATABASE pulse"), 0);
	snprintf(conninfo, sizeof(conninfo), "%s dbname=pulse", server.conninfo);
	there.conninfo = conninfo;
	assert_int_equal(pulse_start(&there, &p), 0);
	assert_true(comes_to_be(p, true));
	assert_int_equal(pg_script(pg, CLOSE), 0);
	assert_int_equal(pg_run(pg, &END, NULL, 0, NULL), 0);
	assert_true(comes_to_be(p, false));
	assert_int_equal(pg_script(pg, OPEN), 0);
	assert_true(comes_to_be(p, true));
	pulse_free(p);
	pg_free(pg);
	pulse_free(NULL);
}

static void keep(struct pg *pg, void *cookie)
{
	static const struct pg_statement ONE = {"one", "SELECT 1", true};

	assert_int_equal(pg_run(pg, &ONE, NULL, 0, NULL), 0);
	sem_post(cookie);
}

static void pulse_runs_housekeeping_on_a_working_connection(void **state)
{
	const struct timespec until = clock_timespec(clock_mono_ns() + 30 * NS_PER_S);
	struct pulse *p = NULL;
	sem_t kept;

	(void)state;
	sem_init(&kept, 0, 0);
	const struct pulse_options options = {
		.conninfo = server.conninfo, .housekeep_s = 3600, .housekeep = keep, .cookie = &kept};
	assert_int_equal(pulse_start(&options, &p), 0);
	assert_int_equal(sem_clockwait(&kept, CLOCK_MONOTONIC, &until), 0);
	pulse_free(p);
	sem_destroy(&kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pulse_reports_whether_the_database_accepts_connections),
		cmocka_unit_test(pulse_runs_housekeeping_on_a_working_connection),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
