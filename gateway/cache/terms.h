/* terms: the types that the modules of the cache share with each other and with their callers: kinds of answers,
 * what a fill is, whether it was kept, and what is counted. */
#ifndef NEPHOS_GATEWAY_CACHE_TERMS_H
#define NEPHOS_GATEWAY_CACHE_TERMS_H

#include "common/base/span.h"
#include "common/proto/tag.h"
#include "gateway/cache/answer.h"

#include <stdint.h>

/* Hits and misses are counted by kind (cache_note); the kind is no part of a key. Each read of something that can be
 * kept counts once. OTHERS: reads of drives that have another home; a hit is an answer from this gateway's memory
 * that the home has confirmed. ASKED: no reads, but questions of other gateways; a hit is an answer that is still the
 * same. */
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
	CACHE_OUTDATED,	  /* one of its tags was dropped at a later position than it saw */
	CACHE_FENCED,	  /* something was forgotten, or a drop is not remembered, since it was asked for */
	CACHE_SUPERSEDED, /* an answer of a later position is kept */
	CACHE_UNTAGGED,	  /* it was made from more than its tags can name */
	CACHE_TOO_LARGE,  /* or of a length that is not known before its end */
	CACHE_FIRST_TIME, /* it is large, and nobody has asked for it before */
	CACHE_NO_MEMORY,
	/* Those who fill the cache refuse these (cache_refuse). */
	CACHE_NO_TAGS,		 /* the service does not say what it was made from, and at which position */
	CACHE_OTHER_INCARNATION, /* of the drive than the one that this gateway follows */
	CACHE_NO_ROOM,		 /* its user has no more room for answers that are gathered */
	CACHE_VERDICTS
};

/* An answer to be kept. Everything is borrowed; the cache takes its own reference of the answer. */
struct cache_fill {
	struct span key;
	int64_t user; /* the user to whom it was given */
	struct answer *answer;
	const struct tag_list *tags;
	uint64_t sent;	  /* cache_fence before the answer was asked for */
	int64_t asked_ns; /* the time before the answer was asked for: its lifetime counts from there */
};

/* The drive of an entry that is no answer about a drive of this gateway. Such an entry is not copied to others. */
#define CACHE_NO_DRIVE 0u

/* A question whether an entry is still there: the one with this key, user, drive and stamp. */
struct cache_question {
	struct span key;
	int64_t user;
	uint32_t drive;
	int64_t stamp;
};

/* An entry by itself, in the form in which one gateway gives it to another. */
struct cache_copy {
	struct span key;
	int64_t user;
	uint32_t drive;
	struct answer *answer;
	const uint64_t *keys; /* of its tags (tag_key), the drive's first */
	size_t key_count;
	int64_t expires_ns; /* INT64_MAX: not by the clock */
	uint8_t reads;	    /* recent reads, at most three are counted */
};

/* Identifies an entry while it is there. */
struct cache_mark {
	uint64_t hash; /* of its key; valid in this cache alone */
	uint32_t drive;
};

/* Numbers since the cache was made, except entries and bytes, copies and copy_bytes, which are present numbers. */
struct cache_counters {
	uint64_t entries, bytes; /* bytes: including all tables, which exist from the beginning */
	uint64_t hits[CACHE_KINDS], misses[CACHE_KINDS];
	uint64_t expired; /* misses because a lifetime was over */
	uint64_t fills[CACHE_VERDICTS];
	uint64_t copies, copy_bytes;	 /* part of entries and bytes: copies that were not read here yet */
	uint64_t copied[CACHE_VERDICTS]; /* like fills, for what other gateways sent */
	uint64_t evicted, evicted_bytes; /* evicted to make room */
	uint64_t dropped;		 /* dropped by a tag */
	uint64_t forgotten;		 /* forgotten with a drive, a user, or all */
};

#endif
