/* terms: what the modules of the cache say to each other and to whom they serve: kinds of answers, what a fill is,
 * whether it was kept, and what is counted. */
#ifndef NEPHOS_GATEWAY_CACHE_TERMS_H
#define NEPHOS_GATEWAY_CACHE_TERMS_H

#include "common/base/span.h"
#include "common/proto/tag.h"
#include "gateway/cache/answer.h"

#include <stdint.h>

/* Hits and misses are counted by these; they are no part of a key. OTHERS: what other gateways have answered; a hit is
 * one that they are asked about then. ASKED: other gateways' questions; a hit is an answer that is still the same. */
enum cache_kind {
	CACHE_ITEM,
	CACHE_LISTING,
	CACHE_CONTENT,
	CACHE_EXTENTS,
	CACHE_XATTRS,
	CACHE_OTHERS,
	CACHE_ASKED,
	CACHE_KINDS
};

/* What became of a fill. */
enum cache_verdict {
	CACHE_KEPT,
	CACHE_OUTDATED,	  /* one of its tags was dropped behind the position that it saw */
	CACHE_FENCED,	  /* something was forgotten, or is not remembered, since it was asked for */
	CACHE_SUPERSEDED, /* an answer of a later position is kept */
	CACHE_UNTAGGED,	  /* it was made from more than its tags can say */
	CACHE_TOO_LARGE,
	CACHE_FIRST_TIME, /* it is large, and nobody has asked for it before */
	CACHE_NO_MEMORY,
	CACHE_VERDICTS
};

/* An answer to be kept. All is borrowed; of the answer the cache takes a reference of its own. */
struct cache_fill {
	struct span key;
	int64_t user; /* to whom it was given */
	struct answer *answer;
	const struct tag_list *tags;
	uint64_t sent;	  /* cache_fence, before it was asked for */
	int64_t asked_ns; /* the time before it was asked for: its lifetime counts from there */
};

/* Stands for the drive of what is no answer about a drive of this gateway's: it is not copied to others. */
#define CACHE_NO_DRIVE 0u

/* Whether an entry is still there: that of this key, for this user and drive, with this stamp. */
struct cache_question {
	struct span key;
	int64_t user;
	uint32_t drive;
	int64_t stamp;
};

/* An entry by itself, as one gateway has it and another one may. */
struct cache_copy {
	struct span key;
	int64_t user;
	uint32_t drive;
	struct answer *answer;
	const uint64_t *keys; /* of its tags (tag_key), the drive's first */
	size_t key_count;
	int64_t expires_ns; /* INT64_MAX: not by the clock */
	uint8_t reads;	    /* not long ago, at most three are counted */
};

/* Which entry: enough to find it again while it is there. */
struct cache_mark {
	uint64_t hash; /* of its key, in this cache alone */
	uint32_t drive;
};

/* Numbers since the cache began, but for entries and bytes, which are there now. */
struct cache_counters {
	uint64_t entries, bytes; /* bytes: with all tables, which are there from the beginning */
	uint64_t hits[CACHE_KINDS], misses[CACHE_KINDS];
	uint64_t expired; /* misses because a lifetime was over */
	uint64_t fills[CACHE_VERDICTS];
	uint64_t copies, copy_bytes;	 /* of entries and bytes: not read here since they came from another gateway */
	uint64_t copied[CACHE_VERDICTS]; /* as fills, of what other gateways sent */
	uint64_t evicted, evicted_bytes; /* to make room */
	uint64_t dropped;		 /* by a tag */
	uint64_t forgotten;		 /* with a drive, a user, or all */
};

#endif
