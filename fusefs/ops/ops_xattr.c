#include "fusefs/ops/ops_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/text.h"
#include "common/proto/acl.h"
#include "common/proto/xattr_name.h"
#include "fusefs/content/file.h"
#include "fusefs/names/xattrs.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/xattr.h>

/*
 * Extended attributes: GETXATTR, LISTXATTR, SETXATTR, REMOVEXATTR.
 *
 * All xattrs of a document are fetched at once and cached until the journal reports a change (names/xattrs). Before
 * each write the kernel reads security.capability. That must not cost a request, and it shows where a write() begins
 * (append.h). The ACLs that the kernel reads where it checks permissions must not cost a request either: the
 * attributes of a document say whether it has no xattrs at all, and for a drive without any the kernel is answered
 * that the attribute is not supported.
 *
 * A change is one op. The cached xattrs are changed with it, except ACLs: the store keeps those in step with the
 * mode, so they are fetched again. ACLs are offered only where owners and permissions are shown as stored; otherwise
 * an ACL would name owners and permissions that are not shown. A write by O_DIRECT does not pass the place where the
 * kernel removes a file's capability, so the capability is removed here.
 */

#define CAPABILITY "security.capability"

static bool is_acl(struct span name)
{
	bool is_default;

	return acl_is_name(name, &is_default);
}

static int name_check(const struct fs *fs, const char *name)
{
	struct span s = span_str(name);

	if (s.size == 0 || s.size > XATTR_NAME_BYTES_MAX)
		return -ERANGE;
	return is_acl(s) && !ops_has_acls(fs) ? -EOPNOTSUPP : xattr_name_check(s);
}

static struct xattrs *kept(const struct inode *inode)
{
	struct xattrs *x = inode->xattrs;

	const struct inodes *t = inode->table;

	return x && x->epoch == t->epoch && t->trusted && x->seen >= t->needed ? x : NULL;
}

static const struct xattrs *known(const struct inode *inode)
{
	static const struct xattrs none;
	const struct xattrs *x = kept(inode);

	return !x && inode_valid(inode) && inode->attr.bare ? &none : x;
}

#define GROUPS_MAX 64 /* groups of a caller that are looked at: more than people are in */

/* -- what reads answer -- */

struct wish {
	const char *name; /* NULL: the list */
	size_t size;	  /* 0: the caller asks for the size */
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

/* Removes from a list of names those that the caller must not see; returns the size of the rest. trusted(7): shown
 * only to privileged callers, which means root, as far as a request can tell. */
static size_t drop_hidden(fuse_req_t req, char *names, size_t size)
{
	bool trusted = fuse_req_ctx(req)->uid == 0, acls = ops_has_acls(fs_of(req));
	size_t left = 0;

	for (size_t at = 0; at < size;) {
		struct span name = span_str(names + at);

		at += name.size + 1;
		if ((!trusted && xattr_name_is_trusted(name)) || (!acls && is_acl(name)))
			continue;
		memmove(names + left, name.data, name.size + 1);
		left += name.size + 1;
	}
	return left;
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
			reply(req, wish, names, drop_hidden(req, names, x->names_size));
		} else {
			fuse_reply_err(req, ENOMEM);
		}
		free(names);
	}
}

/* The store does not run the callbacks of one call on several threads at a time: no lock is needed. */
static int on_each(void *cookie, struct span name, struct span value)
{
	struct ask *ask = cookie;

	return xattrs_add(ask->extra, name, value);
}

static void keep(struct ask *ask, struct xattrs *x)
{
	struct inode *inode = ask->inode;

	if (!recent_document_stands(&ask->fs->core.recent, ask->seen, inode->id)) {
		xattrs_free(x);
		return;
	}
	x->seen = ask->seen;
	x->epoch = inode->table->epoch;
	xattrs_keep(&ask->fs->core.kept, inode, x);
}

static void on_xattrs(void *cookie, int error)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;
	struct xattrs *x = ask->extra;
	struct wish wish = {.name = ask->plus ? NULL : ask->name, .size = ask->size};
	fuse_req_t req;

	core_lock(&fs->core);
	core_call_over(&fs->core);
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
	core_unlock(&fs->core);
}

