#include "backend/docs/rows/pg/sql.h"

#include "backend/docs/rows/pg/sql_part.h"
#include "common/rules/tree.h"

/*
 * Written for plans that cannot go wrong: what is looked up by a list is a LATERAL or a parameterised join, nothing
 * counts on how many rows a list has. test_docs_sql_plans explains each one on a full database.
 */

/* ---- drives ---- */

#define NOW_NS "(extract(epoch FROM now()) * 1000000000)::bigint"

const struct pg_statement SQL_DRIVE_HOME = SQL_READ(
	"drive_home", "SELECT " SQL_DRIVE("d") " FROM drive d WHERE d.owner = $1 AND d.home AND d.trashed_at IS NULL");
/* No row: another call has made the first drive in the meantime, or there are as many as may be. The root: a
 * folder of nobody in particular, 0755. */
const struct pg_statement SQL_DRIVE_MAKE = SQL_WRITE("drive_make",
	"WITH made AS (INSERT INTO drive (owner, name, quota, home)"
	" SELECT $1, $2, $3, $4 OR NOT EXISTS (SELECT FROM drive d WHERE d.owner = $1 AND d.home AND d.trashed_at IS NULL)"
	" WHERE (SELECT count(*) FROM drive d WHERE d.owner = $1) < " SQL_TEXT(
		DRIVES_PER_USER_MAX) " ON CONFLICT (owner) WHERE home AND trashed_at IS NULL DO NOTHING RETURNING *),"
				     " root AS (INSERT INTO node (id, parent, name, size, allocated, charged, uid, gid, atime, mtime, ctime, btime, seq, content_seq, children, rdev, mode,"
				     " nlink, target) SELECT (id::bigint << 32) | 1, (id::bigint << 32) | 1, '', 0, 0, 0, 0, 0, t, t, t, t, 0, 0, 0, 0, 16877, 2, ''"
				     " FROM made, (SELECT " NOW_NS " AS t) now)"
				     " SELECT " SQL_DRIVE("d") " FROM made d");
const struct pg_statement SQL_DRIVE_GET =
	SQL_READ("drive_get", "SELECT " SQL_DRIVE("d") ", " SQL_DRIVE_BARE("d") " FROM drive d WHERE " SQL_MINE);
const struct pg_statement SQL_DRIVE_LIST = SQL_READ("drive_list",
	"SELECT " SQL_DRIVE("d") ", " SQL_DRIVE_BARE(
		"d") " FROM drive d WHERE d.owner = $1 AND d.trashed_at IS NULL ORDER BY d.id");
const struct pg_statement SQL_DRIVE_CHANGE = SQL_WRITE("drive_change",
	"UPDATE drive d SET name = COALESCE($3::bytea, name), quota = COALESCE($4::bigint, quota) WHERE " SQL_MINE);
/*
 * Under the drive's lock, so that what lies in it stays as it is seen. What holds nothing goes for good, with the
 * next round of upkeep; so does what was in the trash already. $3: the name, as a confirmation.
 * One row: whether it went; none: no such drive.
 */
const struct pg_statement SQL_DRIVE_TRASH = SQL_WRITE("drive_trash",
	"WITH d AS MATERIALIZED (SELECT d.id, COALESCE(n.children, 0) = 0 AS empty, d.trashed_at IS NOT NULL AS trashed FROM drive d LEFT JOIN node n ON n.id = (d.id::bigint << 32) | 1"
	" WHERE d.id = $1 AND ($2 = 0 OR d.owner = $2) AND (d.trashed_at IS NULL OR d.trashed_at > '-infinity')),"
	" gone AS (UPDATE drive t SET trashed_at = CASE WHEN d.empty OR d.trashed THEN '-infinity' ELSE now() END FROM d WHERE t.id = d.id AND (d.empty OR t.name = $3) RETURNING 1)"
	" SELECT EXISTS (SELECT FROM gone), d.trashed FROM d");
const struct pg_statement SQL_DRIVE_TRASHED = SQL_READ("drive_trashed", "SELECT FROM drive d WHERE " SQL_MINE_TRASHED);
const struct pg_statement SQL_DRIVE_TRASH_LIST = SQL_READ("drive_trash_list",
	"SELECT " SQL_DRIVE(
		"d") ", false, extract(epoch FROM d.trashed_at)::bigint FROM drive d WHERE d.owner = $1 AND d.trashed_at > '-infinity' ORDER BY d.id");
