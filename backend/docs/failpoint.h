/*
 * failpoint: dies on purpose, so that tests see what a crash leaves. Offered only by builds with NEPHOS_FAILPOINTS; in others nothing can be set.
 * "after-commit:OP" kills the process between the COMMIT of a batch with such an op and its answer.
 */
#ifndef NEPHOS_DOCS_FAILPOINT_H
#define NEPHOS_DOCS_FAILPOINT_H

#include "common/proto/op.h"

struct failpoint {
	enum { FAILPOINT_NONE, FAILPOINT_AFTER_COMMIT } where;
	enum op_kind op;
};

/* text NULL: none. -EINVAL: no failpoint, or this build has none. */
int failpoint_parse(const char *text, struct failpoint *ret);
void failpoint_after_commit(const struct failpoint *f, const struct op_batch *batch);

#endif
