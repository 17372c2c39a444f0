/*
 * flush: brings dirty data to the store. Each file has one round at a time: its dirty ranges become inline data or
 * blocks, the blocks are hashed and uploaded in parallel, then one group of ops goes into the op log: the write with
 * size, mtime and other attributes to be set, and the job that waited for the data.
 *
 * A round begins at fsync, close, an O_SYNC write, a job (truncate, hole, clone, attributes), FLUSH_AFTER_MS after
 * the first byte became dirty, or when there is too much dirty data. When a round fails, its data is dirty again,
 * each open handle reports the failure once, and the data is tried again: at once when somebody asks for it,
 * otherwise after a pause. Full blocks are uploaded as soon as they are full. The caller holds the lock of the core
 * for all functions but flusher_start, flusher_stop and flusher_store_all.
 */
#ifndef NEPHOS_FUSEFS_LOG_FLUSH_H
#define NEPHOS_FUSEFS_LOG_FLUSH_H

#include "fusefs/content/file.h"
#include "fusefs/log/oplog.h"

#include <pthread.h>
#include <stdbool.h>

#define FLUSH_AFTER_MS 1000
/* For so long after the last dirty file, the thread looks by itself, each second: a file that becomes dirty need not
 * wake it. */
#define FLUSH_ATTENTIVE_NS (10 * NS_PER_S)
#define FLUSH_RETRY_MS_MIN 500 /* pause after a failure; doubled each time … */
#define FLUSH_RETRY_MS_MAX 30000
#define FLUSH_FULL_MS 20			/* pause when the op log is full */
#define FLUSH_BLOCK_BYTES DIRTY_PIECE_BYTES_MAX /* size of a block that the mount makes */
#define FLUSH_UPLOADS_MAX 6 /* blocks being uploaded: 24 MiB, more than the delay times the bandwidth of a disk */
#define FLUSH_HASHERS 2
#define FLUSH_FILE_BYTES (16u * 1024 * 1024)	 /* dirty bytes of one file that begin a round … */
#define FLUSH_FILE_PIECES 2048u			 /* … or ranges: each is an extent of the op */
#define FLUSH_FILE_BYTES_MAX (32u * 1024 * 1024) /* above these limits a write waits */
#define FLUSH_FILE_PIECES_MAX 4096u
/* a smaller range shares a block with others; copying it costs less than a request */
#define FLUSH_PACK_BYTES_MAX (64u * 1024)
#define FLUSH_BYTES_MAX (64u * 1024 * 1024) /* dirty in the whole mount: what a crash of the mount may lose */
/* data that the store refuses takes no room from other data, up to this size */
#define FLUSH_STUCK_BYTES_MAX FLUSH_BYTES_MAX
/* how long a write waits for room: twice the outage that is waited out */
#define FLUSH_ROOM_WAIT_S 120
#define FLUSH_ATTEMPTS_MAX 3 /* attempts of a round whose blocks were garbage-collected meanwhile */

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
	/* called with the core's lock held, after the wait was taken out of the list */
	void (*ready)(struct room_wait *wait, int error);
};

struct flusher {
	struct core *core;
	struct oplog *oplog;
	struct blocks *blocks; /* stored blocks are kept there */
	struct worker *hashers;
	pthread_t thread;
	pthread_cond_t wake;
	bool stop, running;
	int64_t after_ms; /* FLUSH_AFTER_MS; longer in tests that begin all rounds themselves */
	int64_t looks_ns; /* when the thread looks for due files next; INT64_MAX: when it is woken */
	struct file_sums sums;
	/* files with any work to do, roughly in the order of due_ns: the thread looks through all of them */
	struct file *due;
	struct room_wait *room; /* in the order in which they came */
	struct upload *queue;	/* hashed, waiting to be sent */
	unsigned uploading;
};

