/*
 * content: the bytes of a document, or of one block, as an answer to GET and HEAD: conditions, ranges (one, or several
 * as multipart/byteranges), and the fields that say what they are. A part of a block, up to BLOCK_PART_BYTES_MAX, comes
 * with its digest; a document, with that of all of it (Repr-Digest), where that is known: it was kept when the content
 * was put, or the content is one block, or short.
 *
 * A gateway that says so (Nephos-Content) gets of a long document where its bytes lie instead of the bytes, if that is
 * no longer than an answer that it keeps: the fields are those of the content, and ranges are the gateway's to make.
 */
#ifndef NEPHOS_DOCS_CONTENT_H
#define NEPHOS_DOCS_CONTENT_H

#include "backend/docs/request/call.h"

/* What a 304 says as well. */
#define CONTENT_CACHE_CONTROL "private, no-cache"
#define BLOCK_CACHE_CONTROL "private, max-age=31536000, immutable"

/* What is answered: a thing of this size, with this etag. */
struct content {
	struct call *call;
	const char *etag;
	const char *type; /* media type */
	bool attachment;  /* never shown by a browser in our name */
	bool immutable;
	int64_t size, mtime_ns;	 /* mtime 0: not said */
	struct docs_position at; /* incarnation 0: not said */
	/* One of them. */
	int64_t document, content_seq;
	const struct block_name *block;
};

/* On a worker; answers. Conditions were looked at by the caller. -ESTALE: the document is not that version any more,
 * and nothing was answered: look at it again. */
int content_respond(const struct content *c, struct docs_store *store);
/* Media type by the ending of a name: application/octet-stream unless known better; ret_attachment for what a browser
 * would run. */
const char *content_type_of(struct span name, bool *ret_attachment);

#endif
