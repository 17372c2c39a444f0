/*
 * backup: the part of scripts/backup and scripts/restore that nephos-docs does, because it is the only program
 * that can reach the blocks and a service of S3. It copies the blocks of a list to a backup and back, with
 * checks, and parts of a backup to a service of S3 and back. The program does one of these, chosen by
 * --backup-do, and ends.
 */
#ifndef NEPHOS_DOCS_BACKUP_H
#define NEPHOS_DOCS_BACKUP_H

#include "backend/docs/block_copy.h"
#include "backend/service/service.h"

enum backup_exit {
	BACKUP_DONE = 0,
	BACKUP_FAILED = 1,
	BACKUP_MISSING = 2, /* blocks are missing, or the requested part */
	BACKUP_DAMAGED = 3, /* blocks are damaged */
	BACKUP_NO_ROOM = 4, /* the target has no room */
};

/* Returns the exit code of the program. Prints one line on what was done with blocks to the standard output;
 * failures are logged. */
enum backup_exit backup_run(struct service *s);

/* Maps a failure to an exit code. done: for blocks, it shows whether some are missing or damaged; -ENOENT and
 * -EIO may also come from the place where they lie, or are to lie, and then say nothing about the blocks. NULL:
 * for a part. */
enum backup_exit backup_exit_of(int r, const struct block_copied *done);

#endif
