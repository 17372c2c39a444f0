#include "gateway/cache/cache.h"

#include "common/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DRIVE 5u
#define OTHER_DRIVE 6u
#define ANN 1
#define BOB 2
#define HEAD SPAN_LITERAL("Content-Type: text/plain\r\n")

/* An answer about one document, and the arguments of its put. */
struct put {
	const char *key;
	uint32_t drive; /* 0 stands for DRIVE */
	int64_t document, user, seq;
	const char *body;
	size_t body_bytes; /* size of the body when `body` is NULL */
	size_t more_tags;
	unsigned lifetime_s;
	int64_t asked_ns;
	uint64_t sent;
	bool sent_before; /* `sent` is used as given; false: the fence of now is used */
};

static struct answer *answer_for(const struct put *p)
{
	const size_t size = p->body ? strlen(p->body) : p->body_bytes;
	struct answer *a = answer_new(200, p->seq, HEAD, size);
	char *bytes = calloc(1, size + 1);

	assert_non_null(a);
	assert_non_null(bytes);
	if (p->body)
		memcpy(bytes, p->body, size);
	assert_int_equal(answer_append(a, span_of(bytes, size)), 0);
	free(bytes);
	return a;
}

static enum cache_verdict put(struct cache *c, const struct put *p)
{
	const uint32_t drive = p->drive ? p->drive : DRIVE;
	struct answer *a = answer_for(p);
	struct tag_list tags;
	enum cache_verdict verdict;

	tag_list_init(&tags, drive);
	tag_list_add(&tags, tag_of(TAG_ATTRIBUTES, ITEM_ID(drive, p->document)));
	for (size_t i = 0; i < p->more_tags; i++)
		tag_list_add(&tags, tag_of(TAG_ATTRIBUTES, ITEM_ID(drive, 1000 + i)));
	if (p->lifetime_s > 0)
		tag_list_ends(&tags, p->lifetime_s);
	verdict = cache_put(c,
		&(struct cache_fill){.key = span_str(p->key),
			.user = p->user,
			.answer = a,
			.tags = &tags,
			.sent = p->sent_before ? p->sent : cache_fence(c),
			.asked_ns = p->asked_ns});
	answer_unref(a);
	return verdict;
}

static bool has_at(struct cache *c, const char *key, int64_t now_ns)
{
	struct answer *a = cache_get(c, span_str(key), now_ns);

	answer_unref(a);
	return a != NULL;
}

static bool has(struct cache *c, const char *key)
{
	return has_at(c, key, 0);
}

static void drop(struct cache *c, int64_t document, int64_t seq)
{
	const struct tag tag = tag_of(TAG_ATTRIBUTES, ITEM_ID(DRIVE, document));

	cache_drop(c, &tag, 1, seq);
}

static struct cache_counters count(struct cache *c)
{
	struct cache_counters counters;

	cache_count(c, &counters);
	return counters;
}

static struct cache *make(size_t bytes)
{
	struct cache *c;

	assert_int_equal(cache_new(&(struct cache_options){.bytes = bytes, .seed = 1}, &c), 0);
	return c;
}

static int set_up(void **state)
{
	*state = make(4 * CACHE_SHARD_BYTES);
	return 0;
}

static int set_up_small(void **state)
{
	*state = make(CACHE_BYTES_MIN);
	return 0;
}

static int tear_down(void **state)
{
	cache_free(*state);
	return 0;
}

/* ---- keeping ---- */

static void an_answer_is_found_under_its_key_with_status_seq_head_and_body(void **state)
{
	struct answer *a;

	assert_int_equal(put(*state, &(struct put){.key = "k", .document = 1, .seq = 3, .body = "hello"}), CACHE_KEPT);
	a = cache_get(*state, span_str("k"), 0);
	assert_non_null(a);
	assert_int_equal(answer_status(a), 200);
	assert_int_equal(answer_seq(a), 3);
	assert_true(span_eq(answer_head(a), HEAD));
	assert_true(span_eq_str(answer_body(a), "hello"));
	answer_unref(a);
}

static void a_prefix_or_an_extension_of_a_key_finds_nothing(void **state)
{
	put(*state, &(struct put){.key = "key", .document = 1, .seq = 1});
	assert_false(has(*state, "ke"));
	assert_false(has(*state, "keys"));
	assert_false(has(*state, ""));
}

