#include "backend/docs/rows/pg/fsck_pg.h"

#include "backend/docs/rows/fsck.h"
#include "backend/docs/rows/pg/docs_pg_internal.h"

#include <errno.h>

/*
 * The statements are in two tables: those of pages by phase, those of mends by kind. Each mend checks for itself
 * whether it is still needed and possible; it counts as done when its statement touched a row.
 */

static const struct pg_statement *const PAGES[FSCK_PHASES] = {
	[FSCK_PHASE_ENTRIES] = &SQL_FSCK_ENTRIES,
	[FSCK_PHASE_NAMES] = &SQL_FSCK_NAMES,
	[FSCK_PHASE_NODES] = &SQL_FSCK_NODES,
	[FSCK_PHASE_EXTENTS] = &SQL_FSCK_EXTENTS,
	[FSCK_PHASE_XATTRS] = &SQL_FSCK_XATTRS,
	[FSCK_PHASE_JOURNAL] = &SQL_FSCK_JOURNAL,
	[FSCK_PHASE_SUMS] = &SQL_FSCK_SUMS,
	[FSCK_PHASE_STRAYS] = &SQL_FSCK_STRAYS,
};

static const struct mend {
	const struct pg_statement *statement; /* NULL: the right value cannot be derived */
	bool shown;			      /* clients may have cached what the mend changes */
} MENDS[FSCK_KINDS] = {
	[FSCK_ENTRY_WITHOUT_CHILD] = {&SQL_FSCK_MEND_ENTRY, true},
	[FSCK_ENTRY_WITHOUT_PARENT] = {&SQL_FSCK_MEND_ENTRY, true},
	[FSCK_ENTRY_UNMARKED] = {&SQL_FSCK_MEND_MARK, true},
	[FSCK_NAME_LOST] = {&SQL_FSCK_MEND_NAME, true},
	[FSCK_LINKS] = {&SQL_FSCK_MEND_NODE, true},
	[FSCK_CHILDREN] = {&SQL_FSCK_MEND_NODE, true},
	[FSCK_ALLOCATED] = {&SQL_FSCK_MEND_NODE, true},
	[FSCK_EXTENTS] = {&SQL_FSCK_MEND_NODE, true},
	[FSCK_CHARGED] = {&SQL_FSCK_MEND_NODE, true},
	[FSCK_XATTRS] = {&SQL_FSCK_MEND_NODE, true},
	[FSCK_EXTENT_WITHOUT_NODE] = {&SQL_FSCK_MEND_ROWS, false},
	[FSCK_XATTR_WITHOUT_NODE] = {&SQL_FSCK_MEND_ROWS, false},
	[FSCK_BLOCK_MISSING] = {&SQL_FSCK_MEND_BLOCK, false},
	[FSCK_BLOCK_LEAKED] = {&SQL_FSCK_MEND_DOUBT, false},
	[FSCK_JOURNAL_GAP] = {&SQL_FSCK_MEND_JOURNAL, false},
	[FSCK_JOURNAL_END] = {&SQL_FSCK_MEND_JOURNAL_END, false},
	[FSCK_DRIVE_USED] = {&SQL_FSCK_MEND_SUMS, true},
	[FSCK_DRIVE_DOCUMENTS] = {&SQL_FSCK_MEND_SUMS, true},
	[FSCK_DRIVE_EXTENTS] = {&SQL_FSCK_MEND_SUMS, true},
	[FSCK_DRIVE_BLOCKS] = {&SQL_FSCK_MEND_BLOCKS, false},
	[FSCK_ENTRY_TO_ORPHAN] = {&SQL_FSCK_MEND_ORPHAN, true},
	[FSCK_NAME_BAD] = {&SQL_FSCK_MEND_BAD_NAME, true},
	[FSCK_TYPE_BAD] = {&SQL_FSCK_MEND_TYPE, true},
	[FSCK_DIGEST] = {&SQL_FSCK_MEND_DIGEST, true},
	[FSCK_JOURNAL_NUMBER] = {&SQL_FSCK_MEND_JOURNAL, false},
};

/* ---- the run ---- */

int fsck_pg_take(struct pg *pg, struct fsck_job *job)
{
	enum { RUN, REPAIR, PHASE, DRIVE, NUMBER, BYTES, PAGE };
	const struct pg_param holder = PG_P_BYTEA(span_str(job->holder));
	struct pg_result *result = NULL;
	const int r = pg_run(pg, &SQL_FSCK_TAKE, &holder, 1, &result);

	if (r < 0)
		return r;
	const int rows = pg_rows(result);
	if (rows > 0) {
		const struct span bytes = pg_bytes(result, 0, BYTES);

		job->run = pg_number(result, 0, RUN);
		job->repair = pg_number(result, 0, REPAIR) != 0;
		job->at = (struct fsck_place){.phase = (int)pg_number(result, 0, PHASE),
			.drive = (uint32_t)pg_number(result, 0, DRIVE),
			.number = pg_number(result, 0, NUMBER),
			.page = (uint32_t)pg_number(result, 0, PAGE),
			.size = bytes.size <= FSCK_PLACE_BYTES_MAX ? bytes.size : 0};
		memcpy(job->at.bytes, bytes.data, job->at.size);
	}
	pg_result_free(result);
	return rows > 0;
}

