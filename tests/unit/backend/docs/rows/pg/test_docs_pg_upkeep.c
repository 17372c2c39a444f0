#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

#include <pthread.h>
#include <sched.h>

/* ---- documents without a name ---- */

static int64_t open_session(struct worker *w)
{
	int64_t session = 0;

	assert_ok(w, w->store->ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &session));
	return session;
}

static uint32_t collect_orphans(struct worker *w, int64_t grace_s)
{
	uint32_t count = 0;

	assert_ok(w, w->store->ops->collect_orphans(w->store, grace_s, 100, &count));
	return count;
}

static void an_unlinked_file_is_readable_only_by_an_open_session(void **state)
{
	struct worker *w = *state;
	const int64_t session = open_session(w), id = create(w, root_of(w), "f", S_IFREG | 0644);
	struct seen_item seen;

	write_inline(w, id, 0, "still here");
	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("f")});
	assert_int_equal(get(w, id, &seen), -ERR_NOT_FOUND);
	w->scope.session = session;
	assert_ok(w, get(w, id, &seen));
	assert_int_equal(seen.item.nlink, 0);
	assert_int_equal(seen.item.size, 10);
	w->scope.session = session + 1;
	assert_int_equal(get(w, id, &seen), -ERR_NOT_FOUND);
	w->scope.session = session;
	assert_ok(w, w->store->ops->session_end(w->store, &w->scope, session));
	assert_int_equal(get(w, id, &seen), -ERR_NOT_FOUND);
	assert_int_equal(collect_orphans(w, 0), 2);
}

static void a_held_orphan_is_kept_beyond_its_grace_until_released(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t session = open_session(w), id = create(w, root_of(w), "f", S_IFREG | 0644),
		      other = create(w, root_of(w), "g", S_IFREG | 0644);
	struct seen_item seen;
	int64_t others;

	w->scope.session = session;
	write_inline(w, id, 0, "still here");
	do_op(w,
		&(struct op){
			.kind = OP_SETXATTR, .id = id, .name = SPAN_LITERAL("user.a"), .target = SPAN_LITERAL("1")});
	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("f")});
	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("g")});
	assert_int_equal(collect_orphans(w, 120), 0);
	assert_ok(w, ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, &id, 1}, &others));
	assert_ok(w, ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, &id, 1}, &others));
	assert_int_equal(collect_orphans(w, 0), 1);
	assert_int_equal(get(w, other, &seen), -ERR_NOT_FOUND);
	assert_ok(w, get(w, id, &seen));
	/* The document can still be written. */
	write_inline(w, id, 10, "!");
	assert_ok(w, ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, NULL, 0}, &others));
	assert_int_equal(collect_orphans(w, 0), 2);
	assert_int_equal(get(w, id, &seen), -ERR_NOT_FOUND);
	assert_int_equal(
		number_of(w, "left",
			"SELECT (SELECT count(*) FROM extent) + (SELECT count(*) FROM xattr) + (SELECT count(*) FROM hold)"),
		0);
	assert_int_equal(number_of(w, "used", "SELECT used FROM drive ORDER BY id DESC LIMIT 1"), 0);
}

static void holds_end_when_their_session_expires(void **state)
{
	struct worker *w = *state;
	const int64_t session = open_session(w), id = create(w, root_of(w), "f", S_IFREG | 0644);
	uint32_t count = 0;
	int64_t others;

	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("f")});
	assert_ok(w, w->store->ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, &id, 1}, &others));
	assert_int_equal(collect_orphans(w, 0), 0);
	number_of(w, "silence",
		"UPDATE session SET seen_at = now() - interval '601 s' WHERE id = (SELECT max(id) FROM session)");
	assert_int_equal(collect_orphans(w, 0), 1);
	assert_ok(w, w->store->ops->collect_expired(w->store, 100, &count));
	assert_int_equal(count, 1);
	assert_int_equal(
		w->store->ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, &id, 1}, &others),
		-ERR_SESSION_GONE);
	assert_int_equal(number_of(w, "holds", "SELECT count(*) FROM hold"), 0);
}

