/*
 * patience: how long a call of a program waits for the store, and how a signal changes that.
 *
 * The kernel reports a signal once for each request, at the first signal, whatever it is: a timer, a child that
 * ended, a debugger, Ctrl-C. A local file system ignores signals in the middle of a call, and programs rely on that:
 * they do not repeat a close or a rename that was "interrupted". So a signal is only noted, and this module decides
 * what follows from it: by the kind of the call, by whether its caller is dying, and by how long the store has been
 * silent. Pure; any thread.
 */
#ifndef NEPHOS_FUSEFS_CORE_PATIENCE_H
#define NEPHOS_FUSEFS_CORE_PATIENCE_H

#include "common/base/clock.h"
#include "fusefs/store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* After this silence of the store, a signal ends a call that may be ended by one. The first attempt of a call takes
 * as long to fail when a gateway is stuck. */
#define PATIENCE_SILENCE_NS (10 * NS_PER_S)
/* After this silence of the store, a call that waits behind others ends, like one that was sent to the store. */
#define PATIENCE_OUTAGE_NS STORE_OUTAGE_NS
/* Between looks at interrupted requests: a fatal signal may follow one that is not, and the kernel does not report
 * it. */
#define PATIENCE_LOOK_NS (100 * NS_PER_MS)
#define PATIENCE_REST_NS (1 * NS_PER_S) /* between looks at waiting requests */

/* The kind of a request, as far as waiting is concerned. */
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
	bool interrupted; /* a signal came for the request */
	bool dying;	  /* the caller will not see an answer */
	/* how long the request has waited for a store that answers nobody; 0: the store answers */
	int64_t silent_ns;
};

enum patience_verdict {
	PATIENCE_WAIT,
	PATIENCE_INTERRUPT, /* ends with EINTR, provided that the operation will not happen afterwards */
	PATIENCE_GIVE_UP,   /* ends with EIO, with the same proviso */
	PATIENCE_LET_GO,    /* is answered at once, whatever happens to the operation */
};

enum patience_verdict patience_of(enum patience_call call, const struct patience_case *c);

#endif
