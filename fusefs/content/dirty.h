/*
 * dirty: ranges of one document that were written and are not stored yet: sorted, disjoint pieces of memory. Later
 * writes replace earlier ones. A piece whose bytes have no other holder is written in place; contiguous writes grow
 * one piece, up to DIRTY_PIECE_BYTES_MAX. A tag is what the owner attaches to the bytes of a piece (its upload):
 * parts of a cut piece keep the tag, and their offset in the tagged bytes. Tagged pieces never change. Appended
 * bytes are at the end, from `tail` on. Their place is only assumed, as the store decides where they go. Nothing
 * else is written there, or behind them. The memory is at most twice the bytes, plus the piece structs. Embedded
 * (init/fini). Pure. Not thread-safe.
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
	size_t from; /* where it begins in bytes */
	struct dirty_tag *tag;
	size_t tag_from; /* where it begins in the tagged bytes */
};

struct dirty {
	struct dirty_piece **list;
	size_t count, room;
	uint64_t bytes;
	int64_t tail; /* where appended bytes begin; DIRTY_NO_TAIL: there are none */
};

#define DIRTY_NO_TAIL INT64_MAX

void dirty_init(struct dirty *d);
void dirty_fini(struct dirty *d);
/* -ENOMEM: everything is unchanged, if size is at most DIRTY_PIECE_BYTES_MAX. */
int dirty_write(struct dirty *d, int64_t at, const void *data, size_t size);
/* Appends. `at`, the assumed place of the data, must not be before the end of d. */
int dirty_append(struct dirty *d, int64_t at, const void *data, size_t size);
/* The appended bytes are assumed to begin at `to` from now on, which must not be before the end of the others.
 * -ENOMEM: they stay where they were. */
int dirty_move_tail(struct dirty *d, int64_t to);
/* Moves the appended bytes from `at` on to rest, which must be empty. -ENOMEM: everything is unchanged. */
int dirty_split(struct dirty *d, int64_t at, struct dirty *rest);
int64_t dirty_rest_end(const struct dirty *d); /* end of the bytes that were not appended; 0: there are none */
/* The same as a write, but uses the memory of `bytes` itself, without a copy; at most DIRTY_PIECE_BYTES_MAX. */
int dirty_lay(struct dirty *d, int64_t at, struct bytes *bytes);
/* Removes [from, to). -ENOMEM: everything is unchanged. */
int dirty_cut(struct dirty *d, int64_t from, int64_t to);
/* Moves what older has below what d has; older is empty then. -ENOMEM: some is still in older; what d has
 * replaces it. */
int dirty_merge_under(struct dirty *d, struct dirty *older);
/* Index of the first piece whose end is greater than `at`; count when there is none. */
size_t dirty_find(const struct dirty *d, int64_t at);
int64_t dirty_end(const struct dirty *d); /* 0 when empty */
/* Takes over the caller's reference. */
void dirty_tag(struct dirty_piece *p, struct dirty_tag *tag, size_t from);
void dirty_tag_unref(struct dirty_tag *tag);

#endif
