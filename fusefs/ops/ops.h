/* ops: the interface to the kernel: a table of handlers, one for each request that the kernel may send. */
#ifndef NEPHOS_FUSEFS_OPS_OPS_H
#define NEPHOS_FUSEFS_OPS_OPS_H

struct fuse_lowlevel_ops;

/* The userdata of the session must be a struct fs. */
const struct fuse_lowlevel_ops *ops_table(void);

#endif
