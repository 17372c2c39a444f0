/*
 * Each statement of the service is explained on a full database, with the plan that a connection keeps
 * (generic) and otherwise the planner's defaults: no statement reads a table from one end to the other.
 */
#include "backend/docs/rows/pg/sql.h"
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

/* The types of the parameters $1…, for PREPARE. */
struct explained {
	const struct pg_statement *statement;
	const char *types;
};

#define SCOPE "int, bigint"
#define LOCK_OF ", bigint, bigint, smallint" /* document, session, kind */
#define FSCK_PAGE "int, bigint, bytea, bigint"
#define FSCK_MEND "int, bigint, bigint, bytea"
#define DATA_OF "bytea, bigint, int" /* hash, generation, drive */
#define COMMIT_TYPES                                                                                                                                             \
	"int, bigint, bigint, bigint, bigint[], bytea[], bytea[], bytea[], bigint[], bytea[], bigint[], bytea[], bytea[], bigint[], bytea[], bigint[], bytea[]," \
	" bigint[], bytea[], bytea[], bytea[], bigint, bigint"
#define CHANGED_TYPES \
	"bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bytea"
/* known: of the parameter that only SQL_COMMIT_GUESS_ONE and _TWO use */
#define COMMIT_ONE_TYPES(known)                                                                                                                     \
	"int, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bytea, bytea, bytea," \
	" bigint, bigint, bigint, bytea, bytea, bytea, " known ", " CHANGED_TYPES                                                                   \
	", bigint, bytea, bigint, bigint, bigint, bytea,"                                                                                           \
	" bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bytea, bytea, " CHANGED_TYPES

