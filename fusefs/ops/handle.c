#include "fusefs/ops/handle.h"

#include "fusefs/content/file.h"
#include "fusefs/log/flush.h"
#include "fusefs/names/listing.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <utlist.h>

void handles_init(struct handles *handles, struct core *core, struct blocks *blocks, struct flusher *flusher)
{
	*handles = (struct handles){.core = core, .blocks = blocks, .flusher = flusher};
}

struct handle *handle_new(struct handles *handles, struct inode *inode, int flags)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->inode = inode_ref(inode);
	h->synchronous = (flags & (O_SYNC | O_DSYNC | O_DIRECT)) != 0;
	h->ahead.direct = (flags & O_DIRECT) != 0;
	h->writable = (flags & O_ACCMODE) != O_RDONLY;
	h->mappable = (flags & O_ACCMODE) == O_RDWR;
	h->error_seen = inode->file ? inode->file->error_seq : 0;
	inode->opens++;
	inode->mappable += h->mappable;
	assert(inode->mappable <= inode->opens);
	DL_APPEND(handles->list, h);
	return h;
}

void handle_free(struct handles *handles, struct handle *h)
{
	struct inode *inode = h->inode;

	assert(inode->opens > 0 && inode->mappable >= h->mappable);
	DL_DELETE(handles->list, h);
	readahead_end(handles->blocks, inode, &h->ahead);
	listing_close(h->listing);
	inode->opens--;
	inode->mappable -= h->mappable;
	flush_released(handles->flusher, inode);
	file_closed(handles->core, inode->file);
	inode_unref(inode);
	free(h);
}

void handles_lost_locks(struct handles *handles, const struct inode *inode)
{
	struct handle *h;

	DL_FOREACH(handles->list, h) {
		if (h->inode == inode)
			atomic_store(&h->locks_lost, true);
	}
}

void handles_end(struct handles *handles)
{
	while (handles->list)
		handle_free(handles, handles->list);
}