/* The rows of the document and of the entry contradict each other: the content must outlive that. */
static void an_orphan_to_which_an_entry_leads_is_not_deleted(void **state)
{
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	char sql[256];

	write_inline(w, id, 0, "still here");
	(void)snprintf(sql, sizeof(sql),
		"UPDATE node SET orphaned_at = now() - interval '1 h' WHERE id = %" PRId64 " RETURNING id", id);
	assert_int_equal(number_of(w, "orphan", sql), id);
	assert_int_equal(collect_orphans(w, 0), 0);
	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM extent WHERE node = %" PRId64, id);
	assert_int_equal(number_of(w, "extents", sql), 1);
	/* The row names another place, and the entry is marked as a further link. */
	(void)snprintf(sql, sizeof(sql), "UPDATE node SET name = 'g' WHERE id = %" PRId64 " RETURNING id", id);
	assert_int_equal(number_of(w, "row", sql), id);
	(void)snprintf(
		sql, sizeof(sql), "UPDATE entry SET linked = true WHERE child = %" PRId64 " RETURNING child", id);
	assert_int_equal(number_of(w, "entry", sql), id);
	assert_int_equal(collect_orphans(w, 0), 0);
	(void)snprintf(sql, sizeof(sql), "DELETE FROM entry WHERE child = %" PRId64 " RETURNING child", id);
	assert_int_equal(number_of(w, "gone", sql), id);
	assert_int_equal(collect_orphans(w, 0), 2);
}

static int64_t holders(int64_t session, int64_t node)
{
	char sql[128];

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM hold WHERE session = %" PRId64 " AND node = %" PRId64,
		session, node);
	return number_of_text(sql);
}

/* A mount's batch truncates the document. Returns the error that the mount gets. */
static int truncated_by(struct worker *w, int64_t session, int64_t number, int64_t id)
{
	const struct op op = {.kind = OP_SETATTR, .id = id, .fields = OP_HAS_SIZE};
	const struct request request = {.ops = &op,
		.count = 1,
		.key = {.kind = DOCS_KEY_SESSION, .user = w->scope.user, .session = session, .number = number}};
	struct docs_seen seen = {0};
	struct done done = {0};

	assert_ok(w, transact(w, &request, &seen, &done));
	free((char *)seen.answer.body.data);
	assert_int_equal(seen.state, DOCS_NEW);
	return done.error;
}

static int64_t session_of(struct worker *w, int64_t replaces)
{
	int64_t session = 0;

	assert_ok(w, w->store->ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), replaces, &session));
	return session;
}

static void poll_of(struct worker *w, int64_t session, int64_t held)
{
	int64_t others;

	assert_ok(w, w->store->ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, &held, 1}, &others));
}

static void an_orphan_can_be_changed_only_by_sessions_that_may_have_it_open(void **state)
{
	struct worker *w = *state;
	const int64_t holder = session_of(w, 0), quiet = session_of(w, 0),
		      id = create(w, root_of(w), "f", S_IFREG | 0644);

	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("f")});
	const int64_t late = session_of(w, 0);
	assert_int_equal(truncated_by(w, holder, 1, id), 0);
	assert_int_equal(truncated_by(w, quiet, 1, id), 0);
	assert_int_equal(truncated_by(w, late, 1, id), -ENOENT);
	/* A session that cannot have opened the document cannot hold it. */
	poll_of(w, holder, id);
	poll_of(w, late, id);
	assert_int_equal(holders(holder, id), 1);
	assert_int_equal(holders(late, id), 0);
	assert_int_equal(truncated_by(w, late, 2, id), -ENOENT);
	/* A session that replaces one that was there before the unlink has the rights of that one. */
	const int64_t next = session_of(w, quiet), last = session_of(w, next), other = session_of(w, late);
	assert_int_equal(truncated_by(w, last, 1, id), 0);
	assert_int_equal(truncated_by(w, other, 1, id), -ENOENT);
	/* After a while only a session that has reported the document as open may change it. */
	(void)number_of_text(
		"UPDATE node SET orphaned_at = orphaned_at - interval '120 s' WHERE orphaned_at IS NOT NULL");
	assert_int_equal(truncated_by(w, holder, 2, id), 0);
	assert_int_equal(truncated_by(w, last, 2, id), -ENOENT);
	poll_of(w, last, id);
	assert_int_equal(truncated_by(w, last, 3, id), 0);
	assert_int_equal(truncated_by(w, session_of(w, holder), 1, id), 0);
}

