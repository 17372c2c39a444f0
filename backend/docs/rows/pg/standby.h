/*
 * standby: reads of a store that a standby answers, and how what it says is known to be right.
 *
 * Who asks says where the drive stands, as its home knows it, and which timeline of the database is the newest
 * that the home was told of (docs_stand). The rows themselves must say that they are of that moment:
 *
 *   the drive's row, in the snapshot of the answer, stands exactly there. Behind it the standby has not replayed what
 *   somebody was told of; beyond it stands what nobody may have been told of, and which a failover may take back;
 *   the row of table timeline names that timeline. A position is unique on a timeline, and in those that follow it. On
 *   one that was left it may be another change's, which was never acknowledged.
 *
 * Whatever else a standby says, the primary is asked. docs/adr/0040 has the reasons.
 *
 * A thread of the process writes the row when the primary is of another timeline. Until a standby has it, nothing is
 * read there.
 *
 * struct standbys: one for a process, any thread. struct standby: one for each store, used by its thread; it has a
 * connection of its own. A standby that hangs costs a read STANDBY_ANSWER_MS or PG_STANDBY_CONNECT_MS; then nobody
 * connects for STANDBY_PAUSE_MS.
 */
#ifndef NEPHOS_DOCS_ROWS_PG_STANDBY_H
#define NEPHOS_DOCS_ROWS_PG_STANDBY_H

#include "backend/docs/rows/docs_store.h"
#include "backend/pg/pg.h"
#include "common/base/metrics.h"

#define STANDBY_ANSWER_MS 500 /* a page of 512 small files takes a tenth of it; who waits longer asks the primary */
#define STANDBY_PAUSE_MS 1000 /* between attempts to connect that fail, of all stores together */
#define STANDBY_LOOK_MS 100   /* how often a store looks whether its standby is of the timeline that is asked for */
#define STANDBY_MARK_MS 1000  /* how often it is looked whether the primary is of another timeline */
#define STANDBY_MARK_ANSWER_MS 5000 /* of writing it down: the end of the process may have to wait for that */

struct standbys;
struct standby;

/* metrics: may be NULL. -EINVAL: the connection string names one host, or none; -E2BIG, -ENOMEM, -EAGAIN. */
int standbys_new(const char *conninfo, struct metrics *metrics, struct standbys **ret);
void standbys_free(struct standbys *all); /* after those of all stores; NULL is fine */

int standby_new(struct standbys *all, struct standby **ret); /* -ENOMEM, -EAGAIN */
void standby_free(struct standby *s);			     /* NULL is fine */

/* A statement that begins with READ_COLUMNS. */
struct standby_question {
	const struct pg_statement *statement;
	const struct pg_param *params;
	size_t count;
	const struct docs_stand *stand;
};
/* true: ret is the answer, true at the stand. false: the primary is to be asked. */
bool standby_ask(struct standby *s, const struct standby_question *q, struct pg_result **ret);
void standby_count_primary(struct standby *s); /* a read goes to the primary; NULL is fine */

#endif
