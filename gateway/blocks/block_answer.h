/*
 * block_answer: sends a block, or a part of it, as the body of an answer: the bytes in memory are not copied, and stay
 * until they are sent. Any thread.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_ANSWER_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_ANSWER_H

#include "common/http/server/server.h"
#include "gateway/blocks/block.h"

struct block_answer {
	int status;
	const struct http_headers *headers;
	size_t from, len;	    /* inside the block */
	void (*over)(void *cookie); /* called when the part was sent, or will not be sent. May be NULL */
	void *cookie;
};

/* Answers the request; a HEAD gets the length alone. The block is borrowed. */
void block_answer_send(struct http_request *req, struct block *block, const struct block_answer *answer);

#endif
