/*
 * reader: the bytes of a document in ranges, in order, made of its extents: inline pieces, parts of blocks, zeros where there is nothing.
 * Extents are fetched in pages, so that what a reader holds does not grow with the document. One thread at a time; blocking, on workers.
 *
 * A document that changes while it is read must not become a mixture: the reader is made for one content_seq, and fails with -ESTALE when a later page shows another.
 */
#ifndef NEPHOS_DOCS_READER_H
#define NEPHOS_DOCS_READER_H

#include "backend/docs/docs.h"

#define READER_EXTENTS 128		      /* of one page: 512 MiB of a file written in one go */
#define READER_VERIFY_BYTES (64u * 1024)      /* read at once to verify a digest */
#define READER_INLINE_BYTES_MAX (256u * 1024) /* inline content of one page; a page ends early at it */

struct reader;

struct reader_options {
	struct docs *docs;
	struct docs_scope scope; /* copied */
	int64_t id, size, content_seq;
};

int reader_new(const struct reader_options *options, struct reader **ret);
void reader_free(struct reader *r); /* NULL is fine */
/* The next bytes to come are [from, from+len), which lie inside the size. */
void reader_seek(struct reader *r, int64_t from, int64_t len);
int64_t reader_left(const struct reader *r);
/* Appends at most max bytes, and at least one while some are left. -ESTALE, -EIO, -EBADMSG: a block is not what it should be. */
int reader_read(struct reader *r, struct docs_store *store, size_t max, struct buf *out);

#endif
