/*
 * flush: brings dirty data to the store. For each file one round at a time: its dirty ranges become inline data or
 * blocks, the blocks are hashed and uploaded side by side, then one group of ops goes into the op log: the write with
 * size, mtime and what else is to be set, and the change that waited for it.
 *
 * A round begins at fsync, close, an O_SYNC write, a job (truncate, hole, clone, attributes), FLUSH_AFTER_MS after the
 * first byte became dirty, or when there is too much. When it fails, the data is dirty again, handles that are open
 * report it once each, and it is tried again: at once when somebody asks, otherwise after a pause. Full blocks are
 * uploaded as soon as they are full. Everything is called with the lock of the core held, but for start, stop and wait.
 */
#ifndef NEPHOS_FUSEFS_LOG_FLUSH_H
#define NEPHOS_FUSEFS_LOG_FLUSH_H

#include "fusefs/content/file.h"
#include "fusefs/log/oplog.h"

#include <pthread.h>
#include <stdbool.h>

#define FLUSH_AFTER_MS 1000
/* so long after the last dirty file the thread looks by itself, each second: the next one need not wake it */
#define FLUSH_ATTENTIVE_NS (10 * NS_PER_S)
#define FLUSH_RETRY_MS_MIN 500 /* after a failure; doubled each time … */
#define FLUSH_RETRY_MS_MAX 30000
#define FLUSH_FULL_MS 20			/* the op log is full: soon again */
#define FLUSH_BLOCK_BYTES DIRTY_PIECE_BYTES_MAX /* of a block that the mount makes */
#define FLUSH_UPLOADS_MAX 6 /* blocks on their way: 24 MiB, more than the delay times the bandwidth of a disk */
#define FLUSH_HASHERS 2
#define FLUSH_FILE_BYTES (16u * 1024 * 1024)	 /* dirty bytes of one file that begin a round … */
#define FLUSH_FILE_PIECES 2048u			 /* … or ranges: each is an extent of the op */
#define FLUSH_FILE_BYTES_MAX (32u * 1024 * 1024) /* beyond these a write waits */
#define FLUSH_FILE_PIECES_MAX 4096u
#define FLUSH_PACK_BYTES_MAX \
	(64u * 1024) /* a range below shares a block with others; copying it costs less than a request */
#define FLUSH_BYTES_MAX (64u * 1024 * 1024)   /* dirty in the whole mount: what its death may cost */
#define FLUSH_STUCK_BYTES_MAX FLUSH_BYTES_MAX /* what the store refuses takes no room from others, up to here */
#define FLUSH_ROOM_WAIT_S 120		      /* a write that found no room: twice the outage that is waited out */
#define FLUSH_ATTEMPTS_MAX 3		      /* of a round whose blocks were collected meanwhile */

struct blocks;
struct core;
struct file;
struct flush_wait;
struct inode;
struct job;
struct upload;
struct worker;

/* A write that waits for room. */
struct room_wait {
	struct room_wait *prev, *next;
	struct file *file;
	size_t size;
	bool append;
	pid_t tid; /* of the thread that writes */
	int64_t deadline_ns;
	void (*ready)(struct room_wait *wait, int error); /* with the lock held; taken out of the list before */
};

struct flusher {
	struct core *core;
	struct oplog *oplog;
	struct blocks *blocks; /* what was stored is kept there */
	struct worker *hashers;
	pthread_t thread;
	pthread_cond_t wake;
	bool stop, running;
	int64_t after_ms; /* FLUSH_AFTER_MS; more in tests in which rounds begin only when they say so */
	int64_t looks_ns; /* when the thread looks at what is due; INT64_MAX: when it is woken */
	struct file_sums sums;
	struct file *due;	/* files with anything to be done, by due_ns, roughly: it is looked through */
	struct room_wait *room; /* in their order */
	struct upload *queue;	/* hashed, waiting for their turn */
	unsigned uploading;
};

