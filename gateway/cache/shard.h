/*
 * shard: a part of the cache: the entries whose keys have certain hashes, with a lock and room of its own.
 *
 * What falls out is decided by S3-FIFO (Yang et al., SOSP 2023). A new entry comes into the small queue, a tenth of the
 * room. What was not read twice more by the time it is at the end of that is gone, and leaves its fingerprint (ghost);
 * the rest moves to the main queue. What comes back while its fingerprint is known goes to the main queue at once. At
 * the end of the main queue an entry that was read since goes round once more. So what is read once, however much of
 * it, passes through a tenth of the room, and a hit moves nothing: it counts up to three.
 *
 * Large entries take the room of many: what is over a part of the shard is kept when it is asked for a second time.
 *
 * Copies of what other gateways keep (cache.h) are not read as long as they are that, and would have no place in these
 * queues. They have one of their own, and take what room nobody else wants. Where it is wanted they give way first,
 * down to a third of it: a gateway that takes over drives is to have the others' hot set beside its own. In that queue
 * an entry goes round by the reads that it had at its home. A copy that is read moves to the main queue.
 *
 * An entry that is dropped because it changed leaves its fingerprint if it was worth keeping: its successor is.
 *
 * Any thread. Under the lock are table look-ups and list moves; entries are made before it is taken, and freed after it
 * was released. Order of locks: the shard's, then the fence's.
 */
#ifndef NEPHOS_GATEWAY_CACHE_SHARD_H
#define NEPHOS_GATEWAY_CACHE_SHARD_H

#include "gateway/cache/fence.h"
#include "gateway/cache/terms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARD_BYTES_MIN ((size_t)512 * 1024)
/* An answer's body. What is larger is put together from extents and blocks. */
#define SHARD_BODY_MAX ((size_t)1024 * 1024)
#define SHARD_ENTRY_PART 8u  /* an entry takes at most this part of the room: none displaces the most of it at once */
#define SHARD_LARGE_PART 64u /* above it, it must be asked for twice */

struct shard;

/* bytes: all that it may take, its tables included. The fence is borrowed. -ENOMEM */
int shard_new(size_t bytes, struct fence *fence, struct shard **ret);
void shard_free(struct shard *s); /* NULL is fine */

/* A reference, for the caller to drop; NULL: it is not here. */
struct answer *shard_get(struct shard *s, enum cache_kind kind, uint64_t hash, struct span key, int64_t now_ns);
struct answer *shard_peek(struct shard *s, uint64_t hash, struct span key, int64_t now_ns); /* not counted */
bool shard_is_same(struct shard *s, uint64_t hash, const struct cache_question *q, int64_t now_ns,
	int64_t *ret_seq);								/* as cache_is_same */
void shard_forget_answer(struct shard *s, uint64_t hash, struct span key, int64_t seq); /* as cache_forget_answer */
/* What is to be put: borrowed, but for a reference of the answer that the shard takes. */
struct shard_put {
	uint64_t hash;
	const struct cache_copy *what; /* keys[0]: the drive's */
	uint64_t sent;		       /* as of cache_fill */
	bool copy;		       /* from another gateway */
};
enum cache_verdict shard_put(struct shard *s, const struct shard_put *p);
/* It is here and saw as much; the reads of a copy are that many from now on. */
bool shard_has(struct shard *s, uint64_t hash, struct span key, int64_t seq, unsigned reads);
/* Marks of entries from that bucket on, which moves on; shard_walked: that was the last. Entries that come and go
 * meanwhile may be among them or not. */
size_t shard_walk(struct shard *s, size_t *bucket, struct cache_mark *list, size_t max);
bool shard_walked(const struct shard *s, size_t bucket);
struct cache_copy *shard_copy(struct shard *s, const struct cache_mark *mark); /* as cache_copy_of */
/* What has one of these keys and saw less than seq. */
void shard_drop(struct shard *s, const uint64_t *keys, size_t count, int64_t seq);
/* What has this key, whatever it saw. */
void shard_forget_key(struct shard *s, uint64_t key);
void shard_forget_user(struct shard *s, int64_t user);
void shard_forget_all(struct shard *s);
/* Adds its numbers. */
void shard_count(struct shard *s, struct cache_counters *sum);

#endif
