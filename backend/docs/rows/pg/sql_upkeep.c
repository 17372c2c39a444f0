#include "backend/docs/rows/pg/sql.h"

#include "backend/docs/rows/pg/sql_part.h"

/* ---- blocks ---- */

/* One row when the drive is there and the caller's; its columns are NULL when the block is not there. */
#define OF_MY_DRIVE(cte, columns)                                                                 \
	"WITH d AS (SELECT d.id FROM drive d WHERE " SQL_MINE "), b AS (" cte ") SELECT " columns \
	" FROM d LEFT JOIN b ON true"
#define TOUCHED "(extract(epoch FROM b.touched_at) * 1000000)::bigint"
#define BLOCK "b.generation, b.size, b.uploader, " TOUCHED
#define FOUND "touched_at = now(), let_go = false, shared = true" /* by another upload, or a repeat */

const struct pg_statement SQL_BLOCK_FIND = SQL_WRITE("block_find",
	OF_MY_DRIVE(
		"UPDATE block b SET " FOUND " FROM d WHERE b.drive = d.id AND b.sha256 = $3 RETURNING " BLOCK, "b.*"));
/* With it what may still come, so that who has a new block asks once. */
const struct pg_statement SQL_BLOCK_GENERATION = SQL_WRITE("block_generation",
	"SELECT nextval('block_generation'), extract(epoch FROM clock_timestamp())::bigint, " SQL_BLOCK_ROOM(
		"d") " FROM drive d WHERE " SQL_MINE);
/* A new one is charged, its row first and then a part of the sum: whoever holds that waits for nothing any more. */
const struct pg_statement SQL_BLOCK_STORED = SQL_WRITE("block_stored",
	"WITH d AS (SELECT d.id FROM drive d WHERE " SQL_MINE "), b AS ("
	"INSERT INTO block AS b (drive, sha256, generation, size, uploader) SELECT d.id, $3, $4, $5, $6 FROM d"
	" WHERE $7 = 0 OR extract(epoch FROM clock_timestamp())::bigint <= $7"
	" ON CONFLICT (drive, sha256) DO UPDATE SET " FOUND " RETURNING " BLOCK
	"), charge AS (INSERT INTO drive_blocks AS p (drive, part, bytes) SELECT d.id, pg_backend_pid() % 8, b.size FROM d, b WHERE b.generation = $4"
	" ON CONFLICT (drive, part) DO UPDATE SET bytes = p.bytes + excluded.bytes)"
	" SELECT b.* FROM d LEFT JOIN b ON true");
const struct pg_statement SQL_BLOCK_REFERENCED = SQL_READ("block_referenced",
	OF_MY_DRIVE("SELECT " BLOCK " FROM block b WHERE b.drive = $1 AND b.sha256 = $3"
		    " AND EXISTS (SELECT FROM extent x WHERE x.kind = 1 AND x.sha256 = $3 AND x.node >> 32 = $1)",
		"b.*"));

/* What an upload brought that came to nothing: unless something refers to it, or another upload has found it.
 * Under the drive's lock. $1: drive, hashes. */
#define DROP(asked, alone)                                                                                                                                             \
	"WITH gone AS (DELETE FROM block b USING " asked                                                                                                               \
	" WHERE b.drive = $1 AND b.sha256 = w.sha256 AND b.doubtful AND " alone                                                                                        \
	" AND NOT EXISTS (SELECT FROM extent x WHERE x.kind = 1 AND x.sha256 = b.sha256 AND x.node >> 32 = $1) RETURNING b.sha256, b.generation, b.size, b.uploader)," \
	" less AS (INSERT INTO drive_blocks AS p (drive, part, bytes) SELECT $1, 0, -sum(size) FROM gone HAVING count(*) > 0"                                          \
	" ON CONFLICT (drive, part) DO UPDATE SET bytes = p.bytes + excluded.bytes) SELECT * FROM gone"
const struct pg_statement SQL_BLOCK_DROP =
	SQL_WRITE("block_drop", DROP("unnest($2::bytea[], $3::bigint[]) w (sha256, touched)", TOUCHED " = w.touched"));
const struct pg_statement SQL_BLOCK_REFUSED =
	SQL_WRITE("block_refused", DROP("unnest($2::bytea[]) w (sha256)", "NOT b.shared AND NOT b.let_go"));

/* A scalar subquery stays one look-up a block. */
const struct pg_statement SQL_BLOCK_STRAYS = SQL_READ("block_strays",
	"SELECT w.i FROM unnest($1::bigint[], $2::bytea[], $3::bigint[]) WITH ORDINALITY w (drive, sha256, generation, i)"
	" WHERE (SELECT true FROM block b WHERE b.drive = w.drive::int AND b.sha256 = w.sha256 AND b.generation = w.generation LIMIT 1) IS NULL");

