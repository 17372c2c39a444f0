/*
 * content_reader: the bytes of long content as they are sent, put together from its list of extents and from
 * blocks. It holds the list, the block that it is sending, and the next one, which it asks for meanwhile. That is
 * its window, and all the memory that it takes, however long the content is. The list is one version of the
 * document, and blocks never change: so this version is sent, whatever is done to the document meanwhile; or the
 * answer is cut off if one of its blocks is not available any more.
 *
 * Threads: one thread at a time calls content_reader_pull; the other functions may be called on any.
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
	struct answer *page; /* what the service has told; a reference is taken */
	struct span extents; /* the page of extents, in the body of `page`; checked (assembly_check) */
	uint32_t drive;
	struct byteranges parts; /* of the content; its type is copied */
	unsigned window;	 /* 1 to CONTENT_WINDOW */
	/* Called when pull has returned -EAGAIN and would not any more. The reader holds its lock: must not
	 * call back. */
	void (*wake)(void *cookie);
	void *cookie;
};

/* -ENOMEM, -E2BIG: heads of parts do not fit. */
int content_reader_new(const struct content_reader_options *options, struct content_reader **ret);
void content_reader_free(struct content_reader *r); /* wake is not called after it returns. NULL is fine */
int64_t content_reader_length(const struct content_reader *r);

/* As http_stream_ops.pull. -ERR_NOT_FOUND: no source has a block any more; other failures: the block could not be
 * asked for. */
int content_reader_pull(struct content_reader *r, void *data, size_t size, size_t *ret_size);
/* The memory in bytes that a reader with this page and window takes, for the page and its blocks. */
uint64_t content_reader_room(struct span page, unsigned window);

#endif
