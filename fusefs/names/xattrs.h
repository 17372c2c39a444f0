/*
 * xattrs: the extended attributes of one document, all of them, as last seen. Bounded as those of a document are:
 * XATTRS_PER_ITEM_BYTES_MAX of names, and XATTRS_PER_ITEM_TOTAL_MAX of everything. How many of them are kept, with all
 * else that is: kept.h.
 * Pure. Not thread-safe.
 */
#ifndef NEPHOS_FUSEFS_NAMES_XATTRS_H
#define NEPHOS_FUSEFS_NAMES_XATTRS_H

#include "common/base/span.h"
#include "fusefs/core/inode.h"
#include "fusefs/core/kept.h"

#include <stdint.h>

struct xattr {
	struct xattr *next;
	struct span name, value; /* own memory, behind this */
};

struct xattrs {
	struct kept_item kept;
	struct inode *inode; /* whose they are, when they are kept */
	struct xattr *list;
	size_t count, bytes;
	size_t names_size; /* with a NUL behind each, as listxattr(2) has them */
	int64_t seen;	   /* position: of others' changes nothing later is known */
	int64_t own;	   /* and of this mount's, which were made here as well */
	uint64_t epoch;	   /* of the inodes, when they were seen */
};

struct xattrs *xattrs_new(void);				       /* NULL: no memory */
void xattrs_free(struct xattrs *x);				       /* NULL is fine */
int xattrs_add(struct xattrs *x, struct span name, struct span value); /* replaces. -ENOMEM, -E2BIG */
void xattrs_remove(struct xattrs *x, struct span name);
const struct xattr *xattrs_find(const struct xattrs *x, struct span name); /* NULL: there is none */
size_t xattrs_memory(const struct xattrs *x);				   /* bytes */
void xattrs_names(const struct xattrs *x, char *ret);			   /* names_size bytes */

/* x (which is taken) is what is known of the inode's xattrs from now on; NULL: nothing. */
void xattrs_keep(struct kept *kept, struct inode *inode, struct xattrs *x);
/* Those that are kept of the inode changed, or were of use. */
void xattrs_use(struct kept *kept, struct inode *inode);
/* The least recently used go, when there are others. */
void xattrs_give(struct kept *kept);

#endif
