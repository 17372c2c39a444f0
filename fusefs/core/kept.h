/*
 * kept: one bound for all data that is in memory only because it may be asked for again, besides the blocks of
 * cache=SIZE: the content of small files and the extents of large ones, names with their inodes, listings, extended
 * attributes. Each kind may use all the room that the others leave. When all kinds together are over the bound, the
 * kind that uses most in proportion to its weight evicts its least recently used data. Pure. Not thread-safe: a
 * struct kept is guarded by the lock that guards the objects in it.
 */
#ifndef NEPHOS_FUSEFS_CORE_KEPT_H
#define NEPHOS_FUSEFS_CORE_KEPT_H

#include <stdbool.h>
#include <stddef.h>

enum kept_kind { KEPT_CONTENT, KEPT_NAMES, KEPT_LISTINGS, KEPT_XATTRS, KEPT_KINDS };

/* The default; together with malloc's overhead and the program this is under 128 MiB. */
#define KEPT_BYTES_MAX (80u * 1024 * 1024)
/* At least one part in so many is always left for cached data: the inodes that the kernel and open files hold count
 * in the bound. */
#define KEPT_LEAST_PARTS 5
#define KEPT_BYTES_PER_NAME 640u /* a name takes some 500 with its inode: so names alone leave room for content */

/*
 * Chooses the kind that has to evict something when all kinds together have too much. When all want more than there
 * is, content and names get four tenths each, listings and xattrs one tenth each. can[kind]: the kind has something
 * to evict. -1: no kind has.
 */
int kept_pick(const size_t bytes[KEPT_KINDS], const bool can[KEPT_KINDS]);

/* One object that is kept; embedded in that object. Names have an order and a count of their own. All zero: the
 * object is not kept. */
struct kept_item {
	struct kept_item *prev, *next;
	size_t bytes; /* as counted; 0: the object is not kept */
};

/* All objects that are kept, by kind. All zero: none. */
struct kept {
	struct kept_list {
		struct kept_item *recent; /* most recently used first */
		size_t bytes;		  /* of all of them */
	} lists[KEPT_KINDS];
};

/* The object takes `bytes` from now on, and is the most recently used of its kind. 0 bytes: it is not kept. */
void kept_count(struct kept *k, enum kept_kind kind, struct kept_item *item, size_t bytes);
/* The object was used. An object that is not kept stays so. */
void kept_use(struct kept *k, enum kept_kind kind, struct kept_item *item);
size_t kept_bytes(const struct kept *k, enum kept_kind kind);
/* The least recently used object; NULL when there is none besides the most recently used one, which a request is
 * about to use. */
struct kept_item *kept_oldest(const struct kept *k, enum kept_kind kind);

#endif
