#include "fusefs/store/testing/mem_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <utlist.h>

/*
 * Applies ops to the drive in memory, one at a time: the rules of the docs service, as far as a mount can observe
 * them. An op is checked first and changes the tree only afterwards, so that a failed op has done nothing; a batch
 * of several ops is made atomic by a copy of the tree (mem.c).
 *
 * Each op that took effect becomes one entry of the journal, with its author, so that other stores of the same drive
 * get it. This is a second implementation on purpose, and much shorter than the first: where the two differ, a test
 * of the mount shows it, and PROTOCOL.md says which one is right.
 */

struct applying {
	struct mem_drive *d;
	const struct op *op;
	int64_t now;
	struct store_change change; /* the op's entry of the journal */
	struct op_result *ret;
};

static int folder_of(struct mem_drive *d, int64_t id, struct mem_doc **ret)
{
	struct mem_doc *doc = mem_doc_find(d, id);

	if (!doc || doc->nlink == 0)
		return -ENOENT;
	if (!S_ISDIR(doc->mode))
		return -ENOTDIR;
	*ret = doc;
	return 0;
}

static void touch_folder(struct applying *a, struct mem_doc *folder)
{
	struct op_result *r = a->ret;

	folder->mtime = folder->ctime = a->now;
	folder->seq = folder->content_seq = a->change.seq;
	for (size_t i = 0; i < r->dir_count; i++)
		if (r->dirs[i].id == folder->id)
			return;
	r->dirs[r->dir_count++].id = folder->id; /* filled in at the end of the op */
}

static void touch(struct applying *a, struct mem_doc *doc)
{
	doc->ctime = a->now;
	doc->seq = a->change.seq;
}

static void give_item(struct applying *a, struct mem_doc *doc)
{
	mem_item(doc, mem_any_name(a->d, doc->id), &a->ret->item);
	a->ret->has_item = true;
	a->ret->id = doc->id;
	a->change.id = doc->id;
}

/* ---- names ---- */

static struct mem_doc *new_doc(struct applying *a)
{
	const struct op *op = a->op;
	struct mem_doc *doc = calloc(1, sizeof(*doc));

	if (!doc)
		abort();
	doc->id = op->fields & OP_HAS_ID ? op->id : ITEM_ID(a->d->number, a->d->next_number++);
	doc->mode = op->mode & ~(op->fields & OP_HAS_UMASK ? op->umask : 0);
	doc->uid = op->uid;
	doc->gid = op->gid;
	doc->nlink = S_ISDIR(op->mode) ? 2 : 1;
	doc->rdev_major = op->rdev_major;
	doc->rdev_minor = op->rdev_minor;
	doc->atime = doc->ctime = doc->btime = a->now;
	doc->mtime = op->fields & OP_HAS_MTIME ? op->mtime : a->now;
	doc->seq = doc->content_seq = a->change.seq;
	if (S_ISLNK(op->mode)) {
		doc->target = strndup(op->target.size > 0 ? op->target.data : "", op->target.size);
		doc->target_size = op->target.size;
		doc->size = (int64_t)op->target.size;
	}
	return doc;
}

static int apply_create(struct applying *a)
{
	const struct op *op = a->op;
	const bool nameless = op->fields & OP_NAMELESS;
	struct mem_doc *folder, *doc;
	int r = folder_of(a->d, op->parent, &folder);

	if (r == 0 && !nameless)
		r = text_name_check(op->name);
	if (r == 0 && !nameless && mem_name_find(a->d, op->parent, op->name))
		r = -EEXIST;
	if (r == 0 && (op->fields & OP_HAS_ID) && mem_doc_find(a->d, op->id))
		r = -EEXIST;
	if (r < 0)
		return r;
	doc = new_doc(a);
	HASH_ADD(hh, a->d->tree.docs, id, sizeof(doc->id), doc);
	if (nameless) {
		doc->nlink = 0;
		doc->mode |= ITEM_LINKABLE;
		give_item(a, doc);
		return 0;
	}
	mem_name_add(a->d, op->parent, op->name, doc->id);
	folder->nlink += S_ISDIR(doc->mode) ? 1 : 0;
	touch_folder(a, folder);
	give_item(a, doc);
	return 0;
}

