/* docs_mem_internal: declarations shared by the files of docs_mem. */
#ifndef NEPHOS_DOCS_DOCS_MEM_INTERNAL_H
#define NEPHOS_DOCS_DOCS_MEM_INTERNAL_H

#include "backend/docs/rows/docs_mem.h"

#include <pthread.h>

struct mem_list {
	void *data;
	size_t count, capacity, element;
};

struct mem_drive {
	struct tree_drive row;
	bool locked;
};
struct mem_node {
	struct tree_node node; /* spans own their bytes */
	uint8_t digest[SHA256_BYTES];
	int64_t digest_seq; /* the content_seq of the digested content; 0: no digest */
};
struct mem_entry {
	int64_t parent, child;
	struct span name;
};
struct mem_extent {
	struct tree_extent extent;
};
struct mem_xattr {
	int64_t node;
	struct span name, value;
};
struct mem_block {
	uint32_t drive;
	struct docs_block block;
};
struct mem_answer {
	uint8_t fingerprint[32];
	int status; /* 0: none */
	struct span headers, body;
	unsigned repeats;
};
struct mem_session {
	int64_t id, user, number, began;
	uint32_t drive;
	bool ended;
	struct mem_answer answer;
};
struct mem_hold {
	int64_t session, node;
};
struct mem_key {
	int64_t user;
	struct span key;
	struct mem_answer answer;
};

struct docs_mem {
	pthread_mutex_t mutex; /* guards everything below */
	pthread_cond_t unlocked;
	struct mem_list drives, nodes, entries, extents, xattrs, blocks, changes, sessions, holds, keys;
	struct {
		int error;
		unsigned times;
	} fail[DOCS_MEM_CALLS];
	struct docs_mem_counts counts;
};

struct mem_store {
	struct docs_store store; /* first */
	struct docs_mem *mem;
	/* The transaction. */
	uint32_t drive; /* 0: none */
	struct docs_key *keys;
	struct docs_seen *seen;
	size_t key_count;
};

static inline struct docs_mem *docs_mem_of(struct docs_store *s)
{
	return ((struct mem_store *)s)->mem;
}

/* Every access to a drive happens between these two calls; the mutex is held meanwhile. enter checks that the
 * scope may see the drive and returns its position; leave returns r. */
int docs_mem_enter(struct docs_mem *m, const struct docs_scope *scope, struct docs_position *ret_at);
int docs_mem_leave(struct docs_mem *m, int r);

void *docs_mem_at(const struct mem_list *l, size_t n);
void *docs_mem_add(struct mem_list *l); /* zeroed; aborts when there is no memory, which is fine in tests */
void docs_mem_remove(struct mem_list *l, size_t n);
struct span docs_mem_dup(struct span s);
void docs_mem_drop(struct span *s);
/* NOLINTBEGIN(bugprone-macro-parentheses): a type and a name cannot have parentheses */
#define MEM_EACH(type, item, list)                                                                            \
	for (type *item = docs_mem_all(list, sizeof(type)), *item##_end = item ? item + (list)->count : item; \
		item < item##_end; item++)
/* NOLINTEND(bugprone-macro-parentheses) */

void *docs_mem_all(const struct mem_list *l, size_t element); /* NULL: the list is empty */
struct mem_drive *docs_mem_drive(struct docs_mem *m, uint32_t id);
struct tree_node *docs_mem_node(struct docs_mem *m, int64_t id);
struct mem_entry *docs_mem_entry(struct docs_mem *m, int64_t parent, struct span name);
int docs_mem_fails(struct docs_mem *m, enum docs_mem_call call); /* the failure asked for, or 0 */

int docs_mem_digest_keep(struct docs_store *s, int64_t id, int64_t content_seq, const uint8_t sha256[SHA256_BYTES]);
int docs_mem_digest_get(struct docs_store *s, int64_t id, int64_t content_seq, uint8_t ret_sha256[SHA256_BYTES]);
int docs_mem_item_get(struct docs_store *s, const struct docs_scope *scope, int64_t id, docs_on_item on_item,
	void *cookie, struct docs_position *ret_at);
int docs_mem_item_lookup(struct docs_store *s, const struct docs_scope *scope, int64_t parent, struct span name,
	docs_on_item on_item, void *cookie, struct docs_position *ret_at);
int docs_mem_item_path(struct docs_store *s, const struct docs_scope *scope, struct docs_walk *walk,
	docs_on_item on_item, void *cookie, struct docs_position *ret_at);
int docs_mem_children(struct docs_store *s, const struct docs_scope *scope, const struct docs_children *what,
	docs_on_item on_item, void *cookie, struct docs_position *ret_at);
int docs_mem_extents(struct docs_store *s, const struct docs_scope *scope, int64_t id, int64_t from, int64_t len,
	uint32_t limit, docs_on_item on_item, docs_on_extent on_extent, void *cookie, struct docs_position *ret_at);
int docs_mem_xattrs(struct docs_store *s, const struct docs_scope *scope, struct docs_xattrs *what,
	docs_on_xattr on_xattr, void *cookie, struct docs_position *ret_at);
int docs_mem_changes(struct docs_store *s, const struct docs_scope *scope, int64_t since, uint32_t limit,
	docs_on_change on_change, void *cookie, struct docs_position *ret_at);

int docs_mem_txn_begin(struct docs_store *store, uint32_t id, const struct docs_key *keys, size_t key_count,
	const struct tree_wants *wants, int64_t now_ns, struct tree **ret_tree, const struct docs_seen **ret_seen);
int docs_mem_txn_commit(struct docs_store *store, const struct tree_delta *delta, const struct docs_answer *answers);
void docs_mem_txn_abort(struct docs_store *store);
int docs_mem_answer_find(struct docs_store *store, const struct docs_key *key, struct docs_seen *ret);

#endif
