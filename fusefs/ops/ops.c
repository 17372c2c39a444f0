#include "fusefs/ops/ops.h"

#include "fusefs/ops/ops_internal.h"

#define MAX_WRITE_BYTES (1024u * 1024) /* the most that the kernel sends in one request */
#define MAX_BACKGROUND 512u
#define CONGESTION 384u
static_assert(OPLOG_OPS_MAX > 64 * MAX_BACKGROUND, "what the kernel has under way never fills the op log");
static_assert(OPLOG_BYTES_MAX > 2 * FLUSH_BYTES_MAX, "nor does what is dirty");

static void ops_init(void *userdata, struct fuse_conn_info *conn)
{
	const unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA |
		FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS |
		FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_POSIX_LOCKS | FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_IOCTL_DIR;

	/* With POSIX_ACL the kernel fetches ACLs where it checks permissions. With DONT_MASK it leaves applying the
	 * umask to the store, which knows the default ACL of the folder. */
	const unsigned owners = FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK;
	const struct fs *fs = userdata;

	/* Every capability is set explicitly: the ones that libfuse turns on by default differ between versions.
	 * HANDLE_KILLPRIV stays off: the kernel then clears set-id bits by SETATTR, as it does everywhere else.
	 * WRITEBACK_CACHE stays off: it reports success for pages that were never stored. */
	conn->want = (ops_has_acls(fs) ? wanted | owners : wanted) & conn->capable;
	conn->max_write = MAX_WRITE_BYTES;
	conn->max_readahead = MAX_WRITE_BYTES;
	conn->max_background = MAX_BACKGROUND;
	conn->congestion_threshold = CONGESTION;
	conn->time_gran = 1;
}

static const struct fuse_lowlevel_ops table = {
	.init = ops_init,
	.lookup = ops_lookup,
	.forget = ops_forget,
	.forget_multi = ops_forget_multi,
	.getattr = ops_getattr,
	.setattr = ops_setattr,
	.readlink = ops_readlink,
	.statfs = ops_statfs,
	.create = ops_create,
	.mknod = ops_mknod,
	.mkdir = ops_mkdir,
	.symlink = ops_symlink,
	.link = ops_link,
	.unlink = ops_unlink,
	.rmdir = ops_rmdir,
	.rename = ops_rename,
	.opendir = ops_opendir,
	.readdir = ops_readdir,
	.readdirplus = ops_readdirplus,
	.releasedir = ops_releasedir,
	.fsyncdir = ops_fsyncdir,
	.ioctl = ops_ioctl,
	.open = ops_open,
	.release = ops_release,
	.flush = ops_flush,
	.fsync = ops_fsync,
	.read = ops_read,
	.write = ops_write,
	.fallocate = ops_fallocate,
	.lseek = ops_lseek,
	.copy_file_range = ops_copy_file_range,
	.setxattr = ops_setxattr,
	.getxattr = ops_getxattr,
	.listxattr = ops_listxattr,
	.removexattr = ops_removexattr,
	.getlk = ops_getlk,
	.setlk = ops_setlk,
	.flock = ops_flock,
};

const struct fuse_lowlevel_ops *ops_table(void)
{
	return &table;
}
