/* op_copy: a list of ops together with everything it points to, in one piece of memory. Pure, any thread. */
#ifndef NEPHOS_FUSEFS_LOG_OP_COPY_H
#define NEPHOS_FUSEFS_LOG_OP_COPY_H

#include "common/proto/op.h"

/* To be freed with free(), as a whole. NULL: no memory. */
struct op *op_copy(const struct op *ops, size_t count);
/* Bytes of content in the ops (these go into the data part of a batch). */
size_t op_copy_data_size(const struct op *ops, size_t count);
/* Bytes of everything that the ops point to: including names, targets and values of xattrs. */
size_t op_copy_bytes(const struct op *ops, size_t count);

#endif
