/*
 * The working set of one transaction: hash tables of what was loaded, and the undo log.
 *
 * Undo: the first time that a batch changes something, its former state is noted. A batch that fails puts all
 * former states back, newest first; a batch that succeeds forgets them. So undo costs one copy of each thing that a
 * batch changes, however often it changes it. Alternatives were a copy of the whole set per batch (quadratic with
 * many small batches), and checking each batch before applying it (the rules twice).
 *
 * Entries that a failed batch added to the tables stay there as "does not exist": removing them would gain nothing.
 */
#include "common/rules/tree.h"

#include "common/rules/tree_internal.h"
#include "common/base/error.h"

#include <errno.h>
#include <stdlib.h>

#define CHUNK_BYTES 65536u

struct tree_chunk {
	struct tree_chunk *next;
	size_t used, size;
	max_align_t bytes[];
};

/* ---- memory ---- */

void *tree_alloc(struct tree *t, size_t size)
{
	struct tree_chunk *chunk = t->chunks;
	size_t want;
	void *ret;

	size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (!chunk || chunk->size - chunk->used < size) {
		want = size > CHUNK_BYTES ? size : CHUNK_BYTES;
		chunk = malloc(sizeof(*chunk) + want);
		if (!chunk)
			return NULL;
		*chunk = (struct tree_chunk){.next = t->chunks, .size = want};
		t->chunks = chunk;
	}
	ret = (char *)chunk->bytes + chunk->used;
	chunk->used += size;
	return memset(ret, 0, size);
}

int tree_copy(struct tree *t, struct span s, struct span *ret)
{
	char *bytes = tree_alloc(t, s.size ? s.size : 1);

	if (!bytes)
		return -ENOMEM;
	if (s.size > 0)
		memcpy(bytes, s.data, s.size);
	*ret = span_of(bytes, s.size);
	return 0;
}

int tree_grow(void **list, size_t *capacity, size_t count, size_t element)
{
	size_t next = *capacity ? 2 * *capacity : 16;
	void *grown;

	if (count < *capacity)
		return 0;
	grown = realloc(*list, next * element);
	if (!grown)
		return -ENOMEM;
	*list = grown;
	*capacity = next;
	return 0;
}

int tree_new(const struct tree_drive *drive, int64_t now_ns, struct tree **ret)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->drive = *drive;
	t->now = now_ns;
	*ret = t;
	return 0;
}

int tree_count_row(struct tree *t, size_t *rows)
{
	if (*rows >= BATCH_ROWS_MAX) {
		t->overfull = true;
		return -E2BIG;
	}
	(*rows)++;
	return 0;
}

size_t tree_rows(const struct tree *t)
{
	return t->rows_loaded + t->rows_made;
}

bool tree_is_overfull(const struct tree *t)
{
	return t->overfull;
}

static void undo_forget(struct tree *t)
{
	for (size_t i = 0; i < t->undo_count; i++)
		if (t->undo[i].kind == TREE_UNDO_PIECES)
			free(t->undo[i].was.pieces.list);
	t->undo_count = 0;
}

void tree_free(struct tree *t)
{
	struct tree_row *row;

	if (!t)
		return;
	undo_forget(t);
	for (row = t->rows; row; row = row->hh.next)
		free(row->pieces.list);
	HASH_CLEAR(hh, t->rows);
	HASH_CLEAR(hh, t->links);
	HASH_CLEAR(hh, t->attrs);
	HASH_CLEAR(hh, t->steps);
	HASH_CLEAR(hh, t->blocks);
	while (t->pieces)
		tree_piece_free(t, t->pieces);
	free(t->undo);
	free(t->changes);
	while (t->chunks) {
		struct tree_chunk *chunk = t->chunks;

		t->chunks = chunk->next;
		free(chunk);
	}
	free(t);
}

const struct tree_drive *tree_peek_drive(const struct tree *t)
{
	return &t->drive;
}

/* ---- tables ---- */

static struct tree_row *row_any(struct tree *t, int64_t id)
{
	struct tree_row *row;

	HASH_FIND(hh, t->rows, &id, sizeof(id), row);
	return row;
}

static int row_any_or_new(struct tree *t, int64_t id, struct tree_row **ret)
{
	struct tree_row *row = row_any(t, id);

	if (row) {
		*ret = row;
		return 0;
	}
	row = tree_alloc(t, sizeof(*row));
	if (!row)
		return -ENOMEM;
	row->id = id;
	row->pieces.sorted = true;
	HASH_ADD(hh, t->rows, id, sizeof(row->id), row);
	if (!row->hh.tbl)
		return -ENOMEM;
	*ret = row;
	return 0;
}

