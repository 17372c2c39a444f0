#include "fusefs/content/dirty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* -- a model: every byte, and whether it is dirty -- */

#define MODEL_BYTES (3 * (int64_t)DIRTY_PIECE_BYTES_MAX)

struct model {
	unsigned char *bytes;
	unsigned char *dirty;
};

static void model_init(struct model *m)
{
	m->bytes = calloc(1, MODEL_BYTES);
	m->dirty = calloc(1, MODEL_BYTES);
	assert_non_null(m->bytes);
	assert_non_null(m->dirty);
}

static void model_fini(struct model *m)
{
	free(m->bytes);
	free(m->dirty);
}

static void check_is(const struct dirty *d, const struct model *m)
{
	uint64_t bytes = 0, expected = 0;
	int64_t end = 0;

	for (size_t i = 0; i < d->count; i++) {
		const struct dirty_piece *p = d->list[i];

		assert_true(p->at >= end);
		assert_true(p->len > 0 && p->from + p->len <= p->bytes->capacity);
		/* This uses memcmp: cmocka compares byte by byte, and these are billions of bytes. */
		assert_int_equal(memcmp(p->bytes->data + p->from, m->bytes + p->at, p->len), 0);
		assert_null(memchr(m->dirty + p->at, 0, p->len));
		end = p->at + (int64_t)p->len;
		bytes += p->len;
	}
	for (int64_t i = 0; i < MODEL_BYTES; i++)
		expected += m->dirty[i];
	assert_int_equal(bytes, expected);
	assert_int_equal(d->bytes, bytes);
	assert_int_equal(dirty_end(d), end);
}

static int64_t random_below(unsigned *seed, int64_t limit)
{
	return (int64_t)((((uint64_t)rand_r(seed) << 31) ^ (uint64_t)rand_r(seed)) % (uint64_t)limit);
}

static void random_write(struct dirty *d, struct model *m, unsigned *seed)
{
	static unsigned char data[DIRTY_PIECE_BYTES_MAX];
	int64_t at = random_below(seed, MODEL_BYTES);
	size_t size = 1 + (size_t)random_below(seed, rand_r(seed) % 4 == 0 ? DIRTY_PIECE_BYTES_MAX : 3000);

	if (at + (int64_t)size > MODEL_BYTES)
		size = (size_t)(MODEL_BYTES - at);
	memset(data, rand_r(seed), size);
	assert_int_equal(dirty_write(d, at, data, size), 0);
	memcpy(m->bytes + at, data, size);
	memset(m->dirty + at, 1, size);
}

static void random_cut(struct dirty *d, struct model *m, unsigned *seed)
{
	int64_t from = random_below(seed, MODEL_BYTES), to = from + random_below(seed, 20000);

	assert_int_equal(dirty_cut(d, from, to), 0);
	if (to > MODEL_BYTES)
		to = MODEL_BYTES;
	memset(m->dirty + from, 0, (size_t)(to - from));
}

static void random_writes_and_cuts_match_a_byte_by_byte_model(void **state)
{
	unsigned seed = 1;
	struct dirty d;
	struct model m;

	(void)state;
	dirty_init(&d);
	model_init(&m);
	for (int i = 0; i < 300; i++) {
		if (rand_r(&seed) % 4 == 0)
			random_cut(&d, &m, &seed);
		else
			random_write(&d, &m, &seed);
		check_is(&d, &m);
	}
	dirty_fini(&d);
	model_fini(&m);
}

static void merging_older_data_under_newer_data_keeps_the_newer_bytes(void **state)
{
	unsigned seed = 2;

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct dirty older, newer;
		struct model m;

		dirty_init(&older);
		dirty_init(&newer);
		model_init(&m);
		for (int i = 0; i < 20; i++)
			random_write(&older, &m, &seed);
		for (int i = 0; i < 20; i++)
			random_write(&newer, &m, &seed);
		assert_int_equal(dirty_merge_under(&newer, &older), 0);
		assert_int_equal(older.count, 0);
		check_is(&newer, &m);
		dirty_fini(&older);
		dirty_fini(&newer);
		model_fini(&m);
	}
}

static void sequential_writes_are_joined_into_pieces_of_the_maximum_size(void **state)
{
	char data[4096];
	struct dirty d;

	(void)state;
	memset(data, 'x', sizeof(data));
	dirty_init(&d);
	for (int64_t at = 0; at < 2 * (int64_t)DIRTY_PIECE_BYTES_MAX; at += (int64_t)sizeof(data))
		assert_int_equal(dirty_write(&d, at, data, sizeof(data)), 0);
	assert_int_equal(d.count, 2);
	assert_int_equal(d.list[0]->len, DIRTY_PIECE_BYTES_MAX);
	assert_int_equal(d.list[1]->len, DIRTY_PIECE_BYTES_MAX);
	dirty_fini(&d);
}

