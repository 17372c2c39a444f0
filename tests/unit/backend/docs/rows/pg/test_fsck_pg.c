/* Looks and mends of the check of the store: where a phase begins. */
#include "backend/docs/rows/fsck.h"
#include "backend/docs/rows/pg/fsck_pg.h"
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

/* Runs SQL with one parameter, on a connection of its own. Returns the first number of the result, or how many rows
 * were changed. */
static int64_t with_number(const char *sql, int64_t number)
{
	const struct pg_statement statement = {"with_number", sql, false};
	const struct pg_param param = PG_P_I64(number);
	struct pg_result *result = NULL;
	struct worker w = {0};

	assert_int_equal(worker_connect(&w), 0);
	assert_ok(&w, pg_run(w.pg, &statement, &param, 1, &result));
	const int64_t ret = pg_rows(result) > 0 ? pg_number(result, 0, 0) : pg_touched(result);
	pg_result_free(result);
	worker_fini(&w);
	return ret;
}

/* Looks at all rows of a phase, `page` at a time, and counts the findings by their kinds. */
static void look(struct worker *w, int phase, uint32_t page, unsigned ret[FSCK_KINDS])
{
	struct fsck_place at = {.drive = w->scope.drive, .page = page};
	bool over = false;

	memset(ret, 0, FSCK_KINDS * sizeof(*ret));
	fsck_pg_begin(&at, phase);
	while (!over) {
		struct pg_result *rows = NULL;

		assert_ok(w, fsck_pg_page(w->pg, &at, &rows));
		for (int row = 0; row < pg_rows(rows) && !pg_is_null(rows, row, FSCK_KIND); row++)
			ret[pg_number(rows, row, FSCK_KIND)]++;
		over = pg_is_null(rows, 0, FSCK_LAST);
		if (!over)
			fsck_pg_go_on(&at, pg_number(rows, 0, FSCK_LAST), pg_bytes(rows, 0, FSCK_LAST_BYTES));
		pg_result_free(rows);
	}
}

static unsigned found(struct worker *w, int phase, int kind)
{
	unsigned kinds[FSCK_KINDS];

	look(w, phase, 512, kinds);
	return kinds[kind];
}

static unsigned found_at_all(struct worker *w, int phase)
{
	unsigned kinds[FSCK_KINDS], sum = 0;

	look(w, phase, 512, kinds);
	for (int kind = 0; kind < FSCK_KINDS; kind++)
		sum += kinds[kind];
	return sum;
}

static bool mend(struct worker *w, int kind, int64_t id, int64_t parent, const char *name)
{
	const struct fsck_found what = {.kind = kind, .drive = w->scope.drive, .id = id, .parent = parent};
	const struct fsck_mend how = {.number = id, .other = parent, .bytes = span_str(name)};
	const struct fsck_job job = {.holder = "nobody"};
	bool mended = false;

	assert_ok(w, fsck_pg_mend(w->pg, &job, &what, &how, &mended));
	return mended;
}

/* ---- where phases begin ---- */

/* Rows of a document with the number 0, which the store gives to no document. */
static const struct first {
	int phase, kind;
	unsigned count;
	const char *sql;
} FIRSTS[] = {
	{FSCK_PHASE_ENTRIES, FSCK_ENTRY_WITHOUT_CHILD, 1, "INSERT INTO entry VALUES ($1::bigint, 77, true, '')"},
	{FSCK_PHASE_EXTENTS, FSCK_EXTENT_WITHOUT_NODE, 2,
		"INSERT INTO extent (node, at, len, generation, kind, from_, block_size, data)"
		" SELECT $1::bigint, at, 1, 0, 0, 0, 0, 'x' FROM (VALUES (-7), (0)) v (at)"},
	{FSCK_PHASE_XATTRS, FSCK_XATTR_WITHOUT_NODE, 1, "INSERT INTO xattr VALUES ($1::bigint, '', 'x')"},
	{FSCK_PHASE_JOURNAL, FSCK_JOURNAL_NUMBER, 1,
		"INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)"
		" SELECT $1::bigint >> 32, seq, 2, 4, 1, 1, 0, 0, 0, 0, '', '', '' FROM (VALUES (-7), (0)) v (seq)"},
	{FSCK_PHASE_NAMES, FSCK_NAME_LOST, 1,
		"INSERT INTO node (id, parent, size, allocated, charged, uid, gid, atime, mtime, ctime, btime, seq, content_seq,"
		" children, rdev, mode, nlink, name, target)"
		" VALUES ($1::bigint, 77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 33188, 0, 'zero', '')"},
};

