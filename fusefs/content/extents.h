/*
 * extents: asks the store which bytes of a document lie where, once for all who want to know, and gives each an answer
 * that is good for him (common/proto/fill).
 *
 * An answer is one version of the document: its size, and its extents. When nothing newer is known it becomes the known
 * content of the file. Whether or not, it is offered to those who waited, as a snapshot that nothing changes any more:
 * who reads a document that is changed all the time has no other way to see one version of it. Guarded by the lock of
 * the core.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_EXTENTS_H
#define NEPHOS_FUSEFS_CONTENT_EXTENTS_H

#include "fusefs/content/file.h"

#define EXTENTS_BYTES (64ll * 1024 * 1024) /* range that is asked for at once: 128 blocks, 20 KiB */

struct extents_snapshot {
	unsigned refs;
	int64_t size, content_seq;
	struct content content;
};

/* Asks for the extents at `at` of an inode that has its file; ready (may be NULL) with the lock held. */
int extents_ask(
	struct core *core, struct inode *inode, int64_t at, void (*ready)(void *cookie, int error), void *cookie);
/* What came, from inside ready, with a reference. NULL: no memory. */
struct extents_snapshot *extents_offer(const struct file *f);
/* The same version: takes over what is known there and not here. False: it is another one, or there is no memory. */
bool extents_snapshot_add(struct extents_snapshot *s, const struct extents_snapshot *more);
void extents_snapshot_unref(struct extents_snapshot *s); /* NULL is fine */

#endif
