/* Entries that were copied from another gateway. Once they are read they are like all others. They are dropped
 * like others, and until they are read they are evicted first. */
#include "gateway/cache/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DRIVE 5u
#define ANN 1
#define BOB 2
#define FOREVER INT64_MAX

static struct cache *c;
static size_t heard;
static struct cache_mark heard_last;

static void hear(void *cookie, const struct cache_mark *mark)
{
	(void)cookie;
	heard++;
	heard_last = *mark;
}

static int set_up(void **state)
{
	(void)state;
	heard = 0;
	assert_int_equal(cache_new(&(struct cache_options){.bytes = CACHE_BYTES_MIN, .seed = 3}, &c), 0);
	cache_listen(c, &(struct cache_listener){.kept = hear});
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	cache_free(c);
	return 0;
}

static struct tag tag_for(int64_t document)
{
	return tag_of(TAG_ATTRIBUTES, ITEM_ID(DRIVE, document));
}

static struct answer *answer_of(int64_t seq, size_t bytes)
{
	struct answer *a = answer_new(200, seq, SPAN_LITERAL("ETag\0v"), bytes);
	char *body = calloc(1, bytes + 1);

	assert_true(a && body);
	assert_int_equal(answer_append(a, span_of(body, bytes)), 0);
	free(body);
	return a;
}

static enum cache_verdict fill(const char *key, int64_t document, int64_t seq, size_t bytes)
{
	struct answer *a = answer_of(seq, bytes);
	struct tag_list tags;

	tag_list_init(&tags, DRIVE);
	tag_list_add(&tags, tag_for(document));
	const struct cache_fill f = {
		.key = span_str(key), .user = ANN, .answer = a, .tags = &tags, .sent = cache_fence(c)};
	const enum cache_verdict verdict = cache_put(c, &f);
	answer_unref(a);
	return verdict;
}

struct copying {
	const char *key;
	int64_t document, seq, user, expires_ns;
	size_t bytes;
	unsigned reads;
	uint64_t sent;
};

static enum cache_verdict copy(const struct copying *p)
{
	const struct tag drive = tag_drive(DRIVE), tag = tag_for(p->document);
	const uint64_t keys[] = {tag_key(&drive), tag_key(&tag)};
	struct answer *a = answer_of(p->seq, p->bytes);
	const struct cache_copy what = {.key = span_str(p->key),
		.user = p->user ? p->user : ANN,
		.drive = DRIVE,
		.answer = a,
		.keys = keys,
		.key_count = 2,
		.expires_ns = p->expires_ns ? p->expires_ns : FOREVER,
		.reads = (uint8_t)p->reads};
	const enum cache_verdict verdict = cache_put_copy(c, &what, p->sent);

	answer_unref(a);
	return verdict;
}

static bool has(const char *key)
{
	struct answer *a = cache_get(c, span_str(key), 1);

	answer_unref(a);
	return a != NULL;
}

static struct cache_counters count(void)
{
	struct cache_counters counters;

	cache_count(c, &counters);
	return counters;
}

static void drop(int64_t document, int64_t seq)
{
	const struct tag tag = tag_for(document);

	cache_drop(c, &tag, 1, seq);
}

static void cache_copy_of_gives_the_entry_as_it_is_kept_and_nothing_after_a_drop(void **state)
{
	struct cache_walk at = {0};
	struct cache_mark marks[4];
	bool end = false;
	size_t found = 0;

	(void)state;
	assert_int_equal(fill("key", 2, 40, 3), CACHE_KEPT);
	assert_int_equal(heard, 1);
	while (!end)
		found += cache_walk(c, &at, marks + found, 4 - found, &end);
	assert_int_equal(found, 1);
	assert_true(marks[0].hash == heard_last.hash && marks[0].drive == DRIVE);
	assert_true(has("key"));
	struct cache_copy *copy = cache_copy_of(c, &heard_last);
	const struct tag drive = tag_drive(DRIVE), tag = tag_for(2);

	assert_non_null(copy);
	assert_true(span_eq_str(copy->key, "key") && copy->user == ANN && copy->drive == DRIVE);
	assert_true(answer_seq(copy->answer) == 40 && answer_body(copy->answer).size == 3);
	assert_true(copy->key_count == 2 && copy->keys[0] == tag_key(&drive) && copy->keys[1] == tag_key(&tag));
	assert_true(copy->reads == 1 && copy->expires_ns == FOREVER);
	cache_copy_free(copy);
	drop(2, 41);
	assert_null(cache_copy_of(c, &heard_last));
}

static void cache_walk_visits_every_entry(void **state)
{
	struct cache_walk at = {0};
	struct cache_mark marks[16];
	bool end = false;
	size_t found = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "%d", i);
		assert_int_equal(fill(key, i + 1, 40, 3), CACHE_KEPT);
	}
	while (!end)
		found += cache_walk(c, &at, marks, 16, &end);
	assert_int_equal(found, count().entries);
}

static void a_copy_counts_as_an_ordinary_entry_once_it_was_read(void **state)
{
	(void)state;
	assert_int_equal(copy(&(struct copying){"key", 2, 40}), CACHE_KEPT);
	assert_int_equal(count().copies, 1);
	assert_true(count().copy_bytes > 0);
	assert_int_equal(heard, 0); /* a copy is not copied on */
	assert_true(has("key"));
	assert_int_equal(count().copies, 0);
	assert_int_equal(count().copy_bytes, 0);
	assert_int_equal(count().entries, 1);
}

