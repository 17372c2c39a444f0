#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

#include <pthread.h>
#include <unistd.h>

/* ---- keys ---- */

static struct docs_key session_key(struct worker *w, int64_t session, int64_t number)
{
	return (struct docs_key){.kind = DOCS_KEY_SESSION,
		.user = w->scope.user,
		.session = session,
		.number = number,
		.fingerprint = {1}};
}

static struct docs_key user_key(struct worker *w, const char *text)
{
	return (struct docs_key){
		.kind = DOCS_KEY_USER, .user = w->scope.user, .key = span_str(text), .fingerprint = {1}};
}

/* Makes a create with that key. Returns what the dedupe rows said. */
static int state_of(struct worker *w, const struct docs_key *key, const char *name, struct docs_seen *ret)
{
	const struct op op = {.kind = OP_CREATE,
		.parent = root_of(w),
		.name = span_str(name),
		.mode = S_IFREG | 0644,
		.fields = OP_HAS_MODE};
	const struct request request = {.ops = &op, .count = 1, .key = *key, .body = span_str(name)};
	struct docs_seen seen = {0};

	assert_ok(w, transact(w, &request, &seen, NULL));
	if (ret)
		*ret = seen;
	else
		free((char *)seen.answer.body.data);
	return (int)seen.state;
}

static int64_t seq_of(struct worker *w)
{
	struct docs_drive drive;

	assert_ok(w, w->store->ops->drive_get(w->store, &w->scope, &drive));
	return drive.row.seq;
}

static void a_sessions_batches_are_applied_once_and_in_order(void **state)
{
	struct worker *w = *state;
	int64_t session = 0;
	struct docs_seen seen;

	assert_ok(w, w->store->ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &session));
	struct docs_key key = session_key(w, session, 1);
	assert_int_equal(state_of(w, &key, "one", NULL), DOCS_NEW);
	assert_int_equal(state_of(w, &key, "one", &seen), DOCS_REPEAT);
	assert_int_equal(seen.answer.status, 200);
	assert_true(span_eq_str(seen.answer.body, "one"));
	free((char *)seen.answer.body.data);
	assert_int_equal(seq_of(w), 1);
	key.fingerprint[0] = 2;
	assert_int_equal(state_of(w, &key, "other", NULL), DOCS_REUSED);
	key = session_key(w, session, 3);
	assert_int_equal(state_of(w, &key, "three", NULL), DOCS_OUT_OF_ORDER);
	key.number = 2;
	assert_int_equal(state_of(w, &key, "two", NULL), DOCS_NEW);
	key.number = 1;
	assert_int_equal(state_of(w, &key, "one", NULL), DOCS_OUT_OF_ORDER);
	key.number = 0;
	assert_int_equal(state_of(w, &key, "zero", NULL), DOCS_OUT_OF_ORDER);
	assert_int_equal(seq_of(w), 2);
	assert_int_equal(number_of(w, "repeats", "SELECT repeats FROM session ORDER BY id DESC LIMIT 1"), 1);
}

static void an_unknown_foreign_silent_or_ended_session_is_gone(void **state)
{
	struct worker *w = *state;
	int64_t session = 0, others;

	assert_ok(w, w->store->ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &session));
	struct docs_key key = session_key(w, session + 1, 1);
	assert_int_equal(state_of(w, &key, "a", NULL), DOCS_SESSION_GONE);
	number_of(w, "estrange", "UPDATE session SET user_id = 1 WHERE id = (SELECT max(id) FROM session)");
	key.session = session;
	assert_int_equal(state_of(w, &key, "a", NULL), DOCS_SESSION_GONE);
	char back[96];
	snprintf(back, sizeof(back),
		"UPDATE session SET user_id = %" PRId64 " WHERE id = (SELECT max(id) FROM session)", w->scope.user);
	number_of_text(back);
	assert_int_equal(state_of(w, &key, "a", NULL), DOCS_NEW);
	number_of(w, "silence",
		"UPDATE session SET seen_at = now() - interval '601 s' WHERE id = (SELECT max(id) FROM session)");
	key.number = 2;
	assert_int_equal(state_of(w, &key, "b", NULL), DOCS_SESSION_GONE);
	assert_int_equal(
		w->store->ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, NULL, 0}, &others),
		-ERR_SESSION_GONE);
	assert_ok(w, w->store->ops->session_end(w->store, &w->scope, session));
	assert_int_equal(w->store->ops->session_end(w->store, &w->scope, session), -ERR_SESSION_GONE);
	/* On another user's drive the session is not gone: nothing is found. */
	struct docs_scope stranger = w->scope;
	stranger.user++;
	assert_int_equal(w->store->ops->session_end(w->store, &stranger, session), -ERR_NOT_FOUND);
}

