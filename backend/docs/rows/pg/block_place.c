#include "backend/docs/rows/pg/block_place.h"

#include "backend/docs/rows/pg/sql.h"

#include <errno.h>
#include <string.h>

/*
 * Where the blocks of a database lie, and how far a move to another place has come: one row, which one mover at a time
 * changes. The mover holds an advisory lock of its connection while it works, so that a second one finds that out at
 * once. Each function is one statement; what blocks there are comes in pages, by drive and hash.
 */

#define MOVER_LOCK 0x6e65706d6f766572ll /* of an advisory lock; no other statement takes it */

enum { PLACE_STEP, PLACE_KIND, PLACE_TARGET, PLACE_DRIVE, PLACE_SHA256, PLACE_MOVED };
enum { PAGE_DRIVE, PAGE_SHA256, PAGE_GENERATION };
enum { LOST_NODE, LOST_AT, LOST_NAME };

static int take_place(const struct pg_result *result, struct block_place_row *ret)
{
	struct block_place_row row = {.place = {.step = pg_number(result, 0, PLACE_STEP), .target = BLOCK_KINDS},
		.drive = (uint32_t)pg_number(result, 0, PLACE_DRIVE),
		.moved = pg_number(result, 0, PLACE_MOVED)};
	const struct span hash = pg_bytes(result, 0, PLACE_SHA256);
	int r = block_kind_parse(pg_bytes(result, 0, PLACE_KIND), &row.place.kind);

	if (r == 0 && !pg_is_null(result, 0, PLACE_TARGET))
		r = block_kind_parse(pg_bytes(result, 0, PLACE_TARGET), &row.place.target);
	row.begun = hash.size == sizeof(row.sha256);
	if (row.begun)
		memcpy(row.sha256, hash.data, sizeof(row.sha256));
	if (r == 0)
		*ret = row;
	return r;
}

int block_place_read(struct pg *pg, struct block_place_row *ret)
{
	struct pg_result *result = NULL;
	int r = pg_run(pg, &SQL_BLOCK_PLACE_READ, NULL, 0, &result);

	if (r < 0)
		return r;
	r = pg_rows(result) > 0 ? take_place(result, ret) : -ENOENT;
	pg_result_free(result);
	return r;
}

static int change(struct pg *pg, const struct pg_statement *statement, const struct pg_param *params, size_t count)
{
	struct pg_result *result = NULL;
	int r = pg_run(pg, statement, params, count, &result);

	if (r == 0 && pg_touched(result) == 0)
		r = -ESTALE;
	pg_result_free(result);
	return r;
}

int block_place_first(struct pg *pg, enum block_kind kind)
{
	const struct pg_param params[] = {PG_P_TEXT(span_str(block_kind_name(kind)))};

	return pg_run(pg, &SQL_BLOCK_PLACE_FIRST, params, 1, NULL);
}

int block_place_begin(struct pg *pg, int64_t step, enum block_kind target)
{
	const struct pg_param params[] = {PG_P_I64(step), PG_P_TEXT(span_str(block_kind_name(target)))};

	return change(pg, &SQL_BLOCK_PLACE_BEGIN, params, 2);
}

static int change_step(struct pg *pg, const struct pg_statement *statement, int64_t step)
{
	const struct pg_param params[] = {PG_P_I64(step)};

	return change(pg, statement, params, 1);
}

int block_place_switch(struct pg *pg, int64_t step)
{
	return change_step(pg, &SQL_BLOCK_PLACE_SWITCH, step);
}

int block_place_turn(struct pg *pg, int64_t step)
{
	return change_step(pg, &SQL_BLOCK_PLACE_TURN, step);
}

int block_place_emptied(struct pg *pg, int64_t step)
{
	return change_step(pg, &SQL_BLOCK_PLACE_EMPTIED, step);
}

/* first: the column with the drive; the hash and the generation follow. */
static int take_name(const struct pg_result *result, int row, int first, struct block_name *ret)
{
	const struct span hash = pg_bytes(result, row, first + PAGE_SHA256);

	if (hash.size != sizeof(ret->sha256))
		return -EIO; /* this program never wrote such a row */
	memcpy(ret->sha256, hash.data, hash.size);
	ret->drive = (uint32_t)pg_number(result, row, first + PAGE_DRIVE);
	ret->generation = pg_number(result, row, first + PAGE_GENERATION);
	return 0;
}

int block_place_page(struct pg *pg, const struct block_place_row *row, struct block_name *ret, size_t *ret_count)
{
	const struct pg_param params[] = {PG_P_I32(row->drive),
		PG_P_BYTEA(span_of(row->sha256, row->begun ? sizeof(row->sha256) : 0)), PG_P_I64(BLOCK_PLACE_PAGE)};
	struct pg_result *result = NULL;
	int r = pg_run(pg, &SQL_BLOCK_PLACE_PAGE, params, 3, &result);

	if (r < 0)
		return r;
	*ret_count = (size_t)pg_rows(result);
	for (int i = 0; r == 0 && i < pg_rows(result); i++)
		r = take_name(result, i, 0, &ret[i]);
	pg_result_free(result);
	return r;
}

int block_place_lost(struct pg *pg, struct block_place_extent *at, struct block_name *ret, size_t *ret_count)
{
	const struct pg_param params[] = {PG_P_I64(at->node), PG_P_I64(at->at), PG_P_I64(BLOCK_PLACE_PAGE)};
	struct pg_result *result = NULL;
	size_t count = 0;
	int r = pg_run(pg, &SQL_BLOCK_PLACE_LOST, params, 3, &result);

	if (r < 0)
		return r;
	if (pg_rows(result) == 0)
		r = -ENOENT;
	for (int i = 0; r == 0 && i < pg_rows(result) && !pg_is_null(result, i, LOST_NAME); i++)
		r = take_name(result, i, LOST_NAME, &ret[count++]);
	if (r == 0) {
		*at = (struct block_place_extent){pg_number(result, 0, LOST_NODE), pg_number(result, 0, LOST_AT)};
		*ret_count = count;
	}
	pg_result_free(result);
	return r;
}

int block_place_progress(struct pg *pg, int64_t step, const struct block_name *last, size_t count)
{
	const struct pg_param params[] = {PG_P_I64(step), PG_P_I32(last->drive),
		PG_P_BYTEA(span_of(last->sha256, sizeof(last->sha256))), PG_P_I64(count)};

	return change(pg, &SQL_BLOCK_PLACE_PROGRESS, params, 4);
}

int block_place_lock(struct pg *pg)
{
	const struct pg_param params[] = {PG_P_I64(MOVER_LOCK)};
	struct pg_result *result = NULL;
	int r = pg_run(pg, &SQL_BLOCK_PLACE_LOCK, params, 1, &result);

	if (r == 0 && pg_number(result, 0, 0) == 0)
		r = -EBUSY;
	pg_result_free(result);
	return r;
}
