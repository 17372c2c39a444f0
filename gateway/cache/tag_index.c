#include "gateway/cache/tag_index.h"

#include "gateway/cache/cost.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct tag_node {
	uint64_t key;
	struct tag_node *next; /* in its bucket */
	struct tag_link *first;
};

int tag_index_init(struct tag_index *ix, size_t buckets)
{
	assert((buckets & (buckets - 1)) == 0);
	ix->buckets = calloc(buckets, sizeof(*ix->buckets));
	if (!ix->buckets)
		return -ENOMEM;
	ix->count = buckets;
	ix->nodes = 0;
	return 0;
}

void tag_index_fini(struct tag_index *ix)
{
	assert(ix->nodes == 0);
	free(ix->buckets);
}

size_t tag_index_cost(size_t buckets)
{
	return cost_of(buckets * sizeof(struct tag_node *));
}

size_t tag_index_nodes_cost(size_t keys)
{
	return keys * cost_of(sizeof(struct tag_node));
}

size_t tag_index_node_bytes(const struct tag_index *ix)
{
	return tag_index_nodes_cost(ix->nodes);
}

/* The pointer that points to the node of a key, or would if there were one. */
static struct tag_node **place_of(const struct tag_index *ix, uint64_t key)
{
	struct tag_node **place = &ix->buckets[key & (ix->count - 1)];

	while (*place && (*place)->key != key)
		place = &(*place)->next;
	return place;
}

static struct tag_node *node_for(struct tag_index *ix, uint64_t key)
{
	struct tag_node **place = place_of(ix, key), *node = *place;

	if (node)
		return node;
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	node->key = key;
	*place = node;
	ix->nodes++;
	return node;
}

int tag_index_add(struct tag_index *ix, void *owner, struct tag_link *links, const uint64_t *keys, size_t count)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		struct tag_node *node = node_for(ix, keys[i]);
		struct tag_link *link = &links[used];

		if (!node) {
			tag_index_remove(ix, links, used);
			return -ENOMEM;
		}
		if (node->first && node->first->owner == owner)
			continue; /* the key came before in this call: no other owner has been added since */
		*link = (struct tag_link){.next = node->first, .prev = &node->first, .node = node, .owner = owner};
		if (link->next)
			link->next->prev = &link->next;
		node->first = link;
		used++;
	}
	return (int)used;
}

static void drop_node(struct tag_index *ix, struct tag_node *node)
{
	struct tag_node **place = place_of(ix, node->key);

	assert(*place == node && ix->nodes > 0);
	*place = node->next;
	ix->nodes--;
	free(node);
}

void tag_index_remove(struct tag_index *ix, struct tag_link *links, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct tag_link *link = &links[i];

		*link->prev = link->next;
		if (link->next)
			link->next->prev = link->prev;
		if (!link->node->first)
			drop_node(ix, link->node);
	}
}

void tag_index_fetch(const struct tag_index *ix, const uint64_t *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		__builtin_prefetch(&ix->buckets[keys[i] & (ix->count - 1)]);
	for (size_t i = 0; i < count; i++)
		__builtin_prefetch(ix->buckets[keys[i] & (ix->count - 1)]);
}

struct tag_link *tag_index_first(const struct tag_index *ix, uint64_t key)
{
	const struct tag_node *node = *place_of(ix, key);

	return node ? node->first : NULL;
}

uint64_t tag_index_key(const struct tag_link *link)
{
	return link->node->key;
}
