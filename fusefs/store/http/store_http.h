/*
 * store_http: the store over HTTP, through any of several gateways (store.h, PROTOCOL.md).
 *
 * One gateway is the current one and gets all requests. When a call meets a failure that common/http/gateways counts
 * as the gateway's, the next gateway becomes the current one and gets the call, with the same keys: in the first
 * round at once, then with growing pauses between rounds, until STORE_OUTAGE_S have passed since the call was made.
 * The gateway that accepted the key names further gateways. Reads state the highest position that this mount has
 * seen as their floor. Every answer is checked before it is handed up: its sender may be broken or hostile.
 */
#ifndef NEPHOS_FUSEFS_STORE_HTTP_STORE_HTTP_H
#define NEPHOS_FUSEFS_STORE_HTTP_STORE_HTTP_H

#include "common/base/metrics.h"
#include "fusefs/store/store.h"

#include <stdbool.h>

#define STORE_HTTP_GATEWAYS_MAX 16   /* with more, an outage would not be noticed before all of them were tried */
#define STORE_HTTP_CONNECT_MS 2000   /* a machine that is up answers a SYN at once; one retransmission fits */
#define STORE_HTTP_DEADLINE_MS 10000 /* metadata: far longer than a slow disk takes, far shorter than STORE_OUTAGE_S */
#define STORE_HTTP_STALL_MS 10000    /* blocks: time without a byte */
/* minimum time for an attempt, however little of the outage is left: a store that has come back answers within it */
#define STORE_HTTP_LEAST_MS 1000
/* how much later than its wait a poll may be answered; then the mount leaves the gateway, before the trust in
 * cached data ends … */
#define STORE_HTTP_POLL_SLACK_MS 1500
#define STORE_HTTP_POLL_SLACK_MAX_MS 12000 /* … doubled after each late poll, for a slow network */
/* How long a batch without an answer is sent again: a gateway or service that restarts is back by then.
 * Afterwards its session is replaced, and the outcome of the batch is looked up in the journal. */
#define STORE_HTTP_DOUBT_MS 8000
#define STORE_HTTP_PAGE_BYTES_MAX (64u * 1024 * 1024) /* a page of children with their content: memory of one listing */

struct store_http_options {
	const char *const *urls; /* as gateways_url_fault accepts them; the first is tried first */
	size_t url_count;
	const char *drive; /* number, name, or "home" */
	const char *token;
	const char *name;   /* of the session, for people */
	unsigned open_ms;   /* how long opening may try the first gateway; each other one gets half of it; 0: 5 s */
	unsigned outage_ms; /* 0: STORE_OUTAGE_S and the slack; tests set less */
	unsigned doubt_ms;  /* 0: STORE_HTTP_DOUBT_MS */
	struct metrics *metrics; /* may be NULL */
};

/* Blocks until the drive has answered and there is a session. On failure ret_why is a message for people. */
int store_http_new(const struct store_http_options *options, struct store **ret, struct store_drive *ret_drive,
	struct buf *ret_why);
/* Cancels calls in flight and waits for their callbacks; from now on every call fails with -ESHUTDOWN. Must not
 * be called from a callback. */
void store_http_quiet(struct store *base);
/* The current gateway, for status pages; ret needs size bytes. */
void store_http_gateway(struct store *base, char *ret, size_t size);
/* How many batches had an unknown outcome: a failure that a batch meets after it may have reached the store
 * leaves its outcome unknown. */
uint64_t store_http_in_doubt(struct store *base);

#endif
