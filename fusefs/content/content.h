/*
 * content: what is known of the stored bytes of one document: which range is a hole, lies inline (and is here), or is
 * part of which block. Ranges that are not covered are not known and have to be asked for. It stands for one version of
 * the content (content_seq); own writes that follow on it are laid over it. Embedded (init/fini). Pure. Not
 * thread-safe.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_CONTENT_H
#define NEPHOS_FUSEFS_CONTENT_CONTENT_H

#include "fusefs/content/bytes.h"
#include "fusefs/store/store.h"

#define CONTENT_CAP_BYTES_MAX 96u   /* "EXPIRY.GENERATION.HEX" has at most 73 */
#define CONTENT_SEGMENTS_MAX 65536u /* of one document: 12 MiB; then it is forgotten and asked for again */

enum segment_kind { SEGMENT_HOLE, SEGMENT_INLINE, SEGMENT_BLOCK };

struct segment {
	int64_t at, len;
	enum segment_kind kind;
	uint32_t from;	     /* in bytes or in the block */
	struct bytes *bytes; /* SEGMENT_INLINE */
	/* SEGMENT_BLOCK */
	uint8_t sha256[32];
	int64_t generation;
	uint32_t block_size;
	bool has_cap; /* own writes have none: without the block in memory they have to be asked for */
	uint8_t cap_size;
	char cap[CONTENT_CAP_BYTES_MAX];
};

#define CONTENT_OF_OTHERS (-1) /* no content_seq: what is known of another version is dropped */

struct content {
	struct segment **list;
	size_t count, room;
	size_t inline_bytes;
	bool any;	     /* something is known */
	int64_t content_seq; /* of what is known */
	int64_t own_seq;     /* of the last own write that is in it: an older view says nothing about it */
};

void content_init(struct content *c);
void content_fini(struct content *c);
void content_drop(struct content *c); /* nothing is known any more */
/* The segment at `at`; NULL: not known; then ret_until is where the next known one begins (INT64_MAX: nowhere). */
const struct segment *content_at(const struct content *c, int64_t at, int64_t *ret_until);
/* What a page of extents says about [from, to): gaps are holes. -ENOMEM, -ENOSPC: too many segments; -ESTALE: an older
 * view than what is known. */
int content_learn(struct content *c, const struct store_extents *page, int64_t from, int64_t to);
/* A small file that came whole. */
int content_learn_inline(struct content *c, int64_t content_seq, int64_t seq, struct span whole);
/* An own write on top of content_seq `before` is stored, with content_seq `after`: when another version is known, it is
 * dropped. Then its parts: copied, bytes referenced. */
void content_own(struct content *c, int64_t before, int64_t after, int64_t seq);
int content_own_part(struct content *c, const struct segment *seg);
void content_truncate(struct content *c, int64_t size);
/* Forgets [from, to): it has to be asked for. */
void content_forget(struct content *c, int64_t from, int64_t to);
size_t content_memory(const struct content *c); /* bytes */

#endif
