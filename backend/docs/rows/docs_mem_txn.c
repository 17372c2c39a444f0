/*
 * Transactions of docs_mem, the storage of the rules' tests.
 *
 * txn_begin locks the drive, looks up the keys of the batches (new, a repeat, out of order), and loads into a
 * tree only the rows that were wanted: a rule that looks at a row which it did not ask for does not find it
 * here. txn_commit takes the delta that the tree made of the batches and applies it to the lists: each row that
 * it removes must exist, each row that it adds must not exist yet, each row that it changes must exist, and the
 * journal must have no gap. So an omission in a rule is found here, not much later, and the violation is
 * printed.
 *
 * The lock of a drive is a flag with a condition variable, because a transaction lasts from begin to commit or
 * abort, and threads of a test wait for each other in between. Failures are injected at the begin, before the
 * commit, and after it; in the last case nobody can know the outcome.
 */
#include "backend/docs/rows/docs_mem_internal.h"

#include "common/base/error.h"
#include "common/proto/acl.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- keys ---- */

static struct mem_session *find_session(struct docs_mem *m, int64_t id)
{
	MEM_EACH(struct mem_session, s, &m->sessions)
	if (s->id == id && !s->ended)
		return s;
	return NULL;
}

static struct mem_key *find_key(struct docs_mem *m, const struct docs_key *key)
{
	MEM_EACH(struct mem_key, k, &m->keys)
	if (k->user == key->user && span_eq(k->key, key->key))
		return k;
	return NULL;
}

static void see_answer(const struct mem_answer *a, const struct docs_key *key, struct docs_seen *ret)
{
	ret->state = memcmp(a->fingerprint, key->fingerprint, sizeof(a->fingerprint)) == 0 ? DOCS_REPEAT : DOCS_REUSED;
	ret->answer = (struct docs_answer){.status = a->status, .headers = a->headers, .body = a->body};
}

static void see_session(struct docs_mem *m, uint32_t drive, const struct docs_key *key, struct docs_seen *ret)
{
	const struct mem_session *s = find_session(m, key->session);

	if (!s || s->drive != drive || s->user != key->user)
		ret->state = DOCS_SESSION_GONE;
	else if (key->number == s->number + 1)
		*ret = (struct docs_seen){.state = DOCS_NEW, .began = s->began};
	else if (key->number == s->number && s->answer.status != 0)
		see_answer(&s->answer, key, ret);
	else
		ret->state = DOCS_OUT_OF_ORDER;
}

static void see(struct docs_mem *m, uint32_t drive, const struct docs_key *key, struct docs_seen *ret)
{
	const struct mem_key *k = key->kind == DOCS_KEY_USER ? find_key(m, key) : NULL;

	*ret = (struct docs_seen){.state = DOCS_NEW};
	if (key->kind == DOCS_KEY_SESSION)
		see_session(m, drive, key, ret);
	else if (k)
		see_answer(&k->answer, key, ret);
}

/* ---- loading ---- */

/* Writes the holders into text, as many as fit. */
static struct span holders_of(struct docs_mem *m, int64_t id, uint8_t *text, size_t room)
{
	size_t used = 0;

	MEM_EACH(struct mem_hold, h, &m->holds)
	{
		if (h->node != id || used + TREE_HOLDER_BYTES > room)
			continue;
		for (unsigned i = 0; i < TREE_HOLDER_BYTES; i++)
			text[used++] = (uint8_t)((uint64_t)h->session >> 8 * (TREE_HOLDER_BYTES - 1 - i));
	}
	return span_of(text, used);
}

static int load_node(struct docs_mem *m, int64_t id, struct tree *t)
{
	const struct tree_node *found = docs_mem_node(m, id);
	uint8_t holders[64 * TREE_HOLDER_BYTES];
	struct tree_node node;

	if (!found)
		return 0;
	node = *found;
	node.holders = holders_of(m, id, holders, sizeof(holders));
	MEM_EACH(struct mem_xattr, a, &m->xattrs)
	{
		bool is_default;

		if (a->node == id && acl_is_name(a->name, &is_default))
			*(is_default ? &node.default_acl : &node.access_acl) = a->value;
	}
	return tree_load_node(t, &node);
}

