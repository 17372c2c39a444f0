#include "backend/docs/docs_sql.h"

#include "backend/docs/docs_sql_part.h"

/*
 * What a transaction ends with. One statement writes all that most batches have; a statement more costs a tenth of a commit, and so does each part of one that has
 * nothing to do: hence a variant for each set of parts. The parts change different rows (an entry that goes and comes back in one transaction is an
 * update: ON CONFLICT), so that their order means nothing.
 *
 * Rows come packed: the numbers of row i are elements (i-1)*STRIDE+1… of one bigint[], its bytes the elements i of bytea[]s, one unnest() for all. An unnest of twenty
 * arrays would make twenty tuple stores. An element of bigint[] is found by its position, one of bytea[] is not.
 */

#define AT(param, stride, k) param "[i * " SQL_TEXT(stride) " - " SQL_TEXT(stride) " + " #k "]"
#define J(k) AT("$5", SQL_JOURNAL_STRIDE, k)
#define U(k) AT("$9", SQL_NODE_STRIDE, k)
#define C(k) AT("$11", SQL_NODE_STRIDE, k)
#define E(k) AT("$14", SQL_ENTRY_STRIDE, k)

#define ORPHANED(packed, before) "CASE WHEN " packed " <> 0 THEN " before " END"

#define DO_DRIVE "WITH d AS (UPDATE drive SET seq = $2, next_number = $3, used = $4 WHERE id = $1)"
#define DO_CHANGED \
	", u AS (UPDATE node n SET parent = " U(2) ", size = " U(3) ", allocated = " U(4) ", charged = " U(5) ", mode = " U(6) ", uid = " U(7) ", gid = " U( \
		8) ", nlink = " U(9) ", atime = " U(10) ", mtime = " U(11) ", ctime = " U(12) ", seq = " U(14) ", content_seq = " U(15) ", children = " U(18) ", name = c.name," \
		   " orphaned_at = " ORPHANED(U(17), "COALESCE(n.orphaned_at, now())") \
		   " FROM unnest($10::bytea[]) WITH ORDINALITY c (name, i) WHERE n.id = " U(1) ")"
#define DO_CREATED \
	", c AS (INSERT INTO node (id, parent, size, allocated, charged, mode, uid, gid, nlink, atime, mtime, ctime, btime, seq, content_seq, rdev," \
	" children, orphaned_at, name, target) SELECT " C(1) ", " C(2) ", " C(3) ", " C(4) ", " C(5) ", " C(6) ", " C(7) ", " C(8) ", " C(9) ", " C(10) ", " C( \
		11) ", " C(12) ", " C(13) ", " C(14) ", " C(15) ", " C(16) ", " C( \
		18) ", " ORPHANED(C(17), "now()") \
		", c.name, c.target FROM unnest($12::bytea[], $13::bytea[]) WITH ORDINALITY c (name, target, i))"
#define DO_ADDED \
	", e AS (INSERT INTO entry (parent, child, linked, name) SELECT " E(1) ", " E(2) ", " E(3) " <> 0, a.name" \
	" FROM unnest($15::bytea[]) WITH ORDINALITY a (name, i)" \
	" ON CONFLICT (parent, name) DO UPDATE SET child = excluded.child, linked = excluded.linked)"
#define DO_REMOVED \
	", r AS (DELETE FROM entry e USING unnest($16::bigint[], $17::bytea[]) r (parent, name) WHERE e.parent = r.parent AND e.name = r.name)"
#define S(numbers, k) AT(numbers, SQL_SESSION_STRIDE, k)
#define SESSION_UPDATE(numbers, bytes) \
	"UPDATE session s SET number = " S(numbers, 2) ", status = " S(numbers, 3) ", fingerprint = a.fingerprint, headers = a.headers, body = a.body," \
	" seen_at = CASE WHEN s.seen_at < now() - " SQL_SEEN_STEP " THEN now() ELSE s.seen_at END" \
	" FROM unnest(" bytes ") WITH ORDINALITY a (fingerprint, headers, body, i) WHERE s.id = " S(numbers, 1)
#define DO_SESSION ", s AS (" SESSION_UPDATE("$18", "$19::bytea[], $20::bytea[], $21::bytea[]") ")"
#define DO_JOURNAL \
	" INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)" \
	" SELECT $1, " J(1) ", " J(2) ", " J(3) ", " J(4) ", " J(5) ", " J(6) ", " J(7) ", " J(8) ", " J( \
		9) ", j.name, j.old_name, j.key FROM unnest($6::bytea[], $7::bytea[], $8::bytea[]) WITH ORDINALITY j (name, old_name, key, i)"

