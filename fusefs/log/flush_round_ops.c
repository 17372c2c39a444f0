#include "fusefs/log/flush_internal.h"

#include <assert.h>
#include <string.h>

/*
 * Turns the content and the job of a round into a group of at most three ops, in this order: a write of the data that
 * has a fixed place; an append of the data that was written to the end; and the job, unless the write itself can
 * express it (a chmod or a truncate behind data is a field of the write). Where there is no job, the third op may set
 * the time of change to the value that a program was shown.
 *
 * A piece of content is in the op itself or in a block that was uploaded before. One piece may hold both bytes with a
 * fixed place and appended ones: then it makes two extents.
 */

static void fill_extent(const struct dirty_piece *p, int64_t from, int64_t to, struct op_extent *e)
{
	const size_t skip = (size_t)(from - p->at);

	*e = (struct op_extent){.at = from, .len = to - from, .kind = OP_EXTENT_DATA};
	if (p->tag) {
		e->kind = OP_EXTENT_BLOCK;
		e->from = (uint32_t)(p->tag_from + skip);
		memcpy(e->sha256, upload_of(p->tag)->sha256, sizeof(e->sha256));
	} else {
		e->data = span_of(p->bytes->data + p->from + skip, (size_t)(to - from));
	}
}

/* Fills in the appended data, with positions counted from its first byte; or the rest. A piece may hold both. */
static size_t fill_extents(const struct dirty *d, bool appended, struct op_extent *extents)
{
	size_t count = 0;

	for (size_t i = 0; i < d->count; i++) {
		const struct dirty_piece *p = d->list[i];
		int64_t from = p->at, to = p->at + (int64_t)p->len;

		if (appended && from < d->tail)
			from = d->tail;
		if (!appended && to > d->tail)
			to = d->tail;
		if (from >= to)
			continue;
		fill_extent(p, from, to, &extents[count]);
		extents[count].at -= appended ? d->tail : 0;
		count++;
	}
	return count;
}

#define MERGEABLE (OP_HAS_MODE | OP_HAS_UID | OP_HAS_GID | OP_HAS_SIZE | OP_HAS_ATIME | OP_HAS_MTIME | OP_DROP_SETID)

/* A time of change that was shown to a program stays: that of the data, or that of a later link, rename or xattr
 * change. */
static struct op set_ctime(const struct round *r)
{
	const struct inode *inode = r->file->inode;

	return (struct op){.kind = OP_SETATTR,
		.fields = OP_HAS_CTIME,
		.id = inode->id,
		.ctime = r->mtime > inode->attr.ctime ? r->mtime : inode->attr.ctime};
}

/* First data with a fixed place, then appended data: after an append, that place might no longer be the assumed
 * one. */
static void fill_writes(struct round *r, struct op *ops, struct op_extent *extents)
{
	const struct dirty *content = flush_round_content(r);
	struct file *f = r->file;
	size_t used = 0;

	r->writes = 0;
	r->drop_setid = content->count > 0 && f->drop_setid;
	for (int appended = 0; appended < 2; appended++) {
		struct op *write = &ops[r->writes];

		*write = (struct op){.kind = OP_WRITE,
			.fields = OP_HAS_MTIME | (r->drop_setid ? OP_DROP_SETID : 0u) | (appended ? OP_APPEND : 0u),
			.id = f->inode->id,
			.mtime = r->mtime,
			.extents = extents + used};
		write->extent_count = fill_extents(content, appended, write->extents);
		used += write->extent_count;
		r->writes += write->extent_count > 0;
	}
}

/* Makes the job a part of the write before it. False: that is not possible. */
static bool merge(struct op *write, const struct op *extra)
{
	if (extra->kind != OP_SETATTR || (extra->fields & ~MERGEABLE) != 0)
		return false;
	/* An append cannot say how long the file is afterwards. */
	if ((write->fields & OP_APPEND) && (extra->fields & OP_HAS_SIZE))
		return false;
	if (extra->fields & OP_HAS_MTIME)
		write->mtime = extra->mtime;
	write->fields |= extra->fields;
	write->mode = extra->mode;
	write->uid = extra->uid;
	write->gid = extra->gid;
	write->size = extra->size;
	write->atime = extra->atime;
	return true;
}

size_t flush_round_ops(struct round *r, struct op *ops, struct op_extent *extents)
{
	struct file *f = r->file;
	const struct op *extra = r->job && !job_is_write(r->job) ? &r->job->op : NULL;

	fill_writes(r, ops, extents);
	assert(r->writes > 0 || extra); /* a round has at least one of them */
	r->merged = r->writes > 0 && extra && merge(&ops[r->writes - 1], extra);
	if (r->with_data)
		r->assumed = f->flushing.tail;
	r->sets_ctime = !extra && f->ctime_shown && r->with_data;
	if (r->sets_ctime)
		ops[r->writes] = set_ctime(r);
	else if (extra && !r->merged)
		ops[r->writes] = *extra;
	return r->writes + (r->sets_ctime || (extra && !r->merged));
}