static void a_poll_renews_its_session_and_ignores_ids_of_other_drives(void **state)
{
	struct worker *w = *state;
	const int64_t session = open_session(w),
		      held[] = {create(w, root_of(w), "f", S_IFREG | 0644), ITEM_ID(w->scope.drive + 1, 5)};
	int64_t others;

	number_of(w, "quiet",
		"UPDATE session SET seen_at = now() - interval '300 s' WHERE id = (SELECT max(id) FROM session)");
	assert_ok(w, w->store->ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, held, 2}, &others));
	assert_int_equal(
		number_of(w, "renewed",
			"SELECT count(*) FROM session WHERE seen_at > now() - interval '10 s' AND id = (SELECT max(id) FROM session)"),
		1);
	assert_int_equal(
		number_of(w, "held", "SELECT count(*) FROM hold WHERE session = (SELECT max(id) FROM session)"), 1);
}

static void a_poll_counts_the_other_present_sessions_of_its_drive(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t mine = open_session(w), theirs = open_session(w), silent = open_session(w);
	const struct docs_scope scope = w->scope;
	struct docs_drive drive;
	char sql[128];
	int64_t others;

	assert_ok(w, ops->session_poll(w->store, &scope, &(struct docs_poll){mine, NULL, 0}, &others));
	assert_int_equal(others, 2);
	/* This session has not polled for long. It may come back, so it is kept. */
	snprintf(sql, sizeof(sql), "UPDATE session SET seen_at = now() - interval '%u s' WHERE id = %" PRId64,
		SESSION_PRESENT_S + 1, silent);
	number_of(w, "silence", sql);
	assert_ok(w, ops->session_poll(w->store, &scope, &(struct docs_poll){mine, NULL, 0}, &others));
	assert_int_equal(others, 1);
	assert_ok(w, ops->session_poll(w->store, &scope, &(struct docs_poll){silent, NULL, 0}, &others));
	assert_int_equal(others, 2);
	assert_ok(w, ops->session_end(w->store, &scope, silent));
	assert_ok(w, ops->session_end(w->store, &scope, theirs));
	assert_ok(w, ops->session_poll(w->store, &scope, &(struct docs_poll){mine, NULL, 0}, &others));
	assert_int_equal(others, 0);
	/* Sessions of another drive do not count as others. */
	assert_ok(w, ops->drive_create(w->store, scope.user, SPAN_LITERAL("second"), 0, &drive));
	w->scope.drive = drive.row.id;
	open_session(w);
	assert_ok(w, ops->session_poll(w->store, &scope, &(struct docs_poll){mine, NULL, 0}, &others));
	assert_int_equal(others, 0);
}

static void extents_of_a_large_orphan_are_deleted_in_several_steps(void **state)
{
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	char sql[256];

	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("f")});
	snprintf(sql, sizeof(sql),
		"INSERT INTO extent (node, at, len, generation, kind, from_, block_size, data) SELECT %" PRId64
		", i * 10, 1, 0, 0, 0, 0, 'x' FROM generate_series(0, 7999) i",
		id);
	number_of_text(sql);
	assert_int_equal(collect_orphans(w, 0), DOCS_PG_PIECE_ROWS);
	assert_int_equal(collect_orphans(w, 0), 8000 - DOCS_PG_PIECE_ROWS + 1);
	assert_int_equal(collect_orphans(w, 0), 0);
}

/* ---- blocks ---- */

static struct docs_block upload(struct worker *w, uint8_t mark)
{
	struct docs_block block = {.size = 100, .uploader = w->scope.user}, ret;
	int64_t room;

	memset(block.sha256, mark, sizeof(block.sha256));
	assert_ok(w, w->store->ops->block_generation(w->store, &w->scope, &block, &room));
	assert_ok(w, w->store->ops->block_stored(w->store, &w->scope, &block, &ret));
	return ret;
}

static void a_block_file_is_a_stray_unless_its_exact_row_exists(void **state)
{
	struct worker *w = *state;
	const struct docs_block block = upload(w, 7);
	struct block_name names[4];
	bool stray[4];

	for (size_t i = 0; i < 4; i++) {
		names[i] = (struct block_name){.drive = w->scope.drive, .generation = block.generation};
		memcpy(names[i].sha256, block.sha256, 32);
	}
	names[0].generation++;
	names[2].drive++;
	names[3].sha256[31]++;
	assert_ok(w, w->store->ops->blocks_strays(w->store, names, 4, stray));
	assert_true(stray[0] && !stray[1] && stray[2] && stray[3]);
}