/* ---- upkeep ---- */

const struct pg_statement SQL_LOCK_ANY = SQL_WRITE("lock_any", "SELECT id FROM drive WHERE id = $1 FOR NO KEY UPDATE");
const struct pg_statement SQL_DOUBTFUL = SQL_READ("doubtful",
	"SELECT b.drive, b.sha256 FROM (SELECT drive, sha256 FROM block WHERE doubtful AND touched_at < now() - $1 * interval '1 s'"
	" ORDER BY touched_at LIMIT $2) b ORDER BY b.drive");
/* Where the owner of a drive is short of room: of all his drives what is old enough, and of what was let go so much of
 * the oldest as is needed. */
const struct pg_statement SQL_DOUBTFUL_SHORT = SQL_READ("doubtful_short",
	"SELECT c.drive, c.sha256 FROM (SELECT b.*, sum(CASE WHEN b.old THEN 0 ELSE b.size END) OVER (ORDER BY b.touched_at ROWS UNBOUNDED PRECEDING) AS bytes"
	" FROM drive d JOIN drive o ON o.owner = d.owner CROSS JOIN LATERAL (SELECT b.drive, b.sha256, b.size, b.touched_at, b.touched_at < now() - $2 * interval '1 s' AS old"
	" FROM block b WHERE b.drive = o.id AND b.doubtful AND (b.let_go OR b.touched_at < now() - $2 * interval '1 s') ORDER BY b.touched_at LIMIT $3) b WHERE d.id = $1) c"
	" WHERE c.old OR c.bytes - c.size < $4 ORDER BY c.drive");
/* $4: or, however young, if it was let go. */
#define STILL_DOUBTFUL \
	"b.drive = $1 AND b.sha256 = w.sha256 AND b.doubtful AND (b.touched_at < now() - $3 * interval '1 s' OR (b.let_go AND $4 <> 0))"
/* a join, one look-up each: with = ANY all doubtful blocks of the drive may be gone through */
#define ASKED "unnest($2::bytea[]) w (sha256)"
#define REFERENCED "EXISTS (SELECT FROM extent x WHERE x.kind = 1 AND x.sha256 = b.sha256 AND x.node >> 32 = $1)"
/* An upload that finds the block meanwhile touches it: it waits for this lock and then finds nothing, or came first and
 * is seen here. */
const struct pg_statement SQL_DOUBTFUL_LOCK = SQL_WRITE(
	"doubtful_lock", "SELECT FROM " ASKED ", block b WHERE " STILL_DOUBTFUL " ORDER BY b.sha256 FOR UPDATE OF b");
const struct pg_statement SQL_DOUBTFUL_SETTLE = SQL_WRITE("doubtful_settle",
	"WITH kept AS (UPDATE block b SET doubtful = false FROM " ASKED " WHERE " STILL_DOUBTFUL " AND " REFERENCED
	" RETURNING 1),"
	" gone AS (DELETE FROM block b USING " ASKED " WHERE " STILL_DOUBTFUL " AND NOT " REFERENCED
	" RETURNING b.sha256, b.generation, b.size, b.uploader),"
	" less AS (INSERT INTO drive_blocks AS p (drive, part, bytes) SELECT $1, 0, -sum(size) FROM gone HAVING count(*) > 0"
	" ON CONFLICT (drive, part) DO UPDATE SET bytes = p.bytes + excluded.bytes)"
	" SELECT g.*, (SELECT count(*) FROM kept) FROM (SELECT) one LEFT JOIN gone g ON true");

/* A scalar subquery stays one look-up a document; as NOT EXISTS it may be made a join over all that is held. */
const struct pg_statement SQL_ORPHANS = SQL_READ("orphans",
	"SELECT n.id FROM node n WHERE n.orphaned_at < now() - $1 * interval '1 s' AND (SELECT true FROM hold h JOIN session s ON s.id = h.session"
	" WHERE h.node = n.id AND " SQL_ALIVE("s") " LIMIT 1) IS NULL ORDER BY n.orphaned_at LIMIT $2");
#define DOUBT                                                                                                                               \
	"UPDATE block b SET doubtful = true, let_go = true, touched_at = now() FROM (SELECT DISTINCT node >> 32 AS drive, sha256 FROM gone" \
	" WHERE sha256 IS NOT NULL) g WHERE b.drive = g.drive AND b.sha256 = g.sha256"
const struct pg_statement SQL_ORPHAN_EXTENTS = SQL_WRITE("orphan_extents",
	"WITH gone AS (DELETE FROM extent x USING (SELECT y.node, y.at FROM node n JOIN extent y ON y.node = n.id WHERE n.id = ANY ($1::bigint[]) AND " SQL_LET_GO(
		"n") " LIMIT $3) y WHERE x.node = y.node AND x.at = y.at RETURNING x.node, x.sha256), doubt AS (" DOUBT
		     ") SELECT count(*) FROM gone");