static void only_copies_newer_than_the_cached_entry_are_wanted_and_kept(void **state)
{
	(void)state;
	assert_false(cache_has(c, span_str("key"), 40, 0));
	assert_int_equal(copy(&(struct copying){"key", 2, 40}), CACHE_KEPT);
	assert_true(cache_has(c, span_str("key"), 40, 3));
	assert_true(cache_has(c, span_str("key"), 39, 3));
	assert_false(cache_has(c, span_str("key"), 41, 3)); /* a later answer: the cached one may be outdated */
	assert_int_equal(copy(&(struct copying){"key", 2, 41}), CACHE_KEPT);
	assert_int_equal(count().entries, 1);
	assert_int_equal(copy(&(struct copying){"key", 2, 40}), CACHE_SUPERSEDED);
}

static void a_copy_older_than_a_drop_or_a_forgotten_drive_is_refused(void **state)
{
	(void)state;
	const uint64_t before = cache_fence(c);
	drop(2, 41);
	assert_int_equal(copy(&(struct copying){"key", 2, 40, .sent = before}), CACHE_OUTDATED);
	assert_int_equal(copy(&(struct copying){"key", 2, 41, .sent = before}), CACHE_KEPT);
	assert_int_equal(copy(&(struct copying){"other", 3, 40, .sent = before}), CACHE_KEPT);
	cache_forget_drive(c, DRIVE);
	assert_int_equal(copy(&(struct copying){"key", 2, 50, .sent = before}), CACHE_FENCED);
	assert_int_equal(count().copied[CACHE_FENCED], 1);
	assert_int_equal(count().fills[CACHE_FENCED], 0);
}

static void copies_are_removed_by_drops_and_with_forgotten_users_and_drives(void **state)
{
	(void)state;
	const uint64_t sent = cache_fence(c);
	assert_int_equal(copy(&(struct copying){"a", 2, 40, .sent = sent}), CACHE_KEPT);
	assert_int_equal(copy(&(struct copying){"b", 3, 40, .sent = sent}), CACHE_KEPT);
	assert_int_equal(copy(&(struct copying){"c", 4, 40, .user = BOB, .sent = sent}), CACHE_KEPT);
	drop(2, 41);
	assert_int_equal(count().copies, 2);
	cache_forget_user(c, ANN);
	assert_int_equal(count().copies, 1);
	assert_int_equal(copy(&(struct copying){"b", 3, 45, .sent = sent}), CACHE_FENCED); /* it was in flight */
	cache_forget_drive(c, DRIVE);
	assert_int_equal(count().entries, 0);
	assert_int_equal(count().copies, 0);
}

static void a_copy_expires_at_the_end_of_its_lifetime(void **state)
{
	(void)state;
	assert_int_equal(copy(&(struct copying){"key", 2, 40, .expires_ns = 1}), CACHE_KEPT);
	assert_false(has("key"));
	assert_int_equal(count().expired, 1);
}

static void fill_many(const char *prefix, int n, bool read)
{
	for (int i = 0; i < n; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "%s%d", prefix, i);
		(void)fill(key, i + 1, 40, 2000);
		for (int k = 0; read && k < 3; k++)
			(void)has(key);
	}
}

static void copy_many(const char *prefix, int n, unsigned reads)
{
	for (int i = 0; i < n; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "%s%d", prefix, i);
		const struct copying p = {.key = key,
			.document = i + 1,
			.seq = 40,
			.bytes = 2000,
			.reads = reads,
			.sent = cache_fence(c)};

		(void)copy(&p);
	}
}

static void copies_fill_free_memory_and_shrink_to_about_a_third_beside_own_entries(void **state)
{
	(void)state;
	copy_many("copy", 1000, 0);
	const uint64_t all = count().copy_bytes;

	assert_true(count().bytes <= CACHE_BYTES_MIN && all > CACHE_BYTES_MIN * 2 / 3);
	fill_many("own", 1000, true);
	const uint64_t left = count().copy_bytes;
	assert_true(count().bytes <= CACHE_BYTES_MIN);
	assert_true(left < all / 2 && left > all / 4);
	/* The other way round: copies take back a third of the memory, and no more. */
	cache_forget_all(c);
	fill_many("own", 1000, true);
	copy_many("copy", 1000, 0);
	assert_true(count().copy_bytes < all / 2 && count().copy_bytes > all / 4);
}

static void copies_that_were_read_often_at_their_home_outlive_unread_copies(void **state)
{
	(void)state;
	fill_many("own", 1000, true);
	copy_many("hot", 20, 3);
	copy_many("cold", 300, 0);
	size_t hot = 0;
	for (int i = 0; i < 20; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "hot%d", i);
		hot += cache_has(c, span_str(key), 40, 0);
	}
	assert_int_equal(hot, 20);
	assert_false(cache_has(c, span_str("cold0"), 40, 0));
	assert_true(cache_has(c, span_str("cold299"), 40, 0));
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(cache_copy_of_gives_the_entry_as_it_is_kept_and_nothing_after_a_drop),
		test(cache_walk_visits_every_entry),
		test(a_copy_counts_as_an_ordinary_entry_once_it_was_read),
		test(only_copies_newer_than_the_cached_entry_are_wanted_and_kept),
		test(a_copy_older_than_a_drop_or_a_forgotten_drive_is_refused),
		test(copies_are_removed_by_drops_and_with_forgotten_users_and_drives),
		test(a_copy_expires_at_the_end_of_its_lifetime),
		test(copies_fill_free_memory_and_shrink_to_about_a_third_beside_own_entries),
		test(copies_that_were_read_often_at_their_home_outlive_unread_copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
