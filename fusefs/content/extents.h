/*
 * extents: asks the store which bytes of a document lie where, with one request for all readers that want to know,
 * and gives each of them an answer that is recent enough for it (common/proto/fill).
 *
 * An answer describes one version of the document: its size, and its extents. When no newer change is known, the
 * answer becomes the known content of the file. In either case the readers that waited are offered it as a snapshot,
 * which later changes do not touch: a reader of a document that changes all the time has no other way to see one
 * version of it. Guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_EXTENTS_H
#define NEPHOS_FUSEFS_CONTENT_EXTENTS_H

#include "fusefs/content/file.h"

#define EXTENTS_BYTES (64ll * 1024 * 1024) /* range of one request: 128 blocks, 20 KiB */

struct extents_snapshot {
	unsigned refs;
	int64_t size, content_seq;
	struct content content;
};

/* Asks for the extents at `at`; inode->file must exist. ready (may be NULL) is called with the lock of the core
 * held. */
int extents_ask(
	struct core *core, struct inode *inode, int64_t at, void (*ready)(void *cookie, int error), void *cookie);
/* To be called from inside ready: the answer that arrived, with a reference. NULL: no memory. */
struct extents_snapshot *extents_offer(const struct file *f);
/* Adds the content of `more`, if it is of the same version. False: it is of another version, or there is no
 * memory. */
bool extents_snapshot_add(struct extents_snapshot *s, const struct extents_snapshot *more);
void extents_snapshot_unref(struct extents_snapshot *s); /* NULL is fine */

#endif
