#include "fusefs/ops_private.h"

#include <errno.h>
#include <stdlib.h>

void ops_looked_up(struct fs *fs, fuse_req_t req, const struct looked_answer *answer)
{
	if (!fs_is_shared(fs))
		return;
	if (!fs->looked)
		fs->looked = calloc(1, sizeof(*fs->looked));
	/* Without memory, what is opened is checked by its id. */
	if (fs->looked)
		looked_up(fs->looked, fuse_req_ctx(req)->pid, answer);
}

struct inode *ops_learn_name(struct ask *ask, int error, const struct item *item, int64_t seq, bool *ret_fresh)
{
	struct fs *fs = ask->fs;
	const struct op *op = &ask->op; /* parent and name are what was asked for */
	struct inode *inode = NULL;
	bool ignored;

	*ret_fresh = recent_name_stands(&fs->recent, seq, op->parent, op->name);
	if (error == 0)
		inode = fs_learn(fs, item, seq, &ignored);
	if (*ret_fresh && (inode || (error == -ENOENT && seq > 0)))
		names_learn(&fs->names, op->parent, op->name, inode, seq);
	return inode;
}

/* Without a name it is there for who has it open, and for nobody who comes now. */
static bool is_another(const struct ask *ask, const struct inode *found)
{
	return found != ask->inode || (found->attr.nlink == 0 && found->opens == 0);
}

/* What the kernel is told at its next LOOKUP is not what led here. */
static void send_back(struct ask *ask)
{
	struct fs *fs = ask->fs;

	names_gone(&fs->names, ask->op.parent, ask->op.name, ask->inode);
	if (ask->req && fs->looked)
		looked_back(fs->looked, fuse_req_ctx(ask->req)->pid, ask->op.parent, ask->op.name);
}

/* By name, or of the document alone. */
static void on_answer(void *cookie, int error, const struct item *item, struct store_position at)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;
	const bool named = ask->op.parent != 0;
	struct inode *found;
	bool fresh;

	fs_lock(fs);
	fs->calls--;
	ask->cancel = NULL;
	fs_saw(fs, at);
	if (named)
		found = ops_learn_name(ask, error, item, at.seq, &fresh);
	else
		found = error == 0 ? fs_learn(fs, item, at.seq, NULL) : NULL;
	if (error == 0 && !found)
		error = -ENOMEM;
	else if (error == -ENOENT || (error == 0 && is_another(ask, found)))
		error = -ESTALE;
	inode_unref(found);
	if (error == -ESTALE && named)
		send_back(ask);
	ask->checked(ask, error);
	fs_unlock(fs);
}

void ops_check(struct ask *ask, void (*done)(struct ask *ask, int error))
{
	struct fs *fs = ask->fs;
	struct store *store = fs->store;
	const struct looked_name *name = NULL;
	enum looked_how how = LOOKED_NOT;

	if (fs->looked && ask->req)
		how = looked_take(fs->looked, fuse_req_ctx(ask->req)->pid, ask->inode->id, &name);
	if (!ask->req || !ops_wants_check(fs) || how == LOOKED_ASKED) {
		done(ask, 0);
		return;
	}
	ask->checked = done;
	ask->op = (struct op){0};
	if (name) {
		memcpy(ask->name, name->bytes, name->size);
		ask->op.parent = name->folder;
		ask->op.name = span_of(ask->name, name->size);
	}
	fs->calls++;
	ask->cancel = ask_cancel_ticket;
	ask->ticket = name ? store->ops->lookup(store, ask->op.parent, ask->op.name, on_answer, ask)
			   : store->ops->item(store, ask->inode->id, on_answer, ask);
}
