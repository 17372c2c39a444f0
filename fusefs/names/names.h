/*
 * names: which name in which folder is which document, or none, as far as known: bounded, least recently used go first.
 * A name keeps its inode, and with it the attributes and the small content that came with a listing.
 *
 * A folder whose inode says `complete` has every name here, so that one that is not here does not exist, and all of
 * them can be listed. A name that another client changed stays as NAME_UNKNOWN: the folder is still complete but for
 * it. Not thread-safe: guarded by the lock of the core.
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
	int64_t folder; /* the key is this and the bytes right behind it */
	char bytes[];
};

/* The names of one folder. They do not hang on its inode: that may go and come back while they stay. */
struct names_folder {
	UT_hash_handle hh;
	int64_t id;
	struct name *names; /* at least one */
	size_t count;
};

struct names {
	struct name *by_key;
	struct name *recent;
	struct names_folder *folders; /* so many as there are names, at most */
	size_t count, max;
	size_t bytes;	   /* without the inodes that they keep */
	size_t with_inode; /* of count */
	struct inodes *inodes;
	/*
	 * One was let go for lack of room, of this inode, or NULL. emptied: the folder of which it was the last name,
	 * or 0. May be NULL.
	 */
	void (*gone)(void *cookie, const struct inode *inode, int64_t emptied);
	void *cookie;
};

void names_init(struct names *t, struct inodes *inodes, size_t max);
void names_fini(struct names *t);
/* The least recently used goes. There is one. */
void names_let_go(struct names *t);
bool names_any(struct names *t, int64_t folder); /* something is known of a name in it */
/* What is known of it; NAME_UNKNOWN: nothing. ret_inode (NAME_PRESENT) is borrowed. */
enum name_state names_find(struct names *t, int64_t folder, struct span name, struct inode **ret_inode);
/*
 * Every name in a folder of which all are known, as names_find would tell one by one, in the order of their bytes,
 * which is the store's. The array is to be freed; what it points to, each NAME_PRESENT, is borrowed until the next
 * call. -EAGAIN: not all is known; -E2BIG: more names than max are here, the absent ones among them, and none was
 * looked at; -ENOMEM.
 */
int names_list(struct names *t, int64_t folder, size_t max, struct name ***ret, size_t *ret_count);
/* An answer of position seen. Ignored when something newer is known. inode NULL: absent. Without memory it is just not
 * known. */
void names_learn(struct names *t, int64_t folder, struct span name, struct inode *inode, int64_t seen);
/* A change of position seq was announced: what was seen before it is not known any more. */
void names_changed(struct names *t, int64_t folder, struct span name, int64_t seq);
/* What is known of it is not so any more: by a change that is later than that, and than position `after`. */
void names_contradicted(struct names *t, int64_t folder, struct span name, int64_t after);
/* All names in it are known, and none is there. */
bool names_is_empty(struct names *t, int64_t folder);
/* It is that document no longer, at a position that nobody said: it is not known any more. */
void names_gone(struct names *t, int64_t folder, struct span name, const struct inode *inode);

#endif
