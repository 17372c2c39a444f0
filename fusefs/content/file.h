/*
 * file: the content side of one regular file that is in use here: what is known of its stored bytes, what is dirty,
 * and the work that stores it. It belongs to its inode (inode->file), which stays as long as there is dirty data or
 * work.
 *
 * Written bytes are in `dirty` until a round of the flusher moves them to `flushing`; once the store has them, they
 * are in `content`. A reader looks in that order. When a round fails, its bytes go back to `dirty`, below what was
 * written since.
 *
 * Each file has one round at a time. An operation that changes its stored content or attributes (truncate, hole,
 * clone, chmod) is a job that waits for its turn, so that all operations reach the store in the order in which they
 * were asked for. A write that is answered only by the store (flush_through) is a job, too: its bytes are not in
 * `dirty` until then, so that a refusal affects no other data.
 *
 * Every change of what is left to do ends in flush_step. Only flush_step updates what follows from it: what counts
 * as dirty in the mount, which waiters have nothing left to wait for, whether the file is in the flusher's list,
 * what begins next. So no waiter can wait for a file in which nothing is dirty, flushing or queued: a waiter is on
 * the list of the data that it waits for, and ends with that data. Guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_FILE_H
#define NEPHOS_FUSEFS_CONTENT_FILE_H

#include "fusefs/content/append.h"
#include "fusefs/content/content.h"
#include "fusefs/content/dirty.h"
#include "fusefs/core/core.h"

struct job;
struct round;
struct extents_query;
struct extents_snapshot;

/* A caller that waits until all that was dirty when it came is stored. */
struct flush_wait {
	struct flush_wait *prev, *next;
	struct flush_wait **list; /* the list it is on */
	unsigned run; /* of the write() that was in progress when the waiter came (append.h); 0: there was none */
	void (*done)(void *cookie, int error);
	void *cookie;
};

/*
 * The dirty life of a file: the state of its unstored data and of the jobs behind that data. One function changes it
 * (file_moves), by a table in file.c; what a round takes in each state is in a table in log/flush_round.c.
 *
 * | state         | what it means                                           | dirty, flushing | flusher's list    |
 * |---------------|---------------------------------------------------------|-----------------|-------------------|
 * | FILE_CLEAN    | all written data is stored                              | none            | while it has jobs |
 * | FILE_DIRTY    | some data is not; data and job go in one round          | some            | yes               |
 * | FILE_SEPARATE | data and job were refused together: the job goes first, | some, and none  | yes               |
 * |               | then the data, so that each gets an answer of its own   | is added        |                   |
 * | FILE_REFUSED  | the store refuses the data as they are (no quota,       | some, and none  | yes               |
 * |               | no such file): jobs go ahead without them               | is added        |                   |
 */
enum file_state { FILE_CLEAN, FILE_DIRTY, FILE_SEPARATE, FILE_REFUSED, FILE_STATES };

enum file_event {
	FILE_WRITTEN,  /* bytes were added to dirty */
	FILE_STORED,   /* a round stored what was flushing */
	FILE_FAILED,   /* a round failed, and the same may succeed later */
	FILE_REJECTED, /* a round failed, and the same will not succeed later either */
	FILE_SPLIT,    /* a round failed, and it is not known whether its data or its job was refused */
	FILE_EMPTIED,  /* nothing is dirty or flushing any more: stored, cut or dropped */
	FILE_EVENTS
};

/* Unstored bytes of all files of a mount. */
struct file_sums {
	uint64_t bytes; /* dirty, flushing, and in writes that wait for the store */
	uint64_t stuck; /* of these bytes, those that the store refused and an open handle keeps */
};