static void an_idempotency_key_of_a_user_repeats_its_answer_for_a_day(void **state)
{
	struct worker *w = *state;
	struct docs_key key = user_key(w, "key");
	struct docs_seen seen;

	assert_int_equal(state_of(w, &key, "one", NULL), DOCS_NEW);
	assert_int_equal(state_of(w, &key, "one", &seen), DOCS_REPEAT);
	assert_true(span_eq_str(seen.answer.body, "one"));
	free((char *)seen.answer.body.data);
	key.fingerprint[31] = 1;
	assert_int_equal(state_of(w, &key, "two", NULL), DOCS_REUSED);
	struct docs_key other = user_key(w, "key 2");
	assert_int_equal(state_of(w, &other, "two", NULL), DOCS_NEW);
	number_of(w, "age", "UPDATE idempotency SET created_at = now() - interval '25 h'");
	assert_int_equal(state_of(w, &key, "three", NULL), DOCS_NEW);
	assert_int_equal(state_of(w, &key, "three", &seen), DOCS_REPEAT);
	assert_true(span_eq_str(seen.answer.body, "three"));
	free((char *)seen.answer.body.data);
	assert_int_equal(seq_of(w), 3);
}

static void a_refusal_is_repeated_for_the_same_idempotency_key(void **state)
{
	struct worker *w = *state;
	struct docs_key key = user_key(w, "refused");
	struct docs_seen seen;

	create(w, root_of(w), "there", S_IFREG | 0644);
	assert_int_equal(state_of(w, &key, "there", NULL), DOCS_NEW);
	assert_int_equal(state_of(w, &key, "there", &seen), DOCS_REPEAT);
	assert_int_equal(seen.answer.status, 409);
	free((char *)seen.answer.body.data);
	assert_int_equal(seq_of(w), 1);
}

/* ---- changes that are no ops ---- */

/* Locks the drive and looks at the key. The result is valid until the end of the transaction. */
static struct docs_seen begin_once(struct worker *w, const struct docs_key *key)
{
	const struct docs_seen *seen = NULL;
	struct tree_wants *wants = NULL;
	struct tree *tree = NULL;

	assert_ok(w, tree_wants_new(NULL, 0, w->scope.drive, &wants));
	assert_ok(w, w->store->ops->txn_begin(w->store, w->scope.drive, key, 1, wants, clock_real_ns(), &tree, &seen));
	tree_free(tree);
	tree_wants_free(wants);
	return *seen;
}

static void commit_once(struct worker *w, const char *body)
{
	const struct docs_answer answer = {.status = 201, .headers = SPAN_LITERAL("A: b\n"), .body = span_str(body)};

	assert_ok(w, w->store->ops->txn_commit(w->store, NULL, &answer));
}

static void a_change_and_its_kept_answer_are_committed_or_aborted_together(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const struct docs_key key = user_key(w, "ids");
	int64_t first = 0, again = 0, session = 0;
	struct docs_drive drive;
	struct docs_seen seen;

	assert_int_equal(begin_once(w, &key).state, DOCS_NEW);
	assert_ok(w, ops->ids_reserve(w->store, &w->scope, 10, &first));
	assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &session));
	assert_ok(w, ops->drive_create(w->store, w->scope.user, SPAN_LITERAL("second"), 0, &drive));
	assert_ok(w, ops->drive_change(w->store, &w->scope, &SPAN_LITERAL("other"), NULL));
	ops->txn_abort(w->store);
	assert_int_equal(ops->session_end(w->store, &w->scope, session), -ERR_SESSION_GONE);
	assert_ok(w, ops->drive_get(w->store, &w->scope, &drive));
	assert_true(span_eq_str(drive.name, "home"));
	assert_int_equal(number_of(w, "drives", "SELECT count(*) FROM drive WHERE name = 'second'"), 0);

	assert_int_equal(begin_once(w, &key).state, DOCS_NEW);
	assert_ok(w, ops->ids_reserve(w->store, &w->scope, 10, &again));
	assert_int_equal(again, first);
	commit_once(w, "ten");
	seen = begin_once(w, &key);
	assert_int_equal(seen.state, DOCS_REPEAT);
	assert_true(span_eq_str(seen.answer.body, "ten"));
	commit_once(w, "");
	assert_ok(w, ops->ids_reserve(w->store, &w->scope, 1, &again));
	assert_int_equal(again, first + 10);
}