static bool is_empty(struct mem_drive *d, int64_t folder)
{
	struct mem_name *n, *next;

	HASH_ITER(hh, d->tree.names, n, next)
		if (n->key.parent == folder)
			return false;
	return true;
}

static int apply_remove(struct applying *a)
{
	const struct op *op = a->op;
	struct mem_name *name = mem_name_find(a->d, op->parent, op->name);
	struct mem_doc *folder, *doc;
	int r = folder_of(a->d, op->parent, &folder);

	if (r < 0)
		return r;
	if (!name)
		return -ENOENT;
	doc = mem_doc_find(a->d, name->child);
	if ((op->fields & OP_HAS_ID) && op->id != doc->id)
		return -ESTALE;
	if (op->kind == OP_UNLINK && S_ISDIR(doc->mode))
		return -EISDIR;
	if (op->kind == OP_RMDIR && !S_ISDIR(doc->mode))
		return -ENOTDIR;
	if (op->kind == OP_RMDIR && !is_empty(a->d, doc->id))
		return -ENOTEMPTY;
	mem_name_drop(a->d, name);
	doc->nlink = op->kind == OP_RMDIR ? 0 : doc->nlink - 1;
	folder->nlink -= op->kind == OP_RMDIR ? 1 : 0;
	touch(a, doc);
	touch_folder(a, folder);
	give_item(a, doc);
	a->ret->has_item = op->kind == OP_UNLINK;
	return 0;
}

static bool lies_in(struct mem_drive *d, int64_t folder, int64_t in)
{
	while (folder != in) {
		struct mem_name *n = mem_any_name(d, folder);

		if (!n)
			return false;
		folder = n->key.parent;
	}
	return true;
}

static int check_replaced(struct applying *a, struct mem_doc *moved, struct mem_doc *there)
{
	if (a->op->fields & OP_NOREPLACE)
		return -EEXIST;
	if (a->op->fields & OP_EXCHANGE)
		return 0;
	if (S_ISDIR(there->mode) && !S_ISDIR(moved->mode))
		return -EISDIR;
	if (!S_ISDIR(there->mode) && S_ISDIR(moved->mode))
		return -ENOTDIR;
	return S_ISDIR(there->mode) && !is_empty(a->d, there->id) ? -ENOTEMPTY : 0;
}

static void count_folders(struct mem_doc *doc, struct mem_doc *from, struct mem_doc *to)
{
	if (doc && S_ISDIR(doc->mode)) {
		from->nlink--;
		to->nlink++;
	}
}

static void put_whiteout(struct applying *a)
{
	const struct op op = {.mode = S_IFCHR, .uid = a->op->uid, .gid = a->op->gid};
	struct applying making = {.d = a->d, .op = &op, .now = a->now, .change = a->change};
	struct mem_doc *doc = new_doc(&making);

	HASH_ADD(hh, a->d->tree.docs, id, sizeof(doc->id), doc);
	mem_name_add(a->d, a->op->parent, a->op->name, doc->id);
}

static void do_rename(struct applying *a, struct mem_name *name, struct mem_name *target, struct mem_doc *folders[2])
{
	const struct op *op = a->op;
	struct mem_doc *moved = mem_doc_find(a->d, name->child);
	struct mem_doc *there = target ? mem_doc_find(a->d, target->child) : NULL;

	count_folders(moved, folders[0], folders[1]);
	if (op->fields & OP_EXCHANGE) {
		assert(there); /* an exchange without a target was refused */
		count_folders(there, folders[1], folders[0]);
		name->child = there->id;
		target->child = moved->id;
		touch(a, there);
	} else {
		if (there) {
			folders[1]->nlink -= S_ISDIR(there->mode) ? 1 : 0;
			there->nlink = S_ISDIR(there->mode) ? 0 : there->nlink - 1;
			touch(a, there);
			mem_name_drop(a->d, target);
		}
		mem_name_drop(a->d, name);
		mem_name_add(a->d, op->new_parent, op->new_name, moved->id);
		if (op->fields & OP_WHITEOUT)
			put_whiteout(a);
	}
	a->ret->replaced = a->change.replaced = there ? there->id : 0;
	touch(a, moved);
	touch_folder(a, folders[0]);
	touch_folder(a, folders[1]);
	give_item(a, moved);
	a->ret->item.parent = op->new_parent;
	a->change.old_parent = op->parent;
	a->change.old_name = op->name;
	a->change.parent = op->new_parent;
	a->change.name = op->new_name;
}

