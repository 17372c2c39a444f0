#include "fusefs/ops/ops_internal.h"

#include <errno.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1u << 0)
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1u << 1)
#endif

#ifndef RENAME_WHITEOUT
#define RENAME_WHITEOUT (1u << 2)
#endif

/*
 * Removed names: UNLINK, RMDIR, and RENAME, which removes one name and may replace another.
 *
 * Each is one op in the op log, answered when the store has applied the op. From the result, the state of the folders
 * and of the document after the op is known. When the result does not contain the document, because it lost its name,
 * only that loss is known. If that was its last name, the document has no links from then on; otherwise its
 * attributes are fetched when somebody needs them.
 *
 * The result of a rename says what both names are afterwards. After an exchange, a whiteout, or a rename between two
 * names of one document, the result does not say everything: such a name becomes unknown here, and is asked for at
 * the next LOOKUP.
 */

/* A document lost a name by an own op of this seq, and the result does not contain the document. */
static void lost_name(struct fs *fs, int64_t id, int64_t seq)
{
	struct inode *inode = id > 0 ? inodes_find(&fs->core.inodes, id) : NULL;

	recent_add_document(&fs->core.recent, seq, id);
	if (!inode)
		return;
	inode->orphan = true;
	if (inode_valid(inode) && (inode->attr.nlink <= 1 || S_ISDIR(inode->attr.mode))) {
		/* It was the last name, and nobody can change that: the known attributes stay correct. */
		inode->attr.nlink = 0;
		if (seq > inode->seen)
			inode->seen = seq;
	} else {
		inode_changed(inode, seq);
	}
}

static void learn_removed(struct ask *ask, const struct op_result *result)
{
	struct fs *fs = ask->fs;
	struct span name = span_str(ask->name);
	int64_t seq = attributes_seq_of(result);

	inode_unref(attributes_learn_own(&fs->core, result));
	if (!result->has_item)
		lost_name(fs, result->id, seq);
	recent_add_name(&fs->core.recent, seq, ask->inode->id, name);
	names_learn(&fs->names, ask->inode->id, name, NULL, seq);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, enum op_kind kind)
{
	struct fs *fs = fs_of(req);
	struct ask *ask = ops_ask_name(req, name, PATIENCE_OTHER);
	int r;

	if (!ask)
		return; /* the request was already answered */
	ask->op.kind = kind;
	ask->op.parent = ops_id_of(fs, parent);
	core_lock(&fs->core);
	ask->inode = inodes_get(&fs->core.inodes, ask->op.parent);
	r = ask->inode ? ask_change(ask, learn_removed) : -ENOMEM;
	if (r < 0)
		ask_end(ask, r);
	core_unlock(&fs->core);
}

void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, OP_UNLINK);
}

void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, OP_RMDIR);
}

static void learn_renamed(struct ask *ask, const struct op_result *result)
{
	struct fs *fs = ask->fs;
	struct span name = span_str(ask->name), new_name = span_str(ask->new_name);
	int64_t seq = attributes_seq_of(result), from = ask->inode->id, to = ask->other->id;
	struct inode *moved = attributes_learn_own(&fs->core, result);
	bool same = moved && result->replaced == moved->id; /* both names are of one document: nothing happened */

	recent_add_name(&fs->core.recent, seq, from, name);
	recent_add_name(&fs->core.recent, seq, to, new_name);
	if ((ask->op.fields & OP_EXCHANGE) || same || !moved) {
		/* The result does not contain the other document. */
		names_changed(&fs->names, from, name, seq + (same ? 1 : 0));
		names_changed(&fs->names, to, new_name, seq + (same ? 1 : 0));
	} else {
		if (ask->op.fields & OP_WHITEOUT)
			names_changed(&fs->names, from, name, seq); /* the result does not contain the whiteout */
		else
			names_learn(&fs->names, from, name, NULL, seq);
		names_learn(&fs->names, to, new_name, moved, seq);
		if (result->replaced > 0)
			lost_name(fs, result->replaced, seq);
	}
	inode_unref(moved);
}

static int rename_op(struct ask *ask, fuse_ino_t parent, fuse_ino_t new_parent, unsigned flags)
{
	struct fs *fs = ask->fs;

	ask->inode = inodes_get(&fs->core.inodes, ops_id_of(fs, parent));
	ask->other = inodes_get(&fs->core.inodes, ops_id_of(fs, new_parent));
	if (!ask->inode || !ask->other)
		return -ENOMEM;
	ask->op = (struct op){.kind = OP_RENAME,
		.fields = (flags & RENAME_NOREPLACE ? (uint32_t)OP_NOREPLACE : 0) |
			(flags & RENAME_EXCHANGE ? (uint32_t)OP_EXCHANGE : 0),
		.parent = ops_id_of(fs, parent),
		.new_parent = ops_id_of(fs, new_parent),
		.name = span_str(ask->name),
		.new_name = span_str(ask->new_name)};
	if (flags & RENAME_WHITEOUT) {
		const struct fuse_ctx *who = fuse_req_ctx(ask->req);

		ask->op.fields |= OP_WHITEOUT | (fs->root_mode ? OP_HAS_UID | OP_HAS_GID : 0u);
		ask->op.uid = who->uid;
		ask->op.gid = who->gid;
	}
	return ask_change(ask, learn_renamed);
}

/* budget: the signature is libfuse's */
void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name,
	unsigned flags)
{
	struct core *core = &fs_of(req)->core;
	struct ask *ask = ops_ask_name(req, name, PATIENCE_OTHER);
	struct span new_wanted = SPAN_LITERAL("");
	int r;

	if (!ask)
		return;
	r = ops_name(new_name, &new_wanted);
	if (r == 0 && (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)))
		r = -EINVAL;
	core_lock(core);
	if (r == 0) {
		memcpy(ask->new_name, new_wanted.data, new_wanted.size);
		r = rename_op(ask, parent, new_parent, flags);
	}
	if (r < 0)
		ask_end(ask, r);
	core_unlock(core);
}
