/*
 * The invariants of a drive after any operation. Tests of the rules end with docs_mem_check: it walks through
 * all rows of the drive and compares the counters with the rows.
 *
 * For each document: it has as many entries as its link count says, one of them has the name that its row says,
 * a folder has as many children as it counts, and everything that has a name can be reached from the root. For
 * each file: extents lie within its size and do not overlap, their number is the one it counts, and their sum is
 * what it counts as allocated and what the owner is charged for. For the drive: its usage, documents and extents
 * are the sums of these, and nothing is newer than its own position.
 *
 * Each violation is printed with the number of the document, and the check goes on: one mistake in a rule mostly
 * violates several invariants, which together show what it was. The check is quadratic, which is fine for the
 * drives of tests.
 */
#include "backend/docs/rows/docs_mem_internal.h"

#include "common/proto/acl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct check {
	struct docs_mem *m;
	uint32_t drive;
	int error;
};

static void must(struct check *c, bool holds, const char *what, int64_t id)
{
	if (holds)
		return;
	(void)fprintf(stderr, "drive %u: document %lld: %s\n", c->drive, (long long)ITEM_NUMBER(id), what);
	c->error = -EIO;
}

static void check_links(struct check *c, const struct tree_node *node)
{
	const struct item *item = &node->item;
	int64_t links = 0, children = 0, folders = 0;
	bool named = false;

	MEM_EACH(struct mem_entry, e, &c->m->entries)
	{
		const struct tree_node *child = docs_mem_node(c->m, e->child);

		links += e->child == item->id;
		named = named || (e->child == item->id && e->parent == item->parent && span_eq(e->name, item->name));
		if (e->parent != item->id)
			continue;
		children++;
		must(c, child != NULL, "has an entry that leads nowhere", item->id);
		folders += child && S_ISDIR(child->item.mode);
	}
	must(c, node->children == children, "counts its children wrong", item->id);
	if (item->id == ITEM_ROOT(c->drive)) {
		must(c, links == 0 && item->parent == item->id && item->nlink == 2 + folders, "is no good root",
			item->id);
		return;
	}
	must(c, named || node->orphan, "says a name that it does not have", item->id);
	if (S_ISDIR(item->mode))
		must(c, links == 1 && item->nlink == 2 + folders && !node->orphan, "is a folder with wrong links",
			item->id);
	else
		must(c, links == item->nlink && children == 0 && node->orphan == (links == 0), "has wrong links",
			item->id);
}

static void check_content(struct check *c, const struct tree_node *node)
{
	const struct item *item = &node->item;
	int64_t bytes = 0, extents = 0;

	MEM_EACH(struct mem_extent, x, &c->m->extents)
	{
		const struct tree_extent *e = &x->extent;

		if (e->node != item->id)
			continue;
		bytes += e->len;
		extents++;
		must(c, e->len > 0 && e->at >= 0 && (e->kind == EXTENT_RESERVED || e->at + e->len <= item->size),
			"has an extent beyond its end", item->id);
		if (e->kind == EXTENT_INLINE)
			must(c, e->len <= INLINE_BYTES_MAX && e->data.size == (size_t)e->len, "has a bad inline piece",
				item->id);
		else if (e->kind == EXTENT_BLOCK)
			must(c, e->from + e->len <= e->block_size, "leaves a block", item->id);
		MEM_EACH(struct mem_extent, y, &c->m->extents)
		{
			const struct tree_extent *f = &y->extent;

			must(c, e == f || f->node != e->node || f->at >= e->at + e->len || f->at + f->len <= e->at,
				"has extents that overlap", item->id);
		}
	}
	must(c, item->allocated == bytes, "counts its bytes wrong", item->id);
	must(c, node->extents == extents, "counts its extents wrong", item->id);
	bytes += (int64_t)item->target.size;
	MEM_EACH(struct mem_xattr, a, &c->m->xattrs)
	if (a->node == item->id)
		bytes += (int64_t)(a->name.size + a->value.size);
	must(c, node->charged >= 0 && node->charged <= bytes, "is charged too much", item->id);
	must(c, node->orphan || node->charged == bytes, "is not charged for what it has", item->id);
}

static void check_reach(struct check *c, const struct tree_node *node)
{
	size_t steps = 0;

	while (node && node->item.parent != node->item.id && steps++ <= c->m->nodes.count)
		node = docs_mem_node(c->m, node->item.parent);
	must(c, node && node->item.id == ITEM_ROOT(c->drive), "cannot be reached from the root",
		node ? node->item.id : 0);
}

/* The bit that says whether there are xattrs is right, and the mode agrees with the ACL. */
static void check_xattrs(struct check *c, const struct item *item)
{
	bool any = false, is_default;
	struct acl acl;

	MEM_EACH(struct mem_xattr, a, &c->m->xattrs)
	{
		if (a->node != item->id)
			continue;
		any = true;
		if (!acl_is_name(a->name, &is_default))
			continue;
		must(c, acl_parse(a->value, &acl) == 0 && acl.count > 0, "has an ACL that is none", item->id);
		must(c, !is_default || S_ISDIR(item->mode), "is no folder and has a default ACL", item->id);
		must(c, is_default || (acl_mode(&acl) == (item->mode & 0777) && !acl_is_mode(&acl)),
			"has another mode than its ACL", item->id);
	}
	must(c, any != item->bare, any ? "is bare and has xattrs" : "is not bare and has none", item->id);
}

int docs_mem_check(struct docs_mem *m, uint32_t drive)
{
	struct check c = {.m = m, .drive = drive};
	int64_t used = 0, documents = 0, extents = 0;

	(void)pthread_mutex_lock(&m->mutex);
	MEM_EACH(struct mem_node, n, &m->nodes)
	{
		if (ITEM_DRIVE(n->node.item.id) != drive)
			continue;
		used += n->node.charged;
		documents += S_ISDIR(n->node.item.mode) || n->node.item.nlink == 0 ? 1 : n->node.item.nlink;
		extents += n->node.extents > 1 ? n->node.extents - 1 : 0;
		check_links(&c, &n->node);
		check_content(&c, &n->node);
		check_xattrs(&c, &n->node.item);
		if (!n->node.orphan)
			check_reach(&c, &n->node);
		must(&c, n->node.item.seq <= docs_mem_drive(m, drive)->row.seq, "is ahead of its drive",
			n->node.item.id);
		must(&c, n->node.item.content_seq <= n->node.item.seq, "has content newer than itself",
			n->node.item.id);
	}
	MEM_EACH(struct mem_extent, x, &m->extents)
	must(&c, docs_mem_node(m, x->extent.node) != NULL, "is gone and has an extent", x->extent.node);
	MEM_EACH(struct mem_xattr, a, &m->xattrs)
	must(&c, docs_mem_node(m, a->node) != NULL, "is gone and has an xattr", a->node);
	must(&c, used == docs_mem_drive(m, drive)->row.used, "usage is wrong", 0);
	must(&c, documents == docs_mem_drive(m, drive)->row.documents, "counts its documents wrong", documents);
	must(&c, extents == docs_mem_drive(m, drive)->row.extents, "counts its extents wrong", extents);
	(void)pthread_mutex_unlock(&m->mutex);
	return c.error;
}
