/*
 * upload: receives the body of a request: content (blocks, each hashed and stored by a worker while the
 * connection is held back, and a rest that is stored inline when it is small), or bytes that are needed as a
 * whole (a block, a batch).
 *
 * Memory: a buffer per upload, and only UPLOADS_MAX of them, given out by upload_turns. An upload asks for a
 * buffer when the server's own small buffer is full, so a slow sender holds none. An upload that waits for a
 * buffer holds no thread; the full small buffer holds its sender back, and the upload sends 102 to the gateway,
 * which would otherwise take the silence for the end of this instance. The turn passes on after each block, and
 * when a sender is slow: then the bytes received so far are stored as a smaller block. A body known to be small
 * needs no turn.
 */
#ifndef NEPHOS_DOCS_UPLOAD_H
#define NEPHOS_DOCS_UPLOAD_H

#include "backend/docs/request/call.h"
#include "backend/docs/request/digest.h"
#include "backend/docs/request/upload_turns.h"

#define UPLOAD_TICK_MS 100  /* interval of the sweep for slow senders, while others wait */
#define UPLOAD_TELL_MS 2000 /* interval of the 102 of a waiting upload: a third of the patience of a gateway */
#define UPLOAD_SMALL_MAX (64u * 1024) /* size up to which bytes needed as a whole need no turn */

struct uploads; /* all uploads, with their turns */
struct upload;

int uploads_new(struct docs *docs, struct uploads **ret);
void uploads_free(struct uploads *all); /* no upload may be in progress */

struct upload_options {
	enum { UPLOAD_CONTENT, UPLOAD_BLOCK, UPLOAD_BYTES } what; /* UPLOAD_BYTES: not hashed */
	size_t max;						  /* of a block or bytes */
	struct digest digest;					  /* what the body must be */
	bool hash;						  /* content: the caller needs upload_digest */
	int64_t replaces; /* content: bytes that the change will free in the drive */
	bool look_only;	  /* content: nothing is stored, only upload_digest is needed */
	/* Called on any thread. store is a worker's; NULL after a failure, and for bytes. error 0: the accessors
	 * below may be used. */
	void (*done)(void *cookie, int error, struct docs_store *store);
	void *cookie;
};

/* Bytes that the drive can take when `replaces` bytes are freed; INT64_MAX: no limit. On a worker. */
int upload_room(struct call *call, struct docs_store *store, int64_t replaces, int64_t *ret);

/* Starts an upload, which the call keeps. For content scope.drive must be set. `done` is called once:
 * -ERR_TOO_MANY, -ERR_BAD_DIGEST, -ECONNRESET, -ERR_TOO_LARGE, -EDQUOT, -ENOSPC, … */
void upload_start(struct call *call, const struct upload_options *options, struct upload **ret);

/* The stored blocks are referred to now. Without this call they are dropped with the upload, for whatever reason
 * it failed. */
void upload_keep(struct upload *u);
/* For content. The extents are in order; inline data is borrowed from the upload. */
int64_t upload_size(const struct upload *u);
struct op_extent *upload_extents(const struct upload *u, size_t *ret_count);
bool upload_has_blocks(const struct upload *u);
/* SHA-256 of the whole content, if it was computed; or of the block. */
struct span upload_digest(const struct upload *u);
/* Whether it was computed: for options.hash, or to check the digest. */
bool upload_is_hashed(const struct upload *u);
/* For a block or bytes; valid until upload_release. */
struct span upload_bytes(const struct upload *u);
void upload_release(struct upload *u); /* passes the turn on; content does so by itself */

#endif
