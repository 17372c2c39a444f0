/*
 * streamed: an answer whose body is made piece by piece on the workers, while the receiver takes it: two pieces at most
 * lie in memory, and a slow receiver holds no thread.
 */
#ifndef NEPHOS_DOCS_STREAMED_H
#define NEPHOS_DOCS_STREAMED_H

#include "backend/docs/request/call.h"

#define STREAMED_PIECE_BYTES \
	(256u * 1024) /* what a source appends before it returns, about; a job costs little beside it */
#define STREAMED_BYTES_MAX (8u * 1024 * 1024) /* of one piece: one v1 document of 1 MiB in JSON, each byte escaped */
#define STREAMED_RETRY_MS 20		      /* when the workers' queue is full */
#define STREAMED_END 1			      /* what fill returns with the last piece */

struct streamed;

/* Where the bytes come from. Its cookie outlives the call: it must not look at the call in fill. */
struct streamed_source {
	bool light; /* reads rows only: on the workers for requests; otherwise on those for blocks */
	/* On a worker: appends a piece. 0: there is more. STREAMED_END. -EAGAIN: nothing now, streamed_ready will say
	 * when (once). Other failures cut the answer. */
	int (*fill)(void *cookie, struct docs_store *store, struct buf *out);
	void (*free)(void *cookie); /* no fill runs any more; any thread */
	/* The receiver is gone, or has all: nothing is wanted any more. May be NULL. Runs before free, also while fill
	 * runs. */
	void (*stop)(void *cookie);
};

struct streamed_answer {
	int status;
	struct http_headers *headers;
	int64_t length; /* -1: unknown */
	const struct streamed_source *source;
	void *cookie; /* the source's; taken */
};

/* On a worker. Makes the first piece before it answers, so that what fails at once is a problem, and what is small
 * needs no stream. ret (may be NULL) is set before fill can return -EAGAIN. */
void streamed_respond(
	struct call *call, struct docs_store *store, const struct streamed_answer *answer, struct streamed **ret);
/* After an -EAGAIN of fill, once, before free: there is something now. Any thread. */
void streamed_ready(struct streamed *p);

#endif
