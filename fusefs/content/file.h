/*
 * file: the content side of one regular file that is used here: what is known of its stored bytes, what is dirty, and
 * the work that stores it. It hangs on its inode (inode->file), which it needs as long as there is dirty data or work.
 *
 * Bytes that were written are in `dirty` until a round of the flusher takes them to `flushing`; when the store has
 * them, they are in `content`. A reader looks in that order. When a round fails, they go back under what was written
 * since.
 *
 * One round at a time for each file; what changes its stored content or attributes (truncate, hole, clone, chmod) is a
 * job that waits for its turn, so that all of it reaches the store in the order in which it was asked for. A write that
 * is answered by the store (flush_through) is a job, too: its bytes are nobody's until then, so that a refusal takes
 * nothing else along.
 *
 * Whatever changes what there is to be done ends in flush_step, and there alone follows: what counts as dirty in the
 * mount, who waits for nothing any more, whether the flusher knows the file, what begins next. So nobody can wait for a
 * file in which nothing is dirty, flushing or queued: a waiter is on the list of the data he waits for, and goes with
 * them. Guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_FILE_H
#define NEPHOS_FUSEFS_CONTENT_FILE_H

#include "fusefs/content/content.h"
#include "fusefs/content/dirty.h"
#include "fusefs/core/core.h"

struct job;
struct round;
struct extents_query;
struct snapshot;

/* Who waits until what was dirty when he came is stored. */
struct flush_wait {
	struct flush_wait *prev, *next;
	struct flush_wait **list; /* which he is on */
	void (*done)(void *cookie, int error);
	void *cookie;
};

/* How the dirty data and the jobs of a file go on. Which of them a round takes stands in a table, in flush_round.c. */
enum file_way {
	FILE_TOGETHER, /* in one round */
	/* they were refused together: the job goes first, then the data, so that each gets an answer of its own */
	FILE_APART,
	/* the store does not take the data as they are (no quota, no such file): jobs go ahead without them */
	FILE_REFUSED,
};

struct file {
	struct inode *inode;
	/* Stored content, as known. */
	struct content content;
	struct kept_item kept;	       /* its memory, in core->kept */
	struct extents_query *queries; /* extents that are asked for */
	struct snapshot *offer;	       /* of the answer that is being told (extents.h) */
	bool prefetched;	       /* with others, and was not read yet */
	/* Not stored yet. */
	struct dirty dirty,
		flushing; /* while it is not FILE_TOGETHER, nothing is added to dirty: it is older than every job */
	struct flush_wait *waits;	   /* for dirty */
	struct flush_wait *flushing_waits; /* for flushing */
	int64_t mtime;			   /* of the last write; counts while something is dirty or flushing */
	bool ctime_shown;		   /* somebody saw mtime as the time of change */
	bool lost;			   /* what is on its way is dropped when it comes back */
	int64_t whole_ns; /* until then more of one append may come: a round that nobody waits for does not begin */
	bool drop_setid;  /* somebody without privilege wrote past the kernel's pages: the set-id bits go with that */
	/* The flusher's. */
	enum file_way way;
	struct job *jobs;
	struct round *round;		  /* under way */
	struct file *due_prev, *due_next; /* in the flusher's list while there is anything to be done */
	bool due_listed;
	int64_t due_ns;
	unsigned failures;	 /* rounds with data, in a row */
	bool jobs_went;		 /* in the last round: whoever waits for the data comes next */
	uint64_t counted, stuck; /* what of this file is in the sums of the flusher */
	/* A failure that handles which were open at the time have to report. */
	int error;
	uint32_t error_seq;
};

/* The file of a regular inode. NULL: no memory. */
struct file *file_get(struct inode *inode);
void file_free(struct core *core, struct file *f); /* NULL is fine; nothing is under way */
bool file_is_dirty(const struct file *f);	   /* NULL: no */
bool file_is_refused(const struct file *f);	   /* what it shows may be taken back. NULL: no */
int64_t file_size(const struct inode *inode);	   /* with what is dirty */
/* What was appended and is not under way lies at the end of all that is known. True: it had lain elsewhere. */
bool file_place_tail(struct inode *inode);
/* An answer of position seen has the content of a small file in it. What is known already, or dirty, stays. */
void file_learn_inline(struct core *core, struct inode *inode, const struct item *item, int64_t seen);
/* Content was learnt: counts its memory. */
void file_count_content(struct core *core, struct file *f);
void file_drop_content(struct core *core, struct file *f);
/* The same for lack of room: the file goes, too, when nobody needs it. */
void file_let_go(struct core *core, struct file *f);
/* The one whose content was used least recently is let go, when there is another. */
void file_give(struct core *core);
/* Somebody closed it: without content, which counts, it is not kept for the next. NULL is fine. */
void file_closed(struct core *core, struct file *f);

#endif