static int64_t holders(int64_t session, int64_t node)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM hold WHERE session = %" PRId64 " AND node = %" PRId64, session,
		node);
	return number_of_text(sql);
}

static int64_t there(struct worker *w, int64_t id)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		"INSERT INTO node SELECT (jsonb_populate_record(n, jsonb_build_object('id', %" PRId64
		", 'orphaned_at', now()))).* FROM node n WHERE id = %" PRId64,
		id, root_of(w));
	return number_of_text(sql) == 1 ? id : 0; /* the journal has no entry for it */
}

static void a_replaced_session_accepts_no_batch_and_its_successor_has_its_holds(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t held[] = {there(w, ITEM_ID(w->scope.drive, 7)), there(w, ITEM_ID(w->scope.drive, 8))};
	int64_t old = 0, new = 0, newest = 0, others;

	assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &old));
	assert_ok(w, ops->session_poll(w->store, &w->scope, &(struct docs_poll){old, held, 2}, &others));
	struct docs_key key = session_key(w, old, 1);
	assert_int_equal(state_of(w, &key, "one", NULL), DOCS_NEW);
	assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), old, &new));
	/* The old session gets neither its last answer again nor its next batch done. */
	assert_int_equal(state_of(w, &key, "one", NULL), DOCS_SESSION_GONE);
	key.number = 2;
	assert_int_equal(state_of(w, &key, "two", NULL), DOCS_SESSION_GONE);
	assert_int_equal(seq_of(w), 1);
	assert_int_equal(holders(new, held[0]) + holders(new, held[1]), 2);
	key = session_key(w, new, 1);
	assert_int_equal(state_of(w, &key, "two", NULL), DOCS_NEW);
	/* A session that is gone can be replaced all the same, by one that holds nothing. */
	assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), old, &newest));
	assert_int_equal(holders(newest, held[0]), 0);
	assert_int_equal(holders(new, held[0]), 1);
}

static void a_session_of_another_drive_is_not_replaced(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	struct docs_scope other = {.user = another_user()};
	struct docs_drive drive;
	int64_t old = 0, new = 0, others;

	assert_ok(w, ops->drive_home(w->store, other.user, &drive));
	other.drive = drive.row.id;
	assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &old));
	assert_ok(w, ops->session_create(w->store, &other, SPAN_LITERAL("mount"), old, &new));
	const struct docs_key key = session_key(w, old, 1);
	assert_int_equal(state_of(w, &key, "one", NULL), DOCS_NEW);
	other.drive = w->scope.drive;
	assert_int_equal(ops->session_create(w->store, &other, SPAN_LITERAL("mount"), old, &new), -ERR_NOT_FOUND);
	assert_ok(w, ops->session_poll(w->store, &w->scope, &(struct docs_poll){old, NULL, 0}, &others));
}

static void an_aborted_replacement_leaves_the_old_session_usable(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t held = there(w, ITEM_ID(w->scope.drive, 7));
	const struct docs_key key = user_key(w, "replace");
	int64_t old = 0, new = 0, others;

	assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &old));
	assert_ok(w, ops->session_poll(w->store, &w->scope, &(struct docs_poll){old, &held, 1}, &others));
	assert_int_equal(begin_once(w, &key).state, DOCS_NEW);
	assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), old, &new));
	ops->txn_abort(w->store);
	assert_int_equal(holders(old, held), 1);
	const struct docs_key batch = session_key(w, old, 1);
	assert_int_equal(state_of(w, &batch, "one", NULL), DOCS_NEW);
}

