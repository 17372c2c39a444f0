/* Batches that start from the state that the batch before left, without asking the database (a guess): when
 * that is enough, and that a wrong guess never does harm. */
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

/* An answer of bytes that are no text. */
static const struct docs_answer answer = {
	.status = 200, .headers = SPAN_LITERAL("Content-Type: bytes\n"), .body = SPAN_LITERAL("an\0swer\xff")};

static struct docs_store *asking; /* as of another process: it has no cache */
static int64_t session, number;

/* The result of the last attempt. */
static bool guessed;
static int refused;

static int try_batch(struct worker *w, const struct op *ops, size_t count, int64_t with_number, int64_t *ret_id)
{
	const struct docs_key key = {
		.kind = DOCS_KEY_SESSION, .user = w->scope.user, .session = session, .number = with_number};
	struct op_batch *batch = batch_of(ops, count);
	const struct op_batch *const batches[] = {batch};
	const struct op_result *results = NULL;
	const struct tree_delta *delta;
	const struct docs_seen *seen;
	struct tree_wants *wants;
	struct tree *tree;
	int index;

	assert_int_equal(tree_wants_new(batches, 1, w->scope.drive, &wants), 0);
	assert_ok(w, w->store->ops->txn_begin(w->store, w->scope.drive, &key, 1, wants, clock_real_ns(), &tree, &seen));
	guessed = seen->guessed;
	int r = seen->state == DOCS_NEW ? 0 : -ERR_OUT_OF_ORDER;
	refused = r == 0 ? tree_apply(tree, batch, SPAN_LITERAL("key"), &results, &index) : r;
	if (r == 0)
		r = tree_delta(tree, &delta);
	if (r == 0)
		r = w->store->ops->txn_commit(w->store, delta, &answer);
	if (r < 0)
		w->store->ops->txn_abort(w->store);
	if (r == 0 && refused == 0 && ret_id)
		*ret_id = results[0].id;
	tree_free(tree);
	tree_wants_free(wants);
	op_batch_free(batch);
	return r;
}

static struct op create_op(int64_t parent, const char *name, uint32_t mode)
{
	return (struct op){
		.kind = OP_CREATE, .parent = parent, .name = span_str(name), .mode = mode, .fields = OP_HAS_MODE};
}

/* Does as the service does: tries once more when the batch was not committed. */
static int64_t batch(struct worker *w, const struct op *op)
{
	int64_t id = 0;

	number++;
	if (try_batch(w, op, 1, number, &id) == -ENOTCONN)
		assert_ok(w, try_batch(w, op, 1, number, &id));
	return id;
}

static int64_t file(struct worker *w, const char *name)
{
	const struct op op = create_op(root_of(w), name, S_IFREG | 0644);

	return batch(w, &op);
}

/* Opens a session and makes its first batches, after which guesses are possible. */
static void warm(struct worker *w)
{
	if (!w->known) {
		asking = w->store;
		assert_int_equal(drive_cache_new(&w->known), 0);
		assert_int_equal(docs_pg_new(w->pg, w->known, &w->store), 0);
	}
	assert_ok(w, asking->ops->session_create(asking, &w->scope, SPAN_LITERAL("mount"), 0, &session));
	number = 0;
	file(w, "first");
	assert_false(guessed);
	file(w, "second");
	assert_true(guessed);
}

static void cool(struct worker *w)
{
	w->store->ops->free(w->store);
	drive_cache_free(w->known);
	w->store = asking;
}

static void ops_on_cached_documents_are_applied_by_a_guess(void **state)
{
	struct worker *w = *state;

	warm(w);
	const int64_t id = file(w, "a");
	struct op_extent extent = {.len = 3, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("abc")};
	const struct op folder = create_op(root_of(w), "d", S_IFDIR | 0755);
	batch(w, &folder);
	assert_true(guessed);
	const struct op ops[] = {
		{.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1},
		{.kind = OP_SETATTR, .id = id, .mode = 0600, .fields = OP_HAS_MODE},
		{.kind = OP_LINK, .id = id, .parent = root_of(w), .name = SPAN_LITERAL("b")},
		{.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("b")},
		{.kind = OP_RENAME,
			.parent = root_of(w),
			.name = SPAN_LITERAL("first"),
			.new_parent = root_of(w),
			.new_name = SPAN_LITERAL("c")},
		{.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("c")},
		{.kind = OP_RMDIR, .parent = root_of(w), .name = SPAN_LITERAL("d")},
	};
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		batch(w, &ops[i]);
		assert_int_equal(refused, 0);
		if (!guessed)
			fail_msg("%s was not", op_kind_name(ops[i].kind));
	}
	struct seen_item seen;
	assert_int_equal(lookup(w, root_of(w), "d", &seen), -ERR_NOT_FOUND);
	assert_ok(w, lookup(w, root_of(w), "a", &seen));
	assert_int_equal(seen.item.mode, S_IFREG | 0600);
	assert_int_equal(seen.item.size, 3);
	cool(w);
}

