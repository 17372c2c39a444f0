#include "fusefs/store/testing/mem_internal.h"

#include "common/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <utlist.h>

/*
 * The tree of the drive in memory: documents by number, and names by folder and bytes, each in a hash table of its
 * own, so that a document with several names is one document. A document stays while a name or a session holds it.
 *
 * A tree can be copied as a whole; a failed batch is undone by such a copy. Without memory the process aborts: this
 * is for tests, and fault makes failures of the store on purpose.
 */

static char *bytes_copy(const char *data, size_t size)
{
	char *copy = malloc(size + 1);

	if (!copy)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}

static void doc_free(struct mem_doc *doc)
{
	struct mem_xattr *x, *next;

	LL_FOREACH_SAFE(doc->xattrs, x, next) {
		free(x->name);
		free(x->value);
		free(x);
	}
	mem_content_free(doc);
	free(doc->target);
	free(doc);
}

void mem_tree_fini(struct mem_tree *t)
{
	struct mem_name *name, *next_name;
	struct mem_doc *doc, *next_doc;

	HASH_ITER(hh, t->names, name, next_name) {
		HASH_DEL(t->names, name);
		free(name);
	}
	HASH_ITER(hh, t->docs, doc, next_doc) {
		HASH_DEL(t->docs, doc);
		doc_free(doc);
	}
}

static struct mem_doc *doc_copy(const struct mem_doc *from)
{
	struct mem_doc *doc = calloc(1, sizeof(*doc));
	struct mem_xattr *x;

	if (!doc)
		abort();
	*doc = *from;
	memset(&doc->hh, 0, sizeof(doc->hh));
	doc->xattrs = NULL;
	if (from->target)
		doc->target = bytes_copy(from->target, from->target_size);
	mem_content_copy(from, doc);
	LL_FOREACH(from->xattrs, x) {
		struct mem_xattr *copy = malloc(sizeof(*copy));

		if (!copy)
			abort();
		*copy = *x;
		copy->name = bytes_copy(x->name, x->name_size);
		copy->value = bytes_copy(x->value, x->value_size);
		LL_PREPEND(doc->xattrs, copy);
	}
	return doc;
}

int mem_tree_copy(const struct mem_tree *t, struct mem_tree *ret)
{
	struct mem_tree copy = {NULL, NULL};
	struct mem_name *name, *next_name;
	struct mem_doc *doc, *next_doc;

	HASH_ITER(hh, t->names, name, next_name) {
		struct mem_name *n = malloc(sizeof(*n));

		if (!n)
			abort();
		*n = *name;
		HASH_ADD(hh, copy.names, key, (unsigned)n->size, n);
	}
	HASH_ITER(hh, t->docs, doc, next_doc) {
		struct mem_doc *d = doc_copy(doc);

		HASH_ADD(hh, copy.docs, id, sizeof(d->id), d);
	}
	*ret = copy;
	return 0;
}

int mem_tree_init(struct mem_drive *d)
{
	struct mem_doc *root = calloc(1, sizeof(*root));

	if (!root)
		return -ENOMEM;
	root->id = ITEM_ROOT(d->number);
	root->mode = S_IFDIR | 0755;
	root->nlink = 2;
	root->atime = root->mtime = root->ctime = root->btime = clock_real_ns();
	HASH_ADD(hh, d->tree.docs, id, sizeof(root->id), root);
	return 0;
}

struct mem_doc *mem_doc_find(struct mem_drive *d, int64_t id)
{
	struct mem_doc *doc;

	HASH_FIND(hh, d->tree.docs, &id, sizeof(id), doc);
	return doc;
}

static size_t make_key(struct mem_name *n, int64_t parent, struct span name)
{
	memset(&n->key, 0, sizeof(n->key));
	n->key.parent = parent;
	memcpy(n->key.name, name.data, name.size);
	n->size = sizeof(parent) + name.size;
	return n->size;
}

struct mem_name *mem_name_find(struct mem_drive *d, int64_t parent, struct span name)
{
	struct mem_name wanted, *found;

	if (name.size > NAME_BYTES_MAX)
		return NULL;
	HASH_FIND(hh, d->tree.names, &wanted.key, (unsigned)make_key(&wanted, parent, name), found);
	return found;
}

struct mem_name *mem_any_name(struct mem_drive *d, int64_t id)
{
	struct mem_name *name, *next;

	HASH_ITER(hh, d->tree.names, name, next)
		if (name->child == id)
			return name;
	return NULL;
}

void mem_name_add(struct mem_drive *d, int64_t parent, struct span name, int64_t child)
{
	struct mem_name *n = calloc(1, sizeof(*n));

	if (!n)
		abort();
	make_key(n, parent, name);
	n->child = child;
	HASH_ADD(hh, d->tree.names, key, (unsigned)n->size, n);
}

void mem_name_drop(struct mem_drive *d, struct mem_name *name)
{
	HASH_DEL(d->tree.names, name);
	free(name);
}

void mem_doc_drop_unused(struct mem_drive *d)
{
	struct mem_doc *doc, *next;

	HASH_ITER(hh, d->tree.docs, doc, next) {
		/* The store that made it without a name may not have sent a poll that holds it yet. */
		if (doc->nlink > 0 || (doc->mode & ITEM_LINKABLE) || mem_is_held(d, doc->id))
			continue;
		HASH_DEL(d->tree.docs, doc);
		doc_free(doc);
	}
}

int64_t mem_used(struct mem_drive *d)
{
	struct mem_doc *doc, *next;
	int64_t used = 0;

	HASH_ITER(hh, d->tree.docs, doc, next) {
		struct mem_piece *p;

		DL_FOREACH(doc->pieces, p)
			used += p->len;
	}
	return used;
}

/* Content that fits a row is returned inline as a whole, as the real store does. */
static bool whole_inline(const struct mem_doc *doc, struct span *ret)
{
	const struct mem_piece *p = doc->pieces;

	if (!S_ISREG(doc->mode) || (uint64_t)doc->size > INLINE_BYTES_MAX)
		return false;
	if (!p && doc->size == 0) {
		*ret = span_of("", 0);
		return true;
	}
	if (!p || p->next || p->kind != EXTENT_INLINE || p->at != 0 || p->len != doc->size)
		return false;
	*ret = span_of(p->data, (size_t)p->len);
	return true;
}

void mem_item(const struct mem_doc *doc, const struct mem_name *name, struct item *ret)
{
	struct mem_piece *p;

	memset(ret, 0, sizeof(*ret));
	ret->id = doc->id;
	ret->parent = name ? name->key.parent : doc->id;
	if (name)
		ret->name = span_of(name->key.name, name->size - sizeof(name->key.parent));
	ret->size = doc->size;
	DL_FOREACH(doc->pieces, p)
		ret->allocated += p->len;
	ret->mode = doc->mode;
	ret->uid = doc->uid;
	ret->gid = doc->gid;
	ret->nlink = doc->nlink;
	ret->atime = doc->atime;
	ret->mtime = doc->mtime;
	ret->ctime = doc->ctime;
	ret->btime = doc->btime;
	ret->seq = doc->seq;
	ret->content_seq = doc->content_seq;
	ret->rdev_major = doc->rdev_major;
	ret->rdev_minor = doc->rdev_minor;
	ret->target = span_of(doc->target, doc->target_size);
	ret->bare = !doc->xattrs;
	ret->has_inline = whole_inline(doc, &ret->inline_data);
}
