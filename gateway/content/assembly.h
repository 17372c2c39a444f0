/*
 * assembly: long content as pieces, in the order in which they are sent: bytes that lie in the list of extents
 * itself, zeros where nothing was written, parts of blocks, and what stands between several parts of an answer. It
 * walks over a compact page of all extents of one version of a document (common/proto/extent.h), and keeps no table of
 * them: what a reader takes does not depend on the document's size.
 *
 * A plain struct: a copy goes on from where it was copied, for who looks ahead. The page and the parts are borrowed.
 * Pure.
 */
#ifndef NEPHOS_GATEWAY_CONTENT_ASSEMBLY_H
#define NEPHOS_GATEWAY_CONTENT_ASSEMBLY_H

#include "common/http/byteranges.h"
#include "common/proto/extent.h"

#include <stdbool.h>

struct assembly_options {
	struct span page;
	const struct byteranges *parts; /* of that size */
};

enum piece_kind { PIECE_END, PIECE_BYTES, PIECE_ZEROS, PIECE_BLOCK };

struct piece {
	enum piece_kind kind;
	int64_t len;
	struct span bytes; /* PIECE_BYTES: until the next piece */
	/* PIECE_BLOCK: from there on, of a block of that size. */
	uint8_t sha256[32];
	int64_t generation;
	uint32_t from, block_size;
};

struct assembly {
	struct assembly_options with;
	size_t first; /* where the page's extents begin … */
	size_t next;  /* … and where the one behind `extent` does */
	struct extent extent;
	bool past; /* there is no extent any more */
	size_t part;
	int64_t at, end; /* what is left of the part */
	bool finished;
	char head[BYTERANGES_HEAD_MAX];
};

/* -EBADMSG: the page is damaged, or its extents are not in order. ret_size: of the content. */
int assembly_check(struct span page, int64_t *ret_size);
/* Of a page that was checked. */
void assembly_init(struct assembly *a, const struct assembly_options *options);
/* Bytes of all pieces: byteranges_length. -ENOMEM: nothing was done, and the same comes again. */
int assembly_next(struct assembly *a, struct piece *ret);

#endif
