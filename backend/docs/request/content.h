/*
 * content: answers GET and HEAD with the bytes of a document or of one block: conditions, ranges (one, or several
 * as multipart/byteranges), and the header fields that describe the bytes. A part of a block, up to
 * BLOCK_PART_BYTES_MAX, comes with its own digest. A document comes with the digest of the whole (Repr-Digest),
 * where that is known: the digest was kept when the content was put, or the content is one block, or the content
 * is short.
 *
 * A gateway that sends Nephos-Content gets the list of extents of a long document instead of the bytes, if that
 * list is no longer than an answer that the gateway keeps. The header fields are still those of the content, and
 * the gateway applies the ranges.
 */
#ifndef NEPHOS_DOCS_CONTENT_H
#define NEPHOS_DOCS_CONTENT_H

#include "backend/docs/request/call.h"

/* Sent with a 304 as well. */
#define CONTENT_CACHE_CONTROL "private, no-cache"
#define BLOCK_CACHE_CONTROL "private, max-age=31536000, immutable"

/* What to answer with: content of this size and etag. */
struct content {
	struct call *call;
	const char *etag;
	const char *type; /* media type */
	bool attachment;  /* a browser must not show it as a page of our origin */
	bool immutable;
	int64_t size, mtime_ns;	 /* mtime 0: no Last-Modified */
	struct docs_position at; /* incarnation 0: no position is sent */
	/* Either document and content_seq, or block. */
	int64_t document, content_seq;
	const struct block_name *block;
};

/* On a worker; answers the call. The caller has checked the conditions. -ESTALE: the document is not that version
 * any more and nothing was answered; the caller must look it up again. */
int content_respond(const struct content *c, struct docs_store *store);
/* Media type by the ending of a name: application/octet-stream unless the ending is known. Sets ret_attachment
 * for types that may contain script. */
const char *content_type_of(struct span name, bool *ret_attachment);

#endif