static int apply_rename(struct applying *a)
{
	const struct op *op = a->op;
	struct mem_name *name = mem_name_find(a->d, op->parent, op->name);
	struct mem_name *target = mem_name_find(a->d, op->new_parent, op->new_name);
	struct mem_doc *folders[2], *moved;
	int r = folder_of(a->d, op->parent, &folders[0]);

	if (r == 0)
		r = folder_of(a->d, op->new_parent, &folders[1]);
	if (r == 0)
		r = text_name_check(op->new_name);
	if (r == 0 && (!name || ((op->fields & OP_EXCHANGE) && !target)))
		r = -ENOENT;
	if (r < 0)
		return r;
	moved = mem_doc_find(a->d, name->child);
	if (S_ISDIR(moved->mode) && lies_in(a->d, op->new_parent, moved->id))
		return -EINVAL;
	if (target && target->child == name->child && !(op->fields & OP_NOREPLACE)) {
		a->ret->replaced = moved->id; /* renamed to itself: nothing happens */
		give_item(a, moved);
		return 0;
	}
	r = target ? check_replaced(a, moved, mem_doc_find(a->d, target->child)) : 0;
	if (r < 0)
		return r;
	do_rename(a, name, target, folders);
	return 0;
}

static int apply_link(struct applying *a)
{
	const struct op *op = a->op;
	struct mem_doc *doc = mem_doc_find(a->d, op->id), *folder;
	int r = folder_of(a->d, op->parent, &folder);

	if (r == 0)
		r = text_name_check(op->name);
	if (r == 0 && (!doc || (doc->nlink == 0 && !(doc->mode & ITEM_LINKABLE))))
		r = -ENOENT;
	if (r == 0 && S_ISDIR(doc->mode))
		r = -EPERM;
	if (r == 0 && mem_name_find(a->d, op->parent, op->name))
		r = -EEXIST;
	if (r < 0)
		return r;
	mem_name_add(a->d, op->parent, op->name, doc->id);
	doc->nlink++;
	doc->mode &= ~ITEM_LINKABLE;
	touch(a, doc);
	touch_folder(a, folder);
	give_item(a, doc);
	return 0;
}

/* ---- content and attributes ---- */

static void set_fields(struct applying *a, struct mem_doc *doc)
{
	const struct op *op = a->op;

	touch(a, doc);
	if ((op->fields & OP_DROP_SETID) && S_ISREG(doc->mode))
		doc->mode &= ~(uint32_t)(S_ISUID | (doc->mode & S_IXGRP ? S_ISGID : 0));
	if (op->fields & OP_HAS_MODE)
		doc->mode = (doc->mode & ~07777u) | (op->mode & 07777);
	if (op->fields & OP_HAS_PROTECT)
		doc->mode = (doc->mode & ~ITEM_PROTECTED) | op->protect;
	if (op->fields & OP_HAS_UID)
		doc->uid = op->uid;
	if (op->fields & OP_HAS_GID)
		doc->gid = op->gid;
	if (op->fields & OP_HAS_ATIME)
		doc->atime = op->atime;
	if (op->fields & OP_HAS_MTIME)
		doc->mtime = op->mtime;
	if (op->fields & OP_HAS_CTIME)
		doc->ctime = op->ctime;
	a->change.attributes = true;
}

static void set_size(struct applying *a, struct mem_doc *doc, int64_t size)
{
	if (size < doc->size)
		mem_content_cut(doc, size, INT64_MAX);
	doc->size = size;
	doc->content_seq = a->change.seq;
	a->change.content = true;
}