static void a_later_answer_replaces_an_earlier_one_and_not_the_other_way_round(void **state)
{
	struct answer *a;

	put(*state, &(struct put){.key = "k", .document = 1, .seq = 3, .body = "old"});
	assert_int_equal(put(*state, &(struct put){.key = "k", .document = 1, .seq = 4, .body = "new"}), CACHE_KEPT);
	assert_int_equal(
		put(*state, &(struct put){.key = "k", .document = 1, .seq = 3, .body = "old"}), CACHE_SUPERSEDED);
	a = cache_get(*state, span_str("k"), 0);
	assert_true(span_eq_str(answer_body(a), "new"));
	answer_unref(a);
	assert_int_equal(count(*state).entries, 1);
}

static void an_answer_expires_at_the_end_of_its_lifetime(void **state)
{
	put(*state, &(struct put){.key = "k", .document = 1, .seq = 1, .lifetime_s = 300, .asked_ns = NS_PER_S});
	assert_true(has_at(*state, "k", 301 * NS_PER_S - 1));
	assert_false(has_at(*state, "k", 301 * NS_PER_S));
	assert_int_equal(count(*state).expired, 1);
	assert_int_equal(count(*state).entries, 0);
}

static void an_answer_with_more_tags_than_a_list_holds_is_not_kept(void **state)
{
	assert_int_equal(put(*state, &(struct put){.key = "k", .document = 1, .seq = 1, .more_tags = TAG_LIST_MAX}),
		CACHE_UNTAGGED);
	assert_int_equal(put(*state, &(struct put){.key = "k", .document = 1, .seq = 1, .more_tags = TAG_LIST_MAX - 2}),
		CACHE_KEPT);
}

/* ---- dropping ---- */

static void a_drop_of_a_tag_removes_the_entries_with_that_tag_and_no_others(void **state)
{
	put(*state, &(struct put){.key = "a", .document = 1, .seq = 1});
	put(*state, &(struct put){.key = "b", .document = 1, .seq = 1, .more_tags = 3});
	put(*state, &(struct put){.key = "c", .document = 2, .seq = 1});
	put(*state, &(struct put){.key = "d", .drive = OTHER_DRIVE, .document = 1, .seq = 1});
	drop(*state, 1, 2);
	assert_false(has(*state, "a"));
	assert_false(has(*state, "b"));
	assert_true(has(*state, "c"));
	assert_true(has(*state, "d"));
	assert_int_equal(count(*state).dropped, 2);
}

static void a_drop_of_any_of_its_tags_removes_an_entry(void **state)
{
	for (int64_t i = 0; i < 5; i++) {
		put(*state, &(struct put){.key = "k", .document = 1, .seq = 10 + i, .more_tags = 5});
		assert_true(has(*state, "k"));
		drop(*state, 1000 + i, 11 + i);
		assert_false(has(*state, "k"));
	}
}

static void a_drop_of_700_tags_removes_the_entries_of_the_first_and_the_last_tag(void **state)
{
	struct tag tags[700];

	for (int64_t i = 0; i < 700; i++)
		tags[i] = tag_of(TAG_ATTRIBUTES, ITEM_ID(DRIVE, i + 1));
	put(*state, &(struct put){.key = "first", .document = 1, .seq = 1});
	put(*state, &(struct put){.key = "last", .document = 700, .seq = 1});
	cache_drop(*state, tags, 700, 2);
	assert_false(has(*state, "first"));
	assert_false(has(*state, "last"));
}

static void an_entry_that_saw_a_change_survives_the_late_drop_for_that_change(void **state)
{
	put(*state, &(struct put){.key = "k", .document = 1, .seq = 7});
	drop(*state, 1, 7);
	assert_true(has(*state, "k"));
	drop(*state, 1, 8);
	assert_false(has(*state, "k"));
}

static void an_answer_requested_before_a_drop_is_kept_only_if_it_saw_the_change(void **state)
{
	const uint64_t sent = cache_fence(*state);

	drop(*state, 1, 7);
	assert_int_equal(
		put(*state, &(struct put){.key = "k", .document = 1, .seq = 6, .sent = sent, .sent_before = true}),
		CACHE_OUTDATED);
	assert_int_equal(
		put(*state, &(struct put){.key = "k", .document = 1, .seq = 7, .sent = sent, .sent_before = true}),
		CACHE_KEPT);
}

static void an_answer_stays_whole_for_its_reader_when_its_entry_is_dropped(void **state)
{
	struct answer *a;

	put(*state, &(struct put){.key = "k", .document = 1, .seq = 1, .body = "still here"});
	a = cache_get(*state, span_str("k"), 0);
	drop(*state, 1, 2);
	assert_false(has(*state, "k"));
	assert_true(span_eq_str(answer_body(a), "still here"));
	cache_forget_all(*state);
	assert_true(span_eq_str(answer_body(a), "still here"));
	answer_unref(a);
}

