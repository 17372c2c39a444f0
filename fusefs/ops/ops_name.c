#include "fusefs/ops/ops_internal.h"

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "fusefs/content/file.h"
#include "fusefs/ops/refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

/*
 * New names: CREATE, MKNOD, MKDIR, SYMLINK, LINK.
 *
 * Each is one op in the op log. When the store has applied the op, its result describes the new document. From the
 * result the inode, the name and the folder become known here, and the kernel gets its entry. A new document is known
 * completely: a file without content, a folder without entries, so that nothing about it has to be asked.
 *
 * CREATE without O_EXCL may find that another mount has just made the name. Then the document is looked up at the
 * store and opened as it is, provided that the caller certainly may open it (the kernel took the name for new and has
 * not checked that). Where that is not certain, ESTALE makes the kernel look the name up itself. When the name is
 * gone again meanwhile, the create is sent once more, a bounded number of times. LINK first checks that the document
 * still is the one that the caller named (ops_check).
 */

/* A new document is known completely: no content, no entries. */
static void learn_new(struct fs *fs, struct inode *inode, const struct item *item)
{
	struct file *f;

	if (!recent_folder_stands(&fs->core.recent, item->seq, item->id))
		return;
	if (S_ISDIR(item->mode)) {
		inode->complete = true;
		inode->complete_epoch = fs->core.inodes.epoch;
	}
	f = S_ISREG(item->mode) ? file_get(inode) : NULL;
	if (f && content_learn_inline(&f->content, item->content_seq, item->seq, span_of(NULL, 0)) == 0)
		file_count_content(&fs->core, f);
}

/* The inode of the document that the op made or linked, with a reference; NULL: no memory. */
static struct inode *learn_entry(struct ask *ask, const struct op_result *result, bool is_new)
{
	struct fs *fs = ask->fs;
	struct span name = span_str(ask->name);
	struct inode *inode = attributes_learn_own(&fs->core, result);
	int64_t seq = attributes_seq_of(result);

	if (!(ask->op.fields & OP_NAMELESS))
		recent_add_name(&fs->core.recent, seq, ask->inode->id, name);
	if (!inode)
		return NULL;
	if (!(ask->op.fields & OP_NAMELESS))
		names_learn(&fs->names, ask->inode->id, name, inode, seq);
	if (is_new)
		learn_new(fs, inode, &result->item);
	return inode;
}

static void on_made(void *cookie, int error, const struct op_result *results, size_t count)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;
	struct inode *inode = NULL;
	fuse_req_t req;

	(void)count;
	core_lock(&fs->core);
	core_call_over(&fs->core);
	if (error == 0)
		inode = learn_entry(ask, &results[0], ask->op.kind == OP_CREATE);
	else
		refusal_learn(fs, &ask->op, error);
	req = ask_take(ask);
	if (req && inode)
		ops_reply_entry(fs, req, inode, true);
	else if (req)
		ops_error(req, error < 0 ? error : -ENOMEM);
	inode_unref(inode);
	ask_free(ask);
	core_unlock(&fs->core);
}

static void send(struct ask *ask, fuse_ino_t parent,
	void (*done)(void *cookie, int error, const struct op_result *results, size_t count))
{
	struct fs *fs = ask->fs;
	const struct looked_name *ignored;
	int r;

	core_lock(&fs->core);
	if (fs->looked && ask->req)
		(void)looked_take(fs->looked, fuse_req_ctx(ask->req)->pid, 0, &ignored); /* the LOOKUP is used up */
	ask->inode = inodes_get(&fs->core.inodes, ops_id_of(fs, parent));
	ask->op.parent = ops_id_of(fs, parent);
	r = ask->inode ? ask_ops(ask, &ask->op, 1, done) : -ENOMEM;
	if (r < 0)
		ask_end(ask, r);
	core_unlock(&fs->core);
}

