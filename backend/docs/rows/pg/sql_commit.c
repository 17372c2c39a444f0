#include "backend/docs/rows/pg/sql.h"

#include "backend/docs/rows/pg/sql_part.h"

/*
 * What a transaction ends with. One statement writes all that most batches have; a statement more costs a tenth of a
 * commit, and so does each part of one that has nothing to do: hence a variant for each set of parts. The parts change
 * different rows (an entry that goes and comes back in one transaction is an update: ON CONFLICT), so that their order
 * means nothing.
 *
 * Rows come packed: the numbers of row i (from 0) are elements i*STRIDE+1… of one bigint[], its bytes the elements i+1
 * of bytea[]s, one unnest() for all. An unnest of twenty arrays would make twenty tuple stores. An element of bigint[]
 * is found by its position, one of bytea[] is not.
 *
 * Most batches are one op of a mount: for those see sql_commit_one.c.
 */

#define AT(param, stride, row, k) param "[" row " * " SQL_TEXT(stride) " + " #k "]"
#define J(row, k) AT("$5", SQL_JOURNAL_STRIDE, row, k)
#define U(row, k) AT("$9", SQL_NODE_STRIDE, row, k)
#define C(row, k) AT("$11", SQL_NODE_STRIDE, row, k)
#define E(row, k) AT("$14", SQL_ENTRY_STRIDE, row, k)
#define EACH "(i - 1)" /* row of an unnest WITH ORDINALITY */

#define ORPHANED(packed, before) "CASE WHEN " packed " <> 0 THEN " before " END"

#define DO_DRIVE "WITH d AS (UPDATE drive SET seq = $2, next_number = $3, used = $4, documents = $22 WHERE id = $1)"

#define CHANGED_SET(r, name)                                                                                           \
	"UPDATE node n SET parent = " U(r, 2) ", size = " U(r, 3) ", allocated = " U(r, 4) ", charged = " U(           \
		r, 5) ", mode = " U(r, 6) ", uid = " U(r, 7) ", gid = " U(r, 8) ", nlink = " U(r, 9) ", atime = " U(r, \
		10) ", mtime = " U(r, 11) ", ctime = " U(r, 12) ", seq = " U(r, 14) ", content_seq = " U(r,            \
		15) ", children = " U(r, 18) ", name = " name ", orphaned_at = " ORPHANED(U(r, 17),                    \
		"COALESCE(n.orphaned_at, now())") ", orphaned_seq = " ORPHANED(U(r, 17),                               \
		"COALESCE(n.orphaned_seq, " U(r, 14) ")")
#define DO_CHANGED              \
	", u AS (" CHANGED_SET( \
		EACH, "c.name") " FROM unnest($10::bytea[]) WITH ORDINALITY c (name, i) WHERE n.id = " U(EACH, 1) ")"
#define CREATED_ROW(r, name, target)                                                                                                         \
	"INSERT INTO node (id, parent, size, allocated, charged, mode, uid, gid, nlink, atime, mtime, ctime, btime, seq, content_seq, rdev," \
	" children, orphaned_at, orphaned_seq, name, target) SELECT " C(r, 1) ", " C(r, 2) ", " C(r, 3) ", " C(                              \
		r, 4) ", " C(r, 5) ", " C(r, 6) ", " C(r, 7) ", " C(r, 8) ", " C(r, 9) ", " C(r, 10) ", " C(r,                               \
		11) ", " C(r, 12) ", " C(r, 13) ", " C(r, 14) ", " C(r, 15) ", " C(r, 16) ", " C(r,                                          \
		18) ", " ORPHANED(C(r, 17), "now()") ", " ORPHANED(C(r, 17), C(r, 14)) ", " name ", " target
#define DO_CREATED                             \
	", c AS (" CREATED_ROW(EACH, "c.name", \
		"c.target") " FROM unnest($12::bytea[], $13::bytea[]) WITH ORDINALITY c (name, target, i))"

#define ADDED_ROW(r, name) \
	"INSERT INTO entry (parent, child, linked, name) SELECT " E(r, 1) ", " E(r, 2) ", " E(r, 3) " <> 0, " name
#define ADDED_OVER " ON CONFLICT (parent, name) DO UPDATE SET child = excluded.child, linked = excluded.linked"
#define DO_ADDED \
	", e AS (" ADDED_ROW(EACH, "a.name") " FROM unnest($15::bytea[]) WITH ORDINALITY a (name, i)" ADDED_OVER ")"

#define DO_REMOVED \
	", r AS (DELETE FROM entry e USING unnest($16::bigint[], $17::bytea[]) r (parent, name) WHERE e.parent = r.parent AND e.name = r.name)"

#define S(numbers, r, k) AT(numbers, SQL_SESSION_STRIDE, r, k)
#define SESSION_SET(numbers, r, fingerprint, headers, body)                               \
	"UPDATE session s SET number = " S(numbers, r, 2) ", status = " S(numbers, r,     \
		3) ", fingerprint = " fingerprint ", headers = " headers ", body = " body \
		   ", seen_at = CASE WHEN s.seen_at < now() - " SQL_SEEN_STEP " THEN now() ELSE s.seen_at END"
#define SESSION_UPDATE(numbers, bytes)                                     \
	SESSION_SET(numbers, EACH, "a.fingerprint", "a.headers", "a.body") \
	" FROM unnest(" bytes ") WITH ORDINALITY a (fingerprint, headers, body, i) WHERE s.id = " S(numbers, EACH, 1)
