/*
 * reader: reads the bytes of a document in ranges, in order, from its extents: inline pieces, parts of blocks,
 * zeros where there is no extent. One thread at a time; blocking, on workers.
 *
 * A document that changes while it is read must not become a mixture: a reader is made for one content_seq, and
 * reads that version to its end whatever happens to the document meanwhile (layout.h states the limits of that).
 * It fails with -ESTALE when the version does not exist any more when the reader looks it up.
 */
#ifndef NEPHOS_DOCS_READER_H
#define NEPHOS_DOCS_READER_H

#include "backend/docs/core/docs.h"
#include "common/base/sha256.h"

#define READER_VERIFY_BYTES (64u * 1024) /* bytes read at once to verify a digest */

struct reader;

struct reader_options {
	struct docs *docs;
	struct docs_scope scope; /* copied */
	int64_t id, size, content_seq;
};

int reader_new(const struct reader_options *options, struct reader **ret);
void reader_free(struct reader *r); /* NULL is fine */
/* Loads the layout of all bytes in [from, to), from one snapshot: reading them later cannot fail with -ESTALE.
 * Without this call a range is looked up when it is read. */
int reader_look(struct reader *r, struct docs_store *store, int64_t from, int64_t to);
/* Appends the layout as a compact page (layout_page); reader_look must have loaded all of the document. */
int reader_page(struct reader *r, const struct docs_position *at, struct buf *ret);
/* The SHA-256 of the whole document, where the loaded layout gives it without reading a block: the document is
 * one whole block, or short. -ENOENT: the layout does not give it. */
int reader_digest(struct reader *r, uint8_t ret_sha256[SHA256_BYTES]);
/* The next bytes to read are [from, from+len), which lie inside the size. */
void reader_seek(struct reader *r, int64_t from, int64_t len);
int64_t reader_left(const struct reader *r);
/* Appends at most max bytes, and at least one while some are left. -ESTALE, -EIO; -EBADMSG: a block is damaged or
 * missing. */
int reader_read(struct reader *r, struct docs_store *store, size_t max, struct buf *out);

#endif
