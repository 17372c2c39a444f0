#include "backend/docs/docs_sql.h"

#include "backend/docs/docs_sql_part.h"

/*
 * The end of a transaction that has one op: at most one row of each kind, and one or two changed documents. Without arrays and unnest it takes the server half the
 * time of the general statement (docs_sql_commit.c). Parameters are numbered as in enum docs_sql_one; those that a variant does not use are there all the same.
 */

#define DO_DRIVE "WITH d AS (UPDATE drive SET seq = $2, next_number = $3, used = $4 WHERE id = $1)"
#define DO_CHANGED_1                                                                                                                          \
	", u1 AS (UPDATE node n SET parent = $24, size = $25, allocated = $26, charged = $27, mode = $28, uid = $29, gid = $30, nlink = $31," \
	" atime = $32, mtime = $33, ctime = $34, seq = $35, content_seq = $36, orphaned_at = CASE WHEN $37 <> 0 THEN COALESCE(n.orphaned_at, now()) END, children = $38, name = $39 WHERE n.id = $23)"
#define DO_CHANGED_2                                                                                                                          \
	", u2 AS (UPDATE node n SET parent = $66, size = $67, allocated = $68, charged = $69, mode = $70, uid = $71, gid = $72, nlink = $73," \
	" atime = $74, mtime = $75, ctime = $76, seq = $77, content_seq = $78, orphaned_at = CASE WHEN $79 <> 0 THEN COALESCE(n.orphaned_at, now()) END, children = $80, name = $81 WHERE n.id = $65)"
#define DO_REMOVED ", r AS (DELETE FROM entry WHERE parent = $40 AND name = $41)"
#define DO_ADDED ", e AS (INSERT INTO entry (parent, child, linked, name) VALUES ($42, $43, $44 <> 0, $45))"
#define DO_CREATED                                                                                                                                                           \
	", c AS (INSERT INTO node (id, parent, size, allocated, charged, mode, uid, gid, nlink, atime, mtime, ctime, btime, seq, content_seq, children, rdev, name, target)" \
	" VALUES ($46, $47, $48, $49, $50, $51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, $64))"
#define DO_SESSION                                                                                               \
	", s AS (UPDATE session s SET number = $18, status = $19, fingerprint = $20, headers = $21, body = $22," \
	" seen_at = CASE WHEN s.seen_at < now() - " SQL_SEEN_STEP " THEN now() ELSE s.seen_at END WHERE s.id = $17)"
#define DO_JOURNAL                                                                                                       \
	" INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)" \
	" VALUES ($1, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"

const struct pg_statement SQL_COMMIT_ONE[2][SQL_PARTS] = {
	{SQL_VARIANTS(commit_one, DO_CHANGED_1, DO_CREATED, DO_ADDED, DO_REMOVED, DO_SESSION, DO_JOURNAL)},
	{SQL_VARIANTS(commit_two, DO_CHANGED_1 DO_CHANGED_2, DO_CREATED, DO_ADDED, DO_REMOVED, DO_SESSION, DO_JOURNAL)},
};