static void fill_create(struct ask *ask, mode_t mode)
{
	const struct fuse_ctx *who = fuse_req_ctx(ask->req);

	ask->op.kind = OP_CREATE;
	ask->op.fields = OP_HAS_MODE;
	ask->op.mode = mode;
	/* The store applies the umask, because it must not be applied below a folder with a default ACL. */
	if (!S_ISLNK(mode) && (who->umask & mode & 0777)) {
		ask->op.fields |= OP_HAS_UMASK;
		ask->op.umask = who->umask & 0777;
	}
	if (!ask->fs->root_mode)
		return;
	ask->op.fields |= OP_HAS_UID | OP_HAS_GID;
	ask->op.uid = who->uid;
	ask->op.gid = who->gid;
}

void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct ask *ask = ops_ask_name(req, name, PATIENCE_OTHER);

	if (!ask)
		return;
	fill_create(ask, mode);
	if (S_ISCHR(mode) || S_ISBLK(mode)) {
		ask->op.rdev_major = major(rdev);
		ask->op.rdev_minor = minor(rdev);
	}
	send(ask, parent, on_made);
}

void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct ask *ask = ops_ask_name(req, name, PATIENCE_OTHER);

	if (!ask)
		return;
	fill_create(ask, S_IFDIR | (mode & 07777));
	send(ask, parent, on_made);
}

void ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct ask *ask = ops_ask_name(req, name, PATIENCE_OTHER);
	struct fs *fs;

	if (!ask)
		return;
	fs = ask->fs;
	fill_create(ask, S_IFLNK | 0777);
	ask->text = strdup(target);
	if (ask->text)
		ask->op.target = span_str(ask->text);
	if (!ask->text || ask->op.target.size > PATH_BYTES_MAX - 1) {
		core_lock(&fs->core);
		ask_end(ask, ask->text ? -ENAMETOOLONG : -ENOMEM); /* frees the request and the ask */
		core_unlock(&fs->core);
		return;
	}
	send(ask, parent, on_made);
}

static void on_checked(struct ask *ask, int error)
{
	if (error == 0)
		error = ask_ops(ask, &ask->op, 1, on_made);
	if (error < 0)
		ask_end(ask, error);
}

/* The document that gets another name must be the one that still has the first name. */
void ops_link(fuse_req_t req, fuse_ino_t node, fuse_ino_t parent, const char *name)
{
	struct ask *ask = ops_ask_name(req, name, PATIENCE_OTHER);
	struct fs *fs;

	if (!ask)
		return;
	fs = ask->fs;
	ask->op.kind = OP_LINK;
	ask->op.id = ops_id_of(fs, node);
	ask->op.parent = ops_id_of(fs, parent);
	core_lock(&fs->core);
	ask->inode = inodes_get(&fs->core.inodes, ask->op.parent);
	ask->other = inodes_get(&fs->core.inodes, ask->op.id);
	if (ask->inode && ask->other)
		ops_check(ask, ask->other, CHECK_NAME, on_checked);
	else
		ask_end(ask, -ENOMEM);
	core_unlock(&fs->core);
}

/* -- create and open -- */

static void reply_create(struct ask *ask, struct inode *inode)
{
	struct fs *fs = ask->fs;
	struct fuse_entry_param e;
	fuse_req_t req;

	ask->handle = ops_open_handle(fs, inode, &ask->fi);
	if (!ask->handle) {
		ask_end(ask, -ENOMEM);
		return;
	}
	ops_fill_entry(fs, inode, true, &e);
	inode_lookup(inode);
	req = ask_take(ask);
	if (req && fuse_reply_create(req, &e, &ask->fi) == 0)
		ask->handle = NULL; /* the kernel's from now on, until release */
	else
		inode_forget(inode, 1);
	ask_free(ask);
}

static void on_truncated(void *cookie, int error, const struct op_result *result)
{
	struct ask *ask = cookie;

	(void)result;
	if (error < 0)
		ask_end(ask, error);
	else
		reply_create(ask, ask->other);
}

/* How often a name may appear and disappear during one create: that so many rounds in a row happen by chance is less
 * likely than a bug of ours. */
#define CREATE_ROUNDS_MAX 16u

static void on_created(void *cookie, int error, const struct op_result *results, size_t count);

/*
 * The kernel does not check whether the creator of a file may open it. For a file that another mount made, this
 * function tells what is certain without groups and ACLs. Where that is not certain, the kernel has to look the name
 * up, and then checks.
 */
