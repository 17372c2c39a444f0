#include "backend/docs/rows/pg/docs_pg_internal.h"

/*
 * Rows that are no longer needed are found without a lock. Then they are checked again and removed under the
 * lock of their drive: batches, which alone create references, wait for that lock. Uploads do not wait for it,
 * so the rows of blocks are locked before the decision about them. Each piece of work is a transaction of its
 * own with a bounded number of rows.
 */

#define SWEPT_AT_ONCE 1024 /* drives whose journals and kept answers are checked in one round: one index look-up each */
#define PURGED_AT_ONCE 32  /* drives from each of which one round removes a piece */

/* The steps that remove a drive, in this order; the last one removes its row. */
static const struct pg_statement *const PURGES[] = {&SQL_PURGE_EXTENT, &SQL_PURGE_XATTR, &SQL_PURGE_ENTRY,
	&SQL_PURGE_NODE, &SQL_PURGE_JOURNAL, &SQL_PURGE_SESSION, &SQL_PURGE_IDEMPOTENCY, &SQL_PURGE_BLOCK,
	&SQL_PURGE_SUM, &SQL_PURGE_DRIVE};
#define PURGE_COUNT (sizeof(PURGES) / sizeof(PURGES[0]))
#define STEPS_MAX PURGE_COUNT
struct step {
	const struct pg_statement *statement;
	const struct pg_param *params;
	size_t count;
};

/* BEGIN, the lock, the statements (each with as many parameters as it uses), COMMIT: one round trip. ret_results: the
 * results of the statements in order; the caller frees them. */
static int run_locked(
	struct docs_pg *s, uint32_t drive, const struct step *steps, size_t count, struct pg_result **ret_results)
{
	const struct pg_param id = PG_P_I32(drive);
	struct pg_result *results[STEPS_MAX + 3] = {NULL};

	int r = pg_pipeline_begin(s->pg);
	if (r < 0)
		return r;
	r = pg_pipeline_add(s->pg, &PG_BEGIN, NULL, 0);
	if (r == 0)
		r = pg_pipeline_add(s->pg, &SQL_LOCK_ANY, &id, 1);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = pg_pipeline_add(s->pg, steps[i].statement, steps[i].params, steps[i].count);
	if (r == 0)
		r = pg_pipeline_add(s->pg, &PG_COMMIT, NULL, 0);
	if (r == 0)
		r = pg_pipeline_flush(s->pg, results);
	if (r < 0) {
		(void)pg_pipeline_rollback(s->pg);
		return r;
	}
	pg_pipeline_end(s->pg);
	for (size_t i = 0; i < count + 3; i++) {
		if (i >= 2 && i < count + 2)
			ret_results[i - 2] = results[i];
		else
			pg_result_free(results[i]);
	}
	return 0;
}

/* ---- blocks ---- */

struct block_pass {
	int64_t grace_s;
	bool short_of_room; /* no grace for blocks that were let go */
	int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie);
	void *cookie;
	uint32_t count;
};

/* The removal of these rows is committed; now their bytes are removed. */
static int give_gone(const struct pg_result *result, uint32_t drive, struct block_pass *pass)
{
	enum { SHA256, GENERATION, SIZE, UPLOADER };
	int r = 0;

	for (int row = 0; r >= 0 && row < pg_rows(result); row++) {
		const struct span sha256 = pg_bytes(result, row, SHA256);
		struct docs_block block = {
			.generation = pg_number(result, row, GENERATION),
			.size = (uint32_t)pg_number(result, row, SIZE),
			.uploader = pg_number(result, row, UPLOADER),
		};

		if (pg_is_null(result, row, SHA256) || sha256.size != sizeof(block.sha256))
			continue;
		memcpy(block.sha256, sha256.data, sizeof(block.sha256));
		pass->count++;
		r = pass->on_block(drive, &block, pass->cookie);
	}
	return r;
}

/* Settles the blocks in bytes[0], all of one drive. */
static int settle(struct docs_pg *s, uint32_t drive, struct block_pass *pass)
{
	const struct pg_param params[] = {
		PG_P_I32(drive), pg_array_param(s->bytes[0]), PG_P_I64(pass->grace_s), PG_P_I64(pass->short_of_room)};
	const struct step steps[] = {{&SQL_DOUBTFUL_LOCK, params, 4}, {&SQL_DOUBTFUL_SETTLE, params, 4}};
	struct pg_result *results[2] = {NULL};

	int r = run_locked(s, drive, steps, 2, results);
	if (r == 0)
		r = give_gone(results[1], drive, pass);
	pg_result_free(results[0]);
	pg_result_free(results[1]);
	return r;
}

