/*
 * failpoint: kills the process on purpose, so that tests see what a crash leaves. Only builds with
 * NEPHOS_FAILPOINTS have it; in others no failpoint can be set. "after-commit:OP" kills the process between the
 * COMMIT of a batch with such an op and its answer. OP may also be a change that is no op: drive-create,
 * drive-change, drive-delete, ids, session-create, session-end. "block-file": between the file of a block and
 * its row. "move-begin", "move-copy", "move-page", "move-switch", "move-remove": after the first such step of a
 * move of blocks.
 */
#ifndef NEPHOS_DOCS_FAILPOINT_H
#define NEPHOS_DOCS_FAILPOINT_H

#include "common/proto/op.h"

struct failpoint {
	const char *after; /* an op or a change; a literal; NULL: none */
};

/* text NULL: none. -EINVAL: no such failpoint, or this build has none. */
int failpoint_parse(const char *text, struct failpoint *ret);
void failpoint_after_commit(const struct failpoint *f, const struct op_batch *batch);
void failpoint_after_change(const struct failpoint *f, const char *change);

#endif