static const struct explained EXPLAINED[] = {
	{&SQL_DRIVE_HOME, "bigint"},
	{&SQL_DRIVE_MAKE, "bigint, bytea, bigint, boolean"},
	{&SQL_DRIVE_GET, SCOPE},
	{&SQL_BLOCK_GENERATION, SCOPE},
	{&SQL_ACCOUNT_GET, "bigint"},
	{&SQL_DRIVE_LIST, "bigint"},
	{&SQL_DRIVE_CHANGE, SCOPE ", bytea, bigint"},
	{&SQL_DRIVE_TRASH, SCOPE ", bytea"},
	{&SQL_DRIVE_PURGE, SCOPE ", bytea"},
	{&SQL_DRIVE_TRASHED, SCOPE},
	{&SQL_DRIVE_TRASH_LIST, "bigint"},
	{&SQL_DRIVE_RESTORE, SCOPE},
	{&SQL_TRASH_USER, "bigint"},
	{&SQL_IDS_RESERVE, SCOPE ", bigint"},
	{&SQL_ITEM_GET, SCOPE ", bigint, bigint"},
	{&SQL_ITEM_LOOKUP, SCOPE ", bigint, bytea"},
	{&SQL_ITEM_PATH, SCOPE ", bytea[]"},
	{&SQL_ITEM_PATH_STEPS, SCOPE ", bytea[]"},
	{&SQL_CHILDREN, SCOPE ", bigint, bytea, bigint"},
	{&SQL_CHILDREN_INLINE, SCOPE ", bigint, bytea, bigint, bigint"},
	{&SQL_EXTENTS, SCOPE ", bigint, bigint, bigint, bigint, bigint"},
	{&SQL_XATTRS, SCOPE ", bigint, bigint, bytea, bigint, bigint"},
	{&SQL_CHANGES, SCOPE ", bigint, bigint"},
	{&SQL_SESSION_CREATE, SCOPE ", bytea"},
	{&SQL_SESSION_LOCK, SCOPE ", bigint"},
	{&SQL_SESSION_REPLACE, SCOPE ", bytea, bigint"},
	{&SQL_SESSION_END, SCOPE ", bigint"},
	{&SQL_SESSION_LOOK, SCOPE ", bigint, bigint[]"},
	{&SQL_SESSION_RENEW, "bigint, bigint[]"},
	{&SQL_FILE_LOCK_SESSION, "bigint"},
	{&SQL_FILE_LOCK_BREAK, SCOPE LOCK_OF ", bigint[], bigint[], bigint[], bigint, bigint"},
	{&SQL_FILE_LOCK_BREAK_ONE, SCOPE LOCK_OF ", bigint, bigint, bigint, bigint, bigint"},
	{&SQL_FILE_LOCK_PUT, SCOPE LOCK_OF ", bigint[], bigint[], bigint[], bigint, boolean"},
	{&SQL_FILE_LOCK_KEPT, SCOPE ", bigint"},
	{&SQL_FILE_LOCK_TEST, SCOPE LOCK_OF ", bigint, bigint, bigint, bigint, bigint"},
	{&SQL_FILE_LOCK_LOOK, SCOPE LOCK_OF ", bigint, bigint, bigint, bigint, bigint"},
	{&SQL_LOCK_DRIVE, "int"},
	{&SQL_LOCK_BOTH, "int, bigint, bigint"},
	{&SQL_SESSION_KEYS, "int, bigint[], bigint[]"},
	{&SQL_USER_KEYS, "bigint[], bytea[]"},
	{&SQL_LOAD_ONE, "bigint[], bigint[], bytea[]"},
	{&SQL_LOAD, "bigint[], bigint[], bytea[]"},
	{&SQL_LOAD_EXTENTS, "bigint[], bigint[], bigint[]"},
	{&SQL_LOAD_EXTENTS_MIXED, "bigint[], bigint[], bigint[]"},
	{&SQL_LOAD_EXTENTS_ONE, "bigint, bigint, bigint"},
	{&SQL_LOAD_EXTENTS_TAIL, "bigint"},
	{&SQL_LOAD_EXTENTS_WIDE, "bigint[], bigint[], bigint[]"},
	{&SQL_LOAD_ANCESTORS, "bigint[]"},
	{&SQL_LOAD_XATTRS, "bigint[], bytea[]"},
	{&SQL_LOAD_BLOCKS, "int, bytea[]"},
	{&SQL_LOAD_SWEEP, "bigint, bigint, bigint"},
	{&SQL_COMMIT[15], COMMIT_TYPES},
	{&SQL_COMMIT_ONE[15], COMMIT_ONE_TYPES("bigint")},
	{&SQL_COMMIT_TWO[15], COMMIT_ONE_TYPES("bigint")},
	{&SQL_COMMIT_GUESS_ONE[15], COMMIT_ONE_TYPES("bigint[]")},
	{&SQL_COMMIT_GUESS_TWO[15], COMMIT_ONE_TYPES("bigint[]")},
	{&SQL_CLAIM, "int, bigint[], bigint, bigint"},
	{&SQL_REMOVE_NODES, "bigint[], bigint[]"},
	{&SQL_REMOVE_EXTENTS, "bigint[], bigint[]"},
	{&SQL_SWEEP_EXTENTS, "bigint, bigint, bigint"},
	{&SQL_ADD_EXTENTS, "bigint[], bytea[], bytea[]"},
	{&SQL_REMOVE_XATTRS, "bigint[], bytea[]"},
	{&SQL_SET_XATTRS, "bigint[], bytea[], bytea[]"},
	{&SQL_NAME_AGAIN, "bigint[]"},
	{&SQL_SESSION_ANSWERS, "bigint[], bytea[], bytea[], bytea[]"},
	{&SQL_USER_ANSWERS, "int, bigint[], bytea[], bytea[], bytea[], bytea[]"},
	/* SQL_RING_GATEWAYS is missing: it wants all 64 rows of its table. */
	{&SQL_RING_LOCK, ""},
	{&SQL_RING_WRITE, "bigint, bigint, boolean"},
	{&SQL_RING_CLAIM, "int, bigint"},
	{&SQL_RING_PUT,
		"bytea[], bytea[], bytea[], bytea[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[]"},
	{&SQL_RING_REMOVE, "bytea[], bytea[]"},
	{&SQL_USER_FORGET, "bigint[], bytea[]"},
	{&SQL_SESSION_REPEATS, "bigint[]"},
	{&SQL_USER_REPEATS, "bigint[], bytea[]"},
	{&SQL_BLOCK_FIND, SCOPE ", bytea"},
	{&SQL_BLOCK_STORED, SCOPE ", bytea, bigint, int, bigint, bigint, bigint"},
	{&SQL_BLOCK_STRAYS, "bigint[], bytea[], bigint[]"},
	{&SQL_BLOCK_REFERENCED, SCOPE ", bytea"},
	{&SQL_LOCK_ANY, "int"},
	{&SQL_DOUBTFUL, "bigint, bigint"},
	{&SQL_ORPHANS_HELD, "bigint, bigint"},
	{&SQL_ORPHANS_CHARGE, "bigint[], bigint"},
	{&SQL_SWEEP_NEXT, "bigint, bigint"},
	{&SQL_SWEEP_JOURNAL, "bigint, bigint, bigint"},
	{&SQL_SWEEP_ANSWERS, "bigint, bigint, bigint"},
	{&SQL_SWEEP_SESSIONS, "bigint, bigint, bigint"},
	{&SQL_DOUBTFUL_LOCK, "int, bytea[], bigint, bigint"},
	{&SQL_DOUBTFUL_SETTLE, "int, bytea[], bigint, bigint"},
	{&SQL_ORPHANS, "bigint, bigint"},
	{&SQL_ORPHAN_EXTENTS, "bigint[], bigint, bigint"},
	{&SQL_ORPHAN_NODES, "bigint[], bigint"},
	{&SQL_EXPIRED_SESSIONS, "bigint"},
	{&SQL_EXPIRED_KEYS, "bigint"},
	{&SQL_EXPIRED_DRIVE, "bigint"},
	{&SQL_PURGE_EXTENT, "int, bigint"},
	{&SQL_PURGE_XATTR, "int, bigint"},
	{&SQL_PURGE_ENTRY, "int, bigint"},
	{&SQL_PURGE_NODE, "int, bigint"},
	{&SQL_PURGE_JOURNAL, "int, bigint"},
	{&SQL_PURGE_SESSION, "int, bigint"},
	{&SQL_PURGE_IDEMPOTENCY, "int, bigint"},
	{&SQL_PURGE_BLOCK, "int, bigint"},
	{&SQL_PURGE_SUM, "int, bigint"},
	{&SQL_PURGE_DRIVE, "int, bigint"},
	{&SQL_ACCOUNT_GET, "bigint"},
	{&SQL_ACCOUNT_SET, "bigint, bigint, bigint"},
	{&SQL_ACCOUNT_UNSET, "bigint"},
	{&SQL_BLOCK_DROP, "int, bytea[], bigint[]"},
	{&SQL_BLOCK_REFUSED, "int, bytea[]"},
	{&SQL_DOUBTFUL_SHORT, "int, bigint, bigint, bigint"},
	{&SQL_BLOCK_DATA_ADD, DATA_OF ", int"},
	{&SQL_BLOCK_DATA_ADD_PIECE, DATA_OF ", int, bytea"},
	{&SQL_BLOCK_DATA_READ, DATA_OF ", int, int, int, int"},
	{&SQL_BLOCK_DATA_SIZE, DATA_OF},
	{&SQL_BLOCK_DATA_REMOVE, DATA_OF},
	{&SQL_BLOCK_DATA_PAGE, DATA_OF ", bigint, bigint"},
	{&SQL_BLOCK_PLACE_PAGE, "int, bytea, bigint"},
	{&SQL_BLOCK_PLACE_LOST, "bigint, bigint, bigint"},
	/* SQL_FSCK_START is missing: it counts all that is to be read. */
	{&SQL_FSCK_NEXT_DRIVE, "int"},
	{&SQL_FSCK_MOVE, "bigint, bytea, smallint, int, bigint, bytea, int, bigint, bigint, bigint, bigint"},
	{&SQL_FSCK_FOUND, "bigint, bytea, int, smallint, boolean, bigint, bigint, bytea, bigint, bigint"},
	{&SQL_FSCK_FINDINGS, "bigint, bigint"},
	{&SQL_FSCK_TYPES, FSCK_PAGE},
	{&SQL_FSCK_ENTRIES, FSCK_PAGE},
	{&SQL_FSCK_NAMES, FSCK_PAGE},
	{&SQL_FSCK_NODES, FSCK_PAGE},
	{&SQL_FSCK_EXTENTS, FSCK_PAGE},
	{&SQL_FSCK_XATTRS, FSCK_PAGE},
	{&SQL_FSCK_JOURNAL, FSCK_PAGE},
	{&SQL_FSCK_SUMS, FSCK_PAGE},
	{&SQL_FSCK_STRAYS, FSCK_PAGE},
	{&SQL_FSCK_BLOCKS, FSCK_PAGE},
	{&SQL_FSCK_BLOCK_IS, "int, bytea, bigint"},
	{&SQL_FSCK_BLOCK_USERS, "int, bytea, bigint"},
	{&SQL_FSCK_EXTENT_BLOCK, "bigint, bigint"},
	{&SQL_FSCK_MEND_ENTRY, FSCK_MEND},
	{&SQL_FSCK_MEND_MARK, FSCK_MEND},
	{&SQL_FSCK_MEND_NAME, FSCK_MEND},
	{&SQL_FSCK_MEND_NODE, FSCK_MEND},
	{&SQL_FSCK_MEND_ROWS, FSCK_MEND},
	{&SQL_FSCK_MEND_SUMS, FSCK_MEND},
	{&SQL_FSCK_MEND_BLOCKS, FSCK_MEND},
	{&SQL_FSCK_MEND_DOUBT, FSCK_MEND},
	{&SQL_FSCK_MEND_BLOCK, FSCK_MEND},
	{&SQL_FSCK_MEND_JOURNAL, FSCK_MEND},
	{&SQL_FSCK_MEND_JOURNAL_END, FSCK_MEND},
	{&SQL_FSCK_MEND_ORPHAN, FSCK_MEND},
	{&SQL_FSCK_MEND_BAD_NAME, FSCK_MEND},
	{&SQL_FSCK_MEND_DIGEST, FSCK_MEND},
	{&SQL_FSCK_MEND_TYPE, FSCK_MEND},
	{&SQL_FSCK_LIFE, "int"},
};