struct tree_row *tree_row_find(struct tree *t, int64_t id)
{
	struct tree_row *row = row_any(t, id);

	return row && row->now.exists ? row : NULL;
}

/* The key of a name as one run of bytes, for lookups only. link_any_or_new and attr_any_or_new store keys that
 * stay. */
#define KEY_BYTES(name) (sizeof(int64_t) + (name).size)

struct key_storage {
	int64_t parent;
	char name[NAME_BYTES_MAX + 1];
};

static bool key_fill(struct key_storage *key, int64_t parent, struct span name)
{
	if (name.size > NAME_BYTES_MAX)
		return false;
	key->parent = parent;
	if (name.size > 0)
		memcpy(key->name, name.data, name.size);
	return true;
}

static struct tree_link *link_any(struct tree *t, int64_t parent, struct span name)
{
	struct tree_link *link = NULL;
	struct key_storage key;

	if (key_fill(&key, parent, name)) {
		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): memcpy has filled the bytes */
		HASH_FIND(hh, t->links, &key, KEY_BYTES(name), link);
	}
	return link;
}

static int link_any_or_new(struct tree *t, int64_t parent, struct span name, struct tree_link **ret)
{
	struct tree_link *link = link_any(t, parent, name);

	if (link) {
		*ret = link;
		return 0;
	}
	link = tree_alloc(t, sizeof(*link) + name.size);
	if (!link || name.size > NAME_BYTES_MAX)
		return link ? -ENAMETOOLONG : -ENOMEM;
	link->key.parent = parent;
	memcpy(link->key.name, name.data, name.size);
	link->name = span_of(link->key.name, name.size);
	HASH_ADD(hh, t->links, key, KEY_BYTES(name), link);
	if (!link->hh.tbl)
		return -ENOMEM;
	*ret = link;
	return 0;
}

int64_t tree_child(struct tree *t, int64_t parent, struct span name)
{
	struct tree_link *link = link_any(t, parent, name);

	return link ? link->child : 0;
}

static struct tree_attr *attr_any(struct tree *t, int64_t node, struct span name)
{
	struct tree_attr *attr = NULL;
	struct key_storage key;

	if (key_fill(&key, node, name)) {
		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): memcpy has filled the bytes */
		HASH_FIND(hh, t->attrs, &key, KEY_BYTES(name), attr);
	}
	return attr;
}

static int attr_any_or_new(struct tree *t, int64_t node, struct span name, struct tree_attr **ret)
{
	struct tree_attr *attr = attr_any(t, node, name);

	if (attr) {
		*ret = attr;
		return 0;
	}
	attr = tree_alloc(t, sizeof(*attr) + name.size);
	if (!attr || name.size > NAME_BYTES_MAX)
		return attr ? -ENAMETOOLONG : -ENOMEM;
	attr->key.parent = node;
	memcpy(attr->key.name, name.data, name.size);
	attr->name = span_of(attr->key.name, name.size);
	HASH_ADD(hh, t->attrs, key, KEY_BYTES(name), attr);
	if (!attr->hh.tbl)
		return -ENOMEM;
	*ret = attr;
	return 0;
}

struct tree_attr *tree_xattr_find(struct tree *t, int64_t node, struct span name)
{
	struct tree_attr *attr = attr_any(t, node, name);

	return attr && attr->exists ? attr : NULL;
}

int64_t tree_step_find(struct tree *t, int64_t folder)
{
	struct tree_step *step;

	HASH_FIND(hh, t->steps, &folder, sizeof(folder), step);
	return step ? step->parent : 0;
}

/* ---- loading ---- */

int tree_load_node(struct tree *t, const struct tree_node *node)
{
	struct tree_row *row;
	int r = row_any_or_new(t, node->item.id, &row);

	if (r < 0 || row->loaded)
		return r;
	row->now.node = *node;
	row->now.node.item.has_inline = false;
	row->now.node.item.inline_data = (struct span){0};
	r = tree_copy(t, node->item.name, &row->now.node.item.name);
	r = r < 0 ? r : tree_copy(t, node->item.target, &row->now.node.item.target);
	r = r < 0 ? r : tree_copy(t, node->access_acl, &row->now.node.access_acl);
	r = r < 0 ? r : tree_copy(t, node->default_acl, &row->now.node.default_acl);
	r = r < 0 ? r : tree_copy(t, node->holders, &row->now.node.holders);
	if (r < 0)
		return r;
	row->now.exists = true;
	row->loaded = true;
	t->any_protected |= (node->item.mode & ITEM_PROTECTED) != 0;
	return 0;
}