static void the_answer_of_a_trash_request_is_kept_after_its_drive_is_deleted(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	struct docs_key key = user_key(w, "trash");
	struct docs_seen seen;

	assert_int_equal(begin_once(w, &key).state, DOCS_NEW);
	assert_ok(w, ops->drive_trash(w->store, &w->scope, NULL));
	commit_once(w, "gone");
	assert_ok(w, ops->answer_find(w->store, &key, &seen));
	assert_int_equal(seen.state, DOCS_REPEAT);
	assert_int_equal(seen.answer.status, 201);
	assert_true(span_eq_str(seen.answer.body, "gone"));
	key.fingerprint[0]++;
	assert_ok(w, ops->answer_find(w->store, &key, &seen));
	assert_int_equal(seen.state, DOCS_REUSED);
	key.user++;
	assert_ok(w, ops->answer_find(w->store, &key, &seen));
	assert_int_equal(seen.state, DOCS_NEW);
}

/* Two open transactions on two drives use one key: the later commit fails, and its retry finds the other answer. */
static void *second_drive(void *cookie)
{
	struct worker *w = cookie;
	const struct op op = {.kind = OP_CREATE,
		.parent = root_of(w),
		.name = SPAN_LITERAL("x"),
		.mode = S_IFREG | 0644,
		.fields = OP_HAS_MODE};
	const struct request request = {
		.ops = &op, .count = 1, .key = user_key(w, "both"), .body = SPAN_LITERAL("second")};

	return (void *)(intptr_t)transact(w, &request, NULL, NULL);
}

static void one_key_used_on_two_drives_at_once_is_applied_only_once(void **state)
{
	struct worker *w = *state, other = {.scope = w->scope};
	const struct docs_answer answer = {.status = 200, .body = SPAN_LITERAL("first")};
	const struct docs_key key = user_key(w, "both");
	const struct tree_delta *delta;
	const struct docs_seen *seen;
	struct docs_drive drive;
	struct tree *tree = NULL;
	pthread_t thread;
	void *result;

	assert_int_equal(worker_connect(&other), 0);
	assert_ok(&other,
		other.store->ops->drive_create(other.store, other.scope.user, SPAN_LITERAL("other"), 0, &drive));
	other.scope.drive = drive.row.id;
	/* Our transaction has looked, and found nothing; then the other one begins and commits. */
	assert_ok(w, w->store->ops->txn_begin(w->store, w->scope.drive, &key, 1, NULL, 0, &tree, &seen));
	assert_int_equal(seen->state, DOCS_NEW);
	assert_int_equal(pthread_create(&thread, NULL, second_drive, &other), 0);
	pthread_join(thread, &result);
	assert_int_equal((int)(intptr_t)result, 0);
	assert_int_equal(tree_delta(tree, &delta), 0);
	assert_int_equal(w->store->ops->txn_commit(w->store, delta, &answer), -ENOTCONN);
	w->store->ops->txn_abort(w->store);
	tree_free(tree);
	struct docs_seen again;
	assert_int_equal(state_of(w, &key, "x", &again), DOCS_REPEAT);
	assert_true(span_eq_str(again.answer.body, "second"));
	free((char *)again.answer.body.data);
	worker_fini(&other);
}

/* A batch waits for the drive while another one of its session commits; then it sees what that one left. */
struct waiting {
	struct worker w;
	struct docs_key key;
	struct docs_seen seen;
	int result;
};

static void *come_second(void *cookie)
{
	struct waiting *second = cookie;
	const struct op op = {.kind = OP_CREATE,
		.parent = root_of(&second->w),
		.name = SPAN_LITERAL("second"),
		.mode = S_IFREG | 0644,
		.fields = OP_HAS_MODE};
	const struct request request = {.ops = &op, .count = 1, .key = second->key, .body = SPAN_LITERAL("second")};

	second->result = transact(&second->w, &request, &second->seen, NULL);
	return NULL;
}

