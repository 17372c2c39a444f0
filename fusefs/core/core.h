/*
 * core: what every part of a mount above the store seam stands on: the lock, the store, the documents that somebody
 * here knows, and how far what is known of the drive may be believed.
 *
 * One lock guards everything that hangs on a core: the state is a few hash tables, every step on it takes microseconds,
 * and the order of what happens to an inode, its names and its dirty data is the order in which the lock was taken. It
 * is never held while a thread waits for anything. The store and the op log are called with it (they never call back
 * from inside a call). Small replies are sent with it, so that an answer that was found right cannot be overtaken by
 * the notice that it is not; large ones are left for core_unlock.
 *
 * Lock order: a request's own lock (libfuse holds it when it tells of an interrupt), core->lock, then the locks of
 * notify, op log and store, which are leaves.
 *
 * What lies above is told of some things by hooks, as nothing here knows it. Embedded in the fs (init/fini).
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

/* For the journal to tell what another answer has shown to exist: a change is to be seen within 50 ms. */
#define CORE_GRACE_MS 20
/* Who changed the drive without being a mount is taken to be at work for so long: between two files of a script. */
#define CORE_FOREIGN_S 30
/* A file whose content others changed is read past the kernel's pages by who opens it so much later. */
#define CORE_CONTENDED_S 10

/* Work for whoever lets go of the lock. */
struct later {
	struct later *next;
	void (*run)(struct later *later); /* without the lock; may free it */
};

struct holds;

/* Each is called with the lock held, and may be NULL. */
struct core_hooks {
	/* The lock is about to be let go of: nobody holds what is borrowed. */
	void (*leaving)(void *cookie);
	/* What the kernel has of the pages of this file was given up: it is to show what is known here. */
	void (*pages_gone)(void *cookie, struct inode *inode);
	/* The inode took what the store said of it at position seen; fresh: no newer change is known. */
	void (*learnt)(void *cookie, struct inode *inode, const struct item *item, int64_t seen, bool fresh);
	/* An own op gives it the mode of the item, which the inode does not have yet. */
	void (*mode_changes)(void *cookie, struct inode *inode, const struct item *item);
	/* An inode goes: what hangs on it is to be freed. */
	void (*release)(void *cookie, struct inode *inode);
};

struct core {
	struct store *store;
	const struct core_hooks *hooks;
	void *cookie;

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t quiet; /* calls went down to 0 */
	struct later *later, **later_end;
	atomic_uint running; /* threads that run what was left for later; not guarded */
	unsigned calls;	     /* of the store and the op log that have not come back */
	int64_t now_ns;	     /* clock_boot_ns when the lock was taken */
	struct inodes inodes;
	struct recent recent;
	struct holds *holds; /* set by holds_init */
	struct kept kept;
	struct fill_view view; /* what is known of the drive's positions */
	/* Who else is at work on the drive. */
	bool others;	    /* there are other mounts of it, or nobody has said yet that there are none */
	int64_t foreign_ns; /* when a change that was made by others was last seen; 0: never */
	int64_t settled;    /* a position that is at least CORE_CONTENDED_S old; 0: the mount is not */
	int64_t settles;    /* the next one, seen at settles_ns */
	int64_t settles_ns;
	int64_t newest;	   /* the document of the newest change that is known; 0: somebody else's */
	int64_t newest_ns; /* when it became known */
};

struct core_options {
	struct store *store;
	bool follows; /* somebody will tell what changes: before that, nothing that is kept is shown */
	bool shared;  /* others may be at work as long as nobody said that there are none */
	const struct core_hooks *hooks;
	void *cookie;
};

void core_init(struct core *core, const struct core_options *options);
void core_fini(struct core *core); /* no call is under way; drops the inodes, whoever knows them */

/* And looks at the clock: whether what is kept is trusted holds until core_unlock. */
void core_lock(struct core *core);
void core_unlock(struct core *core); /* then runs what was left for later */
void core_later(struct core *core, struct later *later);
/* For a thread that holds the lock for long: what was left for later is not left lying. True: the lock was let go of
 * meanwhile. */
bool core_run_later(struct core *core);
/* Waits on a condition (common/base/cond) with the lock, which is let go of meanwhile: until it is signalled, or until
 * until_ns (COND_FOREVER: however long). */
void core_wait(struct core *core, pthread_cond_t *cond, int64_t until_ns);

/* A call of the store or the op log is on its way, and it came back. */
void core_call_begins(struct core *core);
void core_call_over(struct core *core);
/* Without the lock, and not from what was left for later. False: calls, or what they left for later, are still under
 * way at until_ns (clock_mono_ns). */
bool core_wait_quiet(struct core *core, int64_t until_ns);

/* An answer of the store saw that position. */
void core_saw(struct core *core, struct store_position at);
/* What is known of the positions changed: so did what may be shown. */
void core_view_changed(struct core *core);
/* Somebody else's change was seen. */
void core_saw_foreign(struct core *core);
/*
 * Somebody else may be changing the drive: another mount is there, or somebody's change was seen lately, or nobody
 * tells us. What is known may be older, then, than what was answered to them, by as much as the journal takes to come
 * here.
 */
bool core_is_shared(const struct core *core);
/* The same of the names in one folder: somebody else has made or removed some there lately. */
bool core_is_shared_folder(const struct core *core, const struct inode *folder);
/*
 * Others changed its content lately, and may be doing so now. The kernel keeps sizes and pages apart, and takes news of
 * them one after the other: somebody who reads its pages meanwhile can be shown the size of one version with bytes of
 * another, or zeros where that was shorter. Only who reads past them is shown one version.
 */
bool core_is_contended(const struct core *core, const struct inode *inode);

/* What the kernel has of it was given up: it is to show what is stored, and what is dirty still. */
void core_drop_pages(struct core *core, struct inode *inode);

#endif
