#include "fusefs/content/content.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct extent block(int64_t at, int64_t len, uint8_t name, uint32_t from)
{
	struct extent e = {.at = at,
		.len = len,
		.kind = EXTENT_BLOCK,
		.generation = 7,
		.from = from,
		.block_size = 4096,
		.cap = SPAN_LITERAL("1.7.abc")};

	memset(e.sha256, name, sizeof(e.sha256));
	return e;
}

/* budget: one line a test */
static void learn(
	struct content *c, const struct extent *list, size_t count, int64_t content_seq, int64_t from, int64_t to)
{
	struct store_extents page = {
		.extents = list, .count = count, .content_seq = content_seq, .at = {1, content_seq}};

	assert_int_equal(content_learn(c, &page, from, to), 0);
}

static void gaps_in_an_answer_are_holes_and_ranges_outside_the_answer_are_unknown(void **state)
{
	struct extent list[] = {block(100, 50, 1, 0), block(300, 50, 2, 10)};
	const struct segment *s;
	struct content c;
	int64_t until;

	(void)state;
	content_init(&c);
	learn(&c, list, 2, 5, 0, 1000);
	s = content_at(&c, 20, &until);
	assert_int_equal(s->kind, SEGMENT_HOLE);
	s = content_at(&c, 120, &until);
	assert_int_equal(s->kind, SEGMENT_BLOCK);
	assert_int_equal(s->sha256[0], 1);
	assert_true(s->has_cap);
	s = content_at(&c, 200, &until);
	assert_int_equal(s->kind, SEGMENT_HOLE);
	assert_int_equal(content_at(&c, 310, &until)->from, 10);
	assert_int_equal(content_at(&c, 999, &until)->kind, SEGMENT_HOLE);
	assert_null(content_at(&c, 1000, &until));
	assert_int_equal(until, INT64_MAX);
	content_fini(&c);
}

static void the_rest_of_an_incomplete_page_of_extents_is_not_taken_for_a_hole(void **state)
{
	struct extent list[] = {block(0, 50, 1, 0)};
	struct store_extents page = {.extents = list, .count = 1, .more = true, .content_seq = 5, .at = {1, 5}};
	struct content c;
	int64_t until;

	(void)state;
	content_init(&c);
	assert_int_equal(content_learn(&c, &page, 0, 1000), 0);
	assert_non_null(content_at(&c, 10, &until));
	assert_null(content_at(&c, 60, &until));
	content_fini(&c);
}

static void extents_of_another_version_replace_all_known_content(void **state)
{
	struct extent first[] = {block(0, 1000, 1, 0)}, second[] = {block(0, 100, 2, 0)};
	struct content c;
	int64_t until;

	(void)state;
	content_init(&c);
	learn(&c, first, 1, 5, 0, 1000);
	learn(&c, second, 1, 6, 0, 100);
	assert_int_equal(content_at(&c, 10, &until)->sha256[0], 2);
	assert_null(content_at(&c, 500, &until));
	content_fini(&c);
}

static void an_own_write_replaces_its_range_and_the_rest_keeps_its_block_offset(void **state)
{
	struct extent list[] = {block(0, 1000, 1, 0)};
	struct segment own = {.at = 400, .len = 100, .kind = SEGMENT_BLOCK, .from = 30, .block_size = 200};
	struct content c;
	int64_t until;

	(void)state;
	content_init(&c);
	learn(&c, list, 1, 5, 0, 1000);
	content_own(&c, 5, 9, 9);
	assert_int_equal(content_own_part(&c, &own), 0);
	assert_int_equal(content_at(&c, 399, &until)->sha256[0], 1);
	assert_false(content_at(&c, 400, &until)->has_cap);
	assert_int_equal(content_at(&c, 500, &until)->from, 500);
	content_fini(&c);
}

static void an_own_write_over_another_version_leaves_only_its_own_range_known(void **state)
{
	struct extent list[] = {block(0, 1000, 1, 0)};
	struct segment own = {.at = 400, .len = 100, .kind = SEGMENT_HOLE};
	struct content c;
	int64_t until;

	(void)state;
	content_init(&c);
	learn(&c, list, 1, 5, 0, 1000);
	content_own(&c, 8, 9, 9); /* another client wrote in between */
	assert_int_equal(content_own_part(&c, &own), 0);
	assert_null(content_at(&c, 10, &until));
	assert_int_equal(until, 400);
	assert_non_null(content_at(&c, 450, &until));
	content_fini(&c);
}