static void a_block_row_is_not_written_after_its_deadline(void **state)
{
	struct worker *w = *state;
	struct docs_block block = {.size = 100, .uploader = w->scope.user, .within_s = 10}, ret;
	int64_t room;

	memset(block.sha256, 8, sizeof(block.sha256));
	assert_ok(w, w->store->ops->block_generation(w->store, &w->scope, &block, &room));
	block.made_at -= 60;
	assert_int_equal(w->store->ops->block_stored(w->store, &w->scope, &block, &ret), -ENOENT);
	assert_int_equal(w->store->ops->block_find(w->store, &w->scope, block.sha256, &ret), -ENOENT);
	block.made_at += 60;
	assert_ok(w, w->store->ops->block_stored(w->store, &w->scope, &block, &ret));
	assert_int_equal(ret.generation, block.generation);
}

static struct op_extent extent_of(const struct docs_block *block)
{
	struct op_extent extent = {.len = 100, .kind = OP_EXTENT_BLOCK};

	memcpy(extent.sha256, block->sha256, 32);
	return extent;
}

static int64_t refer(struct worker *w, const char *name, const struct docs_block *block)
{
	struct op_extent extent = extent_of(block);
	const int64_t id = create(w, root_of(w), name, S_IFREG | 0644);

	do_op(w, &(struct op){.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1});
	return id;
}

static void age_blocks(struct worker *w)
{
	number_of(w, "age_blocks", "UPDATE block SET touched_at = touched_at - interval '1 h'");
}

struct gone {
	int count;
	struct docs_block last;
};

static int on_block(uint32_t drive, const struct docs_block *block, void *cookie)
{
	struct gone *gone = cookie;

	assert_true(drive > 0);
	gone->count++;
	gone->last = *block;
	return 0;
}

static struct gone collect_blocks(struct worker *w)
{
	struct gone gone = {0};
	uint32_t count = 0;

	assert_ok(w, w->store->ops->collect_blocks(w->store, 600, 100, on_block, &gone, &count));
	assert_true(count >= (uint32_t)gone.count);
	return gone;
}

static void a_second_upload_of_a_block_gets_the_generation_of_the_first(void **state)
{
	struct worker *w = *state;
	const struct docs_block first = upload(w, 1), second = upload(w, 1);
	struct docs_block found;

	assert_int_equal(second.generation, first.generation);
	assert_ok(w, w->store->ops->block_find(w->store, &w->scope, first.sha256, &found));
	assert_int_equal(found.generation, first.generation);
	assert_int_equal(found.size, 100);
	assert_memory_equal(found.sha256, first.sha256, 32);
	assert_int_equal(w->store->ops->block_find(w->store, &w->scope, (const uint8_t[32]){7}, &found), -ENOENT);
	assert_int_equal(w->store->ops->block_referenced(w->store, &w->scope, first.sha256, &found), -ENOENT);
	refer(w, "f", &first);
	assert_ok(w, w->store->ops->block_referenced(w->store, &w->scope, first.sha256, &found));
	age_blocks(w);
	(void)collect_blocks(w);
}

static void unreferenced_blocks_are_collected_after_their_grace(void **state)
{
	struct worker *w = *state;
	const struct docs_block used = upload(w, 2), unused = upload(w, 3);
	struct docs_block found;

	refer(w, "f", &used);
	assert_int_equal(collect_blocks(w).count, 0);
	age_blocks(w);
	struct gone gone = collect_blocks(w);
	assert_int_equal(gone.count, 1);
	assert_memory_equal(gone.last.sha256, unused.sha256, 32);
	assert_int_equal(gone.last.generation, unused.generation);
	assert_int_equal(w->store->ops->block_find(w->store, &w->scope, unused.sha256, &found), -ENOENT);
	/* The block was checked and found needed: it is not checked again until something lets it go. */
	assert_int_equal(number_of(w, "count_doubtful", "SELECT count(*) FROM block WHERE doubtful"), 0);
	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("f")});
	age_blocks(w);
	assert_int_equal(collect_blocks(w).count, 0);
	assert_true(collect_orphans(w, 0) >= 2);
	assert_int_equal(collect_blocks(w).count, 0);
	age_blocks(w);
	gone = collect_blocks(w);
	assert_int_equal(gone.count, 1);
	assert_memory_equal(gone.last.sha256, used.sha256, 32);
	/* When it is stored again, it has another generation. */
	const struct docs_block again = upload(w, 2);
	assert_true(again.generation > used.generation);
	age_blocks(w);
	(void)collect_blocks(w);
}

