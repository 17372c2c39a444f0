#include "fusefs/content/extents.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

/* -- snapshots -- */

void extents_snapshot_unref(struct extents_snapshot *s)
{
	if (!s)
		return;
	assert(s->refs > 0);
	if (--s->refs > 0)
		return;
	content_fini(&s->content);
	free(s);
}

bool extents_snapshot_add(struct extents_snapshot *s, const struct extents_snapshot *more)
{
	if (s->content_seq != more->content_seq)
		return false;
	for (size_t i = 0; i < more->content.count; i++)
		if (content_own_part(&s->content, more->content.list[i]) < 0)
			return false;
	return true;
}

static struct extents_snapshot *snapshot_new(const struct store_extents *page, int64_t from, int64_t to)
{
	struct extents_snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->refs = 1;
	s->size = page->size;
	s->content_seq = page->content_seq;
	content_init(&s->content);
	if (content_learn(&s->content, page, from, to) == 0)
		return s;
	extents_snapshot_unref(s);
	return NULL;
}

/* -- requests -- */

/* A request for extents that is in flight. */
struct extents_query {
	struct extents_query *prev, *next;
	struct core *core;
	struct inode *inode; /* with a reference */
	int64_t from, to;
	struct fill_wait *waits;
};

static void on_extents(void *cookie, int error, const struct store_extents *page);

static void send(struct extents_query *a)
{
	struct core *core = a->core;

	core_call_begins(core);
	(void)core->store->ops->extents(core->store, a->inode->id, a->from, a->to - a->from, on_extents, a);
}

static void learn(struct extents_query *a, const struct store_extents *page)
{
	struct core *core = a->core;
	struct inode *inode = a->inode;
	struct file *f = inode->file;

	if (!recent_document_stands(&core->recent, page->at.seq, inode->id))
		return; /* the document changed since: the answer is not kept */
	if (inode_stands(inode) && page->content_seq != inode->attr.content_seq) {
		if (page->at.seq < inode->seen)
			return;
		inode->epoch = 0; /* the attributes are older than these extents */
	}
	if (content_learn(&f->content, page, a->from, a->to) < 0)
		content_drop(&f->content);
	file_count_content(core, f);
}

static void on_extents(void *cookie, int error, const struct store_extents *page)
{
	struct extents_query *a = cookie;
	struct core *core = a->core;
	struct fill_wait *served;
	struct file *f;
	bool again;

	core_lock(core);
	core_call_over(core);
	f = a->inode->file;
	assert(f && !f->offer);
	if (error == -ENOENT)
		error = -ESTALE; /* the request named the document by its number: so the document is gone for good */
	if (error == 0) {
		core_saw(core, page->at);
		learn(a, page);
	}
	served = fill_waits_served(&a->waits, error, error == 0 ? page->at.seq : 0);
	again = a->waits != NULL;
	if (again)
		send(a); /* for waiters that came too late for this answer */
	else
		DL_DELETE(f->queries, a);
	f->offer = served && error == 0 ? snapshot_new(page, a->from, a->to) : NULL;
	fill_waits_fire(served, error);
	extents_snapshot_unref(f->offer);
	f->offer = NULL;
	if (!again) {
		inode_unref(a->inode);
		free(a);
	}
	core_unlock(core);
}

struct extents_snapshot *extents_offer(const struct file *f)
{
	if (f->offer)
		f->offer->refs++;
	return f->offer;
}

int extents_ask(
	struct core *core, struct inode *inode, int64_t at, void (*ready)(void *cookie, int error), void *cookie)
{
	const struct fill_wish wish = fill_wish_now(&core->view, core->now_ns);
	struct file *f = inode->file;
	struct extents_query *a;
	int error;

	DL_FOREACH(f->queries, a) {
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
	a->core = core;
	a->inode = inode_ref(inode);
	a->from = at;
	a->to = at + EXTENTS_BYTES;
	DL_APPEND(f->queries, a);
	send(a);
	return 0;
}
