/*
 * shared_locks: the locks of one kind on one document, between the processes of this mount and between mounts. Hangs on
 * its inode (inode->posix, inode->flock) while somebody has or wants a lock.
 *
 * Between processes here the table (locks) decides. What it comes to, whoever has it, the store has to grant before it
 * holds: as a whole, so that a request can be repeated. What changes nothing about that is granted here alone: a second
 * reader, the unlocking of what another one here still has.
 *
 * Requests are done one after the other, in the order of their coming. One that meets a lock of this mount waits in the
 * table until that goes; one that meets another mount's waits at the store, which says when it is worth asking again.
 * Both hold no thread. Those who want the same wait there as one.
 *
 * What goes with a lock: dirty data is stored before the store hears that an exclusive lock is let go of; and a lock
 * that the store grants brings the document as it is then: what is known of another version is dropped, and the kernel
 * has dropped its pages, before the caller goes on.
 *
 * When the store ended this mount's session for being silent (lost), all that was held is gone: whoever had the
 * document open gets EIO from then on (handle->locks_lost), and what was not stored of it is dropped, as it was written
 * under a lock that was not held. Everything is called with the lock of the core held.
 */
#ifndef NEPHOS_FUSEFS_NAMES_SHARED_LOCKS_H
#define NEPHOS_FUSEFS_NAMES_SHARED_LOCKS_H

#include "fusefs/names/locks.h"

/* requests of this mount that wait at the store, each for something else: connections that stand idle. -ENOLCK
 * beyond */
#define SHARED_LOCKS_AWAY_MAX 64u
#define SHARED_LOCKS_TRIES_MAX 8 /* of one request whose session ended under it */

struct core;
struct inode;
struct lock_request;
struct shared_locks;

/* What lies above, with the lock of the core held. */
struct shared_locks_hooks {
	/* Stores what is dirty of the document, then done. 1: there is nothing, and done does not come; -ENOMEM. */
	int (*store_dirty)(void *cookie, struct inode *inode, void (*done)(void *cookie, int error), void *done_cookie);
	/* The kernel is to drop the attributes of the document, and its pages when these are meant, too; told comes
	 * when it has, without the lock. False: there is nobody to tell. */
	bool (*tell_kernel)(
		void *cookie, struct inode *inode, bool pages, void (*told)(void *cookie), void *told_cookie);
	/* Locks on it are lost: who has it open gets -EIO, and what is dirty of it is dropped. */
	void (*lost)(void *cookie, struct inode *inode);
};

/* All locks of a mount. Embedded. */
struct shared_locks_set {
	struct core *core;
	const struct shared_locks_hooks *hooks;
	void *cookie;
	struct shared_locks *tables;
	bool local;    /* the store does not hear of them */
	uint64_t life; /* for which they hold, see store.h */
	unsigned away; /* requests that wait for another mount's */
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
	} kind; /* CLEAR_FILE: of what was asked for with an open file, `via` */
	struct lock lock;
	bool sleep; /* SET: waits for it */
	/* 0; -EAGAIN: in the way is another, and it does not wait; -EINTR; -EDEADLK; -ENOLCK; -ENOMEM; -EIO: locks were
	 * lost. May be NULL. */
	void (*done)(void *cookie, int error);
	void *cookie;
};

/* Not begun yet. NULL: no memory. */
struct lock_request *shared_locks_request_new(
	struct shared_locks_set *set, struct inode *inode, bool posix, const struct lock_want *want);
/* done may come inside. */
void shared_locks_request_start(struct lock_request *r);
/* Somebody has what it wants. Otherwise it is on its way: to the store and back, or behind others that are. */
bool shared_locks_request_waits(const struct lock_request *r);
/* Of a started one: done comes at once, with error, unless it came. It does not get the lock. */
void shared_locks_request_cancel(struct lock_request *r, int error);

/* Of this mount: the lock that is in the way and lies first; NULL. */
const struct lock *shared_locks_test(const struct shared_locks *t, const struct lock *wanted);
/* Whether there is anything to unlock, or may be by the time that is done. t may be NULL. */
bool shared_locks_has_owner(const struct shared_locks *t, uint64_t owner);
bool shared_locks_has_file(const struct shared_locks *t, uint64_t via);

/* The store can be reached (a poll was answered) and said for which life locks hold: what is owed to it is done. */
void shared_locks_reached(struct shared_locks_set *set, uint64_t life);
/* The kernel does not ask any more, and no call of the store is under way: whoever waits, waits no longer. */
void shared_locks_end(struct shared_locks_set *set);
/* The inode goes, whatever is held. NULL is fine. */
void shared_locks_free(struct shared_locks *t);

#endif
