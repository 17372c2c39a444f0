/*
 * cache: what a gateway keeps of the docs services' answers. An entry is an answer under a key that its maker chooses
 * (user, class of method, target, negotiated form: an answer is only ever repeated to whom it was given), with the tags
 * of what it was made from (common/proto/tag.h). It says nothing of whether it may be served: whether this gateway is
 * the drive's home, has a lease, and has followed the drive, its caller knows.
 *
 * What falls out is said in shard.h, which late answers are refused in fence.h. To keep an answer: take cache_fence,
 * ask the docs service, then cache_put. When a change is known, cache_drop with the tags that it touches comes before
 * anybody is told of it. An entry that saw the change, or more, stays.
 *
 * Bytes are bounded with all that belongs to an entry: key, links of tags, head, body, tables, and what the allocator
 * adds. Not in the bound are answers that are gone and still being sent: their senders hold them, and are bounded
 * themselves.
 *
 * Shards, each with a lock: by the key's hash and not by drive, so that one busy drive may use the whole cache and all
 * its locks. The price is that a drop visits each shard, so there are few. Any thread.
 * Pure: no I/O and no clock.
 */
#ifndef NEPHOS_GATEWAY_CACHE_CACHE_H
#define NEPHOS_GATEWAY_CACHE_CACHE_H

#include "gateway/cache/terms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_BYTES_MIN ((size_t)1024 * 1024)
#define CACHE_BYTES_DEFAULT ((size_t)256 * 1024 * 1024)
#define CACHE_BYTES_MAX ((size_t)1 << 40)
/* Smaller ones would refuse entries of 1 MiB, see SHARD_ENTRY_PART. */
#define CACHE_SHARD_BYTES ((size_t)16 * 1024 * 1024)
#define CACHE_SHARDS_MAX 4u /* a lock is held for less than a microsecond, and each drop takes all of them */

struct cache;

struct cache_options {
	size_t bytes;  /* all that it may take */
	uint64_t seed; /* of hashes: random, so that nobody can choose keys that meet */
};

/* Who is told of each fill that was kept, on its thread, without a lock. NULL: nobody. Before the first fill. */
struct cache_listener {
	void (*kept)(void *cookie, const struct cache_mark *mark);
	void *cookie;
};

/* -EINVAL: bytes is out of range. -ENOMEM */
int cache_new(const struct cache_options *options, struct cache **ret);
void cache_free(struct cache *c); /* NULL is fine; answers that were handed out stay valid */

/* A reference, for the caller to drop (answer_unref); NULL: a miss. */
struct answer *cache_get(struct cache *c, enum cache_kind kind, struct span key, int64_t now_ns);
/* The same, by who has looked before: it counts as nothing. */
struct answer *cache_peek(struct cache *c, struct span key, int64_t now_ns);
/* It has the answer that is asked about; ret_seq: what that saw. Counted as CACHE_ASKED. */
bool cache_is_same(struct cache *c, const struct cache_question *q, int64_t now_ns, int64_t *ret_seq);
/* Drops what has this key, if it saw just that. */
void cache_forget_answer(struct cache *c, struct span key, int64_t seq);
/* Before an answer is asked for. */
uint64_t cache_fence(struct cache *c);
enum cache_verdict cache_put(struct cache *c, const struct cache_fill *fill); /* what is kept gets a stamp */

/* These tags were touched at seq. They say themselves of which drive they are. */
void cache_drop(struct cache *c, const struct tag *tags, size_t count, int64_t seq);
/* Drops all answers of a drive, also those that are on their way. The drive was deleted or begins another life, or
 * another gateway is its home now. */
void cache_forget_drive(struct cache *c, uint32_t drive);
/* Drops all that was given to a user, also what is on its way. Looks at each entry: some milliseconds for 100,000. */
void cache_forget_user(struct cache *c, int64_t user);
void cache_forget_all(struct cache *c);

/*
 * Copies: what another gateway keeps of a drive, and sends here for the time when this one is its home. They lie in the
 * same bytes (shard.h), so that what is dropped and forgotten, also of a user, is dropped of them by the same call.
 * That they are not given to anybody before, their callers know, as of all else here.
 *
 * The answer of a copy says as its seq up to where it is known to be true, which is as good as to have seen it. Its
 * fence is of a moment at which nothing behind that position had been dropped here.
 */
void cache_listen(struct cache *c, const struct cache_listener *listener);
/* By which a walk goes on; all zero: from the beginning. */
struct cache_walk {
	size_t shard, bucket;
};
/* Some more of all entries. ret_end: that was all. */
size_t cache_walk(struct cache *c, struct cache_walk *at, struct cache_mark *list, size_t max, bool *ret_end);
struct cache_copy *cache_copy_of(struct cache *c, const struct cache_mark *mark); /* NULL: it is gone, or no memory */
void cache_copy_free(struct cache_copy *copy);					  /* NULL is fine */
/* It has this key, seen at seq or later; reads: how often it was read at its home. */
bool cache_has(struct cache *c, struct span key, int64_t seq, unsigned reads);
/* All is borrowed, but for a reference of the answer. */
enum cache_verdict cache_put_copy(struct cache *c, const struct cache_copy *copy, uint64_t sent);

void cache_count(struct cache *c, struct cache_counters *ret);

#endif
