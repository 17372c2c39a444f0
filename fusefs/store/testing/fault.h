/*
 * fault: wraps a store and has it misbehave on purpose, for tests. Rules are looked at for each call, first match
 * wins:
 *   FAULT_FAIL    does not reach the store; fails with `error`, as an outage would (a batch without a reply)
 *   FAULT_REFUSE  for batches: refused with `error` at op `index`
 *   FAULT_LOSE    reaches the store and happens there, but the answer is lost: fails with `error`
 *   FAULT_HOLD    waits until fault_release; several that are released together go in the opposite order of their
 *                 coming when `reorder`
 * Threads: any. Callbacks come on the fault store's own thread or the inner one's.
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
	unsigned nth;	/* of calls of that kind from now on, from 1; 0: each */
	unsigned times; /* how many from there on; 0: one, for nth 0 all */
	int error;
	int index;
	bool reorder;
};

/* The inner store is freed with it. */
int fault_new(struct store *inner_take, struct store **ret);
void fault_add(struct store *s, const struct fault_rule *rule);
void fault_clear(struct store *s); /* rules; what is held stays held */
/* Lets go of all held calls of that kind; returns how many. */
size_t fault_release(struct store *s, enum fault_call call);
/* The same, but none of them reaches the store: they fail with the error. */
size_t fault_cancel_held(struct store *s, enum fault_call call, int error);
/* Blocks until so many are held, at most deadline_ms: -ETIMEDOUT. */
int fault_wait_held(struct store *s, enum fault_call call, size_t count, unsigned deadline_ms);
/* Calls of that kind so far. */
uint64_t fault_count(struct store *s, enum fault_call call);

#endif
