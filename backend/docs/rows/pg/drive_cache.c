#include "backend/docs/rows/pg/drive_cache.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/*
 * Each drive has two tables, of documents and of entries, in the order of insertion: when they are too large,
 * the oldest rows are evicted first. The tables also note what does not exist: an entry without a child, or a
 * document that does not exist.
 */

struct cached_document {
	int64_t id;
	bool exists;
	struct tree_node node;
	uint64_t born;
	size_t bytes;
	UT_hash_handle hh;
	char text[]; /* name, target, ACLs */
};

struct cached_name {
	int64_t child; /* 0: none */
	uint64_t born;
	size_t bytes;
	UT_hash_handle hh;
	struct name_key {
		int64_t parent;
		char name[];
	} key;
};

struct key_storage { /* room for a key to look up */
	int64_t parent;
	char name[NAME_BYTES_MAX];
};

struct cached_drive {
	uint32_t id;
	bool taken, sure;
	unsigned pause;
	unsigned guesses;
	struct tree_drive row;
	struct cached_session session;
	struct cached_document *documents;
	struct cached_name *names;
	uint64_t births; /* counts the insertions into both tables */
	size_t bytes;
	uint64_t used_at;
	UT_hash_handle hh;
};

struct drive_cache {
	/* guards everything below; of a taken drive, everything but its place in the table belongs to the thread
	 * that took it */
	pthread_mutex_t lock;
	struct cached_drive *drives;
	size_t bytes; /* of the drives that are not taken */
	uint64_t clock;
};

/* ---- one drive ---- */

static void forget_document(struct cached_drive *d, struct cached_document *document)
{
	if (!document)
		return;
	HASH_DEL(d->documents, document);
	assert(d->bytes >= document->bytes);
	d->bytes -= document->bytes;
	free(document);
}

static void forget_name(struct cached_drive *d, struct cached_name *name)
{
	if (!name)
		return;
	HASH_DEL(d->names, name);
	assert(d->bytes >= name->bytes);
	d->bytes -= name->bytes;
	free(name);
}

static void forget_all(struct cached_drive *d)
{
	while (d->documents)
		forget_document(d, d->documents);
	while (d->names)
		forget_name(d, d->names);
	assert(d->bytes == sizeof(*d));
}

/* Evicts the oldest rows; the head of each table is its oldest row. */
static void make_room(struct cached_drive *d)
{
	while (d->bytes > DRIVE_CACHE_DRIVE_BYTES_MAX && (d->documents || d->names)) {
		if (!d->names || (d->documents && d->documents->born < d->names->born))
			forget_document(d, d->documents);
		else
			forget_name(d, d->names);
	}
}

static struct cached_document *find_document(const struct cached_drive *d, int64_t id)
{
	struct cached_document *document;

	HASH_FIND(hh, d->documents, &id, sizeof(id), document);
	return document;
}

static size_t key_bytes(struct span name)
{
	return offsetof(struct name_key, name) + name.size;
}

static struct cached_name *find_name(const struct cached_drive *d, int64_t parent, struct span name)
{
	struct cached_name *found = NULL;
	struct key_storage key;

	if (name.size > sizeof(key.name))
		return NULL;
	key.parent = parent;
	if (name.size > 0)
		memcpy(key.name, name.data, name.size);
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): the analyzer does not see that
	 * memcpy fills key */
	HASH_FIND(hh, d->names, &key, key_bytes(name), found);
	return found;
}

/* Copies the bytes of a span to `at`, and lets the span point to the copy. */
static char *keep_text(char *at, struct span *s)
{
	if (s->size > 0)
		memcpy(at, s->data, s->size);
	*s = span_of(at, s->size);
	return at + s->size;
}

/* node NULL: there is no such document. */
static void set_document(struct cached_drive *d, int64_t id, const struct tree_node *node)
{
	size_t text = node
		? node->item.name.size + node->item.target.size + node->access_acl.size + node->default_acl.size
		: 0;
	struct cached_document *document = calloc(1, sizeof(*document) + text);

	forget_document(d, find_document(d, id));
	if (!document)
		return;
	document->id = id;
	document->born = ++d->births;
	document->bytes = sizeof(*document) + text;
	if (node) {
		struct item *item = &document->node.item;

		document->exists = true;
		document->node = *node;
		char *at = document->text;

		at = keep_text(at, &item->name);
		at = keep_text(at, &item->target);
		at = keep_text(at, &document->node.access_acl);
		(void)keep_text(at, &document->node.default_acl);
		item->has_inline = false;
		item->inline_data = (struct span){0};
	}
	HASH_ADD(hh, d->documents, id, sizeof(document->id), document);
	if (!document->hh.tbl) {
		free(document);
		return;
	}
	d->bytes += document->bytes;
	make_room(d);
}

void drive_cache_node(struct cached_drive *d, const struct tree_node *node)
{
	/* An orphan can be removed without a change of the drive's row. parent 0: the name has to be read again. */
	if (node->orphan || node->item.parent == 0)
		forget_document(d, find_document(d, node->item.id));
	else
		set_document(d, node->item.id, node);
}

