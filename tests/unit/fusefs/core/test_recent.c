#include "fusefs/core/recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void an_answer_may_be_cached_unless_it_predates_a_recent_change_of_its_subject(void **state)
{
	struct recent r = {0};

	(void)state;
	recent_add_document(&r, 10, 7);
	recent_add_name(&r, 12, 1, span_str("a"));
	assert_false(recent_document_stands(&r, 9, 7));
	assert_true(recent_document_stands(&r, 10, 7));
	assert_true(recent_document_stands(&r, 9, 8));
	assert_false(recent_name_stands(&r, 11, 1, span_str("a")));
	assert_true(recent_name_stands(&r, 11, 1, span_str("b")));
	assert_true(recent_name_stands(&r, 12, 1, span_str("a")));
	assert_false(recent_folder_stands(&r, 11, 1));
	assert_true(recent_folder_stands(&r, 12, 1));
}

static void a_change_that_was_dropped_from_the_full_list_outdates_every_older_answer(void **state)
{
	struct recent r = {0};

	(void)state;
	for (int64_t seq = 1; seq <= (int64_t)RECENT_MAX + 10; seq++)
		recent_add_document(&r, seq, 1000 + seq);
	assert_false(recent_document_stands(&r, 9, 7));
	assert_true(recent_document_stands(&r, 10, 7));
}

static void after_a_reset_only_answers_from_the_new_position_on_may_be_cached(void **state)
{
	struct recent r = {0};

	(void)state;
	recent_add_name(&r, 30, 1, span_str("a"));
	recent_reset(&r, 20); /* a position of another incarnation may be lower */
	assert_false(recent_document_stands(&r, 19, 7));
	assert_false(recent_name_stands(&r, 19, 1, span_str("b")));
	assert_false(recent_folder_stands(&r, 19, 1));
	assert_true(recent_name_stands(&r, 20, 1, span_str("a")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_may_be_cached_unless_it_predates_a_recent_change_of_its_subject),
		cmocka_unit_test(a_change_that_was_dropped_from_the_full_list_outdates_every_older_answer),
		cmocka_unit_test(after_a_reset_only_answers_from_the_new_position_on_may_be_cached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
