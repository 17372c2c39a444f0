/*
 * streamed: an answer whose body is made piece by piece on the workers, while the receiver takes it: at most two
 * pieces are in memory, and a slow receiver holds no thread.
 */
#ifndef NEPHOS_DOCS_STREAMED_H
#define NEPHOS_DOCS_STREAMED_H

#include "backend/docs/request/call.h"

/* About how much a source appends before it returns; the cost of a job is small beside that. */
#define STREAMED_PIECE_BYTES (256u * 1024)
#define STREAMED_BYTES_MAX \
	(8u * 1024 * 1024)   /* limit of one piece: one v1 document of 1 MiB in JSON, each byte escaped */
#define STREAMED_RETRY_MS 20 /* delay of a retry when the workers' queue is full */
#define STREAMED_END 1	     /* returned by fill with the last piece */

struct streamed;

/* The source of the bytes. Its cookie outlives the call: fill must not use the call. */
struct streamed_source {
	bool light; /* reads rows only: runs on the workers for requests; otherwise on those for blocks */
	/* On a worker: appends a piece. 0: there is more. STREAMED_END: this was the last piece. -EAGAIN: there
	 * is nothing now; the source will call streamed_ready, once. Other failures cut the answer. */
	int (*fill)(void *cookie, struct docs_store *store, struct buf *out);
	void (*free)(void *cookie); /* called when no fill runs any more; any thread */
	/* The receiver is gone or has received everything, so no more pieces are wanted. May be NULL. Called
	 * before free, possibly while fill runs. */
	void (*stop)(void *cookie);
};

struct streamed_answer {
	int status;
	struct http_headers *headers;
	int64_t length; /* -1: unknown */
	const struct streamed_source *source;
	void *cookie; /* the source's cookie; ownership passes to the answer */
};

/* On a worker. With a known length, makes the first piece before it answers, so that an immediate failure becomes
 * a problem and a small body needs no stream. ret (may be NULL) is set before fill can return -EAGAIN. */
void streamed_respond(
	struct call *call, struct docs_store *store, const struct streamed_answer *answer, struct streamed **ret);
/* To be called once after fill returned -EAGAIN, before free: there is more to send now. Any thread. */
void streamed_ready(struct streamed *p);

#endif