static void each_phase_begins_before_the_first_row_that_its_drive_can_have(void **state)
{
	struct worker *w = *state;
	unsigned kinds[FSCK_KINDS];

	create(w, root_of(w), "a file", S_IFREG | 0644);
	assert_int_equal(found(w, FSCK_PHASE_NODES, FSCK_NUMBER), 0);
	for (size_t i = 0; i < sizeof(FIRSTS) / sizeof(FIRSTS[0]); i++) {
		const struct first *f = &FIRSTS[i];

		assert_int_equal(found(w, f->phase, f->kind), 0);
		with_number(f->sql, ITEM_ID(w->scope.drive, 0));
		assert_int_equal(found(w, f->phase, f->kind), f->count);
		/* A page of one row goes on behind that row. */
		look(w, f->phase, 1, kinds);
		assert_int_equal(kinds[f->kind], f->count);
	}
	assert_int_equal(found(w, FSCK_PHASE_NODES, FSCK_NUMBER), 1);
	with_number("DELETE FROM node WHERE id = $1", ITEM_ID(w->scope.drive, 0));
	assert_true(mend(w, FSCK_JOURNAL_NUMBER, 1, 0, ""));
	assert_true(mend(w, FSCK_EXTENT_WITHOUT_NODE, ITEM_ID(w->scope.drive, 0), 0, ""));
	assert_true(mend(w, FSCK_ENTRY_WITHOUT_CHILD, 77, ITEM_ID(w->scope.drive, 0), ""));
	for (int phase = FSCK_PHASE_ENTRIES; phase < FSCK_PHASE_STRAYS; phase++)
		assert_int_equal(phase == FSCK_PHASE_BLOCKS ? 0 : found_at_all(w, phase), 0);
}

static void blocks_begin_before_an_empty_hash(void **state)
{
	struct worker *w = *state;
	struct fsck_place at = {.drive = w->scope.drive, .page = 1};
	struct pg_result *rows = NULL;

	with_number("INSERT INTO block (drive, size, generation, uploader, sha256)"
		    " SELECT $1::bigint >> 32, 1, 1, 1, h FROM (VALUES (''::bytea), (sha256('x'))) v (h)",
		ITEM_ID(w->scope.drive, 0));
	fsck_pg_begin(&at, FSCK_PHASE_BLOCKS);
	for (int i = 0; i < 2; i++) {
		assert_ok(w, fsck_pg_blocks(w->pg, &at, &rows));
		assert_int_equal(pg_rows(rows), 1);
		assert_int_equal(pg_bytes(rows, 0, FSCK_SHA256).size, i * 32);
		fsck_pg_go_on(&at, 0, pg_bytes(rows, 0, FSCK_SHA256));
		pg_result_free(rows);
	}
	assert_ok(w, fsck_pg_blocks(w->pg, &at, &rows));
	assert_int_equal(pg_rows(rows), 0);
	pg_result_free(rows);
}

static void the_last_rows_of_one_drive_are_not_those_of_the_next_one(void **state)
{
	struct worker *w = *state;
	const int64_t last = ITEM_ID(w->scope.drive, 0) - 1;

	with_number("INSERT INTO entry VALUES ($1::bigint, 77, true, 'last')", last);
	with_number("INSERT INTO xattr VALUES ($1::bigint, 'last', 'x')", last);
	with_number("INSERT INTO extent (node, at, len, generation, kind, from_, block_size, data)"
		    " VALUES ($1::bigint, 7, 1, 0, 0, 0, 0, 'x')",
		last);
	for (int phase = FSCK_PHASE_ENTRIES; phase <= FSCK_PHASE_XATTRS; phase++)
		assert_int_equal(found_at_all(w, phase), 0);
	with_number("DELETE FROM entry WHERE parent = $1", last);
	with_number("DELETE FROM xattr WHERE node = $1", last);
	with_number("DELETE FROM extent WHERE node = $1", last);
}

static void an_extent_before_the_begin_of_a_document_is_bad(void **state)
{
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "a file", S_IFREG | 0644);

	with_number("INSERT INTO extent (node, at, len, generation, kind, from_, block_size, data)"
		    " VALUES ($1::bigint, -7, 1, 0, 0, 0, 0, 'x')",
		id);
	assert_int_equal(found(w, FSCK_PHASE_NODES, FSCK_EXTENT_BAD), 1);
}

static void rows_of_drives_whose_numbers_are_below_1_are_strays(void **state)
{
	struct worker *w = *state;
	const unsigned before = found(w, FSCK_PHASE_STRAYS, FSCK_STRAY);

	with_number("INSERT INTO drive (id, owner, name, home) OVERRIDING SYSTEM VALUE"
		    " SELECT id, $1::bigint, '', false FROM (VALUES (-2147483648), (-3), (0)) v (id)",
		w->scope.user);
	assert_int_equal(found(w, FSCK_PHASE_STRAYS, FSCK_STRAY), before + 3);
	number_of_text("DELETE FROM drive WHERE id < 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(each_phase_begins_before_the_first_row_that_its_drive_can_have),
		with_worker(blocks_begin_before_an_empty_hash),
		with_worker(the_last_rows_of_one_drive_are_not_those_of_the_next_one),
		with_worker(an_extent_before_the_begin_of_a_document_is_bad),
		with_worker(rows_of_drives_whose_numbers_are_below_1_are_strays),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