static void overwritten_and_truncated_blocks_are_collected(void **state)
{
	struct worker *w = *state;
	const struct docs_block a = upload(w, 4), b = upload(w, 5), c = upload(w, 6);
	const int64_t fa = refer(w, "a", &a), fb = refer(w, "b", &b), fc = refer(w, "c", &c);
	static char zeros[100];
	struct op_extent over = {.len = 100, .kind = OP_EXTENT_DATA, .data = {zeros, sizeof(zeros)}};

	age_blocks(w);
	assert_int_equal(collect_blocks(w).count, 0);
	do_op(w, &(struct op){.kind = OP_WRITE, .id = fa, .extents = &over, .extent_count = 1});
	do_op(w, &(struct op){.kind = OP_SETATTR, .id = fb, .size = 0, .fields = OP_HAS_SIZE});
	do_op(w, &(struct op){.kind = OP_SETATTR, .id = fc, .size = 50, .fields = OP_HAS_SIZE});
	age_blocks(w);
	assert_int_equal(collect_blocks(w).count, 2);
	struct docs_block found;
	assert_ok(w, w->store->ops->block_find(w->store, &w->scope, c.sha256, &found));
}

static void block_find_gives_a_block_another_grace(void **state)
{
	struct worker *w = *state;
	const struct docs_block block = upload(w, 7);
	struct docs_block found;

	age_blocks(w);
	assert_ok(w, w->store->ops->block_find(w->store, &w->scope, block.sha256, &found));
	assert_int_equal(collect_blocks(w).count, 0);
	age_blocks(w);
	assert_int_equal(collect_blocks(w).count, 1);
}

/*
 * Uploads, batches that name the blocks, and the collector run at once, all without grace: a block that was
 * reported stored and is named stays, or the batch is refused. In every fifth round the collector pauses: on
 * a quick machine it might otherwise win each single race, and no batch could name a block at all.
 */
#define RACE_ROUNDS 150
#define RACE_ALONE 5
struct race {
	pthread_mutex_t turn; /* held by the collector at work, and by the uploader in a round of its own */
	bool aside, stop;     /* atomic: the uploader waits for its turn; the race is over */
};
struct racer {
	struct worker w;
	pthread_t thread;
	int refused, referred;
	bool failed;
	struct race *race;
};

static void race_alone(struct race *race, bool alone)
{
	__atomic_store_n(&race->aside, alone, __ATOMIC_RELEASE);
	if (alone)
		pthread_mutex_lock(&race->turn);
	else
		pthread_mutex_unlock(&race->turn);
}

static void *race_upload(void *cookie)
{
	struct racer *racer = cookie;
	struct worker *w = &racer->w;
	const struct docs_store_ops *ops = w->store->ops;

	for (int i = 0; i < RACE_ROUNDS; i++) {
		struct docs_block block = {.size = 100}, stored;
		char name[16];
		int64_t room;

		if (i % RACE_ALONE == 0)
			race_alone(racer->race, true);
		memset(block.sha256, 100 + i % 5, sizeof(block.sha256));
		snprintf(name, sizeof(name), "r%d", i);
		if (ops->block_find(w->store, &w->scope, block.sha256, &stored) == -ENOENT &&
			(ops->block_generation(w->store, &w->scope, &block, &room) < 0 ||
				ops->block_stored(w->store, &w->scope, &block, &stored) < 0))
			racer->failed = true;
		const struct op made = {.kind = OP_CREATE,
			.parent = root_of(w),
			.name = span_str(name),
			.mode = S_IFREG,
			.fields = OP_HAS_MODE};
		const struct op gone = {.kind = OP_UNLINK, .parent = root_of(w), .name = span_str(name)};
		struct request request = {.ops = &made, .count = 1, .key = {.user = w->scope.user}};
		struct done done = {0};
		if (transact(w, &request, NULL, &done) < 0 || done.error < 0)
			racer->failed = true;
		struct op_extent extent = extent_of(&block);
		const struct op write = {.kind = OP_WRITE, .id = done.id, .extents = &extent, .extent_count = 1};
		request.ops = &write;
		if (transact(w, &request, NULL, &done) < 0 || (done.error < 0 && done.error != -ERR_BLOCK_MISSING))
			racer->failed = true;
		racer->refused += done.error < 0;
		racer->referred += done.error == 0;
		request.ops = &gone;
		if (i % 3 && (transact(w, &request, NULL, &done) < 0 || done.error < 0))
			racer->failed = true;
		if (i % RACE_ALONE == 0)
			race_alone(racer->race, false);
	}
	return NULL;
}

