/*
 * backup: what scripts/backup and scripts/restore have nephos-docs do, as the only program that knows where blocks lie
 * and how to speak to a service of S3: blocks of a list to a backup and back, checked, and parts of a backup to a
 * service of S3 and back. One of these, by --backup-do, and then it ends.
 */
#ifndef NEPHOS_DOCS_BACKUP_H
#define NEPHOS_DOCS_BACKUP_H

#include "backend/docs/block_copy.h"
#include "backend/service/service.h"

enum backup_exit {
	BACKUP_DONE = 0,
	BACKUP_FAILED = 1,
	BACKUP_MISSING = 2, /* blocks, or the part that was asked for */
	BACKUP_DAMAGED = 3, /* blocks */
	BACKUP_NO_ROOM = 4, /* where it was to be written */
};

/* What the program ends with. What was done with blocks is a line on the standard output; failures are logged. */
enum backup_exit backup_run(struct service *s);

/* What a failure means. Of blocks it is told by done, which is NULL for a part: -EIO and -ENOENT may as well come from
 * where they lie, or are to lie, and then say nothing of them. */
enum backup_exit backup_exit_of(int r, const struct block_copied *done);

#endif