/* Rows of drives and hashes, sorted by drive. */
static int settle_each(struct docs_pg *s, const struct pg_result *doubtful, struct block_pass *pass)
{
	const int rows = pg_rows(doubtful);
	int r = 0;

	docs_pg_reset(s);
	for (int row = 0; r >= 0 && row < rows; row++) {
		const int64_t drive = pg_number(doubtful, row, 0);

		r = pg_array_add_bytes(s->bytes[0], pg_bytes(doubtful, row, 1));
		if (r < 0 || (row + 1 < rows && pg_number(doubtful, row + 1, 0) == drive))
			continue;
		r = settle(s, (uint32_t)drive, pass);
		docs_pg_reset(s);
	}
	return r < 0 ? r : 0;
}

/* budget: the signature is that of docs_store.h */
int docs_pg_collect_blocks(struct docs_store *store, int64_t grace_s, uint32_t limit,
	int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie,
	uint32_t *ret_count)
{
	struct docs_pg *s = docs_pg_of(store);
	struct block_pass pass = {grace_s, false, on_block, cookie, 0};
	const struct pg_param params[] = {PG_P_I64(grace_s), PG_P_I64(limit)};
	struct pg_result *doubtful = NULL;

	int r = pg_run(s->pg, &SQL_DOUBTFUL, params, 2, &doubtful);
	if (r < 0)
		return r;
	r = settle_each(s, doubtful, &pass);
	const uint32_t rows = (uint32_t)pg_rows(doubtful);
	pg_result_free(doubtful);
	if (r < 0)
		return r;
	/* Blocks that turned out to be needed are counted as work, too: a full count means that there may be more. */
	*ret_count = rows > pass.count ? rows : pass.count;
	return 0;
}

/* Under the drive's lock, by a statement that returns the removed rows. */
static int drop(struct docs_pg *s, uint32_t drive, const struct step *step, struct block_pass *pass)
{
	struct pg_result *result = NULL;

	int r = run_locked(s, drive, step, 1, &result);
	if (r == 0)
		r = give_gone(result, drive, pass);
	pg_result_free(result);
	return r;
}

/* budget: the signature is that of docs_store.h */
int docs_pg_block_drop(struct docs_store *store, uint32_t drive, const struct docs_block *blocks, size_t count,
	int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie)
{
	struct docs_pg *s = docs_pg_of(store);
	struct block_pass pass = {0, false, on_block, cookie, 0};
	int r = 0;

	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = pg_array_add_bytes(s->bytes[0], span_of(blocks[i].sha256, sizeof(blocks[i].sha256)));
		if (r == 0)
			r = pg_array_add_number(s->numbers[0], blocks[i].touched);
	}
	const struct pg_param params[] = {PG_P_I32(drive), pg_array_param(s->bytes[0]), pg_array_param(s->numbers[0])};
	const struct step step = {&SQL_BLOCK_DROP, params, 3};
	return r < 0 ? r : drop(s, drive, &step, &pass);
}

/* budget: the signature is that of docs_store.h */
int docs_pg_block_refused(struct docs_store *store, uint32_t drive, const uint8_t (*hashes)[32], size_t count,
	int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie)
{
	struct docs_pg *s = docs_pg_of(store);
	struct block_pass pass = {0, false, on_block, cookie, 0};
	int r = 0;

	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = pg_array_add_bytes(s->bytes[0], span_of(hashes[i], sizeof(hashes[i])));
	const struct pg_param params[] = {PG_P_I32(drive), pg_array_param(s->bytes[0])};
	const struct step step = {&SQL_BLOCK_REFUSED, params, 2};
	return r < 0 ? r : drop(s, drive, &step, &pass);
}

