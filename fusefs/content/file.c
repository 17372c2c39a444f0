#include "fusefs/content/file.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

struct file *file_get(struct inode *inode)
{
	struct file *f = inode->file;

	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->inode = inode;
	content_init(&f->content);
	dirty_init(&f->dirty);
	dirty_init(&f->flushing);
	inode->file = f;
	return f;
}

void file_free(struct core *core, struct file *f)
{
	if (!f)
		return;
	assert(!f->round && !f->jobs && !f->waits && !f->flushing_waits && !f->queries && !f->due_listed);
	assert(f->counted == 0);
	file_drop_content(core, f);
	content_fini(&f->content);
	dirty_fini(&f->dirty);
	dirty_fini(&f->flushing);
	free(f);
}

/* Nothing but content hangs on it. */
static bool is_idle(const struct file *f)
{
	return f->inode->opens == 0 && !f->round && !f->jobs && !f->waits && !f->flushing_waits && !f->queries &&
		!f->due_listed && f->counted == 0 && !file_is_dirty(f);
}

static void drop_idle(struct core *core, struct file *f)
{
	if (!is_idle(f))
		return;
	f->inode->file = NULL;
	file_free(core, f);
}

void file_let_go(struct core *core, struct file *f)
{
	file_drop_content(core, f);
	drop_idle(core, f);
}

void file_closed(struct core *core, struct file *f)
{
	if (f && f->kept.bytes == 0)
		drop_idle(core, f);
}

bool file_is_dirty(const struct file *f)
{
	return f && (f->dirty.count > 0 || f->flushing.count > 0);
}

bool file_is_refused(const struct file *f)
{
	return f && f->way == FILE_REFUSED;
}

static int64_t max_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t file_size(const struct inode *inode)
{
	const struct file *f = inode->file;

	if (!f)
		return inode->attr.size;
	return max_of(inode->attr.size, max_of(dirty_end(&f->dirty), dirty_end(&f->flushing)));
}

bool file_place_tail(struct inode *inode)
{
	struct file *f = inode->file;
	int64_t to;

	if (!f || f->dirty.tail == DIRTY_NO_TAIL)
		return false;
	to = max_of(inode->attr.size, max_of(dirty_rest_end(&f->dirty), dirty_end(&f->flushing)));
	/* Without memory it is shown in the wrong place until it is stored. */
	return to != f->dirty.tail && dirty_move_tail(&f->dirty, to) == 0;
}

void file_drop_content(struct core *core, struct file *f)
{
	if (!f)
		return;
	kept_count(&core->kept, KEPT_CONTENT, &f->kept, 0);
	content_drop(&f->content);
}

void file_count_content(struct core *core, struct file *f)
{
	size_t bytes = content_memory(&f->content);

	kept_count(&core->kept, KEPT_CONTENT, &f->kept, bytes > 0 ? bytes + sizeof(*f) : 0);
}

void file_learn_inline(struct core *core, struct inode *inode, const struct item *item, int64_t seen)
{
	struct file *f;

	if (!item->has_inline || !S_ISREG(item->mode) || file_is_dirty(inode->file) ||
		(int64_t)item->inline_data.size != item->size)
		return;
	f = file_get(inode);
	if (!f || (f->content.any && f->content.content_seq == item->content_seq))
		return;
	if (content_learn_inline(&f->content, item->content_seq, seen, item->inline_data) < 0)
		content_drop(&f->content);
	file_count_content(core, f);
}

void file_give(struct core *core)
{
	struct kept_item *item = kept_oldest(&core->kept, KEPT_CONTENT);

	if (item)
		file_let_go(core, (struct file *)((char *)item - offsetof(struct file, kept)));
}
