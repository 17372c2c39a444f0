#include "fusefs/names/prefetch.h"

#include "common/base/clock.h"
#include "fusefs/content/file.h"

#include <stdlib.h>

struct nearby {
	struct fs *fs;
	struct inode *folder; /* with a reference while fetching */
	bool fetching;
	unsigned misses;
	unsigned limit;	     /* of the next page */
	unsigned came, read; /* files of the last page */
	int64_t rest_until_ns;
	size_t after_size;
	char after[NAME_BYTES_MAX]; /* the last entry of the last page */
};

void nearby_release(struct inode *folder)
{
	free(folder->nearby);
	folder->nearby = NULL;
}

static void rest(struct nearby *n)
{
	n->misses = 0;
	n->after_size = 0;
	n->limit = NEARBY_MIN;
	n->came = n->read = 0;
	n->rest_until_ns = clock_mono_ns() + NEARBY_REST_NS;
}

static void learn(struct nearby *n, const struct item *item, int64_t seen)
{
	struct fs *fs = n->fs;
	struct inode *inode;

	if (!recent_name_stands(&fs->recent, seen, n->folder->id, item->name))
		return;
	inode = fs_learn(fs, item, seen, NULL);
	if (!inode)
		return;
	names_learn(&fs->names, n->folder->id, item->name, inode, seen);
	if (item->has_inline && inode->file && inode->file->content.any && !inode->file->came_along) {
		inode->file->came_along = true;
		n->came++;
	}
	inode_unref(inode);
}

static void take(struct nearby *n, const struct store_page *page)
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
	struct nearby *n = cookie;
	struct inode *folder = n->folder;
	struct fs *fs = n->fs;

	fs_lock(fs);
	fs->calls--;
	n->fetching = false;
	if (error == 0)
		fs_saw(fs, page->at);
	if (error == 0)
		take(n, page);
	else
		rest(n);
	inode_unref(folder);
	fs_unlock(fs);
}

/* How much the next page should hold; 0: nobody reads what comes. */
static unsigned next_limit(const struct nearby *n)
{
	if (n->came == 0)
		return n->limit;
	if (n->read >= n->came / 2)
		return n->limit < NEARBY_MAX ? 2 * n->limit : NEARBY_MAX;
	return n->read > 0 ? NEARBY_MIN : 0;
}

static struct nearby *nearby_of(struct fs *fs, struct inode *folder)
{
	struct nearby *n = folder->nearby;

	if (n)
		return n;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->fs = fs;
	n->folder = folder;
	n->limit = NEARBY_MIN;
	folder->nearby = n;
	return n;
}

void nearby_missed(struct fs *fs, struct inode *inode)
{
	struct inode *folder = inode->parent > 0 ? inodes_find(&fs->inodes, inode->parent) : NULL;
	struct nearby *n;

	if (!folder || inode->attr.size > INLINE_BYTES_MAX || (inode->file && inode->file->content.any))
		return;
	n = nearby_of(fs, folder);
	if (!n || n->fetching || ++n->misses < NEARBY_MISSES || clock_mono_ns() < n->rest_until_ns)
		return;
	n->limit = next_limit(n);
	if (n->limit == 0) {
		rest(n);
		return;
	}
	n->fetching = true;
	inode_ref(folder);
	fs->calls++;
	(void)fs->store->ops->children(
		fs->store, folder->id, span_of(n->after, n->after_size), n->limit, true, on_page, n);
}

void nearby_hit(struct fs *fs, struct inode *inode)
{
	struct inode *folder;

	if (!inode->file || !inode->file->came_along)
		return;
	inode->file->came_along = false;
	folder = inode->parent > 0 ? inodes_find(&fs->inodes, inode->parent) : NULL;
	if (folder && folder->nearby)
		folder->nearby->read++;
}
