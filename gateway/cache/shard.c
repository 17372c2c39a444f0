/*
 * Bytes: entries and nodes of tags take `used`, and may take `room`: all that the shard was given, less its
 * tables. Room is made before an entry is linked, for the most that its nodes can take; so `used` never exceeds
 * `room`.
 */
#include "gateway/cache/shard.h"

#include "gateway/cache/cost.h"
#include "gateway/cache/ghost.h"
#include "gateway/cache/tag_index.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define READS_MAX 3u	       /* the most reads that are counted */
#define READS_TO_STAY 2u       /* reads that move an entry from the small queue to the main one */
#define SMALL_PART 10u	       /* part of the room for the small queue: a tenth */
#define ROUNDS_MAX 256u	       /* entries that go round in one search for one to evict: bounds the time of the lock */
#define BYTES_PER_BUCKET 1024u /* about what an entry takes */
#define BYTES_PER_TAG_BUCKET 256u /* most look-ups are of tags that no entry has: an empty bucket ends them */
#define BYTES_PER_MARK 1024u
#define WALK_BUCKETS 1024u /* looked at under one lock */

#define COPY_PART 3u /* part of the room for copies: a third; they get more while other entries do not need it */

enum queue_name { SMALL, MAIN, COPIES, QUEUES };

struct entry {
	struct entry *next;	     /* in its bucket; after removal, in the list of entries to be freed */
	struct entry *older, *newer; /* in its queue */
	struct answer *answer;
	uint64_t hash;
	int64_t user;
	int64_t expires_ns; /* INT64_MAX: not by the clock */
	size_t cost;	    /* bytes of the entry and its answer, without nodes of tags */
	uint32_t key_size;
	uint32_t drive;
	uint16_t links_room, links_used;
	uint8_t queue; /* enum queue_name */
	uint8_t reads;
	struct tag_link links[]; /* links_room of them; the key lies after them */
};

struct queue {
	struct entry *oldest, *newest;
	size_t bytes, entries;
};

struct shard {
	pthread_mutex_t lock; /* guards all below */
	struct fence *fence;
	size_t room, used;
	size_t fixed; /* what its tables take */
	struct queue queues[QUEUES];
	struct entry **buckets;
	size_t bucket_count;
	struct tag_index tags;
	struct ghost ghost;
	int64_t stamps;	    /* given so far: no two answers to one key have the same */
	struct entry *gone; /* to be freed when the lock is released */
	struct cache_counters counters;
};

/* ---- entries ---- */

static char *key_of(struct entry *e)
{
	return (char *)(e->links + e->links_room);
}

static size_t entry_size(const struct cache_copy *what)
{
	return sizeof(struct entry) + what->key_count * sizeof(struct tag_link) + what->key.size;
}

static struct entry *entry_new(uint64_t hash, const struct cache_copy *what)
{
	struct entry *e = calloc(1, entry_size(what));

	if (!e)
		return NULL;
	e->answer = answer_ref(what->answer);
	e->hash = hash;
	e->user = what->user;
	e->drive = what->drive;
	e->expires_ns = what->expires_ns;
	e->cost = cost_of(entry_size(what)) + answer_cost(what->answer);
	e->key_size = (uint32_t)what->key.size;
	e->links_room = (uint16_t)what->key_count;
	memcpy(key_of(e), what->key.data, what->key.size);
	return e;
}

static void entries_free(struct entry *list)
{
	while (list) {
		struct entry *next = list->next;

		answer_unref(list->answer);
		free(list);
		list = next;
	}
}

/* ---- queues; the caller holds s->lock ---- */

static void push(struct shard *s, struct entry *e, enum queue_name name)
{
	struct queue *q = &s->queues[name];

	e->queue = (uint8_t)name;
	e->newer = NULL;
	e->older = q->newest;
	if (q->newest)
		q->newest->newer = e;
	else
		q->oldest = e;
	q->newest = e;
	q->bytes += e->cost;
	q->entries++;
}

static void pull(struct shard *s, struct entry *e)
{
	struct queue *q = &s->queues[e->queue];

	assert(q->bytes >= e->cost && q->entries > 0);
	q->bytes -= e->cost;
	q->entries--;
	*(e->older ? &e->older->newer : &q->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &q->newest) = e->older;
}

