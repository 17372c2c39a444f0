/* What the parts of flush share. Not for others. */
#ifndef NEPHOS_FUSEFS_LOG_FLUSH_INTERNAL_H
#define NEPHOS_FUSEFS_LOG_FLUSH_INTERNAL_H

#include "common/base/wait.h"
#include "common/base/worker.h"
#include "fusefs/content/file.h"
#include "fusefs/core/attributes.h"
#include "fusefs/log/flush.h"

/*
 * The life of an upload. One function moves it, in upload.c, by a table of what may follow on what.
 *
 * | state          | what it means                        | where it is             | who moves it on                 |
 * |----------------|--------------------------------------|-------------------------|---------------------------------|
 * | UPLOAD_HASHING | its name is being computed           | with the hashers        | the hasher, when it has it      |
 * | UPLOAD_QUEUED  | others have the connections          | in the flusher's queue  | upload_send_queued, in its turn |
 * | UPLOAD_SENDING | the store is asked to keep it        | counted in uploading    | the store's answer              |
 * | UPLOAD_DONE    | the store has it                     | the tag of dirty pieces | nobody                          |
 * | UPLOAD_FAILED  | it has not; who needs it starts anew | the tag of dirty pieces | nobody                          |
 */
enum upload_state { UPLOAD_HASHING, UPLOAD_QUEUED, UPLOAD_SENDING, UPLOAD_DONE, UPLOAD_FAILED, UPLOAD_STATES };

/* One block on its way; the tag of the pieces that lie in it. */
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
	struct bytes *bytes; /* of a write: what goes to op.at; NULL: another op */
	bool under_way;	     /* in the round */
	bool behind;	     /* it waited for another round */
	int64_t began_ns;
	bool alone; /* a write that was refused together with others */
	void (*done)(void *cookie, int error, const struct op_result *result);
	void *cookie;
};

struct round {
	struct flusher *flusher;
	struct file *file;  /* its inode has a reference */
	struct job *job;    /* the first of the file, when one goes along, or NULL */
	unsigned jobs;	    /* how many go: one, or several writes */
	struct dirty tried; /* their bytes */
	unsigned missing;   /* uploads */
	unsigned attempts;
	int error;
	size_t writes;	 /* ops that carry content: what has a place, then what was appended */
	int64_t assumed; /* where the append was taken to go, by who waits for it */
	bool with_data;	 /* what was dirty, now in flushing */
	bool merged;	 /* the job went into the write */
	bool sets_ctime; /* the last op is set_ctime */
	bool drop_setid; /* the write says so */
	bool starting;	 /* whoever began it is still on the stack, and is not called back */
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
/* The content that a round stores. Nothing, when it only has another job. */
static inline struct dirty *flush_round_content(struct round *r)
{
	return r->with_data ? &r->file->flushing : &r->tried;
}

/* flush_round_ops.c */
#define FLUSH_ROUND_OPS_MAX 3 /* what has its place, what was appended, and one behind them */
/* The writes, and the job in the last or behind it. Returns how many ops. There is room for an extent more than the
 * content has pieces. */
size_t flush_round_ops(struct round *r, struct op *ops, struct op_extent *extents);

/* flush_round_end.c */
/* The answer, or why there is none. Frees. */
void flush_round_end(struct round *r, int error, const struct op_result *results, size_t count);
/* It could not even begin. Soon again; nobody is told anything, as whoever asked may be on the stack. Frees. */
void flush_round_end_unsent(struct round *r);

/* flush.c */
/* After every change of what there is to be done of f: what follows from it, see file.h. f may be gone then. */
void flush_step(struct flusher *fl, struct file *f);
/* What is dirty will not be stored: it is dropped, and that is logged. */
void flush_discard(struct flusher *fl, struct file *f);
void flush_lost_over(struct flusher *fl, struct file *f); /* its round is: the rest of flush_drop */
void flush_schedule(struct flusher *fl, struct file *f, int64_t after_ms);
/* So many of the last dirty bytes a round leaves for the next: a write() that may go on, and whose parts are to lie
 * together. A round that begins though there is nothing else takes it. */
uint64_t flush_stays(const struct flusher *fl, const struct file *f, int64_t now_ns);
/* When it is to be looked at: what is dirty is due then, or the only write() that is counts as over. INT64_MAX: its
 * next part waits for room, and that has a time of its own. */
int64_t flush_due_ns(const struct flusher *fl, const struct file *f, int64_t now_ns);
/* Somebody waits for that write(): it is due when it is over. */
void flush_hurry(struct flusher *fl, struct file *f);
void flush_waits_move(struct flush_wait **from, struct flush_wait **to); /* behind those that are there */
void flush_waits_over(struct flush_wait **list, int error);

/* flush_room.c */
/* Something changed, less: there is less that is not stored. Who waits for room is helped, as far as it goes. */
void flush_room_look(struct flusher *fl, bool less);
/* The next part of the write() that f->append tells of is here, and waits: it is not over. */
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
/* What a job that is stored means for what is known here. */
void job_apply(struct core *core, struct job *job, int64_t before, const struct op_result *result);
void job_hides_dirty(struct job *job, const struct op_result *result); /* the same for what is still dirty, and older */
void job_over(struct job *job, int error, const struct op_result *result);

#endif