/* -ENOMEM, or what starting a thread gives. */
int flusher_start(struct flusher *fl, struct core *core, struct oplog *oplog, struct blocks *blocks);
void flusher_stop(struct flusher *fl); /* nothing is under way */
/* What of all files is not stored, with the writes that wait for the store. */
static inline uint64_t flusher_bytes(const struct flusher *fl)
{
	return fl->sums.bytes;
}
/*
 * For each file in which anything is dirty: flush_until_stored. Each of them is counted in *waiting before done can
 * come for it. Returns 0, or why one of them cannot be waited for; it is not counted.
 */
int flusher_until_stored(struct flusher *fl, size_t *waiting, void (*done)(void *cookie, int error), void *cookie);
/* Stores what is dirty. Without the lock; blocks. -ETIMEDOUT, or the error of a file that could not be stored (it stays
 * dirty). */
int flusher_store_all(struct flusher *fl, unsigned deadline_ms);

/* What a write brings. */
struct flush_data {
	int64_t at;	  /* append: where the kernel takes it to go; the store says */
	const void *from; /* copied */
	size_t size;
	bool append;
	pid_t tid; /* of the thread that writes: one write() may come in parts, see append.h */
	/* Of flush_through. */
	void (*done)(void *cookie, int error,
		const struct op_result *result); /* with the lock held, not from inside the call */
	void *cookie;
};
/* Copies into the dirty data; there must be room (flush_room), and nothing in line (flush_in_line). -ENOMEM: nothing
 * was changed. */
int flush_write(struct flusher *fl, struct inode *inode, const struct flush_data *data);
/* A write that is not accepted before the store has it: what was accepted before it is stored first; when it is
 * refused, it never was. */
int flush_through(
	struct flusher *fl, struct inode *inode, const struct flush_data *data, struct job **ret_job); /* -ENOMEM */
/* Such writes wait, or what is dirty was refused: every further write has to go through, or the order would be lost, or
 * it would share a fate that is not its own. NULL: no. */
bool flush_in_line(const struct file *f);
/* This write goes to what was appended and is not stored: only when that has its place is it known what it means. NULL:
 * no. */
bool flush_hits_tail(const struct file *f, const struct flush_data *data);
bool flush_room(const struct flusher *fl, const struct file *f, size_t size);
void flush_room_wait(struct flusher *fl, struct room_wait *wait);
void flush_room_cancel(struct flusher *fl, struct room_wait *wait); /* ready does not come */

/* done (lock held) when everything written so far is stored, or could not be. Returns 1 when nothing had to be done and
 * done will not come; 0; -ENOMEM. ret_wait (may be NULL) is for flush_wait_cancel. */
int flush_until_stored(struct flusher *fl, struct inode *inode, void (*done)(void *cookie, int error), void *cookie,
	struct flush_wait **ret_wait);
void flush_wait_cancel(struct inode *inode, struct flush_wait *wait); /* done does not come */

/* An op on this document, after everything that was written to it and in the order of these calls. The op is copied;
 * extents: a hole, a reservation, or both of one range. done with the lock held. */
int flush_job(struct flusher *fl, struct inode *inode, const struct op *op,
	void (*done)(void *cookie, int error, const struct op_result *result), void *cookie, struct job **ret_job);
/* One whose turn has not come is dropped: it will not happen, and done comes with the error, from inside the call.
 * False: it is on its way. */
bool flush_job_withdraw(struct flusher *fl, struct job *job, int error);

/* What is dirty is not wanted any more, with the writes that wait: whoever has it open hears error. What is on its way
 * to the store is refused there, see store.h. */
void flush_drop(struct flusher *fl, struct inode *inode, int error);
/* The last handle went: what cannot be stored ever is dropped, and that is logged. */
void flush_released(struct flusher *fl, struct inode *inode);
/* The first failure that this handle has not seen; 0: none. */
int flush_take_error(struct file *f, uint32_t *seen);

#endif