#define FILL_MS 500000 /* it takes half a second on an idle machine */

/* 2,000 drives, about 200 of them with about 150 files each, and all that belongs to them. */
static const char FILL[] =
	"INSERT INTO drive (owner, name, home, trashed_at) SELECT 100000 + i / 2, 'd', i % 2 = 0, CASE WHEN i % 50 = 0 THEN now() - interval '40 days' END"
	" FROM generate_series(1, 2000) i;"
	"INSERT INTO node (id, parent, size, allocated, charged, uid, gid, atime, mtime, ctime, btime, seq, content_seq, children, rdev, mode, nlink, name, target, orphaned_at)"
	" SELECT (d.id::bigint << 32) | n, (d.id::bigint << 32) | 1, 100, 100, 100, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 33188, 1, convert_to('file' || n, 'UTF8'), '',"
	" CASE WHEN n % 100 = 0 THEN now() - interval '1 h' END FROM drive d, generate_series(2, 150) n WHERE d.id BETWEEN 2 AND 200;"
	"INSERT INTO account (owner, quota) SELECT 100000 + i, 1000000 FROM generate_series(1, 1000) i;"
	"INSERT INTO drive_blocks (drive, part, bytes) SELECT d.id, p, 1000 FROM drive d, generate_series(0, 7) p;"
	"INSERT INTO entry (parent, child, linked, name) SELECT parent, id, id % 50 = 0, name FROM node WHERE id & 4294967295 <> 1 AND orphaned_at IS NULL;"
	"INSERT INTO extent (node, at, len, generation, kind, from_, block_size, sha256, data)"
	" SELECT id, 0, 100, 1, id % 2, 0, 100, CASE WHEN id % 2 = 1 THEN sha256(id::text::bytea) END, CASE WHEN id % 2 = 0 THEN 'data'::bytea END FROM node;"
	"INSERT INTO xattr (node, name, value) SELECT id, 'user.a', 'b' FROM node WHERE id % 3 = 0;"
	"INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)"
	" SELECT d.id, s, 0, 0, 1, 1, 0, 0, -1, -1, 'n', '', '' FROM drive d, generate_series(1, 300) s WHERE d.id <= 200;"
	"INSERT INTO ring_gateway (weight, renewed_at, unsaid, said, called_at, member, next, leaving, name, boot, url)"
	" SELECT 1, 0, 0, 0, 0, false, false, false, i::text::bytea, 'b', 'u' FROM generate_series(1, 2000) i;"
	"INSERT INTO session (user_id, drive, name, seen_at) SELECT 1, 1 + i % 2000, 'm', now() - i * interval '1 s' FROM generate_series(1, 5000) i;"
	"INSERT INTO hold (session, node) SELECT s.id, n.id FROM (SELECT id FROM session LIMIT 20) s, (SELECT id FROM node LIMIT 400) n;"
	"INSERT INTO file_lock (session, node, kind, number, granted, froms, tos, exclusive)"
	" SELECT s.id, n.id, 0, 1, true, '{0}', '{9}', '{0}' FROM (SELECT id FROM session LIMIT 20) s, (SELECT id FROM node LIMIT 400) n;"
	"INSERT INTO idempotency (user_id, drive, status, key, fingerprint, headers, body, created_at)"
	" SELECT 1 + i % 100, 1 + i % 200, 200, i::text::bytea, '', '', 'body', now() - i * interval '10 s' FROM generate_series(1, 20000) i;"
	"INSERT INTO block (drive, sha256, generation, size, uploader, doubtful, touched_at)"
	" SELECT id >> 32, sha256(id::text::bytea), 1, 100, 1, id % 20 = 0, now() - interval '1 h' FROM node;"
	"INSERT INTO block_data (drive, size, generation, sha256) SELECT drive, 40, 1, sha256 FROM block;"
	"INSERT INTO block_piece (drive, piece, generation, sha256, bytes) SELECT drive, p, 1, sha256, 'twenty bytes of data' FROM block, generate_series(0, 1) p;"
	"INSERT INTO fsck_finding (drive, kind, mended, run, number, id, is_, should, drive_name, path)"
	" SELECT 1, 1, false, 1, i, 0, 0, 0, 'd', 'p' FROM generate_series(1, 10000) i;"
	"ANALYZE";