static bool surely_may_open(const struct ask *ask, const struct inode *inode)
{
	const struct fs *fs = ask->fs;
	const struct fuse_ctx *who = fuse_req_ctx(ask->req);
	const int access = ask->fi.flags & O_ACCMODE;
	const bool writes = access != O_RDONLY || (ask->fi.flags & O_TRUNC);
	const mode_t wanted = (access != O_WRONLY ? S_IRUSR : 0u) | (writes ? S_IWUSR : 0u);

	if (who->uid == 0)
		return true;
	if (who->uid != (fs->root_mode ? inode->attr.uid : fs->uid))
		return false;
	return !ops_has_acls(fs) || (inode->attr.mode & wanted) == wanted;
}

/* 0: the file that another mount made first can be opened, and ask->other is its inode. -ESTALE: the kernel has to
 * look the name up. */
static int learn_existing(struct ask *ask, const struct item *item, struct store_position at)
{
	struct looked_answer answer = {.folder = ask->inode->id, .name = ask->op.name};

	if (!S_ISREG(item->mode))
		return S_ISDIR(item->mode) ? -EISDIR : -EEXIST;
	ask->other = ops_learn_name(ask->fs, &answer, 0, item, at);
	if (!ask->other)
		return -ENOMEM;
	if (!surely_may_open(ask, ask->other))
		return -ESTALE;
	return ops_check_open(ask->other, ask->fi.flags);
}

/* Another mount made the name first: the file is opened, as if the lookup had found it. */
static void on_existing(void *cookie, int error, const struct item *item, struct store_position at)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;

	core_lock(&fs->core);
	core_call_over(&fs->core);
	ask->cancel = NULL;
	core_saw(&fs->core, at);
	if (!ask->req) {
		ask_free(ask); /* nobody waits for the answer: the file is not truncated */
		goto out;
	}
	if (error == -ENOENT && ++ask->rounds < CREATE_ROUNDS_MAX) {
		/* The name is gone again, so it can be made. */
		error = ask_ops(ask, &ask->op, 1, on_created);
		if (error == 0)
			goto out;
	}
	if (error == 0)
		error = learn_existing(ask, item, at);
	if (error == 0 && (ask->fi.flags & O_TRUNC)) {
		ask->op = (struct op){.kind = OP_SETATTR,
			.fields = OP_HAS_SIZE | (ops_drops_setid(ask->req) ? OP_DROP_SETID : 0u),
			.id = ask->other->id};
		error = ask_job(ask, ask->other, on_truncated);
		if (error == 0)
			goto out;
	}
	if (error < 0)
		ask_end(ask, error);
	else
		reply_create(ask, ask->other);
out:
	core_unlock(&fs->core);
}

static void on_created(void *cookie, int error, const struct op_result *results, size_t count)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;
	struct inode *inode = NULL;

	(void)count;
	core_lock(&fs->core);
	core_call_over(&fs->core);
	ask->cancel = NULL;
	if (error == 0)
		inode = learn_entry(ask, &results[0], true);
	else
		refusal_learn(fs, &ask->op, error);
	if (inode) {
		inode->pages_seq = results[0].item.content_seq;
		reply_create(ask, inode);
		inode_unref(inode);
	} else if (error == -EEXIST && !(ask->fi.flags & O_EXCL) && ask->req) {
		core_call_begins(&fs->core);
		ask->cancel = ask_cancel_ticket;
		ask->ticket =
			fs->core.store->ops->lookup(fs->core.store, ask->inode->id, ask->op.name, on_existing, ask);
	} else {
		ask_end(ask, error < 0 ? error : -ENOMEM);
	}
	core_unlock(&fs->core);
}

void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	const bool nameless = strcmp(name, DEVICE_NO_NAME) == 0; /* O_TMPFILE */
	struct ask *ask = nameless ? ask_new_call(req, PATIENCE_OPEN) : ops_ask_name(req, name, PATIENCE_OPEN);

	if (!ask)
		return;
	fill_create(ask, S_IFREG | (mode & 07777));
	if (nameless) {
		metric_inc(ask->fs->requests);
		ask->op.fields |= OP_NAMELESS;
	}
	ask->fi = *fi;
	send(ask, parent, on_created);
}
