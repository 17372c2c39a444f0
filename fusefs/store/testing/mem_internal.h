/*
 * What the parts of mem share. Private to them.
 *
 * A drive (struct mem_drive) contains everything: a tree of documents and names, blocks by their hash, a journal,
 * and the file locks. Several stores may be opened on one drive, as several mounts are; each has a thread, on which
 * its callbacks run. The lock of the drive guards everything.
 *
 * A call of the seam is a struct mem_call: its arguments are copied into it, the thread runs it with the lock of the
 * drive held, copies the answer into it, and calls back without the lock. Calls that wait (polls, waits for locks)
 * are in a separate list until their event has come or their time is over. A batch changes the tree itself; when it
 * fails, a copy made before it is restored. All memory of an answer belongs to its call and is freed with it.
 * Without memory the process aborts: this is for tests, and fault makes the failures that they need.
 */
#ifndef NEPHOS_FUSEFS_STORE_TESTING_MEM_INTERNAL_H
#define NEPHOS_FUSEFS_STORE_TESTING_MEM_INTERNAL_H

#include "fusefs/store/testing/mem.h"

#include <pthread.h>
#include <uthash.h>

struct mem_xattr {
	struct mem_xattr *next;
	char *name, *value;
	size_t name_size, value_size;
};

/* A piece of content: inline bytes, a part of a block, or reserved space. Sorted, disjoint. */
struct mem_piece {
	struct mem_piece *prev, *next;
	int64_t at, len;
	enum extent_kind kind;
	uint8_t sha256[32];
	uint32_t from;
	char *data;
};

struct mem_doc {
	UT_hash_handle hh;
	int64_t id, size, atime, mtime, ctime, btime, seq, content_seq;
	uint32_t mode, uid, gid, nlink, rdev_major, rdev_minor;
	char *target;
	size_t target_size;
	struct mem_piece *pieces;
	struct mem_xattr *xattrs;
};

struct mem_name {
	UT_hash_handle hh;
	int64_t child;
	size_t size; /* of the key: parent and name */
	struct {
		int64_t parent;
		char name[NAME_BYTES_MAX];
	} key;
};

struct mem_block {
	UT_hash_handle hh;
	uint8_t sha256[32];
	uint32_t size;
	char *data;
};

struct mem_change {
	struct store_change change; /* its spans point to name and old_name */
	const void *author;	    /* the store through which it was made */
	char name[NAME_BYTES_MAX], old_name[NAME_BYTES_MAX];
};

/* The part of a drive that a batch changes, and that is restored when the batch fails. */
struct mem_tree {
	struct mem_doc *docs;
	struct mem_name *names;
};

/* The locks that a store holds of a document. */
struct mem_lock {
	struct mem_lock *prev, *next;
	const struct mem_store *s;
	int64_t id;
	bool flock;
	struct store_lock_range *ranges;
	size_t count;
};

struct mem_store;

struct mem_drive {
	pthread_mutex_t lock; /* guards all */
	uint32_t number;
	int64_t quota, seq, forgotten;
	uint32_t next_number;
	struct mem_tree tree;
	struct mem_block *blocks;
	struct mem_change *journal; /* seq 1 is [0] */
	size_t journal_capacity;
	struct mem_counts counts;
	struct mem_store *stores;
	unsigned store_count;
	struct mem_lock *locks;
};

struct mem_chunk {
	struct mem_chunk *next;
	char bytes[];
};

struct mem_call {
	struct mem_call *prev, *next;
	struct mem_store *s;
	bool (*is_over)(const struct mem_call *call); /* whether the event waited for has come; NULL: a poll */
	store_ticket ticket;
	bool cancelled;
	struct mem_chunk *chunks;
	void (*run)(struct mem_call *call); /* called with the lock of the drive held; fills in what tell needs */
	void (*tell)(struct mem_call *call);
	void *cookie;
	int error;
	/* arguments */
	int64_t id, from, len, due_ns;
	struct span name;
	uint32_t limit;
	bool with_inline;
	const struct op *ops;
	size_t op_count;
	uint8_t sha256[32];
	struct store_part part;
	struct store_position since;
	const int64_t *held;
	size_t held_count;
	struct store_lock lock;
	struct store_lock_range range;
	/* results */
	struct store_drive drive;
	struct item item;
	struct store_position at;
	struct item *items;
	struct store_page page;
	struct store_extents extents;
	struct mem_xattr *xattrs; /* array */
	size_t xattr_count;
	struct span data;
	struct store_batch_reply reply;
	struct store_changes changes;
	int64_t first;
	struct store_lock_reply lock_reply;
	int (*each)(void *cookie, struct span name, struct span value);
	union {
		void (*drive)(void *cookie, int error, const struct store_drive *drive);
		void (*item)(void *cookie, int error, const struct item *item, struct store_position at);
		void (*page)(void *cookie, int error, const struct store_page *page);
		void (*extents)(void *cookie, int error, const struct store_extents *extents);
		void (*xattrs)(void *cookie, int error);
		void (*get)(void *cookie, int error);
		void (*put)(void *cookie, int error);
		void (*batch)(void *cookie, int error, const struct store_batch_reply *reply);
		void (*ids)(void *cookie, int error, int64_t first);
		void (*lock)(void *cookie, int error, const struct store_lock_reply *reply);
		void (*lock_wait)(void *cookie, int error);
		void (*lock_test)(void *cookie, int error, const struct store_lock_range *other);
		void (*poll)(void *cookie, int error, const struct store_changes *changes);
	} done;
};

