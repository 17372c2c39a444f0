/*
 * The cache beside a naive map with the same rules, in thousands of random steps with fixed seeds. When nothing is
 * evicted, both must agree about everything. When entries are evicted, the cache may have fewer, but no others.
 * Then threads change, fill, read and forget at the same time: no reader may see a document as it was before a
 * change that the reader has seen acknowledged.
 */
#include "gateway/cache/cache.h"

#include "common/base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DRIVES 2u
#define DOCUMENTS 10u /* of each drive */
#define USERS 3u
#define KEYS (DRIVES * DOCUMENTS * USERS)
#define FLYING 8u /* fills in flight */
#define STEPS 30000u
#define SEEDS 6u
#define SIZES_SMALL 64u
#define SIZES_LARGE 100000u /* 60 keys with half of this each are three times what fits */

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static size_t below(uint64_t *state, size_t n)
{
	return (size_t)(next_random(state) % n);
}

/* ---- the naive map ---- */

struct naive_entry {
	bool there;
	int64_t seq, expires_ns;
	uint64_t serial;    /* number of the put; the body begins with it */
	unsigned documents; /* the documents that it was made from, one bit each */
};

struct naive_drops {
	int64_t seq; /* the highest position of a drop */
	uint64_t at; /* the step of the last drop */
};

struct flight {
	size_t key;
	int64_t seq, asked_ns;
	uint64_t sent, began;
	unsigned documents;
};

struct world {
	struct cache *cache;
	bool exact; /* nothing is evicted */
	size_t sizes;
	uint64_t random, serial, step;
	unsigned hits;
	int64_t now_ns;
	int64_t seqs[DRIVES];
	struct naive_entry entries[KEYS];
	struct naive_drops drops[DRIVES][DOCUMENTS];
	uint64_t forgotten[DRIVES], raised; /* the steps of the last forgetting, and of the last raise */
	struct flight flights[FLYING];
};

static size_t drive_of(size_t key)
{
	return key % DRIVES;
}

static size_t document_of(size_t key)
{
	return key / DRIVES % DOCUMENTS;
}

static int64_t user_of(size_t key)
{
	return (int64_t)(key / DRIVES / DOCUMENTS) + 1;
}

static struct tag tag_for(size_t drive, size_t document)
{
	return tag_of(TAG_ATTRIBUTES, ITEM_ID(drive + 1, document + 1));
}

static enum cache_verdict naive_verdict(const struct world *w, const struct flight *f)
{
	const size_t drive = drive_of(f->key);

	if (f->began < w->raised || f->began < w->forgotten[drive])
		return CACHE_FENCED;
	for (size_t i = 0; i < DOCUMENTS; i++) {
		const struct naive_drops *d = &w->drops[drive][i];

		if (f->documents & 1u << i && d->at > w->forgotten[drive] && d->seq > f->seq)
			return CACHE_OUTDATED;
	}
	return w->entries[f->key].there && w->entries[f->key].seq > f->seq ? CACHE_SUPERSEDED : CACHE_KEPT;
}

/* ---- steps ---- */

static void begin_fill(struct world *w, struct flight *f)
{
	f->key = below(&w->random, KEYS);
	f->seq = w->seqs[drive_of(f->key)];
	f->asked_ns = w->now_ns;
	f->sent = cache_fence(w->cache);
	f->began = w->step;
	f->documents = 1u << document_of(f->key) | 1u << below(&w->random, DOCUMENTS);
}

static enum cache_verdict put(struct world *w, const struct flight *f, unsigned lifetime_s)
{
	char name[24];
	const size_t room = sizeof(w->serial) + below(&w->random, w->sizes);
	struct answer *a = answer_new(200, f->seq, SPAN_LITERAL("Head: 1\r\n"), room);
	struct tag_list tags;
	enum cache_verdict verdict;