static void *race_collect(void *cookie)
{
	struct racer *racer = cookie;
	struct worker *w = &racer->w;
	struct gone gone = {0};
	uint32_t count;

	while (!__atomic_load_n(&racer->race->stop, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&racer->race->aside, __ATOMIC_ACQUIRE)) {
			sched_yield();
			continue;
		}
		pthread_mutex_lock(&racer->race->turn);
		if (w->store->ops->collect_orphans(w->store, 0, 10, &count) < 0 ||
			w->store->ops->collect_blocks(w->store, 0, 10, on_block, &gone, &count) < 0)
			racer->failed = true;
		pthread_mutex_unlock(&racer->race->turn);
	}
	racer->referred = gone.count;
	return NULL;
}

static void the_collector_never_deletes_a_block_that_a_batch_refers_to(void **state)
{
	struct worker *w = *state;
	struct racer uploader = {.w = {.scope = w->scope}}, collector = {.w = {.scope = w->scope}};
	struct race race = {.turn = PTHREAD_MUTEX_INITIALIZER};

	uploader.race = collector.race = &race;
	assert_int_equal(worker_connect(&uploader.w), 0);
	assert_int_equal(worker_connect(&collector.w), 0);
	assert_int_equal(pthread_create(&uploader.thread, NULL, race_upload, &uploader), 0);
	assert_int_equal(pthread_create(&collector.thread, NULL, race_collect, &collector), 0);
	pthread_join(uploader.thread, NULL);
	__atomic_store_n(&race.stop, true, __ATOMIC_RELEASE);
	pthread_join(collector.thread, NULL);
	print_message("%d batches named blocks, %d were refused, %d blocks collected\n", uploader.referred,
		uploader.refused, collector.referred);
	assert_false(uploader.failed);
	assert_false(collector.failed);
	assert_true(uploader.referred >= RACE_ROUNDS / RACE_ALONE);
	assert_int_equal(
		number_of(w, "missing",
			"SELECT count(*) FROM extent x WHERE kind = 1 AND NOT EXISTS (SELECT FROM block b WHERE b.drive = x.node >> 32 AND b.sha256 = x.sha256 AND b.generation = x.generation)"),
		0);
	assert_int_equal(
		number_of(w, "deadlocks", "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
		0);
	worker_fini(&uploader.w);
	worker_fini(&collector.w);
}

/* ---- what has expired ---- */

static void a_drive_30_days_in_the_trash_is_deleted_with_all_its_rows(void **state)
{
	struct worker *w = *state;
	const struct docs_block block = upload(w, 50);
	uint32_t count = 0;

	refer(w, "f", &block);
	write_inline(w, create(w, create(w, root_of(w), "d", S_IFDIR | 0755), "g", S_IFREG | 0644), 0, "text");
	do_op(w,
		&(struct op){.kind = OP_SETXATTR,
			.id = root_of(w),
			.name = SPAN_LITERAL("user.a"),
			.target = SPAN_LITERAL("1")});
	(void)open_session(w);
	assert_ok(w, w->store->ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	for (int i = 0; i < 3; i++)
		assert_ok(w, w->store->ops->collect_expired(w->store, 2, &count));
	assert_int_equal(count, 0);
	number_of(w, "long_ago",
		"UPDATE drive SET trashed_at = now() - interval '31 days' WHERE id = (SELECT max(id) FROM drive)");
	for (int i = 0; i < 20; i++) {
		assert_ok(w, w->store->ops->collect_expired(w->store, 2, &count));
		if (count == 0)
			break;
	}
	/* The drive's row stays for the block only: the block's bytes are still stored. */
	assert_int_equal(
		number_of(w, "drives", "SELECT count(*) FROM drive WHERE trashed_at < now() - interval '30 days'"), 1);
	struct gone gone = collect_blocks(w);
	assert_int_equal(gone.count, 1);
	assert_int_equal(gone.last.generation, block.generation);
	assert_ok(w, w->store->ops->collect_expired(w->store, 2, &count));
	assert_true(count > 0);
	char sql[512];
	snprintf(sql, sizeof(sql),
		"SELECT (SELECT count(*) FROM drive WHERE id = %1$u) + (SELECT count(*) FROM node WHERE id >> 32 = %1$u) + (SELECT count(*) FROM entry WHERE parent >> 32 = %1$u)"
		" + (SELECT count(*) FROM extent WHERE node >> 32 = %1$u) + (SELECT count(*) FROM xattr WHERE node >> 32 = %1$u)"
		" + (SELECT count(*) FROM journal WHERE drive = %1$u) + (SELECT count(*) FROM session WHERE drive = %1$u)",
		w->scope.drive);
	assert_int_equal(number_of_text(sql), 0);
}

static void idempotency_keys_older_than_a_day_are_deleted_in_steps(void **state)
{
	struct worker *w = *state;
	uint32_t count = 0;

	number_of(w, "old_keys",
		"INSERT INTO idempotency (user_id, drive, status, key, fingerprint, headers, body, created_at)"
		" SELECT 1, 1, 200, i::text::bytea, '', '', '', now() - interval '25 h' FROM generate_series(1, 15) i");
	number_of(w, "new_key",
		"INSERT INTO idempotency (user_id, drive, status, key, fingerprint, headers, body) VALUES (1, 1, 200, 'new', '', '', '')");
	assert_ok(w, w->store->ops->collect_expired(w->store, 10, &count));
	assert_int_equal(count, 10);
	assert_ok(w, w->store->ops->collect_expired(w->store, 10, &count));
	assert_int_equal(count, 5);
	assert_int_equal(number_of(w, "keys_left", "SELECT count(*) FROM idempotency WHERE user_id = 1"), 1);
}

static int64_t used_of(struct worker *w)
{
	struct docs_drive drive;

	assert_ok(w, w->store->ops->drive_get(w->store, &w->scope, &drive));
	return drive.row.used;
}

static void a_held_orphan_is_charged_after_the_grace_until_it_is_deleted(void **state)
{
	struct worker *w = *state;
	const int64_t session = open_session(w), id = create(w, root_of(w), "f", S_IFREG | 0644);
	int64_t others;

	write_inline(w, id, 0, "0123456789");
	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("f")});
	write_inline(w, id, 10, "more");
	assert_ok(w, w->store->ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, &id, 1}, &others));
	assert_int_equal(collect_orphans(w, 120), 0);
	assert_int_equal(used_of(w), 4);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(collect_orphans(w, 0), 0);
		assert_int_equal(used_of(w), 14);
	}
	assert_ok(w, w->store->ops->session_end(w->store, &w->scope, session));
	assert_true(collect_orphans(w, 0) > 0);
	assert_int_equal(used_of(w), 0);
}

