/*
 * patience: how long a call of a program waits for the store, and what a signal changes about it.
 *
 * The kernel tells the mount of a signal once for each request, at the first one, whatever it is: a timer, a child that
 * ended, a debugger, Ctrl-C. A local file system takes no notice of one in the midst of a call, and programs rely on
 * that: they do not repeat a close or a rename that was "interrupted". So a signal is remembered, and what comes of it
 * is decided here, from what the call is, whether its caller is dying, and for how long the store has been silent.
 * Pure; any thread.
 */
#ifndef NEPHOS_FUSEFS_CORE_PATIENCE_H
#define NEPHOS_FUSEFS_CORE_PATIENCE_H

#include "common/base/clock.h"
#include "fusefs/store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* of the store, after which a signal ends what may be ended: so long the first attempt of a call takes to fail when a
 * gateway stands still */
#define PATIENCE_SILENCE_NS (10 * NS_PER_S)
/* of the store, after which a call ends that waits behind others, as one that is with the store does */
#define PATIENCE_OUTAGE_NS STORE_OUTAGE_NS
/* between looks at who was interrupted: a signal that kills may come behind one that does not, and nobody tells us of
 * it */
#define PATIENCE_LOOK_NS (100 * NS_PER_MS)
#define PATIENCE_REST_NS (1 * NS_PER_S) /* between looks at who waits */

/* What a request is, as far as waiting goes. */
enum patience_call {
	PATIENCE_OTHER,
	PATIENCE_LOCK,
	PATIENCE_OPEN,
	PATIENCE_READ,
	PATIENCE_WRITE,
	PATIENCE_TRUNCATE,
	PATIENCE_STATFS,
	PATIENCE_STORE,
	PATIENCE_CALLS
};

struct patience_case {
	bool interrupted;  /* a signal came for it */
	bool dying;	   /* and its caller will not see an answer */
	int64_t silent_ns; /* how long it has waited for a store that answers nobody; 0: the store answers */
};

enum patience_verdict {
	PATIENCE_WAIT,
	PATIENCE_INTERRUPT, /* ends with EINTR, provided that what it asked for will not happen afterwards */
	PATIENCE_GIVE_UP,   /* ends with EIO, with the same proviso */
	PATIENCE_LET_GO,    /* is answered at once, whatever becomes of what it asked for */
};

enum patience_verdict patience_of(enum patience_call call, const struct patience_case *c);

#endif
