#include "backend/docs/rows/pg/sql.h"

#include "backend/docs/rows/pg/sql_part.h"

/*
 * The whole transaction of a batch that began with what was known (drive_cache.h): one round trip, and no statement around
 * it. It writes provided that the drive's row and the number of the session are those that the batch was applied to.
 * Otherwise it fails and so leaves nothing: of one op with a row of the journal that has no drive (23502), of more with
 * a division (22012). An error, not an empty answer, because statements behind it in the same round trip must not run
 * either.
 *
 * The drive's row is locked first: `s` is read when `d` has given its row, and what nothing reads (documents, entries)
 * is run after the main statement.
 */

/* $24: bigint[], in this order. */
#define SQL_KNOWN(d)                                                                                               \
	"ARRAY[" d ".owner, " d ".incarnation, " d ".seq, " d ".epoch, " d ".lease_epoch, " d ".lease_session, " d \
	".next_number, " d ".quota, " d ".used, " d ".documents]"

#define DO_DRIVE                                                                                                                       \
	"WITH d AS (UPDATE drive d SET seq = $2, next_number = $3, used = $4, documents = $5 WHERE d.id = $1 AND d.trashed_at IS NULL" \
	" AND " SQL_KNOWN("d") " = $24::bigint[] RETURNING d.id)"
#define DO_SESSION                                                                                               \
	", s AS (UPDATE session s SET number = $19, status = $20, fingerprint = $21, headers = $22, body = $23," \
	" seen_at = CASE WHEN s.seen_at < now() - " SQL_SEEN_STEP " THEN now() ELSE s.seen_at END"               \
	" WHERE s.id = $18 AND s.drive = $1 AND s.number = $19 - 1 AND " SQL_ALIVE("s") " RETURNING s.id)"
#define DO_JOURNAL                                                                                                       \
	" INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)" \
	" VALUES ((SELECT CASE WHEN (SELECT true FROM s) THEN d.id END FROM d), $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"

const struct pg_statement SQL_COMMIT_KNOWN[2][SQL_PARTS] = {
	{SQL_VARIANTS(commit_known_one, SQL_ONE_CHANGED_1, SQL_ONE_CREATED, SQL_ONE_ADDED, SQL_ONE_REMOVED, DO_SESSION,
		DO_JOURNAL)},
	{SQL_VARIANTS(commit_known_two, SQL_ONE_CHANGED_1 SQL_ONE_CHANGED_2, SQL_ONE_CREATED, SQL_ONE_ADDED,
		SQL_ONE_REMOVED, DO_SESSION, DO_JOURNAL)},
};

const struct pg_statement SQL_CLAIM = SQL_WRITE("claim",
	"SELECT 1 / count(*) FROM (SELECT FROM drive d JOIN session s ON s.id = $3 AND s.drive = $1 AND s.number = $4 - 1 AND " SQL_ALIVE(
		"s") " WHERE d.id = $1 AND d.trashed_at IS NULL AND " SQL_KNOWN("d") " = $2::bigint[] FOR NO KEY UPDATE OF d, s) held");
