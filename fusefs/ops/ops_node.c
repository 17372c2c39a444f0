#include "fusefs/ops/ops_internal.h"

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "fusefs/content/file.h"
#include "fusefs/names/listing.h"

#include <errno.h>

/*
 * Questions of the kernel about a name or a document: LOOKUP, FORGET, GETATTR, SETATTR, READLINK, STATFS.
 *
 * LOOKUP and GETATTR are the most frequent requests of all. They are answered from memory, on the thread that read
 * them, when the cached data is valid: no newer change is known, and a follower reports changes (core.h). Only where
 * others have changed a folder lately is the store asked whether a name is really absent. Everything else waits in an
 * ask for an answer of the store, and that answer is cached as well.
 *
 * SETATTR becomes a job of the file (log/flush), so that it comes after the bytes that were written before it. A
 * change that would alter only the time of change, right after a change by this mount, is answered without the store.
 * A document that is named by a path is checked first, where other mounts use the drive (ops_check). STATFS asks the
 * store each time.
 */

/* -- names to nodes -- */

static void on_lookup(void *cookie, int error, const struct item *item, struct store_position at)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;
	struct looked_answer answer = {.folder = ask->op.parent, .name = ask->op.name, .how = LOOKED_ASKED};
	struct inode *inode;
	fuse_req_t req;

	core_lock(&fs->core);
	core_call_over(&fs->core);
	core_saw(&fs->core, at);
	inode = ops_learn_name(fs, &answer, error, item, at);
	req = ask_take(ask);
	if (req)
		ops_looked_up(fs, req, &answer);
	if (req && error == -ENOENT)
		ops_reply_absent(fs, req, answer.fresh && at.seq > 0);
	else if (req && !inode)
		ops_error(req, error < 0 ? error : -ENOMEM);
	else if (req)
		ops_reply_entry(fs, req, inode, answer.fresh);
	inode_unref(inode);
	ask_free(ask);
	core_unlock(&fs->core);
}

/* Answers from memory. True: the request was answered. */
static bool lookup_known(struct fs *fs, fuse_req_t req, int64_t folder, struct span name)
{
	struct looked_answer answer = {.folder = folder, .name = name, .how = LOOKED_KNOWN};
	struct inode *inode = NULL;
	enum name_state state = names_find(&fs->names, folder, name, &inode);

	/*
	 * Another client may just have been told that the name exists, so absence is not answered from memory. That a
	 * name exists is answered from memory: an open checks with the store in any case.
	 */
	if (state == NAME_ABSENT && core_is_shared_folder(&fs->core, inodes_find(&fs->core.inodes, folder)))
		return false;
	if (state == NAME_ABSENT) {
		ops_looked_up(fs, req, &answer);
		ops_reply_absent(fs, req, true);
		return true;
	}
	if (state != NAME_PRESENT || !inode_valid(inode))
		return false;
	answer.id = inode->id;
	answer.is_folder = S_ISDIR(inode->attr.mode);
	ops_looked_up(fs, req, &answer);
	ops_reply_entry(fs, req, inode, true);
	return true;
}

void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct span wanted;
	struct ask *ask;
	bool known;
	int r;

	metric_inc(fs->requests);
	if (ops_lookup_number(req, parent, name))
		return;
	r = ops_name(name, &wanted);
	if (r < 0) {
		ops_error(req, r);
		return;
	}
	core_lock(&fs->core);
	known = lookup_known(fs, req, ops_id_of(fs, parent), wanted);
	core_unlock(&fs->core);
	if (known)
		return;
	ask = ask_new(req);
	if (!ask)
		return;
	memcpy(ask->name, wanted.data, wanted.size);
	ask->op.name = span_of(ask->name, wanted.size);
	core_lock(&fs->core);
	ask->inode = inodes_get(&fs->core.inodes, ops_id_of(fs, parent));
	ask->op.parent = ops_id_of(fs, parent);
	if (!ask->inode) {
		ask_end(ask, -ENOMEM);
	} else {
		listing_missed(&fs->names, &fs->core, ask->inode);
		core_call_begins(&fs->core);
		ask->cancel = ask_cancel_ticket;
		ask->ticket = fs->core.store->ops->lookup(fs->core.store, ask->op.parent, ask->op.name, on_lookup, ask);
	}
	core_unlock(&fs->core);
}

