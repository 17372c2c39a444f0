#include "fusefs/log/flush_internal.h"

#include <errno.h>

/* What is known of the source's content, in the copied range, is now known of the target's. */
static void learn_copied(struct core *core, struct file *f, const struct op *op, int64_t copied)
{
	struct inode *source = inodes_find(&core->inodes, op->id);
	int64_t at = op->from, end = op->from + copied, until;

	if (!source || !inode_valid(source) || !source->file || source->file == f ||
		source->file->content.content_seq != source->attr.content_seq)
		return;
	while (at < end) {
		const struct segment *known = content_at(&source->file->content, at, &until);
		struct segment s;

		if (!known)
			return;
		s = *known;
		s.from += (uint32_t)(s.kind == SEGMENT_HOLE ? 0 : at - known->at);
		s.at = at - op->from + op->at;
		s.len = known->at + known->len < end ? known->at + known->len - at : end - at;
		if (content_own_part(&f->content, &s) < 0)
			return;
		at += s.len;
	}
}

/* Removes the bytes that the op changed from the cached content. */
static void forget(
	struct core *core, struct file *f, const struct op_result *result, int64_t before, const struct op *op)
{
	const struct item *item = &result->item;
	int64_t copied = result->value;

	content_own(&f->content, before, item->content_seq, item->seq);
	switch (op->kind) {
	case OP_SETATTR:
		content_truncate(&f->content, op->size);
		break;
	case OP_WRITE:
		if (op->extents[0].kind == OP_EXTENT_HOLE)
			content_forget(&f->content, op->extents[0].at, op->extents[0].at + op->extents[0].len);
		break;
	default:
		content_forget(&f->content, op->at, op->at + op->len);
		learn_copied(core, f, op, copied);
		break;
	}
	file_count_content(core, f);
}

void job_hides_dirty(struct job *job, const struct op_result *result)
{
	struct file *f = job->inode->file;
	const struct op *op = &job->op;

	if (file_takes_more(f))
		return; /* the dirty data was stored before the job, or was written after it */
	if (job_is_append(job))
		return; /* the job appended behind all other data */
	if (job_is_write(job))
		(void)dirty_cut(&f->dirty, op->at, op->at + (int64_t)job->bytes->used);
	else if (op->kind == OP_SETATTR && (op->fields & OP_HAS_SIZE))
		(void)dirty_cut(&f->dirty, op->size, INT64_MAX);
	else if (op->kind == OP_WRITE && op->extents[0].kind == OP_EXTENT_HOLE)
		(void)dirty_cut(&f->dirty, op->extents[0].at, op->extents[0].at + op->extents[0].len);
	else if (op->kind == OP_CLONE)
		(void)dirty_cut(&f->dirty, op->at, op->at + result->value);
}

void job_apply(struct core *core, struct job *job, int64_t before, const struct op_result *result)
{
	struct inode *inode = job->inode;
	const struct op *op = &job->op;

	if (!result->has_item || (op->kind == OP_SETATTR && !(op->fields & OP_HAS_SIZE)))
		return;
	forget(core, inode->file, result, before, op);
	if (inode->pages_seq == before)
		inode->pages_seq = result->item.content_seq;
}

void job_over(struct job *job, int error, const struct op_result *result)
{
	job->done(job->cookie, error, result);
	bytes_unref(job->bytes);
	inode_unref(job->inode);
	free(job);
}
