/*
 * fsck: the check of the whole store, on a thread with a connection of its own. It looks whether an administrator has
 * started a run, and works on it in steps that end within a second: every row of every drive against those that say the
 * same of it, every byte of every block against its hash. What it finds is written down by the path of the
 * document, and with `repair` what can be derived from other rows is mended.
 *
 * A run is a row (rows/fsck.h): one instance has it at a time, and writes down after each step how far it has come;
 * when it is gone another one goes on there. Memory is one page of rows and one buffer, however large the store is.
 * After each step it rests as long as the step took, so that it never takes more than half of what a thread can have.
 */
#ifndef NEPHOS_DOCS_FSCK_H
#define NEPHOS_DOCS_FSCK_H

#include "backend/docs/core/docs.h"

#define FSCK_LOOK_MS 1000  /* between two looks whether a run was started at another instance */
#define FSCK_STEP_MS 200   /* that a page of rows, or of blocks, is to take: requests beside it wait less than that */
#define FSCK_ROWS_MAX 512  /* of a page: each can have ten findings, which are written in one round trip */
#define FSCK_BLOCKS_MAX 64 /* of a page; how many of them are read is a matter of time */
#define FSCK_USERS_MAX 32  /* documents that are named for one bad block */
#define FSCK_TRIES_MAX 5   /* of a step that the database refuses, before the run ends as failed */
#define FSCK_READ_BYTES (1u << 20) /* of a block at once */

struct fsck;

int fsck_new(struct docs *docs, const char *conninfo, struct fsck **ret);
void fsck_free(struct fsck *f); /* waits for the step that is under way; NULL is fine */
void fsck_wake(struct fsck *f); /* a run was started, or stopped */

#endif
