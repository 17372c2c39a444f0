/*
 * op_answer: the parts of the answer to a batch, as both ends know it, and its two forms on the wire (JSON and
 * compact; PROTOCOL.md, "Batches" and "Items"). Names and targets are borrowed: in an answer that is built, from
 * the owner of the results; in a decoded one, from the answer and from the body. Pure, any thread.
 */
#ifndef NEPHOS_PROTO_OP_ANSWER_H
#define NEPHOS_PROTO_OP_ANSWER_H

#include "common/proto/op.h"

#define OP_ANSWER_COMPACT "application/vnd.nephos.results"
#define OP_ANSWER_JSON "application/json"
#define OP_RESULT_DIRS_MAX 2

/* What one op did: the item after it (without content), the folders it changed, ids. */
struct op_result {
	struct item item;
	bool has_item;
	int64_t id;
	int64_t replaced; /* rename: the document that lost its name; 0: none, or an exchange */
	int64_t value;	  /* clone: how many bytes; append: where they begin; else 0 */
	struct item dirs[OP_RESULT_DIRS_MAX];
	size_t dir_count;
};

struct op_answer {
	int64_t incarnation; /* of the drive; 0 in an answer from JSON, which does not have it */
	int64_t last;	     /* the drive's seq after the batch */
	size_t count;	     /* one result for each op */
	const struct op_result *results;
};

/* Both append to b; after a failure the caller discards what was appended. -ENOMEM, -E2BIG. The ops decide which
 * results have a "len" or an "at". */
int op_answer_append_json(struct buf *b, const struct op_answer *answer, const struct op_batch *batch);
int op_answer_append_compact(struct buf *b, const struct op_answer *answer);

/* Decodes either form, as content_type says (with or without parameters). Without a type, or with another one, the
 * body must be JSON. count: how many ops were sent; an answer with more or fewer results is refused. The body must
 * stay valid. -EBADMSG: malformed, truncated, or with bytes behind its end; -ENOMEM. The meaning of items is not
 * checked. */
int op_answer_decode(const char *content_type, struct span body, size_t count, struct op_answer **ret);
void op_answer_free(struct op_answer *answer); /* only a decoded answer; accepts NULL */

#endif
