#include "fusefs/ops_private.h"

#include "common/base/text.h"
#include "fusefs/xattrs.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/xattr.h>

/*
 * Extended attributes are fetched all at once and kept until the journal says otherwise: before each write the kernel asks for security.capability, which must not cost a
 * request. POSIX ACLs and labels that a kernel would act upon are not offered.
 */

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static int name_check(const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size > XATTR_NAME_BYTES_MAX)
		return -ERANGE;
	if (!strcmp(name, "security.capability") || has_prefix(name, "user.") || has_prefix(name, "trusted."))
		return 0;
	return -EOPNOTSUPP;
}

static struct xattrs *known(const struct inode *inode)
{
	struct xattrs *x = inode->xattrs;

	const struct inodes *t = inode->table;

	return x && x->epoch == t->epoch && t->trusted && x->seen >= t->needed ? x : NULL;
}

/* -- what reads answer -- */

struct wish {
	const char *name; /* NULL: the list */
	size_t size;	  /* 0: how large is it? */
};

static void reply(fuse_req_t req, const struct wish *wish, const void *data, size_t size)
{
	if (wish->size == 0)
		fuse_reply_xattr(req, size);
	else if (size > wish->size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, data, size);
}

static void answer(fuse_req_t req, const struct xattrs *x, const struct wish *wish)
{
	if (wish->name) {
		const struct xattr *a = xattrs_find(x, span_str(wish->name));

		if (a)
			reply(req, wish, a->value.data, a->value.size);
		else
			fuse_reply_err(req, ENODATA);
	} else {
		char *names = malloc(x->names_size + 1);

		if (names) {
			xattrs_names(x, names);
			reply(req, wish, names, x->names_size);
		} else {
			fuse_reply_err(req, ENOMEM);
		}
		free(names);
	}
}

/* Several threads of the store's do not call back for one call at a time: no lock is needed. */
static int on_each(void *cookie, struct span name, struct span value)
{
	struct ask *ask = cookie;

	return xattrs_add(ask->extra, name, value);
}

static void keep(struct ask *ask, struct xattrs *x)
{
	struct inode *inode = ask->inode;

	if (!recent_document_stands(&ask->fs->recent, ask->seen, inode->id)) {
		xattrs_free(x);
		return;
	}
	xattrs_free(inode->xattrs);
	inode->xattrs = x;
	x->seen = ask->seen;
	x->epoch = inode->table->epoch;
}

static void on_xattrs(void *cookie, int error)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;
	struct xattrs *x = ask->extra;
	struct wish wish = {.name = ask->plus ? NULL : ask->name, .size = ask->size};
	fuse_req_t req;

	fs_lock(fs);
	fs->calls--;
	ask->extra = NULL;
	req = ask_take(ask);
	if (req && error == 0)
		answer(req, x, &wish);
	else if (req)
		ops_error(req, error);
	if (error == 0)
		keep(ask, x);
	else
		xattrs_free(x);
	ask_free(ask);
	fs_unlock(fs);
}

static void fetch(struct ask *ask, fuse_ino_t node)
{
	struct fs *fs = ask->fs;

	fs_lock(fs);
	ask->inode = inodes_get(&fs->inodes, fs_id(fs, node));
	ask->extra = xattrs_new();
	if (!ask->inode || !ask->extra) {
		ask_fail(ask, -ENOMEM);
	} else {
		/* The answer does not say which position it saw: at least this one. */
		ask->seen = fs->recent.last;
		fs->calls++;
		ask->cancel = ask_cancel_ticket;
		ask->ticket = fs->store->ops->xattrs(fs->store, ask->inode->id, on_each, on_xattrs, ask);
	}
	fs_unlock(fs);
}

