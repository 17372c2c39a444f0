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

/* The file has nothing but content. */
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
	return f && f->state == FILE_REFUSED;
}

bool file_takes_more(const struct file *f)
{
	return !f || f->state == FILE_CLEAN || f->state == FILE_DIRTY;
}

#define FILE_NEVER FILE_STATES

/* The next state for each event in each state, and why. */
static const struct move {
	enum file_state to[FILE_STATES]; /* FILE_NEVER: it cannot happen there */
	int failures;			 /* 1: one more failure in a row; -1: the count is reset; 0: no change */
	bool data_next;			 /* waiters for the data no longer take precedence for having waited longer */
	const char *why;
} moves[FILE_EVENTS] = {
	[FILE_WRITTEN] = {{FILE_DIRTY, FILE_DIRTY, FILE_NEVER, FILE_NEVER}, 0, false,
		"behind data with a fate of its own a write is a job"},
	[FILE_STORED] = {{FILE_NEVER, FILE_DIRTY, FILE_DIRTY, FILE_DIRTY}, -1, false,
		"only what was flushing is stored: more may have been written since"},
	[FILE_FAILED] = {{FILE_NEVER, FILE_DIRTY, FILE_DIRTY, FILE_DIRTY}, 1, true,
		"the way failed, not the content: nothing has to be kept apart"},
	[FILE_REJECTED] = {{FILE_NEVER, FILE_REFUSED, FILE_REFUSED, FILE_REFUSED}, 1, true,
		"jobs do not wait for what may never be stored"},
	[FILE_SPLIT] = {{FILE_NEVER, FILE_SEPARATE, FILE_NEVER, FILE_NEVER}, 0, true,
		"data and a job share a round only while it is FILE_DIRTY"},
	[FILE_EMPTIED] = {{FILE_CLEAN, FILE_CLEAN, FILE_CLEAN, FILE_CLEAN}, -1, true, "there is nothing to keep apart"},
};

void file_moves(struct file *f, enum file_event event)
{
	const struct move *move = &moves[event];

	assert(move->to[f->state] != FILE_NEVER);
	assert(event != FILE_EMPTIED || !file_is_dirty(f));
	f->state = move->to[f->state];
	if (move->failures > 0)
		f->failures++;
	else if (move->failures < 0)
		f->failures = 0;
	if (move->data_next)
		f->jobs_went = false;
}

bool file_count_dirty(struct file_sums *sums, struct file *f, uint64_t waiting)
{
	uint64_t before = f->counted;

	assert(sums->bytes >= f->counted && sums->stuck >= f->stuck);
	sums->bytes -= f->counted;
	sums->stuck -= f->stuck;
	f->counted = f->dirty.bytes + f->flushing.bytes;
	f->stuck = file_is_refused(f) ? f->counted : 0;
	f->counted += waiting;
	sums->bytes += f->counted;
	sums->stuck += f->stuck;
	return f->counted < before || f->stuck > 0;
}

void file_check(const struct file *f)
{
	const bool has_work = file_is_dirty(f) || f->jobs || f->round;

	assert((f->state == FILE_CLEAN) == !file_is_dirty(f));
	assert(f->dirty.count > 0 || !f->waits);
	assert(f->flushing.count > 0 || !f->flushing_waits);
	assert(f->flushing.count == 0 || f->round);
	assert(f->due_listed == has_work);
	assert(f->counted >= f->stuck);
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
	/* Without memory for the move, the bytes are shown in the wrong place until they are stored. */
	return to != f->dirty.tail && dirty_move_tail(&f->dirty, to) == 0;
}

void file_is_elsewhere(struct inode *inode)
{
	inode->pages_seq = 0;
	inode->file->elsewhere = true;
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