static int state_behind_another(struct worker *w, const struct docs_key *first, const struct docs_key *key)
{
	struct waiting second = {.w = {.scope = w->scope}, .key = *key};
	const struct docs_answer answer = {.status = 200, .body = SPAN_LITERAL("first")};
	const struct tree_delta *delta;
	const struct docs_seen *seen;
	struct tree *tree = NULL;
	pthread_t thread;

	assert_int_equal(worker_connect(&second.w), 0);
	assert_ok(w, w->store->ops->txn_begin(w->store, w->scope.drive, first, 1, NULL, 0, &tree, &seen));
	assert_int_equal(seen->state, DOCS_NEW);
	assert_int_equal(pthread_create(&thread, NULL, come_second, &second), 0);
	wait_for_waiter();
	assert_int_equal(tree_delta(tree, &delta), 0);
	assert_ok(w, w->store->ops->txn_commit(w->store, delta, &answer));
	tree_free(tree);
	pthread_join(thread, NULL);
	assert_int_equal(second.result, 0);
	if (second.seen.state == DOCS_REPEAT)
		assert_true(span_eq_str(second.seen.answer.body, "first"));
	free((char *)second.seen.answer.body.data);
	worker_fini(&second.w);
	return (int)second.seen.state;
}

static void a_batch_that_waited_for_the_drive_sees_the_committed_batch(void **state)
{
	struct worker *w = *state;
	int64_t session = 0;

	assert_ok(w, w->store->ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &session));
	struct docs_key first = session_key(w, session, 1), next = session_key(w, session, 2),
			after = session_key(w, session, 3);
	assert_int_equal(state_behind_another(w, &first, &first), DOCS_REPEAT);
	assert_int_equal(state_behind_another(w, &next, &after), DOCS_NEW);
	assert_int_equal(seq_of(w), 1);
	struct docs_key user = user_key(w, "waits");
	assert_int_equal(state_behind_another(w, &user, &user), DOCS_REPEAT);
	assert_int_equal(seq_of(w), 1);
}

/* ---- lost connections ---- */

static void a_commit_on_a_lost_connection_writes_nothing_and_the_store_works_again(void **state)
{
	struct worker *w = *state;
	const struct docs_key key = {.user = w->scope.user};
	const struct op op = {.kind = OP_CREATE,
		.parent = root_of(w),
		.name = SPAN_LITERAL("lost"),
		.mode = S_IFREG | 0644,
		.fields = OP_HAS_MODE};
	struct op_batch *batch = batch_of(&op, 1);
	const struct op_batch *const batches[] = {batch};
	const struct op_result *results = NULL;
	const struct tree_delta *delta;
	const struct docs_seen *seen;
	struct tree_wants *wants = NULL;
	struct tree *tree = NULL;
	struct worker killer = {0};
	int index = -1;

	assert_int_equal(tree_wants_new(batches, 1, w->scope.drive, &wants), 0);
	assert_ok(w, w->store->ops->txn_begin(w->store, w->scope.drive, &key, 1, wants, clock_real_ns(), &tree, &seen));
	tree_by(tree, &(struct tree_writer){INT64_MAX, seen->began});
	assert_int_equal(tree_apply(tree, batch, SPAN_LITERAL("key"), &results, &index), 0);
	assert_int_equal(tree_delta(tree, &delta), 0);
	assert_int_equal(delta->change_count, 1);
	assert_int_equal(worker_connect(&killer), 0);
	number_of(&killer, "kill_all",
		"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE state = 'idle in transaction'");
	worker_fini(&killer);
	/* COMMIT may have been sent before the loss was noticed: then the outcome is unknown. */
	const struct docs_answer none = {0};
	int r = w->store->ops->txn_commit(w->store, delta, &none);
	assert_true(r == -ENOTCONN || r == -ERR_UNKNOWN_OUTCOME);
	w->store->ops->txn_abort(w->store);
	tree_free(tree);
	tree_wants_free(wants);
	op_batch_free(batch);
	assert_int_equal(seq_of(w), 0);
	assert_int_equal(lookup(w, root_of(w), "lost", &(struct seen_item){0}), -ERR_NOT_FOUND);
	create(w, root_of(w), "works again", S_IFREG | 0644);
}