/* ---- forgetting ---- */

static void cache_forget_drive_removes_the_entries_and_refuses_answers_in_flight(void **state)
{
	const uint64_t sent = cache_fence(*state);

	put(*state, &(struct put){.key = "a", .document = 1, .seq = 1});
	put(*state, &(struct put){.key = "b", .drive = OTHER_DRIVE, .document = 1, .seq = 1});
	cache_forget_drive(*state, DRIVE);
	assert_false(has(*state, "a"));
	assert_true(has(*state, "b"));
	assert_int_equal(
		put(*state, &(struct put){.key = "a", .document = 1, .seq = 9, .sent = sent, .sent_before = true}),
		CACHE_FENCED);
	assert_int_equal(put(*state, &(struct put){.key = "a", .document = 1, .seq = 1}), CACHE_KEPT);
	assert_int_equal(count(*state).forgotten, 1);
}

static void cache_forget_user_removes_the_entries_and_refuses_answers_in_flight(void **state)
{
	const uint64_t sent = cache_fence(*state);

	put(*state, &(struct put){.key = "ann", .user = ANN, .document = 1, .seq = 1});
	put(*state, &(struct put){.key = "bob", .user = BOB, .document = 1, .seq = 1});
	cache_forget_user(*state, ANN);
	assert_false(has(*state, "ann"));
	assert_true(has(*state, "bob"));
	assert_int_equal(
		put(*state,
			&(struct put){
				.key = "ann", .user = ANN, .document = 1, .seq = 9, .sent = sent, .sent_before = true}),
		CACHE_FENCED);
}

static void cache_forget_all_removes_all_entries_and_refuses_answers_in_flight(void **state)
{
	const uint64_t sent = cache_fence(*state);
	const uint64_t empty = count(*state).bytes;

	put(*state, &(struct put){.key = "a", .document = 1, .seq = 1});
	put(*state, &(struct put){.key = "b", .drive = OTHER_DRIVE, .document = 1, .seq = 1});
	cache_forget_all(*state);
	assert_false(has(*state, "a"));
	assert_false(has(*state, "b"));
	assert_int_equal(count(*state).bytes, empty);
	assert_int_equal(
		put(*state, &(struct put){.key = "a", .document = 1, .seq = 9, .sent = sent, .sent_before = true}),
		CACHE_FENCED);
}

/* ---- limits ---- */

static void a_cache_is_at_least_1_mib_and_at_most_1_tib(void **state)
{
	struct cache *c = NULL;

	(void)state;
	assert_int_equal(cache_new(&(struct cache_options){.bytes = CACHE_BYTES_MIN - 1}, &c), -EINVAL);
	assert_int_equal(cache_new(&(struct cache_options){.bytes = CACHE_BYTES_MAX + 1}, &c), -EINVAL);
	assert_null(c);
}

static void an_answer_of_1_mib_is_kept_only_when_it_is_put_a_second_time(void **state)
{
	const struct put large = {.key = "k", .document = 1, .seq = 1, .body_bytes = 1024 * 1024};

	assert_int_equal(put(*state, &large), CACHE_FIRST_TIME);
	assert_false(has(*state, "k"));
	assert_int_equal(put(*state, &large), CACHE_KEPT);
	assert_true(has(*state, "k"));
}

static void an_answer_over_1_mib_is_never_kept(void **state)
{
	const struct put large = {.key = "k", .document = 1, .seq = 1, .body_bytes = 1024 * 1024 + 1};

	for (int i = 0; i < 3; i++)
		assert_int_equal(put(*state, &large), CACHE_TOO_LARGE);
}

static void an_answer_over_an_eighth_of_the_cache_is_never_kept(void **state)
{
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			put(*state,
				&(struct put){.key = "k", .document = 1, .seq = 1, .body_bytes = CACHE_BYTES_MIN / 8}),
			CACHE_TOO_LARGE);
		assert_int_not_equal(
			put(*state,
				&(struct put){.key = "l", .document = 1, .seq = 1, .body_bytes = CACHE_BYTES_MIN / 10}),
			CACHE_TOO_LARGE);
	}
}

static void fill_up(struct cache *c, int first, int last, int64_t seq)
{
	char key[16];

	for (int n = first; n <= last; n++) {
		snprintf(key, sizeof(key), "%d", n);
		put(c, &(struct put){.key = key, .document = n, .seq = seq, .body_bytes = 1000});
	}
}

static int how_many(struct cache *c, int first, int last)
{
	char key[16];
	int there = 0;

	for (int n = first; n <= last; n++) {
		snprintf(key, sizeof(key), "%d", n);
		there += has(c, key);
	}
	return there;
}

