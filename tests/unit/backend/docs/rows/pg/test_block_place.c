/* Where blocks lie: the row that says it, and that no block gets a row by an outdated step. */
#include "backend/docs/rows/pg/block_place.h"

#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

#include <pthread.h>
#include <unistd.h>

#define LOOKS 30000 /* at least a millisecond apart */

static bool waits_for_a_lock(void)
{
	return number_of_text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0;
}

static void forget(struct worker *w)
{
	if (pg_script(w->pg, "TRUNCATE block_place") < 0)
		fail_msg("%s", pg_error(w->pg));
}

static struct block_place_row row_of(struct worker *w)
{
	struct block_place_row row = {.moved = -1};

	assert_ok(w, block_place_read(w->pg, &row));
	return row;
}

/* Stores a block of that mark that was put in that step. Returns the result of block_stored. */
static int store_block(struct worker *w, uint8_t mark, int64_t step)
{
	struct docs_block block = {.size = 100, .uploader = w->scope.user, .step = step}, ret;
	int64_t room;

	memset(block.sha256, mark, sizeof(block.sha256));
	const int r = w->store->ops->block_generation(w->store, &w->scope, &block, &room);
	return r < 0 ? r : w->store->ops->block_stored(w->store, &w->scope, &block, &ret);
}

static void the_first_block_place_is_kept_and_later_ones_are_ignored(void **state)
{
	struct worker *w = *state;
	struct block_place_row row;

	forget(w);
	assert_int_equal(block_place_read(w->pg, &row), -ENOENT);
	assert_ok(w, block_place_first(w->pg, BLOCK_KIND_PG));
	assert_ok(w, block_place_first(w->pg, BLOCK_KIND_DIR));
	row = row_of(w);
	assert_int_equal(row.place.kind, BLOCK_KIND_PG);
	assert_int_equal(row.place.target, BLOCK_KINDS);
	assert_int_equal(row.place.step, 1);
}

static void a_move_begins_progresses_and_switches_only_by_its_current_step(void **state)
{
	struct worker *w = *state;
	struct block_name page[BLOCK_PLACE_PAGE];
	size_t count;

	forget(w);
	assert_ok(w, block_place_first(w->pg, BLOCK_KIND_DIR));
	assert_int_equal(block_place_switch(w->pg, 1), -ESTALE);
	assert_ok(w, block_place_begin(w->pg, 1, BLOCK_KIND_S3));
	assert_int_equal(block_place_begin(w->pg, 1, BLOCK_KIND_S3), -ESTALE);
	assert_int_equal(block_place_begin(w->pg, 2, BLOCK_KIND_PG), -ESTALE);
	struct block_place_row row = row_of(w);
	assert_int_equal(row.place.step, 2);
	assert_int_equal(row.place.target, BLOCK_KIND_S3);
	assert_false(row.begun);
	assert_ok(w, store_block(w, 1, 2));
	assert_ok(w, block_place_page(w->pg, &row, page, &count));
	assert_true(count > 0);
	assert_ok(w, block_place_progress(w->pg, 2, &page[count - 1], count));
	assert_int_equal(block_place_progress(w->pg, 1, &page[count - 1], count), -ESTALE);
	row = row_of(w);
	assert_true(row.begun);
	assert_int_equal(row.drive, page[count - 1].drive);
	assert_memory_equal(row.sha256, page[count - 1].sha256, 32);
	assert_int_equal(row.moved, count);
	assert_ok(w, block_place_page(w->pg, &row, page, &count));
	assert_int_equal(count, 0);
	assert_ok(w, block_place_switch(w->pg, 2));
	row = row_of(w);
	assert_int_equal(row.place.kind, BLOCK_KIND_S3);
	assert_int_equal(row.place.target, BLOCK_KINDS);
	assert_int_equal(row.place.step, 3);
}

