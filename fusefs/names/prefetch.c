#include "fusefs/names/prefetch.h"

#include "common/base/clock.h"
#include "fusefs/content/file.h"
#include "fusefs/core/attributes.h"

#include <stdlib.h>

struct prefetch {
	struct core *core;
	struct names *names;
	struct inode *folder; /* with a reference while `fetching` */
	bool fetching;
	unsigned misses;
	unsigned limit;	     /* entries of the next page */
	unsigned came, read; /* files whose content came with the last page, and how many of them were read */
	int64_t rest_until_ns;
	size_t after_size;
	char after[NAME_BYTES_MAX]; /* name of the last entry of the last page */
};

void prefetch_release(struct inode *folder)
{
	free(folder->prefetch);
	folder->prefetch = NULL;
}

static void rest(struct prefetch *n)
{
	n->misses = 0;
	n->after_size = 0;
	n->limit = PREFETCH_MIN;
	n->came = n->read = 0;
	n->rest_until_ns = clock_mono_ns() + PREFETCH_REST_NS;
}

static void learn(struct prefetch *n, const struct item *item, int64_t seen)
{
	struct core *core = n->core;
	struct inode *inode;

	if (!recent_name_stands(&core->recent, seen, n->folder->id, item->name))
		return;
	inode = attributes_learn(core, item, seen, NULL);
	if (!inode)
		return;
	names_learn(n->names, n->folder->id, item->name, inode, seen);
	if (item->has_inline && inode->file && inode->file->content.any && !inode->file->prefetched) {
		inode->file->prefetched = true;
		n->came++;
	}
	inode_unref(inode);
}

static void take(struct prefetch *n, const struct store_page *page)
{
	n->came = n->read = 0;
	for (size_t i = 0; i < page->count; i++)
		learn(n, &page->items[i], page->at.seq);
	if (!page->more || page->count == 0) {
		rest(n);
		return;
	}
	n->after_size = page->items[page->count - 1].name.size;
	memcpy(n->after, page->items[page->count - 1].name.data, n->after_size);
}

static void on_page(void *cookie, int error, const struct store_page *page)
{
	struct prefetch *n = cookie;
	struct inode *folder = n->folder;
	struct core *core = n->core;

	core_lock(core);
	core_call_over(core);
	n->fetching = false;
	if (error == 0)
		core_saw(core, page->at);
	if (error == 0)
		take(n, page);
	else
		rest(n);
	inode_unref(folder);
	core_unlock(core);
}

/* The size of the next page; 0: no file of the last page was read. */
static unsigned next_limit(const struct prefetch *n)
{
	if (n->came == 0)
		return n->limit;
	if (n->read >= n->came / 2)
		return n->limit < PREFETCH_MAX ? 2 * n->limit : PREFETCH_MAX;
	return n->read > 0 ? PREFETCH_MIN : 0;
}

static struct prefetch *prefetch_of(struct names *names, struct core *core, struct inode *folder)
{
	struct prefetch *n = folder->prefetch;

	if (n)
		return n;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->core = core;
	n->names = names;
	n->folder = folder;
	n->limit = PREFETCH_MIN;
	folder->prefetch = n;
	return n;
}

void prefetch_missed(struct names *names, struct core *core, struct inode *inode)
{
	struct inode *folder = inode->parent > 0 ? inodes_find(&core->inodes, inode->parent) : NULL;
	struct prefetch *n;

	if (!folder || inode->attr.size > INLINE_BYTES_MAX || (inode->file && inode->file->content.any))
		return;
	n = prefetch_of(names, core, folder);
	if (!n || n->fetching || ++n->misses < PREFETCH_MISSES || clock_mono_ns() < n->rest_until_ns)
		return;
	n->limit = next_limit(n);
	if (n->limit == 0) {
		rest(n);
		return;
	}
	n->fetching = true;
	inode_ref(folder);
	core_call_begins(core);
	(void)core->store->ops->children(
		core->store, folder->id, span_of(n->after, n->after_size), n->limit, true, on_page, n);
}

void prefetch_hit(struct core *core, struct inode *inode)
{
	struct inode *folder;

	if (!inode->file || !inode->file->prefetched)
		return;
	inode->file->prefetched = false;
	folder = inode->parent > 0 ? inodes_find(&core->inodes, inode->parent) : NULL;
	if (folder && folder->prefetch)
		folder->prefetch->read++;
}