static void entries_that_were_read_twice_survive_4000_later_puts(void **state)
{
	fill_up(*state, 1, 200, 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(how_many(*state, 1, 200), 200);
	fill_up(*state, 1001, 5000, 1);
	assert_int_equal(how_many(*state, 1, 200), 200);
	assert_in_range(count(*state).evicted, 3000, 4000);
	assert_true(count(*state).bytes <= CACHE_BYTES_MIN);
}

static void an_entry_that_is_put_again_soon_after_its_eviction_survives_3000_puts(void **state)
{
	fill_up(*state, 1, 2000, 1);
	assert_false(has(*state, "1100"));
	put(*state, &(struct put){.key = "1100", .document = 1100, .seq = 1, .body_bytes = 1000});
	fill_up(*state, 3001, 6000, 1);
	assert_true(has(*state, "1100"));
}

static void an_entry_that_was_read_before_its_drop_outlives_unread_ones_afterwards(void **state)
{
	put(*state, &(struct put){.key = "hot", .document = 1, .seq = 1});
	assert_true(has(*state, "hot"));
	drop(*state, 1, 2);
	put(*state, &(struct put){.key = "hot", .document = 1, .seq = 2});
	fill_up(*state, 1001, 5000, 1);
	assert_true(has(*state, "hot"));
}

/* ---- counting ---- */

static void reads_are_counted_by_kind_and_fills_by_verdict(void **state)
{
	struct cache_counters c;

	put(*state, &(struct put){.key = "k", .document = 1, .seq = 1});
	cache_note(*state, CACHE_LISTING, true);
	cache_note(*state, CACHE_CONTENT, false);
	cache_note(*state, CACHE_CONTENT, false);
	answer_unref(cache_get(*state, span_str("k"), 0)); /* a look alone is no read of anything */
	assert_null(cache_get(*state, span_str("x"), 0));
	for (int why = CACHE_KEPT + 1; why < CACHE_VERDICTS; why++)
		cache_refuse(*state, (enum cache_verdict)why);
	c = count(*state);
	for (int why = CACHE_KEPT + 1; why < CACHE_VERDICTS; why++)
		assert_int_equal(c.fills[why], 1);
	assert_int_equal(c.misses[CACHE_ITEM], 0);
	assert_int_equal(c.hits[CACHE_LISTING], 1);
	assert_int_equal(c.misses[CACHE_LISTING], 0);
	assert_int_equal(c.misses[CACHE_CONTENT], 2);
	assert_int_equal(c.fills[CACHE_KEPT], 1);
	assert_int_equal(c.entries, 1);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define small_test(f) cmocka_unit_test_setup_teardown(f, set_up_small, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(an_answer_is_found_under_its_key_with_status_seq_head_and_body),
		test(a_prefix_or_an_extension_of_a_key_finds_nothing),
		test(a_later_answer_replaces_an_earlier_one_and_not_the_other_way_round),
		test(an_answer_expires_at_the_end_of_its_lifetime),
		test(an_answer_with_more_tags_than_a_list_holds_is_not_kept),
		test(a_drop_of_a_tag_removes_the_entries_with_that_tag_and_no_others),
		test(a_drop_of_any_of_its_tags_removes_an_entry),
		test(a_drop_of_700_tags_removes_the_entries_of_the_first_and_the_last_tag),
		test(an_entry_that_saw_a_change_survives_the_late_drop_for_that_change),
		test(an_answer_requested_before_a_drop_is_kept_only_if_it_saw_the_change),
		test(an_answer_stays_whole_for_its_reader_when_its_entry_is_dropped),
		test(cache_forget_drive_removes_the_entries_and_refuses_answers_in_flight),
		test(cache_forget_user_removes_the_entries_and_refuses_answers_in_flight),
		test(cache_forget_all_removes_all_entries_and_refuses_answers_in_flight),
		test(a_cache_is_at_least_1_mib_and_at_most_1_tib),
		test(an_answer_of_1_mib_is_kept_only_when_it_is_put_a_second_time),
		test(an_answer_over_1_mib_is_never_kept),
		small_test(an_answer_over_an_eighth_of_the_cache_is_never_kept),
		small_test(entries_that_were_read_twice_survive_4000_later_puts),
		small_test(an_entry_that_is_put_again_soon_after_its_eviction_survives_3000_puts),
		small_test(an_entry_that_was_read_before_its_drop_outlives_unread_ones_afterwards),
		test(reads_are_counted_by_kind_and_fills_by_verdict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
