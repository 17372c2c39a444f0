#include "backend/docs/rows/docs_mem.h"

#include "backend/docs/rows/docs_mem_internal.h"
#include "common/base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- lists ---- */

void *docs_mem_all(const struct mem_list *l, size_t element)
{
	assert(l->element == element);
	return l->data;
}

void *docs_mem_at(const struct mem_list *l, size_t n)
{
	return (char *)l->data + n * l->element;
}

void *docs_mem_add(struct mem_list *l)
{
	if (l->count == l->capacity) {
		l->capacity = l->capacity ? 2 * l->capacity : 16;
		l->data = realloc(l->data, l->capacity * l->element);
		if (!l->data)
			abort();
	}
	return memset(docs_mem_at(l, l->count++), 0, l->element);
}

void docs_mem_remove(struct mem_list *l, size_t n)
{
	assert(n < l->count);
	memmove(docs_mem_at(l, n), docs_mem_at(l, n + 1), (l->count - n - 1) * l->element);
	l->count--;
}

struct span docs_mem_dup(struct span s)
{
	char *copy = malloc(s.size ? s.size : 1);

	if (!copy)
		abort();
	if (s.size > 0)
		memcpy(copy, s.data, s.size);
	return span_of(copy, s.size);
}

void docs_mem_drop(struct span *s)
{
	free((void *)(uintptr_t)s->data);
	*s = (struct span){0};
}

struct mem_drive *docs_mem_drive(struct docs_mem *m, uint32_t id)
{
	MEM_EACH(struct mem_drive, d, &m->drives)
	if (d->row.id == id)
		return d;
	return NULL;
}

struct tree_node *docs_mem_node(struct docs_mem *m, int64_t id)
{
	MEM_EACH(struct mem_node, n, &m->nodes)
	if (n->node.item.id == id)
		return &n->node;
	return NULL;
}

struct mem_entry *docs_mem_entry(struct docs_mem *m, int64_t parent, struct span name)
{
	MEM_EACH(struct mem_entry, e, &m->entries)
	if (e->parent == parent && span_eq(e->name, name))
		return e;
	return NULL;
}

int docs_mem_fails(struct docs_mem *m, enum docs_mem_call call)
{
	if (m->fail[call].times == 0)
		return 0;
	m->fail[call].times--;
	return m->fail[call].error;
}

/* ---- the database ---- */

int docs_mem_new(struct docs_mem **ret)
{
	struct docs_mem *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	(void)pthread_mutex_init(&m->mutex, NULL);
	(void)pthread_cond_init(&m->unlocked, NULL);
	m->drives.element = sizeof(struct mem_drive);
	m->nodes.element = sizeof(struct mem_node);
	m->entries.element = sizeof(struct mem_entry);
	m->extents.element = sizeof(struct mem_extent);
	m->xattrs.element = sizeof(struct mem_xattr);
	m->blocks.element = sizeof(struct mem_block);
	m->changes.element = sizeof(struct tree_change);
	m->sessions.element = sizeof(struct mem_session);
	m->holds.element = sizeof(struct mem_hold);
	m->keys.element = sizeof(struct mem_key);
	*ret = m;
	return 0;
}

static void answer_drop(struct mem_answer *a)
{
	docs_mem_drop(&a->headers);
	docs_mem_drop(&a->body);
}

static void drop_rows(struct docs_mem *m)
{
	MEM_EACH(struct mem_node, n, &m->nodes)
	{
		docs_mem_drop(&n->node.item.name);
		docs_mem_drop(&n->node.item.target);
	}
	MEM_EACH(struct mem_entry, e, &m->entries)
	docs_mem_drop(&e->name);
	MEM_EACH(struct mem_extent, x, &m->extents)
	docs_mem_drop(&x->extent.data);
	MEM_EACH(struct mem_xattr, a, &m->xattrs)
	{
		docs_mem_drop(&a->name);
		docs_mem_drop(&a->value);
	}
	MEM_EACH(struct tree_change, c, &m->changes)
	{
		docs_mem_drop(&c->name);
		docs_mem_drop(&c->old_name);
		docs_mem_drop(&c->key);
	}
}

void docs_mem_free(struct docs_mem *m)
{
	struct mem_list *lists[] = {&m->drives, &m->nodes, &m->entries, &m->extents, &m->xattrs, &m->blocks,
		&m->changes, &m->sessions, &m->holds, &m->keys};

	if (!m)
		return;
	drop_rows(m);
	MEM_EACH(struct mem_session, s, &m->sessions)
	answer_drop(&s->answer);
	MEM_EACH(struct mem_key, k, &m->keys)
	{
		docs_mem_drop(&k->key);
		answer_drop(&k->answer);
	}
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		free(lists[i]->data);
	(void)pthread_cond_destroy(&m->unlocked);
	(void)pthread_mutex_destroy(&m->mutex);
	free(m);
}

