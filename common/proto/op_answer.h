/*
 * op_answer: what the answer to a batch consists of, as both ends know it, and its two forms on the wire (JSON and
 * compact; PROTOCOL.md, "Batches" and "Items"). Names and targets borrow: in an answer that is built from whoever made
 * the results, in a decoded one from the answer and from the body. Pure, any thread.
 */
#ifndef NEPHOS_PROTO_OP_ANSWER_H
#define NEPHOS_PROTO_OP_ANSWER_H

#include "common/proto/op.h"

#define OP_ANSWER_COMPACT "application/vnd.nephos.results"
#define OP_ANSWER_JSON "application/json"
#define OP_RESULT_DIRS_MAX 2

/* What one op did: the item after it (without its content), the folders it changed, ids. */
struct op_result {
	struct item item;
	bool has_item;
	int64_t id;
	int64_t replaced; /* rename: what lost its name, 0 (an exchange: 0) */
	int64_t value;	  /* clone: how many bytes; append: where they begin; else 0 */
	struct item dirs[OP_RESULT_DIRS_MAX];
	size_t dir_count;
};

struct op_answer {
	int64_t incarnation; /* of the drive; JSON does not say: 0 */
	int64_t last;	     /* its seq after the batch */
	size_t count;	     /* one result for each op */
	const struct op_result *results;
};

/* Appended; what a failure leaves is for nobody. -ENOMEM, -E2BIG. The ops say which results have a len, or an at. */
int op_answer_append_json(struct buf *b, const struct op_answer *answer, const struct op_batch *batch);
int op_answer_append_compact(struct buf *b, const struct op_answer *answer);

/* Either form, as the type says (with or without parameters); without one, or with another, it has to be JSON. count:
 * how many ops were sent; an answer to more or fewer is none. The body must stay. -EBADMSG: malformed, cut, or with
 * something behind its end; -ENOMEM. What items mean is not looked at. */
int op_answer_decode(const char *content_type, struct span body, size_t count, struct op_answer **ret);
void op_answer_free(struct op_answer *answer); /* only one that was decoded; NULL is accepted */

#endif