#define COMMIT_OF(parts, created, added, removed, session) \
	[parts] = {"commit_" #parts, DO_DRIVE DO_CHANGED created added removed session DO_JOURNAL, false}

const struct pg_statement SQL_COMMIT[SQL_PARTS] = {
	COMMIT_OF(0, "", "", "", ""),
	COMMIT_OF(1, DO_CREATED, "", "", ""),
	COMMIT_OF(2, "", DO_ADDED, "", ""),
	COMMIT_OF(3, DO_CREATED, DO_ADDED, "", ""),
	COMMIT_OF(4, "", "", DO_REMOVED, ""),
	COMMIT_OF(5, DO_CREATED, "", DO_REMOVED, ""),
	COMMIT_OF(6, "", DO_ADDED, DO_REMOVED, ""),
	COMMIT_OF(7, DO_CREATED, DO_ADDED, DO_REMOVED, ""),
	COMMIT_OF(8, "", "", "", DO_SESSION),
	COMMIT_OF(9, DO_CREATED, "", "", DO_SESSION),
	COMMIT_OF(10, "", DO_ADDED, "", DO_SESSION),
	COMMIT_OF(11, DO_CREATED, DO_ADDED, "", DO_SESSION),
	COMMIT_OF(12, "", "", DO_REMOVED, DO_SESSION),
	COMMIT_OF(13, DO_CREATED, "", DO_REMOVED, DO_SESSION),
	COMMIT_OF(14, "", DO_ADDED, DO_REMOVED, DO_SESSION),
	COMMIT_OF(15, DO_CREATED, DO_ADDED, DO_REMOVED, DO_SESSION),
};

/* The blocks that extents let go of: the collector shall look. */
#define DOUBT(gone) \
	"UPDATE block b SET doubtful = true, touched_at = now() FROM (SELECT DISTINCT node >> 32 AS drive, sha256 FROM " gone \
	" WHERE sha256 IS NOT NULL) g WHERE b.drive = g.drive AND b.sha256 = g.sha256"

const struct pg_statement SQL_REMOVE_NODES = SQL_WRITE("remove_nodes",
	"WITH n AS (DELETE FROM node WHERE id = ANY ($1::bigint[])), x AS (DELETE FROM xattr WHERE node = ANY ($1::bigint[])),"
	" gone AS (DELETE FROM extent WHERE node = ANY ($2::bigint[]) RETURNING node, sha256) " DOUBT("gone"));
const struct pg_statement SQL_REMOVE_EXTENTS = SQL_WRITE("remove_extents",
	"WITH gone AS (DELETE FROM extent x USING unnest($1::bigint[], $2::bigint[]) r (node, at) WHERE x.node = r.node AND x.at = r.at"
	" RETURNING x.node, x.sha256) " DOUBT("gone"));
#define X(k) AT("$1", SQL_EXTENT_STRIDE, k)
const struct pg_statement SQL_ADD_EXTENTS = SQL_WRITE("add_extents",
	"INSERT INTO extent (node, at, len, kind, generation, from_, block_size, sha256, data)"
	" SELECT " X(1) ", " X(2) ", " X(3) ", " X(4) ", " X(5) ", " X(6) ", " X(7) ", x.sha256, x.data"
	" FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY x (sha256, data, i)");
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
	"INSERT INTO idempotency (drive, user_id, status, key, fingerprint, headers, body) SELECT $1, " AT("$2", 2, 1) ", " AT("$2", 2, 2)
	", a.key, a.fingerprint, a.headers, a.body"
	" FROM unnest($3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[]) WITH ORDINALITY a (key, fingerprint, headers, body, i)");
const struct pg_statement SQL_USER_FORGET = SQL_WRITE("user_forget",
	"DELETE FROM idempotency i USING unnest($1::bigint[], $2::bytea[]) k (user_id, key) WHERE i.user_id = k.user_id AND i.key = k.key");
const struct pg_statement SQL_SESSION_REPEATS =
	SQL_WRITE("session_repeats", "UPDATE session SET repeats = repeats + 1 WHERE id = ANY ($1::bigint[])");
const struct pg_statement SQL_USER_REPEATS = SQL_WRITE("user_repeats",
	"UPDATE idempotency i SET repeats = repeats + 1 FROM unnest($1::bigint[], $2::bytea[]) k (user_id, key)"
	" WHERE i.user_id = k.user_id AND i.key = k.key");