static int check_extents(struct mem_drive *d, const struct op *op)
{
	for (size_t i = 0; i < op->extent_count; i++) {
		const struct op_extent *e = &op->extents[i];
		struct mem_block *b;

		if (e->kind != OP_EXTENT_BLOCK)
			continue;
		HASH_FIND(hh, d->blocks, e->sha256, sizeof(e->sha256), b);
		if (!b)
			return -ERR_BLOCK_MISSING;
		if (e->from > b->size || e->len > b->size - e->from)
			return -ERR_UNPROCESSABLE;
	}
	return 0;
}

static int64_t put_extents(struct mem_doc *doc, const struct op *op, int64_t base)
{
	int64_t end = 0;

	for (size_t i = 0; i < op->extent_count; i++) {
		const struct op_extent *e = &op->extents[i];
		struct mem_piece piece = {.at = base + e->at,
			.len = e->len,
			.kind = e->kind == OP_EXTENT_BLOCK ? EXTENT_BLOCK : EXTENT_INLINE,
			.from = e->from};

		memcpy(piece.sha256, e->sha256, sizeof(piece.sha256));
		piece.data = (char *)e->data.data;
		if (e->kind == OP_EXTENT_HOLE)
			mem_content_cut(doc, piece.at, piece.at + e->len);
		else if (e->kind == OP_EXTENT_RESERVE)
			mem_content_reserve(doc, piece.at, piece.at + e->len);
		else if (e->len > 0)
			mem_content_put(doc, &piece);
		if (piece.at + e->len > end && !(op->fields & OP_KEEP_SIZE))
			end = piece.at + e->len;
	}
	return end;
}

static int apply_write(struct applying *a)
{
	const struct op *op = a->op;
	struct mem_doc *doc = mem_doc_find(a->d, op->id);
	int64_t end;
	int r;

	if (!doc)
		return -ENOENT;
	if (!S_ISREG(doc->mode))
		return S_ISDIR(doc->mode) ? -EISDIR : -EINVAL;
	if ((op->fields & OP_IF_MATCH) && op->if_content_seq != doc->content_seq)
		return -ERR_PRECONDITION;
	r = check_extents(a->d, op);
	if (r < 0)
		return r;
	if (op->fields & OP_REPLACE)
		set_size(a, doc, 0);
	if (op->fields & OP_APPEND)
		a->ret->value = doc->size;
	end = put_extents(doc, op, a->ret->value);
	doc->mtime = a->now;
	set_fields(a, doc);
	if (end > doc->size)
		doc->size = end; /* first, as a smaller final size cuts what this op put there */
	set_size(a, doc, op->fields & OP_HAS_SIZE ? op->size : doc->size);
	give_item(a, doc);
	return 0;
}

static int apply_setattr(struct applying *a)
{
	struct mem_doc *doc = mem_doc_find(a->d, a->op->id);

	if (!doc)
		return -ENOENT;
	if ((a->op->fields & OP_HAS_SIZE) && !S_ISREG(doc->mode))
		return S_ISDIR(doc->mode) ? -EISDIR : -EINVAL;
	if (a->op->fields & OP_HAS_SIZE) {
		doc->mtime = a->now;
		set_size(a, doc, a->op->size);
	}
	set_fields(a, doc);
	give_item(a, doc);
	return 0;
}

static int apply_clone(struct applying *a)
{
	const struct op *op = a->op;
	struct mem_doc *from = mem_doc_find(a->d, op->id), *to = mem_doc_find(a->d, op->to), source;
	struct mem_piece *p;
	int64_t len = op->len;

	if (!from || !to)
		return -ENOENT;
	if (len > from->size - op->from)
		len = from->size > op->from ? from->size - op->from : 0;
	source = *from;
	mem_content_copy(from, &source);
	mem_content_cut(&source, INT64_MIN, op->from);
	mem_content_cut(&source, op->from + len, INT64_MAX);
	mem_content_cut(to, op->at, op->at + len);
	DL_FOREACH(source.pieces, p) {
		p->at += op->at - op->from;
		if (p->kind != EXTENT_RESERVED)
			mem_content_put(to, p);
	}
	mem_content_free(&source);
	to->mtime = op->fields & OP_HAS_MTIME ? op->mtime : a->now;
	touch(a, to);
	set_size(a, to, op->at + len > to->size ? op->at + len : to->size);
	give_item(a, to);
	a->ret->value = len;
	return 0;
}

