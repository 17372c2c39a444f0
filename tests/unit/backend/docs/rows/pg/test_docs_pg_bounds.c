/* What one batch may read, with PostgreSQL. */
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

static void put_rows(int64_t id, int rows, const char *what)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		"INSERT INTO extent (node, at, len, generation, kind, from_, block_size, sha256, data) SELECT %" PRId64
		", i * %s FROM generate_series(0, %d) i",
		id, what, rows - 1);
	number_of_text(sql);
	(void)snprintf(sql, sizeof(sql),
		"UPDATE node SET size = 1000000000000, allocated = (SELECT sum(len) FROM extent WHERE node = id),"
		" extents = (SELECT count(*) FROM extent WHERE node = id) WHERE id = %" PRId64,
		id);
	number_of_text(sql);
}

static int cut(struct worker *w, int64_t id, int64_t size)
{
	return refused_op(w, &(struct op){.kind = OP_SETATTR, .id = id, .fields = OP_HAS_SIZE, .size = size});
}

static void a_cut_of_too_many_extents_is_refused_but_smaller_cuts_succeed(void **state)
{
	enum { ROWS = BATCH_ROWS_MAX + 1000 };
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "many", S_IFREG | 0644);

	put_rows(id, ROWS, "2, 1, 5, 1, 0, 1, sha256(i::text::bytea), NULL");
	assert_int_equal(cut(w, id, 1), -E2BIG);
	assert_int_equal(
		number_of(w, "all", "SELECT count(*) FROM extent WHERE node = (SELECT max(id) FROM node)"), ROWS);
	assert_int_equal(cut(w, id, 4000), 0);
	assert_int_equal(cut(w, id, 1), 0);
	assert_int_equal(
		number_of(w, "left", "SELECT count(*) FROM extent WHERE node = (SELECT max(id) FROM node)"), 1);
}

/* Makes the write or the cut without loading what lies there, however much it is. */
static void sweep(struct worker *w, const struct op *op)
{
	const struct request request = {
		.ops = op, .count = 1, .key = {.kind = DOCS_KEY_NONE, .user = w->scope.user}, .sweep = true};
	struct done done = {0};

	assert_ok(w, transact(w, &request, NULL, &done));
	assert_int_equal(done.error, 0);
}

static int64_t sum(const char *what)
{
	char sql[128];

	(void)snprintf(sql, sizeof(sql), "SELECT %s FROM extent WHERE node = (SELECT max(id) FROM node)", what);
	return number_of_text(sql);
}

static void a_sweep_removes_more_extents_than_a_batch_may_load(void **state)
{
	enum { ROWS = BATCH_ROWS_MAX + 1000 };
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "many", S_IFREG | 0644);
	struct op_extent extent = {.at = 101, .len = 2 * ROWS - 200, .kind = OP_EXTENT_HOLE};

	put_rows(id, ROWS, "2, 1, 5, 1, 0, 1, sha256(i::text::bytea), NULL");
	number_of_text(
		"INSERT INTO block (drive, size, generation, uploader, doubtful, sha256) SELECT max(id), 1, 5, 1, false,"
		" sha256('60'::bytea) FROM drive");
	sweep(w, &(struct op){.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1});
	assert_int_equal(sum("count(*)"), 51 + 49);
	assert_int_equal(sum("count(*) FILTER (WHERE at BETWEEN 101 AND 2 * 66536 - 100)"), 0);
	assert_int_equal(number_of(w, "counted", "SELECT extents FROM node ORDER BY id DESC LIMIT 1"), 100);
	assert_int_equal(number_of(w, "allocated", "SELECT allocated FROM node ORDER BY id DESC LIMIT 1"), 100);
	assert_int_equal(number_of(w, "let go",
				 "SELECT count(*) FROM block WHERE drive = (SELECT max(id) FROM drive) AND let_go"),
		1);
	sweep(w, &(struct op){.kind = OP_SETATTR, .id = id, .fields = OP_HAS_SIZE, .size = 21});
	assert_int_equal(sum("count(*)"), 11);
	extent = (struct op_extent){
		.at = 1, .len = 19, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("0123456789012345678")};
	sweep(w, &(struct op){.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1});
	assert_int_equal(sum("count(*)"), 3);
	assert_int_equal(sum("sum(len)::bigint"), 21);
	assert_int_equal(number_of(w, "counted", "SELECT extents FROM node ORDER BY id DESC LIMIT 1"), 3);
}

