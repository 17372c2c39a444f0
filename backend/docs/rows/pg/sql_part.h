/* sql_part: pieces of SQL that several statements share. Only for sql*.c. */
#ifndef NEPHOS_DOCS_DOCS_SQL_PART_H
#define NEPHOS_DOCS_DOCS_SQL_PART_H

#include "common/base/limits.h"
#include "common/proto/acl.h"

#define SQL_TEXT_(x) #x
#define SQL_TEXT(x) SQL_TEXT_(x)

/* In the order of enum docs_sql_node_column. */
#define SQL_NODE(n)                                                                                                 \
	n ".id, " n ".parent, " n ".name, " n ".size, " n ".allocated, " n ".charged, " n ".mode, " n ".uid, " n    \
	  ".gid, " n ".nlink, " n ".atime, " n ".mtime, " n ".ctime, " n ".btime, " n ".seq, " n ".content_seq, " n \
	  ".rdev, " n ".target, " n ".orphaned_at IS NOT NULL, " n ".children"
/* Its ACLs, of those that have xattrs at all: nothing is looked up for the others. */
#define SQL_ACL(n, name)                                                                                 \
	"CASE WHEN " n                                                                                   \
	".mode & " SQL_TEXT(SQL_MODE_XATTRS) " <> 0 THEN (SELECT a.value FROM xattr a WHERE a.node = " n \
					     ".id AND a.name = '" name "') END"
/* Of an orphan: the seq that took its last name, as long as who has it open may not have said so yet (rows of before
 * that was kept: all may); and who has. */
#define SQL_NAMELESS_AT(n) "COALESCE(" n ".orphaned_seq, 9223372036854775807)"
#define SQL_HOLDERS(n)                                                                                                       \
	"CASE WHEN " n ".orphaned_at > now() - interval '" SQL_TEXT(ORPHAN_GRACE_S) " s' THEN " SQL_NAMELESS_AT(             \
		n) " END, CASE WHEN " n                                                                                      \
		   ".orphaned_at IS NOT NULL THEN (SELECT string_agg(int8send(h.session), '') FROM hold h WHERE h.node = " n \
		   ".id) END"
#define SQL_LOADED(n) SQL_NODE(n) ", " SQL_ACL(n, ACL_ACCESS) ", " SQL_ACL(n, ACL_DEFAULT) ", " SQL_HOLDERS(n)
/* Whether a session that began at that seq may come to hold a document: it may have opened it when it had a name; what
 * was made without one is its maker's. */
#define SQL_MAY_HOLD(n, began)             \
	"(" n ".orphaned_at IS NULL OR " n \
	".mode & " SQL_TEXT(SQL_MODE_LINKABLE) " <> 0 OR " SQL_NAMELESS_AT(n) " > " began ")"
#define SQL_EXTENT(x)                                                                                                 \
	x ".node, " x ".at, " x ".len, " x ".kind, " x ".sha256, " x ".generation, " x ".from_, " x ".block_size, " x \
	  ".data"
/* Documents that go with a quota; NULL: with none. */
#define SQL_QUOTA_DOCUMENTS(quota) SQL_TEXT(DOCUMENTS_BASE) " + NULLIF(" quota ", 0) / " SQL_TEXT(DOCUMENT_QUOTA_BYTES)
#define SQL_ACCOUNT_DOCUMENTS(a) "NULLIF(COALESCE(" a ".documents, " SQL_QUOTA_DOCUMENTS(a ".quota") "), 0)"
/* The account of a drive's owner: one row, or none. */
#define SQL_ACCOUNT(d)                                                                                                 \
	"(SELECT a.quota, " SQL_ACCOUNT_DOCUMENTS("a") " AS documents FROM account a WHERE a.owner = ANY (ARRAY[0, " d \
						       ".owner]) ORDER BY a.owner DESC LIMIT 1)"
/* What a drive may hold: its own quota, or what the owner's other drives leave of the account. 0: no limit. */
#define SQL_QUOTA(d)                                                                                                         \
	"COALESCE(LEAST(NULLIF(" d                                                                                           \
	".quota, 0), (SELECT GREATEST(NULLIF(a.quota, 0) - (SELECT COALESCE(sum(o.used), 0) FROM drive o WHERE o.owner = " d \
	".owner AND o.id <> " d                                                                                              \
	".id), CASE WHEN a.quota > 0 THEN 1 END) FROM " SQL_ACCOUNT(d) " a), NULL)::bigint, 0)"
