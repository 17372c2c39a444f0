#include "fusefs/ops/ops_internal.h"

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/base/text.h"
#include "fusefs/content/file.h"

#include <errno.h>
#include <fcntl.h>

void ops_error(fuse_req_t req, int error)
{
	fuse_reply_err(req, ops_errno(error));
}

struct inode *ops_inode(struct fs *fs, fuse_ino_t node)
{
	return inodes_find(&fs->core.inodes, ops_id_of(fs, node));
}

double ops_timeout(struct fs *fs, bool fresh)
{
	int64_t left = fill_trust_left_ns(&fs->core.view, fs->core.now_ns);

	ops_used(fs);
	if (!fresh || fs->core.inodes.needed > 0 || core_is_shared(&fs->core))
		return 0;
	left = left < FS_TRUST_MS * NS_PER_MS ? left : FS_TRUST_MS * NS_PER_MS;
	if (fs->core.now_ns + left > fs->kernel_until_ns)
		fs->kernel_until_ns = fs->core.now_ns + left;
	return (double)left / NS_PER_S;
}

/* Data that the store refused counts in the attributes until it is dropped. From then on the kernel must not show it,
 * so these attributes get no timeout. */
static double attributes_timeout(struct fs *fs, const struct inode *inode)
{
	return ops_timeout(fs, inode_valid(inode) && !file_is_refused(inode->file));
}

void ops_fill_entry(struct fs *fs, struct inode *inode, bool fresh, struct fuse_entry_param *ret)
{
	*ret = (struct fuse_entry_param){
		.ino = ops_node_of(fs, inode->id),
		.generation = 1, /* ids are never reused */
		.attr_timeout = attributes_timeout(fs, inode),
		.entry_timeout = ops_timeout(fs, fresh),
	};
	ops_stat(fs, inode, &ret->attr);
}

void ops_reply_entry(struct fs *fs, fuse_req_t req, struct inode *inode, bool fresh)
{
	struct fuse_entry_param e;

	ops_fill_entry(fs, inode, fresh, &e);
	inode_lookup(inode);
	if (fuse_reply_entry(req, &e) < 0)
		inode_forget(inode, 1); /* the kernel had dropped the request, and did not count the lookup */
}

void ops_reply_absent(struct fs *fs, fuse_req_t req, bool fresh)
{
	struct fuse_entry_param e = {.entry_timeout = ops_timeout(fs, fresh)};

	if (e.entry_timeout > 0)
		fuse_reply_entry(req, &e);
	else
		fuse_reply_err(req, ENOENT);
}

void ops_reply_attributes(struct fs *fs, fuse_req_t req, struct inode *inode)
{
	struct stat st;

	ops_stat(fs, inode, &st);
	fuse_reply_attr(req, &st, attributes_timeout(fs, inode));
}

int ops_name(const char *name, struct span *ret)
{
	*ret = span_str(name);
	return text_name_check(*ret);
}

struct ask *ops_ask_name(fuse_req_t req, const char *name, enum patience_call call)
{
	struct fs *fs = fs_of(req);
	struct span wanted;
	struct ask *ask;
	int r = ops_name(name, &wanted);

	metric_inc(fs->requests);
	if (r < 0) {
		ops_error(req, r);
		return NULL;
	}
	ask = ask_new_call(req, call);
	if (!ask)
		return NULL;
	memcpy(ask->name, wanted.data, wanted.size);
	ask->op.name = span_of(ask->name, wanted.size);
	return ask;
}

bool ops_refuse_lost(fuse_req_t req, const struct handle *h)
{
	if (!atomic_load(&h->locks_lost))
		return false;
	fuse_reply_err(req, EIO);
	return true;
}

/*
 * Reads and writes go past the kernel's pages where the program asked for that, and for a read of a file that others
 * may be changing. An older kernel would refuse to map a file that is open for direct I/O.
 */
static bool goes_direct(const struct fs *fs, const struct inode *inode, int flags)
{
	if (flags & O_DIRECT)
		return true;
	return (flags & O_ACCMODE) != O_WRONLY && device_maps_direct(&fs->init) && core_is_contended(&fs->core, inode);
}

struct handle *ops_open_handle(struct fs *fs, struct inode *inode, struct fuse_file_info *fi)
{
	struct handle *h = handle_new(&fs->handles, inode, fi->flags);

	if (!h)
		return NULL;
	fi->fh = (uint64_t)(uintptr_t)h;
	fi->direct_io = goes_direct(fs, inode, fi->flags);
	h->ahead.direct = fi->direct_io;
	fi->keep_cache = inode_valid(inode) && inode->pages_seq != 0 && inode->pages_seq == inode->attr.content_seq;
	if (!fi->direct_io && !fi->keep_cache)
		inode->pages_seq = inode_valid(inode) ? inode->attr.content_seq : 0;
	return h;
}
