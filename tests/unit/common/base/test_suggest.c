#include "common/base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void suggest_distance_counts_edits_and_swapped_letters(void **state)
{
	(void)state;
	assert_int_equal(suggest_distance("port", "port"), 0);
	assert_int_equal(suggest_distance("prt", "port"), 1);
	assert_int_equal(suggest_distance("poort", "port"), 1);
	assert_int_equal(suggest_distance("pord", "port"), 1);
	assert_int_equal(suggest_distance("prot", "port"), 1);
	assert_int_equal(suggest_distance("kitten", "sitting"), 3);
	assert_int_equal(suggest_distance("", "abc"), 3);
	assert_int_equal(suggest_distance("abc", ""), 3);
	assert_int_equal(suggest_distance("", ""), 0);
}

static void suggest_distance_gives_up_on_words_that_are_too_long(void **state)
{
	char longest[SUGGEST_BYTES_MAX + 1], longer[SUGGEST_BYTES_MAX + 2];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(suggest_distance(longest, longest), 0);
	assert_int_equal(suggest_distance(longest, ""), SUGGEST_BYTES_MAX);
	assert_true(suggest_distance(longer, "a") == SIZE_MAX);
	assert_true(suggest_distance("a", longer) == SIZE_MAX);
}

static void suggest_best_picks_the_nearest_word_and_the_first_of_equals(void **state)
{
	struct suggest s;

	(void)state;
	suggest_init(&s, "lost");
	suggest_offer(&s, "user");
	suggest_offer(&s, "list");
	suggest_offer(&s, "last");
	assert_string_equal(suggest_best(&s), "list");
}

static void suggest_best_of_distant_words_is_null(void **state)
{
	struct suggest s;

	(void)state;
	suggest_init(&s, "elephant");
	assert_null(suggest_best(&s));
	suggest_offer(&s, "port");
	suggest_offer(&s, "listen");
	assert_null(suggest_best(&s));
	suggest_init(&s, "x");
	suggest_offer(&s, "o");
	assert_null(suggest_best(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(suggest_distance_counts_edits_and_swapped_letters),
		cmocka_unit_test(suggest_distance_gives_up_on_words_that_are_too_long),
		cmocka_unit_test(suggest_best_picks_the_nearest_word_and_the_first_of_equals),
		cmocka_unit_test(suggest_best_of_distant_words_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
