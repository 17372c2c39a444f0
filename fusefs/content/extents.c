#include "fusefs/content/extents.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

/* -- snapshots -- */

void snapshot_unref(struct snapshot *s)
{
	if (!s || --s->refs > 0)
		return;
	content_fini(&s->content);
	free(s);
}

bool snapshot_add(struct snapshot *s, const struct snapshot *more)
{
	if (s->content_seq != more->content_seq)
		return false;
	for (size_t i = 0; i < more->content.count; i++)
		if (content_own_part(&s->content, more->content.list[i]) < 0)
			return false;
	return true;
}

static struct snapshot *snapshot_new(const struct store_extents *page, int64_t from, int64_t to)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->refs = 1;
	s->size = page->size;
	s->content_seq = page->content_seq;
	content_init(&s->content);
	if (content_learn(&s->content, page, from, to) == 0)
		return s;
	snapshot_unref(s);
	return NULL;
}

/* -- questions -- */

/* Extents that are on their way. */
struct asking {
	struct asking *prev, *next;
	struct fs *fs;
	struct inode *inode; /* with a reference */
	int64_t from, to;
	struct fill_wait *waits;
};

static void on_extents(void *cookie, int error, const struct store_extents *page);

static void send(struct asking *a)
{
	struct fs *fs = a->fs;

	fs->calls++;
	(void)fs->store->ops->extents(fs->store, a->inode->id, a->from, a->to - a->from, on_extents, a);
}

static void learn(struct asking *a, const struct store_extents *page)
{
	struct fs *fs = a->fs;
	struct inode *inode = a->inode;
	struct file *f = inode->file;

	if (!recent_document_stands(&fs->recent, page->at.seq, inode->id))
		return; /* changed since: not kept */
	if (inode_stands(inode) && page->content_seq != inode->attr.content_seq) {
		if (page->at.seq < inode->seen)
			return;
		inode->epoch = 0; /* the attributes are older than these extents */
	}
	if (content_learn(&f->content, page, a->from, a->to) < 0)
		content_drop(&f->content);
	file_count_content(fs, f);
}

static void on_extents(void *cookie, int error, const struct store_extents *page)
{
	struct asking *a = cookie;
	struct fs *fs = a->fs;
	struct fill_wait *served;
	struct file *f;
	bool again;

	fs_lock(fs);
	fs->calls--;
	f = a->inode->file;
	if (error == -ENOENT)
		error = -ESTALE; /* it was asked for by its number: it is gone for good */
	if (error == 0) {
		fs_saw(fs, page->at);
		learn(a, page);
	}
	served = fill_waits_served(&a->waits, error, error == 0 ? page->at.seq : 0);
	again = a->waits != NULL;
	if (again)
		send(a); /* for those who came too late for this one */
	else
		DL_DELETE(f->askings, a);
	f->offer = served && error == 0 ? snapshot_new(page, a->from, a->to) : NULL;
	fill_waits_fire(served, error);
	snapshot_unref(f->offer);
	f->offer = NULL;
	if (!again) {
		inode_unref(a->inode);
		free(a);
	}
	fs_unlock(fs);
}

struct snapshot *extents_offer(const struct file *f)
{
	if (f->offer)
		f->offer->refs++;
	return f->offer;
}

int extents_ask(struct fs *fs, struct inode *inode, int64_t at, void (*ready)(void *cookie, int error), void *cookie)
{
	const struct fill_wish wish = fill_wish_now(&fs->view, fs->now_ns);
	struct file *f = inode->file;
	struct asking *a;
	int error;

	DL_FOREACH(f->askings, a) {
		if (a->from <= at && at < a->to)
			return ready ? fill_wait_add(&a->waits, &wish, false, ready, cookie) : 0;
	}
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	error = ready ? fill_wait_add(&a->waits, &wish, true, ready, cookie) : 0;
	if (error < 0) {
		free(a);
		return error;
	}
	a->fs = fs;
	a->inode = inode_ref(inode);
	a->from = at;
	a->to = at + EXTENTS_BYTES;
	DL_APPEND(f->askings, a);
	send(a);
	return 0;
}
