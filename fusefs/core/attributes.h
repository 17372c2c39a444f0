/*
 * attributes: brings what the store says about a document into its inode: from answers to questions, from the results
 * of this mount's own ops, and by asking. An answer that is older than a change that is known is not cached. Requests
 * that need the same attributes at the same time share one question. Guarded by the lock of the core; the core's
 * hooks update the objects that belong to the inode.
 */
#ifndef NEPHOS_FUSEFS_CORE_ATTRIBUTES_H
#define NEPHOS_FUSEFS_CORE_ATTRIBUTES_H

#include "fusefs/core/core.h"

/* The resolution of times of change: the step of the clock that a local file system takes them from (HZ = 250). */
#define ATTRIBUTES_TICK_NS (4 * NS_PER_MS)

/* Takes an answer about a document. Returns the inode, with a reference; NULL: no memory. *ret_fresh (may be NULL):
 * whether the answer may be cached. */
struct inode *attributes_learn(struct core *core, const struct item *item, int64_t seen, bool *ret_fresh);
/* The same for the result of an own op, which describes the document and the folders that the op changed. NULL: the
 * result has no document, or no memory. */
struct inode *attributes_learn_own(struct core *core, const struct op_result *result);
/* The position of the change that an own op made. */
int64_t attributes_seq_of(const struct op_result *result);
/*
 * True when the stored time of change already equals the current time, at the resolution of times of change: the
 * document is that of the newest change this mount knows of, which was answered less than a tick ago. Then a change
 * that would alter only that time has nothing to store, as on a local file system.
 */
bool attributes_changed_now(const struct core *core, const struct inode *inode);
/* Asks the store for the attributes, once for all requests that need them. ready is called with the core's lock held;
 * the inode is kept until then. -ENOMEM. */
int attributes_refresh(struct core *core, struct inode *inode, void (*ready)(void *cookie, int error), void *cookie);

#endif