struct file {
	struct inode *inode;
	/* Stored content, as far as known. */
	struct content content;
	struct kept_item kept;		/* the memory of content, as counted in core->kept */
	struct extents_query *queries;	/* requests for extents in flight */
	struct extents_snapshot *offer; /* the snapshot that is being offered to waiters (extents.h) */
	bool prefetched;		/* its content came with that of other files, and was not read yet */
	/* Data that is not stored yet. */
	struct dirty dirty, flushing;	   /* in FILE_SEPARATE and FILE_REFUSED, dirty is older than every job */
	struct flush_wait *waits;	   /* that wait for dirty */
	struct flush_wait *flushing_waits; /* that wait for flushing */
	int64_t mtime;			   /* of the last write; valid while something is dirty or flushing */
	bool ctime_shown;		   /* mtime was shown as the time of change */
	bool lost;			   /* when the round in flight ends, its data is dropped */
	struct append append;		   /* the last write() to the end; more may come behind its parts in dirty */
	/* The kernel has appended bytes that are not stored yet in its pages at another position: once they are stored,
	 * it drops its pages. */
	bool elsewhere;
	bool drop_setid; /* a writer without privilege bypassed the page cache: storing clears the set-id bits */
	/* For the flusher. */
	enum file_state state;
	struct job *jobs;
	struct round *round;		  /* the round in flight */
	struct file *due_prev, *due_next; /* in the flusher's list while there is work */
	bool due_listed;
	int64_t due_ns;
	unsigned failures;	 /* failed rounds with data, in a row */
	bool jobs_went;		 /* the last round took jobs only: the data that waiters wait for goes next */
	uint64_t counted, stuck; /* this file's part of the flusher's sums */
	/* A failure that the handles which were open at that time have to report. */
	int error;
	uint32_t error_seq;
};

/* The file of a regular inode. NULL: no memory. */
struct file *file_get(struct inode *inode);
void file_free(struct core *core, struct file *f); /* NULL is fine; no work is in progress */
bool file_is_dirty(const struct file *f);	   /* NULL: no */
void file_moves(struct file *f, enum file_event event);
/* Whether more data may be added to dirty: true unless the present dirty data has to be kept apart. NULL: true. */
bool file_takes_more(const struct file *f);
/* Recounts the unstored bytes of f; `waiting`: bytes of its writes that wait. True: there are fewer than before,
 * or some are stuck. */
bool file_count_dirty(struct file_sums *sums, struct file *f, uint64_t waiting);
/* Asserts the invariants of a file whenever no function is changing it. */
void file_check(const struct file *f);
bool file_is_refused(const struct file *f);   /* its unstored data may yet be dropped. NULL: no */
int64_t file_size(const struct inode *inode); /* including dirty data */
/* Moves the appended bytes that are not being flushed to the end of all known data. True: they were elsewhere. */
bool file_place_tail(struct inode *inode);
/*
 * To be called when the kernel may have appended bytes in its pages at another position than the mount, because others
 * have changed the length of the file. The kernel asks for the attributes before the next read or lseek, and drops its
 * pages by itself, as the size differs. Only pages that are mapped, or spliced, may stay: the kernel is told to drop
 * them when the bytes are stored, not now. For it ignores the attributes of an answer that it asked for before it was
 * told: if they are those of the caller's next call, a read misses what was just written, and SEEK_END finds another
 * end.
 */
void file_is_elsewhere(struct inode *inode);
/* Takes over the content of a small file from an answer of position `seen`. Content that is known already, or
 * dirty, stays. */
void file_learn_inline(struct core *core, struct inode *inode, const struct item *item, int64_t seen);
/* To be called after content was added: counts its memory. */
void file_count_content(struct core *core, struct file *f);
void file_drop_content(struct core *core, struct file *f);
/* Drops the content for lack of memory. The file is freed, too, when nothing else needs it. */
void file_let_go(struct core *core, struct file *f);
/* Calls file_let_go for the file whose content was used least recently, when there are others. */
void file_give(struct core *core);
/* A handle was closed: a file without counted content is freed when nothing else needs it. NULL is fine. */
void file_closed(struct core *core, struct file *f);

#endif
