#include "backend/docs/rows/pg/sql.h"

#include "backend/docs/rows/pg/sql_part.h"

/* File locks. $1 of most is the drive, $2 its owner, $3 the document, $4 the session that asks, $5 the kind. */

/* Held to the end of the transaction, so that what the next statement sees stays so. A document's number takes 32 bits;
 * the key has them with a sign. */
const struct pg_statement SQL_FILE_LOCK_ENTER = SQL_WRITE("file_lock_enter",
	"SELECT pg_advisory_xact_lock(($1::bigint >> 32)::int, (($1::bigint & 4294967295) - 2147483648)::int)");

/* The session's row before those of its locks: whoever ends it goes the same way. */
const struct pg_statement SQL_FILE_LOCK_SESSION = SQL_WRITE("file_lock_session",
	"WITH seen AS (UPDATE session s SET locks_at = now() WHERE s.id = $1 AND (s.locks_at IS NULL OR s.locks_at < now() - " SQL_LOCKS_STEP
	")) SELECT FROM session s WHERE s.id = $1 FOR KEY SHARE");

/* Ranges r (a, z, x) of a row l that w (a, z, x) cannot be beside. */
#define IN_THE_WAY(wanted)                                                                                     \
	"file_lock l CROSS JOIN LATERAL unnest(l.froms, l.tos, l.exclusive) r (a, z, x) JOIN " wanted          \
	" w (a, z, x) ON r.a <= w.z AND w.a <= r.z AND (r.x = 1 OR w.x = 1) WHERE l.node = $3 AND l.kind = $5" \
	" AND l.session <> $4"
#define ONE_RANGE "(SELECT $6::bigint, $7::bigint, $8::bigint)"
#define ALL_RANGES "unnest($6::bigint[], $7::bigint[], $8::bigint[])"

/*
 * Who is in the way and was silent for its lease, is doubted; and one who was doubted for a while and is silent still,
 * ends. The while is one in which the store could be reached: after an outage of everything, each has the time to say
 * that it is there. Whose row somebody holds, speaks.
 */
#define BREAK(name, wanted)                                                                                                                       \
	SQL_WRITE(name,                                                                                                                           \
		"WITH late AS MATERIALIZED (SELECT s.id, s.doubted_at > s.locks_at AS doubted,"                                                   \
		" s.doubted_at > s.locks_at AND s.doubted_at < now() - $10 * interval '1 s' AS over FROM session s"                               \
		" WHERE s.id = ANY (ARRAY(SELECT l.session FROM " IN_THE_WAY(                                                                     \
			wanted) ")) AND s.drive = $1 AND ($2 = 0 OR s.user_id = $2)"                                                              \
				" AND s.locks_at < now() - $9 * interval '1 s' FOR UPDATE OF s SKIP LOCKED),"                                     \
				" doubt AS (UPDATE session s SET doubted_at = now() FROM late WHERE s.id = late.id AND late.doubted IS NOT TRUE)" \
				" DELETE FROM session s USING late WHERE s.id = late.id AND late.over")
const struct pg_statement SQL_FILE_LOCK_BREAK = BREAK("file_lock_break", ALL_RANGES);
const struct pg_statement SQL_FILE_LOCK_BREAK_ONE = BREAK("file_lock_break_one", ONE_RANGE);

#define MY_SESSION "session s WHERE s.id = $4 AND s.drive = $1 AND ($2 = 0 OR s.user_id = $2) AND " SQL_ALIVE("s")

/* A refusal is written, too: should the request come a second time, late, it stays refused. */
const struct pg_statement SQL_FILE_LOCK_PUT = SQL_WRITE("file_lock_put",
	"WITH me AS MATERIALIZED (SELECT s.id FROM " MY_SESSION "),"
	" old AS MATERIALIZED (SELECT l.number, l.granted, l.waited FROM file_lock l WHERE l.node = $3 AND l.kind = $5 AND l.session = $4),"
	" other AS MATERIALIZED (SELECT r.a, r.z, r.x FROM " IN_THE_WAY(
		ALL_RANGES) " ORDER BY r.a LIMIT 1),"
			    " put AS (INSERT INTO file_lock AS l (session, node, kind, number, granted, froms, tos, exclusive)"
			    " SELECT me.id, $3, $5, $9, o.ok, CASE WHEN o.ok THEN $6 ELSE '{}' END, CASE WHEN o.ok THEN $7 ELSE '{}' END, CASE WHEN o.ok THEN $8 ELSE '{}' END"
			    " FROM me, (SELECT NOT $10 AND NOT EXISTS (SELECT FROM other) AS ok) o WHERE EXISTS (SELECT FROM node n WHERE n.id = $3)"
			    " ON CONFLICT (node, kind, session) DO UPDATE SET number = excluded.number, granted = excluded.granted, changed_at = now(),"
			    " waited = l.waited AND NOT excluded.granted,"
			    " froms = CASE WHEN excluded.granted THEN excluded.froms ELSE l.froms END,"
			    " tos = CASE WHEN excluded.granted THEN excluded.tos ELSE l.tos END,"
			    " exclusive = CASE WHEN excluded.granted THEN excluded.exclusive ELSE l.exclusive END"
			    " WHERE l.number < excluded.number)"
			    " SELECT d.incarnation, d.seq, me.id, old.number, old.granted, old.waited, other.a, other.z, other.x, " SQL_NODE("n") " FROM drive d LEFT JOIN me ON true LEFT JOIN old ON true LEFT JOIN other ON true LEFT JOIN node n ON n.id = $3 AND " SQL_VISIBLE(
				    "n") " WHERE " SQL_MINE);

const struct pg_statement SQL_FILE_LOCK_KEPT = SQL_READ("file_lock_kept",
	"SELECT s.locks_at IS NOT NULL FROM drive d JOIN session s ON s.id = $3 AND s.drive = d.id WHERE " SQL_MINE);

#define OTHERS "other AS MATERIALIZED (SELECT l.session, r.a, r.z, r.x FROM " IN_THE_WAY(ONE_RANGE) ")"
/* Until the first of them may be ended, should it stay silent: in ms. */
#define LEASE_LEFT                                                                                                           \
	"(SELECT ceil(min(extract(epoch FROM GREATEST(s.locks_at + $9 * interval '1 s', CASE WHEN s.doubted_at > s.locks_at" \
	" THEN s.doubted_at + $10 * interval '1 s' END) - now())) * 1000)::bigint FROM other o JOIN session s ON s.id = o.session)"
#define LOOK                                                                      \
	" SELECT d.incarnation, d.seq, me.id, o.a, o.z, o.x, " LEASE_LEFT         \
	" FROM drive d LEFT JOIN (SELECT s.id FROM " MY_SESSION                   \
	") me ON true LEFT JOIN (SELECT a, z, x FROM other ORDER BY a LIMIT 1) o" \
	" ON true WHERE " SQL_MINE
const struct pg_statement SQL_FILE_LOCK_TEST = SQL_READ("file_lock_test", "WITH " OTHERS LOOK);
/* The same for who will wait: those who are in the way will say when they are not. */
const struct pg_statement SQL_FILE_LOCK_LOOK = SQL_WRITE("file_lock_look",
	"WITH " OTHERS ", mark AS (UPDATE file_lock l SET waited = true FROM (SELECT DISTINCT session FROM other) o"
	" WHERE l.node = $3 AND l.kind = $5 AND l.session = o.session AND NOT l.waited)" LOOK);
