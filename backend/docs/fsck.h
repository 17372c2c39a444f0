/*
 * fsck: the check of the whole store, on a thread with a connection of its own. The thread looks whether an
 * administrator has started a run, and works on it in steps that end within a second. It checks the rows of every
 * drive against the rows that say the same, and every byte of every block, read past the memory of the service,
 * against its hash. Findings are written down with the path of the document; with `repair`, values that can be
 * derived from other rows are mended.
 *
 * A run is a row (rows/fsck.h). One instance has it at a time, and writes its progress after each step; when
 * that instance is gone, another one goes on from there. Memory is one page of rows and one buffer, however
 * large the store is. After each step the thread rests as long as the step took, so that it never takes more
 * than half of a thread's time.
 */
#ifndef NEPHOS_DOCS_FSCK_H
#define NEPHOS_DOCS_FSCK_H

#include "backend/docs/core/docs.h"
#include "common/base/limits.h"

#define FSCK_LOOK_MS 1000 /* between two looks whether a run was started at another instance */
/* time that a page of rows, or of blocks, should take: other requests wait less than that */
#define FSCK_STEP_MS 200
#define FSCK_ROWS_MAX 512  /* most rows of a page: each can have ten findings, which are written in one round trip */
#define FSCK_BLOCKS_MAX 64 /* most blocks of a page; how many of them are read depends on the time */
#define FSCK_USERS_MAX 32  /* most documents that are named for one bad block */
#define FSCK_TRIES_MAX 5   /* tries of a step that the database refuses, before the run ends as failed */
#define FSCK_READ_BYTES (BLOCK_BYTES_MAX + 1) /* one block, and the byte that shows that it is too long */

struct fsck;

int fsck_new(struct docs *docs, const char *conninfo, struct fsck **ret);
void fsck_free(struct fsck *f); /* waits for the current step; NULL is fine */
void fsck_wake(struct fsck *f); /* a run was started, or stopped */

#endif
