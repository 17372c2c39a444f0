/*
 * xattrs: the extended attributes of one document, all of them, as last seen. The size is bounded as it is for a
 * document: XATTRS_PER_ITEM_BYTES_MAX for the names, and XATTRS_PER_ITEM_TOTAL_MAX for everything. kept.h bounds how
 * many documents' attributes are kept, together with the other caches.
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
	struct span name, value; /* their memory lies behind this struct */
};

struct xattrs {
	struct kept_item kept;
	struct inode *inode; /* of the document, when they are kept */
	struct xattr *list;
	size_t count, bytes;
	size_t names_size; /* with a NUL behind each, as listxattr(2) has them */
	int64_t seen;	   /* position up to which others' changes are included */
	int64_t own;	   /* position up to which this mount's changes are included, which were made here as well */
	uint64_t epoch;	   /* of the inodes, at the time they were seen */
};

struct xattrs *xattrs_new(void);				       /* NULL: no memory */
void xattrs_free(struct xattrs *x);				       /* NULL is fine */
int xattrs_add(struct xattrs *x, struct span name, struct span value); /* or replaces. -ENOMEM, -E2BIG */
void xattrs_remove(struct xattrs *x, struct span name);
const struct xattr *xattrs_find(const struct xattrs *x, struct span name); /* NULL: there is none */
size_t xattrs_memory(const struct xattrs *x);				   /* bytes */
void xattrs_names(const struct xattrs *x, char *ret);			   /* names_size bytes */

/* Makes x (takes ownership) the known xattrs of the inode; NULL: none are known. */
void xattrs_keep(struct kept *kept, struct inode *inode, struct xattrs *x);
/* To be called when the kept xattrs of the inode changed or were used. */
void xattrs_use(struct kept *kept, struct inode *inode);
/* Drops the least recently used ones of all documents, when there are others. */
void xattrs_give(struct kept *kept);

#endif