static void an_overwrite_does_not_change_bytes_that_a_reader_holds(void **state)
{
	struct dirty d;
	struct bytes *held;

	(void)state;
	dirty_init(&d);
	assert_int_equal(dirty_write(&d, 0, "before", 6), 0);
	held = bytes_ref(d.list[0]->bytes);
	assert_int_equal(dirty_write(&d, 0, "after!", 6), 0);
	assert_memory_equal(held->data, "before", 6);
	assert_memory_equal(d.list[0]->bytes->data + d.list[0]->from, "after!", 6);
	bytes_unref(held);
	dirty_fini(&d);
}

static void after_cuts_dirty_data_takes_at_most_twice_its_size_in_memory(void **state)
{
	static char data[DIRTY_PIECE_BYTES_MAX];
	size_t memory = 0;
	struct dirty d;

	(void)state;
	dirty_init(&d);
	for (int i = 0; i < 8; i++)
		assert_int_equal(dirty_write(&d, i * (int64_t)sizeof(data), data, sizeof(data)), 0);
	for (int i = 0; i < 8; i++) /* the last 5000 bytes of each block stay */
		assert_int_equal(dirty_cut(&d, i * (int64_t)sizeof(data), (i + 1) * (int64_t)sizeof(data) - 5000), 0);
	for (size_t i = 0; i < d.count; i++)
		memory += d.list[i]->bytes->capacity;
	assert_int_equal(d.bytes, 8 * 5000);
	assert_true(memory <= 2 * d.bytes);
	dirty_fini(&d);
}

struct counted_tag {
	struct dirty_tag tag;
	bool *freed;
};

static void free_tag(struct dirty_tag *tag)
{
	*((struct counted_tag *)tag)->freed = true;
}

static void an_overwrite_splits_a_tagged_piece_and_its_parts_keep_tag_and_offset(void **state)
{
	static char data[100000];
	bool freed = false;
	struct counted_tag t = {{.refs = 1, .free = free_tag}, &freed};
	struct dirty d;

	(void)state;
	dirty_init(&d);
	assert_int_equal(dirty_write(&d, 1000, data, sizeof(data)), 0);
	dirty_tag(d.list[0], &t.tag, 0);
	assert_int_equal(dirty_write(&d, 50000, "new", 3), 0);
	assert_int_equal(d.count, 3);
	assert_ptr_equal(d.list[0]->tag, &t.tag);
	assert_null(d.list[1]->tag);
	assert_ptr_equal(d.list[2]->tag, &t.tag);
	assert_int_equal(d.list[0]->tag_from, 0);
	assert_int_equal(d.list[2]->tag_from, 50003 - 1000);
	assert_false(freed);
	dirty_fini(&d);
	assert_true(freed);
}

static void a_tagged_piece_is_never_written_in_place(void **state)
{
	bool freed = false;
	struct counted_tag t = {{.refs = 1, .free = free_tag}, &freed};
	struct dirty d;

	(void)state;
	dirty_init(&d);
	assert_int_equal(dirty_write(&d, 0, "abcdef", 6), 0);
	dirty_tag(d.list[0], &t.tag, 0);
	assert_int_equal(dirty_write(&d, 6, "ghi", 3), 0);
	assert_int_equal(d.count, 2);
	assert_int_equal(dirty_write(&d, 0, "ABCDEF", 6), 0);
	assert_true(freed);
	assert_null(d.list[0]->tag);
	dirty_fini(&d);
}

/* -- what was appended -- */

static void appended_bytes_move_together_and_the_other_dirty_bytes_stay(void **state)
{
	struct dirty d;

	(void)state;
	dirty_init(&d);
	assert_int_equal(dirty_write(&d, 0, "0123", 4), 0);
	/* The appended bytes begin where a piece ends, but do not become part of that piece. */
	assert_int_equal(dirty_append(&d, 4, "abc", 3), 0);
	assert_int_equal(dirty_append(&d, 7, "de", 2), 0);
	assert_int_equal(d.tail, 4);
	assert_int_equal(dirty_rest_end(&d), 4);
	assert_int_equal(dirty_move_tail(&d, 100), 0);
	assert_int_equal(d.tail, 100);
	assert_int_equal(d.bytes, 9);
	assert_int_equal(dirty_rest_end(&d), 4);
	assert_int_equal(dirty_end(&d), 105);
	assert_int_equal(d.count, 2);
	assert_memory_equal(d.list[1]->bytes->data + d.list[1]->from, "abcde", 5);
	assert_int_equal(dirty_move_tail(&d, 4), 0);
	assert_int_equal(dirty_end(&d), 9);
	dirty_fini(&d);
}

