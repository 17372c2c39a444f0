/* op_copy: a list of ops together with everything it points to, in one piece of memory. Pure, any thread. */
#ifndef NEPHOS_FUSEFS_LOG_OP_COPY_H
#define NEPHOS_FUSEFS_LOG_OP_COPY_H

#include "common/proto/op.h"

/* To be free()d as a whole. NULL: no memory. */
struct op *op_copy(const struct op *ops, size_t count);
/* Bytes of content that the ops carry (what goes into the data part of a batch). */
size_t op_copy_data_size(const struct op *ops, size_t count);
/* Of everything that they point to: names, targets and values of xattrs as well. */
size_t op_copy_bytes(const struct op *ops, size_t count);

#endif