static void a_batch_of_several_ops_is_guessed_unless_it_creates_unknown_names(void **state)
{
	struct worker *w = *state;

	warm(w);
	const int64_t id = file(w, "a");
	const struct op ops[] = {
		{.kind = OP_SETATTR, .id = id, .mode = 0600, .fields = OP_HAS_MODE},
		{.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("second")},
	};
	assert_ok(w, try_batch(w, ops, 2, ++number, NULL));
	assert_true(guessed);
	struct seen_item seen;
	assert_int_equal(lookup(w, root_of(w), "second", &seen), -ERR_NOT_FOUND);
	/* Nothing is known of these names: they might be there, and the statement for several ops would
	 * overwrite them. */
	const struct op fresh[] = {
		create_op(root_of(w), "x", S_IFREG | 0644), create_op(root_of(w), "y", S_IFREG | 0644)};
	assert_int_equal(try_batch(w, fresh, 2, ++number, NULL), -ENOTCONN);
	assert_ok(w, try_batch(w, fresh, 2, number, NULL));
	assert_false(guessed);
	cool(w);
}

static void file_by_another_process(struct worker *w, const char *name)
{
	struct worker other = {.pg = w->pg, .store = asking, .scope = w->scope};

	create(&other, root_of(w), name, S_IFREG | 0644);
}

static void assert_kept(struct worker *w)
{
	const struct docs_key key = {
		.kind = DOCS_KEY_SESSION, .user = w->scope.user, .session = session, .number = number};
	const struct docs_seen *seen = NULL;
	struct tree_wants *wants;
	struct tree *tree;

	assert_int_equal(tree_wants_new(NULL, 0, w->scope.drive, &wants), 0);
	assert_ok(w, asking->ops->txn_begin(asking, w->scope.drive, &key, 1, wants, clock_real_ns(), &tree, &seen));
	assert_int_equal(seen->state, DOCS_REPEAT);
	assert_int_equal(seen->answer.status, answer.status);
	assert_true(span_eq(seen->answer.headers, answer.headers));
	assert_true(span_eq(seen->answer.body, answer.body));
	asking->ops->txn_abort(asking);
	tree_free(tree);
	tree_wants_free(wants);
}

static void the_answer_of_a_guessed_batch_is_kept_byte_for_byte(void **state)
{
	struct worker *w = *state;

	warm(w);
	assert_kept(w);
	const struct op ops[] = {{.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("first")},
		{.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("second")}};
	assert_ok(w, try_batch(w, ops, 2, ++number, NULL));
	assert_true(guessed);
	assert_kept(w);
	cool(w);
}

static void a_wrong_guess_writes_nothing_and_the_retry_applies_the_batch(void **state)
{
	struct worker *w = *state;
	const struct op op = create_op(root_of(w), "mine", S_IFREG | 0644);
	struct seen_item seen;

	warm(w);
	file_by_another_process(w, "theirs");
	assert_int_equal(try_batch(w, &op, 1, number + 1, NULL), -ENOTCONN);
	assert_true(guessed);
	assert_int_equal(lookup(w, root_of(w), "mine", &seen), -ERR_NOT_FOUND);
	assert_int_equal(
		number_of(w, "journal_1", "SELECT count(*) FROM journal WHERE drive = (SELECT max(id) FROM drive)"), 3);
	batch(w, &op);
	assert_false(guessed);
	assert_ok(w, lookup(w, root_of(w), "mine", &seen));
	assert_int_equal(
		number_of(w, "journal_2", "SELECT count(*) FROM journal WHERE drive = (SELECT max(id) FROM drive)"), 4);
	cool(w);
}

static void a_create_of_an_existing_uncached_name_is_refused_by_the_database(void **state)
{
	struct worker *w = *state;

	warm(w);
	/* The cache does not have this name, although nothing has changed since. */
	number_of(w, "hidden",
		"INSERT INTO entry (parent, child, linked, name) SELECT parent, id, false, 'hidden' FROM node WHERE id = (SELECT max(id) FROM node)");
	file(w, "hidden");
	assert_false(guessed);
	assert_int_equal(refused, -EEXIST);
	cool(w);
}