static void a_cut_may_remove_more_inline_bytes_than_a_batch_may_load(void **state)
{
	enum { ROWS = 2 * BATCH_LOADED_BYTES_MAX / INLINE_BYTES_MAX };
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "much", S_IFREG | 0644);

	put_rows(id, ROWS,
		"32768, 32768, 0, 0, 0, 0, NULL, CASE WHEN i < 10 THEN convert_to(repeat('x', 32768), 'UTF8') ELSE '' END");
	assert_int_equal(cut(w, id, 100), 0);
	assert_int_equal(
		number_of(w, "one", "SELECT sum(length(data)) FROM extent WHERE node = (SELECT max(id) FROM node)"),
		100);
}

static void a_rename_below_too_many_ancestors_is_refused(void **state)
{
	struct worker *w = *state;
	const int64_t folder = create(w, root_of(w), "d", S_IFDIR | 0755),
		      file = create(w, folder, "f", S_IFREG | 0644);
	const int64_t deep = ITEM_ID(w->scope.drive, 1000000);
	char sql[512];

	(void)file;
	/* Makes a chain of folders as renames could make it, one folder at a time. */
	(void)snprintf(sql, sizeof(sql),
		"INSERT INTO node (id, parent, size, allocated, charged, uid, gid, atime, mtime, ctime, btime, seq, content_seq, children, rdev, mode, nlink, name, target)"
		" SELECT %" PRId64 " + i, CASE WHEN i = 0 THEN %" PRId64 " ELSE %" PRId64
		" + i - 1 END, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 16877, 2, 'd', '' FROM generate_series(0, %d) i",
		deep, root_of(w), deep, BATCH_ROWS_MAX + 10);
	number_of_text(sql);
	const struct op op = {.kind = OP_RENAME,
		.parent = root_of(w),
		.name = SPAN_LITERAL("d"),
		.new_parent = deep + BATCH_ROWS_MAX + 10,
		.new_name = SPAN_LITERAL("d")};
	assert_int_equal(refused_op(w, &op), -E2BIG);
}

static void the_limit_of_xattr_bytes_is_counted_per_document_in_a_batch(void **state)
{
	static char bytes[XATTR_VALUE_BYTES_MAX];
	struct worker *w = *state;
	const int64_t ids[] = {create(w, root_of(w), "a", S_IFREG | 0644), create(w, root_of(w), "b", S_IFREG | 0644)};
	struct op ops[34];
	char names[17][16];

	/* The ops are in few batches, so that the sums are loaded once for each document and batch. */
	for (int i = 0; i < 34; i++) {
		(void)snprintf(names[i / 2], sizeof(names[0]), "user.%d", i / 2);
		ops[i] = (struct op){.kind = OP_SETXATTR,
			.id = ids[i % 2],
			.name = span_str(names[i / 2]),
			.target = span_of(bytes, sizeof(bytes) - 100)};
	}
	struct request request = {.ops = ops, .count = 10, .key = {.kind = DOCS_KEY_NONE, .user = w->scope.user}};
	struct done done = {0};
	for (int i = 0; i < 30; i += 10) {
		request.ops = ops + i;
		assert_ok(w, transact(w, &request, NULL, &done));
		assert_int_equal(done.error, 0);
	}
	request.ops = ops + 30;
	request.count = 4;
	assert_ok(w, transact(w, &request, NULL, &done));
	assert_int_equal(done.error, -ENOSPC);
	assert_int_equal(done.index, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(a_cut_of_too_many_extents_is_refused_but_smaller_cuts_succeed),
		with_worker(a_sweep_removes_more_extents_than_a_batch_may_load),
		with_worker(a_cut_may_remove_more_inline_bytes_than_a_batch_may_load),
		with_worker(a_rename_below_too_many_ancestors_is_refused),
		with_worker(the_limit_of_xattr_bytes_is_counted_per_document_in_a_batch),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