	assert_non_null(a);
	assert_int_equal(answer_append(a, span_of(&w->serial, sizeof(w->serial))), 0);
	tag_list_init(&tags, (uint32_t)drive_of(f->key) + 1);
	for (size_t i = 0; i < DOCUMENTS; i++)
		if (f->documents & 1u << i)
			tag_list_add(&tags, tag_for(drive_of(f->key), i));
	if (lifetime_s > 0)
		tag_list_ends(&tags, lifetime_s);
	verdict = cache_put(w->cache,
		&(struct cache_fill){.key = span_of(name, (size_t)snprintf(name, sizeof(name), "%zu", f->key)),
			.user = user_of(f->key),
			.answer = a,
			.tags = &tags,
			.sent = f->sent,
			.asked_ns = f->asked_ns});
	answer_unref(a);
	return verdict;
}

static void end_fill(struct world *w, struct flight *f)
{
	const unsigned lifetime_s = below(&w->random, 4) == 0 ? 5 : 0;
	const enum cache_verdict expected = naive_verdict(w, f);
	enum cache_verdict verdict;

	w->serial++;
	verdict = put(w, f, lifetime_s);
	if (w->exact || (expected != CACHE_KEPT && expected != CACHE_SUPERSEDED))
		assert_int_equal(verdict, expected);
	else /* the entry that would refuse it may be evicted */
		assert_true(verdict == expected || verdict == CACHE_KEPT || verdict == CACHE_FIRST_TIME);
	if (verdict != CACHE_KEPT)
		return;
	w->entries[f->key] = (struct naive_entry){.there = true,
		.seq = f->seq,
		.serial = w->serial,
		.documents = f->documents,
		.expires_ns = lifetime_s > 0 ? f->asked_ns + lifetime_s * NS_PER_S : INT64_MAX};
}

static void read_key(struct world *w, size_t key)
{
	char name[24];
	struct naive_entry *e = &w->entries[key];
	struct answer *a =
		cache_get(w->cache, span_of(name, (size_t)snprintf(name, sizeof(name), "%zu", key)), w->now_ns);
	uint64_t serial;

	if (e->expires_ns <= w->now_ns)
		e->there = false;
	if (!a) {
		assert_true(!w->exact || !e->there);
		e->there = false; /* it was evicted */
		return;
	}
	assert_true(e->there);
	w->hits++;
	memcpy(&serial, answer_body(a).data, sizeof(serial));
	assert_int_equal(serial, e->serial);
	assert_int_equal(answer_seq(a), e->seq);
	answer_unref(a);
}

/* One to three documents change. Now and then a change is announced again later, or late. */
static void change(struct world *w)
{
	const size_t drive = below(&w->random, DRIVES), count = 1 + below(&w->random, 3);
	const bool late = below(&w->random, 5) == 0;
	const int64_t seq = late ? w->seqs[drive] - (int64_t)below(&w->random, 3) : ++w->seqs[drive];
	struct tag tags[3];

	for (size_t i = 0; i < count; i++) {
		const size_t document = below(&w->random, DOCUMENTS);
		struct naive_drops *d = &w->drops[drive][document];

		tags[i] = tag_for(drive, document);
		d->seq = seq > d->seq ? seq : d->seq;
		d->at = w->step;
		for (size_t key = 0; key < KEYS; key++)
			if (drive_of(key) == drive && w->entries[key].documents & 1u << document &&
				w->entries[key].seq < seq)
				w->entries[key].there = false;
	}
	cache_drop(w->cache, tags, count, seq);
}

static void forget(struct world *w)
{
	const size_t drive = below(&w->random, DRIVES), what = below(&w->random, 8);
	const int64_t user = 1 + (int64_t)below(&w->random, USERS);

	for (size_t key = 0; key < KEYS; key++)
		if (what == 0 || (what < 4 && user_of(key) == user) || (what >= 4 && drive_of(key) == drive))
			w->entries[key].there = false;
	if (what >= 4) {
		w->forgotten[drive] = w->step;
		cache_forget_drive(w->cache, (uint32_t)drive + 1);
		w->seqs[drive] -= (int64_t)below(&w->random, 2); /* perhaps another incarnation of the drive */
		return;
	}
	w->raised = w->step;
	if (what == 0)
		cache_forget_all(w->cache);
	else
		cache_forget_user(w->cache, user);
}