void drive_cache_entry(struct cached_drive *d, int64_t parent, struct span name, int64_t child)
{
	const size_t bytes = offsetof(struct cached_name, key) + key_bytes(name);
	struct cached_name *known = find_name(d, parent, name);

	if (known) {
		known->child = child;
		return;
	}
	if (name.size > NAME_BYTES_MAX)
		return;
	known = calloc(1, bytes);
	if (!known)
		return;
	known->child = child;
	known->born = ++d->births;
	known->bytes = bytes;
	known->key.parent = parent;
	memcpy(known->key.name, name.data, name.size);
	HASH_ADD(hh, d->names, key, key_bytes(name), known);
	if (!known->hh.tbl) {
		free(known);
		return;
	}
	d->bytes += bytes;
	make_room(d);
}

bool drive_cache_is_sure(const struct cached_drive *d)
{
	return d->sure && d->pause == 0;
}

const struct tree_drive *drive_cache_row(const struct cached_drive *d)
{
	return &d->row;
}

const struct cached_session *drive_cache_peek_session(const struct cached_drive *d)
{
	return &d->session;
}

unsigned drive_cache_guesses(const struct cached_drive *d)
{
	return d->guesses;
}

void drive_cache_doubt(struct cached_drive *d)
{
	d->sure = false;
}

void drive_cache_forget(struct cached_drive *d)
{
	forget_all(d);
	d->sure = false;
}

static bool is_same_row(const struct tree_drive *a, const struct tree_drive *b)
{
	return a->id == b->id && a->owner == b->owner && a->incarnation == b->incarnation && a->seq == b->seq &&
		a->epoch == b->epoch && a->lease_epoch == b->lease_epoch && a->lease_session == b->lease_session &&
		a->next_number == b->next_number && a->quota_own == b->quota_own && a->used == b->used &&
		a->documents == b->documents && a->extents == b->extents;
}

void drive_cache_found(struct cached_drive *d, const struct tree_drive *row)
{
	if (!is_same_row(&d->row, row)) {
		/* Another process writes to this drive: guesses would be wrong again and again. */
		if (d->row.id != 0)
			d->pause = DRIVE_CACHE_PAUSE;
		forget_all(d);
		d->row = *row;
	} else if (d->pause > 0) {
		d->pause--;
	}
	d->row.quota = row->quota; /* these limits depend on the owner's other drives, not on this row */
	d->row.documents_max = row->documents_max;
	d->row.extents_max = row->extents_max;
	d->guesses = 0;
	d->session = (struct cached_session){0};
	d->sure = false;
}

/* ---- what a transaction wants ---- */

struct loading {
	const struct cached_drive *d;
	const struct tree_wants *wants;
	struct tree *tree;
	bool assumed;
};

/* Whether an id without a cached row may be the document that is to be made. It is not when it is the folder of
 * a wanted name, or the root, whose owner new documents get. */
static bool may_be_new(const struct loading *l, int64_t id)
{
	bool new = l->wants->name_count > 0 && id != ITEM_ROOT(l->d->id);

	for (size_t i = 0; new &&i < l->wants->name_count; i++)
		new = l->wants->names[i].parent != id;
	return new;
}

static bool load_node(struct loading *l, int64_t id)
{
	const struct cached_document *document = find_document(l->d, id);

	if (document)
		return !document->exists || tree_load_node(l->tree, &document->node) == 0;
	l->assumed = true;
	return may_be_new(l, id);
}

static bool load_name(struct loading *l, const struct tree_name *want)
{
	const struct cached_name *name = find_name(l->d, want->parent, want->name);

	if (!name) {
		l->assumed = true;
		return want->fresh;
	}
	if (name->child == 0)
		return true;
	const struct cached_document *child = find_document(l->d, name->child);
	return child && child->exists && tree_load_node(l->tree, &child->node) == 0 &&
		tree_load_entry(l->tree, want->parent, want->name, name->child) == 0;
}

/* Extents are not cached. A document has none when its allocated bytes are 0. */
static bool load_range(const struct cached_drive *d, const struct tree_range *want)
{
	const struct cached_document *document = find_document(d, want->node);

	return document && (!document->exists || document->node.item.allocated == 0);
}

static bool load_chain(const struct cached_drive *d, int64_t folder, struct tree *tree)
{
	while (folder != ITEM_ROOT(d->id)) {
		const struct cached_document *document = find_document(d, folder);

		if (!document)
			return false;
		if (!document->exists)
			return true;
		if (tree_load_ancestor(tree, folder, document->node.item.parent) < 0)
			return false;
		folder = document->node.item.parent;
	}
	return true;
}

/*
 * Xattrs are not cached, but the row of a document says when it has none. So a truncation that clears set-id
 * bits, which asks for this one xattr, is loaded from the cache like any other.
 */
