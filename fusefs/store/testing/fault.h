/*
 * fault: wraps a store and makes it misbehave on purpose, for tests. Each call is compared with the rules; the first
 * match applies:
 *   FAULT_FAIL    does not reach the store; fails with `error`, as in an outage (a batch without a reply)
 *   FAULT_REFUSE  for batches: refused with `error` at op `index`
 *   FAULT_LOSE    reaches the store and happens there, but the answer is lost: fails with `error`
 *   FAULT_HOLD    waits until fault_release; with `reorder`, calls that are released together go in the reverse
 *                 order of their arrival
 * Threads: any. Callbacks run on the fault store's own thread or on the inner store's.
 */
#ifndef NEPHOS_FUSEFS_STORE_TESTING_FAULT_H
#define NEPHOS_FUSEFS_STORE_TESTING_FAULT_H

#include "fusefs/store/store.h"

enum fault_call {
	FAULT_DRIVE,
	FAULT_LOOKUP,
	FAULT_ITEM,
	FAULT_CHILDREN,
	FAULT_EXTENTS,
	FAULT_XATTRS,
	FAULT_BLOCK_GET,
	FAULT_BLOCK_PUT,
	FAULT_BATCH,
	FAULT_IDS,
	FAULT_POLL,
	FAULT_LOCK,
	FAULT_LOCK_WAIT,
	FAULT_LOCK_TEST,
	FAULT_CALLS
};

enum fault_kind { FAULT_FAIL, FAULT_REFUSE, FAULT_LOSE, FAULT_HOLD };

#define FAULT_RULES_MAX 16

struct fault_rule {
	enum fault_call call;
	enum fault_kind kind;
	unsigned nth;	/* first call of that kind that matches, counted from now on, from 1; 0: each */
	unsigned times; /* how many calls match; 0: one, or all with nth 0 */
	int error;
	int index;
	bool reorder;
};

/* Takes ownership of the inner store: it is freed together with ret. */
int fault_new(struct store *inner_take, struct store **ret);
void fault_add(struct store *s, const struct fault_rule *rule);
void fault_clear(struct store *s); /* removes the rules; held calls stay held */
/* Passes all held calls of that kind on to the store; returns how many. */
size_t fault_release(struct store *s, enum fault_call call);
/* The same, but the calls do not reach the store: they fail with error. */
size_t fault_cancel_held(struct store *s, enum fault_call call, int error);
/* Blocks until that many calls are held, at most deadline_ms: -ETIMEDOUT. */
int fault_wait_held(struct store *s, enum fault_call call, size_t count, unsigned deadline_ms);
/* Calls of that kind so far. */
uint64_t fault_count(struct store *s, enum fault_call call);

#endif
