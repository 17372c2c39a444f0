/*
 * kept: one bound for all that is kept in memory only because it may be asked for again, beside the blocks of
 * cache=SIZE: the content of small files and the extents of large ones, names with their inodes, listings, extended
 * attributes. Each kind may have whatever the others leave. When together they are over the bound, the kind gives that
 * has most for its weight, its least recently used first.
 * Pure. Any thread.
 */
#ifndef NEPHOS_FUSEFS_CORE_KEPT_H
#define NEPHOS_FUSEFS_CORE_KEPT_H

#include <stdbool.h>
#include <stddef.h>

enum kept_kind { KEPT_CONTENT, KEPT_NAMES, KEPT_LISTINGS, KEPT_XATTRS, KEPT_KINDS };

/* Unless told otherwise; with what malloc adds to it, and the program, under 128 MiB. */
#define KEPT_BYTES_MAX (80u * 1024 * 1024)
/* One in so many parts is always left for them: the inodes that the kernel and open files hold count in the bound. */
#define KEPT_LEAST_PARTS 5
#define KEPT_BYTES_PER_NAME 640u /* a name takes some 500 with its inode: names alone leave room for content */

/*
 * When all kinds together have too much: which of them is to give something. When all want more than there is, content
 * and names have four parts in ten each, listings and xattrs one each. can[kind]: it has something to give. -1: none
 * has.
 */
int kept_pick(const size_t bytes[KEPT_KINDS], const bool can[KEPT_KINDS]);

#endif