int tree_load_entry(struct tree *t, int64_t parent, struct span name, int64_t child)
{
	struct tree_link *link;
	int r = link_any_or_new(t, parent, name, &link);

	if (r == 0)
		link->child = link->loaded = child;
	return r;
}

int tree_load_extent(struct tree *t, const struct tree_extent *extent)
{
	struct tree_piece *piece;
	struct tree_row *row;
	int r;

	if (tree_count_row(t, &t->rows_loaded) < 0)
		return 0;
	r = row_any_or_new(t, extent->node, &row);
	r = r < 0 ? r
		  : tree_grow((void **)&row->pieces.list, &row->pieces.capacity, row->pieces.count, TREE_POINTER_BYTES);
	r = r < 0 ? r : tree_piece_new(t, extent, &piece);
	if (r < 0)
		return r;
	row->pieces.list[row->pieces.count++] = piece;
	row->pieces.sorted = row->pieces.count == 1;
	return 0;
}

void tree_load_sweep(struct tree *t, const struct tree_range *range, int64_t extents, int64_t bytes)
{
	t->sweep = (struct tree_sweep){.range = *range, .extents = extents, .bytes = bytes};
}

int tree_load_xattr(
	struct tree *t, int64_t node, struct span name, struct span value, const struct tree_xattr_sums *sums)
{
	struct tree_attr *attr;
	struct tree_row *row;
	int r = row_any_or_new(t, node, &row);

	if (r < 0)
		return r;
	row->now.xattr_bytes = sums->names;
	row->now.xattr_total = sums->total;
	if (!value.data || name.size == 0)
		return 0;
	r = attr_any_or_new(t, node, name, &attr);
	r = r < 0 ? r : tree_copy(t, value, &attr->value);
	if (r < 0)
		return r;
	attr->exists = attr->loaded = true;
	return 0;
}

int tree_load_ancestor(struct tree *t, int64_t folder, int64_t parent)
{
	struct tree_step *step;

	if (tree_step_find(t, folder) != 0 || tree_count_row(t, &t->rows_loaded) < 0)
		return 0;
	step = tree_alloc(t, sizeof(*step));
	if (!step)
		return -ENOMEM;
	step->folder = folder;
	step->parent = parent;
	HASH_ADD(hh, t->steps, folder, sizeof(step->folder), step);
	return step->hh.tbl ? 0 : -ENOMEM;
}

int tree_load_block(struct tree *t, const uint8_t sha256[32], int64_t generation, uint32_t size)
{
	struct tree_block *block;

	HASH_FIND(hh, t->blocks, sha256, sizeof(block->sha256), block);
	if (block)
		return 0;
	block = tree_alloc(t, sizeof(*block));
	if (!block)
		return -ENOMEM;
	memcpy(block->sha256, sha256, sizeof(block->sha256));
	block->generation = generation;
	block->size = size;
	HASH_ADD(hh, t->blocks, sha256, sizeof(block->sha256), block);
	return block->hh.tbl ? 0 : -ENOMEM;
}

/* ---- changing, with undo ---- */

static int undo_push(struct tree *t, const struct tree_undo *undo)
{
	int r = tree_grow((void **)&t->undo, &t->undo_capacity, t->undo_count, sizeof(*t->undo));

	if (r == 0)
		t->undo[t->undo_count++] = *undo;
	return r;
}

int tree_row_edit(struct tree *t, struct tree_row *row)
{
	struct tree_undo undo = {.kind = TREE_UNDO_ROW, .what = row};
	int r;

	if (row->saved_in == t->batch)
		return 0;
	undo.was.row = tree_alloc(t, sizeof(*undo.was.row));
	if (!undo.was.row)
		return -ENOMEM;
	*undo.was.row = row->now;
	r = undo_push(t, &undo);
	if (r < 0)
		return r;
	row->saved_in = t->batch;
	row->now.dirty = true;
	return 0;
}

