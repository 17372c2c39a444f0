/* What the parts of store_mem share. Not for others. */
#ifndef NEPHOS_FUSEFS_STORE_MEM_INTERNAL_H
#define NEPHOS_FUSEFS_STORE_MEM_INTERNAL_H

#include "fusefs/store_mem.h"

#include <pthread.h>
#include <uthash.h>

struct mem_xattr {
	struct mem_xattr *next;
	char *name, *value;
	size_t name_size, value_size;
};

/* A piece of content: bytes of our own, a part of a block, or nothing but the room. Sorted, disjoint. */
struct mem_piece {
	struct mem_piece *prev, *next;
	int64_t at, len;
	enum extent_kind kind;
	uint8_t sha256[32];
	uint32_t from;
	char *data;
};

struct mem_doc {
	UT_hash_handle hh;
	int64_t id, size, atime, mtime, ctime, btime, seq, content_seq;
	uint32_t mode, uid, gid, nlink, rdev_major, rdev_minor;
	char *target;
	size_t target_size;
	struct mem_piece *pieces;
	struct mem_xattr *xattrs;
};

struct mem_name {
	UT_hash_handle hh;
	int64_t child;
	size_t size; /* of the key: parent and name */
	struct {
		int64_t parent;
		char name[NAME_BYTES_MAX];
	} key;
};

struct mem_block {
	UT_hash_handle hh;
	uint8_t sha256[32];
	uint32_t size;
	char *data;
};

struct mem_change {
	struct store_change change; /* its spans point to the two below */
	const void *author;	    /* the store it came through */
	char name[NAME_BYTES_MAX], old_name[NAME_BYTES_MAX];
};

/* What a batch changes, and gets back when it fails. */
struct mem_tree {
	struct mem_doc *docs;
	struct mem_name *names;
};

struct mem_store;

struct mem_drive {
	pthread_mutex_t lock; /* guards all */
	uint32_t number;
	int64_t quota, seq, forgotten;
	uint32_t next_number;
	struct mem_tree tree;
	struct mem_block *blocks;
	struct mem_change *journal; /* seq 1 is [0] */
	size_t journal_capacity;
	struct mem_counts counts;
	struct mem_store *stores;
	unsigned store_count;
};

/* store_mem_tree.c: with the drive's lock held. */
int mem_tree_init(struct mem_drive *d);
void mem_tree_fini(struct mem_tree *t);
int mem_tree_copy(const struct mem_tree *t, struct mem_tree *ret);
struct mem_doc *mem_doc_find(struct mem_drive *d, int64_t id);
struct mem_name *mem_name_find(struct mem_drive *d, int64_t parent, struct span name);
void mem_item(const struct mem_doc *doc, const struct mem_name *name, struct item *ret);
struct mem_name *mem_any_name(struct mem_drive *d, int64_t id);
void mem_name_add(struct mem_drive *d, int64_t parent, struct span name, int64_t child);
void mem_name_drop(struct mem_drive *d, struct mem_name *name);
void mem_doc_drop_unused(struct mem_drive *d); /* without a name, and held by nobody */
int64_t mem_used(struct mem_drive *d);
bool mem_is_held(struct mem_drive *d, int64_t id); /* store_mem.c */
void mem_wake_all(struct mem_drive *d);		   /* store_mem.c: the journal went on */

/* store_mem_content.c */
void mem_piece_free(struct mem_piece *p);
void mem_content_free(struct mem_doc *doc);
int mem_content_copy(const struct mem_doc *from, struct mem_doc *to);
void mem_content_cut(struct mem_doc *doc, int64_t from, int64_t to); /* becomes a hole */
/* What no piece covers is reserved. */
void mem_content_reserve(struct mem_doc *doc, int64_t from, int64_t to);
void mem_content_put(
	struct mem_doc *doc, const struct mem_piece *piece); /* copied; len bytes of data, unless in a block */

/* store_mem_op.c: one op; -errno, nothing changed then. */
int mem_op_apply(struct mem_drive *d, const struct op *op, const void *author, struct op_result *ret);

#endif
