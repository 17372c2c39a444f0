#include "fusefs/core/recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void an_answer_stands_unless_it_is_older_than_a_change_of_the_same(void **state)
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

static void what_was_forgotten_counts_as_a_change_of_everything(void **state)
{
	struct recent r = {0};

	(void)state;
	for (int64_t seq = 1; seq <= (int64_t)RECENT_MAX + 10; seq++)
		recent_add_document(&r, seq, 1000 + seq);
	assert_false(recent_document_stands(&r, 9, 7));
	assert_true(recent_document_stands(&r, 10, 7));
}

static void after_a_reset_only_answers_from_then_on_stand(void **state)
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
		cmocka_unit_test(an_answer_stands_unless_it_is_older_than_a_change_of_the_same),
		cmocka_unit_test(what_was_forgotten_counts_as_a_change_of_everything),
		cmocka_unit_test(after_a_reset_only_answers_from_then_on_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
