/*
 * local: a file of this machine that content is written to: whole or not at all. A regular file appears, or is
 * replaced, only when local_commit says so; until then it has no name. A pipe, a device or the standard output is
 * written directly. Used by one thread.
 */
#ifndef NEPHOS_CLI_LOCAL_H
#define NEPHOS_CLI_LOCAL_H

#include <stdbool.h>
#include <stddef.h>

struct local;

/* path "-": the standard output. -EISDIR, -ENOENT, -EACCES …; a symlink is followed. */
int local_open(const char *path, struct local **ret);
int local_write(struct local *l, const void *data, size_t size);
/* Durable, and under its name. */
int local_commit(struct local *l);
void local_free(struct local *l); /* what was not committed is gone; NULL is fine */

#endif