int docs_pg_collect_short(struct docs_store *store, const struct docs_shortage *shortage,
	int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie,
	uint32_t *ret_count)
{
	struct docs_pg *s = docs_pg_of(store);
	struct block_pass pass = {shortage->grace_s, true, on_block, cookie, 0};
	const struct pg_param params[] = {PG_P_I32(shortage->drive), PG_P_I64(shortage->grace_s),
		PG_P_I64(shortage->limit), PG_P_I64(shortage->bytes)};
	struct pg_result *doubtful = NULL;

	int r = pg_run(s->pg, &SQL_DOUBTFUL_SHORT, params, 4, &doubtful);
	if (r == 0) {
		r = settle_each(s, doubtful, &pass);
		*ret_count = (uint32_t)pg_rows(doubtful);
	}
	pg_result_free(doubtful);
	return r;
}

/* ---- documents without a name ---- */

/* Removes the documents in numbers[0], all of one drive. *count grows by the number of removed rows. */
static int end_orphans(struct docs_pg *s, uint32_t drive, int64_t grace_s, uint32_t *count)
{
	const struct pg_param params[] = {
		pg_array_param(s->numbers[0]), PG_P_I64(grace_s), PG_P_I64(DOCS_PG_PIECE_ROWS)};
	const struct step steps[] = {{&SQL_ORPHAN_EXTENTS, params, 3}, {&SQL_ORPHAN_NODES, params, 2}};
	struct pg_result *results[2] = {NULL};

	int r = run_locked(s, drive, steps, 2, results);
	if (r < 0)
		return r;
	for (size_t i = 0; i < 2; i++) {
		*count += (uint32_t)pg_number(results[i], 0, 0);
		pg_result_free(results[i]);
	}
	return 0;
}

/* Charges the drive for the documents in numbers[0], all of one drive. */
static int charge_orphans(struct docs_pg *s, uint32_t drive, int64_t grace_s)
{
	const struct pg_param params[] = {pg_array_param(s->numbers[0]), PG_P_I64(grace_s)};
	const struct step step = {&SQL_ORPHANS_CHARGE, params, 2};
	struct pg_result *result = NULL;

	int r = run_locked(s, drive, &step, 1, &result);
	if (r == 0)
		pg_result_free(result);
	return r;
}

/* Charges for documents without a name that a session still holds, one document at a time. */
static int charge_held(struct docs_pg *s, int64_t grace_s, uint32_t limit)
{
	const struct pg_param params[] = {PG_P_I64(grace_s), PG_P_I64(limit)};
	struct pg_result *held = NULL;

	int r = pg_run(s->pg, &SQL_ORPHANS_HELD, params, 2, &held);
	for (int row = 0; r == 0 && row < pg_rows(held); row++) {
		docs_pg_reset(s);
		r = pg_array_add_number(s->numbers[0], pg_number(held, row, 0));
		if (r == 0)
			r = charge_orphans(s, ITEM_DRIVE(pg_number(held, row, 0)), grace_s);
	}
	pg_result_free(held);
	return r;
}

int docs_pg_collect_orphans(struct docs_store *store, int64_t grace_s, uint32_t limit, uint32_t *ret_count)
{
	struct docs_pg *s = docs_pg_of(store);
	const struct pg_param params[] = {PG_P_I64(grace_s), PG_P_I64(limit)};
	struct pg_result *orphans = NULL;
	uint32_t count = 0;

	int r = pg_run(s->pg, &SQL_ORPHANS, params, 2, &orphans);
	if (r < 0)
		return r;
	docs_pg_reset(s);
	const int rows = pg_rows(orphans);
	for (int row = 0; r == 0 && row < rows; row++) {
		const int64_t id = pg_number(orphans, row, 0);

		r = pg_array_add_number(s->numbers[0], id);
		if (r < 0 || (row + 1 < rows && ITEM_DRIVE(pg_number(orphans, row + 1, 0)) == ITEM_DRIVE(id)))
			continue;
		r = end_orphans(s, ITEM_DRIVE(id), grace_s, &count);
		docs_pg_reset(s);
	}
	pg_result_free(orphans);
	if (r == 0)
		r = charge_held(s, grace_s, limit);
	if (r == 0)
		*ret_count = count;
	return r;
}

/* ---- expired rows ---- */

