/*
 * cache: the answers of docs services that a gateway keeps. An entry is an answer under a key that its maker
 * chooses (user, class of method, target, negotiated form: an answer is only ever repeated to the user to whom it
 * was given), with the tags of what it was made from (common/proto/tag.h). The cache does not decide whether an
 * entry may be served: its caller checks whether this gateway is the drive's home, has a lease, and has followed
 * the drive.
 *
 * shard.h says which entries are evicted, fence.h which late answers are refused. To keep an answer: take
 * cache_fence, ask the docs service, then cache_put. When a change becomes known, call cache_drop with the tags
 * that it touches before any client learns of the change. An entry that saw the change, or a later one, stays.
 *
 * The bound on bytes includes all that belongs to an entry: key, links of tags, head, body, tables, and what the
 * allocator adds. It does not include answers that were dropped and are still being sent: their senders hold
 * them, and have bounds of their own.
 *
 * The cache has shards, each with a lock. A key's hash chooses its shard, not the drive, so that one busy drive
 * may use the whole cache and all its locks. The price is that a drop visits each shard, so there are few. Any
 * thread. Pure: no I/O and no clock.
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
/* Smaller shards would refuse entries of 1 MiB, see SHARD_ENTRY_PART. */
#define CACHE_SHARD_BYTES ((size_t)16 * 1024 * 1024)
#define CACHE_SHARDS_MAX 4u /* a lock is held for less than a microsecond, and each drop takes all of them */

struct cache;

struct cache_options {
	size_t bytes;  /* all that the cache may take */
	uint64_t seed; /* of hashes: random, so that nobody can choose keys that collide */
};

/* Called after each fill that was kept, on the thread of cache_put, without a lock; kept may be NULL. Set it
 * before the first fill. */
struct cache_listener {
	void (*kept)(void *cookie, const struct cache_mark *mark);
	void *cookie;
};

/* -EINVAL: bytes is out of range. -ENOMEM */
int cache_new(const struct cache_options *options, struct cache **ret);
void cache_free(struct cache *c); /* NULL is fine; answers that were handed out stay valid */

/* Returns a reference, which the caller drops (answer_unref); NULL: it is not here. An entry that is read often
 * stays. */
struct answer *cache_get(struct cache *c, struct span key, int64_t now_ns);
/* The same for a caller that has looked before: it does not count as a read. */
struct answer *cache_peek(struct cache *c, struct span key, int64_t now_ns);
/* Counts a read of something that can be kept: whether it was answered from memory. This is known later than what
 * the cache has: a kept answer may not do for the request, and a missing one may be no answer that is ever kept. */
void cache_note(struct cache *c, enum cache_kind kind, bool from_memory);
/* Whether the cache still has the answer that the question names; ret_seq: the position that this answer saw.
 * Counted as CACHE_ASKED. */
bool cache_is_same(struct cache *c, const struct cache_question *q, int64_t now_ns, int64_t *ret_seq);
/* Drops the entry with this key if its answer saw exactly this position. */
void cache_forget_answer(struct cache *c, struct span key, int64_t seq);
/* Call it before the answer is asked for. */
uint64_t cache_fence(struct cache *c);
enum cache_verdict cache_put(struct cache *c, const struct cache_fill *fill); /* a kept answer gets a stamp */
void cache_refuse(struct cache *c, enum cache_verdict why); /* counts an answer that is not even put */

/* These tags were touched at seq. Each tag contains its drive. */
void cache_drop(struct cache *c, const struct tag *tags, size_t count, int64_t seq);
/* Drops all answers of a drive, and refuses those that are in flight. For a drive that was deleted, has a new
 * incarnation, or has another gateway as its home now. */
void cache_forget_drive(struct cache *c, uint32_t drive);
/* Drops all answers that were given to a user, and refuses those in flight. Visits each entry: some milliseconds
 * for 100,000. */
void cache_forget_user(struct cache *c, int64_t user);
void cache_forget_all(struct cache *c);

/*
 * Copies: entries that another gateway keeps of a drive, and sends here for the time when this gateway is the
 * drive's home. They lie in the same memory as other entries (shard.h), so the calls that drop and forget
 * entries, also those of a user, drop copies as well. As with other entries, the caller decides whether a copy
 * may be served, and serves none before this gateway is the home.
 *
 * The answer of a copy has as its seq the position up to which it is known to be true, which is as good as having
 * seen that position. Its fence was noted at a moment at which nothing later than that position had been dropped
 * here.
 */
void cache_listen(struct cache *c, const struct cache_listener *listener);
/* Where a walk continues; all zero: from the beginning. */
struct cache_walk {
	size_t shard, bucket;
};
/* Returns marks of the next entries. ret_end: there are no more. */
size_t cache_walk(struct cache *c, struct cache_walk *at, struct cache_mark *list, size_t max, bool *ret_end);
struct cache_copy *cache_copy_of(struct cache *c, const struct cache_mark *mark); /* NULL: gone, or no memory */
void cache_copy_free(struct cache_copy *copy);					  /* NULL is fine */
/* Whether there is an entry with this key that saw seq or a later position. If it is a copy, its number of reads
 * becomes `reads`, as counted at its home. */
bool cache_has(struct cache *c, struct span key, int64_t seq, unsigned reads);
/* Everything is borrowed; the cache takes its own reference of the answer. */
enum cache_verdict cache_put_copy(struct cache *c, const struct cache_copy *copy, uint64_t sent);

void cache_count(struct cache *c, struct cache_counters *ret);

#endif