static void a_move_turns_round_until_it_has_switched(void **state)
{
	struct worker *w = *state;
	struct block_name page[BLOCK_PLACE_PAGE];
	size_t count;

	forget(w);
	assert_ok(w, block_place_first(w->pg, BLOCK_KIND_DIR));
	assert_int_equal(block_place_turn(w->pg, 1), -ESTALE);
	assert_ok(w, block_place_begin(w->pg, 1, BLOCK_KIND_S3));
	assert_ok(w, store_block(w, 7, 2));
	struct block_place_row row = row_of(w);
	assert_ok(w, block_place_page(w->pg, &row, page, &count));
	assert_ok(w, block_place_progress(w->pg, 2, &page[count - 1], count));
	assert_int_equal(block_place_turn(w->pg, 1), -ESTALE);
	assert_ok(w, block_place_turn(w->pg, 2));
	row = row_of(w);
	assert_int_equal(row.place.kind, BLOCK_KIND_S3);
	assert_int_equal(row.place.target, BLOCK_KIND_DIR);
	assert_int_equal(row.place.step, 3);
	assert_false(row.begun); /* all blocks are looked at again */
	assert_int_equal(row.moved, 0);
	assert_int_equal(store_block(w, 8, 2), -ENOENT);
}

static void a_switched_move_is_begun_until_the_old_store_is_emptied(void **state)
{
	struct worker *w = *state;
	struct block_name page[BLOCK_PLACE_PAGE];
	size_t count;

	forget(w);
	assert_ok(w, block_place_first(w->pg, BLOCK_KIND_DIR));
	assert_ok(w, block_place_begin(w->pg, 1, BLOCK_KIND_PG));
	assert_ok(w, store_block(w, 9, 2));
	struct block_place_row row = row_of(w);
	assert_ok(w, block_place_page(w->pg, &row, page, &count));
	assert_ok(w, block_place_progress(w->pg, 2, &page[count - 1], count));
	assert_int_equal(block_place_emptied(w->pg, 2), -ESTALE); /* blocks still move */
	assert_ok(w, block_place_switch(w->pg, 2));
	assert_true(row_of(w).begun);
	assert_int_equal(block_place_emptied(w->pg, 2), -ESTALE);
	assert_ok(w, block_place_emptied(w->pg, 3));
	assert_false(row_of(w).begun);
	assert_int_equal(row_of(w).place.step, 3);
}

static void a_block_is_stored_only_under_the_current_step_or_step_zero(void **state)
{
	struct worker *w = *state;

	forget(w);
	assert_ok(w, store_block(w, 1, 0)); /* step 0: a store that does not move */
	assert_int_equal(store_block(w, 2, 1), -ENOENT);
	assert_ok(w, block_place_first(w->pg, BLOCK_KIND_DIR));
	assert_ok(w, store_block(w, 3, 1));
	assert_ok(w, block_place_begin(w->pg, 1, BLOCK_KIND_S3));
	assert_int_equal(store_block(w, 4, 1), -ENOENT);
	assert_ok(w, store_block(w, 4, 2));
}

struct late {
	struct worker worker;
	int result;
};

static void *store_late(void *cookie)
{
	struct late *l = cookie;

	l->result = store_block(&l->worker, 5, 1);
	return NULL;
}

/* The writer has read the old step, waits for the mover's transaction, and sees the new step when that
 * transaction is committed. */
static void a_write_that_waits_for_a_beginning_move_is_then_refused(void **state)
{
	struct worker *w = *state;
	struct late late = {.worker.scope = w->scope};
	pthread_t thread;

	forget(w);
	assert_ok(w, block_place_first(w->pg, BLOCK_KIND_DIR));
	assert_int_equal(worker_connect(&late.worker), 0);
	assert_ok(w, pg_script(w->pg, "BEGIN; UPDATE block_place SET step = 2, target = 'pg'"));
	assert_int_equal(pthread_create(&thread, NULL, store_late, &late), 0);
	for (int i = 0; !waits_for_a_lock() && i < LOOKS; i++)
		usleep(1000);
	assert_true(waits_for_a_lock());
	assert_ok(w, pg_script(w->pg, "COMMIT"));
	pthread_join(thread, NULL);
	assert_int_equal(late.result, -ENOENT);
	worker_fini(&late.worker);
}

