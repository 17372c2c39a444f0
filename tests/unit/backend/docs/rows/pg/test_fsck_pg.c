/* Looks and mends of the check of the store: where a phase begins, and documents that have lost their types. */
#include "backend/docs/rows/fsck.h"
#include "backend/docs/rows/pg/fsck_pg.h"
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

#define TYPE_BITS 61440 /* S_IFMT, for SQL */
#define PAGES_MAX 100	/* No test has so many rows: a look at more of them goes in circles. */

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
	unsigned pages = 0;

	memset(ret, 0, FSCK_KINDS * sizeof(*ret));
	fsck_pg_begin(&at, phase);
	while (!over) {
		struct pg_result *rows = NULL;

		assert_true(pages++ < PAGES_MAX);
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

static void a_phase_goes_on_behind_a_key_of_any_length(void **state)
{
	struct worker *w = *state;
	unsigned kinds[FSCK_KINDS];

	create(w, root_of(w), "z", S_IFREG | 0644);
	with_number(
		"INSERT INTO entry SELECT $1::bigint, 77, true, k FROM (VALUES (convert_to(repeat('x', 300), 'UTF8')),"
		" (decode(repeat('ff', 300), 'hex')), ('y')) v (k)",
		root_of(w));
	with_number(
		"INSERT INTO xattr SELECT $1::bigint + 77, k, '' FROM (VALUES (convert_to(repeat('x', 300), 'UTF8')),"
		" (decode(repeat('ff', 300), 'hex')), ('y')) v (k)",
		root_of(w));
	look(w, FSCK_PHASE_ENTRIES, 1, kinds);
	assert_int_equal(kinds[FSCK_ENTRY_WITHOUT_CHILD], 3);
	look(w, FSCK_PHASE_XATTRS, 1, kinds);
	assert_int_equal(kinds[FSCK_XATTR_WITHOUT_NODE], 3);
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

/* ---- types ---- */

static int64_t mode_of(int64_t id)
{
	return with_number("SELECT mode FROM node WHERE id = $1", id);
}

static void lose_type(int64_t id)
{
	with_number("UPDATE node SET mode = mode & ~61440 WHERE id = $1", id);
}

/* Takes the type away, and puts `bits` in its place. Returns whether the mend gives the document the old type back; if
 * it does not, the mode must stay as it is. Afterwards the document has some type. */
static bool comes_back(struct worker *w, int64_t id, int64_t bits)
{
	const int64_t mode = mode_of(id);

	lose_type(id);
	with_number(bits ? "UPDATE node SET mode = mode | 61440 WHERE id = $1"
			 : "UPDATE node SET mode = mode WHERE id = $1",
		id);
	assert_int_equal(found(w, FSCK_PHASE_NODES, FSCK_TYPE_BAD), 1);
	const bool mended = mend(w, FSCK_TYPE_BAD, id, 0, "");
	assert_int_equal(mode_of(id), mended ? mode : (mode & ~TYPE_BITS) | bits);
	assert_int_equal(found(w, FSCK_PHASE_NODES, FSCK_TYPE_BAD), !mended);
	with_number("UPDATE node SET mode = (mode & ~61440) | 32768 WHERE id = $1", id);
	return mended;
}

static int64_t symlink_to(struct worker *w, const char *name, const char *target)
{
	return do_op(w,
		&(struct op){.kind = OP_CREATE,
			.parent = root_of(w),
			.name = span_str(name),
			.target = span_str(target),
			.mode = S_IFLNK | 0777,
			.fields = OP_HAS_MODE});
}

static void a_lost_type_comes_back_where_other_data_says_it(void **state)
{
	struct worker *w = *state;
	const int64_t folder = create(w, root_of(w), "folder", S_IFDIR | 01750);
	const int64_t file = create(w, folder, "file", S_IFREG | 04711);
	const int64_t sparse = create(w, folder, "sparse", S_IFREG | 0600);
	const int64_t reserved = create(w, folder, "reserved", S_IFREG | 0600);

	write_inline(w, file, 0, "content");
	do_op(w, &(struct op){.kind = OP_SETATTR, .id = sparse, .fields = OP_HAS_SIZE, .size = 1000000});
	with_number("INSERT INTO extent (node, at, len, generation, kind, from_, block_size)"
		    " VALUES ($1::bigint, 0, 1, 0, 2, 0, 0)",
		reserved);
	assert_true(comes_back(w, file, 0));
	assert_true(comes_back(w, file, TYPE_BITS));
	assert_true(comes_back(w, sparse, 0));
	assert_true(comes_back(w, reserved, 0));
	assert_true(comes_back(w, symlink_to(w, "symlink", "folder/file"), 0));
	assert_true(comes_back(w, folder, TYPE_BITS));
	assert_true(comes_back(w, root_of(w), 0));
}

static void no_type_is_guessed(void **state)
{
	struct worker *w = *state;
	const int64_t device = do_op(w,
		&(struct op){.kind = OP_CREATE,
			.parent = root_of(w),
			.name = SPAN_LITERAL("device"),
			.mode = S_IFCHR | 0600,
			.fields = OP_HAS_MODE,
			.rdev_major = 1});

	assert_false(comes_back(w, create(w, root_of(w), "file", S_IFREG | 0644), 0));
	assert_false(comes_back(w, create(w, root_of(w), "folder", S_IFDIR | 0755), 0));
	assert_false(comes_back(w, create(w, root_of(w), "fifo", S_IFIFO | 0644), 0));
	assert_false(comes_back(w, device, 0));
	with_number("UPDATE node SET size = 5 WHERE id = $1", device);
	assert_false(comes_back(w, device, 0));
	/* A type that is there is not judged. */
	assert_false(mend(w, FSCK_TYPE_BAD, root_of(w), 0, ""));
}

static void no_type_comes_back_while_the_data_is_that_of_two_types(void **state)
{
	struct worker *w = *state;
	const int64_t folder = create(w, root_of(w), "folder", S_IFDIR | 0755);
	const int64_t link = symlink_to(w, "symlink", "target");

	create(w, folder, "file", S_IFREG | 0644);
	with_number("UPDATE node SET target = 'x' WHERE id = $1", folder);
	assert_false(comes_back(w, folder, 0));
	with_number("UPDATE node SET target = '', size = 9, mode = (mode & 4095) | 16384 WHERE id = $1", folder);
	assert_false(comes_back(w, folder, 0));
	with_number("UPDATE node SET size = 0, mode = (mode & 4095) | 16384 WHERE id = $1", folder);
	assert_true(comes_back(w, folder, 0));
	with_number("UPDATE node SET size = 7 WHERE id = $1", link);
	assert_false(comes_back(w, link, 0));
}

static void only_types_that_can_come_back_are_looked_for(void **state)
{
	struct worker *w = *state;
	const int64_t folder = create(w, root_of(w), "folder", S_IFDIR | 0755);
	const int64_t ids[] = {root_of(w), folder, create(w, folder, "empty", S_IFREG | 0644)};
	struct fsck_place at = {.drive = w->scope.drive - 1, .page = 1};
	struct pg_result *rows = NULL;

	for (size_t i = 0; i < 3; i++)
		lose_type(ids[i]);
	fsck_pg_begin(&at, FSCK_PHASE_DRIVE);
	for (size_t i = 0; i < 3; i++) {
		assert_ok(w, fsck_pg_types(w->pg, &at, w->scope.drive, &rows));
		assert_int_equal(pg_number(rows, 0, FSCK_LAST), ids[i]);
		assert_int_equal(pg_is_null(rows, 0, FSCK_KIND), i == 2);
		at.number = ids[i];
		pg_result_free(rows);
	}
	assert_ok(w, fsck_pg_types(w->pg, &at, w->scope.drive, &rows));
	assert_true(pg_is_null(rows, 0, FSCK_LAST));
	pg_result_free(rows);
}

/* ---- what may be a folder ---- */

static void link_to(struct worker *w, int64_t id, int64_t parent, const char *name)
{
	do_op(w, &(struct op){.kind = OP_LINK, .id = id, .parent = parent, .name = span_str(name)});
}

static void names_in_a_folder_without_a_type_stay(void **state)
{
	struct worker *w = *state;
	const int64_t folder = create(w, root_of(w), "folder", S_IFDIR | 0755);
	const int64_t file = create(w, root_of(w), "file", S_IFREG | 0644);

	link_to(w, file, folder, "second");
	lose_type(folder);
	assert_int_equal(found_at_all(w, FSCK_PHASE_ENTRIES), 0);
	assert_false(mend(w, FSCK_ENTRY_WITHOUT_PARENT, file, folder, "second"));
	with_number("UPDATE node SET mode = mode | 32768 WHERE id = $1", folder); /* a file has no names in it */
	assert_int_equal(found(w, FSCK_PHASE_ENTRIES, FSCK_ENTRY_WITHOUT_PARENT), 1);
	assert_true(mend(w, FSCK_ENTRY_WITHOUT_PARENT, file, folder, "second"));
}

static void the_name_of_a_folder_in_a_folder_without_a_type_stays(void **state)
{
	struct worker *w = *state;
	const int64_t folder = create(w, root_of(w), "folder", S_IFDIR | 0755);
	const int64_t below = create(w, folder, "below", S_IFDIR | 0755);

	with_number("INSERT INTO entry SELECT id >> 32 << 32 | 1, id, false, 'again' FROM node WHERE id = $1", below);
	lose_type(folder);
	assert_int_equal(found(w, FSCK_PHASE_ENTRIES, FSCK_ENTRY_UNMARKED), 1);
	assert_false(mend(w, FSCK_ENTRY_UNMARKED, below, root_of(w), "again"));
	assert_int_equal(with_number("SELECT parent FROM node WHERE id = $1", below), folder);
	assert_true(mend(w, FSCK_TYPE_BAD, folder, 0, ""));
	assert_true(mend(w, FSCK_ENTRY_UNMARKED, below, root_of(w), "again"));
	assert_int_equal(with_number("SELECT parent FROM node WHERE id = $1", below), folder);
	assert_int_equal(found_at_all(w, FSCK_PHASE_ENTRIES), 0);
}

static void a_document_without_a_type_is_not_marked_as_a_file(void **state)
{
	struct worker *w = *state;
	const int64_t folder = create(w, root_of(w), "folder", S_IFDIR | 0755);

	lose_type(folder);
	with_number("UPDATE node SET name = 'garbage' WHERE id = $1", folder);
	assert_false(mend(w, FSCK_ENTRY_UNMARKED, folder, root_of(w), "folder"));
	with_number("UPDATE node SET mode = mode | 16384 WHERE id = $1", folder);
	assert_true(mend(w, FSCK_ENTRY_UNMARKED, folder, root_of(w), "folder"));
	assert_int_equal(found_at_all(w, FSCK_PHASE_ENTRIES), 0);
}

static void no_count_is_wrong_because_a_type_is_lost(void **state)
{
	struct worker *w = *state;
	const int64_t folder = create(w, root_of(w), "folder", S_IFDIR | 0755);
	const int64_t below = create(w, folder, "below", S_IFDIR | 0755);
	const int64_t file = create(w, folder, "file", S_IFREG | 0644);

	create(w, below, "deep", S_IFDIR | 0755);
	link_to(w, file, below, "second");
	lose_type(below);
	lose_type(file);
	assert_int_equal(found_at_all(w, FSCK_PHASE_NODES), 2);
	assert_int_equal(found(w, FSCK_PHASE_NODES, FSCK_TYPE_BAD), 2);
	assert_int_equal(found_at_all(w, FSCK_PHASE_SUMS), 0);
	/* A mend of another value leaves the counts as they are. */
	with_number("UPDATE node SET children = 9 WHERE id = $1", below);
	assert_true(mend(w, FSCK_CHILDREN, below, 0, ""));
	assert_int_equal(with_number("SELECT nlink FROM node WHERE id = $1", below), 3);
	/* Each of the two documents in the folder may be a folder, and no other one. */
	with_number("UPDATE node SET nlink = 5 WHERE id = $1", folder);
	assert_int_equal(found(w, FSCK_PHASE_NODES, FSCK_LINKS), 1);
	assert_true(mend(w, FSCK_LINKS, folder, 0, ""));
	assert_int_equal(with_number("SELECT nlink FROM node WHERE id = $1", folder), 4);
	with_number("UPDATE drive SET documents = 99 WHERE id = $1::bigint >> 32", folder);
	assert_int_equal(found(w, FSCK_PHASE_SUMS, FSCK_DRIVE_DOCUMENTS), 1);
	assert_true(mend(w, FSCK_DRIVE_DOCUMENTS, 0, 0, ""));
	assert_int_equal(found_at_all(w, FSCK_PHASE_SUMS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(each_phase_begins_before_the_first_row_that_its_drive_can_have),
		with_worker(blocks_begin_before_an_empty_hash),
		with_worker(the_last_rows_of_one_drive_are_not_those_of_the_next_one),
		with_worker(a_phase_goes_on_behind_a_key_of_any_length),
		with_worker(an_extent_before_the_begin_of_a_document_is_bad),
		with_worker(rows_of_drives_whose_numbers_are_below_1_are_strays),
		with_worker(a_lost_type_comes_back_where_other_data_says_it),
		with_worker(no_type_is_guessed),
		with_worker(no_type_comes_back_while_the_data_is_that_of_two_types),
		with_worker(only_types_that_can_come_back_are_looked_for),
		with_worker(names_in_a_folder_without_a_type_stay),
		with_worker(the_name_of_a_folder_in_a_folder_without_a_type_stays),
		with_worker(a_document_without_a_type_is_not_marked_as_a_file),
		with_worker(no_count_is_wrong_because_a_type_is_lost),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
