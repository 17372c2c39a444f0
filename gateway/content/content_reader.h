/*
 * content_reader: the bytes of long content as they are sent, put together from its list of extents and from blocks. It
 * holds the list, the block that it is in, and the next one, which it asks for meanwhile: that is its window, and all
 * that it takes of memory, however long the content is. The list is one version of the document, and blocks never
 * change: whatever is done to the document meanwhile, this version is sent, or the answer is cut, when a block of it
 * cannot be had any more.
 *
 * Threads: content_reader_pull is called by one at a time; the others on any.
 */
#ifndef NEPHOS_GATEWAY_CONTENT_CONTENT_READER_H
#define NEPHOS_GATEWAY_CONTENT_CONTENT_READER_H

#include "gateway/blocks/block_source.h"
#include "gateway/cache/answer.h"
#include "gateway/content/assembly.h"

/* Blocks of one reader in memory: the one that is sent, and the next, which is fetched meanwhile. */
#define CONTENT_WINDOW 2u

struct content_reader;

struct content_reader_options {
	struct block_source *source;
	struct answer *page; /* of extents, checked (assembly_check); a reference is taken */
	uint32_t drive;
	struct byteranges parts;    /* of the content; its type is copied */
	unsigned window;	    /* 1 to CONTENT_WINDOW */
	void (*wake)(void *cookie); /* pull said -EAGAIN, and would not now. With a lock held: must not call back */
	void *cookie;
};

/* -ENOMEM, -E2BIG: heads of parts do not fit. */
int content_reader_new(const struct content_reader_options *options, struct content_reader **ret);
void content_reader_free(struct content_reader *r); /* wake is not called any more when it returns. NULL is fine */
int64_t content_reader_length(const struct content_reader *r);

/* As http_stream_ops.pull. -ERR_NOT_FOUND: a block is nowhere any more; other failures: it could not be asked for. */
int content_reader_pull(struct content_reader *r, void *data, size_t size, size_t *ret_size);
/* What a reader of this page and window takes of memory for blocks. */
uint64_t content_reader_room(struct span page, unsigned window);

#endif