static void forget(struct fs *fs, fuse_ino_t node, uint64_t count)
{
	struct inode *inode = ops_inode(fs, node);

	if (inode && node != FUSE_ROOT_ID)
		inode_forget(inode, count);
}

void ops_forget(fuse_req_t req, fuse_ino_t node, uint64_t count)
{
	struct fs *fs = fs_of(req);

	core_lock(&fs->core);
	forget(fs, node, count);
	core_unlock(&fs->core);
	fuse_reply_none(req);
}

void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct fs *fs = fs_of(req);

	core_lock(&fs->core);
	for (size_t i = 0; i < count; i++)
		forget(fs, forgets[i].ino, forgets[i].nlookup);
	core_unlock(&fs->core);
	fuse_reply_none(req);
}

/* -- attributes -- */

/* Answers STATX, because struct stat has no time of birth. */
static void reply_statx(struct fs *fs, fuse_req_t req, struct inode *inode)
{
	const int64_t btime = inode->attr.btime;
	struct device_statx out = {0};
	struct stat st;

	ops_stat(fs, inode, &st);
	device_statx_fill(&out, &st, (struct timespec){.tv_sec = btime / NS_PER_S, .tv_nsec = btime % NS_PER_S});
	out.valid_sec = (uint64_t)ops_timeout(fs, inode_valid(inode));
	fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

static void on_attributes(void *cookie, int error)
{
	struct ask *ask = cookie;
	fuse_req_t req = ask_take(ask);

	if (req && error == 0 && ask->statx)
		reply_statx(ask->fs, req, ask->inode);
	else if (req && error == 0)
		ops_reply_attributes(ask->fs, req, ask->inode);
	else if (req)
		ops_error(req, error);
	ask_free(ask);
}

/* Answers when the attributes are valid. True: the request was answered. */
static bool attributes_known(struct fs *fs, fuse_req_t req, fuse_ino_t node, bool statx)
{
	struct inode *inode = ops_inode(fs, node);

	if (!inode || !inode_valid(inode))
		return false;
	if (statx)
		reply_statx(fs, req, inode);
	else
		ops_reply_attributes(fs, req, inode);
	return true;
}

void ops_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	const bool statx = fi && fi->fh == DEVICE_STATX;
	struct fs *fs = fs_of(req);
	struct ask *ask;
	bool known;
	int r;

	metric_inc(fs->requests);
	core_lock(&fs->core);
	known = attributes_known(fs, req, node, statx);
	core_unlock(&fs->core);
	if (known)
		return;
	ask = ask_new(req);
	if (!ask)
		return;
	core_lock(&fs->core);
	ask->statx = statx;
	ask->inode = inodes_get(&fs->core.inodes, ops_id_of(fs, node));
	r = ask->inode ? ask_attributes(ask, ask->inode, on_attributes) : -ENOMEM;
	if (r < 0)
		ask_end(ask, r);
	core_unlock(&fs->core);
}

/* One of the two times of setattr: the given time, or now. */
static int setattr_time(const struct timespec *given, bool now, int64_t *ret)
{
	if (!now)
		return clock_from(given->tv_sec, given->tv_nsec, ret);
	*ret = clock_real_ns();
	return 0;
}

/* Without root_mode everything is shown as the mount's own user's, and cannot be given to another user. */
static int setattr_owner(struct fs *fs, const struct stat *attr, int to_set, struct op *op)
{
	if (!fs->root_mode) {
		bool others = ((to_set & FUSE_SET_ATTR_UID) && attr->st_uid != fs->uid) ||
			((to_set & FUSE_SET_ATTR_GID) && attr->st_gid != fs->gid);

		return others ? -EPERM : 0;
	}
	if (to_set & FUSE_SET_ATTR_UID) {
		op->fields |= OP_HAS_UID;
		op->uid = attr->st_uid;
	}
	if (to_set & FUSE_SET_ATTR_GID) {
		op->fields |= OP_HAS_GID;
		op->gid = attr->st_gid;
	}
	return 0;
}

