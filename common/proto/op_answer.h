/*
 * op_answer: what the answer to a batch consists of, as both ends know it (PROTOCOL.md, "Batches"). Names and targets borrow from whoever made the results.
 */
#ifndef NEPHOS_PROTO_OP_ANSWER_H
#define NEPHOS_PROTO_OP_ANSWER_H

#include "common/proto/op.h"

#define OP_RESULT_DIRS_MAX 2

/* What one op did: the item after it (without its content), the folders it changed, ids. */
struct op_result {
	struct item item;
	bool has_item;
	int64_t id;
	int64_t replaced; /* rename: what lost its name, 0 (an exchange: 0) */
	int64_t len;	  /* clone: bytes */
	struct item dirs[OP_RESULT_DIRS_MAX];
	size_t dir_count;
};

#endif
