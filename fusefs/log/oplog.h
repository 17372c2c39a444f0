/*
 * oplog: the changes of this mount, in order. An op is appended and sent in batches, one batch under way at a time:
 * whatever was appended meanwhile goes with the next, so that many writers share a round trip and one writer pays just
 * one. An op's callback comes when the store has it (or refused it). When a batch is refused because of one op, that op
 * gets its error and the others are sent again, without it. Ops appended as one group stay together: all or nothing.
 * The log is the queue in which calls wait for a store that is slow or away: each op is a call that was not answered,
 * holds no thread, and can be withdrawn until it is sent. Threads: append from any; callbacks on the store's thread.
 */
#ifndef NEPHOS_FUSEFS_LOG_OPLOG_H
#define NEPHOS_FUSEFS_LOG_OPLOG_H

#include "fusefs/store/store.h"

/* Waiting ops. A call of the kernel is a thread that stands still, or one of its max_background requests: no machine
 * comes near this, and 512 bytes each are 32 MiB. */
#define OPLOG_OPS_MAX 65536u
#define OPLOG_BYTES_MAX \
	(256u * 1024 * 1024)	/* of what they point to: all dirty data, and xattr values of 3,000 calls at once */
#define OPLOG_BATCH_OPS_MAX 512 /* of one batch: keeps the answer of the first writer from waiting for a crowd */

struct oplog;

int oplog_new(struct store *store, struct oplog **ret);
/* on_reply: with every answer, also a refusal (which has no results), before the callbacks of its groups; on the
 * store's thread. Set while nothing is under way; NULL: nobody. */
void oplog_set_listener(
	struct oplog *log, void (*on_reply)(void *cookie, const struct store_batch_reply *reply), void *cookie);
/* Everything appended must be over (oplog_drain). */
void oplog_free(struct oplog *log);
/* The ops are copied, what they point to too. done: results[0..count) of this group, valid during the call. ret_group
 * (may be NULL) names the group for oplog_withdraw. -EAGAIN: beyond these bounds. -E2BIG: more than any batch may hold,
 * or nothing. -ENOMEM. -ESHUTDOWN after drain began. */
int oplog_append(struct oplog *log, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct op_result *results, size_t count), void *cookie,
	uint64_t *ret_group);
/* A group that was not sent yet is dropped: it will not happen, and done comes with the error. False: it was sent, and
 * its answer is awaited. */
bool oplog_withdraw(struct oplog *log, uint64_t group, int error);
/* The call that a group is for came before it was appended. */
void oplog_began(struct oplog *log, uint64_t group, int64_t began_ns);
/*
 * Ends what has waited out an outage, counted from its call, with -ERR_NO_GATEWAY: what was not sent will not happen;
 * what was, the store gives up. Somebody calls it about once a second while anything waits: no call waits longer
 * because it was behind another.
 */
void oplog_look(struct oplog *log, int64_t now_ns);
/* No further appends; waits until all is answered, at most deadline_ms: -ETIMEDOUT, ret_left says how many ops are
 * unsent. */
int oplog_drain(struct oplog *log, unsigned deadline_ms, size_t *ret_left);

#endif