int fsck_pg_end(struct pg *pg, const struct fsck_job *job, int state)
{
	const struct pg_param params[] = {PG_P_I64(job->run), PG_P_BYTEA(span_str(job->holder)), PG_P_I16(state)};

	return pg_run(pg, &SQL_FSCK_END, params, 3, NULL);
}

/* ---- places ---- */

/* No number is left out: that of the first document is 1, but a damaged row may have 0. Statements do not go beyond the
 * drive, so the place may be that of a row of the drive before. */
static int64_t before_drive(uint32_t drive)
{
	return ITEM_ID(drive, 0) - 1;
}

void fsck_pg_begin(struct fsck_place *at, int phase)
{
	at->phase = phase;
	at->size = 0;
	at->number = before_drive(at->drive);
	switch (phase) {
	case FSCK_PHASE_DRIVE:
	case FSCK_PHASE_JOURNAL: /* the statement looks for entries below 1 in another way */
		at->number = 0;
		break;
	case FSCK_PHASE_STRAYS:
		at->number = (int64_t)INT32_MIN - 1; /* rows that belong to no drive may have any number */
		break;
	case FSCK_PHASE_EXTENTS:
		memset(at->bytes, 0, 8);
		at->size = 8;
		break;
	case FSCK_PHASE_BLOCKS:
		at->number = -1; /* before an empty hash */
		break;
	default:
		break;
	}
}

void fsck_pg_go_on(struct fsck_place *at, int64_t number, struct span bytes)
{
	at->number = number;
	at->size = bytes.size <= FSCK_KEY_BYTES_MAX ? bytes.size : FSCK_KEY_BYTES_MAX;
	memcpy(at->bytes, bytes.data, at->size);
	if (bytes.size <= FSCK_KEY_BYTES_MAX)
		return;
	/* The beginning of a key is before that key: the row would be read again, and without end. */
	memset(at->bytes + at->size, UINT8_MAX, FSCK_PLACE_BYTES_MAX - at->size);
	at->size = FSCK_PLACE_BYTES_MAX;
}

/* ---- looking ---- */

int fsck_pg_next_drive(struct pg *pg, uint32_t after, uint32_t *ret)
{
	const struct pg_param params[] = {PG_P_I32(after)};
	struct pg_result *result = NULL;
	int r = pg_run(pg, &SQL_FSCK_NEXT_DRIVE, params, 1, &result);

	if (r < 0)
		return r;
	if (pg_rows(result) == 0)
		r = -ENOENT;
	else
		*ret = (uint32_t)pg_number(result, 0, 0);
	pg_result_free(result);
	return r;
}

static int ask_at(
	struct pg *pg, const struct pg_statement *statement, const struct fsck_place *at, struct pg_result **ret)
{
	const struct pg_param params[] = {PG_P_I32(at->drive), PG_P_I64(at->number),
		PG_P_BYTEA(span_of(at->bytes, at->size)), PG_P_I64(at->page)};

	return pg_run(pg, statement, params, 4, ret);
}

int fsck_pg_page(struct pg *pg, const struct fsck_place *at, struct pg_result **ret)
{
	return ask_at(pg, PAGES[at->phase], at, ret);
}

int fsck_pg_types(struct pg *pg, const struct fsck_place *at, uint32_t drive, struct pg_result **ret)
{
	struct fsck_place from = *at;

	from.drive = drive;
	if (ITEM_DRIVE(at->number) != drive)
		from.number = before_drive(drive);
	return ask_at(pg, &SQL_FSCK_TYPES, &from, ret);
}

int fsck_pg_blocks(struct pg *pg, const struct fsck_place *at, struct pg_result **ret)
{
	return ask_at(pg, &SQL_FSCK_BLOCKS, at, ret);
}

int fsck_pg_block_is(struct pg *pg, const struct block_name *name)
{
	const struct pg_param params[] = {PG_P_I32(name->drive),
		PG_P_BYTEA(span_of(name->sha256, sizeof(name->sha256))), PG_P_I64(name->generation)};
	struct pg_result *result = NULL;
	int r = pg_run(pg, &SQL_FSCK_BLOCK_IS, params, 3, &result);

	if (r == 0)
		r = pg_rows(result) > 0;
	pg_result_free(result);
	return r;
}