/* The same of documents. */
#define SQL_DOCUMENTS_MAX(d)                                                                                          \
	"COALESCE(LEAST(" SQL_QUOTA_DOCUMENTS(d                                                                       \
		".quota") ", (SELECT GREATEST(a.documents - (SELECT COALESCE(sum(o.documents), 0) FROM drive o WHERE" \
			  " o.owner = " d ".owner AND o.id <> " d                                                     \
			  ".id), CASE WHEN a.documents > 0 THEN 1 END) FROM " SQL_ACCOUNT(d) " a))::bigint, 0)"
/* Bytes of blocks that may still come; NULL: no limit. */
#define SQL_BLOCK_ROOM(d)                                                                                                                                                \
	"LEAST((SELECT 2 * NULLIF(" d ".quota, 0) + " SQL_TEXT(                                                                                                          \
		BLOCKS_SLACK_BYTES) " - COALESCE((SELECT sum(p.bytes) FROM drive_blocks p WHERE p.drive = " d                                                            \
				    ".id), 0)),"                                                                                                                         \
				    " (SELECT CASE WHEN a.quota > 0 THEN 2 * a.quota + " SQL_TEXT(                                                                       \
					    BLOCKS_SLACK_BYTES) " - COALESCE((SELECT sum(p.bytes) FROM drive o JOIN drive_blocks p ON p.drive = o.id WHERE o.owner = " d \
								".owner), 0) END FROM " SQL_ACCOUNT(d) " a))::bigint"
#define SQL_DRIVE(d)                                                                                                \
	d ".id, " d ".owner, " d ".incarnation, " d ".seq, " d ".epoch, " d ".lease_epoch, " d ".lease_session, " d \
	  ".next_number, " SQL_QUOTA(d) ", " d ".used, " d ".name, " d ".quota, " d                                 \
					".documents, " SQL_DOCUMENTS_MAX(d)

/* No document of it has xattrs: the first row of the index says so. */
#define SQL_DRIVE_BARE(d)                                                                         \
	"NOT EXISTS (SELECT FROM xattr x WHERE x.node >= " d ".id::bigint << 32 AND x.node < (" d \
	".id + 1)::bigint << 32)"

/* Of a drive: that it is there, and the caller's. */
#define SQL_MINE "d.id = $1 AND d.trashed_at IS NULL AND ($2 = 0 OR d.owner = $2)"
/* The same in the trash; what is to be purged, as it was empty or thrown away twice, is not there for anybody. */
#define SQL_MINE_TRASHED "d.id = $1 AND d.trashed_at > '-infinity' AND ($2 = 0 OR d.owner = $2)"
/* Of a session: that the mount was heard of. */
#define SQL_ALIVE(s) s ".seen_at > now() - interval '" SQL_TEXT(SESSION_TIMEOUT_SECONDS) " s'"
#define SESSION_TIMEOUT_SECONDS 600
#define IDEMPOTENCY_TEXT 24
#define TRASH_TEXT 30
/* seen_at is indexed: moved in steps, so that most updates of the row stay heap-only. */
#define SQL_SEEN_STEP "interval '30 s'"
/* The same for who has file locks, whose lease is shorter. */
#define SQL_LOCKS_STEP "interval '" SQL_TEXT(SQL_LOCKS_STEP_SECONDS) " s'"
#define SQL_LOCKS_STEP_SECONDS 2
#define SQL_LOCKS_OVERTAKEN "interval '600 s'" /* so long a request may be under way when a later one was answered */
/* Of a session: that a mount is there, as far as the others need to mind. */
#define SQL_PRESENT(s) s ".seen_at > now() - interval '" SQL_TEXT(SESSION_PRESENT_SECONDS) " s'"
#define SESSION_PRESENT_SECONDS 100
/* A document without a name is there for sessions of its drive only ($4). */
#define SQL_VISIBLE(n)                                                                                                                          \
	"(" n                                                                                                                                   \
	".orphaned_at IS NULL OR EXISTS (SELECT FROM session s WHERE s.id = $4 AND s.drive = $1 AND ($2 = 0 OR s.user_id = $2) AND " SQL_ALIVE( \
		"s") "))"
#define SQL_IS_FOLDER(n) "(" n ".mode & 61440) = 16384"
/* Of an orphan: nobody that is heard of has it open. $2: grace in seconds. */
#define SQL_LET_GO(n)                                                                                                                          \
	n ".orphaned_at < now() - $2 * interval '1 s' AND NOT EXISTS (SELECT FROM hold h JOIN session s ON s.id = h.session WHERE h.node = " n \
	  ".id AND " SQL_ALIVE("s") ")"

