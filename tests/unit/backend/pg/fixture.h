/* fixture: one server for the group, one connection for each test. One .c of each test program includes it. */
#ifndef NEPHOS_TESTS_PG_FIXTURE_H
#define NEPHOS_TESTS_PG_FIXTURE_H

#include "backend/pg/pg.h"
#include "tests/lib/postgres.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
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

static inline int connection_new(void **state)
{
	return pg_new(server.conninfo, (struct pg **)state);
}

static int connection_free(void **state)
{
	pg_free(*state);
	return 0;
}

static inline int64_t one_number(
	struct pg *pg, const struct pg_statement *statement, const struct pg_param *params, size_t count)
{
	struct pg_result *result = NULL;

	int r = pg_run(pg, statement, params, count, &result);
	if (r != 0)
		fail_msg("%s: %d %s", statement->name, r, pg_error(pg));
	assert_int_equal(pg_rows(result), 1);
	int64_t number = pg_number(result, 0, 0);
	pg_result_free(result);
	return number;
}

/* Ends the backend of that process id once it is seen asleep in a statement, so that the loss surely falls
 * into the statement. It ends only this backend: those of connections that an earlier test gave up may still
 * be asleep. */
static inline void *kill_sleeper(void *pid)
{
	static const struct pg_statement KILL = {"kill",
		"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = $1",
		false};
	const struct pg_param victim = PG_P_I32((int32_t)(intptr_t)pid);
	struct pg *killer = NULL;
	const struct timespec pause = {.tv_nsec = 2000000};

	if (pg_new(server.conninfo, &killer) < 0)
		return NULL;
	struct pg_result *result = NULL;
	int64_t killed = 0;
	for (int i = 0; i < 5000 && killed == 0 && pg_run(killer, &KILL, &victim, 1, &result) == 0; i++) {
		killed = pg_number(result, 0, 0);
		pg_result_free(result);
		nanosleep(&pause, NULL);
	}
	pg_free(killer);
	return NULL;
}

/* Starts a thread that does so to the backend of pg, which is connected. */
static inline pthread_t start_killer(const struct pg *pg)
{
	pthread_t killer;

	assert_int_not_equal(pg_backend(pg), 0);
	assert_int_equal(pthread_create(&killer, NULL, kill_sleeper, (void *)(intptr_t)pg_backend(pg)), 0);
	return killer;
}

#define with_connection(test) cmocka_unit_test_setup_teardown(test, connection_new, connection_free)

#endif