static int64_t rows_of_journal(struct worker *w)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM journal WHERE drive = %u", w->scope.drive);
	return number_of_text(sql);
}

static int ignore_change(const struct tree_change *change, void *cookie)
{
	(void)change, (void)cookie;
	return 0;
}

/* Raises the drive's seq as if `changes` more changes had come, and makes the rows that are there as old as `age`. */
static void age_journal(struct worker *w, int64_t changes, const char *age)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		"WITH j AS (UPDATE journal SET made_at = now() - interval '%s' WHERE drive = %u) UPDATE drive SET seq = seq + %" PRId64
		" WHERE id = %u",
		age, w->scope.drive, changes, w->scope.drive);
	(void)number_of_text(sql);
}

static void the_journal_keeps_its_latest_and_its_young_entries_up_to_a_limit(void **state)
{
	struct worker *w = *state;
	struct docs_position at;
	uint32_t count;

	(void)create(w, root_of(w), "a", S_IFREG | 0644);
	(void)create(w, root_of(w), "b", S_IFREG | 0644);
	age_journal(w, JOURNAL_ROWS_KEPT - 2, "2 h");
	assert_ok(w, w->store->ops->collect_expired(w->store, 100, &count));
	assert_int_equal(rows_of_journal(w), 2);
	age_journal(w, 1, "30 min");
	assert_ok(w, w->store->ops->collect_expired(w->store, 100, &count));
	assert_int_equal(rows_of_journal(w), 2);
	age_journal(w, 0, "2 h");
	assert_ok(w, w->store->ops->collect_expired(w->store, 100, &count));
	assert_int_equal(rows_of_journal(w), 1);
	assert_int_equal(w->store->ops->changes(w->store, &w->scope, 0, 10, ignore_change, NULL, &at), -ERR_GONE);
	/* However young changes are, their number has a limit. */
	age_journal(w, JOURNAL_ROWS_MAX, "0 s");
	assert_ok(w, w->store->ops->collect_expired(w->store, 100, &count));
	assert_int_equal(rows_of_journal(w), 0);
}