static void fetch(struct ask *ask, fuse_ino_t node)
{
	struct fs *fs = ask->fs;

	core_lock(&fs->core);
	ask->inode = inodes_get(&fs->core.inodes, ops_id_of(fs, node));
	ask->extra = xattrs_new();
	if (!ask->inode || !ask->extra) {
		ask_end(ask, -ENOMEM);
	} else {
		/* The answer does not say which position it saw; it saw at least this one. */
		ask->seen = fs->core.view.newest > fs->core.recent.last ? fs->core.view.newest : fs->core.recent.last;
		core_call_begins(&fs->core);
		ask->cancel = ask_cancel_ticket;
		ask->ticket = fs->core.store->ops->xattrs(fs->core.store, ask->inode->id, on_each, on_xattrs, ask);
	}
	core_unlock(&fs->core);
}

static void read_xattrs(fuse_req_t req, fuse_ino_t node, const struct wish *wish)
{
	struct fs *fs = fs_of(req);
	const struct xattrs *x;
	struct inode *inode;
	struct ask *ask;

	core_lock(&fs->core);
	inode = ops_inode(fs, node);
	if (inode && inode->file && wish->name && strcmp(wish->name, CAPABILITY) == 0)
		append_seen(&inode->file->append, fuse_req_ctx(req)->pid);
	x = inode ? known(inode) : NULL;
	if (x)
		answer(req, x, wish);
	if (x && x == inode->xattrs)
		xattrs_use(&fs->core.kept, inode);
	core_unlock(&fs->core);
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

/*
 * ls -l reads both attributes of everything it lists, until it gets "not supported": a request each, since the kernel
 * caches neither. As long as no document of the drive has xattrs, that may be the answer: the kernel itself never
 * reads a default ACL, and a program that sets one of the two attributes does not get this answer.
 */
static bool is_pointless(struct fs *fs, const char *name)
{
	bool bare;

	if (strcmp(name, ACL_DEFAULT) != 0 && strcmp(name, "security.selinux") != 0)
		return false;
	core_lock(&fs->core);
	bare = ops_is_bare(fs);
	core_unlock(&fs->core);
	return bare;
}

void ops_getxattr(fuse_req_t req, fuse_ino_t node, const char *name, size_t size)
{
	struct wish wish = {name, size};
	int r = name_check(fs_of(req), name);

	metric_inc(fs_of(req)->requests);
	if (r == 0 && is_pointless(fs_of(req), name))
		r = -EOPNOTSUPP;
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

/* Starts a cache entry for a document that had no xattrs at that position. */
static struct xattrs *begin(struct fs *fs, struct inode *inode, int64_t seen)
{
	struct xattrs *x = xattrs_new();

	if (!x)
		return NULL;
	x->seen = seen;
	x->epoch = inode->table->epoch;
	xattrs_keep(&fs->core.kept, inode, x);
	return x;
}

static void learn_change(struct ask *ask, const struct op_result *result)
{
	struct inode *inode = ask->inode;
	bool was_bare = inode_valid(inode) && inode->attr.bare;
	int64_t seen = inode->seen;
	struct xattrs *x;
	int r = 0;

	inode_unref(attributes_learn_own(&ask->fs->core, result));
	ops_xattrs_changed(ask->fs, attributes_seq_of(result));
	x = kept(inode);
	if (!x && was_bare)
		x = begin(ask->fs, inode, seen);
	if (!x)
		return;
	if (is_acl(ask->op.name))
		r = -ESTALE; /* the store keeps ACLs in step with the mode, and may keep none */
	else if (ask->op.kind == OP_SETXATTR)
		r = xattrs_add(x, ask->op.name, ask->op.target);
	else
		xattrs_remove(x, ask->op.name);
	if (r < 0) {
		xattrs_keep(&ask->fs->core.kept, inode, NULL);
	} else {
		x->own = attributes_seq_of(result);
		xattrs_use(&ask->fs->core.kept, inode);
	}
}

static void on_checked(struct ask *ask, int error)
{
	if (error == 0)
		error = ask_change(ask, learn_change);
	if (error < 0)
		ask_end(ask, error);
}

static void change(fuse_req_t req, fuse_ino_t node, const struct op *op, struct span value)
{
	struct fs *fs = fs_of(req);
	struct ask *ask = ask_new(req);

	if (!ask)
		return;
	ask->op = *op;
	memcpy(ask->name, op->name.data, op->name.size);
	ask->op.name = span_of(ask->name, op->name.size);
	ask->text = malloc(value.size + 1);
	if (ask->text && value.size > 0)
		memcpy(ask->text, value.data, value.size);
	ask->op.target = span_of(ask->text, value.size);
	core_lock(&fs->core);
	ask->inode = inodes_get(&fs->core.inodes, ops_id_of(fs, node));
	ask->op.id = ops_id_of(fs, node);
	/* The kernel does not say whether the caller used a descriptor or a name: see SETATTR. */
	if (!ask->inode || !ask->text)
		ask_end(ask, -ENOMEM);
	else if (ask->inode->opens > 0)
		on_checked(ask, 0);
	else
		ops_check(ask, ask->inode, CHECK_NAME, on_checked);
	core_unlock(&fs->core);
}

/*
 * The kernel clears the set-group-id bit when the caller that sets an ACL is neither in the file's group nor
 * privileged. For this request it leaves that to the file system, and says so only in a longer form of the request,
 * which this version of libfuse does not accept.
 */
static bool clears_sgid(fuse_req_t req, fuse_ino_t node)
{
	const struct fuse_ctx *who = fuse_req_ctx(req);
	struct fs *fs = fs_of(req);
	gid_t groups[GROUPS_MAX];
	struct inode *inode;
	gid_t group = 0;
	bool known;
	int count;

	if (who->uid == 0)
		return false;
	core_lock(&fs->core);
	inode = ops_inode(fs, node);
	known = inode && inode_valid(inode);
	if (known)
		group = inode->attr.gid;
	core_unlock(&fs->core);
	if (known && who->gid == group)
		return false;
	count = known ? fuse_req_getgroups(req, GROUPS_MAX, groups) : 0;
	for (int i = 0; i < count && i < GROUPS_MAX; i++)
		if (groups[i] == group)
			return false;
	return true;
}

/* budget: the signature is libfuse's */
void ops_setxattr(fuse_req_t req, fuse_ino_t node, const char *name, const char *value, size_t size, int flags)
{
	struct op op = {.kind = OP_SETXATTR, .name = span_str(name)};
	int r = name_check(fs_of(req), name);

	metric_inc(fs_of(req)->requests);
	if (r == 0 && size > XATTR_VALUE_BYTES_MAX)
		r = -E2BIG;
	if (r < 0) {
		ops_error(req, r);
		return;
	}
	op.fields = (flags & XATTR_CREATE ? (uint32_t)OP_XATTR_CREATE : 0) |
		(flags & XATTR_REPLACE ? (uint32_t)OP_XATTR_REPLACE : 0);
	if (span_eq_str(op.name, ACL_ACCESS) && clears_sgid(req, node))
		op.fields |= OP_XATTR_NO_SGID;
	change(req, node, &op, span_of(value, size));
}

void ops_removexattr(fuse_req_t req, fuse_ino_t node, const char *name)
{
	struct op op = {.kind = OP_REMOVEXATTR, .name = span_str(name)};
	int r = name_check(fs_of(req), name);

	metric_inc(fs_of(req)->requests);
	if (r < 0)
		ops_error(req, r);
	else
		change(req, node, &op, span_of(NULL, 0));
}

/* -- capabilities -- */

struct drop {
	struct fs *fs;
	struct inode *inode; /* with a reference */
};

static void on_dropped(void *cookie, int error, const struct op_result *results, size_t count)
{
	struct drop *drop = cookie;
	struct fs *fs = drop->fs;
	struct xattrs *x;

	(void)count;
	core_lock(&fs->core);
	core_call_over(&fs->core);
	if (error == 0) {
		inode_unref(attributes_learn_own(&fs->core, &results[0]));
		x = kept(drop->inode);
		if (x)
			x->own = attributes_seq_of(&results[0]);
	} else if (error != -ENODATA) {
		/* The capability may still be there. */
		xattrs_keep(&fs->core.kept, drop->inode, NULL);
		log_warning(NULL, "the capability of a file that was written could not be removed: %s",
			error_lookup(error)->title);
	}
	inode_unref(drop->inode);
	core_unlock(&fs->core);
	free(drop);
}

void ops_drop_capability(struct fs *fs, struct handle *h)
{
	const struct op op = {.kind = OP_REMOVEXATTR, .id = h->inode->id, .name = SPAN_LITERAL(CAPABILITY)};
	const struct xattrs *x = known(h->inode);
	struct drop *drop;

	/* Where the xattrs are not known, the removal is sent once: it does no harm when there is no capability. */
	if (x ? !xattrs_find(x, op.name) : h->capability_gone)
		return;
	drop = malloc(sizeof(*drop));
	if (!drop)
		return;
	*drop = (struct drop){fs, inode_ref(h->inode)};
	if (oplog_append(fs->oplog, &op, 1, on_dropped, drop, NULL) < 0) {
		inode_unref(drop->inode);
		free(drop);
		return;
	}
	core_call_begins(&fs->core);
	h->capability_gone = true;
	if (!kept(h->inode))
		return;
	xattrs_remove(h->inode->xattrs, op.name);
	xattrs_use(&fs->core.kept, h->inode);
}