static void extents_older_than_an_own_write_do_not_replace_newer_ones_even_after_a_drop(void **state)
{
	struct extent list[] = {block(0, 1000, 1, 0)};
	struct store_extents page = {.extents = list, .count = 1, .content_seq = 5, .at = {1, 8}};
	struct content c;

	(void)state;
	content_init(&c);
	content_own(&c, 5, 9, 9);
	assert_int_equal(content_learn(&c, &page, 0, 1000), -ESTALE);
	content_drop(&c);
	assert_int_equal(content_learn(&c, &page, 0, 1000), -ESTALE);
	assert_int_equal(content_learn_inline(&c, 5, 8, span_str("old")), -ESTALE);
	learn(&c, list, 1, 9, 0, 1000);
	assert_int_equal(content_learn(&c, &page, 0, 1000), -ESTALE);
	content_fini(&c);
}

static void a_truncation_makes_everything_after_the_new_size_a_hole(void **state)
{
	struct extent list[] = {block(0, 1000, 1, 0)};
	struct content c;
	int64_t until;

	(void)state;
	content_init(&c);
	learn(&c, list, 1, 5, 0, 1000);
	content_truncate(&c, 300);
	assert_int_equal(content_at(&c, 299, &until)->kind, SEGMENT_BLOCK);
	assert_int_equal(content_at(&c, 300, &until)->kind, SEGMENT_HOLE);
	assert_int_equal(content_at(&c, 1 << 30, &until)->kind, SEGMENT_HOLE);
	content_fini(&c);
}

static void inline_content_makes_the_whole_file_known_with_a_hole_after_its_end(void **state)
{
	const struct segment *s;
	struct content c;
	int64_t until;

	(void)state;
	content_init(&c);
	assert_int_equal(content_learn_inline(&c, 3, 4, SPAN_LITERAL("hello")), 0);
	s = content_at(&c, 0, &until);
	assert_int_equal(s->kind, SEGMENT_INLINE);
	assert_memory_equal(s->bytes->data + s->from, "hello", 5);
	assert_int_equal(s->bytes->used, 5);
	assert_int_equal(content_at(&c, 5, &until)->kind, SEGMENT_HOLE);
	assert_true(content_memory(&c) >= 5);
	content_fini(&c);
}

static void forgetting_a_middle_range_keeps_the_content_before_and_after_it(void **state)
{
	struct content c;
	int64_t until;

	(void)state;
	content_init(&c);
	assert_int_equal(content_learn_inline(&c, 3, 4, SPAN_LITERAL("0123456789")), 0);
	content_forget(&c, 3, 6);
	assert_null(content_at(&c, 4, &until));
	assert_int_equal(until, 6);
	assert_int_equal(content_at(&c, 2, &until)->len, 3);
	assert_memory_equal(content_at(&c, 6, &until)->bytes->data + content_at(&c, 6, &until)->from, "6789", 4);
	content_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gaps_in_an_answer_are_holes_and_ranges_outside_the_answer_are_unknown),
		cmocka_unit_test(the_rest_of_an_incomplete_page_of_extents_is_not_taken_for_a_hole),
		cmocka_unit_test(extents_of_another_version_replace_all_known_content),
		cmocka_unit_test(an_own_write_replaces_its_range_and_the_rest_keeps_its_block_offset),
		cmocka_unit_test(an_own_write_over_another_version_leaves_only_its_own_range_known),
		cmocka_unit_test(extents_older_than_an_own_write_do_not_replace_newer_ones_even_after_a_drop),
		cmocka_unit_test(a_truncation_makes_everything_after_the_new_size_a_hole),
		cmocka_unit_test(inline_content_makes_the_whole_file_known_with_a_hole_after_its_end),
		cmocka_unit_test(forgetting_a_middle_range_keeps_the_content_before_and_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