/* ---- the table; the caller holds s->lock ---- */

static struct entry **place_of(struct shard *s, uint64_t hash, struct span key)
{
	struct entry **place = &s->buckets[hash & (s->bucket_count - 1)];

	while (*place && ((*place)->hash != hash || !span_eq(span_of(key_of(*place), (*place)->key_size), key)))
		place = &(*place)->next;
	return place;
}

/* Corrects `used` after links, and so perhaps nodes of tags, have come or gone. */
static void use_links(struct shard *s, size_t nodes_before)
{
	s->used += tag_index_node_bytes(&s->tags) - nodes_before;
}

static void remove_entry(struct shard *s, struct entry *e)
{
	struct entry **place = place_of(s, e->hash, span_of(key_of(e), e->key_size));
	const size_t before = tag_index_node_bytes(&s->tags);

	assert(*place == e && s->used >= e->cost);
	*place = e->next;
	pull(s, e);
	tag_index_remove(&s->tags, e->links, e->links_used);
	use_links(s, before);
	s->used -= e->cost;
	s->counters.entries--;
	e->next = s->gone;
	s->gone = e;
}

/* -ENOMEM: the entry was not added. */
static int add_entry(struct shard *s, struct entry *e, const uint64_t *keys, enum queue_name queue)
{
	const size_t before = tag_index_node_bytes(&s->tags);
	struct entry **bucket = &s->buckets[e->hash & (s->bucket_count - 1)];
	int used = tag_index_add(&s->tags, e, e->links, keys, e->links_room);

	if (used < 0)
		return used;
	e->links_used = (uint16_t)used;
	use_links(s, before);
	s->used += e->cost;
	assert(s->used <= s->room);
	e->next = *bucket;
	*bucket = e;
	push(s, e, queue);
	s->counters.entries++;
	return 0;
}

/* ---- eviction; the caller holds s->lock ---- */

static void evict_entry(struct shard *s, struct entry *e)
{
	s->counters.evicted++;
	s->counters.evicted_bytes += e->cost;
	remove_entry(s, e);
}

static void evict_small(struct shard *s)
{
	struct entry *e = s->queues[SMALL].oldest;

	if (e->reads >= READS_TO_STAY) {
		pull(s, e);
		e->reads = 0;
		push(s, e, MAIN);
		return;
	}
	ghost_add(&s->ghost, e->hash, e->cost);
	evict_entry(s, e);
}

static void evict_round(struct shard *s, enum queue_name queue)
{
	struct entry *e = s->queues[queue].oldest;

	for (unsigned round = 0; e->reads > 0 && round < ROUNDS_MAX; round++) {
		e->reads--;
		pull(s, e);
		push(s, e, queue);
		e = s->queues[queue].oldest;
	}
	evict_entry(s, e);
}

static bool copies_give_way(const struct shard *s)
{
	return s->queues[COPIES].bytes > s->room / COPY_PART || (!s->queues[SMALL].oldest && !s->queues[MAIN].oldest);
}

static void make_room(struct shard *s, size_t bytes)
{
	assert(bytes <= s->room);
	while (s->room - s->used < bytes) {
		assert(s->counters.entries > 0);
		if (copies_give_way(s))
			evict_round(s, COPIES);
		else if (s->queues[SMALL].bytes > s->room / SMALL_PART || !s->queues[MAIN].oldest)
			evict_small(s);
		else
			evict_round(s, MAIN);
	}
}

/* ---- the shard ---- */

static size_t power_of_two_below(size_t n)
{
	size_t power = 1;

	while (power <= n / 2)
		power *= 2;
	return power;
}