struct mem_store {
	struct store base; /* must be the first field */
	struct mem_drive *d;
	struct mem_store *prev, *next; /* in d->stores */
	pthread_t thread;
	pthread_cond_t work;
	struct mem_call *queue, *waiting; /* calls in order of arrival; and calls that wait for an event */
	store_ticket tickets;
	int64_t *held;
	size_t held_count;
	bool counted;
	unsigned others; /* as the last poll's answer gave it */
	uint64_t lock_life;
	int64_t lost; /* the document whose locks were lost last; 0: none */
	bool stop;
};

/* mem_tree.c: the caller holds the drive's lock. */
int mem_tree_init(struct mem_drive *d);
void mem_tree_fini(struct mem_tree *t);
int mem_tree_copy(const struct mem_tree *t, struct mem_tree *ret);
struct mem_doc *mem_doc_find(struct mem_drive *d, int64_t id);
struct mem_name *mem_name_find(struct mem_drive *d, int64_t parent, struct span name);
void mem_item(const struct mem_doc *doc, const struct mem_name *name, struct item *ret);
struct mem_name *mem_any_name(struct mem_drive *d, int64_t id);
void mem_name_add(struct mem_drive *d, int64_t parent, struct span name, int64_t child);
void mem_name_drop(struct mem_drive *d, struct mem_name *name);
void mem_doc_drop_unused(struct mem_drive *d); /* documents without a name that no store holds */
int64_t mem_used(struct mem_drive *d);
bool mem_is_held(struct mem_drive *d, int64_t id); /* mem.c */
void mem_wake_all(struct mem_drive *d);		   /* mem.c: the journal has new entries */

struct mem_call *mem_call_new(
	struct store *base, void (*run)(struct mem_call *call), void (*tell)(struct mem_call *call), void *cookie);
void *mem_call_alloc(struct mem_call *call, size_t size);
store_ticket mem_call_start(struct mem_call *call, bool waits); /* waits: in the separate list, until it is over */

/* mem_lock.c; the caller holds the drive's lock */
void mem_locks_drop(struct mem_store *s);
bool mem_lock_refuses(const struct mem_store *s, const struct op *op);
/* called without the drive's lock */
store_ticket mem_lock(struct store *base, const struct store_lock *lock,
	void (*done)(void *cookie, int error, const struct store_lock_reply *reply), void *cookie);
store_ticket mem_lock_wait(struct store *base, const struct store_lock *lock, unsigned wait_s,
	void (*done)(void *cookie, int error), void *cookie);
store_ticket mem_lock_test(struct store *base, const struct store_lock *lock,
	void (*done)(void *cookie, int error, const struct store_lock_range *other), void *cookie);
void mem_lock_settled(struct store *base, int64_t id);

/* mem_content.c */
void mem_piece_free(struct mem_piece *p);
void mem_content_free(struct mem_doc *doc);
int mem_content_copy(const struct mem_doc *from, struct mem_doc *to);
void mem_content_cut(struct mem_doc *doc, int64_t from, int64_t to); /* becomes a hole */
/* Makes what no piece covers reserved space. */
void mem_content_reserve(struct mem_doc *doc, int64_t from, int64_t to);
void mem_content_put(
	struct mem_doc *doc, const struct mem_piece *piece); /* copied; len bytes of data, unless in a block */

/* mem_op.c: applies one op; -errno: nothing has changed. */
int mem_op_apply(struct mem_drive *d, const struct op *op, const void *author, struct op_result *ret);

#endif