void docs_mem_fail(struct docs_mem *m, enum docs_mem_call call, int error, unsigned times)
{
	(void)pthread_mutex_lock(&m->mutex);
	m->fail[call].error = error;
	m->fail[call].times = times;
	(void)pthread_mutex_unlock(&m->mutex);
}

struct docs_mem_counts docs_mem_count(struct docs_mem *m)
{
	struct docs_mem_counts counts;

	(void)pthread_mutex_lock(&m->mutex);
	counts = m->counts;
	(void)pthread_mutex_unlock(&m->mutex);
	return counts;
}

void docs_mem_set_drive(struct docs_mem *m, const struct tree_drive *drive)
{
	(void)pthread_mutex_lock(&m->mutex);
	docs_mem_drive(m, drive->id)->row = *drive;
	(void)pthread_mutex_unlock(&m->mutex);
}

struct tree_drive docs_mem_get_drive(struct docs_mem *m, uint32_t drive)
{
	struct tree_drive row;

	(void)pthread_mutex_lock(&m->mutex);
	row = docs_mem_drive(m, drive)->row;
	(void)pthread_mutex_unlock(&m->mutex);
	return row;
}

void docs_mem_hold(struct docs_mem *m, int64_t session, int64_t node)
{
	struct mem_hold *hold;

	(void)pthread_mutex_lock(&m->mutex);
	hold = docs_mem_add(&m->holds);
	hold->session = session;
	hold->node = node;
	(void)pthread_mutex_unlock(&m->mutex);
}

int docs_mem_get_node(struct docs_mem *m, int64_t id, struct tree_node *ret)
{
	struct tree_node *node;

	(void)pthread_mutex_lock(&m->mutex);
	node = docs_mem_node(m, id);
	if (node)
		*ret = *node;
	(void)pthread_mutex_unlock(&m->mutex);
	return node ? 0 : -ENOENT;
}

char docs_mem_block_byte(const uint8_t sha256[32], uint32_t at)
{
	return (char)(sha256[0] * 31 + sha256[1] * 7 + at * 131 + (at >> 8) * 17);
}

static void read_extent(const struct tree_extent *x, char *ret, size_t size)
{
	for (int64_t i = 0; i < x->len && (uint64_t)(x->at + i) < size; i++)
		ret[x->at + i] = x->kind == EXTENT_INLINE ? x->data.data[i]
							  : docs_mem_block_byte(x->sha256, x->from + (uint32_t)i);
}

void docs_mem_read(struct docs_mem *m, int64_t id, char *ret, size_t size)
{
	memset(ret, 0, size);
	(void)pthread_mutex_lock(&m->mutex);
	MEM_EACH(struct mem_extent, x, &m->extents)
	if (x->extent.node == id && x->extent.kind != EXTENT_RESERVED)
		read_extent(&x->extent, ret, size);
	(void)pthread_mutex_unlock(&m->mutex);
}

/* ---- the store ---- */

static int mem_drive_create(struct docs_store *s, int64_t user, struct span name, int64_t quota, struct docs_drive *ret)
{
	struct docs_mem *m = docs_mem_of(s);
	struct mem_drive *drive;
	struct mem_node *root;

	(void)pthread_mutex_lock(&m->mutex);
	drive = docs_mem_add(&m->drives);
	drive->row = (struct tree_drive){.id = (uint32_t)m->drives.count,
		.owner = user,
		.incarnation = 1,
		.next_number = 2,
		.quota = quota,
		.documents = 1};
	root = docs_mem_add(&m->nodes);
	root->node.item = (struct item){.id = ITEM_ROOT(drive->row.id),
		.parent = ITEM_ROOT(drive->row.id),
		.mode = S_IFDIR | 0755,
		.nlink = 2,
		.uid = 1000,
		.gid = 1001,
		.bare = true,
		.name = docs_mem_dup((struct span){0}),
		.target = docs_mem_dup((struct span){0})};
	*ret = (struct docs_drive){.row = drive->row, .at.incarnation = 1, .name = name};
	(void)pthread_mutex_unlock(&m->mutex);
	return 0;
}

static int mem_drive_get(struct docs_store *s, const struct docs_scope *scope, struct docs_drive *ret)
{
	struct docs_mem *m = docs_mem_of(s);
	int r;

	*ret = (struct docs_drive){0};
	r = docs_mem_enter(m, scope, &ret->at);
	if (r == 0)
		ret->row = docs_mem_drive(m, scope->drive)->row;
	return docs_mem_leave(m, r);
}