int shard_new(size_t bytes, struct fence *fence, struct shard **ret)
{
	const size_t buckets = power_of_two_below(bytes / BYTES_PER_BUCKET);
	const size_t tag_buckets = power_of_two_below(bytes / BYTES_PER_TAG_BUCKET);
	const size_t marks = bytes / BYTES_PER_MARK;
	struct shard *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	assert(bytes >= SHARD_BYTES_MIN);
	if (!s)
		return r;
	pthread_mutex_init(&s->lock, NULL);
	s->fence = fence;
	s->fixed = cost_of(sizeof(*s)) + cost_of(buckets * sizeof(*s->buckets)) + tag_index_cost(tag_buckets) +
		ghost_cost(marks);
	s->room = bytes - s->fixed;
	s->bucket_count = buckets;
	s->buckets = calloc(buckets, sizeof(*s->buckets));
	if (!s->buckets)
		goto out;
	r = tag_index_init(&s->tags, tag_buckets);
	if (r == 0)
		r = ghost_init(&s->ghost, marks, s->room - s->room / SMALL_PART);
	if (r < 0)
		goto out;
	*ret = s;
	s = NULL;
out:
	shard_free(s);
	return r;
}

/* Releases the lock, and frees what is gone. */
static void release(struct shard *s)
{
	struct entry *gone = s->gone;

	s->gone = NULL;
	pthread_mutex_unlock(&s->lock);
	entries_free(gone);
}

static void forget_queue(struct shard *s, enum queue_name name, const int64_t *user)
{
	struct entry *e = s->queues[name].oldest;

	while (e) {
		struct entry *newer = e->newer;

		if (!user || e->user == *user) {
			s->counters.forgotten++;
			remove_entry(s, e);
		}
		e = newer;
	}
}

/* user: forgets only answers that were given to this user; NULL: all. */
static void forget(struct shard *s, const int64_t *user)
{
	pthread_mutex_lock(&s->lock);
	for (int name = 0; name < QUEUES; name++)
		forget_queue(s, (enum queue_name)name, user);
	release(s);
}

void shard_forget_user(struct shard *s, int64_t user)
{
	forget(s, &user);
}

void shard_forget_all(struct shard *s)
{
	forget(s, NULL);
}

