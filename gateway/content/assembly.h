/*
 * assembly: long content as pieces, in the order in which they are sent: bytes that lie in the list of extents
 * itself, zeros where nothing was written, parts of blocks, and the text between several parts of an answer. It
 * walks over a compact page of all extents of one version of a document (common/proto/extent.h) and keeps no
 * table of them, so that the memory of a reader does not depend on the document's size.
 *
 * A plain struct: a copy continues where the original stood when it was copied, which serves for looking ahead.
 * The page and the parts are borrowed. Pure.
 */
#ifndef NEPHOS_GATEWAY_CONTENT_ASSEMBLY_H
#define NEPHOS_GATEWAY_CONTENT_ASSEMBLY_H

#include "common/http/byteranges.h"
#include "common/proto/extent.h"

#include <stdbool.h>

struct assembly_options {
	struct span page;
	const struct byteranges *parts; /* of content of the page's size */
};

enum piece_kind { PIECE_END, PIECE_BYTES, PIECE_ZEROS, PIECE_BLOCK };

struct piece {
	enum piece_kind kind;
	int64_t len;
	struct span bytes; /* PIECE_BYTES; valid until the next piece */
	/* PIECE_BLOCK: len bytes, beginning at `from`, of a block of size block_size. */
	uint8_t sha256[32];
	int64_t generation;
	uint32_t from, block_size;
};

struct assembly {
	struct assembly_options with;
	size_t first; /* where the page's extents begin … */
	size_t next;  /* … and where the one after `extent` begins */
	struct extent extent;
	bool past; /* there are no more extents */
	size_t part;
	int64_t at, end; /* what is left of the part */
	bool finished;
	char head[BYTERANGES_HEAD_MAX];
};

/* -EBADMSG: the page is damaged, or its extents are not in order. ret_size: the size of the content. */
int assembly_check(struct span page, int64_t *ret_size);
/* The page was checked. */
void assembly_init(struct assembly *a, const struct assembly_options *options);
/* Returns the next piece; all pieces together have byteranges_length bytes. -ENOMEM: nothing was done, and the
 * next call returns the same piece. */
int assembly_next(struct assembly *a, struct piece *ret);

#endif
