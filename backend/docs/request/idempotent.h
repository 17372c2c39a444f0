/*
 * idempotent: a change that is no op: a drive, a session, a range of ids. Under an Idempotency-Key it happens once: the
 * drive of the scope is locked, the key is looked at, and the change and the answer that is kept under the key commit
 * in one transaction, so that no crash comes between them. Without a key it just happens, unless it must be ordered
 * with the batches of the drive. A refusal is not kept: nothing of it holds, and a repeat is judged anew.
 *
 * Some are answered late: what was true before the change is believed by somebody for a while, and nobody is to hear
 * that it holds before that is over. No thread waits meanwhile. A process that ends does not wait: then the answer is
 * 503, the change holds, and a repeat waits anew.
 */
#ifndef NEPHOS_DOCS_IDEMPOTENT_H
#define NEPHOS_DOCS_IDEMPOTENT_H

#include "backend/docs/request/mutate.h"
#include "common/base/timer.h"

struct idempotent;
struct idempotent_late {	  /* one whose answer waits */
	struct timer_entry entry; /* first */
	struct idempotent *o;
	int64_t due_ns;
	int status;
	bool repeat;
};

struct idempotent {
	struct mutate m;	 /* first; mutate_init and mutate_fingerprint come before idempotent_run */
	const char *change_name; /* for failpoints, see failpoint.h */
	/* Makes the change with calls that docs_store.h allows in a transaction, and its answer in m.headers and
	 * m.body. The status; or a failure: then nothing of it holds, where there is a key. A second time, from the
	 * start, when the connection was lost. */
	int (*change)(struct idempotent *o, struct docs_store *store);
	/* It says nothing of the drive, which is only where the key is kept: it is no business of the drive's home. */
	bool beside;
	bool hidden;  /* what it changes is in no answer that may be kept */
	bool grows;   /* it makes what stays: -ENOSPC where there is no room for rows */
	bool ordered; /* with the batches of the drive: under its lock, also without a key */
	/* How long after the change holds it may be answered. What is set before it runs is for repeats, which do not
	 * know when it came to hold; change may set another time, of what it did. 0: at once. */
	int64_t late_ns;
	struct idempotent_late late;
	struct docs_position at; /* for change: of the drive, where it is locked; else 0 */
	void (*changed)(struct idempotent
			*o); /* it is made, and holds; may be NULL. Comes before the answer, and for a repeat too */
	const char *detail;  /* of a failure; may be NULL */
	const char *hint;    /* the same of this failure alone */
	int hint_of;
	struct touched touched; /* for the home that sends it, where the drive was locked */
};

/* On a worker: finds the drive, makes the change, answers the call. */
void idempotent_run(struct idempotent *o, struct docs_store *store);

#endif
