/*
 * commit: mutations of drives, combined. Batches that wait for the same drive go into one transaction (group
 * commit), in the order of their arrival. One worker at a time works on a drive; different drives run in
 * parallel.
 *
 * Each transaction: lock the drive, look up the keys (repeat, reuse, order), check the epochs, load, apply batch
 * by batch (a batch that fails does not affect the others), write, COMMIT. Only then are the callers answered,
 * on the worker's thread, and the feed is notified. The key in the journal is the request's own, or
 * SESSION/NUMBER. A refusal by the rules is kept under a key like any answer; a temporary failure (503, 500) is
 * not. Batches that are too much for one transaction together (BATCH_ROWS_MAX) run one by one. A batch that is
 * too much alone, or whose answer is too large, is refused (-E2BIG), and may be sent in parts. When the
 * connection is lost before COMMIT was sent, the whole transaction is tried again (COMMIT_TRIES). When it is
 * lost afterwards, every caller gets -ERR_UNKNOWN_OUTCOME, and repeats with its key.
 */
#ifndef NEPHOS_DOCS_COMMIT_H
#define NEPHOS_DOCS_COMMIT_H

#include "backend/docs/rows/docs_store.h"
#include "common/proto/touched.h"

#define COMMIT_BATCHES_MAX 64 /* combined into one transaction */
/* Most ops and extents of these batches together; each COMMIT_DATA_BYTES of inline data counts as one. This
 * bounds memory and the time for which the drive is locked. */
#define COMMIT_OPS_MAX 4096
#define COMMIT_DATA_BYTES (16 * 1024)
/* Batches that wait in the process; of one user at most as many as are left free. More: -ERR_TOO_MANY. */
#define COMMIT_QUEUE_MAX 1024

struct commit;

/* One batch of a caller. Owned by the caller until done() is called. */
struct commit_request {
	uint32_t drive;
	int64_t user; /* must own the drive, else -ERR_NOT_FOUND */
	struct docs_key key;
	/* epoch of the drive's home that sends it; -1: sent by no home, valid only while the drive has no home */
	int64_t epoch;
	int64_t lease_epoch; /* -1: not checked */
	const struct op_batch *batch;
	/* Makes the answer that is kept and sent, from the results of the batch (error 0) or from the reason why
	 * it was refused (its own negative code, with the index of the op). Called on the worker before COMMIT,
	 * unless the answer is a repeat. It is called again, from the start, when the transaction is tried
	 * again. Spans must stay valid until done(). A status of 0: this answer is not kept under the key, and
	 * the request comes again (only for a refusal: a batch that was applied must get the same answer the next
	 * time). -E2BIG: the answer is too large; nothing of the batch is committed. */
	void (*answer)(struct commit_request *request, int error, int index, const struct op_result *results,
		struct docs_position at, struct docs_answer *ret);
	/* Called after COMMIT, or when nothing was committed. error 0: the answer is valid (repeat: it is an old
	 * one). Else the failure that the caller reports, which was not kept: -ERR_NOT_FOUND, -ERR_KEY_REUSED,
	 * -ERR_OUT_OF_ORDER, -ERR_SESSION_GONE, -ERR_EPOCH, -E2BIG of the answer, -ENOSPC of the disk, and
	 * temporary failures (503). drive: its row after the transaction; NULL with an error. */
	void (*done)(struct commit_request *request, int error, const struct docs_answer *answer, bool repeat,
		const struct tree_drive *drive);
	void *cookie;
	/* Set during done, where an epoch was checked and nothing failed: what the whole transaction has made
	 * untrue, including the batches of others. A transaction of a repeat alone touches nothing, and says
	 * where the drive stands. */
	const struct touched *touched;
	/* The rest is used by commit only. */
	size_t weight; /* its part of COMMIT_OPS_MAX */
	struct commit_request *next;
};

/* -ERR_EPOCH: the drive has another home by now. Once a drive has a home, only requests through that home change
 * it. A repeat is checked as well: the gateway that receives its answer passes it on as acknowledged, but only
 * the home drops what the change made stale. If a former home got the answer again while the home's own answer
 * is still on its way, the client would be told of a change that the home has not received yet
 * (tests/model/ring.pml, REPEAT_UNCHECKED). */
static inline int commit_check_home(const struct commit_request *request, const struct tree_drive *drive)
{
	const int64_t sent = request->epoch < 0 ? 0 : request->epoch; /* a drive without a home has epoch 0 */

	return sent != drive->epoch ? -ERR_EPOCH : 0;
}
/* -ERR_EPOCH: another session works ahead on the drive by now. A repeat is answered all the same: its batch was
 * committed, and its sender must learn that. */
static inline int commit_check_lease(const struct commit_request *request, const struct tree_drive *drive)
{
	return request->lease_epoch >= 0 && request->lease_epoch != drive->lease_epoch ? -ERR_EPOCH : 0;
}

/* run_on_worker puts a job into the service's worker pool: job(store, cookie) is called with that worker's own
 * store, later, never during this call. party: the user whose batches these are. -EAGAIN: the pool is full. */
struct commit_options {
	int (*run_on_worker)(
		void (*job)(struct docs_store *store, void *cookie), void *cookie, void *pool, int64_t party);
	void *pool;
	/* A drive has a new seq, or may have one that nobody was told of; for the feed of long polls. session:
	 * the session of all these batches; 0: others took part. */
	void (*on_committed)(uint32_t drive, struct docs_position at, int64_t session, void *cookie);
	void *on_committed_cookie;
	/* A batch was refused, and would be refused again: blocks uploaded for these ops of it are not needed. May
	 * be NULL. */
	void (*on_refused)(uint32_t drive, const struct op_batch *batch, size_t first, size_t count, void *cookie);
	void *on_refused_cookie;
	/* Whether there is no room for more rows. Called once for each transaction. If there is none, ops that
	 * create rows fail with -ENOSPC in done(), which is not kept under their key. May be NULL. */
	bool (*is_full)(void *cookie);
	void *is_full_cookie;
};

int commit_new(const struct commit_options *options, struct commit **ret);
void commit_free(struct commit *c); /* no request may be in flight */
/* 0: done() will be called. Otherwise it will not: -ERR_TOO_MANY, -ENOMEM. */
int commit_submit(struct commit *c, struct commit_request *request);

#endif