void shard_free(struct shard *s)
{
	if (!s)
		return;
	if (s->buckets)
		forget(s, NULL);
	assert(s->used == 0);
	tag_index_fini(&s->tags);
	ghost_fini(&s->ghost);
	free(s->buckets);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* The caller holds s->lock. */
static struct entry *find(struct shard *s, uint64_t hash, struct span key, int64_t now_ns)
{
	struct entry *e = *place_of(s, hash, key);

	if (e && e->expires_ns <= now_ns) {
		s->counters.expired++;
		remove_entry(s, e);
		return NULL;
	}
	return e;
}

/* The caller holds s->lock. A copy is read by a client of this gateway now: what was worth copying is worth
 * keeping. */
static void adopt(struct shard *s, struct entry *e)
{
	pull(s, e);
	push(s, e, MAIN);
}

/* The caller holds s->lock. */
static void count_read(struct shard *s, struct entry *e)
{
	if (e->reads < READS_MAX)
		e->reads++;
	if (e->queue == COPIES)
		adopt(s, e);
}

struct answer *shard_get(struct shard *s, uint64_t hash, struct span key, int64_t now_ns)
{
	struct answer *answer = NULL;

	pthread_mutex_lock(&s->lock);
	struct entry *e = find(s, hash, key, now_ns);
	if (e) {
		answer = answer_ref(e->answer);
		count_read(s, e);
	}
	release(s);
	return answer;
}

struct answer *shard_peek(struct shard *s, uint64_t hash, struct span key, int64_t now_ns)
{
	pthread_mutex_lock(&s->lock);
	const struct entry *e = find(s, hash, key, now_ns);
	struct answer *answer = e ? answer_ref(e->answer) : NULL;
	release(s);
	return answer;
}

bool shard_is_same(struct shard *s, uint64_t hash, const struct cache_question *q, int64_t now_ns, int64_t *ret_seq)
{
	pthread_mutex_lock(&s->lock);
	struct entry *e = find(s, hash, q->key, now_ns);
	const bool same = e && e->user == q->user && e->drive == q->drive && answer_stamp(e->answer) == q->stamp;
	if (same) {
		*ret_seq = answer_seq(e->answer);
		count_read(s, e);
	}
	release(s);
	return same;
}

void shard_forget_answer(struct shard *s, uint64_t hash, struct span key, int64_t seq)
{
	pthread_mutex_lock(&s->lock);
	struct entry *e = *place_of(s, hash, key);
	if (e && answer_seq(e->answer) == seq) {
		s->counters.forgotten++;
		remove_entry(s, e);
	}
	release(s);
}

/* Where a fill goes, and whether it is kept, by the entry with its key that is present, and by the fingerprints
 * of earlier entries. The caller of the judge_ functions holds s->lock. */
struct place {
	struct entry *present;
	enum queue_name queue;
	uint8_t reads;
	size_t bytes; /* the most that the fill can take */
};

static enum cache_verdict judge_fence(struct shard *s, const struct cache_copy *what, uint64_t sent)
{
	const enum fence_verdict fence =
		fence_check(s->fence, what->keys, what->key_count, answer_seq(what->answer), sent);

	if (fence == FENCE_STANDS)
		return CACHE_KEPT;
	return fence == FENCE_DROPPED ? CACHE_OUTDATED : CACHE_FENCED;
}

/* The new entry takes the queue and the reads of the present one. But a fill that replaces a copy is a new entry
 * like others, in the small queue. */
static enum cache_verdict judge_present(const struct cache_copy *what, bool copy, struct place *p)
{
	p->queue = (enum queue_name)p->present->queue;
	p->reads = p->present->reads;
	if (p->queue == COPIES && !copy)
		p->queue = SMALL;
	return answer_seq(p->present->answer) > answer_seq(what->answer) ? CACHE_SUPERSEDED : CACHE_KEPT;
}

static enum cache_verdict judge_fill(struct shard *s, uint64_t hash, struct place *p)
{
	p->queue = ghost_take(&s->ghost, hash) ? MAIN : SMALL;
	if (p->queue == MAIN || p->bytes <= s->room / SHARD_LARGE_PART)
		return CACHE_KEPT;
	ghost_add(&s->ghost, hash, p->bytes);
	return CACHE_FIRST_TIME;
}

/* The caller holds s->lock. Sets *e to NULL if the entry was kept. */
static enum cache_verdict put(struct shard *s, struct entry **e, const struct shard_put *put, size_t bytes)
{
	struct place p = {.bytes = bytes, .queue = COPIES, .reads = put->what->reads};
	enum cache_verdict verdict = judge_fence(s, put->what, put->sent);

	if (verdict != CACHE_KEPT)
		return verdict;
	p.present = *place_of(s, put->hash, put->what->key);
	if (p.present)
		verdict = judge_present(put->what, put->copy, &p);
	else if (!put->copy)
		verdict = judge_fill(s, put->hash, &p);
	if (verdict != CACHE_KEPT)
		return verdict;
	if (p.present)
		remove_entry(s, p.present);
	make_room(s, bytes);
	(*e)->reads = p.reads < READS_MAX ? p.reads : READS_MAX;
	if (add_entry(s, *e, put->what->keys, p.queue) < 0)
		return CACHE_NO_MEMORY;
	answer_set_stamp((*e)->answer, ++s->stamps);
	*e = NULL;
	return CACHE_KEPT;
}

enum cache_verdict shard_put(struct shard *s, const struct shard_put *p)
{
	const struct cache_copy *what = p->what;
	const size_t bytes =
		cost_of(entry_size(what)) + answer_cost(what->answer) + tag_index_nodes_cost(what->key_count);
	const bool fits = answer_body(what->answer).size <= SHARD_BODY_MAX && bytes <= s->room / SHARD_ENTRY_PART;
	struct entry *e = fits ? entry_new(p->hash, what) : NULL;
	enum cache_verdict verdict = fits ? CACHE_NO_MEMORY : CACHE_TOO_LARGE;

	pthread_mutex_lock(&s->lock);
	if (e)
		verdict = put(s, &e, p, bytes);
	(*(p->copy ? &s->counters.copied[verdict] : &s->counters.fills[verdict]))++;
	release(s);
	entries_free(e); /* it was not kept, and is in no list */
	return verdict;
}

bool shard_has(struct shard *s, uint64_t hash, struct span key, int64_t seq, unsigned reads)
{
	pthread_mutex_lock(&s->lock);
	struct entry *e = *place_of(s, hash, key);
	const bool has = e && answer_seq(e->answer) >= seq;
	if (has && e->queue == COPIES)
		e->reads = (uint8_t)(reads < READS_MAX ? reads : READS_MAX);
	release(s);
	return has;
}

/* ---- what is copied from here ---- */

size_t shard_walk(struct shard *s, size_t *bucket, struct cache_mark *list, size_t max)
{
	size_t count = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t looked = 0; looked < WALK_BUCKETS && *bucket < s->bucket_count; looked++, ++*bucket) {
		const size_t before = count;
		const struct entry *e = s->buckets[*bucket];

		for (; e && count < max; e = e->next)
			if (e->drive != CACHE_NO_DRIVE)
				list[count++] = (struct cache_mark){.drive = e->drive, .hash = e->hash};
		/* A bucket is returned as a whole, unless it alone has more than max entries. */
		if (e && before > 0) {
			count = before;
			break;
		}
	}
	release(s);
	return count;
}