static bool load_xattr(const struct loading *l, const struct tree_name *want)
{
	const struct cached_document *document = find_document(l->d, want->parent);

	return span_eq(want->name, SPAN_LITERAL(TREE_CAPABILITY)) && document && document->exists &&
		document->node.item.bare &&
		tree_load_xattr(l->tree, want->parent, want->name, (struct span){0}, &(struct tree_xattr_sums){0}) == 0;
}

bool drive_cache_load(
	const struct cached_drive *d, const struct tree_wants *wants, struct tree *tree, bool *ret_assumed)
{
	struct loading l = {.d = d, .wants = wants, .tree = tree};
	/* The row of a block has to be locked, so the database must be asked. */
	bool known = wants->block_count == 0 && wants->sweep.node == 0;

	for (size_t i = 0; known && i < wants->node_count; i++)
		known = load_node(&l, wants->nodes[i]);
	for (size_t i = 0; known && i < wants->name_count; i++)
		known = load_name(&l, &wants->names[i]);
	for (size_t i = 0; known && i < wants->xattr_count; i++)
		known = load_xattr(&l, &wants->xattrs[i]);
	for (size_t i = 0; known && i < wants->range_count; i++)
		known = load_range(d, &wants->ranges[i]);
	for (size_t i = 0; known && i < wants->ancestor_count; i++)
		known = load_chain(d, wants->ancestors[i], tree);
	*ret_assumed = l.assumed;
	return known;
}

void drive_cache_wanted(struct cached_drive *d, const struct tree_wants *wants)
{
	for (size_t i = 0; wants && i < wants->node_count; i++)
		set_document(d, wants->nodes[i], NULL);
	for (size_t i = 0; wants && i < wants->name_count; i++)
		drive_cache_entry(d, wants->names[i].parent, wants->names[i].name, 0);
}

void drive_cache_committed(struct cached_drive *d, const struct tree_delta *delta, const struct cached_session *session)
{
	for (size_t i = 0; i < delta->removed_node_count; i++)
		set_document(d, delta->removed_nodes[i], NULL);
	for (size_t i = 0; i < delta->changed_count; i++)
		drive_cache_node(d, delta->changed[i]);
	for (size_t i = 0; i < delta->created_count; i++)
		drive_cache_node(d, delta->created[i]);
	for (size_t i = 0; i < delta->removed_entry_count; i++)
		drive_cache_entry(d, delta->removed_entries[i].parent, delta->removed_entries[i].name, 0);
	for (size_t i = 0; i < delta->added_entry_count; i++)
		drive_cache_entry(
			d, delta->added_entries[i].parent, delta->added_entries[i].name, delta->added_entries[i].child);
	assert(delta->drive.id == d->id);
	d->row = delta->drive;
	d->guesses++;
	d->session = session ? *session : (struct cached_session){0};
	d->sure = true;
}

/* ---- all drives ---- */

int drive_cache_new(struct drive_cache **ret)
{
	struct drive_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	*ret = c;
	return 0;
}

static void drive_free(struct drive_cache *c, struct cached_drive *d)
{
	HASH_DEL(c->drives, d);
	forget_all(d);
	free(d);
}

void drive_cache_free(struct drive_cache *c)
{
	if (!c)
		return;
	while (c->drives) {
		assert(!c->drives->taken);
		drive_free(c, c->drives);
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct cached_drive *drive_new(struct drive_cache *c, uint32_t drive)
{
	struct cached_drive *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->id = drive;
	d->bytes = sizeof(*d);
	HASH_ADD(hh, c->drives, id, sizeof(d->id), d);
	if (!d->hh.tbl) {
		free(d);
		return NULL;
	}
	c->bytes += d->bytes;
	return d;
}

struct cached_drive *drive_cache_take(struct drive_cache *c, uint32_t drive)
{
	struct cached_drive *d;

	pthread_mutex_lock(&c->lock);
	HASH_FIND(hh, c->drives, &drive, sizeof(drive), d);
	if (!d)
		d = drive_new(c, drive);
	if (d && d->taken)
		d = NULL;
	if (d) {
		d->taken = true;
		d->used_at = ++c->clock;
		assert(c->bytes >= d->bytes);
		c->bytes -= d->bytes;
	}
	pthread_mutex_unlock(&c->lock);
	return d;
}

/* The caller holds c->lock. There are few drives, and the search runs only when the cache is over its limit. */
static void forget_drives(struct drive_cache *c)
{
	while (c->bytes > DRIVE_CACHE_BYTES_MAX) {
		struct cached_drive *oldest = NULL;

		for (struct cached_drive *d = c->drives; d; d = d->hh.next)
			if (!d->taken && (!oldest || d->used_at < oldest->used_at))
				oldest = d;
		if (!oldest)
			return;
		assert(c->bytes >= oldest->bytes);
		c->bytes -= oldest->bytes;
		drive_free(c, oldest);
	}
}

void drive_cache_give(struct drive_cache *c, struct cached_drive *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&c->lock);
	assert(d->taken);
	d->taken = false;
	c->bytes += d->bytes;
	forget_drives(c);
	pthread_mutex_unlock(&c->lock);
}
