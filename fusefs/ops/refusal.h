/*
 * refusal: what a mount learns when the store refuses an op. The store decides by the actual state. If its reason
 * contradicts what is cached here, another mount has changed a name, and the journal has not reported that yet: a
 * name exists that is cached as absent, a name is absent that is cached as present, or a folder has entries that is
 * cached as empty. The contradicted entry is not used any more, and the next request asks the store: mkdir -p looks
 * at what is in its way and finds it, and a program that reads the folder which it could not remove sees why. Called
 * with the lock of the core held.
 */
#ifndef NEPHOS_FUSEFS_OPS_REFUSAL_H
#define NEPHOS_FUSEFS_OPS_REFUSAL_H

#include "fusefs/ops/ops_fs.h"

/* For any op and any error. */
void refusal_learn(struct fs *fs, const struct op *op, int error);

#endif
