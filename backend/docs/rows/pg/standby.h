/*
 * standby: reads of a store that a standby answers, and the check that its answer is right.
 *
 * The request says where the drive stands, as its home knows it, and the newest timeline of the database that
 * the home was told of (docs_stand). The rows themselves must show that they are of that moment:
 *
 * - The drive's row, in the snapshot of the answer, stands exactly there. If it is behind, the standby has not
 *   replayed a change that somebody was told of. If it is ahead, it has a change that perhaps nobody was told
 *   of, and that a failover may undo.
 * - The row of table timeline names that timeline. A position is unique on a timeline and on those that follow
 *   it. On a timeline that was left, it may belong to another change, which was never acknowledged.
 *
 * In all other cases the primary is asked. docs/adr/0040 has the reasons.
 *
 * A thread of the process writes the row when the primary is on another timeline. Until a standby has that row,
 * nothing is read from it.
 *
 * struct standbys: one for a process, any thread. struct standby: one for each store, used by the store's
 * thread; it has a connection of its own. A standby that hangs costs a read STANDBY_ANSWER_MS or
 * PG_STANDBY_CONNECT_MS; after that no store connects for STANDBY_PAUSE_MS.
 */
#ifndef NEPHOS_DOCS_ROWS_PG_STANDBY_H
#define NEPHOS_DOCS_ROWS_PG_STANDBY_H

#include "backend/docs/rows/docs_store.h"
#include "backend/pg/pg.h"
#include "common/base/metrics.h"

/* a page of 512 small files takes a tenth of it; a read that waits longer goes to the primary */
#define STANDBY_ANSWER_MS 500
#define STANDBY_PAUSE_MS 1000	    /* pause after a failed attempt to connect, for all stores together */
#define STANDBY_LOOK_MS 100	    /* how often a store checks whether its standby is on the requested timeline */
#define STANDBY_MARK_MS 1000	    /* how often the thread checks whether the primary is on another timeline */
#define STANDBY_MARK_ANSWER_MS 5000 /* deadline for writing the row: the end of the process may have to wait for it */

struct standbys;
struct standby;

/* metrics may be NULL. -EINVAL: the connection string names only one host, or none; -E2BIG, -ENOMEM, -EAGAIN. */
int standbys_new(const char *conninfo, struct metrics *metrics, struct standbys **ret);
void standbys_free(struct standbys *all); /* after the standbys of all stores are freed; NULL is fine */

int standby_new(struct standbys *all, struct standby **ret); /* -ENOMEM, -EAGAIN */
void standby_free(struct standby *s);			     /* NULL is fine */

/* The statement must begin with READ_COLUMNS. */
struct standby_question {
	const struct pg_statement *statement;
	const struct pg_param *params;
	size_t count;
	const struct docs_stand *stand;
};
/* true: *ret is an answer of exactly that stand. false: the caller must ask the primary. */
bool standby_ask(struct standby *s, const struct standby_question *q, struct pg_result **ret);
void standby_count_primary(struct standby *s); /* counts a read that goes to the primary; NULL is fine */

#endif