static int expire(struct docs_pg *s, const struct pg_statement *statement, uint32_t limit, uint32_t *count)
{
	const struct pg_param params[] = {PG_P_I64(limit)};
	struct pg_result *result = NULL;

	int r = pg_run(s->pg, statement, params, 1, &result);
	if (r == 0)
		*count += (uint32_t)pg_touched(result);
	pg_result_free(result);
	return r;
}

/* Removes a piece of a drive. */
static int purge_piece(struct docs_pg *s, uint32_t drive, uint32_t limit, uint32_t *count)
{
	struct pg_result *results[PURGE_COUNT] = {NULL};
	struct step steps[PURGE_COUNT];
	const struct pg_param params[] = {
		PG_P_I32(drive), PG_P_I64(limit < DOCS_PG_PIECE_ROWS ? limit : DOCS_PG_PIECE_ROWS)};

	for (size_t i = 0; i < PURGE_COUNT; i++)
		steps[i] = (struct step){PURGES[i], params, 2};
	const int r = run_locked(s, drive, steps, PURGE_COUNT, results);
	for (size_t i = 0; r == 0 && i < PURGE_COUNT; i++)
		*count += (uint32_t)pg_touched(results[i]);
	for (size_t i = 0; i < PURGE_COUNT; i++)
		pg_result_free(results[i]);
	return r;
}

/* Removes a piece each of several drives whose time in the trash is over: one drive may have to wait for its
 * blocks, or for answers that are kept. */
static int purge(struct docs_pg *s, uint32_t limit, uint32_t *count)
{
	const struct pg_param few = PG_P_I64(PURGED_AT_ONCE);
	uint32_t drives[PURGED_AT_ONCE];
	struct pg_result *found = NULL;

	int r = pg_run(s->pg, &SQL_EXPIRED_DRIVE, &few, 1, &found);
	if (r < 0)
		return r;
	const int n = pg_rows(found) < PURGED_AT_ONCE ? pg_rows(found) : PURGED_AT_ONCE;
	for (int i = 0; i < n; i++)
		drives[i] = (uint32_t)pg_number(found, i, 0);
	pg_result_free(found);
	for (int i = 0; r == 0 && i < n; i++)
		r = purge_piece(s, drives[i], limit, count);
	return r;
}

/* Removes from the next SWEPT_AT_ONCE drives the journal entries and kept answers that exceed their limits. The
 * next call takes the following drives, unless this call removed as much as one call may. */
static int sweep(struct docs_pg *s, uint32_t *count)
{
	const struct pg_param from[] = {PG_P_I64(s->swept), PG_P_I64(SWEPT_AT_ONCE)};
	struct pg_result *next = NULL;
	uint32_t gone = 0;

	int r = pg_run(s->pg, &SQL_SWEEP_NEXT, from, 2, &next);
	if (r < 0)
		return r;
	const bool last = pg_number(next, 0, 1) < SWEPT_AT_ONCE;
	const int64_t to = pg_is_null(next, 0, 0) ? s->swept : pg_number(next, 0, 0);
	pg_result_free(next);
	const struct pg_param params[] = {PG_P_I64(s->swept), PG_P_I64(to), PG_P_I64(DOCS_PG_PIECE_ROWS)};
	const struct pg_statement *const statements[] = {&SQL_SWEEP_JOURNAL, &SQL_SWEEP_ANSWERS, &SQL_SWEEP_SESSIONS};
	for (size_t i = 0; r == 0 && i < sizeof(statements) / sizeof(statements[0]); i++) {
		struct pg_result *result = NULL;

		r = pg_run(s->pg, statements[i], params, 3, &result);
		gone += r == 0 ? (uint32_t)pg_touched(result) : 0;
		pg_result_free(result);
	}
	if (r == 0 && gone < DOCS_PG_PIECE_ROWS)
		s->swept = last ? 0 : to;
	*count += gone;
	return r;
}

int docs_pg_collect_expired(struct docs_store *store, uint32_t limit, uint32_t *ret_count)
{
	struct docs_pg *s = docs_pg_of(store);
	uint32_t count = 0;

	int r = expire(s, &SQL_EXPIRED_SESSIONS, limit, &count);
	if (r == 0)
		r = expire(s, &SQL_EXPIRED_KEYS, limit, &count);
	if (r == 0)
		r = purge(s, limit, &count);
	if (r == 0)
		r = sweep(s, &count);
	if (r == 0)
		*ret_count = count;
	return r;
}
