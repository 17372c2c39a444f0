/*
 * mutate: a change of a drive: submits ops to commit (idempotent.h: changes that are no ops) and sends one
 * answer. Under the request's key the answer is kept, where it is the same for every repeat.
 *
 * Life: mutate_init (keys and epochs from the headers), mutate_fingerprint, then mutate_submit_take, or
 * mutate_refuse when the request cannot be turned into ops. With a key, a refusal goes through the transaction
 * too, because the reason for it may be that an earlier try has succeeded (a DELETE of a document that is gone
 * may be the repeat of a 204).
 */
#ifndef NEPHOS_DOCS_MUTATE_H
#define NEPHOS_DOCS_MUTATE_H

#include "backend/docs/request/call.h"

#include <jansson.h>

#define MUTATE_BODY_MAX \
	(16u * 1024 * 1024) /* answer to a batch of 4096 ops, each an item and two folders of 600 bytes */
#define MUTATE_HEADERS_MAX 4096

struct mutate {
	struct commit_request request; /* first: commit passes it to the callbacks */
	struct call *call;
	struct op_batch *batch;
	struct buf headers, body; /* the answer; headers are lines "Name: value\n" */
	/* Set before submitting: makes the answer for ops that were applied. Appends to headers and body. Returns
	 * the status, or a failure: with -E2BIG none of the ops takes effect; with any other failure the ops take
	 * effect and only the text of the answer is missing. Runs on a worker, before COMMIT. */
	int (*answer)(struct mutate *m, const struct op_result *results, struct docs_position at);
	/* The ops were refused with this error: returns whether to try again (because another request was
	 * faster). Then nothing is kept or answered, and `retry` gets the call, later on the same thread. May be
	 * NULL. */
	bool (*may_retry)(struct mutate *m, int error);
	void (*retry)(struct mutate *m);
	/* Set by `answer`, if something remains to be done on a worker after the ops took effect and before the
	 * client gets the answer. The job ends with mutate_answer. */
	void (*afterwards)(struct call *call, struct docs_store *store);
	void *cookie;
	int refused; /* why the ops were refused, or 0 */
	bool retrying;
	int refusal; /* mutate_refuse: the error to answer with instead */
	const char *detail;
	int status;			 /* for mutate_answer, while `afterwards` runs */
	struct http_headers all_headers; /* for mutate_answer, too */
};

/* Initialises m, which must lie in memory that the call keeps (call_alloc). -ERR_BAD_REQUEST: malformed keys or
 * epochs. */
int mutate_init(struct mutate *m, struct call *call);
/* Hashes what a repeat must agree in: method, target, conditions, and this content (of the body, or its digest). */
int mutate_fingerprint(struct mutate *m, struct span content);
/* mutate_init and mutate_fingerprint, for a request whose whole body has arrived. */
int mutate_init_whole(struct mutate *m, struct call *call);
bool mutate_has_key(const struct mutate *m);
/* Whether an answer may be kept under the key. Then a refusal may have to wait until all is there that a repeat
 * must agree in. On a worker; scope.drive must be set. */
bool mutate_may_be_repeat(struct mutate *m, struct docs_store *store);
/* Submits the batch for the drive of the call's scope, which must be set. Takes ownership of the batch. */
void mutate_submit_take(struct mutate *m, struct op_batch *batch);
/* The same with ops, which are copied. */
void mutate_ops(struct mutate *m, const struct op *ops, size_t count);
void mutate_refuse(struct mutate *m, int error, const char *detail);

/* Answers the call with the answer just made, or (repeat) the kept one. drive: for Nephos-Usage; may be NULL. */
void mutate_respond(struct mutate *m, const struct docs_answer *answer, bool repeat, const struct tree_drive *drive);
/* Answers the call with the answer made before; for the end of mutate.afterwards. */
void mutate_answer(struct mutate *m);
/* Answers the call with a problem that names the index of the op (unless negative). The answer is not kept. */
void mutate_respond_problem(struct call *call, int error, const char *detail, int index);

/* For answer(): sets the object as the body. Takes the object; NULL means out of memory. */
int mutate_body_take(struct mutate *m, json_t *object);
int mutate_header(struct mutate *m, const char *name, const char *value);
int mutate_header_position(struct mutate *m, struct docs_position at);
/* Body and ETag of an item: the answer of PUT, POST folders and the like. */
int mutate_body_item(struct mutate *m, const struct item *item);

#endif