/* -ENOMEM, or the error of starting a thread. */
int flusher_start(struct flusher *fl, struct core *core, struct oplog *oplog, struct blocks *blocks);
void flusher_stop(struct flusher *fl); /* no call may be in flight */
/* Unstored bytes of all files, including those of writes that wait for the store. */
static inline uint64_t flusher_bytes(const struct flusher *fl)
{
	return fl->sums.bytes;
}
/*
 * Calls flush_until_stored for each file in which anything is dirty. Each such file is counted in *waiting before
 * done can be called for it. Returns 0, or why one of the files cannot be waited for; such a file is not counted.
 */
int flusher_until_stored(struct flusher *fl, size_t *waiting, void (*done)(void *cookie, int error), void *cookie);
/* Stores all dirty data. Called without the core's lock; blocks. -ETIMEDOUT, or the error of a file that could not be
 * stored (its data stays dirty). */
int flusher_store_all(struct flusher *fl, unsigned deadline_ms);

/* The data of one write. */
struct flush_data {
	int64_t at;	  /* append: where the kernel takes the end to be; the store decides */
	const void *from; /* copied */
	size_t size;
	bool append;
	pid_t tid; /* of the thread that writes: one write() may come in parts, see append.h */
	/* For flush_through. */
	void (*done)(void *cookie, int error,
		/* called with the core's lock held, not from inside flush_through */
		const struct op_result *result);
	void *cookie;
};
/* Copies the data into the dirty data; there must be room (flush_room), and nothing may be in line (flush_in_line).
 * -ENOMEM: nothing was changed. */
int flush_write(struct flusher *fl, struct inode *inode, const struct flush_data *data);
/* A write that is accepted only when the store has it. All data accepted before it is stored first. When the store
 * refuses the write, it never happened. */
int flush_through(
	struct flusher *fl, struct inode *inode, const struct flush_data *data, struct job **ret_job); /* -ENOMEM */
/* True when such writes wait, or when the dirty data was refused. Then every further write has to use flush_through:
 * otherwise the order would be lost, or the write would be refused because of other data. NULL: no. */
bool flush_in_line(const struct file *f);
/* True when the write reaches behind the beginning of appended data that is not stored yet: what the write means is
 * known only when the appended data has its final place. NULL: no. */
bool flush_hits_tail(const struct file *f, const struct flush_data *data);
bool flush_room(const struct flusher *fl, const struct file *f, size_t size);
void flush_room_wait(struct flusher *fl, struct room_wait *wait);
void flush_room_cancel(struct flusher *fl, struct room_wait *wait); /* ready is not called */

/* done (called with the core's lock held) reports that everything written so far is stored, or could not be stored.
 * Returns 1 when nothing had to be done and done will not be called; 0; -ENOMEM. ret_wait (may be NULL) is for
 * flush_wait_cancel. */
int flush_until_stored(struct flusher *fl, struct inode *inode, void (*done)(void *cookie, int error), void *cookie,
	struct flush_wait **ret_wait);
void flush_wait_cancel(struct inode *inode, struct flush_wait *wait); /* done is not called */

/* Queues an op on this document. It takes effect after everything that was written to the document before, and in the
 * order of these calls. The op is copied; extents: a hole, a reservation, or both of one range. done is called with
 * the core's lock held. */
int flush_job(struct flusher *fl, struct inode *inode, const struct op *op,
	void (*done)(void *cookie, int error, const struct op_result *result), void *cookie, struct job **ret_job);
/* Drops a job whose turn has not come: it will not happen, and done is called with the error, from inside this call.
 * False: the job is already in flight. */
bool flush_job_withdraw(struct flusher *fl, struct job *job, int error);

/* Drops the dirty data, and the writes that wait: open handles report error. Data in flight is refused by the store,
 * see store.h. */
void flush_drop(struct flusher *fl, struct inode *inode, int error);
/* The last handle was closed: data that can never be stored is dropped, and the loss is logged. */
void flush_released(struct flusher *fl, struct inode *inode);
/* The first failure that this handle has not reported yet; 0: none. */
int flush_take_error(struct file *f, uint32_t *seen);

#endif