/* One that was its owner's first one is it again, unless another one has become that and is in use. */
const struct pg_statement SQL_DRIVE_RESTORE = SQL_WRITE("drive_restore",
	"WITH t AS MATERIALIZED (SELECT d.id, d.owner, d.home FROM drive d WHERE " SQL_MINE_TRASHED
	" FOR NO KEY UPDATE),"
	" h AS MATERIALIZED (SELECT d.id, n.children = 0 AS empty FROM t JOIN drive d ON d.owner = t.owner AND d.home AND d.trashed_at IS NULL JOIN node n ON n.id = (d.id::bigint << 32) | 1 WHERE t.home FOR NO KEY UPDATE OF d),"
	" gone AS (UPDATE drive d SET trashed_at = '-infinity', home = false FROM h WHERE d.id = h.id AND h.empty RETURNING 1)"
	" UPDATE drive d SET trashed_at = NULL, home = t.home AND ((SELECT count(*) FROM gone) = 1 OR NOT EXISTS (SELECT FROM h)) FROM t WHERE d.id = t.id");
/* In the order of ids: two of these at once do not wait for each other crosswise. */
const struct pg_statement SQL_TRASH_USER = SQL_WRITE("trash_user",
	"WITH mine AS MATERIALIZED (SELECT id FROM drive WHERE owner = $1 AND trashed_at IS NULL ORDER BY id FOR NO KEY UPDATE)"
	" UPDATE drive d SET trashed_at = now() FROM mine WHERE d.id = mine.id");
const struct pg_statement SQL_ACCOUNT_GET = SQL_READ("account_get",
	"SELECT (SELECT quota FROM account WHERE owner = $1), COALESCE((SELECT sum(used) FROM drive WHERE owner = $1), 0)::bigint,"
	" COALESCE((SELECT sum(p.bytes) FROM drive d JOIN drive_blocks p ON p.drive = d.id WHERE d.owner = $1), 0)::bigint,"
	" (SELECT quota FROM account WHERE owner = 0), COALESCE((SELECT sum(documents) FROM drive WHERE owner = $1), 0)::bigint,"
	" COALESCE((SELECT a.documents FROM (SELECT " SQL_ACCOUNT_DOCUMENTS(
		"a") " AS documents FROM account a WHERE a.owner = ANY (ARRAY[0, $1]) ORDER BY a.owner DESC LIMIT 1) a), 0)");
const struct pg_statement SQL_ACCOUNT_SET = SQL_WRITE("account_set",
	"INSERT INTO account (owner, quota, documents) VALUES ($1, $2, $3) ON CONFLICT (owner) DO UPDATE SET quota = excluded.quota, documents = excluded.documents");
const struct pg_statement SQL_ACCOUNT_UNSET = SQL_WRITE("account_unset", "DELETE FROM account WHERE owner = $1");
const struct pg_statement SQL_PROGRESS_GET = SQL_READ("progress_get", "SELECT since FROM progress WHERE name = $1");
const struct pg_statement SQL_PROGRESS_SET = SQL_WRITE("progress_set",
	"INSERT INTO progress AS p (name, since) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET since = excluded.since"
	" WHERE p.since < excluded.since");
const struct pg_statement SQL_IDS_RESERVE = SQL_WRITE("ids_reserve",
	"UPDATE drive d SET next_number = next_number + $3 WHERE " SQL_MINE
	" AND next_number + $3 <= 4294967296 RETURNING next_number - $3");

/* ---- reads ---- */

#define READ_DRIVE "SELECT d.incarnation, d.seq, "

const struct pg_statement SQL_ITEM_GET = SQL_READ("item_get",
	READ_DRIVE SQL_NODE("n") " FROM drive d LEFT JOIN node n ON n.id = $3 AND " SQL_VISIBLE(
		"n") " WHERE " SQL_MINE);
const struct pg_statement SQL_ITEM_LOOKUP = SQL_READ("item_lookup",
	READ_DRIVE SQL_NODE(
		"n") " FROM drive d LEFT JOIN (entry e JOIN node n ON n.id = e.child) ON e.parent = $3 AND e.name = $4 WHERE " SQL_MINE);
