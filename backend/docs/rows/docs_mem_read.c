/*
 * Reads of docs_mem: documents by id, name and path, listings, extents, xattrs, the journal.
 *
 * Each read holds the mutex from begin to end, so that it shows one moment; its callbacks run with the mutex
 * held. Each read walks through the lists, in their order or by the smallest next key: the drive of a test is
 * small.
 */
#include "backend/docs/rows/docs_mem_internal.h"

#include "common/base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The caller holds m->mutex. */
static int check_scope(struct docs_mem *m, const struct docs_scope *scope, struct docs_position *ret_at)
{
	const struct mem_drive *drive = docs_mem_drive(m, scope->drive);

	if (!drive || (scope->user != 0 && scope->user != drive->row.owner))
		return -ERR_NOT_FOUND;
	*ret_at = (struct docs_position){.incarnation = drive->row.incarnation, .seq = drive->row.seq};
	if (scope->floor.incarnation != 0 && scope->floor.incarnation != ret_at->incarnation)
		return -ERR_EPOCH;
	return scope->floor.seq > ret_at->seq ? -ERR_BEHIND : 0;
}

int docs_mem_enter(struct docs_mem *m, const struct docs_scope *scope, struct docs_position *ret_at)
{
	(void)pthread_mutex_lock(&m->mutex);
	return check_scope(m, scope, ret_at);
}

int docs_mem_leave(struct docs_mem *m, int r)
{
	(void)pthread_mutex_unlock(&m->mutex);
	return r;
}

/* Any session may see documents without a name here; a store of rows checks that the session is alive. */
static const struct tree_node *find_visible(struct docs_mem *m, const struct docs_scope *scope, int64_t id)
{
	const struct tree_node *node = docs_mem_node(m, id);

	return node && (!node->orphan || scope->session) ? node : NULL;
}

/* The document under this name, whatever other names it has. */
static struct item named(struct docs_mem *m, const struct mem_entry *entry)
{
	struct item item = docs_mem_node(m, entry->child)->item;

	item.parent = entry->parent;
	item.name = entry->name;
	return item;
}

static int give_named(struct docs_mem *m, const struct mem_entry *entry, docs_on_item on_item, void *cookie)
{
	const struct item item = named(m, entry);

	return on_item(&item, cookie);
}

/* budget: the signature is that of docs_store.h */
int docs_mem_item_get(struct docs_store *s, const struct docs_scope *scope, int64_t id, docs_on_item on_item,
	void *cookie, struct docs_position *ret_at)
{
	struct docs_mem *m = docs_mem_of(s);
	const struct tree_node *node;
	int r = docs_mem_enter(m, scope, ret_at);

	node = find_visible(m, scope, id);
	if (r == 0)
		r = node ? on_item(&node->item, cookie) : -ERR_NOT_FOUND;
	return docs_mem_leave(m, r);
}

static struct mem_node *node_of_version(struct docs_mem *m, int64_t id, int64_t content_seq)
{
	struct mem_node *node = (struct mem_node *)docs_mem_node(m, id);

	return node && node->node.item.content_seq == content_seq ? node : NULL;
}

int docs_mem_digest_keep(struct docs_store *s, int64_t id, int64_t content_seq, const uint8_t sha256[SHA256_BYTES])
{
	struct docs_mem *m = docs_mem_of(s);

	(void)pthread_mutex_lock(&m->mutex);
	struct mem_node *node = node_of_version(m, id, content_seq);
	if (node) {
		memcpy(node->digest, sha256, SHA256_BYTES);
		node->digest_seq = content_seq;
	}
	(void)pthread_mutex_unlock(&m->mutex);
	return 0;
}

int docs_mem_digest_get(struct docs_store *s, int64_t id, int64_t content_seq, uint8_t ret_sha256[SHA256_BYTES])
{
	struct docs_mem *m = docs_mem_of(s);

	(void)pthread_mutex_lock(&m->mutex);
	const struct mem_node *node = node_of_version(m, id, content_seq);
	const bool is_known = node && node->digest_seq == content_seq;
	if (is_known)
		memcpy(ret_sha256, node->digest, SHA256_BYTES);
	(void)pthread_mutex_unlock(&m->mutex);
	return is_known ? 0 : -ENOENT;
}

/* budget: the signature is that of docs_store.h */
int docs_mem_item_lookup(struct docs_store *s, const struct docs_scope *scope, int64_t parent, struct span name,
	docs_on_item on_item, void *cookie, struct docs_position *ret_at)
{
	struct docs_mem *m = docs_mem_of(s);
	const struct mem_entry *entry;
	int r = docs_mem_enter(m, scope, ret_at);

	entry = docs_mem_entry(m, parent, name);
	if (r == 0)
		r = entry ? give_named(m, entry, on_item, cookie) : -ERR_NOT_FOUND;
	return docs_mem_leave(m, r);
}

/* budget: the signature is that of docs_store.h */
int docs_mem_item_path(struct docs_store *s, const struct docs_scope *scope, struct docs_walk *walk,
	docs_on_item on_item, void *cookie, struct docs_position *ret_at)
{
	struct docs_mem *m = docs_mem_of(s);
	const struct mem_entry *entry = NULL;
	int64_t id = ITEM_ROOT(scope->drive);
	int r = docs_mem_enter(m, scope, ret_at);

	walk->depth = 0;
	for (size_t i = 0; r == 0 && i < walk->count; i++) {
		if (walk->folders)
			walk->folders[i] = id;
		entry = docs_mem_entry(m, id, walk->names[i]);
		if (!entry)
			r = -ERR_NOT_FOUND;
		else
			walk->depth++;
		id = entry ? entry->child : 0;
	}
	if (r == 0)
		r = entry ? give_named(m, entry, on_item, cookie) : on_item(&docs_mem_node(m, id)->item, cookie);
	return docs_mem_leave(m, r);
}

