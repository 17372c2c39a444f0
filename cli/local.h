/*
 * local: a local file that is written whole or not at all. A regular file appears, or is replaced, only at
 * local_commit; until then the new content has no name, or a temporary one. A pipe, a device or the standard
 * output is written directly. Used by one thread.
 */
#ifndef NEPHOS_CLI_LOCAL_H
#define NEPHOS_CLI_LOCAL_H

#include <stdbool.h>
#include <stddef.h>

struct local;

/* path "-": the standard output. -EISDIR, -ENOENT, -EACCES …; a symlink is followed. */
int local_open(const char *path, struct local **ret);
int local_write(struct local *l, const void *data, size_t size);
/* Makes the content durable, and gives it its name. */
int local_commit(struct local *l);
void local_free(struct local *l); /* drops what was not committed; NULL is fine */

#endif
