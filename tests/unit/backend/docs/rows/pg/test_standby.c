/* Reads from a real standby: it answers when it stands where the drive does, and never otherwise. */
#include "backend/docs/rows/pg/standby.h"

#include "backend/docs/rows/pg/docs_pg.h"
#include "common/base/clock.h"
#include "tests/lib/postgres.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define USER 7
#define ANY " target_session_attrs=any"
#define EVENTUALLY_S 60 /* long enough for a busy machine */

static struct test_postgres first, second; /* the second follows the first */
static char several[640];		   /* conninfo that names both */

struct world {
	struct metrics *metrics;
	struct standbys *standbys;
	struct pg *pg;
	struct docs_store *store;
	struct docs_scope scope; /* its `stand` is where the drive stands */
};

/* ---- the servers ---- */

static int servers_stop(void **state)
{
	(void)state;
	test_postgres_stop(&second);
	test_postgres_stop(&first);
	return 0;
}

static int servers_start(void **state)
{
	struct pg *pg = NULL;
	char socket[256];

	(void)state;
	if (test_postgres_start(&first) < 0)
		return -1;
	if (test_postgres_follow(&second, &first) < 0 || sscanf(second.conninfo, "host=%255s", socket) != 1 ||
		sscanf(first.conninfo, "host=%255s", several) != 1) {
		servers_stop(NULL);
		return -1;
	}
	char *rest = strstr(first.conninfo, " user=");
	snprintf(several, sizeof(several), "%.*s,%s%s", (int)(rest - first.conninfo), first.conninfo, socket, rest);
	/* These strings name one server, and connect to it even if it is a standby. */
	strcat(first.conninfo, ANY);
	strcat(second.conninfo, ANY);
	int r = pg_new(several, &pg);
	if (r == 0)
		r = docs_pg_migrate(pg);
	pg_free(pg);
	return r;
}

static void run_at(const struct test_postgres *server, const char *sql)
{
	struct pg *pg = NULL;

	assert_int_equal(pg_new(server->conninfo, &pg), 0);
	if (pg_script(pg, sql) < 0)
		fail_msg("%s: %s", sql, pg_error(pg));
	pg_free(pg);
}

static int64_t ask_at(const struct test_postgres *server, const struct pg_statement *statement)
{
	struct pg_result *result = NULL;
	struct pg *pg = NULL;

	assert_int_equal(pg_new(server->conninfo, &pg), 0);
	assert_int_equal(pg_run(pg, statement, NULL, 0, &result), 0);
	const int64_t number = pg_rows(result) ? pg_number(result, 0, 0) : -1;
	pg_result_free(result);
	pg_free(pg);
	return number;
}

/* Waits until the second server gives another number. It polls: nothing reports the change. */
static void await_other(const struct pg_statement *statement, int64_t number)
{
	const int64_t until_ns = clock_mono_ns() + EVENTUALLY_S * NS_PER_S;
	const struct timespec pause = clock_timespec(20 * NS_PER_MS);

	while (ask_at(&second, statement) == number) {
		if (clock_mono_ns() > until_ns)
			fail_msg("%s is still %lld", statement->name, (long long)number);
		(void)nanosleep(&pause, NULL);
	}
}

/* ---- a store ---- */

static void store_open(struct world *w)
{
	assert_int_equal(pg_new(several, &w->pg), 0);
	assert_int_equal(docs_pg_new(w->pg, NULL, &w->store), 0);
	assert_int_equal(docs_pg_use_standbys(w->store, w->standbys), 0);
}

static void store_close(struct world *w)
{
	w->store->ops->free(w->store);
	pg_free(w->pg);
}

static int teardown(void **state)
{
	struct world *w = *state;

	store_close(w);
	standbys_free(w->standbys);
	metrics_free(w->metrics);
	free(w);
	return 0;
}

static int64_t count(const struct world *w, const char *name, const char *labels)
{
	struct metric *metric = NULL;

	assert_int_equal(metrics_add(w->metrics, METRIC_COUNTER, name, labels, "?", &metric), 0);
	return metric_value(metric);
}

static int64_t of_standby(const struct world *w)
{
	return count(w, "nephos_docs_reads_total", "from=\"standby\"");
}

static int64_t of_primary(const struct world *w)
{
	return count(w, "nephos_docs_reads_total", "from=\"primary\"");
}

static int64_t refused(const struct world *w, const char *labels)
{
	return count(w, "nephos_docs_standby_refused_total", labels);
}

static int on_item(const struct item *item, void *cookie)
{
	*(int64_t *)cookie = item->size;
	return 0;
}

/* Returns the size of the root, by which the test tells changes apart. */
static int64_t read_root(struct world *w, struct docs_position *ret_at)
{
	int64_t size = -1;

	assert_int_equal(
		w->store->ops->item_get(w->store, &w->scope, ITEM_ROOT(w->scope.drive), on_item, &size, ret_at), 0);
	return size;
}