static int load_names(struct docs_mem *m, const struct tree_wants *w, struct tree *t)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->node_count; i++) {
		r = load_node(m, w->nodes[i], t);
	}
	for (size_t i = 0; r == 0 && i < w->name_count; i++) {
		const struct mem_entry *e = docs_mem_entry(m, w->names[i].parent, w->names[i].name);

		r = e ? tree_load_entry(t, e->parent, e->name, e->child) : 0;
		r = r == 0 && e ? load_node(m, e->child, t) : r;
	}
	for (size_t i = 0; r == 0 && i < w->ancestor_count; i++) {
		const struct tree_node *node = docs_mem_node(m, w->ancestors[i]);

		for (; r == 0 && node && node->item.parent != node->item.id; node = docs_mem_node(m, node->item.parent))
			r = tree_load_ancestor(t, node->item.id, node->item.parent);
	}
	return r;
}

static int load_xattr(struct docs_mem *m, const struct tree_name *want, struct tree *t)
{
	struct span value = {0};
	struct tree_xattr_sums sums = {0};

	MEM_EACH(struct mem_xattr, a, &m->xattrs)
	{
		if (a->node != want->parent)
			continue;
		sums.names += a->name.size + 1;
		sums.total += a->name.size + a->value.size;
		if (span_eq(a->name, want->name))
			value = a->value;
	}
	return tree_load_xattr(t, want->parent, want->name, value, &sums);
}

/* Whether the wanted range touches this extent. TREE_TAIL means the end of the file as it is now. */
static bool range_takes(struct docs_mem *m, const struct tree_range *want, const struct tree_extent *extent)
{
	int64_t from = want->from;

	MEM_EACH(struct mem_node, n, &m->nodes)
	if (from == TREE_TAIL && n->node.item.id == want->node)
		from = n->node.item.size - 1;
	return extent->node == want->node && extent->at < want->to && extent->at + extent->len > from;
}

static bool lies_in(const struct tree_extent *extent, const struct tree_range *range)
{
	return extent->node == range->node && extent->at >= range->from && extent->at < range->to &&
		extent->at + extent->len <= range->to;
}

static void load_sweep(struct docs_mem *m, const struct tree_range *range, struct tree *t)
{
	int64_t extents = 0, bytes = 0;

	MEM_EACH(struct mem_extent, x, &m->extents)
	{
		extents += lies_in(&x->extent, range);
		bytes += lies_in(&x->extent, range) ? x->extent.len : 0;
	}
	tree_load_sweep(t, range, extents, bytes);
}

static int load(struct docs_mem *m, uint32_t drive, const struct tree_wants *w, struct tree *t)
{
	int r = load_names(m, w, t);

	for (size_t i = 0; i < w->range_count; i++)
		MEM_EACH(struct mem_extent, x, &m->extents)
	if (r == 0 && range_takes(m, &w->ranges[i], &x->extent))
		r = tree_load_extent(t, &x->extent);
	if (w->sweep.node != 0)
		load_sweep(m, &w->sweep, t);
	for (size_t i = 0; r == 0 && i < w->xattr_count; i++)
		r = load_xattr(m, &w->xattrs[i], t);
	for (size_t i = 0; i < w->block_count; i++)
		MEM_EACH(struct mem_block, b, &m->blocks)
	if (r == 0 && b->drive == drive && memcmp(b->block.sha256, w->blocks[i], 32) == 0)
		r = tree_load_block(t, b->block.sha256, b->block.generation, b->block.size);
	return r;
}

static int lock_drive(struct docs_mem *m, uint32_t id, struct mem_drive **ret)
{
	for (;;) {
		struct mem_drive *drive = docs_mem_drive(m, id);

		if (!drive)
			return -ERR_NOT_FOUND;
		*ret = drive;
		if (!drive->locked)
			return 0;
		(void)pthread_cond_wait(&m->unlocked, &m->mutex);
	}
}

