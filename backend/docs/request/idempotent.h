/*
 * idempotent: a change that is no op, such as that of a drive, a session or a range of ids. With an
 * Idempotency-Key the change happens once: the drive of the scope is locked, the key is looked up, and the change
 * and the answer kept under the key commit in one transaction, so that a crash cannot separate them. Without a
 * key the change runs without the lock, unless it must be ordered with the batches of the drive. A refusal is not
 * kept: none of the change takes effect, and a repeat is judged anew.
 *
 * Some changes are answered late: gateways may believe the state before the change for a while, and no client may
 * learn of the change before that time is over. No thread waits meanwhile. A process that ends does not wait
 * either: it answers 503, the change holds, and a repeat waits anew.
 */
#ifndef NEPHOS_DOCS_IDEMPOTENT_H
#define NEPHOS_DOCS_IDEMPOTENT_H

#include "backend/docs/request/mutate.h"
#include "common/base/timer.h"

struct idempotent;
struct idempotent_late {	  /* a change whose answer waits */
	struct timer_entry entry; /* first */
	struct idempotent *o;
	int64_t due_ns;
	int status;
	bool repeat;
};

struct idempotent {
	struct mutate m;	 /* first; call mutate_init and mutate_fingerprint before idempotent_run */
	const char *change_name; /* for failpoints, see failpoint.h */
	/* Makes the change, using only calls that docs_store.h allows in a transaction, and writes its answer to
	 * m.headers and m.body. Returns the status, or a failure: then none of the change takes effect, where
	 * there is a key. Is called a second time, from the start, when the connection was lost. */
	int (*change)(struct idempotent *o, struct docs_store *store);
	/* The change is not about the drive, with which only the key is kept: the home of the drive is not
	 * checked. */
	bool beside;
	bool hidden;  /* no answer that gateways keep shows what it changes */
	bool grows;   /* it adds data that stays: -ENOSPC where there is no room for rows */
	bool ordered; /* ordered with the batches of the drive: takes its lock, also without a key */
	/* How long after the change took effect its answer is sent. The value set before the run is for repeats,
	 * which cannot tell when the change took effect; change may set another value for the run that makes the
	 * change. 0: at once. */
	int64_t late_ns;
	struct idempotent_late late;
	struct docs_position at; /* input of change: position of the drive, where it is locked; else 0 */
	/* The change took effect, or the request is a repeat. Runs before the answer is sent. May be NULL. */
	void (*changed)(struct idempotent *o);
	const char *detail; /* text for any failure; may be NULL */
	const char *hint;   /* text for the failure hint_of alone */
	int hint_of;
	struct touched touched; /* for the home that sent the request, where the drive was locked */
};

/* On a worker: finds the drive, makes the change, and answers the call. */
void idempotent_run(struct idempotent *o, struct docs_store *store);

#endif