static bool is_of_standby(struct world *w)
{
	const int64_t before = of_standby(w);
	struct docs_position at;

	(void)read_root(w, &at);
	return of_standby(w) == before + 1;
}

static void await_standby(struct world *w)
{
	const int64_t until_ns = clock_mono_ns() + EVENTUALLY_S * NS_PER_S;
	const struct timespec pause = clock_timespec(20 * NS_PER_MS);

	while (!is_of_standby(w)) {
		if (clock_mono_ns() > until_ns)
			fail_msg("the standby does not answer");
		(void)nanosleep(&pause, NULL);
	}
}

/* Makes the next change of the drive; the scope's stand follows it, as a home learns of it. */
static void change(struct world *w, int64_t size)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		"BEGIN; UPDATE drive SET seq = seq + 1 WHERE id = %u; UPDATE node SET size = %lld WHERE id = %lld; COMMIT",
		w->scope.drive, (long long)size, (long long)ITEM_ROOT(w->scope.drive));
	run_at(&first, sql);
	w->scope.stand.at.seq++;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	static int64_t user = USER;
	struct docs_drive drive;

	assert_non_null(w);
	assert_int_equal(metrics_new(&w->metrics), 0);
	assert_int_equal(standbys_new(several, w->metrics, &w->standbys), 0);
	store_open(w);
	assert_int_equal(w->store->ops->drive_home(w->store, ++user, &drive), 0);
	w->scope = (struct docs_scope){
		.user = user, .drive = drive.row.id, .stand = {.at = drive.at, .timeline = pg_timeline(w->pg)}};
	*state = w;
	return 0;
}

/* ---- what it may answer ---- */

static void a_standby_at_the_drives_position_answers_reads(void **state)
{
	struct world *w = *state;
	struct docs_position at;

	await_standby(w);
	change(w, 17);
	await_standby(w);
	const int64_t primary = of_primary(w);
	assert_int_equal(read_root(w, &at), 17);
	assert_int_equal(at.seq, w->scope.stand.at.seq);
	assert_int_equal(of_primary(w), primary);
}

static void a_read_without_a_known_position_goes_to_the_primary(void **state)
{
	struct world *w = *state;

	await_standby(w);
	w->scope.stand.timeline = 0;
	assert_false(is_of_standby(w));
}

static void a_standby_behind_the_drives_position_does_not_answer(void **state)
{
	struct world *w = *state;
	struct docs_position at;

	await_standby(w);
	run_at(&second, "SELECT pg_wal_replay_pause()");
	for (int64_t i = 1; i <= 20; i++) {
		const int64_t behind = refused(w, "why=\"behind\"");

		change(w, i);
		assert_int_equal(read_root(w, &at), i);
		assert_int_equal(at.seq, w->scope.stand.at.seq);
		assert_int_equal(refused(w, "why=\"behind\""), behind + 1);
	}
	run_at(&second, "SELECT pg_wal_replay_resume()");
	await_standby(w);
	assert_int_equal(read_root(w, &at), 20);
}

/* A change that nobody was told of may still be taken back. */
static void a_standby_ahead_of_the_drives_position_does_not_answer(void **state)
{
	struct world *w = *state;

	change(w, 1);
	await_standby(w);
	w->scope.stand.at.seq--;
	const int64_t ahead = refused(w, "why=\"ahead\"");
	assert_false(is_of_standby(w));
	assert_int_equal(refused(w, "why=\"ahead\""), ahead + 1);
}

static void a_standby_on_another_timeline_does_not_answer(void **state)
{
	struct world *w = *state;

	await_standby(w);
	w->scope.stand.timeline++;
	assert_false(is_of_standby(w));
	assert_true(refused(w, "why=\"timeline\"") > 0);
	w->scope.stand.timeline--;
	await_standby(w);
}

static void reads_of_another_incarnation_or_with_a_later_floor_go_to_the_primary(void **state)
{
	struct world *w = *state;
	struct docs_scope scope;
	struct docs_position at;
	int64_t size;

	await_standby(w);
	w->scope.stand.at.incarnation++;
	const int64_t primary = of_primary(w), other = refused(w, "why=\"other\"");
	assert_false(is_of_standby(w));
	assert_int_equal(of_primary(w), primary + 1);
	assert_int_equal(refused(w, "why=\"other\""), other + 1);
	w->scope.stand.at.incarnation--;
	scope = w->scope;
	scope.floor = (struct docs_position){scope.stand.at.incarnation, scope.stand.at.seq + 1};
	assert_int_equal(
		w->store->ops->item_get(w->store, &scope, ITEM_ROOT(scope.drive), on_item, &size, &at), -ERR_BEHIND);
	assert_int_equal(of_primary(w), primary + 2);
	assert_true(is_of_standby(w));
}

