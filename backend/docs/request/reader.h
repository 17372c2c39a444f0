/*
 * reader: the bytes of a document in ranges, in order, made of its extents: inline pieces, parts of blocks, zeros where
 * there is nothing. One thread at a time; blocking, on workers.
 *
 * A document that changes while it is read must not become a mixture: the reader is made for one content_seq, and reads
 * that version to its end whatever is done to the document meanwhile (layout.h says where the bounds of that are). It
 * fails with -ESTALE when the version is not there any more when it looks.
 */
#ifndef NEPHOS_DOCS_READER_H
#define NEPHOS_DOCS_READER_H

#include "backend/docs/core/docs.h"
#include "common/base/sha256.h"

#define READER_VERIFY_BYTES (64u * 1024) /* read at once to verify a digest */

struct reader;

struct reader_options {
	struct docs *docs;
	struct docs_scope scope; /* copied */
	int64_t id, size, content_seq;
};

int reader_new(const struct reader_options *options, struct reader **ret);
void reader_free(struct reader *r); /* NULL is fine */
/* Where all bytes in [from, to) lie, from one snapshot: what is read of them later is not -ESTALE. Without it a range
 * is looked up when it is read. */
int reader_look(struct reader *r, struct docs_store *store, int64_t from, int64_t to);
/* What was looked up, which was all of it, as a compact page (layout_page). */
int reader_page(struct reader *r, const struct docs_position *at, struct buf *ret);
/* The SHA-256 of all of the document, where what was looked up tells it without a block being read: it is one whole
 * block, or short. -ENOENT: it does not. */
int reader_digest(struct reader *r, uint8_t ret_sha256[SHA256_BYTES]);
/* The next bytes to come are [from, from+len), which lie inside the size. */
void reader_seek(struct reader *r, int64_t from, int64_t len);
int64_t reader_left(const struct reader *r);
/* Appends at most max bytes, and at least one while some are left. -ESTALE, -EIO, -EBADMSG: a block is not what it
 * should be. */
int reader_read(struct reader *r, struct docs_store *store, size_t max, struct buf *out);

#endif
