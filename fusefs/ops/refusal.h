/*
 * refusal: what a mount learns when the store refuses an op. It decides by what there is, so where it names a reason
 * that cannot be as far as is known here, somebody else has changed a name, and the journal has not told yet: a name
 * that is taken though it is known as absent, one that is not there though it is, a folder with entries that is known
 * as empty. What was known so is not known any more, and who looks next is told what is: mkdir -p, which looks at what
 * is in its way, finds it, and who reads the folder that could not be removed sees why. With the lock of the core held.
 */
#ifndef NEPHOS_FUSEFS_OPS_REFUSAL_H
#define NEPHOS_FUSEFS_OPS_REFUSAL_H

#include "fusefs/ops/ops_fs.h"

/* Any op and any error. */
void refusal_learn(struct fs *fs, const struct op *op, int error);

#endif