int fsck_pg_block_users(struct pg *pg, const struct block_name *name, int limit, struct pg_result **ret)
{
	const struct pg_param params[] = {
		PG_P_I32(name->drive), PG_P_BYTEA(span_of(name->sha256, sizeof(name->sha256))), PG_P_I64(limit)};

	return pg_run(pg, &SQL_FSCK_BLOCK_USERS, params, 3, ret);
}

int fsck_pg_extent_block(struct pg *pg, int64_t node, int64_t at, struct block_name *ret, uint32_t *ret_size)
{
	const struct pg_param params[] = {PG_P_I64(node), PG_P_I64(at)};
	struct pg_result *result = NULL;
	int r = pg_run(pg, &SQL_FSCK_EXTENT_BLOCK, params, 2, &result);

	if (r < 0)
		return r;
	if (pg_rows(result) == 0 || pg_bytes(result, 0, FSCK_SHA256).size != sizeof(ret->sha256)) {
		r = -ENOENT;
	} else {
		ret->drive = ITEM_DRIVE(node);
		ret->generation = pg_number(result, 0, FSCK_GENERATION);
		memcpy(ret->sha256, pg_bytes(result, 0, FSCK_SHA256).data, sizeof(ret->sha256));
		*ret_size = (uint32_t)pg_number(result, 0, FSCK_SIZE);
	}
	pg_result_free(result);
	return r;
}

/* ---- writing down ---- */

static int queue_found(struct pg *pg, const struct fsck_job *job, const struct fsck_found *f, bool mended)
{
	const struct pg_param params[] = {PG_P_I64(job->run), PG_P_BYTEA(span_str(job->holder)), PG_P_I32(f->drive),
		PG_P_I16(f->kind), PG_P_BOOL(mended), PG_P_I64(f->id), f->parent ? PG_P_I64(f->parent) : PG_P_NULL,
		PG_P_BYTEA(f->name), PG_P_I64(f->is), PG_P_I64(f->should)};

	return pg_pipeline_add(pg, &SQL_FSCK_FOUND, params, sizeof(params) / sizeof(params[0]));
}

static int queue_move(struct pg *pg, const struct fsck_job *job, const struct fsck_step *step)
{
	const struct fsck_counts *counts = &step->counts;
	const struct fsck_place *to = &step->to;
	const struct pg_param params[] = {PG_P_I64(job->run), PG_P_BYTEA(span_str(job->holder)), PG_P_I16(to->phase),
		PG_P_I32(to->drive), PG_P_I64(to->number), PG_P_BYTEA(span_of(to->bytes, to->size)), PG_P_I32(to->page),
		PG_P_I64(counts->drives), PG_P_I64(counts->rows), PG_P_I64(counts->blocks), PG_P_I64(counts->bytes)};

	return pg_pipeline_add(pg, &SQL_FSCK_MOVE, params, sizeof(params) / sizeof(params[0]));
}

/* Flushes count statements. ret: number of rows that statement number `which` touched. */
static int flush(struct pg *pg, size_t count, size_t which, int64_t *ret)
{
	struct pg_result **results = calloc(count, sizeof(*results));
	const int r = results ? pg_pipeline_flush(pg, results) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (i == which)
			*ret = pg_touched(results[i]);
		pg_result_free(results[i]);
	}
	free(results);
	return r;
}

static int finish(struct pg *pg, int r)
{
	if (r < 0)
		(void)pg_pipeline_rollback(pg);
	else
		pg_pipeline_end(pg);
	return r;
}

int fsck_pg_move(struct pg *pg, struct fsck_job *job, const struct fsck_step *step)
{
	int64_t moved = 0;
	int r = pg_pipeline_begin(pg);

	if (r < 0)
		return r;
	r = pg_pipeline_add(pg, &PG_BEGIN, NULL, 0);
	if (r == 0)
		r = queue_move(pg, job, step);
	for (size_t i = 0; r == 0 && i < step->count; i++)
		r = queue_found(pg, job, &step->found[i], false);
	if (r == 0)
		r = pg_pipeline_add(pg, &PG_COMMIT, NULL, 0);
	if (r == 0)
		r = flush(pg, step->count + 3, 1, &moved);
	r = finish(pg, r);
	if (r < 0)
		return r;
	if (moved == 0)
		return -ESTALE;
	job->at = step->to;
	return 0;
}

/* ---- mending ---- */

bool fsck_pg_mendable(const struct fsck_found *found)
{
	/* Nobody was told of the entries behind the drive's position; they are left for people to look at. */
	if (found->kind == FSCK_JOURNAL_END)
		return found->is < found->should;
	return MENDS[found->kind].statement != NULL;
}