/* Returns the lines of the plan. */
static struct pg_result *explain(struct worker *w, const struct explained *e)
{
	struct pg_result *result = NULL;
	size_t parameters = *e->types ? 1 : 0;
	char sql[65536];

	for (const char *c = e->types; *c; c++)
		parameters += *c == ',';
	snprintf(sql, sizeof(sql), "DEALLOCATE ALL; PREPARE x%s%s%s AS %s", *e->types ? " (" : "", e->types,
		*e->types ? ")" : "", e->statement->sql);
	/* This also drops what the connection has prepared, which DEALLOCATE would take away. */
	pg_close(w->pg);
	/* This is the planner's own choice. What the database sets beyond the kept plan is only a safeguard
	 * for tables that were empty when the plan was made. */
	assert_ok(w,
		pg_script(w->pg,
			"SET enable_seqscan = on; SET enable_hashjoin = on; SET enable_mergejoin = on; SET plan_cache_mode = force_generic_plan"));
	assert_ok(w, pg_script(w->pg, sql));
	size_t used = (size_t)snprintf(sql, sizeof(sql), "EXPLAIN EXECUTE x");
	for (size_t i = 0; i < parameters; i++)
		used += (size_t)snprintf(sql + used, sizeof(sql) - used, "%sNULL", i ? ", " : " (");
	snprintf(sql + used, sizeof(sql) - used, "%s", parameters ? ")" : "");
	const struct pg_statement statement = {"explain", sql, false};
	assert_ok(w, pg_run(w->pg, &statement, NULL, 0, &result));
	return result;
}