int tree_row_new(struct tree *t, int64_t id, struct tree_row **ret)
{
	struct tree_row *row;
	int r = row_any_or_new(t, id, &row);

	/* What the working set has of an old document (its xattrs, its extents) must not become part of a new one. */
	if (r == 0 && row->now.node.item.id != 0)
		r = -EEXIST;
	r = r < 0 ? r : tree_row_edit(t, row);
	if (r == 0)
		*ret = row;
	return r;
}

int tree_pieces_edit(struct tree *t, struct tree_row *row)
{
	struct tree_undo undo = {.kind = TREE_UNDO_PIECES, .what = row};
	struct tree_piece **list = NULL;
	int r = tree_row_edit(t, row);

	if (r < 0 || row->pieces_saved_in == t->batch)
		return r;
	tree_pieces_sort(t, row);
	if (row->pieces.count > 0) {
		list = malloc(row->pieces.count * TREE_POINTER_BYTES);
		if (!list)
			return -ENOMEM;
		memcpy(list, row->pieces.list, row->pieces.count * TREE_POINTER_BYTES);
	}
	undo.was.pieces = row->pieces;
	r = undo_push(t, &undo);
	if (r < 0) {
		free(list);
		return r;
	}
	row->pieces.list = list;
	row->pieces.capacity = row->pieces.count;
	row->pieces_saved_in = t->batch;
	return 0;
}

int tree_entry_set(struct tree *t, int64_t parent, struct span name, int64_t child)
{
	struct tree_link *link;
	int r = link_any_or_new(t, parent, name, &link);

	if (r < 0)
		return r;
	if (link->saved_in != t->batch) {
		r = undo_push(t, &(struct tree_undo){.kind = TREE_UNDO_LINK, .what = link, .was.child = link->child});
		if (r < 0)
			return r;
		link->saved_in = t->batch;
	}
	link->child = child;
	return 0;
}

int tree_xattr_set(struct tree *t, int64_t node, struct span name, const struct span *value)
{
	struct tree_undo undo = {.kind = TREE_UNDO_ATTR};
	struct span copy = {0};
	struct tree_attr *attr;
	int r = attr_any_or_new(t, node, name, &attr);

	r = r == 0 && value ? tree_copy(t, *value, &copy) : r;
	if (r < 0)
		return r;
	if (attr->saved_in != t->batch) {
		undo.what = attr;
		undo.was.attr.value = attr->value;
		undo.was.attr.exists = attr->exists;
		undo.was.attr.dirty = attr->dirty;
		r = undo_push(t, &undo);
		if (r < 0)
			return r;
		attr->saved_in = t->batch;
	}
	attr->exists = value != NULL;
	attr->value = copy;
	attr->dirty = true;
	return 0;
}

static void undo_one(const struct tree_undo *undo)
{
	struct tree_row *row = undo->what;
	struct tree_link *link = undo->what;
	struct tree_attr *attr = undo->what;

	switch (undo->kind) {
	case TREE_UNDO_ROW:
		row->now = *undo->was.row;
		break;
	case TREE_UNDO_PIECES:
		free(row->pieces.list);
		row->pieces = undo->was.pieces;
		break;
	case TREE_UNDO_LINK:
		link->child = undo->was.child;
		break;
	case TREE_UNDO_ATTR:
		attr->value = undo->was.attr.value;
		attr->exists = undo->was.attr.exists;
		attr->dirty = undo->was.attr.dirty;
		break;
	}
}

static void undo_all(struct tree *t)
{
	while (t->undo_count > 0)
		undo_one(&t->undo[--t->undo_count]);
	t->sweep.done = false;
	while (t->pieces && t->pieces->born == t->batch)
		tree_piece_free(t, t->pieces);
}

/* ---- applying ---- */

void tree_by(struct tree *t, const struct tree_writer *writer)
{
	t->writer = *writer;
}

static bool is_holder(int64_t session, struct span holders)
{
	uint8_t id[TREE_HOLDER_BYTES];

	for (size_t i = 0; i < sizeof(id); i++)
		id[i] = (uint8_t)((uint64_t)session >> 8 * (sizeof(id) - 1 - i));
	for (size_t at = 0; at + sizeof(id) <= holders.size; at += sizeof(id))
		if (memcmp(holders.data + at, id, sizeof(id)) == 0)
			return true;
	return false;
}

/* Whether the document has no name and the writer never had it open. A document that was made without a name and
 * may still get one is its maker's, with a session or without. */
