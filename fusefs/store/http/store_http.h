/*
 * store_http: the store as it is reached over HTTP, through any of several gateways (store.h, PROTOCOL.md).
 *
 * One gateway is the current one and gets everything; a failure that common/http/gateways has as one of the gateway
 * makes the next one current and the call is sent there, with the same keys: in the first round at once, then with
 * growing pauses between rounds, until STORE_OUTAGE_S are over, counted from when the call was made. Gateways beyond
 * the given ones are named by the one that took the key. Reads state the highest position that this mount has seen as
 * their floor. Every answer is checked before it is handed up: whoever sends it may be broken or hostile.
 */
#ifndef NEPHOS_FUSEFS_STORE_HTTP_STORE_HTTP_H
#define NEPHOS_FUSEFS_STORE_HTTP_STORE_HTTP_H

#include "common/base/metrics.h"
#include "fusefs/store/store.h"

#include <stdbool.h>

#define STORE_HTTP_GATEWAYS_MAX \
	16 /* more of them help nobody: an outage would not be noticed before they all were tried */
#define STORE_HTTP_CONNECT_MS 2000   /* a machine that is there answers a SYN at once; one retransmission fits */
#define STORE_HTTP_DEADLINE_MS 10000 /* metadata: far beyond a slow disk, far below STORE_OUTAGE_S */
#define STORE_HTTP_STALL_MS 10000    /* blocks: no byte for so long */
/* that an attempt gets, however little of the outage is left: a store that has come back answers in that */
#define STORE_HTTP_LEAST_MS 1000
/* a poll's answer may come so much later than its wait; then the gateway is left, before trust in what is kept ends
 * … */
#define STORE_HTTP_POLL_SLACK_MS 1500
#define STORE_HTTP_POLL_SLACK_MAX_MS 12000 /* … doubled each time, for a way that is that slow */
/* A batch without an answer is repeated for so long: a gateway or service that restarts is back by then. Then its
 * session is replaced, and the journal asked what became of it. */
#define STORE_HTTP_DOUBT_MS 8000
#define STORE_HTTP_PAGE_BYTES_MAX (64u * 1024 * 1024) /* a page of children with their content: memory of one listing */

struct store_http_options {
	const char *const *urls; /* as gateways_url_fault has them; the first is tried first */
	size_t url_count;
	const char *drive; /* number, name, or "home" */
	const char *token;
	const char *name;	 /* of the session, for people */
	unsigned open_ms;	 /* how long opening may try with one gateway, and half of it for each other; 0: 5 s */
	unsigned outage_ms;	 /* 0: STORE_OUTAGE_S and the slack; tests have less time */
	unsigned doubt_ms;	 /* 0: STORE_HTTP_DOUBT_MS */
	struct metrics *metrics; /* may be NULL */
};

/* Blocks until the drive answered and the session stands. On failure ret_why says what people need to know. */
int store_http_new(const struct store_http_options *options, struct store **ret, struct store_drive *ret_drive,
	struct buf *ret_why);
/* Cancels what is under way and waits for its callbacks; from now on every call fails with -ESHUTDOWN. Not from a
 * callback. */
void store_http_quiet(struct store *base);
/* The gateway that is current, for status pages; ret needs size bytes. */
void store_http_gateway(struct store *base, char *ret, size_t size);
/* A failure that a batch met after it may have reached the store leaves its outcome unknown: how often that was. */
uint64_t store_http_in_doubt(struct store *base);

#endif
