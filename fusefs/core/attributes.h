/*
 * attributes: what the store says of a document becomes what is known of its inode: from answers to questions, from the
 * results of this mount's own ops, and by asking. An answer that is older than a change that is known is not kept.
 * Whoever wants the same attributes at once shares one question. Guarded by the lock of the core; the hooks of the core
 * tell what hangs on the inode.
 */
#ifndef NEPHOS_FUSEFS_CORE_ATTRIBUTES_H
#define NEPHOS_FUSEFS_CORE_ATTRIBUTES_H

#include "fusefs/core/core.h"

/* How fine times of change are: what the clock that a local file system takes them from advances by (HZ = 250). */
#define ATTRIBUTES_TICK_NS (4 * NS_PER_MS)

/* An answer about a document: the inode, with a reference; ret_fresh (may be NULL): the answer may be kept. NULL: no
 * memory. */
struct inode *attributes_learn(struct core *core, const struct item *item, int64_t seen, bool *ret_fresh);
/* The same for what an own op changed, and for the folders it changed. NULL: the result has no document, or no
 * memory. */
struct inode *attributes_learn_own(struct core *core, const struct op_result *result);
/* The change that an own op is. */
int64_t attributes_seq_of(const struct op_result *result);
/*
 * The time of change that is stored of it is now, as far as times of change go: it is of the newest change that this
 * mount knows of, answered less than a tick ago. Then a change that would move nothing but that time has nothing to
 * store, as on a local file system.
 */
bool attributes_changed_now(const struct core *core, const struct inode *inode);
/* Asks for the attributes, once for all who want them. ready with the lock held; the inode is kept meanwhile.
 * -ENOMEM. */
int attributes_refresh(struct core *core, struct inode *inode, void (*ready)(void *cookie, int error), void *cookie);

#endif
