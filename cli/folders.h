/*
 * folders: where folders of one drive lie, for whoever is told of changes by number ("nephos watch").
 *
 * The journal names a folder by its id, and people want a path. A path is made by going from the folder to its parent,
 * and on to the top, and asking the store for the name and parent of each that is not known yet. What was asked for is
 * kept, so that a second change in the same place costs nothing; when the journal says that a folder was moved, renamed
 * or removed, it is forgotten here (folders_forget) and asked for when it is needed next.
 *
 * At most FOLDERS_MAX are kept. When one more path could make it more, all are forgotten and asked for again: simpler
 * than keeping them in the order of their use, and rare. Used by one thread; asking blocks.
 */
#ifndef NEPHOS_CLI_FOLDERS_H
#define NEPHOS_CLI_FOLDERS_H

#include "cli/api.h"
#include "common/base/buf.h"

#define FOLDERS_MAX 10000u	/* some 2 MiB */
#define FOLDERS_DEPTH_MAX 4096u /* of folders in each other; a circle among moving ones ends here, too */

struct folders;

/* Paths begin at the folder with this id, in the drive of this number. api must outlive it. */
int folders_new(struct api *api, int64_t top, struct folders **ret);
void folders_free(struct folders *f); /* NULL is fine */
/* Appends "/a/b" for a folder below the top, nothing for the top itself. -ENOENT: it does not lie below it, or is gone;
 * else as of api_call. */
int folders_path(struct folders *f, int64_t id, struct buf *ret);
/* It was moved, renamed or removed. */
void folders_forget(struct folders *f, int64_t id);

#endif