static void an_abort_releases_the_lock_on_the_drive(void **state)
{
	struct worker *w = *state, other = {.scope = w->scope};
	const struct docs_key key = {.user = w->scope.user};
	const struct docs_seen *seen;
	struct tree *tree = NULL;

	assert_ok(w, w->store->ops->txn_begin(w->store, w->scope.drive, &key, 1, NULL, 0, &tree, &seen));
	w->store->ops->txn_abort(w->store);
	w->store->ops->txn_abort(w->store);
	tree_free(tree);
	assert_int_equal(worker_connect(&other), 0);
	create(&other, root_of(&other), "a", S_IFREG | 0644);
	worker_fini(&other);
}

/* ---- many at once ---- */

#define WRITERS 8
#define WRITES 60

struct writer {
	struct worker w;
	int number;
	int64_t other_drive; /* 0: one drive for all */
	bool failed;
	pthread_t thread;
};

static void *write_much(void *cookie)
{
	struct writer *writer = cookie;
	struct worker *w = &writer->w;

	for (int i = 0; i < WRITES; i++) {
		char name[32], target[32];

		snprintf(name, sizeof(name), "f%d-%d", writer->number, i);
		snprintf(target, sizeof(target), "g%d", i % 7); /* all writers want these names */
		const struct op ops[] = {
			{.kind = OP_CREATE,
				.parent = root_of(w),
				.name = span_str(name),
				.mode = S_IFREG | 0644,
				.fields = OP_HAS_MODE},
			{.kind = OP_RENAME,
				.parent = root_of(w),
				.name = span_str(name),
				.new_parent = root_of(w),
				.new_name = span_str(target)},
		};
		const struct request request = {.ops = ops, .count = 2, .key = user_key(w, name)};
		if (transact(w, &request, NULL, NULL) < 0) {
			fprintf(stderr, "writer %d: %s %s\n", writer->number, pg_sqlstate(w->pg), pg_error(w->pg));
			writer->failed = true;
			return NULL;
		}
	}
	return NULL;
}

static void run_writers(struct worker *w, bool own_drives)
{
	struct writer writers[WRITERS] = {0};

	for (int i = 0; i < WRITERS; i++) {
		struct docs_drive drive;

		writers[i].w.scope = w->scope;
		writers[i].number = i;
		assert_int_equal(worker_connect(&writers[i].w), 0);
		if (own_drives) {
			assert_ok(w,
				w->store->ops->drive_create(w->store, w->scope.user, SPAN_LITERAL("own"), 0, &drive));
			writers[i].w.scope.drive = drive.row.id;
		}
		assert_int_equal(pthread_create(&writers[i].thread, NULL, write_much, &writers[i]), 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(writers[i].thread, NULL);
		assert_false(writers[i].failed);
		worker_fini(&writers[i].w);
	}
}

static int check_gapless(const struct tree_change *change, void *cookie)
{
	int64_t *last = cookie;

	assert_int_equal(change->seq, *last + 1);
	*last = change->seq;
	return 0;
}

static void concurrent_writers_of_one_drive_leave_a_gapless_journal(void **state)
{
	struct worker *w = *state;
	struct docs_position at;
	int64_t last = 0;

	run_writers(w, false);
	assert_int_equal(seq_of(w), 2 * WRITERS * WRITES);
	assert_ok(w, w->store->ops->changes(w->store, &w->scope, 0, 100000, check_gapless, &last, &at));
	assert_int_equal(last, 2 * WRITERS * WRITES);
	struct seen_item root;
	assert_ok(w, get(w, root_of(w), &root));
	assert_int_equal(
		number_of(w, "rows_agree",
			"SELECT count(*) FROM node n WHERE n.mode & 61440 = 16384 AND n.children <> (SELECT count(*) FROM entry WHERE parent = n.id)"),
		0);
	assert_int_equal(number_of(w, "no_deadlocks",
				 "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
		0);
}

static void concurrent_writers_of_many_drives_cause_no_deadlock(void **state)
{
	struct worker *w = *state;

	run_writers(w, true);
	assert_int_equal(number_of(w, "no_deadlocks_either",
				 "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
		0);
	assert_int_equal(
		number_of(w, "gaps",
			"SELECT count(*) FROM (SELECT drive, max(seq) - count(*) AS missing FROM journal GROUP BY drive) j WHERE missing <> 0"),
		0);
}

static void *make_home(void *cookie)
{
	struct worker *w = cookie;
	struct docs_drive drive;

	int r = w->store->ops->drive_home(w->store, w->scope.user, &drive);
	return (void *)(intptr_t)(r < 0 ? r : (int)drive.row.id);
}

static void concurrent_first_requests_create_the_home_drive_once(void **state)
{
	const int64_t user = another_user();
	struct worker workers[WRITERS] = {0};
	pthread_t threads[WRITERS];
	void *first = NULL;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		workers[i].scope.user = user;
		assert_int_equal(worker_connect(&workers[i]), 0);
		assert_int_equal(pg_connect(workers[i].pg), 0);
	}
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_home, &workers[i]), 0);
	for (int i = 0; i < WRITERS; i++) {
		void *id;

		pthread_join(threads[i], &id);
		assert_true((intptr_t)id > 0);
		assert_true(!first || first == id);
		first = id;
		worker_fini(&workers[i]);
	}
}