/* budget: the signature is that of docs_store.h */
int docs_mem_txn_begin(struct docs_store *store, uint32_t id, const struct docs_key *keys, size_t key_count,
	const struct tree_wants *wants, int64_t now_ns, struct tree **ret_tree, const struct docs_seen **ret_seen)
{
	struct mem_store *s = (struct mem_store *)store;
	struct docs_mem *m = s->mem;
	struct mem_drive *drive;
	struct tree *tree = NULL;
	int r;

	(void)pthread_mutex_lock(&m->mutex);
	m->counts.begun++;
	r = docs_mem_fails(m, DOCS_MEM_BEGIN);
	r = r < 0 ? r : lock_drive(m, id, &drive);
	r = r < 0 ? r : tree_new(&drive->row, now_ns, &tree);
	r = r < 0 ? r : load(m, id, wants, tree);
	if (r == 0) {
		drive->locked = true;
		s->drive = id;
		s->keys = calloc(key_count + 1, sizeof(*s->keys));
		s->seen = calloc(key_count + 1, sizeof(*s->seen));
		s->key_count = key_count;
		for (size_t i = 0; i < key_count; i++) {
			s->keys[i] = keys[i];
			see(m, id, &keys[i], &s->seen[i]);
		}
		*ret_seen = s->seen;
		*ret_tree = tree;
		tree = NULL;
	}
	(void)pthread_mutex_unlock(&m->mutex);
	tree_free(tree);
	return r;
}

/* ---- writing ---- */

static int wrong(const char *what, int64_t id)
{
	(void)fprintf(stderr, "docs_mem: %s: %lld\n", what, (long long)id);
	return -EIO;
}

static void set_node(struct tree_node *row, const struct tree_node *node)
{
	struct span name = docs_mem_dup(node->item.name), target = docs_mem_dup(node->item.target);

	docs_mem_drop(&row->item.name);
	docs_mem_drop(&row->item.target);
	*row = *node;
	row->item.name = name;
	row->item.target = target;
	row->access_acl = row->default_acl = (struct span){0}; /* loading reads them from the xattrs */
	row->holders = (struct span){0};
}

/* If the link that the row named is gone, the row gets the name of any other link. */
static void name_again(struct docs_mem *m, struct tree_node *node)
{
	if (node->item.parent != 0)
		return;
	MEM_EACH(struct mem_entry, e, &m->entries)
	{
		if (e->child != node->item.id)
			continue;
		node->item.parent = e->parent;
		docs_mem_drop(&node->item.name);
		node->item.name = docs_mem_dup(e->name);
		return;
	}
}

static int write_nodes(struct docs_mem *m, const struct tree_delta *d)
{
	for (size_t i = 0; i < d->removed_node_count; i++) {
		struct tree_node *node = docs_mem_node(m, d->removed_nodes[i]);

		if (!node)
			return wrong("removes a document that is not there", d->removed_nodes[i]);
		docs_mem_drop(&node->item.name);
		docs_mem_drop(&node->item.target);
		docs_mem_remove(&m->nodes, (size_t)((struct mem_node *)node - (struct mem_node *)m->nodes.data));
		for (size_t n = m->xattrs.count; n > 0; n--) {
			struct mem_xattr *a = docs_mem_at(&m->xattrs, n - 1);

			if (a->node != d->removed_nodes[i])
				continue;
			docs_mem_drop(&a->name);
			docs_mem_drop(&a->value);
			docs_mem_remove(&m->xattrs, n - 1);
		}
	}
	for (size_t i = 0; i < d->created_count; i++) {
		if (docs_mem_node(m, d->created[i]->item.id))
			return wrong("creates a document that is there", d->created[i]->item.id);
		set_node(docs_mem_add(&m->nodes), d->created[i]);
	}
	for (size_t i = 0; i < d->changed_count; i++) {
		struct tree_node *node = docs_mem_node(m, d->changed[i]->item.id);

		if (!node)
			return wrong("changes a document that is not there", d->changed[i]->item.id);
		set_node(node, d->changed[i]);
	}
	return 0;
}

