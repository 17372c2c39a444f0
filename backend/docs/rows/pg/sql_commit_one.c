#include "backend/docs/rows/pg/sql.h"

#include "backend/docs/rows/pg/sql_part.h"

/*
 * The end of a transaction that has one op: at most one row of each kind, and one or two changed documents. Without
 * arrays and unnest it takes the server half the time of the general statement (sql_commit.c). Parameters are
 * numbered as in enum docs_sql_one; those that a variant does not use are there all the same.
 */

#define DO_DRIVE "WITH d AS (UPDATE drive SET seq = $2, next_number = $3, used = $4, documents = $5 WHERE id = $1)"
#define DO_SESSION                                                                                               \
	", s AS (UPDATE session s SET number = $19, status = $20, fingerprint = $21, headers = $22, body = $23," \
	" seen_at = CASE WHEN s.seen_at < now() - " SQL_SEEN_STEP " THEN now() ELSE s.seen_at END WHERE s.id = $18)"
#define DO_JOURNAL                                                                                                       \
	" INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)" \
	" VALUES ($1, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"

const struct pg_statement SQL_COMMIT_ONE[2][SQL_PARTS] = {
	{SQL_VARIANTS(commit_one, SQL_ONE_CHANGED_1, SQL_ONE_CREATED, SQL_ONE_ADDED, SQL_ONE_REMOVED, DO_SESSION,
		DO_JOURNAL)},
	{SQL_VARIANTS(commit_two, SQL_ONE_CHANGED_1 SQL_ONE_CHANGED_2, SQL_ONE_CREATED, SQL_ONE_ADDED, SQL_ONE_REMOVED,
		DO_SESSION, DO_JOURNAL)},
};