/* Where the path ends early, the name beyond it is NULL and joins nothing. */
const struct pg_statement SQL_ITEM_PATH = SQL_READ("item_path",
	"WITH RECURSIVE walk (depth, parent, id) AS ("
	"SELECT 0, ($1::bigint << 32) | 1, ($1::bigint << 32) | 1"
	" UNION ALL SELECT w.depth + 1, w.id, e.child FROM walk w JOIN entry e ON e.parent = w.id AND e.name = ($3::bytea[])[w.depth + 1])"
	" " READ_DRIVE "w.depth, w.parent, " SQL_NODE(
		"n") " FROM drive d LEFT JOIN (SELECT * FROM walk ORDER BY depth DESC LIMIT 1) w ON true LEFT JOIN node n ON n.id = w.id WHERE " SQL_MINE);

/* No ORDER BY outside: the nested loops keep the order of the entries, and a sort would take the inline data through a
 * file. The reader checks it. */
#define CHILDREN_FROM                                                                                                                                  \
	" FROM drive d LEFT JOIN node f ON f.id = $3"                                                                                                  \
	" LEFT JOIN LATERAL (SELECT e.name, e.child FROM entry e WHERE e.parent = f.id AND e.name > $4 ORDER BY e.name LIMIT $5) e ON " SQL_IS_FOLDER( \
		"f") " LEFT JOIN node n ON n.id = e.child"
const struct pg_statement SQL_CHILDREN =
	SQL_READ("children", READ_DRIVE "f.mode, e.name, " SQL_NODE("n") CHILDREN_FROM " WHERE " SQL_MINE);
const struct pg_statement SQL_CHILDREN_INLINE = SQL_READ("children_inline",
	READ_DRIVE "f.mode, e.name, " SQL_NODE(
		"n") ", CASE WHEN sum(x.len) OVER (ROWS UNBOUNDED PRECEDING) <= $6 THEN x.data END" CHILDREN_FROM
		     " LEFT JOIN extent x ON x.node = n.id AND x.at = 0 AND x.kind = 0 AND x.len >= n.size AND n.size > 0 WHERE " SQL_MINE);
/* Extents do not overlap: the first that may touch the range is the last one that begins at or before it. What is only
 * reserved reads as if it were not there. */
const struct pg_statement SQL_EXTENTS = SQL_READ("extents",
	READ_DRIVE SQL_NODE("n") ", " SQL_EXTENT("x") " FROM drive d LEFT JOIN node n ON n.id = $3 AND " SQL_VISIBLE(
		"n") " LEFT JOIN LATERAL (SELECT x.* FROM extent x WHERE x.node = n.id"
		     " AND x.at >= COALESCE((SELECT y.at FROM extent y WHERE y.node = n.id AND y.at <= $5 ORDER BY y.at DESC LIMIT 1), $5)"
		     " AND x.at < $6 AND x.at + x.len > $5 AND x.kind < 2 ORDER BY x.at LIMIT $7) x ON true WHERE " SQL_MINE);
