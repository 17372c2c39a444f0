/*
 * shard: a part of the cache: the entries whose keys have certain hashes, with a lock and room of its own.
 *
 * S3-FIFO (Yang et al., SOSP 2023) decides which entries are evicted. A new entry comes into the small queue, a
 * tenth of the room. If it was not read twice more by the time it reaches the end of that queue, it is evicted
 * and leaves its fingerprint (ghost); otherwise it moves to the main queue. An entry that comes back while its
 * fingerprint is remembered goes to the main queue at once. An entry at the end of the main queue that was read
 * since goes round once more. So entries that are read once, however many, pass through a tenth of the room, and
 * a hit moves nothing: it only counts, up to three.
 *
 * A large entry takes the room of many. One that is larger than a certain part of the shard is kept only when it
 * is asked for a second time.
 *
 * Copies of what other gateways keep (cache.h) are not read as long as they are copies, and would not last in
 * these queues. They have a queue of their own, and may take all room that other entries do not need. When other
 * entries need room, copies are evicted first, until they have only a third of it: a gateway that takes over
 * drives is to have the hot set of the other gateways beside its own. In that queue an entry goes round by the
 * reads that it had at its home. A copy that is read moves to the main queue.
 *
 * An entry that is dropped because it changed leaves its fingerprint if it was worth keeping, because its
 * successor is worth keeping, too.
 *
 * Any thread. Only table look-ups and list moves happen under the lock; entries are made before it is taken, and
 * freed after it was released. Order of locks: the shard's, then the fence's.
 */
#ifndef NEPHOS_GATEWAY_CACHE_SHARD_H
#define NEPHOS_GATEWAY_CACHE_SHARD_H

#include "gateway/cache/fence.h"
#include "gateway/cache/terms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARD_BYTES_MIN ((size_t)512 * 1024)
/* An answer's body. Larger content is put together from extents and blocks. */
#define SHARD_BODY_MAX ((size_t)1024 * 1024)
#define SHARD_ENTRY_PART 8u  /* an entry takes at most this part of the room, so that none evicts most of it at once */
#define SHARD_LARGE_PART 64u /* a larger entry must be asked for twice */

struct shard;

/* bytes: all that the shard may take, its tables included. The fence is borrowed. -ENOMEM */
int shard_new(size_t bytes, struct fence *fence, struct shard **ret);
void shard_free(struct shard *s); /* NULL is fine */

/* Returns a reference, which the caller drops; NULL: the key is not here. */
struct answer *shard_get(struct shard *s, uint64_t hash, struct span key, int64_t now_ns);
struct answer *shard_peek(struct shard *s, uint64_t hash, struct span key, int64_t now_ns); /* no read of the entry */
bool shard_is_same(struct shard *s, uint64_t hash, const struct cache_question *q, int64_t now_ns,
	int64_t *ret_seq);								/* as cache_is_same */
void shard_forget_answer(struct shard *s, uint64_t hash, struct span key, int64_t seq); /* as cache_forget_answer */
/* What is to be put: borrowed; the shard takes its own reference of the answer. */
struct shard_put {
	uint64_t hash;
	const struct cache_copy *what; /* keys[0]: the drive's */
	uint64_t sent;		       /* as of cache_fill */
	bool copy;		       /* from another gateway */
};
enum cache_verdict shard_put(struct shard *s, const struct shard_put *p);
/* Whether the key is here with an answer that saw seq or more. Sets the reads of a copy to `reads`. */
bool shard_has(struct shard *s, uint64_t hash, struct span key, int64_t seq, unsigned reads);
/* Returns marks of the entries from *bucket on, and advances *bucket; shard_walked: that was the last bucket.
 * Entries that come or go during a walk may be among them or not. */
size_t shard_walk(struct shard *s, size_t *bucket, struct cache_mark *list, size_t max);
bool shard_walked(const struct shard *s, size_t bucket);
struct cache_copy *shard_copy(struct shard *s, const struct cache_mark *mark); /* as cache_copy_of */
/* Drops the entries that have one of these keys of tags and saw less than seq. */
void shard_drop(struct shard *s, const uint64_t *keys, size_t count, int64_t seq);
/* Drops the entries that have this key of a tag, whatever they saw. */
void shard_forget_key(struct shard *s, uint64_t key);
void shard_forget_user(struct shard *s, int64_t user);
void shard_forget_all(struct shard *s);
/* Adds the shard's numbers to sum. */
void shard_count(struct shard *s, struct cache_counters *sum);

#endif
