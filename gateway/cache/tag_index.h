/*
 * tag_index: which entries have which tag, so that a drop finds its entries without looking at others. A tag is
 * identified by its key (tag_key). An owner (an entry) has an array of links, one for each of its tags, in its
 * own memory. All links of one key form a list that begins at a node, and a node exists as long as its list is
 * not empty. Nodes lie in a table with a fixed number of buckets. Embedded; one thread at a time.
 */
#ifndef NEPHOS_GATEWAY_CACHE_TAG_INDEX_H
#define NEPHOS_GATEWAY_CACHE_TAG_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct tag_node;

struct tag_link {
	struct tag_link *next;	/* of the same key */
	struct tag_link **prev; /* the pointer that points to this link */
	struct tag_node *node;
	void *owner;
};

struct tag_index {
	struct tag_node **buckets;
	size_t count; /* of buckets: a power of two */
	size_t nodes;
};

/* buckets: a power of two. -ENOMEM */
int tag_index_init(struct tag_index *ix, size_t buckets);
void tag_index_fini(struct tag_index *ix); /* all links were removed before */
/* The bytes of the table, and the bytes of the present nodes. */
size_t tag_index_cost(size_t buckets);
size_t tag_index_node_bytes(const struct tag_index *ix);
/* The most bytes that nodes for so many new keys can take. */
size_t tag_index_nodes_cost(size_t keys);

/* Links the owner to each key. A key that comes twice is linked once, if no other owner was added in between.
 * Returns how many links are used, or -ENOMEM: then none is. */
int tag_index_add(struct tag_index *ix, void *owner, struct tag_link *links, const uint64_t *keys, size_t count);
void tag_index_remove(struct tag_index *ix, struct tag_link *links, size_t count);
/* Announces the keys that are looked up next: prefetches their memory for all at once instead of one after the
 * other. */
void tag_index_fetch(const struct tag_index *ix, const uint64_t *keys, size_t count);
uint64_t tag_index_key(const struct tag_link *link);
/* The first link of a key; NULL: no entry has it. An owner has at most one link of a key. */
struct tag_link *tag_index_first(const struct tag_index *ix, uint64_t key);

#endif