static void step(struct world *w)
{
	const size_t what = below(&w->random, 1000);
	struct flight *f = &w->flights[below(&w->random, FLYING)];

	w->step++;
	if (what < 1)
		forget(w);
	else if (what < 30)
		change(w);
	else if (what < 60)
		w->now_ns += NS_PER_S;
	else if (what < 350 && f->began > 0)
		end_fill(w, f);
	else if (what < 500 || f->began == 0)
		begin_fill(w, f);
	else
		read_key(w, below(&w->random, KEYS));
}

static void walk(uint64_t seed, bool exact)
{
	const size_t bytes = exact ? 4 * CACHE_SHARD_BYTES : CACHE_BYTES_MIN;
	struct world *w = calloc(1, sizeof(*w));
	struct cache_counters counters;

	assert_non_null(w);
	w->exact = exact;
	w->sizes = exact ? SIZES_SMALL : SIZES_LARGE;
	w->random = seed;
	for (size_t i = 0; i < DRIVES; i++)
		w->seqs[i] = 100;
	assert_int_equal(cache_new(&(struct cache_options){.bytes = bytes, .seed = seed}, &w->cache), 0);
	for (unsigned i = 0; i < STEPS; i++) {
		step(w);
		cache_count(w->cache, &counters);
		assert_true(counters.bytes <= bytes);
	}
	for (size_t key = 0; key < KEYS; key++)
		read_key(w, key);
	/* The steps have reached all of these cases. */
	assert_true(w->hits > STEPS / 20 && counters.dropped > STEPS / 100);
	assert_true(counters.expired > 0 && counters.forgotten > 0 && counters.fills[CACHE_FENCED] > 0);
	assert_true(counters.fills[CACHE_OUTDATED] > 0 && counters.fills[CACHE_SUPERSEDED] > 0);
	assert_true(exact == (counters.evicted == 0));
	cache_free(w->cache);
	free(w);
}

static void a_cache_without_evictions_gives_the_same_answers_as_a_naive_map(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		walk(seed, true);
}

static void a_cache_with_evictions_has_fewer_entries_than_a_naive_map_and_no_others(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		walk(seed, false);
}

/* ---- threads ---- */

#define THREAD_DOCUMENTS 2u /* few, so that the threads meet at the same ones */
#define CHANGES 12000u
#define TOUCHED 256u /* tags of a change: many, so that a drop takes long */
#define FILLERS 3u

/* A drive as its service has it, and the changes that its home has acknowledged. */
struct store {
	struct cache *cache;
	pthread_mutex_t lock; /* held for a transaction; guards seq and values */
	int64_t seq, values[THREAD_DOCUMENTS];
	atomic_int_fast64_t acknowledged[THREAD_DOCUMENTS];
	atomic_bool over;
	atomic_uint stale;
	atomic_uint hits, kept;
};

struct filler {
	struct store *store;
	uint64_t random;
};

static struct span name_of(size_t document, char name[24])
{
	return span_of(name, (size_t)snprintf(name, 24, "%zu", document));
}