/* ---- what it costs ---- */

static void a_batch_of_1000_creates_takes_at_most_10_statements(void **state)
{
	enum { COUNT = 1000 };
	static struct op ops[COUNT];
	static char names[COUNT][16];
	struct worker *w = *state;
	int64_t session = 0;

	assert_ok(w, w->store->ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &session));
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "f%d", i);
		ops[i] = (struct op){.kind = OP_CREATE,
			.parent = root_of(w),
			.name = span_str(names[i]),
			.mode = S_IFREG | 0644,
			.fields = OP_HAS_MODE};
	}
	const struct request request = {.ops = ops, .count = COUNT, .key = session_key(w, session, 1)};
	number_of(w, "extension", "CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
	number_of(w, "count_from_zero", "SELECT pg_stat_statements_reset()::text IS NOT NULL");
	assert_ok(w, transact(w, &request, NULL, NULL));
	const int64_t calls = number_of(w, "calls",
		"SELECT sum(calls)::bigint FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'");
	print_message("1,000 creates: %" PRId64 " statements\n", calls);
	assert_true(calls > 0 && calls <= 10);
	assert_int_equal(seq_of(w), COUNT);
	assert_int_equal(
		number_of(w, "created", "SELECT count(*) FROM entry WHERE parent >> 32 = (SELECT max(id) FROM drive)"),
		COUNT);
}

/* Waits until no other connection is left: a server's process adds to the statistics when it ends, which may be long
 * after its client has closed the connection. */
static void wait_until_alone(struct worker *w)
{
	static const struct timespec pause = {.tv_nsec = 1000000};
	int64_t others = 1;

	for (int i = 0; i < 10000 && others > 0; i++) {
		others = number_of(w, "others",
			"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
		nanosleep(&pause, NULL);
	}
	assert_int_equal(others, 0);
}

/* Rows that every batch changes have free room in their page, and no index on the columns that change. */
static void updates_of_drive_session_and_node_rows_are_mostly_heap_only(void **state)
{
	static const char *const tables[] = {"drive", "session", "node"};
	struct worker *w = *state;
	int64_t session = 0;

	assert_ok(w, w->store->ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &session));
	wait_until_alone(w);
	number_of(w, "stat_reset", "SELECT pg_stat_reset()::text IS NOT NULL");
	for (int i = 1; i <= 300; i++) {
		const struct docs_key key = session_key(w, session, i);
		char name[16];

		snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(state_of(w, &key, name, NULL), DOCS_NEW);
	}
	number_of(w, "stat_flush", "SELECT pg_stat_force_next_flush()::text IS NOT NULL");
	for (size_t i = 0; i < 3; i++) {
		char sql[160];

		snprintf(sql, sizeof(sql),
			"SELECT CASE WHEN n_tup_upd >= 300 THEN 100 * n_tup_hot_upd / n_tup_upd END FROM pg_stat_user_tables WHERE relname = '%s'",
			tables[i]);
		const int64_t percent = number_of_text(sql);
		print_message("%s: %" PRId64 " %% heap-only\n", tables[i], percent);
		assert_true(percent >= 90);
	}
}

#define LARGE_COUNT 40 /* files of LARGE_BYTES each */
#define LARGE_BYTES (1u << 20)

static struct op_batch *large_batch(int64_t id)
{
	static char content[LARGE_BYTES];
	struct op_extent extents[32];
	const size_t len = LARGE_BYTES / 32;