static void read_xattrs(fuse_req_t req, fuse_ino_t node, const struct wish *wish)
{
	struct fs *fs = fs_of(req);
	struct inode *inode;
	struct xattrs *x;
	struct ask *ask;

	fs_lock(fs);
	inode = ops_inode(fs, node);
	x = inode ? known(inode) : NULL;
	if (x)
		answer(req, x, wish);
	fs_unlock(fs);
	if (x)
		return;
	ask = ask_new(req);
	if (!ask)
		return;
	ask->plus = !wish->name;
	ask->size = wish->size;
	if (wish->name)
		memcpy(ask->name, wish->name, strlen(wish->name));
	fetch(ask, node);
}

void ops_getxattr(fuse_req_t req, fuse_ino_t node, const char *name, size_t size)
{
	struct wish wish = {name, size};
	int r = name_check(name);

	metric_inc(fs_of(req)->requests);
	if (r < 0)
		ops_error(req, r);
	else
		read_xattrs(req, node, &wish);
}

void ops_listxattr(fuse_req_t req, fuse_ino_t node, size_t size)
{
	struct wish wish = {NULL, size};

	metric_inc(fs_of(req)->requests);
	read_xattrs(req, node, &wish);
}

/* -- changes -- */

static void learn_change(struct ask *ask, const struct op_result *result)
{
	struct xattrs *x = known(ask->inode);
	int r = 0;

	inode_unref(fs_learn_own(ask->fs, result));
	if (!x)
		return;
	if (ask->op.kind == OP_SETXATTR)
		r = xattrs_add(x, ask->op.name, ask->op.target);
	else
		xattrs_remove(x, ask->op.name);
	if (r < 0) {
		xattrs_free(x);
		ask->inode->xattrs = NULL;
	} else if (result->has_item && result->item.seq > x->seen) {
		x->seen = result->item.seq;
	}
}

static void on_change(void *cookie, int error, const struct op_result *results, size_t count)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;
	fuse_req_t req;

	(void)count;
	fs_lock(fs);
	fs->calls--;
	if (error == 0)
		learn_change(ask, &results[0]);
	req = ask_take(ask);
	if (req)
		ops_error(req, error);
	ask_free(ask);
	fs_unlock(fs);
}

static void change(fuse_req_t req, fuse_ino_t node, const struct op *op, struct span value)
{
	struct fs *fs = fs_of(req);
	struct ask *ask = ask_new(req);
	int r;

	if (!ask)
		return;
	ask->op = *op;
	memcpy(ask->name, op->name.data, op->name.size);
	ask->op.name = span_of(ask->name, op->name.size);
	ask->text = malloc(value.size + 1);
	if (ask->text && value.size > 0)
		memcpy(ask->text, value.data, value.size);
	ask->op.target = span_of(ask->text, value.size);
	fs_lock(fs);
	ask->inode = inodes_get(&fs->inodes, fs_id(fs, node));
	ask->op.id = fs_id(fs, node);
	r = ask->inode && ask->text ? ask_ops(ask, &ask->op, 1, on_change) : -ENOMEM;
	if (r < 0)
		ask_fail(ask, r);
	fs_unlock(fs);
}

/* budget: the signature is libfuse's */
void ops_setxattr(fuse_req_t req, fuse_ino_t node, const char *name, const char *value, size_t size, int flags)
{
	struct op op = {.kind = OP_SETXATTR, .name = span_str(name)};
	int r = name_check(name);

	metric_inc(fs_of(req)->requests);
	if (r == 0 && size > XATTR_VALUE_BYTES_MAX)
		r = -E2BIG;
	if (r < 0) {
		ops_error(req, r);
		return;
	}
	op.fields = (flags & XATTR_CREATE ? (uint32_t)OP_XATTR_CREATE : 0) |
		(flags & XATTR_REPLACE ? (uint32_t)OP_XATTR_REPLACE : 0);
	change(req, node, &op, span_of(value, size));
}

void ops_removexattr(fuse_req_t req, fuse_ino_t node, const char *name)
{
	struct op op = {.kind = OP_REMOVEXATTR, .name = span_str(name)};
	int r = name_check(name);

	metric_inc(fs_of(req)->requests);
	if (r < 0)
		ops_error(req, r);
	else
		change(req, node, &op, span_of(NULL, 0));
}
