#include "fusefs/ops/ops_internal.h"

#include "common/base/metrics.h"
#include "fusefs/names/listing.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Open directories: OPENDIR, READDIR, READDIRPLUS, RELEASEDIR.
 *
 * An open directory is a handle with a listing (names/listing), which fetches the entries ahead of the reader. One
 * answer takes as many entries from the listing as fit into the buffer of the kernel. When the next entry is not here
 * yet and the answer would be empty, the request waits until the listing has the entry. READDIRPLUS returns an entry
 * with its attributes where they are known and valid, and otherwise without them: then the kernel asks for the
 * attributes when it needs them.
 *
 * The offset of an entry is its place in the listing of this open directory: 1 behind ".", 2 behind "..", then the
 * entries. The offset that the kernel gets with an entry is the one at which to continue behind that entry. A reader
 * that goes back to offset 0 is shown the folder as it is then, as rewinddir(3) says.
 */
#define DOTS 2

void ops_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct inode *inode;
	struct handle *h;

	metric_inc(fs->requests);
	core_lock(&fs->core);
	inode = ops_inode(fs, node);
	h = inode ? handle_new(&fs->handles, inode, fi->flags) : NULL;
	if (h)
		h->listing = listing_open(&fs->names, &fs->core, inode);
	if (!h || !h->listing) {
		fuse_reply_err(req, inode ? ENOMEM : ESTALE);
		if (h)
			handle_free(&fs->handles, h);
	} else {
		fi->fh = (uint64_t)(uintptr_t)h;
		if (fuse_reply_open(req, fi) < 0)
			handle_free(&fs->handles, h);
	}
	core_unlock(&fs->core);
}

void ops_releasedir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);

	(void)node;
	metric_inc(fs->requests);
	core_lock(&fs->core);
	handle_free(&fs->handles, handle_of(fi->fh));
	core_unlock(&fs->core);
	fuse_reply_err(req, 0);
}

/* -- building one answer -- */

struct answer {
	struct fs *fs;
	fuse_req_t req;
	struct handle *handle;
	bool plus;
	char *data;
	size_t size, used;
};

/* False: the entry does not fit any more. */
static bool add_plain(struct answer *a, const char *name, int64_t id, uint32_t mode, off_t next)
{
	struct fuse_entry_param e = {.attr = {.st_ino = (ino_t)id, .st_mode = mode}};
	size_t room = a->size - a->used, need;

	if (a->plus)
		need = fuse_add_direntry_plus(a->req, a->data + a->used, room, name, &e, next);
	else
		need = fuse_add_direntry(a->req, a->data + a->used, room, name, &e.attr, next);
	if (need > room)
		return false;
	a->used += need;
	return true;
}

static bool add_entry(struct answer *a, const struct listing_entry *entry, off_t next)
{
	struct inode *inode = NULL;
	struct fuse_entry_param e;
	char name[NAME_BYTES_MAX + 1];
	size_t room = a->size - a->used, need;

	memcpy(name, entry->name.data, entry->name.size);
	name[entry->name.size] = '\0';
	if (a->plus)
		(void)names_find(&a->fs->names, a->handle->inode->id, entry->name, &inode);
	if (!inode || !inode_valid(inode) || inode->id != entry->id)
		return add_plain(
			a, name, entry->id, entry->mode, next); /* no node: the kernel asks when it wants more */
	ops_fill_entry(a->fs, inode, true, &e);
	need = fuse_add_direntry_plus(a->req, a->data + a->used, room, name, &e, next);
	if (need > room)
		return false;
	inode_lookup(inode);
	a->used += need;
	return true;
}

/* Fills the answer from offset `off` on, with as many entries as fit. 0, or, when there are none at all, why the next
 * entry is not here (-EAGAIN: not yet). The dots alone are no answer while the rest is being fetched: overlayfs reads
 * once, and takes a folder without entries for one of a file system that does not report types. */
static int fill(struct answer *a, off_t off)
{
	struct inode *folder = a->handle->inode;
	struct listing_entry entry;
	bool any = false;

	if (off == 0 && add_plain(a, ".", folder->id, S_IFDIR, 1))
		off = 1;
	if (off == 1 && add_plain(a, "..", folder->parent > 0 ? folder->parent : folder->id, S_IFDIR, DOTS))
		off = DOTS;
	while (off >= DOTS) {
		int r = listing_at(a->handle->listing, (uint64_t)off - DOTS, &entry);

		if (r == -EAGAIN && !any)
			return r;
		if (r <= 0)
			return a->used > 0 ? 0 : r;
		if (!add_entry(a, &entry, off + 1))
			break;
		any = true;
		off++;
	}
	return 0;
}

static int try(struct fs *fs, fuse_req_t req, struct handle *h, const struct ask *wish)
{
	struct answer a = {.fs = fs, .req = req, .handle = h, .plus = wish->plus, .size = wish->size};
	int r;

	a.data = malloc(wish->size);
	if (!a.data)
		return -ENOMEM;
	r = fill(&a, wish->off);
	if (r == 0)
		fuse_reply_buf(req, a.data, a.used);
	free(a.data);
	return r;
}

static void on_listing(void *cookie, int error);

static void wait_for_listing(struct ask *ask)
{
	struct handle *h = ask->peer;
	int r = listing_wait(h->listing, on_listing, ask);

	if (r < 0)
		ask_end(ask, r);
	else
		ask->cancel = ask_cancel_shared;
}

static void on_listing(void *cookie, int error)
{
	struct ask *ask = cookie;
	struct handle *h = ask->peer;
	int r;

	(void)error; /* listing_at returns it as well */
	if (!ask->req) {
		ask_free(ask);
		return;
	}
	r = try(ask->fs, ask->req, h, ask);
	if (r == -EAGAIN || ask_is_early(ask, r)) {
		wait_for_listing(ask);
		return;
	}
	if (r == 0)
		(void)ask_take(ask);
	if (r < 0)
		ask_end(ask, r);
	else
		ask_free(ask);
}

static void read_entries(fuse_req_t req, const struct ask *wish, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_of(fi->fh);
	struct ask *ask;
	int r;

	metric_inc(fs->requests);
	core_lock(&fs->core);
	if (wish->off == 0)
		h->listing = h->listing ? listing_rewind(h->listing) : listing_open(&fs->names, &fs->core, h->inode);
	r = h->listing ? try(fs, req, h, wish) : -ENOMEM;
	core_unlock(&fs->core);
	if (r != -EAGAIN) {
		if (r < 0)
			ops_error(req, r);
		return;
	}
	ask = ask_new(req);
	if (!ask)
		return;
	ask->peer = h;
	ask->size = wish->size;
	ask->off = wish->off;
	ask->plus = wish->plus;
	core_lock(&fs->core);
	on_listing(ask, 0); /* the entry may have come meanwhile */
	core_unlock(&fs->core);
}

void ops_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct ask wish = {.size = size, .off = off};

	(void)node;
	read_entries(req, &wish, fi);
}

void ops_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct ask wish = {.size = size, .off = off, .plus = true};

	(void)node;
	read_entries(req, &wish, fi);
}
