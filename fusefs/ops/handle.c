#include "fusefs/ops/handle.h"

#include "fusefs/content/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <utlist.h>

struct handle *handle_new(struct fs *fs, struct inode *inode, int flags)
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
	DL_APPEND(fs->handles, h);
	return h;
}

void handle_free(struct fs *fs, struct handle *h)
{
	struct inode *inode = h->inode;

	DL_DELETE(fs->handles, h);
	reader_ends(fs, inode, &h->ahead);
	listing_close(h->listing);
	inode->opens--;
	inode->mappable -= h->mappable;
	flush_released(fs, inode);
	file_closed(fs, inode->file);
	inode_unref(inode);
	free(h);
}

void handles_end(struct fs *fs)
{
	while (fs->handles)
		handle_free(fs, fs->handles);
}