/* What a service does for a read, and what the gateway makes of the answer. */
static void fill_from(struct store *s, size_t document)
{
	char name[24];
	const uint64_t sent = cache_fence(s->cache);
	struct answer *a;
	struct tag_list tags;
	int64_t seq, value;

	pthread_mutex_lock(&s->lock);
	seq = s->seq;
	value = s->values[document];
	pthread_mutex_unlock(&s->lock);
	a = answer_new(200, seq, SPAN_LITERAL(""), sizeof(value));
	if (!a || answer_append(a, span_of(&value, sizeof(value))) < 0)
		abort();
	tag_list_init(&tags, 1);
	tag_list_add(&tags, tag_for(0, document));
	if (cache_put(s->cache,
		    &(struct cache_fill){.key = name_of(document, name),
			    .user = (int64_t)document % 2,
			    .answer = a,
			    .tags = &tags,
			    .sent = sent}) == CACHE_KEPT)
		atomic_fetch_add(&s->kept, 1);
	answer_unref(a);
}

static void read_from(struct store *s, size_t document)
{
	char name[24];
	const int64_t known = atomic_load(&s->acknowledged[document]);
	struct answer *a = cache_get(s->cache, name_of(document, name), 0);
	int64_t value;

	if (!a) {
		fill_from(s, document);
		return;
	}
	memcpy(&value, answer_body(a).data, sizeof(value));
	atomic_fetch_add(&s->hits, 1);
	if (value < known)
		atomic_fetch_add(&s->stale, 1);
	answer_unref(a);
}

static void *fill_and_read(void *cookie)
{
	struct filler *f = cookie;

	while (!atomic_load(&f->store->over)) {
		const size_t document = below(&f->random, THREAD_DOCUMENTS);

		if (below(&f->random, 4) == 0)
			fill_from(f->store, document);
		else
			read_from(f->store, document);
	}
	return NULL;
}

static void *change_and_tell(void *cookie)
{
	struct filler *f = cookie;
	struct store *s = f->store;
	struct tag tags[TOUCHED];

	for (size_t i = 1; i < TOUCHED; i++)
		tags[i] = tag_for(0, THREAD_DOCUMENTS + i);
	for (unsigned i = 0; i < CHANGES; i++) {
		const size_t document = below(&f->random, THREAD_DOCUMENTS);
		int64_t seq;

		tags[0] = tag_for(0, document);

		pthread_mutex_lock(&s->lock);
		seq = ++s->seq;
		s->values[document] = seq;
		pthread_mutex_unlock(&s->lock);
		cache_drop(s->cache, tags, TOUCHED, seq);
		atomic_store(&s->acknowledged[document], seq);
		if (i % 256 == 0)
			cache_forget_drive(s->cache, 1);
		if (i % 256 == 64)
			cache_forget_user(s->cache, 1);
		if (i % 256 == 128)
			cache_forget_all(s->cache);
	}
	atomic_store(&s->over, true);
	return NULL;
}

static void no_thread_reads_content_older_than_a_change_acknowledged_before_the_read(void **state)
{
	static struct store s;
	struct filler fillers[FILLERS + 1];
	pthread_t threads[FILLERS + 1];

	(void)state;
	pthread_mutex_init(&s.lock, NULL);
	assert_int_equal(cache_new(&(struct cache_options){.bytes = 2 * CACHE_SHARD_BYTES, .seed = 1}, &s.cache), 0);
	for (size_t i = 0; i <= FILLERS; i++)
		fillers[i] = (struct filler){.store = &s, .random = i + 1};
	for (size_t i = 0; i <= FILLERS; i++) {
		void *(*const does)(void *) = i < FILLERS ? fill_and_read : change_and_tell;

		assert_int_equal(pthread_create(&threads[i], NULL, does, &fillers[i]), 0);
	}
	for (size_t i = 0; i <= FILLERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&s.stale), 0);
	assert_true(atomic_load(&s.hits) > 0 && atomic_load(&s.kept) > 0);
	cache_free(s.cache);
	pthread_mutex_destroy(&s.lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cache_without_evictions_gives_the_same_answers_as_a_naive_map),
		cmocka_unit_test(a_cache_with_evictions_has_fewer_entries_than_a_naive_map_and_no_others),
		cmocka_unit_test(no_thread_reads_content_older_than_a_change_acknowledged_before_the_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
