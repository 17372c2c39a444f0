/*
 * commit: mutations of drives, combined. Batches that wait for the same drive go into one transaction (group commit),
 * in the order of their arrival; a drive is worked on by one worker at a time, different drives in parallel.
 *
 * For each transaction: lock the drive, look at keys (repeat, reuse, order), check the epochs, load, apply batch by
 * batch (one that fails leaves the others alone), write, COMMIT; only then are the callers answered, on the worker's
 * thread, and the feed told. The journal's key is the request's own, or SESSION/NUMBER. A refusal by the rules is kept
 * under a key like any answer; what passes (503, 500) is not. Batches that are too much for one transaction together
 * (BATCH_ROWS_MAX) go one by one; one that is too much alone, or whose answer is, is refused (-E2BIG), and may be sent
 * in parts. A lost connection before COMMIT was sent: the whole transaction is tried once more; after:
 * -ERR_UNKNOWN_OUTCOME to each, who repeat with their key.
 */
#ifndef NEPHOS_DOCS_COMMIT_H
#define NEPHOS_DOCS_COMMIT_H

#include "backend/docs/rows/docs_store.h"
#include "common/proto/touched.h"

#define COMMIT_BATCHES_MAX 64 /* combined into one transaction */
/* and their ops and extents together, each COMMIT_DATA_BYTES of inline data counting as one: bounds the time the drive
 * is locked, and memory */
#define COMMIT_OPS_MAX 4096
#define COMMIT_DATA_BYTES (16 * 1024)
#define COMMIT_QUEUE_MAX 1024 /* batches waiting in the process; more: -ERR_TOO_MANY */

struct commit;

/* What a caller wants done. Owned by the caller until done() is called. */
struct commit_request {
	uint32_t drive;
	int64_t user; /* must own the drive, else -ERR_NOT_FOUND */
	struct docs_key key;
	int64_t epoch;	     /* of the drive's home that sends it; -1: none, good only while the drive has no home */
	int64_t lease_epoch; /* -1: not checked */
	const struct op_batch *batch;
	/* Makes the answer that is kept and sent, from what the batch did (error 0) or why it was refused (its own
	 * negative code, with the index of the op). Called on the worker before COMMIT, unless the answer is a repeat;
	 * a second time, from the start, when the transaction is tried again. Spans must stay valid until done(). A
	 * status of 0: this answer is not kept under the key (only for a refusal: what was done must be answered the
	 * same the next time). -E2BIG: it is more than one answer may say; nothing of the batch holds. */
	void (*answer)(struct commit_request *request, int error, int index, const struct op_result *results,
		struct docs_position at, struct docs_answer *ret);
	/* After COMMIT, or when nothing was committed: error 0: the answer is valid (repeat says whether it is an old
	 * one); else the failure that is to be told and was not kept: -ERR_NOT_FOUND, -ERR_KEY_REUSED,
	 * -ERR_OUT_OF_ORDER, -ERR_SESSION_GONE, -ERR_EPOCH, -E2BIG of the answer, -ENOSPC of the disk, and what passes
	 * (503). drive: after the transaction; NULL with an error. */
	void (*done)(struct commit_request *request, int error, const struct docs_answer *answer, bool repeat,
		const struct tree_drive *drive);
	void *cookie;
	/* During done, where an epoch was checked and nothing failed: what the whole transaction has made untrue, of
	 * others' batches too. A repeat alone touches nothing, and says where the drive stands. */
	const struct touched *touched;
	/* Commit's own. */
	size_t weight; /* what it asks of a transaction, in ops */
	struct commit_request *next;
};

/* -ERR_EPOCH: somebody else is the drive's home by now. Once a drive has a home, nobody changes it but by that. A
 * repeat is looked at as well: what it answers is acknowledged by the gateway that hears it, and only the home drops
 * what the change made stale. Were a former home given the answer again while the home's own answer is on its way, the
 * client would be told of a change that the home does not know of yet (tests/model/ring.pml, REPEAT_UNCHECKED). */
static inline int commit_check_home(const struct commit_request *request, const struct tree_drive *drive)
{
	const int64_t sent = request->epoch < 0 ? 0 : request->epoch; /* a drive without a home has epoch 0 */

	return sent != drive->epoch ? -ERR_EPOCH : 0;
}
/* -ERR_EPOCH: somebody else works ahead on the drive by now. A repeat is answered all the same: what was done was done,
 * and whoever did it has to know. */
static inline int commit_check_lease(const struct commit_request *request, const struct tree_drive *drive)
{
	return request->lease_epoch >= 0 && request->lease_epoch != drive->lease_epoch ? -ERR_EPOCH : 0;
}

/* run_on_worker puts a job into the service's worker pool: job(store, cookie) is called with that worker's own store,
 * later, never inside the call. -EAGAIN: the pool is full. */
struct commit_options {
	int (*run_on_worker)(void (*job)(struct docs_store *store, void *cookie), void *cookie, void *pool);
	void *pool;
	/* A drive has a new seq, or may have one of which nobody was told; for the feed of long polls. session: whose
	 * batches they all were; 0: others too. */
	void (*on_committed)(uint32_t drive, struct docs_position at, int64_t session, void *cookie);
	void *on_committed_cookie;
	/* An op was refused, and would be again: what was uploaded for it came to nothing. May be NULL. */
	void (*on_refused)(uint32_t drive, const struct op *op, void *cookie);
	void *on_refused_cookie;
	/* Whether there is no room for more rows. Asked once for each transaction: then what makes some is -ENOSPC by
	 * done(), not kept under its key. May be NULL. */
	bool (*is_full)(void *cookie);
	void *is_full_cookie;
};

int commit_new(const struct commit_options *options, struct commit **ret);
void commit_free(struct commit *c); /* nothing may be under way */
/* 0: done() will be called. Otherwise nothing happens: -ERR_TOO_MANY, -ENOMEM. */
int commit_submit(struct commit *c, struct commit_request *request);

#endif
