/*
 * extent: which bytes of a document lie where (inline, in a block, or nowhere yet), and the compact form of pages
 * of extents (PROTOCOL.md has the bytes). Inline bytes and capabilities are spans that borrow from the bytes that
 * the extent was decoded from. Pure, any thread.
 */
#ifndef NEPHOS_PROTO_EXTENT_H
#define NEPHOS_PROTO_EXTENT_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* A reserved extent is counted, and has no other effect: no extent that is read is one. It may lie beyond the end. */
enum extent_kind { EXTENT_INLINE = 0, EXTENT_BLOCK = 1, EXTENT_RESERVED = 2 };
struct extent {
	int64_t at, len;
	enum extent_kind kind;
	uint8_t sha256[32];
	int64_t generation;
	uint32_t from, block_size;
	struct span cap;  /* "EXPIRY.GENERATION.HEX" */
	struct span data; /* EXTENT_INLINE: len bytes */
};
struct extent_page {
	bool more;
	uint32_t count;
	int64_t incarnation, seq, size, content_seq;
};
int extent_page_begin(struct buf *b, const struct extent_page *page, size_t *ret_count_at);
int extent_page_add(struct buf *b, const struct extent *extent);
void extent_page_end(struct buf *b, size_t count_at, uint32_t count, bool more);
/* Like item_page_read and item_page_next (item.h). */
int extent_page_read(struct span bytes, struct extent_page *ret, size_t *ret_at);
int extent_page_next(struct span bytes, size_t *at, struct extent *ret);

#endif
