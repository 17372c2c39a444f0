/*
 * content: what is known of the stored bytes of one document. Each known range is a hole, is inline (with its bytes
 * in memory), or is part of a block. A range without a segment is unknown, and has to be asked for. All of it is of
 * one version of the content (content_seq); this mount's own later writes are applied on top. Embedded (init/fini).
 * Pure. Not thread-safe.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_CONTENT_H
#define NEPHOS_FUSEFS_CONTENT_CONTENT_H

#include "fusefs/content/bytes.h"
#include "fusefs/store/store.h"

#define CONTENT_CAP_BYTES_MAX 96u   /* the longest, "EXPIRY.GENERATION.HEX", has 73 */
#define CONTENT_SEGMENTS_MAX 65536u /* of one document: 12 MiB; beyond it the content is dropped and asked for again */

enum segment_kind { SEGMENT_HOLE, SEGMENT_INLINE, SEGMENT_BLOCK };

struct segment {
	int64_t at, len;
	enum segment_kind kind;
	uint32_t from;	     /* where it begins in `bytes`, or in the block */
	struct bytes *bytes; /* SEGMENT_INLINE */
	/* SEGMENT_BLOCK */
	uint8_t sha256[32];
	int64_t generation;
	uint32_t block_size;
	bool has_cap; /* own writes have none: when their block is not cached, the extents have to be asked for */
	uint8_t cap_size;
	char cap[CONTENT_CAP_BYTES_MAX];
};

#define CONTENT_OF_OTHERS (-1) /* not a content_seq: content that is known of another version is dropped */

struct content {
	struct segment **list;
	size_t count, room;
	size_t inline_bytes;
	bool any;	     /* something is known */
	int64_t content_seq; /* the version of all that is known */
	int64_t own_seq;     /* position of the last own write in it: older answers do not have that write */
};

void content_init(struct content *c);
void content_fini(struct content *c);
void content_drop(struct content *c); /* afterwards nothing is known */
/* The segment at `at`. NULL: unknown; then ret_until is where the next known segment begins (INT64_MAX: there is
 * none). */
const struct segment *content_at(const struct content *c, int64_t at, int64_t *ret_until);
/* Takes over what a page of extents says about [from, to): gaps are holes. -ENOMEM, -ENOSPC: too many segments;
 * -ESTALE: the page is older than the last own write, and not of the version that is known. */
int content_learn(struct content *c, const struct store_extents *page, int64_t from, int64_t to);
/* A small file that arrived whole. */
int content_learn_inline(struct content *c, int64_t content_seq, int64_t seq, struct span whole);
/* An own write on top of content_seq `before` is stored, with content_seq `after`. Content that is known of
 * another version than `before` is dropped. The caller adds the parts of the write afterwards
 * (content_own_part): each segment is copied, its bytes are referenced. */
void content_own(struct content *c, int64_t before, int64_t after, int64_t seq);
int content_own_part(struct content *c, const struct segment *seg);
void content_truncate(struct content *c, int64_t size);
/* Forgets [from, to): it has to be asked for again. */
void content_forget(struct content *c, int64_t from, int64_t to);
size_t content_memory(const struct content *c); /* bytes */

#endif