bool shard_walked(const struct shard *s, size_t bucket)
{
	return bucket >= s->bucket_count;
}

/* The caller holds s->lock. One allocation: the copy, keys of tags, then the key. */
static struct cache_copy *copy_entry(struct entry *e)
{
	struct cache_copy *copy = malloc(sizeof(*copy) + e->links_used * sizeof(uint64_t) + e->key_size);

	if (!copy)
		return NULL;
	uint64_t *keys = (uint64_t *)(copy + 1);
	char *key = (char *)(keys + e->links_used);

	for (size_t i = 0; i < e->links_used; i++)
		keys[i] = tag_index_key(&e->links[i]);
	memcpy(key, key_of(e), e->key_size);
	*copy = (struct cache_copy){.key = span_of(key, e->key_size),
		.user = e->user,
		.drive = e->drive,
		.answer = answer_ref(e->answer),
		.keys = keys,
		.key_count = e->links_used,
		.expires_ns = e->expires_ns,
		.reads = e->reads};
	return copy;
}

struct cache_copy *shard_copy(struct shard *s, const struct cache_mark *mark)
{
	struct cache_copy *copy = NULL;

	pthread_mutex_lock(&s->lock);
	struct entry *e = s->buckets[mark->hash & (s->bucket_count - 1)];
	while (e && (e->hash != mark->hash || e->drive != mark->drive))
		e = e->next;
	if (e)
		copy = copy_entry(e);
	release(s);
	return copy;
}

/* The caller holds s->lock. Leaves a fingerprint of an entry worth keeping: its successor is worth as much. */
static void drop_entry(struct shard *s, struct entry *e)
{
	if (e->queue == MAIN || e->reads > 0)
		ghost_add(&s->ghost, e->hash, e->cost);
	s->counters.dropped++;
	remove_entry(s, e);
}

void shard_drop(struct shard *s, const uint64_t *keys, size_t count, int64_t seq)
{
	pthread_mutex_lock(&s->lock);
	tag_index_fetch(&s->tags, keys, count);
	for (size_t i = 0; i < count; i++) {
		struct tag_link *next;

		for (struct tag_link *link = tag_index_first(&s->tags, keys[i]); link; link = next) {
			struct entry *e = link->owner;

			next = link->next; /* a link of another entry, which stays when this entry goes */
			if (answer_seq(e->answer) < seq)
				drop_entry(s, e);
		}
	}
	release(s);
}

void shard_forget_key(struct shard *s, uint64_t key)
{
	struct tag_link *link;

	pthread_mutex_lock(&s->lock);
	while ((link = tag_index_first(&s->tags, key))) {
		s->counters.forgotten++;
		remove_entry(s, link->owner);
	}
	release(s);
}

void shard_count(struct shard *s, struct cache_counters *sum)
{
	pthread_mutex_lock(&s->lock);
	const struct cache_counters *c = &s->counters;

	sum->entries += c->entries;
	sum->copies += s->queues[COPIES].entries;
	sum->copy_bytes += s->queues[COPIES].bytes;
	sum->bytes += s->fixed + s->used;
	for (int i = 0; i < CACHE_VERDICTS; i++) {
		sum->fills[i] += c->fills[i];
		sum->copied[i] += c->copied[i];
	}
	sum->expired += c->expired;
	sum->evicted += c->evicted;
	sum->evicted_bytes += c->evicted_bytes;
	sum->dropped += c->dropped;
	sum->forgotten += c->forgotten;
	pthread_mutex_unlock(&s->lock);
}
