/*
 * upload: the body of a request becomes content: blocks of BLOCK_BYTES_MAX, each hashed and stored by a worker while the connection is held back, and a rest that lies inline when it is small.
 *
 * Memory: a buffer of one block per upload, and only UPLOADS_MAX of them; further uploads wait their turn (their senders are held back by the server's own small buffer), without a
 * thread. A body known to be small enough to lie inline needs no turn.
 */
#ifndef NEPHOS_DOCS_UPLOAD_H
#define NEPHOS_DOCS_UPLOAD_H

#include "backend/docs/call.h"
#include "backend/docs/digest.h"

#define UPLOADS_MAX 8		/* at once: 32 MiB of buffers; two cores hash two of them */
#define UPLOADS_WAITING_MAX 256 /* beyond: 429 */

struct uploads; /* the turns */
struct upload;

int uploads_new(struct docs *docs, struct uploads **ret);
void uploads_free(struct uploads *all); /* nothing is under way */

struct upload_options {
	struct digest digest; /* what the body must be */
	bool single;	  /* a single block, never inline, not stored: upload_bytes gives it, until upload_release */
	int64_t replaces; /* bytes that the upload will free in the drive */
	/* On any thread. 0: store is a worker's, and the accessors below may be used; on failure it may be NULL. */
	void (*done)(void *cookie, int error, struct docs_store *store);
	void *cookie;
};

/* Kept by the call. The drive must be known. done is called once: -ERR_TOO_MANY, -ERR_BAD_DIGEST, -ECONNRESET, -ERR_TOO_LARGE, -EDQUOT, -ENOSPC, … */
void upload_start(struct call *call, const struct upload_options *options, struct upload **ret);

int64_t upload_size(const struct upload *u);
/* Extents of the whole content, in order; inline data is borrowed from the upload. */
struct op_extent *upload_extents(const struct upload *u, size_t *ret_count);
bool upload_has_blocks(const struct upload *u);
/* A digest of the content that costs nothing beside the blocks': of their hashes and the rest. For idempotency. */
struct span upload_fingerprint(const struct upload *u);
/* options.single: the bytes and their hash. */
struct span upload_bytes(const struct upload *u, uint8_t ret_sha256[32]);
void upload_release(struct upload *u); /* gives the turn to the next; done by itself when content is not single */

#endif