static bool is_nobodys(struct tree *t, int64_t id)
{
	const struct tree_row *row = id != 0 ? tree_row_find(t, id) : NULL;
	const struct tree_node *node = row ? &row->now.node : NULL;

	if (!node || !node->orphan || (node->item.mode & ITEM_LINKABLE))
		return false;
	if (t->writer.session == 0)
		return true;
	return node->nameless_at <= t->writer.began && !is_holder(t->writer.session, node->holders);
}

static int apply_op(struct tree_call *c)
{
	static int (*const ops[OP_KINDS])(struct tree_call * c) = {
		[OP_CREATE] = tree_op_create,
		[OP_WRITE] = tree_op_write,
		[OP_SETATTR] = tree_op_setattr,
		[OP_UNLINK] = tree_op_unlink,
		[OP_RMDIR] = tree_op_rmdir,
		[OP_RENAME] = tree_op_rename,
		[OP_LINK] = tree_op_link,
		[OP_SETXATTR] = tree_op_setxattr,
		[OP_REMOVEXATTR] = tree_op_removexattr,
		[OP_CLONE] = tree_op_clone,
	};
	struct tree *t = c->tree;
	int r = tree_check_protection(c);

	if (is_nobodys(t, c->op->id) || is_nobodys(t, c->op->to))
		r = -ENOENT;
	r = r < 0 ? r : ops[c->op->kind](c);

	r = r < 0 ? r : tree_grow((void **)&t->changes, &t->change_capacity, t->change_count, sizeof(*t->changes));
	if (r < 0)
		return r;
	t->changes[t->change_count++] = c->change;
	t->drive.seq = c->seq;
	return 0;
}

void tree_no_growth(struct tree *t)
{
	t->no_growth = true;
}

/* A change that cuts a part out of a file may leave one extent more, and fewer bytes: that is no growth. */
static bool has_grown(const struct tree_drive *before, const struct tree_drive *after)
{
	return after->used > before->used || after->documents > before->documents ||
		(after->extents > before->extents && after->used == before->used);
}

/* Applies all ops until one fails. ret_index: the op that failed, or the last one that raised what is over its
 * limit. */
static int apply_ops(
	struct tree *t, const struct op_batch *batch, struct span key, struct op_result *results, int *ret_index)
{
	const struct tree_drive before = t->drive;
	struct tree_drive last = before;
	int raised = 0, more = 0, split = 0, r;

	for (size_t i = 0; i < op_batch_count(batch); i++) {
		struct tree_call c = {
			.tree = t, .op = op_batch_at(batch, i), .seq = t->drive.seq + 1, .result = &results[i]};

		c.change = (struct tree_change){.seq = c.seq, .op = c.op->kind, .key = key, .from = -1, .len = -1};
		r = apply_op(&c);
		if (r < 0) {
			*ret_index = (int)i;
			return r;
		}
		if (t->drive.used > last.used)
			raised = (int)i;
		if (t->drive.documents > last.documents)
			more = (int)i;
		if (t->drive.extents > last.extents)
			split = (int)i;
		last = t->drive;
	}
	if (last.quota > 0 && last.used > last.quota && last.used > before.used) {
		*ret_index = raised;
		return -EDQUOT;
	}
	if (last.documents_max > 0 && last.documents > last.documents_max && last.documents > before.documents) {
		*ret_index = more;
		return -EDQUOT;
	}
	if (last.extents_max > 0 && last.extents > last.extents_max && last.extents > before.extents) {
		*ret_index = split;
		return -ERR_EXTENTS;
	}
	return t->no_growth && has_grown(&before, &last) ? -ENOSPC : 0;
}

int tree_apply(struct tree *t, const struct op_batch *batch, struct span key, const struct op_result **ret_results,
	int *ret_index)
{
	size_t changes = t->change_count, count = op_batch_count(batch);
	struct tree_drive before = t->drive;
	struct op_result *results;
	int index = -1, r;

	if (t->overfull) {
		if (ret_index)
			*ret_index = index;
		return -E2BIG;
	}
	t->batch++;
	results = tree_alloc(t, (count ? count : 1) * sizeof(*results));
	r = results ? tree_copy(t, key, &key) : -ENOMEM;
	r = r < 0 ? r : apply_ops(t, batch, key, results, &index);
	if (r < 0) {
		undo_all(t);
		t->drive = before;
		t->change_count = changes;
		if (ret_index)
			*ret_index = index;
		return r;
	}
	undo_forget(t);
	*ret_results = results;
	return 0;
}
