/*
 * folders: the paths of folders of one drive, for a caller that gets changes by number ("nephos watch").
 *
 * The journal names a folder by its id, and people want a path. The path is found by going from the folder to its
 * parent and on to the top, asking the store for the name and parent of each folder that is not known yet. The
 * answers are kept, so that a second change in the same place costs no request. When the journal says that a
 * folder was moved, renamed or removed, the caller has it forgotten (folders_forget), and it is asked for again
 * when it is needed next.
 *
 * At most FOLDERS_MAX are kept. When a further path could exceed that, all are forgotten and asked for again:
 * this is simpler than keeping them in the order of their use, and rare. Used by one thread; asking blocks.
 */
#ifndef NEPHOS_CLI_FOLDERS_H
#define NEPHOS_CLI_FOLDERS_H

#include "cli/api.h"
#include "common/base/buf.h"

#define FOLDERS_MAX 10000u	/* some 2 MiB */
#define FOLDERS_DEPTH_MAX 4096u /* of nested folders; also ends a cycle that moving folders seem to form */

struct folders;

/* Paths begin at the folder with this id, which contains the number of its drive. api must outlive the folders. */
int folders_new(struct api *api, int64_t top, struct folders **ret);
void folders_free(struct folders *f); /* NULL is fine */
/* Appends "/a/b" for a folder below the top, nothing for the top itself. -ENOENT: the folder is not below the
 * top, or does not exist any more; other errors as of api_call. */
int folders_path(struct folders *f, int64_t id, struct buf *ret);
/* The folder was moved, renamed or removed. */
void folders_forget(struct folders *f, int64_t id);

#endif