static int mend_locked(struct pg *pg, const struct fsck_found *found, const struct fsck_mend *how, int64_t *ret_touched)
{
	const struct pg_param params[] = {
		PG_P_I32(found->drive), PG_P_I64(how->number), PG_P_I64(how->other), PG_P_BYTEA(how->bytes)};
	int r = pg_pipeline_add(pg, &PG_BEGIN, NULL, 0);

	if (r == 0)
		r = pg_pipeline_add(pg, &SQL_LOCK_ANY, params, 1);
	if (r == 0)
		r = pg_pipeline_add(pg, MENDS[found->kind].statement, params, 4);
	return r == 0 ? flush(pg, 3, 2, ret_touched) : r;
}

int fsck_pg_mend(struct pg *pg, const struct fsck_job *job, const struct fsck_found *found, const struct fsck_mend *how,
	bool *ret)
{
	const struct pg_param drive = PG_P_I32(found->drive);
	int64_t touched = 0;
	int r = pg_pipeline_begin(pg);

	if (r < 0)
		return r;
	r = mend_locked(pg, found, how, &touched);
	*ret = r == 0 && touched > 0;
	if (!*ret) {
		(void)pg_pipeline_rollback(pg);
		return r;
	}
	if (MENDS[found->kind].shown)
		r = pg_pipeline_add(pg, &SQL_FSCK_LIFE, &drive, 1);
	if (r == 0)
		r = queue_found(pg, job, found, true);
	if (r == 0)
		r = pg_pipeline_add(pg, &PG_COMMIT, NULL, 0);
	if (r == 0)
		r = pg_pipeline_flush(pg, NULL);
	return finish(pg, r);
}

/* ---- calls of docs_store.h for the administrator ---- */

int docs_pg_fsck_start(struct docs_store *store, bool repair, bool *ret_new)
{
	const struct pg_param params[] = {PG_P_BOOL(repair)};
	struct pg_result *result = NULL;
	const int r = pg_run(docs_pg_of(store)->pg, &SQL_FSCK_START, params, 1, &result);

	if (r == 0)
		*ret_new = pg_rows(result) > 0;
	pg_result_free(result);
	return r;
}

int docs_pg_fsck_get(struct docs_store *store, struct docs_fsck *ret)
{
	enum { RUN, STATE, REPAIR, DRIVES, ROWS, BLOCKS, BYTES, TOTAL, FOUND, MENDED, STARTED, ENDED };
	struct pg_result *result = NULL;
	const int r = pg_run(docs_pg_of(store)->pg, &SQL_FSCK_GET, NULL, 0, &result);

	if (r < 0)
		return r;
	*ret = (struct docs_fsck){.run = pg_number(result, 0, RUN),
		.state = (enum docs_fsck_state)pg_number(result, 0, STATE),
		.repair = pg_number(result, 0, REPAIR) != 0,
		.drives = pg_number(result, 0, DRIVES),
		.rows = pg_number(result, 0, ROWS),
		.blocks = pg_number(result, 0, BLOCKS),
		.bytes = pg_number(result, 0, BYTES),
		.bytes_total = pg_number(result, 0, TOTAL),
		.found = pg_number(result, 0, FOUND),
		.mended = pg_number(result, 0, MENDED),
		.started_at = pg_number(result, 0, STARTED),
		.ended_at = pg_number(result, 0, ENDED)};
	pg_result_free(result);
	return 0;
}

int docs_pg_fsck_stop(struct docs_store *store)
{
	return pg_run(docs_pg_of(store)->pg, &SQL_FSCK_STOP, NULL, 0, NULL);
}

int docs_pg_fsck_findings(
	struct docs_store *store, int64_t after, uint32_t limit, docs_on_finding on_finding, void *cookie)
{
	enum { NUMBER, DRIVE, KIND, MENDED, ID, IS, SHOULD, NAME_OF_DRIVE, PATH, REMOVED };
	const struct pg_param params[] = {PG_P_I64(after), PG_P_I64(limit)};
	struct pg_result *result = NULL;
	int r = pg_run(docs_pg_of(store)->pg, &SQL_FSCK_FINDINGS, params, 2, &result);

	for (int row = 0; r >= 0 && row < pg_rows(result); row++) {
		const struct docs_fsck_finding finding = {.number = pg_number(result, row, NUMBER),
			.drive = pg_number(result, row, DRIVE),
			.kind = (int)pg_number(result, row, KIND),
			.mended = pg_number(result, row, MENDED) != 0,
			.removed = pg_number(result, row, REMOVED) != 0,
			.id = pg_number(result, row, ID),
			.is = pg_number(result, row, IS),
			.should = pg_number(result, row, SHOULD),
			.drive_name = pg_bytes(result, row, NAME_OF_DRIVE),
			.path = pg_bytes(result, row, PATH)};

		r = on_finding(&finding, cookie);
	}
	pg_result_free(result);
	return r;
}
