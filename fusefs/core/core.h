/*
 * core: the basis of every part of a mount above the store seam: the lock, the store, the documents that are in use
 * here, and how far the cached data of the drive may be trusted.
 *
 * One lock guards everything that belongs to a core: the state is a few hash tables, every step on it takes
 * microseconds, and the order of events for an inode, its names and its dirty data is the order in which the lock was
 * taken. No thread holds the lock while it waits for anything. The store and the op log are called with the lock held
 * (they never call back from inside a call). Small replies to the kernel are sent with it held, so that a notice
 * which makes an answer obsolete cannot overtake that answer; large replies are left for core_unlock.
 *
 * Lock order: a request's own lock (libfuse holds it when it reports an interrupt), core->lock, then the locks of
 * notify, op log and store, which are leaves.
 *
 * Hooks notify the modules above of some events, because this module does not depend on them. Embedded in the fs
 * (init/fini).
 */
#ifndef NEPHOS_FUSEFS_CORE_CORE_H
#define NEPHOS_FUSEFS_CORE_CORE_H

#include "common/proto/fill.h"
#include "fusefs/core/inode.h"
#include "fusefs/core/kept.h"
#include "fusefs/core/recent.h"
#include "fusefs/store/store.h"

#include <pthread.h>
#include <stdatomic.h>

/* How long the journal may take to report a change that another answer has shown to exist: a change is to be visible
 * within 50 ms. */
#define CORE_GRACE_MS 20
/* A client other than a mount that changed the drive counts as active for so long: the time between two files of a
 * script. */
#define CORE_FOREIGN_S 30
/* A file whose content others changed is read past the kernel's pages when it is opened within this time. */
#define CORE_CONTENDED_S 10

/* Work to be done by the thread that releases the lock. */
struct later {
	struct later *next;
	void (*run)(struct later *later); /* called without the lock; may free it */
};

struct holds;

/* Each is called with the lock held, and may be NULL. */
struct core_hooks {
	/* The lock is about to be released: no borrowed pointer is in use. */
	void (*leaving)(void *cookie);
	/* The kernel's pages of this file are not valid any more: the kernel has to drop them. */
	void (*pages_gone)(void *cookie, struct inode *inode);
	/* The inode took attributes that the store reported at position seen; fresh: no newer change is known. */
	void (*learnt)(void *cookie, struct inode *inode, const struct item *item, int64_t seen, bool fresh);
	/* An own op gives the inode the mode of the item; the inode still has the old mode. */
	void (*mode_changes)(void *cookie, struct inode *inode, const struct item *item);
	/* An inode is about to be freed: the objects that belong to it have to be freed. */
	void (*release)(void *cookie, struct inode *inode);
};

struct core {
	struct store *store;
	const struct core_hooks *hooks;
	void *cookie;

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t quiet; /* signalled when calls is 0 */
	struct later *later, **later_end;
	atomic_uint running; /* threads that run work left for later; not guarded */
	unsigned calls;	     /* calls of the store and the op log in flight */
	int64_t now_ns;	     /* clock_boot_ns when the lock was last taken */
	struct inodes inodes;
	struct recent recent;
	struct holds *holds; /* set by holds_init */
	struct kept kept;
	struct fill_view view; /* known positions of the drive */
	/* Other clients that use the drive. */
	bool others;	    /* there are other mounts, or no answer has said yet that there are none */
	int64_t foreign_ns; /* when a change made by others was last seen; 0: never */
	int64_t settled;    /* a position that is at least CORE_CONTENDED_S old; 0: the mount is not that old */
	int64_t settles;    /* the next value of settled, seen at settles_ns */
	int64_t settles_ns;
	/* the document of the newest change that is known; 0: the change was made by others, or its result names no
	 * document */
	int64_t newest;
	int64_t newest_ns; /* when that change became known */
};

struct core_options {
	struct store *store;
	bool follows; /* a follower reports changes: before its first report, no cached data is shown */
	bool shared;  /* other mounts may use the drive as long as no answer said that there are none */
	const struct core_hooks *hooks;
	void *cookie;
};

void core_init(struct core *core, const struct core_options *options);
void core_fini(struct core *core); /* no call is in flight; drops all inodes, even those that are in use */

/* Takes the lock and reads the clock: whether cached data is trusted does not change by time until core_unlock. */
void core_lock(struct core *core);
void core_unlock(struct core *core); /* then runs the work left for later */
void core_later(struct core *core, struct later *later);
/* For a thread that holds the lock for long: runs the work left for later. True: there was some, and the lock was
 * released and taken again. */
bool core_run_later(struct core *core);
/* Waits on a condition (common/base/cond) with the lock, which is released meanwhile: until the condition is
 * signalled, or until until_ns (COND_FOREVER: without a limit). */
void core_wait(struct core *core, pthread_cond_t *cond, int64_t until_ns);

/* To be called when a call of the store or the op log starts, and when it has come back. */
void core_call_begins(struct core *core);
void core_call_over(struct core *core);
/* Waits until no call is in flight. Called without the lock, and not from work left for later. False: calls, or the
 * work they left for later, are still in progress at until_ns (clock_mono_ns). */
bool core_wait_quiet(struct core *core, int64_t until_ns);

/* An answer of the store reported that position. */
void core_saw(struct core *core, struct store_position at);
/* The known positions changed: updates which cached data may be shown. */
void core_view_changed(struct core *core);
/* A change made by others was seen. */
void core_saw_foreign(struct core *core);
/*
 * True when others may be changing the drive: there is another mount, or a change by others was seen lately, or no
 * follower reports changes at the moment. Then cached data may be older than answers that others got, by as much as
 * the journal takes to arrive here.
 */
bool core_is_shared(const struct core *core);
/* The same for the names in one folder: others have made or removed some there lately. */
bool core_is_shared_folder(const struct core *core, const struct inode *folder);
/*
 * True when others changed the file's content lately, and may be doing so now. The kernel keeps sizes and pages
 * apart, and takes notices about them one after the other: a program that reads the kernel's pages meanwhile can be
 * shown the size of one version with bytes of another, or zeros where the other version was shorter. Only a read past
 * the pages shows one version.
 */
bool core_is_contended(const struct core *core, const struct inode *inode);

/* Makes the kernel drop its pages of the file, so that it shows the stored data, and the data that is still dirty. */
void core_drop_pages(struct core *core, struct inode *inode);

#endif
