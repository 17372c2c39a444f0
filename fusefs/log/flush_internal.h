/* What the parts of flush share. Not for other modules. */
#ifndef NEPHOS_FUSEFS_LOG_FLUSH_INTERNAL_H
#define NEPHOS_FUSEFS_LOG_FLUSH_INTERNAL_H

#include "common/base/wait.h"
#include "common/base/worker.h"
#include "fusefs/content/file.h"
#include "fusefs/core/attributes.h"
#include "fusefs/log/flush.h"

/*
 * The life of an upload. One function changes the state, in upload.c, by a table of allowed transitions.
 *
 * | state          | what it means                        | where the upload is     | who changes the state           |
 * |----------------|--------------------------------------|-------------------------|---------------------------------|
 * | UPLOAD_HASHING | its name is being computed           | with the hashers        | the hasher, at the end          |
 * | UPLOAD_QUEUED  | other uploads use the connections    | in the flusher's queue  | upload_send_queued, in its turn |
 * | UPLOAD_SENDING | the block is being sent to the store | counted in uploading    | the store's answer              |
 * | UPLOAD_DONE    | the store has the block              | the tag of dirty pieces | nobody                          |
 * | UPLOAD_FAILED  | it does not; a new upload is needed  | the tag of dirty pieces | nobody                          |
 */
enum upload_state { UPLOAD_HASHING, UPLOAD_QUEUED, UPLOAD_SENDING, UPLOAD_DONE, UPLOAD_FAILED, UPLOAD_STATES };

/* One block that is being stored; the tag of the dirty pieces that lie in it. */
struct upload {
	struct dirty_tag tag; /* first */
	struct flusher *flusher;
	struct worker_job job;
	struct bytes *bytes;
	size_t from, size;
	uint8_t sha256[32];
	enum upload_state state;
	struct wait *waits;
	struct upload *prev, *next; /* in the flusher's queue */
};

#define JOB_EXTENTS_MAX 2 /* a hole, and its room reserved */

struct job {
	struct job *prev, *next;
	struct inode *inode; /* with a reference */
	struct op op;
	struct op_extent extents[JOB_EXTENTS_MAX];
	struct bytes *bytes; /* of a write: its data, for op.at; NULL: the job is another op */
	bool under_way;	     /* it is in the round in flight */
	bool behind;	     /* it waited behind another round */
	int64_t began_ns;
	bool alone; /* a write that was refused together with others */
	void (*done)(void *cookie, int error, const struct op_result *result);
	void *cookie;
};

struct round {
	struct flusher *flusher;
	struct file *file;  /* its inode has a reference */
	struct job *job;    /* the first job of the file, if the round takes it; else NULL */
	unsigned jobs;	    /* number of jobs in the round: one, or several writes */
	struct dirty tried; /* the data of those writes */
	unsigned missing;   /* uploads that are not finished */
	unsigned attempts;
	int error;
	size_t writes;	 /* ops that carry content: first data with a fixed place, then appended data */
	int64_t assumed; /* the place that the writers of the appended data assume for it */
	bool with_data;	 /* the round stores the dirty data, which is now in flushing */
	bool merged;	 /* the job became part of the write */
	bool sets_ctime; /* the last op is set_ctime */
	bool drop_setid; /* the write clears the set-id bits */
	bool starting;	 /* the function that began the round is still on the stack, and must not be called back */
	int64_t mtime;
};

/* upload.c */
struct upload *upload_start(struct flusher *fl, struct bytes *bytes, size_t from, size_t size); /* NULL: no memory */
void upload_send_queued(struct flusher *fl);
static inline struct upload *upload_of(struct dirty_tag *tag)
{
	return (struct upload *)tag;
}

/* flush_round.c */
void flush_round_begin(struct flusher *fl, struct file *f);
/* The content that a round stores; empty when the round has only another job. */
static inline struct dirty *flush_round_content(struct round *r)
{
	return r->with_data ? &r->file->flushing : &r->tried;
}

/* flush_round_ops.c */
#define FLUSH_ROUND_OPS_MAX 3 /* a write with a fixed place, an append, and one op behind them */
/* The writes, and the job merged into the last of them or behind it. Returns the number of ops. extents has room for
 * one more extent than the content has pieces. */
size_t flush_round_ops(struct round *r, struct op *ops, struct op_extent *extents);

/* flush_round_end.c */
/* Takes the answer, or the error if there is none. Frees r. */
void flush_round_end(struct round *r, int error, const struct op_result *results, size_t count);
/* Ends a round that could not even begin. It is tried again soon. No callback is called, because the caller that
 * waits for the data or the job may be on the stack. Frees r. */
void flush_round_end_unsent(struct round *r);

/* flush.c */
/* To be called after every change of the work that f has to do. Does everything that follows from the change, see
 * file.h. f may be freed by this. */
void flush_step(struct flusher *fl, struct file *f);
/* Drops dirty data that will not be stored, and logs the loss. */
void flush_discard(struct flusher *fl, struct file *f);
/* the round of a lost file has ended: does the rest of flush_drop */
void flush_lost_over(struct flusher *fl, struct file *f);
void flush_schedule(struct flusher *fl, struct file *f, int64_t after_ms);
/* How many of the last dirty bytes a round leaves for the next round: the part of a write() that may go on, and whose
 * parts must be stored together. A round that begins although there are no other bytes takes them. */
uint64_t flush_stays(const struct flusher *fl, const struct file *f, int64_t now_ns);
/* When the file is to be looked at: the dirty data is due then, or the write() that is the only dirty data counts as
 * complete. INT64_MAX: the next part of that write() waits for room, and that wait has its own time limit. */
int64_t flush_due_ns(const struct flusher *fl, const struct file *f, int64_t now_ns);
/* A caller waits for that write(): its data is due as soon as the write() is complete. */
void flush_hurry(struct flusher *fl, struct file *f);
void flush_waits_move(struct flush_wait **from, struct flush_wait **to); /* behind the waits that are there already */
void flush_waits_over(struct flush_wait **list, int error);

/* flush_room.c */
/* To be called after a change of the unstored data; less: there is less of it. Lets waiting writes continue, as far
 * as there is room for them. */
void flush_room_look(struct flusher *fl, bool less);
/* True when the next part of the write() described by f->append is waiting for room: that write() is not complete. */
bool flush_room_part_waits(const struct flusher *fl, const struct file *f);
void flush_room_failed(struct flusher *fl, struct file *f, int error);

/* job.c */
static inline bool job_is_write(const struct job *job)
{
	return job && job->bytes;
}
static inline bool job_is_append(const struct job *job)
{
	return job_is_write(job) && (job->op.fields & OP_APPEND);
}
/* Updates the cached content after a job was stored. */
void job_apply(struct core *core, struct job *job, int64_t before, const struct op_result *result);
void job_hides_dirty(struct job *job, const struct op_result *result); /* the same for older data that is still dirty */
void job_over(struct job *job, int error, const struct op_result *result);

#endif