/* What an orphan grew after its last name went is charged to its drive until now. */
const struct pg_statement SQL_ORPHAN_NODES = SQL_WRITE("orphan_nodes",
	"WITH gone AS (DELETE FROM node n WHERE n.id = ANY ($1::bigint[]) AND " SQL_LET_GO(
		"n") " AND NOT EXISTS (SELECT FROM extent x WHERE x.node = n.id) RETURNING n.id, n.charged),"
		     " x AS (DELETE FROM xattr x USING gone WHERE x.node = gone.id),"
		     " d AS (UPDATE drive d SET used = d.used - g.charged, documents = d.documents - g.documents"
		     " FROM (SELECT id >> 32 AS drive, sum(charged)::bigint AS charged, count(*) AS documents FROM gone GROUP BY 1) g"
		     " WHERE d.id = g.drive) SELECT count(*) FROM gone");

/* Held for longer than a moment: it costs what it has, as if it had a name. */
const struct pg_statement SQL_ORPHANS_HELD = SQL_READ("orphans_held",
	"SELECT n.id FROM node n WHERE n.orphaned_at < now() - $1 * interval '1 s' AND n.charged < n.allocated AND (SELECT true FROM hold h JOIN session s ON s.id = h.session"
	" WHERE h.node = n.id AND " SQL_ALIVE("s") " LIMIT 1) IS NOT NULL ORDER BY n.orphaned_at LIMIT $2");
const struct pg_statement SQL_ORPHANS_CHARGE = SQL_WRITE("orphans_charge",
	"WITH o AS MATERIALIZED (SELECT n.id, n.allocated - n.charged AS bytes FROM node n WHERE n.id = ANY ($1::bigint[]) AND n.orphaned_at < now() - $2 * interval '1 s'"
	" AND n.charged < n.allocated), u AS (UPDATE node n SET charged = n.charged + o.bytes FROM o WHERE n.id = o.id)"
	" UPDATE drive d SET used = d.used + c.bytes FROM (SELECT id >> 32 AS drive, sum(bytes)::bigint AS bytes FROM o GROUP BY 1) c WHERE d.id = c.drive");

const struct pg_statement SQL_EXPIRED_SESSIONS = SQL_WRITE("expired_sessions",
	"DELETE FROM session WHERE id = ANY (ARRAY(SELECT id FROM session WHERE seen_at < now() - interval '" SQL_TEXT(
		SESSION_TIMEOUT_SECONDS) " s' ORDER BY seen_at LIMIT $1 FOR UPDATE SKIP LOCKED))");
const struct pg_statement SQL_EXPIRED_KEYS = SQL_WRITE("expired_keys",
	"DELETE FROM idempotency WHERE ctid = ANY (ARRAY(SELECT ctid FROM idempotency WHERE created_at < now() - interval '" SQL_TEXT(
		IDEMPOTENCY_TEXT) " h' ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED))");
const struct pg_statement SQL_EXPIRED_DRIVE = SQL_READ("expired_drive",
	"SELECT id FROM drive WHERE trashed_at < now() - interval '" SQL_TEXT(
		TRASH_TEXT) " days' ORDER BY random() LIMIT $1");

/* The next drives to look at: the last of them, and how many. */
const struct pg_statement SQL_SWEEP_NEXT = SQL_READ(
	"sweep_next", "SELECT max(d.id), count(*) FROM (SELECT id FROM drive WHERE id > $1 ORDER BY id LIMIT $2) d");
/* Of drives behind $1 up to $2. What is old lies in front. */
const struct pg_statement SQL_SWEEP_JOURNAL = SQL_WRITE("sweep_journal",
	"DELETE FROM journal t USING (SELECT j.drive, j.seq FROM drive d CROSS JOIN LATERAL (SELECT j.drive, j.seq, j.made_at FROM journal j"
	" WHERE j.drive = d.id AND j.seq <= d.seq - " SQL_TEXT(
		JOURNAL_ROWS_KEPT) " ORDER BY j.seq LIMIT $3) j"
				   " WHERE d.id > $1 AND d.id <= $2 AND (j.made_at < now() - interval '" SQL_TEXT(
					   JOURNAL_HOURS_KEPT) " h' OR j.seq <= d.seq - " SQL_TEXT(JOURNAL_ROWS_MAX) ") LIMIT $3) p"
														     " WHERE t.drive = p.drive AND t.seq = p.seq");
