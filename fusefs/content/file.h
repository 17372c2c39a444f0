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

#include "fusefs/content/append.h"
#include "fusefs/content/content.h"
#include "fusefs/content/dirty.h"
#include "fusefs/core/core.h"

struct job;
struct round;
struct extents_query;
struct extents_snapshot;

/* Who waits until what was dirty when he came is stored. */
struct flush_wait {
	struct flush_wait *prev, *next;
	struct flush_wait **list; /* which he is on */
	unsigned run;		  /* of the write() that was under way when he came (append.h); 0: none was */
	void (*done)(void *cookie, int error);
	void *cookie;
};

/*
 * The dirty life of a file: how what is not stored, and the jobs behind it, go on. One function moves it (file_moves),
 * by a table in file.c; what a round takes in each state stands in a table in log/flush_round.c.
 *
 * | state         | what it means                                           | dirty, flushing | flusher's list    |
 * |---------------|---------------------------------------------------------|-----------------|-------------------|
 * | FILE_CLEAN    | all that was written is stored                          | none            | while it has jobs |
 * | FILE_DIRTY    | some is not; data and job go in one round               | some            | yes               |
 * | FILE_SEPARATE | data and job were refused together: the job goes first, | some, and none  | yes               |
 * |               | then the data, so that each gets an answer of its own   | is added        |                   |
 * | FILE_REFUSED  | the store does not take the data as they are (no quota, | some, and none  | yes               |
 * |               | no such file): jobs go ahead without them               | is added        |                   |
 */
enum file_state { FILE_CLEAN, FILE_DIRTY, FILE_SEPARATE, FILE_REFUSED, FILE_STATES };

enum file_event {
	FILE_WRITTEN,  /* bytes came to dirty */
	FILE_STORED,   /* a round stored what was flushing */
	FILE_FAILED,   /* it did not, and the same may succeed later */
	FILE_REJECTED, /* nor will the same succeed later */
	FILE_SPLIT,    /* nobody says whether the data or the job was refused */
	FILE_EMPTIED,  /* nothing is dirty or flushing: stored, cut away or dropped */
	FILE_EVENTS
};

/* What is not stored, of all files of a mount. */
struct file_sums {
	uint64_t bytes; /* dirty, flushing, and of writes that wait for the store */
	uint64_t stuck; /* of them, what the store refused and a handle keeps */
};

struct file {
	struct inode *inode;
	/* Stored content, as known. */
	struct content content;
	struct kept_item kept;		/* its memory, in core->kept */
	struct extents_query *queries;	/* extents that are asked for */
	struct extents_snapshot *offer; /* of the answer that is being told (extents.h) */
	bool prefetched;		/* with others, and was not read yet */
	/* Not stored yet. */
	struct dirty dirty, flushing; /* while it is FILE_SEPARATE or FILE_REFUSED, dirty is older than every job */
	struct flush_wait *waits;     /* for dirty */
	struct flush_wait *flushing_waits; /* for flushing */
	int64_t mtime;			   /* of the last write; counts while something is dirty or flushing */
	bool ctime_shown;		   /* somebody saw mtime as the time of change */
	bool lost;			   /* what is on its way is dropped when it comes back */
	struct append append; /* the last write() to the end, of which more may come; what is here ends what is dirty */
	bool drop_setid; /* somebody without privilege wrote past the kernel's pages: the set-id bits go with that */
	/* The flusher's. */
	enum file_state state;
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
void file_moves(struct file *f, enum file_event event);
/* More may be written behind what is dirty: it shares no fate that is not its own. NULL: yes. */
bool file_takes_more(const struct file *f);
/* Counts anew what of f is not stored, with so many bytes of writes that wait. True: some of it went, or is stuck. */
bool file_count_dirty(struct file_sums *sums, struct file *f, uint64_t waiting);
/* Asserts what holds of a file whenever nobody is at work on it. */
void file_check(const struct file *f);
bool file_is_refused(const struct file *f);   /* what it shows may be taken back. NULL: no */
int64_t file_size(const struct inode *inode); /* with what is dirty */
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