/* Of one op: at most one row of each kind, one or two changed documents; parameters as in enum docs_sql_one. */
#define SQL_ONE_CHANGED_1                                                                                                                     \
	", u1 AS (UPDATE node n SET parent = $26, size = $27, allocated = $28, charged = $29, mode = $30, uid = $31, gid = $32, nlink = $33," \
	" atime = $34, mtime = $35, ctime = $36, seq = $37, content_seq = $38, orphaned_at = CASE WHEN $39 <> 0 THEN COALESCE(n.orphaned_at, now()) END, orphaned_seq = CASE WHEN $39 <> 0 THEN COALESCE(n.orphaned_seq, $37) END, children = $40, name = $41 WHERE n.id = $25)"
#define SQL_ONE_CHANGED_2                                                                                                                     \
	", u2 AS (UPDATE node n SET parent = $68, size = $69, allocated = $70, charged = $71, mode = $72, uid = $73, gid = $74, nlink = $75," \
	" atime = $76, mtime = $77, ctime = $78, seq = $79, content_seq = $80, orphaned_at = CASE WHEN $81 <> 0 THEN COALESCE(n.orphaned_at, now()) END, orphaned_seq = CASE WHEN $81 <> 0 THEN COALESCE(n.orphaned_seq, $79) END, children = $82, name = $83 WHERE n.id = $67)"
#define SQL_ONE_REMOVED ", r AS (DELETE FROM entry WHERE parent = $42 AND name = $43)"
#define SQL_ONE_ADDED ", e AS (INSERT INTO entry (parent, child, linked, name) VALUES ($44, $45, $46 <> 0, $47))"
#define SQL_ONE_CREATED                                                                                                                                                      \
	", c AS (INSERT INTO node (id, parent, size, allocated, charged, mode, uid, gid, nlink, atime, mtime, ctime, btime, seq, content_seq, children, rdev, name, target)" \
	" VALUES ($48, $49, $50, $51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, $64, $65, $66))"

/* The end of a transaction, for each set of parts (enum docs_sql_parts). */
#define SQL_VARIANTS(name, changed, created, added, removed, session, journal)          \
	SQL_VARIANT(name, 0, changed, "", "", "", "", journal),                         \
		SQL_VARIANT(name, 1, changed, created, "", "", "", journal),            \
		SQL_VARIANT(name, 2, changed, "", added, "", "", journal),              \
		SQL_VARIANT(name, 3, changed, created, added, "", "", journal),         \
		SQL_VARIANT(name, 4, changed, "", "", removed, "", journal),            \
		SQL_VARIANT(name, 5, changed, created, "", removed, "", journal),       \
		SQL_VARIANT(name, 6, changed, "", added, removed, "", journal),         \
		SQL_VARIANT(name, 7, changed, created, added, removed, "", journal),    \
		SQL_VARIANT(name, 8, changed, "", "", "", session, journal),            \
		SQL_VARIANT(name, 9, changed, created, "", "", session, journal),       \
		SQL_VARIANT(name, 10, changed, "", added, "", session, journal),        \
		SQL_VARIANT(name, 11, changed, created, added, "", session, journal),   \
		SQL_VARIANT(name, 12, changed, "", "", removed, session, journal),      \
		SQL_VARIANT(name, 13, changed, created, "", removed, session, journal), \
		SQL_VARIANT(name, 14, changed, "", added, removed, session, journal),   \
		SQL_VARIANT(name, 15, changed, created, added, removed, session, journal)
#define SQL_VARIANT(name, parts, changed, created, added, removed, session, journal) \
	[parts] = {#name "_" #parts, DO_DRIVE changed created added removed session journal, false}

#define SQL_READ(name, sql)     \
	{                       \
		name, sql, true \
	}
#define SQL_WRITE(name, sql)     \
	{                        \
		name, sql, false \
	}

/* The same numbers without the suffix that their literals have. */
static_assert(SESSION_TIMEOUT_S == SESSION_TIMEOUT_SECONDS && SESSION_PRESENT_S == SESSION_PRESENT_SECONDS &&
		IDEMPOTENCY_HOURS == IDEMPOTENCY_TEXT && TRASH_DAYS == TRASH_TEXT,
	"limits.h");

#endif