/* Tables ring, fsck and block_place have one row and cannot have more, so reading them whole is fine. */
static bool is_scan(struct span line)
{
	return memmem(line.data, line.size, "Seq Scan", 8) && !memmem(line.data, line.size, "Seq Scan on ring ", 17) &&
		!memmem(line.data, line.size, "Seq Scan on fsck ", 17) &&
		!memmem(line.data, line.size, "Seq Scan on block_place ", 24);
}

static void no_statement_reads_a_whole_table(void **state)
{
	struct worker *w = *state;
	int bad = 0;

	/* Filling takes its time: on a busy machine longer than a statement of the service may. */
	pg_set_deadline(w->pg, FILL_MS);
	assert_ok(w, pg_script(w->pg, "SET statement_timeout = 0"));
	assert_ok(w, pg_script(w->pg, FILL));
	for (size_t i = 0; i < sizeof(EXPLAINED) / sizeof(EXPLAINED[0]); i++) {
		struct pg_result *plan = explain(w, &EXPLAINED[i]);
		bool scans = false;

		for (int row = 0; row < pg_rows(plan); row++) {
			const struct span line = pg_bytes(plan, row, 0);
			/* Reading an index from end to end would be no better. Sorts and hashes read from a
			 * scan below them, which is found here. */
			scans = scans || is_scan(line);
		}
		if (scans || getenv("DOCS_SQL_PLANS"))
			for (int row = 0; row < pg_rows(plan); row++)
				print_message("%s: %.*s\n", EXPLAINED[i].statement->name,
					(int)pg_bytes(plan, row, 0).size, pg_bytes(plan, row, 0).data);
		bad += scans;
		pg_result_free(plan);
	}
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {with_worker(no_statement_reads_a_whole_table)};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