static void a_cut_that_removes_all_appended_bytes_resets_the_tail(void **state)
{
	struct dirty d;

	(void)state;
	dirty_init(&d);
	assert_int_equal(dirty_write(&d, 0, "0123", 4), 0);
	assert_int_equal(dirty_append(&d, 10, "abc", 3), 0);
	assert_int_equal(dirty_cut(&d, 12, INT64_MAX), 0);
	assert_int_equal(d.tail, 10);
	assert_int_equal(dirty_cut(&d, 2, INT64_MAX), 0);
	assert_int_equal(d.tail, DIRTY_NO_TAIL);
	dirty_fini(&d);
}

static void older_and_newer_appended_bytes_form_one_tail_after_a_merge(void **state)
{
	struct dirty d, older;

	(void)state;
	dirty_init(&d);
	dirty_init(&older);
	assert_int_equal(dirty_write(&older, 0, "0123", 4), 0);
	assert_int_equal(dirty_append(&older, 4, "abc", 3), 0);
	assert_int_equal(dirty_append(&d, 7, "de", 2), 0);
	assert_int_equal(dirty_merge_under(&d, &older), 0);
	assert_int_equal(d.tail, 4);
	assert_int_equal(dirty_end(&d), 9);
	assert_int_equal(d.bytes, 9);
	dirty_fini(&d);
	dirty_fini(&older);
}

static void dirty_split_moves_the_end_of_the_appended_bytes_to_another_list(void **state)
{
	struct dirty_tag tag = {.refs = 2};
	struct dirty d, rest;

	(void)state;
	dirty_init(&d);
	dirty_init(&rest);
	assert_int_equal(dirty_write(&d, 0, "0123", 4), 0);
	assert_int_equal(dirty_append(&d, 4, "abcdef", 6), 0);
	dirty_tag(d.list[0], &tag, 0);
	assert_int_equal(dirty_append(&d, 10, "gh", 2), 0);
	assert_int_equal(dirty_split(&d, 6, &rest), 0);
	assert_int_equal(d.bytes, 6);
	assert_int_equal(d.tail, 4);
	assert_int_equal(dirty_end(&d), 6);
	assert_int_equal(rest.bytes, 6);
	assert_int_equal(rest.tail, 6);
	assert_int_equal(dirty_end(&rest), 12);
	assert_int_equal(rest.count, 2);
	assert_memory_equal(rest.list[0]->bytes->data + rest.list[0]->from, "cdef", 4);
	assert_int_equal(rest.list[0]->tag_from, 6);
	assert_memory_equal(rest.list[1]->bytes->data + rest.list[1]->from, "gh", 2);
	/* A split at the place where a piece begins, which takes all of the appended bytes. */
	assert_int_equal(dirty_merge_under(&rest, &d), 0);
	assert_int_equal(dirty_split(&rest, 4, &d), 0);
	assert_int_equal(rest.tail, DIRTY_NO_TAIL);
	assert_int_equal(rest.bytes, 4);
	assert_int_equal(d.bytes, 8);
	dirty_fini(&d);
	dirty_fini(&rest);
	assert_int_equal(tag.refs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_writes_and_cuts_match_a_byte_by_byte_model),
		cmocka_unit_test(merging_older_data_under_newer_data_keeps_the_newer_bytes),
		cmocka_unit_test(sequential_writes_are_joined_into_pieces_of_the_maximum_size),
		cmocka_unit_test(an_overwrite_does_not_change_bytes_that_a_reader_holds),
		cmocka_unit_test(after_cuts_dirty_data_takes_at_most_twice_its_size_in_memory),
		cmocka_unit_test(an_overwrite_splits_a_tagged_piece_and_its_parts_keep_tag_and_offset),
		cmocka_unit_test(a_tagged_piece_is_never_written_in_place),
		cmocka_unit_test(appended_bytes_move_together_and_the_other_dirty_bytes_stay),
		cmocka_unit_test(dirty_split_moves_the_end_of_the_appended_bytes_to_another_list),
		cmocka_unit_test(a_cut_that_removes_all_appended_bytes_resets_the_tail),
		cmocka_unit_test(older_and_newer_appended_bytes_form_one_tail_after_a_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