/* The other way round: a move begins only when the writer's transaction has ended, with the row of its block
 * or without. */
static void a_move_cannot_begin_until_a_writers_transaction_ends(void **state)
{
	struct worker *w = *state;
	struct late late = {.worker.scope = w->scope};

	forget(w);
	assert_ok(w, block_place_first(w->pg, BLOCK_KIND_DIR));
	assert_int_equal(worker_connect(&late.worker), 0);
	assert_ok(w, pg_script(late.worker.pg, "BEGIN"));
	assert_ok(w, store_block(&late.worker, 6, 1));
	assert_ok(w, pg_script(w->pg, "SET lock_timeout = '50ms'"));
	assert_true(block_place_begin(w->pg, 1, BLOCK_KIND_S3) < 0);
	assert_ok(w, pg_script(late.worker.pg, "COMMIT"));
	assert_ok(w, block_place_begin(w->pg, 1, BLOCK_KIND_S3));
	worker_fini(&late.worker);
}

/* Extents of three blocks: one that has a row, one whose row has another generation, and one without a row, which
 * 299 extents name. Extents without a document need no block. */
static void blocks_that_documents_use_and_that_have_no_row_are_found(void **state)
{
	struct worker *w = *state;
	const int64_t file = create(w, root_of(w), "f", S_IFREG | 0644);
	struct block_name found[BLOCK_PLACE_PAGE];
	struct block_place_extent at = {0};
	unsigned of[10] = {0}, pages = 0;
	size_t count = 0;
	char sql[512];
	int r;

	forget(w);
	assert_ok(w, store_block(w, 1, 0));
	snprintf(sql, sizeof(sql),
		"INSERT INTO extent (node, at, len, generation, kind, from_, block_size, sha256) SELECT n.id, i * 100, 100,"
		" CASE i WHEN 0 THEN (SELECT max(generation) FROM block) WHEN 1 THEN -1 ELSE 7 END, 1, 0, 100,"
		" decode(repeat(CASE WHEN i < 2 THEN '01' ELSE '09' END, 32), 'hex')"
		" FROM (VALUES (%" PRId64 "), (%" PRId64 ")) n (id), generate_series(0, 300) i",
		file, file + 1000);
	assert_ok(w, pg_script(w->pg, sql));
	while ((r = block_place_lost(w->pg, &at, found, &count)) == 0 && pages++ < 10)
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(found[i].drive, w->scope.drive);
			assert_int_equal(found[i].generation, found[i].sha256[31] == 1 ? -1 : 7);
			of[found[i].sha256[0]]++;
		}
	assert_int_equal(r, -ENOENT);
	assert_int_equal(of[1], 1);
	assert_int_equal(of[9], 2); /* once for each of the two pages with extents of it */
}

static void the_mover_lock_is_held_by_one_connection_at_a_time(void **state)
{
	struct worker *w = *state;
	struct worker other = {0};

	assert_int_equal(worker_connect(&other), 0);
	assert_ok(w, block_place_lock(w->pg));
	assert_int_equal(block_place_lock(other.pg), -EBUSY);
	worker_fini(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(the_first_block_place_is_kept_and_later_ones_are_ignored),
		with_worker(a_move_begins_progresses_and_switches_only_by_its_current_step),
		with_worker(a_move_turns_round_until_it_has_switched),
		with_worker(a_switched_move_is_begun_until_the_old_store_is_emptied),
		with_worker(a_block_is_stored_only_under_the_current_step_or_step_zero),
		with_worker(a_write_that_waits_for_a_beginning_move_is_then_refused),
		with_worker(a_move_cannot_begin_until_a_writers_transaction_ends),
		with_worker(blocks_that_documents_use_and_that_have_no_row_are_found),
		with_worker(the_mover_lock_is_held_by_one_connection_at_a_time),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