/* ---- extended attributes ---- */

static int apply_xattr(struct applying *a)
{
	const struct op *op = a->op;
	struct mem_doc *doc = mem_doc_find(a->d, op->id);
	struct mem_xattr *x;

	if (!doc)
		return -ENOENT;
	LL_FOREACH(doc->xattrs, x)
		if (span_eq(span_of(x->name, x->name_size), op->name))
			break;
	if (!x && (op->kind == OP_REMOVEXATTR || (op->fields & OP_XATTR_REPLACE)))
		return -ENODATA;
	if (x && op->kind == OP_SETXATTR && (op->fields & OP_XATTR_CREATE))
		return -EEXIST;
	if (x) {
		LL_DELETE(doc->xattrs, x);
		free(x->name);
		free(x->value);
		free(x);
	}
	if (op->kind == OP_SETXATTR) {
		x = calloc(1, sizeof(*x));
		if (!x)
			abort();
		x->name = strndup(op->name.data, op->name.size);
		x->name_size = op->name.size;
		x->value = malloc(op->target.size + 1);
		if (!x->value)
			abort();
		memcpy(x->value, op->target.size > 0 ? op->target.data : "", op->target.size);
		x->value_size = op->target.size;
		LL_PREPEND(doc->xattrs, x);
	}
	touch(a, doc);
	a->change.xattrs = true;
	give_item(a, doc);
	return 0;
}

/* ---- any op ---- */

static int dispatch(struct applying *a)
{
	switch (a->op->kind) {
	case OP_CREATE:
		return apply_create(a);
	case OP_WRITE:
		return apply_write(a);
	case OP_SETATTR:
		return apply_setattr(a);
	case OP_UNLINK:
	case OP_RMDIR:
		return apply_remove(a);
	case OP_RENAME:
		return apply_rename(a);
	case OP_LINK:
		return apply_link(a);
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
		return apply_xattr(a);
	case OP_CLONE:
		return apply_clone(a);
	default:
		return -EINVAL;
	}
}

static void write_journal(struct applying *a, const void *author)
{
	struct mem_drive *d = a->d;
	struct mem_change *c;

	if ((size_t)d->seq == d->journal_capacity) {
		d->journal_capacity = d->journal_capacity * 2 + 64;
		d->journal = realloc(d->journal, d->journal_capacity * sizeof(*d->journal));
		if (!d->journal)
			abort();
	}
	c = &d->journal[d->seq++];
	memset(c, 0, sizeof(*c));
	c->change = a->change;
	c->author = author;
	if (a->change.name.size > 0)
		memcpy(c->name, a->change.name.data, a->change.name.size);
	if (a->change.old_name.size > 0)
		memcpy(c->old_name, a->change.old_name.data, a->change.old_name.size);
}

int mem_op_apply(struct mem_drive *d, const struct op *op, const void *author, struct op_result *ret)
{
	struct applying a = {.d = d, .op = op, .now = clock_real_ns(), .ret = ret};
	bool names = op->kind == OP_CREATE || op->kind == OP_UNLINK || op->kind == OP_RMDIR || op->kind == OP_LINK;
	int r;

	a.change.seq = d->seq + 1;
	a.change.op = op->kind;
	if (names) {
		a.change.parent = op->parent;
		a.change.name = op->name;
	}
	r = dispatch(&a);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ret->dir_count; i++)
		mem_item(mem_doc_find(d, ret->dirs[i].id), mem_any_name(d, ret->dirs[i].id), &ret->dirs[i]);
	write_journal(&a, author);
	return 0;
}