	for (size_t k = 0; k < 32; k++)
		extents[k] = (struct op_extent){.at = (int64_t)(2 * k * len),
			.len = (int64_t)len,
			.kind = OP_EXTENT_DATA,
			.data = {content + k * len, len}};
	const struct op op = {.kind = OP_WRITE, .id = id, .extents = extents, .extent_count = 32};
	return batch_of(&op, 1);
}

/* Writes all files in one transaction. Returns what the commit returned. */
static int store_large(struct worker *w, const int64_t ids[LARGE_COUNT])
{
	const struct docs_key key = {.user = w->scope.user};
	const struct docs_answer none = {0};
	struct op_batch *batches[LARGE_COUNT];
	const struct op_result *results;
	const struct tree_delta *delta;
	const struct docs_seen *seen;
	struct tree_wants *wants;
	struct tree *tree;

	for (int i = 0; i < LARGE_COUNT; i++)
		batches[i] = large_batch(ids[i]);
	assert_int_equal(
		tree_wants_new((const struct op_batch *const *)batches, LARGE_COUNT, w->scope.drive, &wants), 0);
	assert_ok(w, w->store->ops->txn_begin(w->store, w->scope.drive, &key, 1, wants, 0, &tree, &seen));
	for (int i = 0; i < LARGE_COUNT; i++) {
		assert_int_equal(tree_apply(tree, batches[i], SPAN_LITERAL("k"), &results, NULL), 0);
		op_batch_free(batches[i]);
	}
	assert_int_equal(tree_delta(tree, &delta), 0);
	const int r = w->store->ops->txn_commit(w->store, delta, &none);
	if (r < 0)
		w->store->ops->txn_abort(w->store);
	tree_wants_free(wants);
	tree_free(tree);
	return r;
}

static void a_transaction_stores_40_mib_of_inline_content_from_many_batches(void **state)
{
	struct worker *w = *state;
	int64_t ids[LARGE_COUNT];
	int r = -ERR_UNKNOWN_OUTCOME;

	for (int i = 0; i < LARGE_COUNT; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%d", i);
		ids[i] = create(w, root_of(w), name, S_IFREG | 0644);
	}
	/* While others write much to the same disk, this can take longer than a statement may. */
	for (int i = 0; i < 4 && r == -ERR_UNKNOWN_OUTCOME; i++)
		r = store_large(w, ids);
	assert_ok(w, r);
	assert_int_equal(
		number_of(w, "bytes",
			"SELECT sum(length(data))::bigint FROM extent WHERE node >> 32 = (SELECT max(id) FROM drive)"),
		(int64_t)LARGE_COUNT * LARGE_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(a_sessions_batches_are_applied_once_and_in_order),
		with_worker(an_unknown_foreign_silent_or_ended_session_is_gone),
		with_worker(an_idempotency_key_of_a_user_repeats_its_answer_for_a_day),
		with_worker(a_refusal_is_repeated_for_the_same_idempotency_key),
		with_worker(a_change_and_its_kept_answer_are_committed_or_aborted_together),
		with_worker(a_replaced_session_accepts_no_batch_and_its_successor_has_its_holds),
		with_worker(a_session_of_another_drive_is_not_replaced),
		with_worker(an_aborted_replacement_leaves_the_old_session_usable),
		with_worker(the_answer_of_a_trash_request_is_kept_after_its_drive_is_deleted),
		with_worker(one_key_used_on_two_drives_at_once_is_applied_only_once),
		with_worker(a_batch_that_waited_for_the_drive_sees_the_committed_batch),
		with_worker(a_commit_on_a_lost_connection_writes_nothing_and_the_store_works_again),
		with_worker(an_abort_releases_the_lock_on_the_drive),
		with_worker(concurrent_writers_of_one_drive_leave_a_gapless_journal),
		with_worker(concurrent_writers_of_many_drives_cause_no_deadlock),
		with_worker(concurrent_first_requests_create_the_home_drive_once),
		with_worker(a_batch_of_1000_creates_takes_at_most_10_statements),
		with_worker(updates_of_drive_session_and_node_rows_are_mostly_heap_only),
		with_worker(a_transaction_stores_40_mib_of_inline_content_from_many_batches),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
