#include "fusefs/ops/ops_internal.h"

#include "common/base/metrics.h"
#include "fusefs/content/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>

/*
 * chattr(1) and lsattr(1): the flags of a document, as far as they are stored: append-only and immutable. The kernel
 * turns both of its ioctl interfaces, and that of statx, into these requests. It lets only callers with
 * CAP_LINUX_IMMUTABLE change the two flags. The store enforces them. In addition, this file refuses to open such a
 * document for a change, as the kernel itself does where it has the flags.
 */

static uint32_t flags_of(uint32_t mode)
{
	return (mode & ITEM_APPEND_ONLY ? FS_APPEND_FL : 0u) | (mode & ITEM_IMMUTABLE ? FS_IMMUTABLE_FL : 0u);
}

static uint32_t xflags_of(uint32_t mode)
{
	return (mode & ITEM_APPEND_ONLY ? FS_XFLAG_APPEND : 0u) | (mode & ITEM_IMMUTABLE ? FS_XFLAG_IMMUTABLE : 0u);
}

/* -EOPNOTSUPP: other flags are set as well. */
static int protect_of(uint32_t flags, uint32_t append, uint32_t immutable, uint32_t *ret)
{
	if (flags & ~(append | immutable))
		return -EOPNOTSUPP;
	*ret = (flags & append ? ITEM_APPEND_ONLY : 0u) | (flags & immutable ? ITEM_IMMUTABLE : 0u);
	return 0;
}

static void reply_flags(fuse_req_t req, const struct inode *inode, unsigned command)
{
	struct fsxattr x = {.fsx_xflags = xflags_of(inode->attr.mode)};
	uint32_t flags = flags_of(inode->attr.mode);

	if (command == FS_IOC_GETFLAGS)
		fuse_reply_ioctl(req, 0, &flags, sizeof(flags));
	else
		fuse_reply_ioctl(req, 0, &x, sizeof(x));
}

static void on_attributes(void *cookie, int error)
{
	struct ask *ask = cookie;
	fuse_req_t req = ask_take(ask);

	if (req && error == 0)
		reply_flags(req, ask->inode, (unsigned)ask->size);
	else if (req)
		ops_error(req, error);
	ask_free(ask);
}

static void get_flags(fuse_req_t req, fuse_ino_t node, unsigned command)
{
	struct fs *fs = fs_of(req);
	struct ask *ask = ask_new(req);
	int r = -ENOMEM;

	if (!ask)
		return;
	core_lock(&fs->core);
	ask->size = command;
	ask->inode = inodes_get(&fs->core.inodes, ops_id_of(fs, node));
	if (ask->inode && inode_valid(ask->inode)) {
		on_attributes(ask, 0);
	} else {
		r = ask->inode ? ask_attributes(ask, ask->inode, on_attributes) : r;
		if (r < 0)
			ask_end(ask, r);
	}
	core_unlock(&fs->core);
}

static void on_set(void *cookie, int error, const struct op_result *result)
{
	struct ask *ask = cookie;
	fuse_req_t req = ask_take(ask);

	(void)result;
	if (req && error == 0)
		fuse_reply_ioctl(req, 0, NULL, 0);
	else if (req)
		ops_error(req, error);
	ask_free(ask);
}

/* The change comes after everything that was written: dirty data was written while the file could be written to. */
static void set_flags(fuse_req_t req, fuse_ino_t node, uint32_t protect)
{
	struct fs *fs = fs_of(req);
	struct ask *ask;
	int r;

	/* The kernel has checked more than this; kernels before 5.13 have checked nothing. */
	if (fuse_req_ctx(req)->uid != 0) {
		fuse_reply_err(req, EPERM);
		return;
	}
	ask = ask_new(req);
	if (!ask)
		return;
	core_lock(&fs->core);
	ask->inode = inodes_get(&fs->core.inodes, ops_id_of(fs, node));
	ask->op = (struct op){
		.kind = OP_SETATTR, .fields = OP_HAS_PROTECT, .id = ops_id_of(fs, node), .protect = protect};
	r = ask->inode ? ask_job(ask, ask->inode, on_set) : -ENOMEM;
	if (r < 0)
		ask_end(ask, r);
	core_unlock(&fs->core);
}

static int wanted_flags(unsigned command, const void *in, size_t size, uint32_t *ret)
{
	struct fsxattr x;
	uint32_t flags;

	if (size < (command == FS_IOC_SETFLAGS ? sizeof(flags) : sizeof(x)))
		return -EINVAL;
	if (command == FS_IOC_SETFLAGS) {
		memcpy(&flags, in, sizeof(flags));
		return protect_of(flags, FS_APPEND_FL, FS_IMMUTABLE_FL, ret);
	}
	memcpy(&x, in, sizeof(x));
	if (x.fsx_extsize || x.fsx_projid || x.fsx_cowextsize)
		return -EOPNOTSUPP;
	return protect_of(x.fsx_xflags, FS_XFLAG_APPEND, FS_XFLAG_IMMUTABLE, ret);
}

/* budget: the signature is libfuse's */
void ops_ioctl(fuse_req_t req, fuse_ino_t node, unsigned command, void *arg, struct fuse_file_info *fi, unsigned flags,
	const void *in, size_t in_size, size_t out_size)
{
	uint32_t protect;
	int r;

	(void)arg;
	(void)fi;
	(void)flags;
	metric_inc(fs_of(req)->requests);
	switch (command) {
	case FS_IOC_GETFLAGS:
	case FS_IOC_FSGETXATTR:
		if (out_size < (command == FS_IOC_GETFLAGS ? sizeof(uint32_t) : sizeof(struct fsxattr)))
			fuse_reply_err(req, EINVAL);
		else
			get_flags(req, node, command);
		return;
	case FS_IOC_SETFLAGS:
	case FS_IOC_FSSETXATTR:
		r = wanted_flags(command, in, in_size, &protect);
		if (r < 0)
			ops_error(req, r);
		else
			set_flags(req, node, protect);
		return;
	default:
		fuse_reply_err(req, ENOTTY);
	}
}

int ops_check_open(const struct inode *inode, int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);

	if (!writes || !(inode->attr.mode & ITEM_PROTECTED))
		return 0;
	return (inode->attr.mode & ITEM_IMMUTABLE) || (flags & O_TRUNC) || !(flags & O_APPEND) ? -EPERM : 0;
}

int ops_check_write(const struct inode *inode, int64_t at)
{
	if (!(inode->attr.mode & ITEM_PROTECTED))
		return 0;
	return (inode->attr.mode & ITEM_IMMUTABLE) || at < file_size(inode) ? -EPERM : 0;
}