static void a_standby_is_not_used_if_its_timeline_row_names_another_cluster(void **state)
{
	static const struct pg_statement SYSTEM = {"system", "SELECT system FROM timeline", true};
	struct world *w = *state;

	await_standby(w);
	const int64_t system = ask_at(&first, &SYSTEM);
	store_close(w);
	run_at(&first, "UPDATE timeline SET system = system + 1");
	await_other(&SYSTEM, system);
	store_open(w);
	const int64_t timeline = refused(w, "why=\"timeline\"");
	assert_false(is_of_standby(w));
	assert_int_equal(refused(w, "why=\"timeline\""), timeline + 1);
	run_at(&first, "UPDATE timeline SET system = system - 1");
	await_standby(w);
}

static void a_read_goes_to_the_primary_soon_when_the_standby_hangs(void **state)
{
	static const struct pg_statement BACKEND = {"backend",
		"SELECT pid::bigint FROM pg_stat_activity WHERE query LIKE '%FROM drive d%' AND pid <> pg_backend_pid() AND application_name = 'nephos'",
		true};
	struct world *w = *state;

	await_standby(w);
	const int64_t pid = ask_at(&second, &BACKEND);
	assert_true(pid > 0);
	assert_int_equal(kill((pid_t)pid, SIGSTOP), 0);
	const int64_t since_ns = clock_mono_ns();
	assert_false(is_of_standby(w)); /* the primary answers */
	const int64_t took_ns = clock_mono_ns() - since_ns;
	assert_int_equal(kill((pid_t)pid, SIGCONT), 0);
	assert_true(took_ns < PG_ANSWER_MS * NS_PER_MS / 2);
	assert_true(refused(w, "why=\"unreachable\"") > 0);
	await_standby(w);
}

#define READS 20

/* The standby accepts connections, and answers nothing on them. */
static void not_every_read_waits_for_a_standby_that_hangs_when_connecting(void **state)
{
	static const struct pg_statement LOCKED = {"locked",
		"SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
		"WHERE c.relname = 'timeline' AND l.mode = 'AccessExclusiveLock'",
		true};
	struct world *w = *state;
	struct pg *holds = NULL;

	await_standby(w);
	store_close(w);
	assert_int_equal(pg_new(first.conninfo, &holds), 0);
	assert_int_equal(pg_script(holds, "BEGIN; LOCK TABLE timeline IN ACCESS EXCLUSIVE MODE"), 0);
	await_other(&LOCKED, 0);
	store_open(w);
	const int64_t since_ns = clock_mono_ns();
	for (int i = 0; i < READS; i++)
		assert_false(is_of_standby(w));
	const int64_t took_ns = clock_mono_ns() - since_ns;
	assert_int_equal(pg_script(holds, "COMMIT"), 0);
	pg_free(holds);
	assert_true(took_ns < READS * STANDBY_ANSWER_MS * NS_PER_MS);
	await_standby(w);
}

static void standbys_new_refuses_a_conninfo_with_only_one_server(void **state)
{
	struct standbys *none = NULL;

	(void)state;
	assert_int_equal(standbys_new(first.conninfo, NULL, &none), -EINVAL);
}

/* A reader that learned of the new timeline does not read from a server that has not followed to it. */
static void a_promoted_standby_is_no_longer_read_as_a_standby(void **state)
{
	struct world *w = *state;
	const int64_t timeline = w->scope.stand.timeline;

	await_standby(w);
	run_at(&second, "SELECT pg_promote()");
	w->scope.stand.timeline = timeline + 1;
	assert_false(is_of_standby(w));
	test_postgres_stop(&first);
	static const struct pg_statement MARK = {"mark", "SELECT number FROM timeline", true};
	await_other(&MARK, timeline);
	for (int i = 0; i < 3; i++)
		assert_false(is_of_standby(w));
	assert_int_equal(pg_timeline(w->pg), timeline + 1);
}

#define with_world(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_world(a_standby_at_the_drives_position_answers_reads),
		with_world(a_read_without_a_known_position_goes_to_the_primary),
		with_world(a_standby_behind_the_drives_position_does_not_answer),
		with_world(a_standby_ahead_of_the_drives_position_does_not_answer),
		with_world(a_standby_on_another_timeline_does_not_answer),
		with_world(reads_of_another_incarnation_or_with_a_later_floor_go_to_the_primary),
		with_world(a_standby_is_not_used_if_its_timeline_row_names_another_cluster),
		with_world(a_read_goes_to_the_primary_soon_when_the_standby_hangs),
		with_world(not_every_read_waits_for_a_standby_that_hangs_when_connecting),
		with_world(standbys_new_refuses_a_conninfo_with_only_one_server),
		with_world(a_promoted_standby_is_no_longer_read_as_a_standby),
	};

	return cmocka_run_group_tests(tests, servers_start, servers_stop);
}