const struct pg_statement SQL_SWEEP_ANSWERS = SQL_WRITE("sweep_answers",
	"DELETE FROM idempotency t USING (SELECT a.user_id, a.key FROM drive d CROSS JOIN LATERAL (SELECT i.user_id, i.key, i.created_at,"
	" sum(length(i.headers) + length(i.body) + length(i.key)) OVER (ORDER BY i.created_at DESC ROWS UNBOUNDED PRECEDING) AS bytes FROM idempotency i"
	" WHERE i.drive = d.id) a WHERE d.id > $1 AND d.id <= $2 AND a.bytes > " SQL_TEXT(KEPT_ANSWERS_BYTES_MAX) " AND a.created_at < now() - interval '" SQL_TEXT(
		KEPT_ANSWERS_MINUTES) " min' LIMIT $3) p"
				      " WHERE t.user_id = p.user_id AND t.key = p.key");

/* Ids of a drive are the range from $1 << 32. */
#define OF_DRIVE(column) column " >= $1::bigint << 32 AND " column " < ($1::bigint + 1) << 32"
/* Rows are deleted by key, some at a time. The blocks' bytes are the collector's: it gets them all at once, as old as
 * can be. */
const struct pg_statement SQL_PURGE[SQL_PURGES] = {
	SQL_WRITE("purge_extent",
		"DELETE FROM extent t USING (SELECT node, at FROM extent WHERE " OF_DRIVE(
			"node") " ORDER BY node, at LIMIT $2) p WHERE t.node = p.node AND t.at = p.at"),
	SQL_WRITE("purge_xattr",
		"DELETE FROM xattr t USING (SELECT node, name FROM xattr WHERE " OF_DRIVE(
			"node") " ORDER BY node, name LIMIT $2) p WHERE t.node = p.node AND t.name = p.name"),
	SQL_WRITE("purge_entry",
		"DELETE FROM entry t USING (SELECT parent, name FROM entry WHERE " OF_DRIVE(
			"parent") " ORDER BY parent, name LIMIT $2) p WHERE t.parent = p.parent AND t.name = p.name"),
	SQL_WRITE("purge_node",
		"DELETE FROM node t USING (SELECT id FROM node WHERE " OF_DRIVE(
			"id") " ORDER BY id LIMIT $2) p WHERE t.id = p.id"),
	SQL_WRITE("purge_journal",
		"DELETE FROM journal t USING (SELECT drive, seq FROM journal WHERE drive = $1"
		" ORDER BY seq LIMIT $2) p WHERE t.drive = p.drive AND t.seq = p.seq"),
	SQL_WRITE("purge_session",
		"DELETE FROM session t USING (SELECT id FROM session WHERE drive = $1 LIMIT $2) p WHERE t.id = p.id"),
	SQL_WRITE("purge_idempotency",
		/* Answers are there as long as any: a repeat of what removed the drive may still come. */
		"DELETE FROM idempotency t USING (SELECT user_id, key FROM idempotency WHERE drive = $1 AND created_at < now() - interval '" SQL_TEXT(
			IDEMPOTENCY_TEXT) " h'"
					  " LIMIT $2) p WHERE t.user_id = p.user_id AND t.key = p.key"),
	SQL_WRITE("purge_block",
		"UPDATE block t SET doubtful = true, touched_at = '-infinity' FROM (SELECT drive, sha256 FROM block WHERE drive = $1"
		" AND NOT (doubtful AND touched_at = '-infinity') LIMIT $2) p WHERE t.drive = p.drive AND t.sha256 = p.sha256"),
	SQL_WRITE("purge_sum",
		"DELETE FROM drive_blocks p WHERE p.drive = $1 AND $2 > 0 AND NOT EXISTS (SELECT FROM block WHERE drive = $1)"),
	SQL_WRITE("purge_drive",
		"DELETE FROM drive d WHERE d.id = $1 AND $2 > 0 AND NOT EXISTS (SELECT FROM extent WHERE " OF_DRIVE("node") ") AND NOT EXISTS (SELECT FROM xattr WHERE " OF_DRIVE(
			"node") ") AND NOT EXISTS (SELECT FROM entry WHERE " OF_DRIVE("parent") ") AND NOT EXISTS (SELECT FROM node WHERE " OF_DRIVE("id") ") AND NOT EXISTS (SELECT FROM journal WHERE drive = $1)"
																			   " AND NOT EXISTS (SELECT FROM session WHERE drive = $1) AND NOT EXISTS (SELECT FROM idempotency WHERE drive = $1)"
																			   " AND NOT EXISTS (SELECT FROM block WHERE drive = $1) AND NOT EXISTS (SELECT FROM drive_blocks WHERE drive = $1)"),
};

const struct pg_statement SQL_NOTIFY =
	SQL_WRITE("notify", "SELECT pg_notify('nephos_docs', convert_from(p, 'UTF8')) FROM unnest($1::bytea[]) p");
