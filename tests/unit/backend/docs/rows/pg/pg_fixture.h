/* pg_fixture: a server for the group, a migrated database, and batches that go through rules and storage as
 * in the service. One .c of each test program includes it. */
#ifndef NEPHOS_TESTS_DOCS_PG_FIXTURE_H
#define NEPHOS_TESTS_DOCS_PG_FIXTURE_H

#include "backend/docs/rows/pg/docs_pg.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "tests/lib/postgres.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct test_postgres server;

/* A worker: a connection, a store, and a drive of a user of its own. */
struct worker {
	struct drive_cache *known; /* NULL: every transaction asks the database */
	struct pg *pg;
	struct docs_store *store;
	struct docs_scope scope;
};

static inline int worker_connect(struct worker *w)
{
	int r = pg_new(server.conninfo, &w->pg);

	return r < 0 ? r : docs_pg_new(w->pg, w->known, &w->store);
}

static inline void worker_fini(struct worker *w)
{
	if (w->store)
		w->store->ops->free(w->store);
	pg_free(w->pg);
}

static int server_start(void **state)
{
	struct pg *pg = NULL;

	(void)state;
	setenv("POSTGRES_OPTIONS", "-c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.track=top", 0);
	int r = test_postgres_start(&server);
	if (r == 0)
		r = pg_new(server.conninfo, &pg);
	if (r == 0)
		r = docs_pg_migrate(pg);
	if (r < 0 && pg)
		fprintf(stderr, "migration: %s\n", pg_error(pg));
	pg_free(pg);
	return r;
}

static int server_stop(void **state)
{
	(void)state;
	test_postgres_stop(&server);
	return 0;
}

/* Numbers the users, so that each test has a drive that no other test uses. */
static inline int64_t another_user(void)
{
	static int64_t user = 1000;

	return ++user;
}

static int worker_new(void **state)
{
	struct worker *w = calloc(1, sizeof(*w));
	struct docs_drive drive;

	if (!w || worker_connect(w) < 0)
		return -1;
	w->scope.user = another_user();
	int r = w->store->ops->drive_home(w->store, w->scope.user, &drive);
	if (r < 0) {
		fprintf(stderr, "drive_home: %d %s\n", r, pg_error(w->pg));
		return -1;
	}
	w->scope.drive = drive.row.id;
	*state = w;
	return 0;
}

static int worker_free(void **state)
{
	worker_fini(*state);
	free(*state);
	return 0;
}

#define with_worker(test) cmocka_unit_test_setup_teardown(test, worker_new, worker_free)

#define assert_ok(w, expression)                                                                          \
	do {                                                                                              \
		int result_ = (expression);                                                               \
		if (result_ < 0)                                                                          \
			fail_msg("%s: %d %s (%s %s)", #expression, result_, error_lookup(result_)->title, \
				pg_sqlstate((w)->pg), pg_error((w)->pg));                                 \
	} while (0)

/* The result of an op, without anything that the tree owns. */
struct done {
	int64_t id, replaced;
	struct item item;
	int error, index;
};

static inline struct op_batch *batch_of(const struct op *ops, size_t count)
{
	struct op_batch *batch = NULL;
	const char *type;
	struct buf body;
	int index = -1;

	buf_init(&body, BATCH_BYTES_MAX);
	assert_int_equal(op_batch_encode(ops, count, &body, &type), 0);
	int r = op_batch_decode(type, buf_span(&body), &batch, &index);
	buf_fini(&body);
	if (r < 0)
		fail_msg("op %d is not decoded: %d", index, r);
	return batch;
}

struct request {
	const struct op *ops;
	size_t count;
	struct docs_key key;
	struct span body; /* of the answer */
	bool sweep;	  /* see tree_wants_sweep_new */
	/* Called while the transaction holds the drive, just before it commits; may be NULL. */
	void (*meanwhile)(void *cookie);
	void *cookie;
};

/* How long the storage took in the last transaction, for benchmarks. */
static int64_t begin_ns, commit_ns;

/* Runs a whole transaction. Negative: it was not committed. ret_seen and ret_done may be NULL. A batch that
 * is refused is committed with an answer all the same. */
static inline int transact(
	struct worker *w, const struct request *request, struct docs_seen *ret_seen, struct done *ret_done)
{
	struct op_batch *batch = batch_of(request->ops, request->count);
	const struct op_result *results = NULL;
	struct docs_answer answer = {.status = 200, .headers = SPAN_LITERAL("ETag: x\n"), .body = request->body};
	const struct tree_delta *delta = NULL;
	const struct docs_seen *seen = NULL;
	struct tree_wants *wants = NULL;
	struct tree *tree = NULL;
	int index = -1;