#define DO_SESSION ", s AS (" SESSION_UPDATE("$18", "$19::bytea[], $20::bytea[], $21::bytea[]") ")"

#define JOURNAL_ROW(r, name, old_name, key)                                                                              \
	" INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)" \
	" SELECT $1, " J(r, 1) ", " J(r, 2) ", " J(r, 3) ", " J(r, 4) ", " J(r, 5) ", " J(r, 6) ", " J(r, 7) ", " J(     \
		r, 8) ", " J(r, 9) ", " name ", " old_name ", " key
#define DO_JOURNAL                                         \
	JOURNAL_ROW(EACH, "j.name", "j.old_name", "j.key") \
	" FROM unnest($6::bytea[], $7::bytea[], $8::bytea[]) WITH ORDINALITY j (name, old_name, key, i)"

const struct pg_statement SQL_COMMIT[SQL_PARTS] = {
	SQL_VARIANTS(commit, DO_CHANGED, DO_CREATED, DO_ADDED, DO_REMOVED, DO_SESSION, DO_JOURNAL)};

/* The blocks that extents let go of: the collector shall look. */
#define DOUBT(gone)                                                                                                                          \
	"UPDATE block b SET doubtful = true, let_go = true, touched_at = now() FROM (SELECT DISTINCT node >> 32 AS drive, sha256 FROM " gone \
	" WHERE sha256 IS NOT NULL) g WHERE b.drive = g.drive AND b.sha256 = g.sha256"

const struct pg_statement SQL_REMOVE_NODES = SQL_WRITE("remove_nodes",
	"WITH n AS (DELETE FROM node WHERE id = ANY ($1::bigint[])), x AS (DELETE FROM xattr WHERE node = ANY ($1::bigint[])),"
	" gone AS (DELETE FROM extent WHERE node = ANY ($2::bigint[]) RETURNING node, sha256) " DOUBT("gone"));
const struct pg_statement SQL_REMOVE_EXTENTS = SQL_WRITE("remove_extents",
	"WITH gone AS (DELETE FROM extent x USING unnest($1::bigint[], $2::bigint[]) r (node, at) WHERE x.node = r.node AND x.at = r.at"
	" RETURNING x.node, x.sha256) " DOUBT("gone"));
#define X(k) AT("$1", SQL_EXTENT_STRIDE, EACH, k)
const struct pg_statement SQL_ADD_EXTENTS = SQL_WRITE("add_extents",
	"INSERT INTO extent (node, at, len, kind, generation, from_, block_size, sha256, data)"
	" SELECT " X(1) ", " X(2) ", " X(3) ", " X(4) ", " X(5) ", " X(6) ", " X(
		7) ", x.sha256, x.data"
		   " FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY x (sha256, data, i)");
const struct pg_statement SQL_ADD_EXTENT = SQL_WRITE("add_extent",
	"INSERT INTO extent (node, at, len, kind, generation, from_, block_size, sha256, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8::bytea, $9::bytea)");
const struct pg_statement SQL_REMOVE_XATTRS = SQL_WRITE("remove_xattrs",
	"DELETE FROM xattr x USING unnest($1::bigint[], $2::bytea[]) r (node, name) WHERE x.node = r.node AND x.name = r.name");
const struct pg_statement SQL_SET_XATTRS = SQL_WRITE("set_xattrs",
	"INSERT INTO xattr (node, name, value) SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])"
	" ON CONFLICT (node, name) DO UPDATE SET value = excluded.value");
/* All links but the one that a row names are marked, so that another one is found without an index over all entries. */
const struct pg_statement SQL_NAME_AGAIN = SQL_WRITE("name_again",
	"UPDATE node n SET parent = e.parent, name = e.name FROM unnest($1::bigint[]) w (id)"
	" CROSS JOIN LATERAL (SELECT e.parent, e.name FROM entry e WHERE e.child = w.id AND e.linked LIMIT 1) e WHERE n.id = w.id");

/* ---- answers ---- */

const struct pg_statement SQL_SESSION_ANSWERS =
	SQL_WRITE("session_answers", SESSION_UPDATE("$1", "$2::bytea[], $3::bytea[], $4::bytea[]"));
const struct pg_statement SQL_USER_ANSWERS = SQL_WRITE("user_answers",
	"INSERT INTO idempotency (drive, user_id, status, key, fingerprint, headers, body) SELECT $1, " AT(
		"$2", 2, EACH, 1) ", " AT("$2", 2, EACH,
		2) ", a.key, a.fingerprint, a.headers, a.body"
		   " FROM unnest($3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[]) WITH ORDINALITY a (key, fingerprint, headers, body, i)");
const struct pg_statement SQL_USER_FORGET = SQL_WRITE("user_forget",
	"DELETE FROM idempotency i USING unnest($1::bigint[], $2::bytea[]) k (user_id, key) WHERE i.user_id = k.user_id AND i.key = k.key");
const struct pg_statement SQL_SESSION_REPEATS =
	SQL_WRITE("session_repeats", "UPDATE session SET repeats = repeats + 1 WHERE id = ANY ($1::bigint[])");
const struct pg_statement SQL_USER_REPEATS = SQL_WRITE("user_repeats",
	"UPDATE idempotency i SET repeats = repeats + 1 FROM unnest($1::bigint[], $2::bytea[]) k (user_id, key)"
	" WHERE i.user_id = k.user_id AND i.key = k.key");
