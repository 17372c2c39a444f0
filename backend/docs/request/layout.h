/*
 * layout: where the bytes of one version of a document lie: its extents in a range, all of one snapshot, so that a
 * document that changes while it is sent is still sent as it was. One thread at a time; loading blocks.
 *
 * 64 bytes an extent in memory. Inline content beyond LAYOUT_INLINE_BYTES goes to a file without a name beside the
 * blocks (block_store's spool): rows can be rewritten at any moment, and no transaction is held while a receiver takes
 * its time. Where the disk has no room for that, it goes to memory, up to LAYOUT_MEMORY_BYTES; -ENOSPC beyond. Blocks
 * are not copied: what an extent let go of stays for the grace of the collector (upkeep.h); a receiver that is slower
 * than that sees its answer cut.
 *
 * A range of more than LAYOUT_PIECES_MAX extents is known as far as they reach; what comes behind is loaded when the
 * reader gets there, and is -ESTALE then if the document has changed.
 */
#ifndef NEPHOS_DOCS_LAYOUT_H
#define NEPHOS_DOCS_LAYOUT_H

#include "backend/docs/blocks/block_store.h"
#include "backend/docs/rows/docs_store.h"

#define LAYOUT_PAGE 128			  /* extents of one question: with inline content 4 MiB from the database */
#define LAYOUT_PIECES_MAX 65536		  /* 4 MiB of memory for one reader: 256 GiB of whole blocks */
#define LAYOUT_INLINE_BYTES (256u * 1024) /* kept in memory */
#define LAYOUT_MEMORY_BYTES (8ll * 1024 * 1024) /* … while the disk is full: 200,000 lines that were appended */

struct layout;

struct layout_piece {
	int64_t at;
	int64_t place; /* a block: its generation. Inline: where it is kept */
	uint32_t len;
	uint32_t from, block_size; /* of a block */
	bool in_line;
	uint8_t sha256[32]; /* of a block */
};

struct layout_version { /* which version of what; a document that is another by now is -ESTALE */
	struct docs_scope scope;
	int64_t id, size, content_seq;
};

int layout_new(const struct layout_version *version, struct block_store *blocks, struct layout **ret);
void layout_free(struct layout *l); /* NULL is fine */
/* What is known is [from, layout_end) from now on, and that is at most to. -ESTALE: another version, or the document is
 * gone. */
int layout_load(struct layout *l, struct docs_store *store, int64_t from, int64_t to);
bool layout_knows(const struct layout *l, int64_t at);
int64_t layout_end(const struct layout *l);
/* The first piece that reaches beyond at, which is known; NULL: from there to the end are zeros. */
const struct layout_piece *layout_find(struct layout *l, int64_t at);
/* All of it as a compact page (common/proto/extent.h), without capabilities, at most as large as the buffer may be.
 * -E2BIG: it would be larger, or not all of it is known. */
int layout_page(struct layout *l, const struct docs_position *at, struct buf *ret);
/* The piece that all bytes of the document are in; NULL: they lie in several places, or not all of it is known. */
const struct layout_piece *layout_only(const struct layout *l);
/* Bytes of an inline piece. */
int layout_inline(struct layout *l, const struct layout_piece *piece, uint32_t skip, void *data, size_t size);

#endif