static int setattr_op(struct fs *fs, const struct stat *attr, int to_set, struct op *op)
{
	int r = 0;

	op->kind = OP_SETATTR;
	if (to_set & FUSE_SET_ATTR_MODE) {
		op->fields |= OP_HAS_MODE;
		op->mode = attr->st_mode & 07777;
	}
	if (to_set & FUSE_SET_ATTR_SIZE) {
		if (attr->st_size < 0 || (uint64_t)attr->st_size > FILE_BYTES_MAX)
			return -EFBIG;
		op->fields |= OP_HAS_SIZE;
		op->size = attr->st_size;
	}
	if (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW)) {
		op->fields |= OP_HAS_ATIME;
		r = setattr_time(&attr->st_atim, to_set & FUSE_SET_ATTR_ATIME_NOW, &op->atime);
	}
	if (r == 0 && (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW))) {
		op->fields |= OP_HAS_MTIME;
		r = setattr_time(&attr->st_mtim, to_set & FUSE_SET_ATTR_MTIME_NOW, &op->mtime);
	}
	return r < 0 ? r : setattr_owner(fs, attr, to_set, op);
}

static bool is_set(const struct attributes *a, const struct op *op)
{
	return !(op->fields & ~(uint32_t)(OP_HAS_MODE | OP_HAS_UID | OP_HAS_GID)) &&
		(!(op->fields & OP_HAS_MODE) || (a->mode & 07777) == op->mode) &&
		(!(op->fields & OP_HAS_UID) || a->uid == op->uid) && (!(op->fields & OP_HAS_GID) || a->gid == op->gid);
}

/*
 * The caller holds the lock. True: there is nothing to store, and the request was answered. tar and cp -a set times,
 * owner and mode of each file one right after the other, and the last two mostly have their values already: each
 * would cost a round trip to move the time of change by less than a tick. A change that comes later than that is
 * stored before it is answered, like every other change.
 */
static bool setattr_known(struct fs *fs, fuse_req_t req, fuse_ino_t node, const struct op *op)
{
	struct inode *inode = ops_inode(fs, node);

	/* While other work on the file is in progress, its attributes after that work are not known. */
	if (!inode || (inode->file && (inode->file->round || inode->file->jobs)))
		return false;
	if (inode->attr.mode & ITEM_PROTECTED)
		return false; /* the store decides what a protected document refuses */
	if (!inode_valid(inode) || !is_set(&inode->attr, op) || !attributes_changed_now(&fs->core, inode))
		return false;
	ops_reply_attributes(fs, req, inode);
	return true;
}

/* The caller holds the lock. The times of an append-only document may be set to now, but to no other time. True: the
 * request was answered with an error. */
static bool set_times_refused(struct fs *fs, fuse_req_t req, fuse_ino_t node, int to_set)
{
	const struct inode *inode = ops_inode(fs, node);
	bool atime = (to_set & FUSE_SET_ATTR_ATIME) && !(to_set & FUSE_SET_ATTR_ATIME_NOW);
	bool mtime = (to_set & FUSE_SET_ATTR_MTIME) && !(to_set & FUSE_SET_ATTR_MTIME_NOW);

	if (!inode || !(inode->attr.mode & ITEM_APPEND_ONLY) || !(atime || mtime))
		return false;
	ops_error(req, -EPERM);
	return true;
}

static void on_setattr(void *cookie, int error, const struct op_result *result)
{
	struct ask *ask = cookie;
	fuse_req_t req = ask_take(ask);

	(void)result;
	if (req && error == 0)
		ops_reply_attributes(ask->fs, req, ask->inode);
	else if (req)
		ops_error(req, error);
	ask_free(ask);
}

static void on_checked(struct ask *ask, int error)
{
	if (error == 0)
		error = ask_job(ask, ask->inode, on_setattr);
	if (error < 0)
		ask_end(ask, error);
}

/*
 * A document that is changed by name must be the one that has the name. Except for a change of size, the kernel does
 * not say whether the caller used a descriptor: when the document is open here, a descriptor is assumed, and the
 * document is changed without a check.
 */
static void check_and_set(struct ask *ask, bool by_handle)
{
	const bool size = (ask->op.fields & OP_HAS_SIZE) != 0;

	if (by_handle || (!size && ask->inode->opens > 0))
		on_checked(ask, 0);
	else
		ops_check(ask, ask->inode, size ? CHECK_NAME_OR_EXISTS : CHECK_NAME, on_checked);
}