static void the_oldest_kept_answers_of_a_drive_are_deleted_above_the_limit(void **state)
{
	struct worker *w = *state;
	char sql[512];
	uint32_t count;

	/* Five answers, each of a third of what may be kept: one each quarter of an hour, the last one now. */
	(void)snprintf(sql, sizeof(sql),
		"INSERT INTO idempotency (user_id, drive, status, created_at, key, fingerprint, headers, body)"
		" SELECT %" PRId64
		", %u, 200, now() - i * interval '15 min', int4send(i), '', '', decode(repeat('00', %d), 'hex') FROM generate_series(0, 4) i",
		w->scope.user, w->scope.drive, KEPT_ANSWERS_BYTES_MAX / 3);
	(void)number_of_text(sql);
	assert_ok(w, w->store->ops->collect_expired(w->store, 100, &count));
	(void)snprintf(sql, sizeof(sql), "SELECT sum(1 << get_byte(key, 3)) FROM idempotency WHERE user_id = %" PRId64,
		w->scope.user);
	assert_int_equal(number_of_text(sql), 1 + 2);
	(void)snprintf(sql, sizeof(sql), "DELETE FROM idempotency WHERE user_id = %" PRId64, w->scope.user);
	(void)number_of_text(sql);
}

static void last_answers_of_the_longest_silent_sessions_are_dropped_above_the_limit(void **state)
{
	struct worker *w = *state;
	char sql[512];
	uint32_t count;

	/* Five answers, each of a third of what may be kept: one each minute, the last one now. */
	(void)snprintf(sql, sizeof(sql),
		"INSERT INTO session (user_id, drive, number, seen_at, name, fingerprint, headers, body, began_seq)"
		" SELECT %" PRId64
		", %u, i, now() - i * interval '1 min', 'm', 'f', 'h', decode(repeat('00', %d), 'hex'), 0"
		" FROM generate_series(0, 4) i",
		w->scope.user, w->scope.drive, KEPT_ANSWERS_BYTES_MAX / 3);
	(void)number_of_text(sql);
	assert_ok(w, w->store->ops->collect_expired(w->store, 100, &count));
	(void)snprintf(sql, sizeof(sql),
		"SELECT sum(1 << number::int) FROM session WHERE drive = %u AND length(body) > 0 AND fingerprint = 'f'",
		w->scope.drive);
	assert_int_equal(number_of_text(sql), 1 + 2 + 4);
	(void)snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM session WHERE drive = %u AND fingerprint = '' AND headers = '' AND number IN (3, 4)",
		w->scope.drive);
	assert_int_equal(number_of_text(sql), 2);
	(void)snprintf(sql, sizeof(sql), "DELETE FROM session WHERE drive = %u", w->scope.drive);
	(void)number_of_text(sql);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(an_unlinked_file_is_readable_only_by_an_open_session),
		with_worker(a_block_file_is_a_stray_unless_its_exact_row_exists),
		with_worker(a_block_row_is_not_written_after_its_deadline),
		with_worker(a_held_orphan_is_kept_beyond_its_grace_until_released),
		with_worker(an_orphan_to_which_an_entry_leads_is_not_deleted),
		with_worker(holds_end_when_their_session_expires),
		with_worker(an_orphan_can_be_changed_only_by_sessions_that_may_have_it_open),
		with_worker(a_held_orphan_is_charged_after_the_grace_until_it_is_deleted),
		with_worker(the_journal_keeps_its_latest_and_its_young_entries_up_to_a_limit),
		with_worker(the_oldest_kept_answers_of_a_drive_are_deleted_above_the_limit),
		with_worker(last_answers_of_the_longest_silent_sessions_are_dropped_above_the_limit),
		with_worker(a_poll_renews_its_session_and_ignores_ids_of_other_drives),
		with_worker(a_poll_counts_the_other_present_sessions_of_its_drive),
		with_worker(extents_of_a_large_orphan_are_deleted_in_several_steps),
		with_worker(a_second_upload_of_a_block_gets_the_generation_of_the_first),
		with_worker(unreferenced_blocks_are_collected_after_their_grace),
		with_worker(overwritten_and_truncated_blocks_are_collected),
		with_worker(block_find_gives_a_block_another_grace),
		with_worker(the_collector_never_deletes_a_block_that_a_batch_refers_to),
		with_worker(a_drive_30_days_in_the_trash_is_deleted_with_all_its_rows),
		with_worker(idempotency_keys_older_than_a_day_are_deleted_in_steps),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