/* The first drive of the user that exists; this call makes none. */
static int mem_drive_home(struct docs_store *s, int64_t user, struct docs_drive *ret)
{
	struct docs_mem *m = docs_mem_of(s);
	int r = -ERR_NOT_FOUND;

	(void)pthread_mutex_lock(&m->mutex);
	MEM_EACH(struct mem_drive, d, &m->drives)
	{
		if (r == 0 || d->row.owner != user)
			continue;
		*ret = (struct docs_drive){.row = d->row, .at = {.incarnation = d->row.incarnation, .seq = d->row.seq}};
		r = 0;
	}
	(void)pthread_mutex_unlock(&m->mutex);
	return r;
}

static int mem_ids_reserve(struct docs_store *s, const struct docs_scope *scope, uint32_t count, int64_t *ret_first)
{
	struct docs_mem *m = docs_mem_of(s);
	struct docs_position at;
	int r = docs_mem_enter(m, scope, &at);

	if (r == 0) {
		struct mem_drive *drive = docs_mem_drive(m, scope->drive);

		*ret_first = ITEM_ID(drive->row.id, drive->row.next_number);
		drive->row.next_number += count;
	}
	return docs_mem_leave(m, r);
}

/* The tests that need a snapshot have one thread, and content_seq shows a change between two reads. */
static int mem_snapshot_begin(struct docs_store *s)
{
	(void)s;
	return 0;
}

static void mem_snapshot_end(struct docs_store *s)
{
	(void)s;
}

static int mem_session_create(
	struct docs_store *s, const struct docs_scope *scope, struct span name, int64_t replaces, int64_t *ret_session)
{
	struct docs_mem *m = docs_mem_of(s);
	struct docs_position at = {0};
	int64_t began;
	int r = docs_mem_enter(m, scope, &at);

	(void)name;
	began = at.seq;
	MEM_EACH(struct mem_session, x, &m->sessions)
	{
		if (r < 0 || x->id != replaces || x->drive != scope->drive || x->ended)
			continue;
		x->ended = true;
		began = x->began;
	}
	if (r == 0) {
		struct mem_session *session = docs_mem_add(&m->sessions);

		session->id = *ret_session = (int64_t)m->sessions.count;
		session->user = scope->user;
		session->drive = scope->drive;
		session->began = began;
		MEM_EACH(struct mem_hold, h, &m->holds)
		if (h->session == replaces)
			h->session = session->id;
	}
	return docs_mem_leave(m, r);
}

static int mem_session_end(struct docs_store *s, const struct docs_scope *scope, int64_t session)
{
	struct docs_mem *m = docs_mem_of(s);
	struct docs_position at;
	int r = docs_mem_enter(m, scope, &at);

	MEM_EACH(struct mem_session, x, &m->sessions)
	if (r == 0 && x->id == session && x->user == scope->user)
		x->ended = true;
	return docs_mem_leave(m, r);
}

static int mem_block_stored(
	struct docs_store *s, const struct docs_scope *scope, const struct docs_block *block, struct docs_block *ret)
{
	struct docs_mem *m = docs_mem_of(s);
	struct mem_block *row;

	(void)pthread_mutex_lock(&m->mutex);
	row = docs_mem_add(&m->blocks);
	row->drive = scope->drive;
	row->block = *ret = *block;
	(void)pthread_mutex_unlock(&m->mutex);
	return 0;
}

static void mem_store_free(struct docs_store *s)
{
	assert(((struct mem_store *)s)->drive == 0); /* no transaction is open */
	free(s);
}

static const struct docs_store_ops mem_ops = {
	.drive_create = mem_drive_create,
	.drive_get = mem_drive_get,
	.drive_home = mem_drive_home,
	.ids_reserve = mem_ids_reserve,
	.digest_keep = docs_mem_digest_keep,
	.digest_get = docs_mem_digest_get,
	.item_get = docs_mem_item_get,
	.item_lookup = docs_mem_item_lookup,
	.item_path = docs_mem_item_path,
	.children = docs_mem_children,
	.extents = docs_mem_extents,
	.xattrs = docs_mem_xattrs,
	.changes = docs_mem_changes,
	.snapshot_begin = mem_snapshot_begin,
	.snapshot_end = mem_snapshot_end,
	.session_create = mem_session_create,
	.session_end = mem_session_end,
	.txn_begin = docs_mem_txn_begin,
	.txn_commit = docs_mem_txn_commit,
	.txn_abort = docs_mem_txn_abort,
	.answer_find = docs_mem_answer_find,
	.block_stored = mem_block_stored,
	.free = mem_store_free,
};

int docs_mem_open(struct docs_mem *m, struct docs_store **ret)
{
	struct mem_store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->store.ops = &mem_ops;
	s->mem = m;
	*ret = &s->store;
	return 0;
}
