#include "fusefs/content/file.h"

#include "fusefs/ops/fs_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

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

void file_free(struct fs *fs, struct file *f)
{
	if (!f)
		return;
	assert(!f->round && !f->jobs && !f->waits && !f->flushing_waits && !f->askings && !f->due_listed);
	assert(f->counted == 0);
	file_drop_content(fs, f);
	content_fini(&f->content);
	dirty_fini(&f->dirty);
	dirty_fini(&f->flushing);
	free(f);
}

/* Nothing but content hangs on it. */
static bool is_idle(const struct file *f)
{
	return f->inode->opens == 0 && !f->round && !f->jobs && !f->waits && !f->flushing_waits && !f->askings &&
		!f->due_listed && f->counted == 0 && !file_is_dirty(f);
}

static void drop_idle(struct fs *fs, struct file *f)
{
	if (!is_idle(f))
		return;
	f->inode->file = NULL;
	file_free(fs, f);
}

void file_let_go(struct fs *fs, struct file *f)
{
	file_drop_content(fs, f);
	drop_idle(fs, f);
}

void file_closed(struct fs *fs, struct file *f)
{
	if (f && f->content_counted == 0)
		drop_idle(fs, f);
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

static void unlist(struct fs *fs, struct file *f)
{
	if (f->content_counted == 0)
		return;
	DL_DELETE(fs->files, f);
	fs->content_bytes -= f->content_counted;
	f->content_counted = 0;
}

void file_drop_content(struct fs *fs, struct file *f)
{
	if (!f)
		return;
	unlist(fs, f);
	content_drop(&f->content);
}

void file_count_content(struct fs *fs, struct file *f)
{
	unlist(fs, f);
	f->content_counted = content_memory(&f->content);
	if (f->content_counted == 0)
		return;
	f->content_counted += sizeof(*f);
	DL_PREPEND(fs->files, f);
	fs->content_bytes += f->content_counted;
}
