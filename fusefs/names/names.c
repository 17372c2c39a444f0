#include "fusefs/names/names.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

void names_init(struct names *t, struct inodes *inodes, size_t max)
{
	*t = (struct names){.inodes = inodes, .max = max};
}

/* -- by folder -- */

static struct names_folder *folder_find(struct names *t, int64_t id)
{
	struct names_folder *f;

	HASH_FIND(hh, t->folders, &id, sizeof(id), f);
	return f;
}

static int folder_add(struct names *t, struct name *n)
{
	struct names_folder *f = folder_find(t, n->folder);

	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f)
			return -ENOMEM;
		f->id = n->folder;
		HASH_ADD(hh, t->folders, id, sizeof(f->id), f);
	}
	DL_PREPEND2(f->names, n, folder_prev, folder_next);
	f->count++;
	return 0;
}

static void folder_drop(struct names *t, struct name *n)
{
	struct names_folder *f = folder_find(t, n->folder);

	DL_DELETE2(f->names, n, folder_prev, folder_next);
	if (--f->count > 0)
		return;
	HASH_DEL(t->folders, f);
	free(f);
}

bool names_any(struct names *t, int64_t folder)
{
	return folder_find(t, folder) != NULL;
}

/* -- one by one -- */

#define ALLOCATION_BYTES 16 /* overhead of malloc */

static size_t memory_of(const struct name *n)
{
	return sizeof(*n) + n->size + ALLOCATION_BYTES;
}

static void set_inode(struct names *t, struct name *n, struct inode *inode)
{
	struct inode *old = n->inode;

	if (old == inode)
		return;
	t->with_inode += (inode != NULL) - (old != NULL);
	n->inode = inode ? inode_ref(inode) : NULL;
	inode_unref(old);
}

static void drop(struct names *t, struct name *n)
{
	t->bytes -= memory_of(n);
	folder_drop(t, n);
	HASH_DEL(t->by_key, n);
	DL_DELETE(t->recent, n);
	t->count--;
	set_inode(t, n, NULL);
	free(n);
}

void names_fini(struct names *t)
{
	while (t->recent)
		drop(t, t->recent);
}

struct name_key {
	int64_t folder;
	char bytes[NAME_BYTES_MAX];
};

static_assert(offsetof(struct name_key, bytes) == offsetof(struct name, bytes) - offsetof(struct name, folder),
	"keys are compared as bytes");

static size_t make_key(struct name_key *key, int64_t folder, struct span name)
{
	size_t size = name.size < NAME_BYTES_MAX ? name.size : NAME_BYTES_MAX;

	key->folder = folder;
	memcpy(key->bytes, name.data, size);
	return offsetof(struct name_key, bytes) + size;
}

static struct name *find(struct names *t, const struct name_key *key, size_t size)
{
	struct name *n;

	HASH_FIND(hh, t->by_key, key, size, n);
	return n;
}

static void touch(struct names *t, struct name *n)
{
	if (t->recent == n)
		return;
	DL_DELETE(t->recent, n);
	DL_PREPEND(t->recent, n);
}

static bool may_show(const struct names *t, const struct name *n)
{
	return n->epoch == t->inodes->epoch && t->inodes->trusted && n->seen >= t->inodes->needed;
}

enum name_state names_find(struct names *t, int64_t folder, struct span name, struct inode **ret_inode)
{
	struct inode *parent = inodes_find(t->inodes, folder);
	struct name_key key;
	size_t size = make_key(&key, folder, name);
	struct name *n = find(t, &key, size);

	if (!n)
		return parent && inode_is_complete(parent) ? NAME_ABSENT : NAME_UNKNOWN;
	if (!may_show(t, n))
		return NAME_UNKNOWN;
	touch(t, n);
	if (n->state == NAME_PRESENT)
		*ret_inode = n->inode;
	return n->state;
}

/* When a name is evicted, its folder is not complete any more, unless the name is absent. */
static void evict(struct names *t, struct name *n)
{
	struct inode *folder = n->state == NAME_ABSENT ? NULL : inodes_find(t->inodes, n->folder);

	if (folder)
		folder->complete = false;
	drop(t, n);
}

void names_let_go(struct names *t)
{
	struct name *n = t->recent->prev;
	struct inode *inode = n->inode ? inode_ref(n->inode) : NULL;
	const int64_t folder = n->folder;

	evict(t, n);
	if (t->gone)
		t->gone(t->cookie, inode, folder_find(t, folder) ? 0 : folder);
	inode_unref(inode);
}

static struct name *add(struct names *t, const struct name_key *key, size_t size)
{
	struct name *n;

