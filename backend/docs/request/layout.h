/*
 * layout: where the bytes of one version of a document lie: its extents in a range, all from one snapshot, so
 * that a document that changes while it is sent is still sent as it was. One thread at a time; loading blocks.
 *
 * An extent takes 64 bytes of memory. Inline content beyond LAYOUT_INLINE_BYTES goes to a file without a name
 * beside the blocks (block_store's spool): rows can be rewritten at any moment, and no transaction is held while
 * a receiver takes its time. Where the disk has no room for that file, the content goes to memory, up to
 * LAYOUT_MEMORY_BYTES; -ENOSPC beyond. Blocks are not copied: a block that an extent let go of stays for the
 * grace of the collector (upkeep.h); a receiver that is slower than that sees its answer cut.
 *
 * Of a range with more than LAYOUT_PIECES_MAX extents, only the first part is loaded. The rest is loaded when the
 * reader gets there; that load fails with -ESTALE if the document has changed.
 */
#ifndef NEPHOS_DOCS_LAYOUT_H
#define NEPHOS_DOCS_LAYOUT_H

#include "backend/docs/blocks/block_store.h"
#include "backend/docs/rows/docs_store.h"

#define LAYOUT_PAGE 128			  /* extents per statement: with inline content 4 MiB from the database */
#define LAYOUT_PIECES_MAX 65536		  /* 4 MiB of memory for one reader: 256 GiB of whole blocks */
#define LAYOUT_INLINE_BYTES (256u * 1024) /* inline bytes kept in memory */
#define LAYOUT_MEMORY_BYTES \
	(8ll * 1024 * 1024) /* inline bytes kept in memory while the disk is full: 200,000 appended lines */

struct layout;

struct layout_piece {
	int64_t at;
	int64_t place; /* block: its generation. Inline: offset where its bytes are kept */
	uint32_t len;
	uint32_t from, block_size; /* of a block */
	bool in_line;
	uint8_t sha256[32]; /* of a block */
};

struct layout_version { /* identifies one version of a document; loading another version fails with -ESTALE */
	struct docs_scope scope;
	int64_t id, size, content_seq;
};

int layout_new(const struct layout_version *version, struct block_store *blocks, struct layout **ret);
void layout_free(struct layout *l); /* NULL is fine */
/* Loads the extents from `from` on; afterwards [from, layout_end) is loaded, and layout_end is at most `to`.
 * -ESTALE: the document has another version, or is gone. */
int layout_load(struct layout *l, struct docs_store *store, int64_t from, int64_t to);
bool layout_knows(const struct layout *l, int64_t at);
int64_t layout_end(const struct layout *l);
/* The first piece that ends behind `at`, which must be loaded; NULL: from `at` to the end are zeros. */
const struct layout_piece *layout_find(struct layout *l, int64_t at);
/* Appends the whole layout as a compact page (common/proto/extent.h), without capabilities, at most as large as
 * the buffer may be. -E2BIG: the page would be larger, or the layout is not loaded completely. */
int layout_page(struct layout *l, const struct docs_position *at, struct buf *ret);
/* The only piece, if it holds all bytes of the document; NULL: they lie in several places, or not all of them are
 * loaded. */
const struct layout_piece *layout_only(const struct layout *l);
/* Copies `size` bytes of an inline piece, from offset `skip` on. */
int layout_inline(struct layout *l, const struct layout_piece *piece, uint32_t skip, void *data, size_t size);

#endif
