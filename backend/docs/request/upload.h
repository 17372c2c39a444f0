/*
 * upload: the body of a request as it comes: content (blocks, each hashed and stored by a worker while the connection
 * is held back, and a rest that lies inline when it is small), or bytes that are wanted as a whole (a block, a batch).
 *
 * Memory: a buffer per upload, and only UPLOADS_MAX of them, given by upload_turns. An upload asks for one when the
 * server's own small buffer is full of what has come, so that who sends slowly holds none; who waits for one holds no
 * thread, is held back by that small buffer, and says so to the gateway (102), which would take its silence for the end
 * of this instance. A turn is given on after each block, and when a sender is slow: what came from it is stored as a
 * smaller block. A body known to be small needs no turn.
 */
#ifndef NEPHOS_DOCS_UPLOAD_H
#define NEPHOS_DOCS_UPLOAD_H

#include "backend/docs/request/call.h"
#include "backend/docs/request/digest.h"
#include "backend/docs/request/upload_turns.h"

#define UPLOAD_TICK_MS 100	      /* between looks at who is slow, while others wait */
#define UPLOAD_TELL_MS 2000	      /* so often one that waits says so: a third of the patience of a gateway */
#define UPLOAD_SMALL_MAX (64u * 1024) /* bytes wanted as a whole that need no turn */

struct uploads; /* the turns */
struct upload;

int uploads_new(struct docs *docs, struct uploads **ret);
void uploads_free(struct uploads *all); /* nothing is under way */

struct upload_options {
	enum { UPLOAD_CONTENT, UPLOAD_BLOCK, UPLOAD_BYTES } what; /* UPLOAD_BYTES: not hashed */
	size_t max;						  /* of a block or bytes */
	struct digest digest;					  /* what the body must be */
	bool hash;						  /* content: upload_digest is wanted */
	int64_t replaces;					  /* content: bytes that it will free in the drive */
	bool look_only; /* content: nothing is stored, upload_digest alone is wanted */
	/* On any thread. store is a worker's; NULL after a failure, and for bytes. 0: the accessors below may be
	 * used. */
	void (*done)(void *cookie, int error, struct docs_store *store);
	void *cookie;
};

/* What a drive that has this replaced can take; INT64_MAX: all. On a worker. */
int upload_room(struct call *call, struct docs_store *store, int64_t replaces, int64_t *ret);

/* Kept by the call. For content the drive must be known. done is called once: -ERR_TOO_MANY, -ERR_BAD_DIGEST,
 * -ECONNRESET, -ERR_TOO_LARGE, -EDQUOT, -ENOSPC, … */
void upload_start(struct call *call, const struct upload_options *options, struct upload **ret);

/* What was stored is referred to: else its blocks go with the upload, whyever it came to nothing. */
void upload_keep(struct upload *u);
/* Content. Extents in order; inline data is borrowed from the upload. */
int64_t upload_size(const struct upload *u);
struct op_extent *upload_extents(const struct upload *u, size_t *ret_count);
bool upload_has_blocks(const struct upload *u);
struct span upload_digest(const struct upload *u); /* SHA-256 of the whole, if that was taken; of a block */
bool upload_is_hashed(const struct upload *u);	   /* it was: by options.hash, or as the digest had to be checked */
/* Block, bytes: until upload_release. */
struct span upload_bytes(const struct upload *u);
void upload_release(struct upload *u); /* gives the turn to the next; content has done it by itself */

#endif