static int compare(struct span a, struct span b)
{
	const size_t both = a.size < b.size ? a.size : b.size;
	const int order = both ? memcmp(a.data, b.data, both) : 0;

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* The next entry of the folder behind the name `after`. */
static const struct mem_entry *next_entry(struct docs_mem *m, int64_t folder, struct span after)
{
	const struct mem_entry *next = NULL;

	MEM_EACH(struct mem_entry, e, &m->entries)
	if (e->parent == folder && compare(e->name, after) > 0 && (!next || compare(e->name, next->name) < 0))
		next = e;
	return next;
}

static void set_inline(struct docs_mem *m, struct item *item)
{
	if (!S_ISREG(item->mode))
		return;
	item->has_inline = item->size == 0;
	MEM_EACH(struct mem_extent, x, &m->extents)
	{
		const struct tree_extent *e = &x->extent;

		if (e->node != item->id || e->at != 0 || e->kind != EXTENT_INLINE || e->len < item->size || !item->size)
			continue;
		item->has_inline = true;
		item->inline_data = span_of(e->data.data, (size_t)item->size);
	}
}

/* budget: the signature is that of docs_store.h */
int docs_mem_children(struct docs_store *s, const struct docs_scope *scope, const struct docs_children *what,
	docs_on_item on_item, void *cookie, struct docs_position *ret_at)
{
	struct docs_mem *m = docs_mem_of(s);
	const struct tree_node *folder;
	struct span after = what->after;
	int r = docs_mem_enter(m, scope, ret_at);

	folder = docs_mem_node(m, what->folder);
	if (r == 0)
		r = !folder ? -ERR_NOT_FOUND : S_ISDIR(folder->item.mode) ? 0 : -ENOTDIR;
	for (uint32_t i = 0; r == 0 && i < what->limit; i++) {
		const struct mem_entry *entry = next_entry(m, what->folder, after);
		struct item item;

		if (!entry)
			break;
		item = named(m, entry);
		after = entry->name;
		if (what->with_inline)
			set_inline(m, &item);
		r = on_item(&item, cookie);
	}
	return docs_mem_leave(m, r);
}

static const struct mem_xattr *next_xattr(struct docs_mem *m, int64_t node, struct span after)
{
	const struct mem_xattr *next = NULL;

	MEM_EACH(struct mem_xattr, a, &m->xattrs)
	if (a->node == node && compare(a->name, after) > 0 && (!next || compare(a->name, next->name) < 0))
		next = a;
	return next;
}

/* budget: the signature is that of docs_store.h */
int docs_mem_xattrs(struct docs_store *s, const struct docs_scope *scope, struct docs_xattrs *what,
	docs_on_xattr on_xattr, void *cookie, struct docs_position *ret_at)
{
	struct docs_mem *m = docs_mem_of(s);
	const struct tree_node *node;
	struct span after = what->after;
	size_t bytes = 0;
	int r = docs_mem_enter(m, scope, ret_at);

	node = find_visible(m, scope, what->id);
	if (r == 0)
		r = node ? 0 : -ERR_NOT_FOUND;
	if (r == 0)
		what->seq = node->item.seq;
	for (uint32_t i = 0; r == 0 && i < what->limit && bytes <= what->bytes; i++) {
		const struct mem_xattr *a = next_xattr(m, what->id, after);

		if (!a)
			break;
		after = a->name;
		bytes += a->name.size + a->value.size;
		r = on_xattr(a->name, a->value, cookie);
	}
	return docs_mem_leave(m, r);
}

static int extent_order(const void *a, const void *b)
{
	const struct mem_extent *x = a, *y = b;

	return (x->extent.at > y->extent.at) - (x->extent.at < y->extent.at);
}

/* budget: the signature is that of docs_store.h */
int docs_mem_extents(struct docs_store *s, const struct docs_scope *scope, int64_t id, int64_t from, int64_t len,
	uint32_t limit, docs_on_item on_item, docs_on_extent on_extent, void *cookie, struct docs_position *ret_at)
{
	struct docs_mem *m = docs_mem_of(s);
	const struct tree_node *node;
	int r = docs_mem_enter(m, scope, ret_at);

	node = find_visible(m, scope, id);
	if (r == 0)
		r = node ? on_item(&node->item, cookie) : -ERR_NOT_FOUND;
	if (m->extents.count > 0)
		qsort(m->extents.data, m->extents.count, m->extents.element, extent_order);
	MEM_EACH(struct mem_extent, x, &m->extents)
	{
		const struct tree_extent *e = &x->extent;

		if (r == 0 && e->node == id && e->kind != EXTENT_RESERVED && e->at < from + len &&
			e->at + e->len > from && limit > 0) {
			limit--;
			r = on_extent(e, cookie);
		}
	}
	return docs_mem_leave(m, r);
}

/* budget: the signature is that of docs_store.h */
int docs_mem_changes(struct docs_store *s, const struct docs_scope *scope, int64_t since, uint32_t limit,
	docs_on_change on_change, void *cookie, struct docs_position *ret_at)
{
	struct docs_mem *m = docs_mem_of(s);
	int r = docs_mem_enter(m, scope, ret_at);

	MEM_EACH(struct tree_change, c, &m->changes)
	if (r == 0 && ITEM_DRIVE(c->id) == scope->drive && c->seq > since && limit > 0 && limit--)
		r = on_change(c, cookie);
	return docs_mem_leave(m, r);
}
