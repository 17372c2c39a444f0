#include "fusefs/ops/ops_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

void ops_looked_up(struct fs *fs, fuse_req_t req, const struct looked_answer *answer)
{
	if (!core_is_shared(&fs->core))
		return;
	if (!fs->looked)
		fs->looked = calloc(1, sizeof(*fs->looked));
	/* Without memory, a document that is opened is checked by its id. */
	if (fs->looked)
		looked_up(fs->looked, fuse_req_ctx(req)->pid, answer);
}

struct inode *ops_learn_name(
	struct fs *fs, struct looked_answer *answer, int error, const struct item *item, struct store_position at)
{
	const bool fresh = recent_name_stands(&fs->core.recent, at.seq, answer->folder, answer->name);
	struct inode *inode = NULL;
	bool ignored;

	if (error == 0)
		inode = attributes_learn(&fs->core, item, at.seq, &ignored);
	if (fresh && (inode || (error == -ENOENT && at.seq > 0)))
		names_learn(&fs->names, answer->folder, answer->name, inode, at.seq);
	answer->fresh = fresh;
	answer->id = inode ? inode->id : 0;
	answer->is_folder = inode && S_ISDIR(inode->attr.mode);
	return inode;
}

struct check {
	struct inode *inode; /* one of the ask's references */
	struct looked_name name;
	void (*done)(struct ask *ask, int error);
};

/* A document without a name exists for those who have it open, and for nobody who opens it now. */
static bool is_another(const struct check *check, const struct inode *found)
{
	return found != check->inode || (found->attr.nlink == 0 && found->opens == 0);
}

/* Makes the kernel's next LOOKUP of this name get a new answer: the cached name that led to this request is
 * dropped. */
static void send_back(struct ask *ask, const struct check *check)
{
	struct fs *fs = ask->fs;
	struct span name = span_of(check->name.bytes, check->name.size);

	names_gone(&fs->names, check->name.folder, name, check->inode);
	if (ask->req && fs->looked)
		looked_back(fs->looked, fuse_req_ctx(ask->req)->pid, check->name.folder, name);
}

/* The answer to a lookup by name, or to a question about the document alone. */
static void on_answer(void *cookie, int error, const struct item *item, struct store_position at)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;
	struct check *check = ask->extra;
	const bool named = check->name.folder != 0;
	struct looked_answer answer = {
		.folder = check->name.folder, .name = span_of(check->name.bytes, check->name.size)};
	struct inode *found;

	core_lock(&fs->core);
	core_call_over(&fs->core);
	ask->cancel = NULL;
	ask->extra = NULL;
	core_saw(&fs->core, at);
	if (named)
		found = ops_learn_name(fs, &answer, error, item, at);
	else
		found = error == 0 ? attributes_learn(&fs->core, item, at.seq, NULL) : NULL;
	if (error == 0 && !found)
		error = -ENOMEM;
	else if (error == -ENOENT || (error == 0 && is_another(check, found)))
		error = -ESTALE;
	inode_unref(found);
	if (error == -ESTALE && named)
		send_back(ask, check);
	/* When the caller was let go, the operation that the check was for is not started. */
	if (ask->req)
		check->done(ask, error);
	else
		ask_free(ask);
	free(check);
	core_unlock(&fs->core);
}

static void start(struct ask *ask, struct check *check)
{
	struct fs *fs = ask->fs;
	struct store *store = fs->core.store;
	const struct looked_name *name = &check->name;

	assert(!ask->extra); /* one check at a time */
	ask->extra = check;
	core_call_begins(&fs->core);
	ask->cancel = ask_cancel_ticket;
	ask->ticket = name->folder
		? store->ops->lookup(store, name->folder, span_of(name->bytes, name->size), on_answer, ask)
		: store->ops->item(store, check->inode->id, on_answer, ask);
}

void ops_check(struct ask *ask, struct inode *inode, enum ops_check_what what, void (*done)(struct ask *ask, int error))
{
	struct fs *fs = ask->fs;
	const struct looked_name *name = NULL;
	enum looked_how how = LOOKED_NOT;
	struct check *check;

	if (!ask->req) {
		ask_free(ask);
		return;
	}
	if (fs->looked)
		how = looked_take(fs->looked, fuse_req_ctx(ask->req)->pid, inode->id, &name);
	if (!ops_wants_check(fs) || how == LOOKED_ASKED || (!name && what == CHECK_NAME)) {
		done(ask, 0);
		return;
	}
	check = calloc(1, sizeof(*check));
	if (!check) {
		done(ask, -ENOMEM);
		return;
	}
	check->inode = inode;
	check->done = done;
	if (name)
		check->name = *name;
	start(ask, check);
}