static int write_entries(struct docs_mem *m, const struct tree_delta *d)
{
	for (size_t i = 0; i < d->removed_entry_count; i++) {
		const struct tree_entry *gone = &d->removed_entries[i];
		struct mem_entry *e = docs_mem_entry(m, gone->parent, gone->name);

		if (!e || e->child != gone->child)
			return wrong("removes an entry that is not there", gone->child);
		docs_mem_drop(&e->name);
		docs_mem_remove(&m->entries, (size_t)(e - (struct mem_entry *)m->entries.data));
	}
	for (size_t i = 0; i < d->added_entry_count; i++) {
		struct mem_entry *e;

		if (docs_mem_entry(m, d->added_entries[i].parent, d->added_entries[i].name))
			return wrong("adds an entry that is there", d->added_entries[i].child);
		e = docs_mem_add(&m->entries);
		e->parent = d->added_entries[i].parent;
		e->child = d->added_entries[i].child;
		e->name = docs_mem_dup(d->added_entries[i].name);
	}
	for (size_t i = 0; i < d->changed_count; i++)
		name_again(m, docs_mem_node(m, d->changed[i]->item.id));
	for (size_t i = 0; i < d->created_count; i++)
		name_again(m, docs_mem_node(m, d->created[i]->item.id));
	return 0;
}

static void remove_extent(struct docs_mem *m, size_t n)
{
	struct mem_extent *x = docs_mem_at(&m->extents, n);

	docs_mem_drop(&x->extent.data);
	docs_mem_remove(&m->extents, n);
}

static int remove_extent_at(struct docs_mem *m, int64_t node, int64_t at)
{
	for (size_t n = 0; n < m->extents.count; n++) {
		const struct mem_extent *x = docs_mem_at(&m->extents, n);

		if (x->extent.node != node || x->extent.at != at)
			continue;
		remove_extent(m, n);
		return 0;
	}
	return wrong("removes an extent that is not there", node);
}

static int write_extents(struct docs_mem *m, const struct tree_delta *d)
{
	int r = 0;

	for (size_t i = 0; i < d->cleared_node_count; i++)
		for (size_t n = m->extents.count; n > 0; n--)
			if (((struct mem_extent *)docs_mem_at(&m->extents, n - 1))->extent.node == d->cleared_nodes[i])
				remove_extent(m, n - 1);
	for (size_t n = d->swept.node != 0 ? m->extents.count : 0; n > 0; n--)
		if (lies_in(&((struct mem_extent *)docs_mem_at(&m->extents, n - 1))->extent, &d->swept))
			remove_extent(m, n - 1);
	for (size_t i = 0; r == 0 && i < d->removed_extent_count; i++)
		r = remove_extent_at(m, d->removed_extents[i]->node, d->removed_extents[i]->at);
	for (size_t i = 0; r == 0 && i < d->added_extent_count; i++) {
		struct mem_extent *x = docs_mem_add(&m->extents);

		x->extent = *d->added_extents[i];
		x->extent.data = docs_mem_dup(x->extent.data);
	}
	return r;
}

static int write_xattr(struct docs_mem *m, const struct tree_xattr *xattr)
{
	struct mem_xattr *found = NULL;

	MEM_EACH(struct mem_xattr, a, &m->xattrs)
	if (a->node == xattr->node && span_eq(a->name, xattr->name))
		found = a;
	if (xattr->removed && !found)
		return wrong("removes an xattr that is not there", xattr->node);
	if (xattr->removed) {
		docs_mem_drop(&found->name);
		docs_mem_drop(&found->value);
		docs_mem_remove(&m->xattrs, (size_t)(found - (struct mem_xattr *)m->xattrs.data));
		return 0;
	}
	if (!found) {
		found = docs_mem_add(&m->xattrs);
		found->node = xattr->node;
		found->name = docs_mem_dup(xattr->name);
	}
	docs_mem_drop(&found->value);
	found->value = docs_mem_dup(xattr->value);
	return 0;
}

static int write_changes(struct docs_mem *m, const struct tree_delta *d)
{
	int64_t seq = docs_mem_drive(m, d->drive.id)->row.seq;

	for (size_t i = 0; i < d->change_count; i++) {
		struct tree_change *c = docs_mem_add(&m->changes);

		*c = d->changes[i];
		c->name = docs_mem_dup(c->name);
		c->old_name = docs_mem_dup(c->old_name);
		c->key = docs_mem_dup(c->key);
		if (c->seq != ++seq)
			return wrong("leaves a gap in the journal before", c->seq);
	}
	return seq == d->drive.seq ? 0 : wrong("has another seq than its journal", d->drive.seq);
}

