/*
 * dirty: ranges of one document that were written and are not stored yet: sorted, disjoint pieces of memory. What comes
 * later hides what came before. A piece that nobody else looks at is written in place; contiguous writes grow one
 * piece, up to DIRTY_PIECE_BYTES_MAX. A tag is what the owner ties to the bytes of a piece (its upload): parts of a cut
 * piece keep it, and where in the tagged bytes they lie. Tagged pieces never change. What was appended is the end of
 * it: bytes from `tail` on, whose place is only assumed, as the store says where they go. Nothing else is written
 * there, or behind it. Memory is at most twice the bytes, and the pieces' own. Embedded (init/fini). Pure. Not
 * thread-safe.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_DIRTY_H
#define NEPHOS_FUSEFS_CONTENT_DIRTY_H

#include "common/base/limits.h"
#include "fusefs/content/bytes.h"

#include <stdint.h>

#define DIRTY_PIECE_BYTES_MAX BLOCK_BYTES_MAX /* one block, so that a stream is uploaded without a copy */

struct dirty_tag {
	unsigned refs;
	void (*free)(struct dirty_tag *tag);
};

struct dirty_piece {
	int64_t at;
	size_t len;
	struct bytes *bytes;
	size_t from; /* in bytes */
	struct dirty_tag *tag;
	size_t tag_from; /* where the tagged bytes have this piece */
};

struct dirty {
	struct dirty_piece **list;
	size_t count, room;
	uint64_t bytes;
	int64_t tail; /* DIRTY_NO_TAIL: nothing was appended */
};

#define DIRTY_NO_TAIL INT64_MAX

void dirty_init(struct dirty *d);
void dirty_fini(struct dirty *d);
/* -ENOMEM: everything is what it was, where it is at most DIRTY_PIECE_BYTES_MAX. */
int dirty_write(struct dirty *d, int64_t at, const void *data, size_t size);
/* Appends: `at`, where it is taken to lie, is not before the end of what is there. */
int dirty_append(struct dirty *d, int64_t at, const void *data, size_t size);
/* What was appended is taken to lie from `to` on: not before the end of the rest. -ENOMEM: it is where it was. */
int dirty_move_tail(struct dirty *d, int64_t to);
/* Moves what was appended from `at` on to rest, which is empty. -ENOMEM: everything is what it was. */
int dirty_split(struct dirty *d, int64_t at, struct dirty *rest);
int64_t dirty_rest_end(const struct dirty *d); /* of what was not appended; 0: there is none */
/* The same as a write with the used bytes themselves, which are not copied: at most DIRTY_PIECE_BYTES_MAX. */
int dirty_lay(struct dirty *d, int64_t at, struct bytes *bytes);
/* Forgets [from, to). -ENOMEM: everything is what it was. */
int dirty_cut(struct dirty *d, int64_t from, int64_t to);
/* Moves what older has below what d has; older is empty then. -ENOMEM: some is still in older, which is hidden by d. */
int dirty_merge_under(struct dirty *d, struct dirty *older);
/* Index of the first piece that ends behind at; count when there is none. */
size_t dirty_find(const struct dirty *d, int64_t at);
int64_t dirty_end(const struct dirty *d); /* 0 when empty */
/* Takes over the reference that the caller has. */
void dirty_tag(struct dirty_piece *p, struct dirty_tag *tag, size_t from);
void dirty_tag_unref(struct dirty_tag *tag);

#endif