	while (t->count >= t->max)
		names_let_go(t);
	n = calloc(1, offsetof(struct name, folder) + size);
	if (n) {
		n->size = size - offsetof(struct name_key, bytes);
		n->folder = key->folder;
		memcpy(n->bytes, key->bytes, n->size);
	}
	if (!n || folder_add(t, n) < 0) {
		struct inode *folder = inodes_find(t->inodes, key->folder);

		if (folder)
			folder->complete = false;
		free(n);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, t->by_key, &n->folder, size, n);
	DL_PREPEND(t->recent, n);
	t->count++;
	t->bytes += memory_of(n);
	return n;
}

void names_learn(struct names *t, int64_t folder, struct span name, struct inode *inode, int64_t seen)
{
	struct name_key key;
	size_t size = make_key(&key, folder, name);
	struct name *n = find(t, &key, size);

	if (n && n->seen > seen)
		return;
	if (!n)
		n = add(t, &key, size);
	if (!n)
		return;
	set_inode(t, n, inode);
	n->state = inode ? NAME_PRESENT : NAME_ABSENT;
	n->seen = seen;
	n->epoch = t->inodes->epoch;
	touch(t, n);
}

void names_changed(struct names *t, int64_t folder, struct span name, int64_t seq)
{
	struct inode *parent = inodes_find(t->inodes, folder);
	struct name_key key;
	size_t size = make_key(&key, folder, name);
	struct name *n = find(t, &key, size);

	if (n && n->seen >= seq)
		return;
	if (!n && (!parent || !inode_has_all_names(parent)))
		return;
	if (!n)
		n = add(t, &key, size);
	if (!n)
		return;
	set_inode(t, n, NULL);
	n->state = NAME_UNKNOWN;
	n->seen = seq;
	n->epoch = t->inodes->epoch;
}

void names_gone(struct names *t, int64_t folder, struct span name, const struct inode *inode)
{
	struct name_key key;
	size_t size = make_key(&key, folder, name);
	struct name *n = find(t, &key, size);

	/* The name belonged to the document at n->seen: so the change is later. */
	if (n && n->inode == inode)
		names_changed(t, folder, name, n->seen + 1);
}

void names_contradicted(struct names *t, int64_t folder, struct span name, int64_t after)
{
	struct name_key key;
	size_t size = make_key(&key, folder, name);
	struct name *n = find(t, &key, size);

	names_changed(t, folder, name, (n && n->seen > after ? n->seen : after) + 1);
}

/* -- all of a folder -- */

bool names_is_empty(struct names *t, int64_t folder)
{
	struct inode *inode = inodes_find(t->inodes, folder);
	struct names_folder *f = folder_find(t, folder);
	struct name *n;

	if (!inode || !inode_has_all_names(inode))
		return false;
	if (!f)
		return true;
	DL_FOREACH2(f->names, n, folder_next)
	{
		if (n->state != NAME_ABSENT)
			return false;
	}
	return true;
}

static int by_bytes(const void *a, const void *b)
{
	const struct name *x = *(struct name *const *)a, *y = *(struct name *const *)b;
	int order = memcmp(x->bytes, y->bytes, x->size < y->size ? x->size : y->size);

	return order ? order : x->size < y->size ? -1 : x->size > y->size;
}

/* Puts the present names into ret. */
static int pick(struct names *t, const struct names_folder *f, struct name **ret, size_t *ret_count)
{
	struct name *n;
	size_t count = 0;

	DL_FOREACH2(f->names, n, folder_next)
	{
		if (!may_show(t, n) || n->state == NAME_UNKNOWN)
			return -EAGAIN;
		if (n->state == NAME_PRESENT)
			ret[count++] = n;
	}
	*ret_count = count;
	return 0;
}

int names_list(struct names *t, int64_t folder, size_t max, struct name ***ret, size_t *ret_count)
{
	struct inode *inode = inodes_find(t->inodes, folder);
	struct names_folder *f = folder_find(t, folder);
	struct name **list;
	size_t count = 0;
	int r = 0;

	if (!inode || !inode_is_complete(inode))
		return -EAGAIN;
	if (f && f->count > max)
		return -E2BIG;
	list = calloc(f ? f->count : 1, sizeof(struct name *));
	if (!list)
		return -ENOMEM;
	if (f)
		r = pick(t, f, list, &count);
	if (r < 0) {
		free(list);
		return r;
	}
	qsort(list, count, sizeof(struct name *), by_bytes);
	for (size_t i = 0; i < count; i++)
		touch(t, list[i]);
	*ret = list;
	*ret_count = count;
	return 0;
}