static void keep_answer(struct mem_answer *a, const struct docs_key *key, const struct docs_answer *answer)
{
	docs_mem_drop(&a->headers);
	docs_mem_drop(&a->body);
	memcpy(a->fingerprint, key->fingerprint, sizeof(a->fingerprint));
	a->status = answer->status;
	a->headers = docs_mem_dup(answer->headers);
	a->body = docs_mem_dup(answer->body);
}

static void write_answer(struct docs_mem *m, const struct docs_key *key, const struct docs_answer *answer)
{
	struct mem_session *s;
	struct mem_key *k;

	if (key->kind == DOCS_KEY_SESSION) {
		s = find_session(m, key->session);
		s->number = key->number;
		keep_answer(&s->answer, key, answer);
	} else if (key->kind == DOCS_KEY_USER) {
		k = docs_mem_add(&m->keys);
		k->user = key->user;
		k->key = docs_mem_dup(key->key);
		keep_answer(&k->answer, key, answer);
	}
}

static int write_delta(struct docs_mem *m, const struct tree_delta *d)
{
	int r = write_nodes(m, d);

	r = r < 0 ? r : write_entries(m, d);
	r = r < 0 ? r : write_extents(m, d);
	r = r < 0 ? r : write_changes(m, d);
	for (size_t i = 0; r == 0 && i < d->xattr_count; i++)
		r = write_xattr(m, &d->xattrs[i]);
	if (r == 0)
		docs_mem_drive(m, d->drive.id)->row = d->drive;
	return r;
}

static int write_all(struct mem_store *s, const struct tree_delta *d, const struct docs_answer *answers)
{
	struct docs_mem *m = s->mem;
	int r = d ? write_delta(m, d) : 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < s->key_count; i++) {
		if (s->seen[i].state == DOCS_REPEAT)
			m->counts.repeats++;
		else if (s->seen[i].state == DOCS_NEW && answers[i].status != 0)
			write_answer(m, &s->keys[i], &answers[i]);
	}
	return 0;
}

static void txn_end(struct mem_store *s)
{
	struct mem_drive *drive = docs_mem_drive(s->mem, s->drive);

	assert(drive && drive->locked);
	drive->locked = false;
	s->drive = 0;
	free(s->keys);
	free(s->seen);
	s->keys = NULL;
	s->seen = NULL;
	(void)pthread_cond_broadcast(&s->mem->unlocked);
}

int docs_mem_txn_commit(struct docs_store *store, const struct tree_delta *delta, const struct docs_answer *answers)
{
	struct mem_store *s = (struct mem_store *)store;
	struct docs_mem *m = s->mem;
	int r;

	(void)pthread_mutex_lock(&m->mutex);
	r = s->drive != 0 && (!delta || s->drive == delta->drive.id) ? docs_mem_fails(m, DOCS_MEM_COMMIT)
								     : wrong("commits without a transaction", s->drive);
	r = r < 0 ? r : write_all(s, delta, answers);
	if (r == 0) {
		m->counts.committed++;
		r = docs_mem_fails(m, DOCS_MEM_COMMITTED);
		txn_end(s);
	}
	(void)pthread_mutex_unlock(&m->mutex);
	return r;
}

int docs_mem_answer_find(struct docs_store *store, const struct docs_key *key, struct docs_seen *ret)
{
	struct docs_mem *m = ((struct mem_store *)store)->mem;

	*ret = (struct docs_seen){.state = DOCS_NEW};
	(void)pthread_mutex_lock(&m->mutex);
	if (key->kind == DOCS_KEY_USER)
		see(m, 0, key, ret);
	(void)pthread_mutex_unlock(&m->mutex);
	return 0;
}

void docs_mem_txn_abort(struct docs_store *store)
{
	struct mem_store *s = (struct mem_store *)store;

	(void)pthread_mutex_lock(&s->mem->mutex);
	s->mem->counts.aborted++;
	if (s->drive != 0)
		txn_end(s);
	(void)pthread_mutex_unlock(&s->mem->mutex);
}