void ops_setattr(fuse_req_t req, fuse_ino_t node, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct op op = {0};
	struct ask *ask;
	bool known;
	int r;

	metric_inc(fs->requests);
	if (fi && (to_set & FUSE_SET_ATTR_SIZE) && ops_refuse_lost(req, handle_of(fi->fh)))
		return;
	r = setattr_op(fs, attr, to_set, &op);
	if (r < 0) {
		ops_error(req, r);
		return;
	}
	/* Without root_mode, owners can be set only to the values that are shown: that sets no field, but is a
	 * change. */
	if (op.fields == 0 && !(to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))) {
		ops_getattr(req, node, fi);
		return;
	}
	core_lock(&fs->core);
	known = set_times_refused(fs, req, node, to_set) || setattr_known(fs, req, node, &op);
	core_unlock(&fs->core);
	if (known)
		return;
	ask = ask_new_call(req, op.fields & OP_HAS_SIZE ? PATIENCE_TRUNCATE : PATIENCE_OTHER);
	if (!ask)
		return;
	core_lock(&fs->core);
	ask->inode = inodes_get(&fs->core.inodes, ops_id_of(fs, node));
	ask->op = op;
	ask->op.id = ops_id_of(fs, node);
	if (ask->inode)
		check_and_set(ask, fi != NULL);
	else
		ask_end(ask, -ENOMEM);
	core_unlock(&fs->core);
}

/* -- other requests about a node -- */

static void on_readlink(void *cookie, int error)
{
	struct ask *ask = cookie;
	fuse_req_t req = ask_take(ask);

	if (req && error == 0 && ask->inode->target)
		fuse_reply_readlink(req, ask->inode->target);
	else if (req)
		ops_error(req, error < 0 ? error : -EINVAL);
	ask_free(ask);
}

void ops_readlink(fuse_req_t req, fuse_ino_t node)
{
	struct fs *fs = fs_of(req);
	struct inode *inode;
	struct ask *ask;
	int r;

	metric_inc(fs->requests);
	core_lock(&fs->core);
	inode = ops_inode(fs, node);
	if (inode && inode->target) {
		fuse_reply_readlink(req, inode->target);
		core_unlock(&fs->core);
		return;
	}
	core_unlock(&fs->core);
	ask = ask_new(req);
	if (!ask)
		return;
	core_lock(&fs->core);
	ask->inode = inodes_get(&fs->core.inodes, ops_id_of(fs, node));
	r = ask->inode ? ask_attributes(ask, ask->inode, on_readlink) : -ENOMEM;
	if (r < 0)
		ask_end(ask, r);
	core_unlock(&fs->core);
}

#define STATFS_BLOCK 4096u
/* document numbers in a drive; where documents are limited, the limit is reported instead */
#define STATFS_FILES (UINT32_MAX)

static void reply_statfs(struct fs *fs, fuse_req_t req)
{
	int64_t room = fs->free > 0 ? fs->free : 0, dirty = (int64_t)flusher_bytes(&fs->flusher);
	const int64_t files = fs->documents_max > 0 ? fs->documents_max : STATFS_FILES;
	const int64_t more = files > fs->documents ? files - fs->documents : 0;
	struct statvfs st = {
		.f_bsize = STATFS_BLOCK,
		.f_frsize = STATFS_BLOCK,
		.f_files = (fsfilcnt_t)files,
		.f_ffree = (fsfilcnt_t)more,
		.f_favail = (fsfilcnt_t)more,
		.f_namemax = NAME_BYTES_MAX,
	};

	room = room > dirty ? room - dirty : 0;
	st.f_bfree = st.f_bavail = (fsblkcnt_t)(room / STATFS_BLOCK);
	st.f_blocks = (fsblkcnt_t)((fs->used + dirty + STATFS_BLOCK - 1) / STATFS_BLOCK) + st.f_bfree;
	fuse_reply_statfs(req, &st);
}

static void on_statfs(void *cookie, int error, const struct store_drive *drive)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;
	fuse_req_t req;

	core_lock(&fs->core);
	core_call_over(&fs->core);
	if (error == 0)
		ops_learn_usage(fs, drive);
	req = ask_take(ask);
	if (req && error == 0)
		reply_statfs(fs, req);
	else if (req)
		ops_error(req, error);
	ask_free(ask);
	core_unlock(&fs->core);
}

void ops_statfs(fuse_req_t req, fuse_ino_t node)
{
	struct fs *fs = fs_of(req);
	struct ask *ask;

	(void)node;
	metric_inc(fs->requests);
	ask = ask_new_call(req, PATIENCE_STATFS);
	if (!ask)
		return;
	core_lock(&fs->core);
	core_call_begins(&fs->core);
	ask->cancel = ask_cancel_ticket;
	ask->ticket = fs->core.store->ops->drive(fs->core.store, on_statfs, ask);
	core_unlock(&fs->core);
}