	const struct op_batch *const batches[] = {batch};
	int r = request->sweep ? tree_wants_sweep_new(batch, w->scope.drive, &wants)
			       : tree_wants_new(batches, 1, w->scope.drive, &wants);
	const int64_t started = clock_mono_ns();
	if (r == 0)
		r = w->store->ops->txn_begin(
			w->store, w->scope.drive, &request->key, 1, wants, clock_real_ns(), &tree, &seen);
	begin_ns = clock_mono_ns() - started;
	if (r == 0 && ret_seen) {
		*ret_seen = *seen;
		ret_seen->answer.body =
			span_of(strndup(seen->answer.body.data ? seen->answer.body.data : "", seen->answer.body.size),
				seen->answer.body.size);
	}
	if (r == 0 && seen->state == DOCS_NEW) {
		/* A request without a session counts as one of a session that was there from the start. */
		const bool mount = request->key.kind == DOCS_KEY_SESSION;

		tree_by(tree, &(struct tree_writer){mount ? request->key.session : INT64_MAX, seen->began});
		int error = tree_apply(tree, batch, SPAN_LITERAL("key"), &results, &index);
		if (ret_done)
			*ret_done = (struct done){.error = error, .index = index};
		if (error == 0 && ret_done)
			*ret_done = (struct done){
				.id = results[0].id, .replaced = results[0].replaced, .item = results[0].item};
		answer.status = error < 0 ? 409 : 200;
	}
	if (r == 0)
		r = tree_delta(tree, &delta);
	if (r == 0 && request->meanwhile)
		request->meanwhile(request->cookie);
	const int64_t ending = clock_mono_ns();
	if (r == 0)
		r = w->store->ops->txn_commit(w->store, delta, &answer);
	commit_ns = clock_mono_ns() - ending;
	if (r < 0)
		w->store->ops->txn_abort(w->store);
	tree_free(tree);
	tree_wants_free(wants);
	op_batch_free(batch);
	return r;
}

/* Does one op, which must succeed; returns the id of its document. */
static inline int64_t do_op(struct worker *w, const struct op *op)
{
	const struct request request = {.ops = op, .count = 1, .key = {.kind = DOCS_KEY_NONE, .user = w->scope.user}};
	struct done done = {0};

	assert_ok(w, transact(w, &request, NULL, &done));
	if (done.error < 0)
		fail_msg("%s: %d %s", op_kind_name(op->kind), done.error, error_lookup(done.error)->title);
	return done.id;
}

/* Does one op; returns why it was refused, or 0. */
static inline int refused_op(struct worker *w, const struct op *op)
{
	const struct request request = {.ops = op, .count = 1, .key = {.kind = DOCS_KEY_NONE, .user = w->scope.user}};
	struct done done = {0};

	assert_ok(w, transact(w, &request, NULL, &done));
	return done.error;
}

static inline int64_t create(struct worker *w, int64_t parent, const char *name, uint32_t mode)
{
	return do_op(w,
		&(struct op){.kind = OP_CREATE,
			.parent = parent,
			.name = span_str(name),
			.mode = mode,
			.fields = OP_HAS_MODE});
}

static inline void write_inline(struct worker *w, int64_t id, int64_t at, const char *text)
{
	struct op_extent extent = {
		.at = at, .len = (int64_t)strlen(text), .kind = OP_EXTENT_DATA, .data = span_str(text)};

	do_op(w, &(struct op){.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1});
}

/* ---- reads, with copied results ---- */

struct seen_item {
	struct item item;
	char name[NAME_BYTES_MAX + 1];
	char target[PATH_BYTES_MAX + 1];
	char data[4096];
};

static inline int keep_item(const struct item *item, void *cookie)
{
	struct seen_item *s = cookie;

	s->item = *item;
	snprintf(s->name, sizeof(s->name), "%.*s", (int)item->name.size, item->name.data);
	snprintf(s->target, sizeof(s->target), "%.*s", (int)item->target.size, item->target.data);
	if (item->has_inline)
		snprintf(s->data, sizeof(s->data), "%.*s", (int)item->inline_data.size, item->inline_data.data);
	return 0;
}

static inline int get(struct worker *w, int64_t id, struct seen_item *ret)
{
	struct docs_position at;

	return w->store->ops->item_get(w->store, &w->scope, id, keep_item, ret, &at);
}

static inline int lookup(struct worker *w, int64_t parent, const char *name, struct seen_item *ret)
{
	struct docs_position at;

	return w->store->ops->item_lookup(w->store, &w->scope, parent, span_str(name), keep_item, ret, &at);
}

static inline int64_t root_of(const struct worker *w)
{
	return ITEM_ROOT(w->scope.drive);
}

/* Runs the test's own SQL. name and text must be literals: the connection keeps them. */
static inline int64_t number_of(struct worker *w, const char *name, const char *sql)
{
	struct pg_statement statement = {name, sql, false};
	struct pg_result *result = NULL;

	assert_ok(w, pg_run(w->pg, &statement, NULL, 0, &result));
	int64_t number = pg_rows(result) > 0 ? pg_number(result, 0, 0) : pg_touched(result);
	pg_result_free(result);
	return number;
}

/* The same for SQL that the test has composed, on a connection of its own. */
static inline int64_t number_of_text(const char *sql)
{
	struct worker w = {0};

	assert_int_equal(worker_connect(&w), 0);
	const int64_t number = number_of(&w, "text", sql);
	worker_fini(&w);
	return number;
}

/* Waits until a connection waits for a lock. */
static inline void wait_for_waiter(void)
{
	static const struct timespec pause = {.tv_nsec = 1000000};
	struct worker looker = {0};

	assert_int_equal(worker_connect(&looker), 0);
	for (int i = 0; i < 10000; i++) {
		if (number_of(&looker, "waiters",
			    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0)
			break;
		nanosleep(&pause, NULL);
	}
	worker_fini(&looker);
}

#endif
