/*
 * names: the cache of which name in which folder is which document, or does not exist. Bounded; the least recently
 * used names are evicted first. A name holds a reference to its inode, and so keeps the attributes and the small
 * content that came with a listing.
 *
 * A folder whose inode says `complete` has every name in the cache, so that a name that is not in it does not exist,
 * and the folder can be listed from the cache. A name that another client changed stays as NAME_UNKNOWN: the folder
 * is still complete except for this name. Not thread-safe: guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_NAMES_NAMES_H
#define NEPHOS_FUSEFS_NAMES_NAMES_H

#include "common/base/limits.h"
#include "fusefs/core/inode.h"

enum name_state { NAME_UNKNOWN, NAME_ABSENT, NAME_PRESENT };

struct name {
	UT_hash_handle hh;
	struct name *prev, *next; /* most recently used first */
	struct name *folder_prev, *folder_next;
	enum name_state state;
	struct inode *inode; /* NAME_PRESENT */
	int64_t seen;
	uint64_t epoch;
	size_t size;
	int64_t folder; /* the key is this and bytes, which directly follows */
	char bytes[];
};

/* The names of one folder. The folder's inode has no pointer to them: it may be freed and come back while they
 * stay. */
struct names_folder {
	UT_hash_handle hh;
	int64_t id;
	struct name *names; /* at least one */
	size_t count;
};

struct names {
	struct name *by_key;
	struct name *recent;
	struct names_folder *folders; /* at most as many as there are names */
	size_t count, max;
	size_t bytes;	   /* without the inodes they refer to */
	size_t with_inode; /* how many of count have an inode */
	struct inodes *inodes;
	/*
	 * Called when a name was evicted for lack of room, with its inode, or NULL. emptied: the folder whose last
	 * name it was, or 0. May be NULL.
	 */
	void (*gone)(void *cookie, const struct inode *inode, int64_t emptied);
	void *cookie;
};

void names_init(struct names *t, struct inodes *inodes, size_t max);
void names_fini(struct names *t);
/* Evicts the least recently used name. There must be one. */
void names_let_go(struct names *t);
bool names_any(struct names *t, int64_t folder); /* some name in the folder is cached */
/* What is known of the name; NAME_UNKNOWN: nothing. ret_inode (NAME_PRESENT) is borrowed. */
enum name_state names_find(struct names *t, int64_t folder, struct span name, struct inode **ret_inode);
/*
 * All names in a folder of which all are known, as names_find would return them one by one, in the order of their
 * bytes, which is the store's order. The caller frees the array; its entries, each NAME_PRESENT, are borrowed until
 * the next call. -EAGAIN: not all names are known; -E2BIG: more than max names are cached, including absent ones,
 * and none was looked at; -ENOMEM.
 */
int names_list(struct names *t, int64_t folder, size_t max, struct name ***ret, size_t *ret_count);
/* Takes over a name from an answer of position `seen`. Ignored when something newer is known. inode NULL:
 * absent. Without memory the name stays unknown. */
void names_learn(struct names *t, int64_t folder, struct span name, struct inode *inode, int64_t seen);
/* A change of the name at position seq was announced: what was seen before it becomes unknown. */
void names_changed(struct names *t, int64_t folder, struct span name, int64_t seq);
/* What is known of the name is wrong: a change that is later than what is known, and than position `after`,
 * replaced it. */
void names_contradicted(struct names *t, int64_t folder, struct span name, int64_t after);
/* Whether all names in the folder are known, and all are absent. */
bool names_is_empty(struct names *t, int64_t folder);
/* The name no longer belongs to that document, since an unknown position: it becomes unknown. */
void names_gone(struct names *t, int64_t folder, struct span name, const struct inode *inode);

#endif
