#include "fusefs/core/attributes.h"

#include "common/base/clock.h"
#include "fusefs/core/holds.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

int64_t attributes_seq_of(const struct op_result *result)
{
	int64_t seq = result->has_item ? result->item.seq : 0;

	for (size_t i = 0; i < result->dir_count; i++)
		if (result->dirs[i].seq > seq)
			seq = result->dirs[i].seq;
	return seq;
}

/*
 * Whether others may have changed the document's content lately. The journal may not have reported that change yet,
 * or it reported the change before the document was known here. It may also be an own change whose answer is still in
 * flight; but when no other mount uses the drive, it can only be an own change.
 */
static bool is_foreign(const struct core *core, const struct inode *inode, const struct item *item)
{
	const bool is_new = inode->attr.content_seq == 0;

	if (!core_is_shared(core) || (is_new && !S_ISREG(item->mode)))
		return false;
	return item->content_seq > (is_new ? core->settled : inode->attr.content_seq);
}

struct inode *attributes_learn(struct core *core, const struct item *item, int64_t seen, bool *ret_fresh)
{
	struct inode *inode = inodes_get(&core->inodes, item->id);
	bool fresh = recent_document_stands(&core->recent, seen, item->id);

	if (!inode)
		return NULL;
	if (item->content_seq != inode->attr.content_seq)
		holds_release(core->holds, inode);
	if (is_foreign(core, inode, item))
		inode->foreign_ns = core->now_ns;
	if (inode_learn(inode, item, seen)) {
		if (core->hooks->learnt)
			core->hooks->learnt(core->cookie, inode, item, seen, fresh);
		if (!fresh)
			inode->epoch = 0;
	}
	if (ret_fresh)
		*ret_fresh = fresh;
	return inode;
}

/* Called after an own op: from now on an older answer about the document must not be cached. */
static struct inode *learn_changed(struct core *core, const struct item *item)
{
	struct inode *inode = inodes_get(&core->inodes, item->id);

	recent_add_document(&core->recent, item->seq, item->id);
	if (!inode)
		return NULL;
	if (inode->attr.mode != item->mode && core->hooks->mode_changes)
		core->hooks->mode_changes(core->cookie, inode, item);
	/* The kernel itself has applied to its size what the op did to the size. */
	inode->told = item->size;
	holds_release(core->holds, inode);
	(void)inode_learn(inode, item, item->seq);
	return inode;
}

struct inode *attributes_learn_own(struct core *core, const struct op_result *result)
{
	for (size_t i = 0; i < result->dir_count; i++)
		inode_unref(learn_changed(core, &result->dirs[i]));
	core->newest = result->has_item ? result->item.id : 0;
	core->newest_ns = clock_mono_ns();
	return result->has_item ? learn_changed(core, &result->item) : NULL;
}

bool attributes_changed_now(const struct core *core, const struct inode *inode)
{
	return core->newest == inode->id && clock_mono_ns() - core->newest_ns < ATTRIBUTES_TICK_NS;
}

/* -- asking -- */

struct refresh {
	struct core *core;
	struct inode *inode; /* with a reference */
};

static void on_item(void *cookie, int error, const struct item *item, struct store_position at);

static void send_refresh(struct refresh *refresh)
{
	struct core *core = refresh->core;

	core_call_begins(core);
	(void)core->store->ops->item(core->store, refresh->inode->id, on_item, refresh);
}

static void on_item(void *cookie, int error, const struct item *item, struct store_position at)
{
	struct refresh *refresh = cookie;
	struct core *core = refresh->core;
	struct inode *inode = refresh->inode;
	struct fill_wait *served;
	bool again;

	core_lock(core);
	core_call_over(core);
	assert(inode->refreshing);
	core_saw(core, at);
	if (error == 0)
		inode_unref(attributes_learn(core, item, at.seq, NULL));
	served = fill_waits_served(&inode->waits, error, at.seq);
	again = inode->waits != NULL;
	inode->refreshing = again;
	if (again)
		send_refresh(refresh); /* for requests that came too late for this answer */
	fill_waits_fire(served, error);
	if (!again)
		inode_unref(inode);
	core_unlock(core);
	if (!again)
		free(refresh);
}

int attributes_refresh(struct core *core, struct inode *inode, void (*ready)(void *cookie, int error), void *cookie)
{
	const struct fill_wish wish = fill_wish_now(&core->view, core->now_ns);
	struct refresh *refresh = inode->refreshing ? NULL : malloc(sizeof(*refresh));
	int error;

	if (!inode->refreshing && !refresh)
		return -ENOMEM;
	error = fill_wait_add(&inode->waits, &wish, !inode->refreshing, ready, cookie);
	if (error < 0 || inode->refreshing) {
		free(refresh);
		return error;
	}
	*refresh = (struct refresh){core, inode_ref(inode)};
	inode->refreshing = true;
	send_refresh(refresh);
	return 0;
}
