#include "fusefs/core/inode.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void inodes_init(struct inodes *t, void (*release)(void *cookie, struct inode *inode), void *cookie)
{
	*t = (struct inodes){.epoch = 1, .trusted = true, .release = release, .cookie = cookie};
}

static size_t target_memory(const struct inode *inode)
{
	return inode->target ? strlen(inode->target) + 1 + 16 : 0; /* 16: malloc's overhead */
}

static void destroy(struct inode *inode)
{
	struct inodes *t = inode->table;

	assert(t->count > 0);
	HASH_DEL(t->by_id, inode);
	t->count--;
	t->release(t->cookie, inode);
	assert(!inode->waits);
	assert(t->target_bytes >= target_memory(inode));
	t->target_bytes -= target_memory(inode);
	free(inode->target);
	free(inode);
}

void inodes_fini(struct inodes *t)
{
	while (t->by_id)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the analyzer loses count of the holders */
		destroy(t->by_id);
}

struct inode *inodes_find(struct inodes *t, int64_t id)
{
	struct inode *inode;

	HASH_FIND(hh, t->by_id, &id, sizeof(id), inode);
	return inode;
}

struct inode *inodes_get(struct inodes *t, int64_t id)
{
	struct inode *inode = inodes_find(t, id);

	if (inode)
		return inode_ref(inode);
	inode = calloc(1, sizeof(*inode));
	if (!inode)
		return NULL;
	inode->table = t;
	inode->id = id;
	inode->refs = 1;
	HASH_ADD(hh, t->by_id, id, sizeof(inode->id), inode);
	t->count++;
	return inode;
}

struct inode *inode_ref(struct inode *inode)
{
	inode->refs++;
	return inode;
}

void inode_unref(struct inode *inode)
{
	if (!inode)
		return;
	assert(inode->refs > 0);
	if (--inode->refs == 0 && inode->lookups == 0)
		destroy(inode);
}

void inode_lookup(struct inode *inode)
{
	inode->lookups++;
}

void inode_forget(struct inode *inode, uint64_t count)
{
	/* The kernel's count is not trusted: an inode with references stays. */
	inode->lookups -= count < inode->lookups ? count : inode->lookups;
	if (inode->refs == 0 && inode->lookups == 0)
		destroy(inode);
}

static void take_target(struct inode *inode, struct span target)
{
	char *copy;

	if (!S_ISLNK(inode->attr.mode) || inode->target)
		return; /* a target never changes */
	copy = strndup(target.data ? target.data : "", target.size);
	inode->target = copy;
	inode->table->target_bytes += target_memory(inode);
}

size_t inodes_memory_of_one(const struct inodes *t)
{
	return INODE_BYTES + (t->count > 0 ? t->target_bytes / t->count : 0);
}

bool inode_learn(struct inode *inode, const struct item *item, int64_t seen)
{
	if (seen < inode->seen)
		return false;
	inode->attr = (struct attributes){
		.size = item->size,
		.allocated = item->allocated,
		.mode = item->mode,
		.uid = item->uid,
		.gid = item->gid,
		.nlink = item->nlink,
		.rdev_major = item->rdev_major,
		.rdev_minor = item->rdev_minor,
		.atime = item->atime,
		.mtime = item->mtime,
		.ctime = item->ctime,
		.btime = item->btime,
		.seq = item->seq,
		.content_seq = item->content_seq,
		.bare = item->bare,
	};
	inode->known = true;
	inode->seen = seen;
	inode->epoch = inode->table->epoch;
	inode->orphan = item->nlink == 0;
	inode->parent = item->parent;
	take_target(inode, item->target);
	return true;
}

bool inode_stands(const struct inode *inode)
{
	return inode->known && inode->epoch == inode->table->epoch;
}

bool inode_valid(const struct inode *inode)
{
	return inode_stands(inode) && inode->table->trusted && inode->seen >= inode->table->needed;
}

void inode_changed(struct inode *inode, int64_t seq)
{
	if (inode->seen < seq)
		inode->epoch = 0;
}

bool inode_is_complete(const struct inode *folder)
{
	return inode_has_all_names(folder) && folder->table->trusted && folder->table->needed == 0;
}

bool inode_has_all_names(const struct inode *folder)
{
	return folder->complete && folder->complete_epoch == folder->table->epoch;
}
