/* touches: what journal entries, as the rules made them or as they were read, have made untrue. Pure; any thread. */
#ifndef NEPHOS_DOCS_TOUCHES_H
#define NEPHOS_DOCS_TOUCHES_H

#include "common/proto/touched.h"
#include "common/rules/tree.h"

void touches_add(struct touched *t, const struct tree_change *change);

#endif
