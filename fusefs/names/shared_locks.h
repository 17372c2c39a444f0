/*
 * shared_locks: the locks of one kind on one document, between the processes of this mount and between mounts. The
 * table belongs to its inode (inode->posix, inode->flock) while a process has or wants a lock.
 *
 * Between processes of this mount the table (locks) decides. The union of its locks, whoever their owners, takes
 * effect only after the store has granted it: always as a whole, so that a request can be repeated. A request that
 * does not change the union is granted here alone: a second reader, or the unlocking of a range that another process
 * here still holds.
 *
 * Requests are processed one at a time, in the order of arrival. A request that conflicts with a lock of this mount
 * waits in the table until that lock is released; a request that conflicts with another mount's lock waits at the
 * store, which answers when it is worth asking again. Neither occupies a thread. Requests for the same range share
 * one wait at the store.
 *
 * Data and locks: dirty data is stored before the store learns that an exclusive lock is released. A lock that the
 * store grants comes with the present state of the document: cached content of another version is dropped, and the
 * kernel has dropped its pages, before the caller goes on.
 *
 * When the store has ended this mount's session because it did not hear from the mount (lost), all held locks are
 * lost: handles that had the document open get EIO from then on (handle->locks_lost), and their unstored data is
 * dropped, as it was written under a lock that was not held. The caller of each function holds the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_NAMES_SHARED_LOCKS_H
#define NEPHOS_FUSEFS_NAMES_SHARED_LOCKS_H

#include "fusefs/names/locks.h"

/* requests of this mount that wait at the store, each for a different range: idle connections. -ENOLCK beyond */
#define SHARED_LOCKS_AWAY_MAX 64u
#define SHARED_LOCKS_TRIES_MAX 8 /* for one request whose session ended meanwhile */

struct core;
struct inode;
struct lock_request;
struct shared_locks;

/* Calls to the layer above, made with the lock of the core held. */
struct shared_locks_hooks {
	/* Stores the dirty data of the document, then calls done. 1: there is none, and done is not called;
	 * -ENOMEM. */
	int (*store_dirty)(void *cookie, struct inode *inode, void (*done)(void *cookie, int error), void *done_cookie);
	/* Notifies the kernel to drop the attributes of the document, and with `pages` also its pages;
	 * afterwards told is called, without the lock. False: no kernel is attached to notify. */
	bool (*tell_kernel)(
		void *cookie, struct inode *inode, bool pages, void (*told)(void *cookie), void *told_cookie);
	/* Locks on the document are lost: its open handles get -EIO, and its dirty data is dropped. */
	void (*lost)(void *cookie, struct inode *inode);
};

/* All locks of a mount. Embedded. */
struct shared_locks_set {
	struct core *core;
	const struct shared_locks_hooks *hooks;
	void *cookie;
	struct shared_locks *tables;
	bool local;    /* locks are not shared with the store */
	uint64_t life; /* the lock life in which these locks are valid, see store.h */
	unsigned away; /* waits for other mounts' locks */
};

struct shared_locks_options {
	struct core *core;
	bool local;
	const struct shared_locks_hooks *hooks;
	void *cookie;
};

void shared_locks_set_init(struct shared_locks_set *set, const struct shared_locks_options *options);

struct lock_want {
	enum lock_want_kind {
		LOCK_SET,
		LOCK_CLEAR,
		LOCK_CLEAR_FILE
	} kind; /* CLEAR_FILE: locks that were requested through an open file, `via` */
	struct lock lock;
	bool sleep; /* SET: wait until it can be granted */
	/* 0; -EAGAIN: another lock conflicts, and sleep is false; -EINTR; -EDEADLK; -ENOLCK; -ENOMEM; -EIO:
	 * locks were lost. May be NULL. */
	void (*done)(void *cookie, int error);
	void *cookie;
};

/* Not started yet. NULL: no memory. */
struct lock_request *shared_locks_request_new(
	struct shared_locks_set *set, struct inode *inode, bool posix, const struct lock_want *want);
/* done may be called before this returns. */
void shared_locks_request_start(struct lock_request *r);
/* True: another lock blocks the request. False: it is being processed at the store, or queued behind others that
 * are. */
bool shared_locks_request_waits(const struct lock_request *r);
/* For a started request: calls done at once, with error, unless done was called already. The request does not
 * get the lock. */
void shared_locks_request_cancel(struct lock_request *r, int error);

/* Of this mount: the conflicting lock with the lowest start; NULL. */
const struct lock *shared_locks_test(const struct shared_locks *t, const struct lock *wanted);
/* Whether there is anything to unlock, or may be once the queue is processed. t may be NULL. */
bool shared_locks_has_owner(const struct shared_locks *t, uint64_t owner);
bool shared_locks_has_file(const struct shared_locks *t, uint64_t via);

/* The store can be reached (a poll was answered), and it named the current lock life: requests owed to it are
 * sent. */
void shared_locks_reached(struct shared_locks_set *set, uint64_t life);
/* The kernel sends no more requests, and no call to the store is in flight: all waiting requests end. */
void shared_locks_end(struct shared_locks_set *set);
/* To be called when the inode is freed, whatever is held. NULL is fine. */
void shared_locks_free(struct shared_locks *t);

#endif
