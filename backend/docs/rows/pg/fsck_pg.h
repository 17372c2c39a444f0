/*
 * fsck_pg: the rows of a check of the whole store (rows/fsck.h): taking a run, reading a page of rows, writing
 * down findings and progress, and mending. backend/docs/fsck.c decides the order of all that. One thread with a
 * connection of its own.
 *
 * A look is one statement, so one snapshot: what holds at every commit holds in the snapshot, whatever changes
 * the drive meanwhile. A look holds no lock, and only writes need a transaction. A mend is a transaction of its
 * own, which takes the lock of the drive and computes the values again. If clients may have cached what it
 * changes, the drive gets another incarnation.
 *
 * Failures are those of pg.h. -ESTALE: the run is over, was stopped, or another service has it by now; nothing
 * was written.
 */
#ifndef NEPHOS_DOCS_FSCK_PG_H
#define NEPHOS_DOCS_FSCK_PG_H

#include "backend/docs/rows/docs_store.h"
#include "backend/pg/pg.h"

#define FSCK_KEY_BYTES_MAX 256 /* a name, a hash or a number. Only damaged rows have longer ones */
#define FSCK_PLACE_BYTES_MAX 512
#define FSCK_HOLDER_SIZE 17 /* 16 digits */

/*
 * In this order for each drive, but STRAYS only once, after the last drive. The numbers are stored in rows, and a
 * service of an earlier version may take a run over, which knows no further number.
 *
 * A run that repairs gives documents their types back before it looks at anything else of a drive (fsck_pg_types). It
 * does that in phase DRIVE, so that an earlier version, which does not know of it, begins with the same drive.
 */
enum fsck_phase {
	FSCK_PHASE_DRIVE, /* look for the next drive */
	FSCK_PHASE_ENTRIES,
	FSCK_PHASE_NAMES,
	FSCK_PHASE_NODES,
	FSCK_PHASE_EXTENTS,
	FSCK_PHASE_XATTRS,
	FSCK_PHASE_BLOCKS,
	FSCK_PHASE_JOURNAL,
	FSCK_PHASE_SUMS,
	FSCK_PHASE_STRAYS,
	FSCK_PHASES
};

struct fsck_place { /* the last row that was looked at; at first, a place before all rows */
	int phase;
	uint32_t drive, page; /* page: number of rows in the next step */
	int64_t number;
	uint8_t bytes[FSCK_PLACE_BYTES_MAX];
	size_t size;
};

struct fsck_job {
	char holder[FSCK_HOLDER_SIZE];
	int64_t run;
	bool repair;
	struct fsck_place at;
};

struct fsck_found {
	int kind;
	uint32_t drive;
	int64_t id, parent; /* parent 0: not known */
	struct span name;
	int64_t is, should;
};

struct fsck_counts {
	int64_t drives, rows, blocks, bytes;
};

struct fsck_step {			/* the result of one step */
	const struct fsck_found *found; /* those that were not mended */
	size_t count;
	struct fsck_place to;
	struct fsck_counts counts;
};

/* The parameters of a mend; their meaning depends on the kind. */
struct fsck_mend {
	int64_t number, other; /* by default the document and its parent */
	struct span bytes;     /* by default the name */
};

enum fsck_page_column {
	FSCK_LAST,
	FSCK_LAST_BYTES,
	FSCK_ROWS,
	FSCK_KIND,
	FSCK_ID,
	FSCK_PARENT,
	FSCK_NAME,
	FSCK_IS,
	FSCK_SHOULD
};
enum fsck_block_column { FSCK_SHA256, FSCK_GENERATION, FSCK_SIZE, FSCK_LEAKED };
enum fsck_user_column { FSCK_USER_ID, FSCK_USER_PARENT, FSCK_USER_NAME };

/* 1: this holder has a run now; 0: there is no run to work on. */
int fsck_pg_take(struct pg *pg, struct fsck_job *job);
/* Sets where a phase of at->drive begins: before every row that the drive can have, however impossible its number. */
void fsck_pg_begin(struct fsck_place *at, int phase);
/* Goes on behind a row; if its key is longer than FSCK_KEY_BYTES_MAX, behind all rows whose keys begin as this one. */
void fsck_pg_go_on(struct fsck_place *at, int64_t number, struct span bytes);
int fsck_pg_next_drive(struct pg *pg, uint32_t after, uint32_t *ret); /* -ENOENT: `after` was the last drive */
/* As fsck_pg_page: the documents of `drive` that have lost their types, where other data says which types those were.
 * at: a place of phase DRIVE. If its number is not that of a document of `drive`, the rows of `drive` begin. */
int fsck_pg_types(struct pg *pg, const struct fsck_place *at, uint32_t drive, struct pg_result **ret);
/* The rows behind `at`, for a phase whose findings come from the rows alone. Columns: enum fsck_page_column; at
 * least one row. */
int fsck_pg_page(struct pg *pg, const struct fsck_place *at, struct pg_result **ret);
int fsck_pg_blocks(struct pg *pg, const struct fsck_place *at, struct pg_result **ret); /* enum fsck_block_column */
int fsck_pg_block_is(struct pg *pg, const struct block_name *name); /* 1: the block still has a row */
/* The documents whose content is in the block: enum fsck_user_column, at most limit rows. */
int fsck_pg_block_users(struct pg *pg, const struct block_name *name, int limit, struct pg_result **ret);
/* The block of an extent; -ENOENT. */
int fsck_pg_extent_block(struct pg *pg, int64_t node, int64_t at, struct block_name *ret, uint32_t *ret_size);

bool fsck_pg_mendable(const struct fsck_found *found);
/* Mends, and writes the finding down as mended. ret: whether it could be mended. */
int fsck_pg_mend(struct pg *pg, const struct fsck_job *job, const struct fsck_found *found, const struct fsck_mend *how,
	bool *ret);
/* Writes findings and progress in one transaction. Afterwards job->at is step->to. */
int fsck_pg_move(struct pg *pg, struct fsck_job *job, const struct fsck_step *step);
int fsck_pg_end(struct pg *pg, const struct fsck_job *job, int state); /* state: enum docs_fsck_state */

#endif