static void a_batch_that_a_guess_refuses_is_retried_with_the_database(void **state)
{
	struct worker *w = *state;
	const struct op op = {.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("first")};

	warm(w);
	batch(w, &op);
	assert_true(guessed);
	file_by_another_process(w, "first");
	/* By the cache, the name is not there. */
	assert_int_equal(try_batch(w, &op, 1, number + 1, NULL), -ENOTCONN);
	assert_int_equal(refused, -ENOENT);
	batch(w, &op);
	assert_int_equal(refused, 0);
	cool(w);
}

static void a_guess_fails_when_the_drive_or_session_row_has_changed(void **state)
{
	static const struct {
		const char *name, *sql;
	} moves[] = {
		{"m_quota", "UPDATE drive SET quota = 1000000000 WHERE id = (SELECT max(id) FROM drive)"},
		{"m_used", "UPDATE drive SET used = used + 1 WHERE id = (SELECT max(id) FROM drive)"},
		{"m_epoch", "UPDATE drive SET epoch = epoch + 1 WHERE id = (SELECT max(id) FROM drive)"},
		{"m_lease", "UPDATE drive SET lease_epoch = lease_epoch + 1 WHERE id = (SELECT max(id) FROM drive)"},
		{"m_holder", "UPDATE drive SET lease_session = 77 WHERE id = (SELECT max(id) FROM drive)"},
		{"m_ids", "UPDATE drive SET next_number = next_number + 9 WHERE id = (SELECT max(id) FROM drive)"},
		{"m_restore", "UPDATE drive SET incarnation = incarnation + 1 WHERE id = (SELECT max(id) FROM drive)"},
		{"m_number", "UPDATE session SET number = number + 1 WHERE id = (SELECT max(id) FROM session)"},
		{"m_silent",
			"UPDATE session SET seen_at = now() - interval '1 day' WHERE id = (SELECT max(id) FROM session)"},
		{"m_end", "DELETE FROM session WHERE id = (SELECT max(id) FROM session)"},
		{"m_trash", "UPDATE drive SET trashed_at = now() WHERE id = (SELECT max(id) FROM drive)"},
	};
	struct worker *w = *state;

	/* Tests the statement for one op, and the one for several. Each time on another drive: after a change
	 * by others, a drive is not guessed at for a while. */
	for (size_t i = 0; i < 2 * sizeof(moves) / sizeof(moves[0]); i++) {
		const size_t move = i / 2, count = 1 + i % 2;
		struct docs_drive drive;

		assert_ok(w, w->store->ops->drive_create(w->store, w->scope.user, SPAN_LITERAL("d"), 0, &drive));
		w->scope.drive = drive.row.id;
		warm(w);
		const struct op ops[] = {{.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("first")},
			{.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("second")}};
		assert_int_equal(number_of(w, moves[move].name, moves[move].sql), 1);
		assert_int_equal(try_batch(w, ops, count, number + 1, NULL), -ENOTCONN);
		assert_true(guessed);
		assert_int_equal(refused, 0);
		assert_int_equal(
			number_of(w, "left", "SELECT count(*) FROM journal WHERE drive = (SELECT max(id) FROM drive)"),
			2);
	}
	cool(w);
}

/* What the owner's other drives hold is not in this drive's row: it is noticed only after some batches. */
static void with_a_shared_quota_guesses_in_a_row_are_limited(void **state)
{
	struct worker *w = *state, other = *w;
	struct docs_drive drive;
	char name[16];
	int guesses = 0;

	assert_ok(w, w->store->ops->drive_create(w->store, w->scope.user, SPAN_LITERAL("other"), 0, &drive));
	assert_ok(w, w->store->ops->account_set(w->store, w->scope.user, 1000, -1));
	warm(w);
	other.store = asking;
	other.scope.drive = drive.row.id;
	write_inline(&other, create(&other, root_of(&other), "f", S_IFREG | 0644), 0, "0123456789");
	for (int i = 0; i < 3 * DRIVE_CACHE_GUESSES_SHARED; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		file(w, name);
		guesses = guessed ? guesses + 1 : 0;
		assert_true(guesses <= DRIVE_CACHE_GUESSES_SHARED);
	}
	cool(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(ops_on_cached_documents_are_applied_by_a_guess),
		with_worker(a_batch_of_several_ops_is_guessed_unless_it_creates_unknown_names),
		with_worker(the_answer_of_a_guessed_batch_is_kept_byte_for_byte),
		with_worker(a_wrong_guess_writes_nothing_and_the_retry_applies_the_batch),
		with_worker(a_create_of_an_existing_uncached_name_is_refused_by_the_database),
		with_worker(a_batch_that_a_guess_refuses_is_retried_with_the_database),
		with_worker(a_guess_fails_when_the_drive_or_session_row_has_changed),
		with_worker(with_a_shared_quota_guesses_in_a_row_are_limited),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
