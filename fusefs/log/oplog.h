/*
 * oplog: the changes of this mount, in order. Ops are appended and sent in batches, one batch in flight at a time:
 * ops that are appended meanwhile go with the next batch, so that many writers share a round trip and a single writer
 * pays for just one. An op's callback is called when the store has applied the op (or refused it). When a batch is
 * refused because of one op, that op gets its error and the others are sent again, without it. Ops appended as one
 * group stay together: all or nothing. The log is the queue in which calls wait for a store that is slow or away:
 * each op belongs to a call that was not answered, holds no thread, and can be withdrawn until it is sent. Threads:
 * append from any; callbacks on the store's thread, or on the log's own for ops that end without an answer.
 */
#ifndef NEPHOS_FUSEFS_LOG_OPLOG_H
#define NEPHOS_FUSEFS_LOG_OPLOG_H

#include "fusefs/store/store.h"

/* Waiting ops. Each belongs to a call of the kernel, which is a blocked thread, or one of the kernel's max_background
 * requests: no machine comes near this number, and with 512 bytes each they take 32 MiB. */
#define OPLOG_OPS_MAX 65536u
/* of the data that ops point to: all dirty data, and xattr values of 3,000 calls at once */
#define OPLOG_BYTES_MAX (256u * 1024 * 1024)
#define OPLOG_BATCH_OPS_MAX 512 /* ops in one batch: keeps the first writer's answer from waiting for many others */

struct oplog;

int oplog_new(struct store *store, struct oplog **ret);
/* on_reply: called for every answer, also for a refusal (which has no results), before the callbacks of its groups;
 * on the store's thread. To be set while no op is in the log; NULL: none. */
void oplog_set_listener(
	struct oplog *log, void (*on_reply)(void *cookie, const struct store_batch_reply *reply), void *cookie);
/* All appended ops must be over (oplog_drain). */
void oplog_free(struct oplog *log);
/* The ops are copied, together with the data they point to. done: results[0..count) of this group, valid during the
 * call. ret_group (may be NULL) names the group for oplog_withdraw. -EAGAIN: beyond the bounds above. -E2BIG: more
 * than any batch may hold, or no op at all. -ENOMEM. -ESHUTDOWN after drain began. */
int oplog_append(struct oplog *log, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct op_result *results, size_t count), void *cookie,
	uint64_t *ret_group);
/* Drops a group that was not sent yet: it will not happen, and done is called with the error. False: the group was
 * sent, and its answer is awaited. */
bool oplog_withdraw(struct oplog *log, uint64_t group, int error);
/* The call that a group belongs to began before the group was appended. */
void oplog_began(struct oplog *log, uint64_t group, int64_t began_ns);
/*
 * Ends groups that have waited as long as an outage may last, with -ERR_NO_GATEWAY. The time counts from the group's
 * call, or from the last answer to a batch if that came later. A group that was not sent will not happen; the store
 * gives up one that was sent. To be called about once a second while anything waits, so that no call waits longer
 * because it was queued behind another.
 */
void oplog_look(struct oplog *log, int64_t now_ns);
/* No further appends; waits until everything is answered, at most deadline_ms: -ETIMEDOUT. ret_left is the number of
 * ops that were not answered. */
int oplog_drain(struct oplog *log, unsigned deadline_ms, size_t *ret_left);

#endif
