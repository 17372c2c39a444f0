/*
 * kept: one bound for all that is kept in memory only because it may be asked for again, beside the blocks of
 * cache=SIZE: the content of small files and the extents of large ones, names with their inodes, listings, extended
 * attributes. Each kind may have whatever the others leave. When together they are over the bound, the kind gives that
 * has most for its weight, its least recently used first.
 * Pure. Not thread-safe: a struct kept is guarded by what guards the things in it.
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

/* One thing that is kept, embedded in it. Names keep their order and count by themselves. All zero: it is not kept. */
struct kept_item {
	struct kept_item *prev, *next;
	size_t bytes; /* that it counts; 0: it is not kept */
};

/* Those that are kept, by kind. All zero: none. */
struct kept {
	struct kept_list {
		struct kept_item *recent; /* most recently used first */
		size_t bytes;		  /* of all of them */
	} lists[KEPT_KINDS];
};

/* It has so many bytes from now on, and is the most recently used of its kind. 0 bytes: it is not kept. */
void kept_count(struct kept *k, enum kept_kind kind, struct kept_item *item, size_t bytes);
/* It was of use. One that is not kept stays so. */
void kept_use(struct kept *k, enum kept_kind kind, struct kept_item *item);
size_t kept_bytes(const struct kept *k, enum kept_kind kind);
/* The least recently used, when there is one beside the most recently used, which somebody is about to look at. */
struct kept_item *kept_oldest(const struct kept *k, enum kept_kind kind);

#endif
