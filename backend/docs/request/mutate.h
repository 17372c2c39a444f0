/*
 * mutate: a change of a drive: ops through commit (idempotent.h: changes that are no ops), and one answer, kept under
 * the request's key where it has one and the same for every repeat.
 *
 * Life: mutate_init (keys and epochs from the headers), mutate_fingerprint, then mutate_submit_take, or mutate_refuse
 * when the request cannot be turned into ops: with a key that too goes through the transaction, because the refusal may
 * only be so because an earlier try has succeeded (DELETE of what is gone: the repeat of a 204).
 */
#ifndef NEPHOS_DOCS_MUTATE_H
#define NEPHOS_DOCS_MUTATE_H

#include "backend/docs/request/call.h"

#include <jansson.h>

#define MUTATE_BODY_MAX \
	(16u * 1024 * 1024) /* answer to a batch of 4096 ops, each an item and two folders of 600 bytes */
#define MUTATE_HEADERS_MAX 4096

struct mutate {
	struct commit_request request; /* first: commit gives it back */
	struct call *call;
	struct op_batch *batch;
	struct buf headers, body; /* of the answer; headers are lines "Name: value\n" */
	/* Set before submitting: what is answered when the ops hold. Appends to headers and body; the status, or a
	 * failure: -E2BIG, and nothing holds; else the ops do, and only the words are missing. On a worker, before
	 * COMMIT. */
	int (*answer)(struct mutate *m, const struct op_result *results, struct docs_position at);
	/* The ops were refused with this: is it worth another look (somebody was faster)? Then nothing is kept nor
	 * answered, and retry, later on the same thread, has the call again. May be NULL. */
	bool (*may_retry)(struct mutate *m, int error);
	void (*retry)(struct mutate *m);
	/* Set by answer, if there is something to be done on a worker when the ops hold, and before anybody is told.
	 * It ends with mutate_answer. */
	void (*afterwards)(struct call *call, struct docs_store *store);
	void *cookie;
	int refused; /* why the ops were, or 0 */
	bool retrying;
	int refusal; /* mutate_refuse: what is told instead */
	const char *detail;
	int status;			 /* while afterwards is at work */
	struct http_headers all_headers; /* likewise */
};

/* In place, inside memory that the call keeps (call_alloc). -ERR_BAD_REQUEST: malformed keys or epochs. */
int mutate_init(struct mutate *m, struct call *call);
/* What a repeat must agree in: method, target, conditions, and this content (of the body, or its digest). */
int mutate_fingerprint(struct mutate *m, struct span content);
/* Both, for a request whose whole body is there. */
int mutate_init_whole(struct mutate *m, struct call *call);
bool mutate_has_key(const struct mutate *m);
/* Whether an answer is kept under the key, so that a refusal may have to wait for what a repeat must agree in. On
 * a worker; the drive must be known. */
bool mutate_may_be_repeat(struct mutate *m, struct docs_store *store);
/* For the drive of the call's scope, which must be known. Takes the batch. */
void mutate_submit_take(struct mutate *m, struct op_batch *batch);
/* The same from ops, which are copied. */
void mutate_ops(struct mutate *m, const struct op *ops, size_t count);
void mutate_refuse(struct mutate *m, int error, const char *detail);

/* Answers the call with what was made, or (repeat) kept. drive: for the usage; may be NULL. */
void mutate_respond(struct mutate *m, const struct docs_answer *answer, bool repeat, const struct tree_drive *drive);
/* Answers the call with what was made, after mutate.afterwards. */
void mutate_answer(struct mutate *m);
/* A problem with the index of the op (when not negative), not kept. Answers the call. */
void mutate_respond_problem(struct call *call, int error, const char *detail, int index);

/* For answer(): the object as body (taken; NULL: no memory). */
int mutate_body_take(struct mutate *m, json_t *object);
int mutate_header(struct mutate *m, const char *name, const char *value);
int mutate_header_position(struct mutate *m, struct docs_position at);
/* Body and ETag of an item: what PUT, POST folders and the like answer. */
int mutate_body_item(struct mutate *m, const struct item *item);

#endif