const struct pg_statement SQL_SNAPSHOT_BEGIN =
	SQL_WRITE("snapshot_begin", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
const struct pg_statement SQL_SNAPSHOT_END = SQL_WRITE("snapshot_end", "ROLLBACK");
const struct pg_statement SQL_XATTRS = SQL_READ("xattrs",
	READ_DRIVE "n.id, x.name, x.value"
		   " FROM drive d LEFT JOIN node n ON n.id = $3 AND " SQL_VISIBLE(
			   "n") " LEFT JOIN xattr x ON x.node = n.id WHERE " SQL_MINE);
const struct pg_statement SQL_CHANGES = SQL_READ("changes",
	READ_DRIVE
	"j.seq, j.op, j.what, j.id, j.parent, j.old_parent, j.replaced, j.from_, j.len, j.name, j.old_name, j.key"
	" FROM drive d LEFT JOIN LATERAL (SELECT j.* FROM journal j WHERE j.drive = $1 AND j.seq > $3 ORDER BY j.seq LIMIT $4) j ON true"
	" WHERE " SQL_MINE);

/* ---- sessions ---- */

const struct pg_statement SQL_SESSION_CREATE = SQL_WRITE("session_create",
	"INSERT INTO session (user_id, drive, name, began_seq) SELECT d.owner, d.id, $3, d.seq FROM drive d WHERE " SQL_MINE
	" AND (SELECT count(*) FROM session s WHERE s.drive = d.id) < " SQL_TEXT(
		SESSIONS_PER_DRIVE_MAX) " RETURNING id");
const struct pg_statement SQL_SESSION_LOCK = SQL_WRITE("session_lock",
	"SELECT FROM drive d JOIN session s ON s.id = $3 AND s.drive = d.id WHERE " SQL_MINE " FOR UPDATE OF s");
/* Behind SQL_SESSION_LOCK, whose wait may have been for a poll that wrote what it holds: this one sees it. */
const struct pg_statement SQL_SESSION_REPLACE = SQL_WRITE("session_replace",
	"WITH made AS (INSERT INTO session (user_id, drive, name, began_seq, locks_at) SELECT d.owner, d.id, $3,"
	" COALESCE((SELECT s.began_seq FROM session s WHERE s.id = $4 AND s.drive = d.id), d.seq), (SELECT CASE WHEN s.locks_at IS NOT NULL THEN now() END"
	" FROM session s WHERE s.id = $4 AND s.drive = d.id) FROM drive d WHERE " SQL_MINE " RETURNING id, drive),"
	" old AS (DELETE FROM session s USING made WHERE s.id = $4 AND s.drive = made.drive RETURNING s.id),"
	" held AS (UPDATE hold h SET session = made.id FROM made, old WHERE h.session = old.id),"
	" locked AS (UPDATE file_lock l SET session = made.id FROM made, old WHERE l.session = old.id)"
	" SELECT id FROM made");
const struct pg_statement SQL_SESSION_END = SQL_WRITE(
	"session_end", "DELETE FROM session s USING drive d WHERE s.id = $3 AND s.drive = d.id AND " SQL_MINE);
/* Most polls write nothing. */
const struct pg_statement SQL_SESSION_LOOK = SQL_READ("session_look",
	"SELECT s.id IS NOT NULL, s.seen_at < now() - " SQL_SEEN_STEP
	" OR EXISTS (SELECT FROM unnest($4::bigint[]) held WHERE held >> 32 = $1 AND NOT EXISTS (SELECT FROM hold h WHERE h.session = $3 AND h.node = held)"
	" AND (SELECT n.id FROM node n WHERE n.id = held AND " SQL_MAY_HOLD("n",
		"s.began_seq") ") IS NOT NULL)"
			       " OR (SELECT h.node FROM hold h WHERE h.session = $3 AND h.node <> ALL ($4::bigint[]) ORDER BY h.node LIMIT 1) IS NOT NULL"
			       " OR COALESCE(s.locks_at < now() - " SQL_LOCKS_STEP ", false),"
			       " (SELECT count(*) FROM session o WHERE o.drive = $1 AND o.id <> $3 AND " SQL_PRESENT(
				       "o") ")"
					    " FROM drive d LEFT JOIN session s ON s.id = $3 AND s.drive = $1 AND " SQL_ALIVE(
						    "s") " WHERE " SQL_MINE);
/* The session's row first: two polls, or a poll and the end of the session, do not wait for each other crosswise. */
const struct pg_statement SQL_SESSION_RENEW = SQL_WRITE("session_renew",
	"WITH s AS MATERIALIZED (SELECT id, drive, began_seq FROM session WHERE id = $1 FOR NO KEY UPDATE),"
	" seen AS (UPDATE session u SET seen_at = now(), locks_at = CASE WHEN u.locks_at IS NOT NULL THEN now() END FROM s WHERE u.id = s.id),"
	" unlocked AS (DELETE FROM file_lock l USING s WHERE l.session = s.id AND l.froms = '{}' AND l.changed_at < now() - " SQL_LOCKS_OVERTAKEN
	"),"
	" gone AS (DELETE FROM hold h USING s WHERE h.session = s.id AND h.node <> ALL ($2::bigint[]))"
	" INSERT INTO hold (session, node) SELECT s.id, held FROM s, unnest($2::bigint[]) held WHERE held >> 32 = s.drive"
	" AND (SELECT n.id FROM node n WHERE n.id = held AND " SQL_MAY_HOLD(
		"n", "s.began_seq") ") IS NOT NULL ON CONFLICT DO NOTHING");

/* ---- what a transaction begins with ---- */

/* Waits for whoever has the drive, then sees the row as that one left it; the statements that follow have snapshots of
 * after that. */
const struct pg_statement SQL_LOCK_DRIVE = SQL_WRITE("lock_drive",
	"SELECT " SQL_DRIVE("d") " FROM drive d WHERE d.id = $1 AND d.trashed_at IS NULL FOR NO KEY UPDATE");
/* Both at once, for a transaction with one session: drive, then the columns of SQL_SESSION_KEYS. No row: look at them
 * one by one. What is waited for is read again, of both. */
const struct pg_statement SQL_LOCK_BOTH = SQL_WRITE("lock_both",
	"SELECT " SQL_DRIVE(
		"d") ", s.id, s.user_id, s.number, s.status, s.fingerprint, CASE WHEN s.number = $3 THEN s.headers END,"
		     " CASE WHEN s.number = $3 THEN s.body END, s.began_seq FROM drive d JOIN session s ON s.id = $2 AND s.drive = $1 AND " SQL_ALIVE(
			     "s") " WHERE d.id = $1 AND d.trashed_at IS NULL FOR NO KEY UPDATE OF d, s");
/* Not locked: numbers change under the drive's lock only. */
const struct pg_statement SQL_SESSION_KEYS = SQL_READ("session_keys",
	"SELECT s.id, s.user_id, s.number, s.status, s.fingerprint,"
	" CASE WHEN s.number = ANY ($3::bigint[]) THEN s.headers END, CASE WHEN s.number = ANY ($3::bigint[]) THEN s.body END, s.began_seq"
	" FROM session s WHERE s.id = ANY ($2::bigint[]) AND s.drive = $1 AND " SQL_ALIVE("s"));
const struct pg_statement SQL_USER_KEYS = SQL_READ("user_keys",
	"SELECT i.user_id, i.key, i.status, i.fingerprint, i.headers, i.body, i.created_at < now() - interval '" SQL_TEXT(
		IDEMPOTENCY_TEXT) " h'"
				  " FROM unnest($1::bigint[], $2::bytea[]) k (user_id, key) JOIN idempotency i ON i.user_id = k.user_id AND i.key = k.key");

/* Most batches name one folder and one name in it. */
const struct pg_statement SQL_LOAD_ONE = SQL_READ("load_one",
	"SELECT NULL::bigint, NULL::bytea, " SQL_LOADED(
		"n") " FROM node n WHERE n.id = $1[1]"
		     " UNION ALL SELECT e.parent, e.name, " SQL_LOADED(
			     "n") " FROM entry e JOIN node n ON n.id = e.child WHERE e.parent = $2[1] AND e.name = $3[1]");
const struct pg_statement SQL_LOAD = SQL_READ("load",
	"SELECT NULL::bigint, NULL::bytea, " SQL_LOADED(
		"n") " FROM node n WHERE n.id = ANY ($1::bigint[])"
		     " UNION ALL SELECT e.parent, e.name, " SQL_LOADED(
			     "n") " FROM unnest($2::bigint[], $3::bytea[]) w (parent, name) JOIN entry e ON e.parent = w.parent AND e.name = w.name JOIN node n ON n.id = e.child");
/* Extents of w.node that touch [w.from_, w.to_). */
#define TOUCHING                                                                                                                           \
	"SELECT x.* FROM extent x WHERE x.node = w.node"                                                                                   \
	" AND x.at >= COALESCE((SELECT y.at FROM extent y WHERE y.node = w.node AND y.at <= w.from_ ORDER BY y.at DESC LIMIT 1), w.from_)" \
	" AND x.at < w.to_ AND x.at + x.len > w.from_ OFFSET 0"
/* One more than a batch may have says that it has too many. */
#define ENOUGH " LIMIT " SQL_TEXT(BATCH_ROWS_MAX) " + 1"
#define LAST_BYTE(node) "(SELECT n.size - 1 FROM node n WHERE n.id = " node ")"
const struct pg_statement SQL_LOAD_EXTENTS = SQL_READ("load_extents",
	"SELECT " SQL_EXTENT("x") " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) w (node, from_, to_)"
				  " CROSS JOIN LATERAL (" TOUCHING ") x" ENOUGH);
/* To find the end of a file costs a third more for each range: only where one begins there. */
const struct pg_statement SQL_LOAD_EXTENTS_MIXED = SQL_READ("load_extents_mixed",
	"SELECT " SQL_EXTENT(
		"x") " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) v (node, from_, to_)"
		     " CROSS JOIN LATERAL (SELECT v.node, v.to_, CASE WHEN v.from_ = " SQL_TEXT(
			     TREE_TAIL) " THEN " LAST_BYTE("v.node") " ELSE v.from_ END AS from_ OFFSET 0) w"
								     " CROSS JOIN LATERAL (" TOUCHING ") x" ENOUGH);
/* Where there may be very much: as many extents, but bytes only so far. What is cut away whole needs none. */
const struct pg_statement SQL_LOAD_EXTENTS_WIDE = SQL_READ("load_extents_wide",
	"SELECT x.node, x.at, x.len, x.kind, x.sha256, x.generation, x.from_, x.block_size,"
	" CASE WHEN sum(CASE WHEN x.kind = 0 THEN x.len ELSE 0 END) OVER (ROWS UNBOUNDED PRECEDING) <= " SQL_TEXT(
		BATCH_LOADED_BYTES_MAX) " THEN x.data END"
					" FROM (SELECT x.* FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) v (node, from_, to_)"
					" CROSS JOIN LATERAL (SELECT v.node, v.to_, CASE WHEN v.from_ = " SQL_TEXT(
						TREE_TAIL) " THEN " LAST_BYTE("v.node") " ELSE v.from_ END AS from_ OFFSET 0) w"
											" CROSS JOIN LATERAL (" TOUCHING
											") x" ENOUGH ") x");
const struct pg_statement SQL_LOAD_EXTENTS_ONE = SQL_READ("load_extents_one",
	"SELECT " SQL_EXTENT(
		"x") " FROM extent x WHERE x.node = $1"
		     " AND x.at >= COALESCE((SELECT y.at FROM extent y WHERE y.node = $1 AND y.at <= $2 ORDER BY y.at DESC LIMIT 1), $2)"
		     " AND x.at < $3 AND x.at + x.len > $2" ENOUGH);
const struct pg_statement SQL_LOAD_EXTENTS_TAIL = SQL_READ("load_extents_tail",
	"SELECT " SQL_EXTENT("x") " FROM (SELECT $1::bigint AS node, " LAST_BYTE("$1") " AS from_, " SQL_TEXT(
		TREE_TAIL) "::bigint AS to_ OFFSET 0) w"
			   " CROSS JOIN LATERAL (" TOUCHING ") x" ENOUGH);
/* UNION, not UNION ALL: chains that meet go on as one, and it ends even if the tree had a circle. */
const struct pg_statement SQL_LOAD_ANCESTORS = SQL_READ("load_ancestors",
	"WITH RECURSIVE up (id, parent) AS (SELECT n.id, n.parent FROM unnest($1::bigint[]) f JOIN node n ON n.id = f"
	" UNION SELECT n.id, n.parent FROM up JOIN node n ON n.id = up.parent)"
	" SELECT id, parent FROM up WHERE id <> parent" ENOUGH);
/* Asked for in the order of documents: what all xattrs of one have together comes with the first of its names. */
const struct pg_statement SQL_LOAD_XATTRS = SQL_READ("load_xattrs",
	"SELECT w.node, w.name, x.value, a.names, a.bytes FROM (SELECT node, name, lag(node) OVER () IS DISTINCT FROM node AS fresh"
	" FROM unnest($1::bigint[], $2::bytea[]) u (node, name)) w LEFT JOIN xattr x ON x.node = w.node AND x.name = w.name"
	" LEFT JOIN LATERAL (SELECT sum(length(a.name) + 1) AS names, sum(length(a.name) + length(a.value)) AS bytes FROM xattr a"
	" WHERE a.node = w.node AND w.fresh) a ON true");
const struct pg_statement SQL_LOAD_BLOCKS = SQL_READ("load_blocks",
	"SELECT b.sha256, b.generation, b.size FROM unnest($2::bytea[]) w (sha256) JOIN block b ON b.drive = $1 AND b.sha256 = w.sha256 FOR KEY SHARE OF b");
