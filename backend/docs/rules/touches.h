/* touches: what journal entries have made untrue, whether the rules just made them or they were read. Pure; any
 * thread. */
#ifndef NEPHOS_DOCS_TOUCHES_H
#define NEPHOS_DOCS_TOUCHES_H

#include "common/proto/touched.h"
#include "common/rules/tree.h"

void touches_add(struct touched *t, const struct tree_change *change);

#endif
