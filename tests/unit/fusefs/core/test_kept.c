#include "fusefs/core/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const bool all[KEPT_KINDS] = {true, true, true, true};

static void who_has_most_for_his_weight_gives(void **state)
{
	const size_t bytes[KEPT_KINDS] = {
		[KEPT_CONTENT] = 39, [KEPT_NAMES] = 41, [KEPT_LISTINGS] = 10, [KEPT_XATTRS] = 10};
	const size_t more[KEPT_KINDS] = {
		[KEPT_CONTENT] = 39, [KEPT_NAMES] = 41, [KEPT_LISTINGS] = 10, [KEPT_XATTRS] = 11};
	const bool not_xattrs[KEPT_KINDS] = {true, true, true, false}, none[KEPT_KINDS] = {false};

	(void)state;
	assert_int_equal(kept_pick(bytes, all), KEPT_NAMES);
	assert_int_equal(kept_pick(more, all), KEPT_XATTRS);
	assert_int_equal(kept_pick(more, not_xattrs), KEPT_NAMES);
	assert_int_equal(kept_pick(more, none), -1);
}

/* -- lists in the order of use -- */

static void the_one_that_was_used_longest_ago_goes_first(void **state)
{
	struct kept_item a = {0}, b = {0}, c = {0};
	struct kept k = {0};

	(void)state;
	kept_count(&k, KEPT_CONTENT, &a, 10);
	kept_count(&k, KEPT_CONTENT, &b, 20);
	kept_count(&k, KEPT_CONTENT, &c, 30);
	assert_int_equal(kept_bytes(&k, KEPT_CONTENT), 60);
	assert_ptr_equal(kept_oldest(&k, KEPT_CONTENT), &a);
	kept_use(&k, KEPT_CONTENT, &a);
	assert_ptr_equal(kept_oldest(&k, KEPT_CONTENT), &b);
	assert_int_equal(kept_bytes(&k, KEPT_CONTENT), 60);
}

static void what_grows_or_shrinks_counts_with_what_it_has_then(void **state)
{
	struct kept_item a = {0}, b = {0};
	struct kept k = {0};

	(void)state;
	kept_count(&k, KEPT_XATTRS, &a, 10);
	kept_count(&k, KEPT_XATTRS, &b, 10);
	kept_count(&k, KEPT_XATTRS, &a, 25);
	assert_int_equal(kept_bytes(&k, KEPT_XATTRS), 35);
	assert_ptr_equal(kept_oldest(&k, KEPT_XATTRS), &b); /* a was used last */
	kept_count(&k, KEPT_XATTRS, &a, 5);
	assert_int_equal(kept_bytes(&k, KEPT_XATTRS), 15);
}

static void what_has_nothing_is_not_kept_and_use_does_not_make_it_so(void **state)
{
	struct kept_item a = {0}, b = {0};
	struct kept k = {0};

	(void)state;
	kept_use(&k, KEPT_LISTINGS, &a);
	assert_null(k.lists[KEPT_LISTINGS].recent);
	kept_count(&k, KEPT_LISTINGS, &a, 10);
	kept_count(&k, KEPT_LISTINGS, &b, 10);
	kept_count(&k, KEPT_LISTINGS, &a, 0);
	kept_use(&k, KEPT_LISTINGS, &a);
	assert_ptr_equal(k.lists[KEPT_LISTINGS].recent, &b);
	assert_int_equal(kept_bytes(&k, KEPT_LISTINGS), 10);
}

static void the_last_one_is_never_given_and_kinds_do_not_mix(void **state)
{
	struct kept_item a = {0}, b = {0};
	struct kept k = {0};

	(void)state;
	assert_null(kept_oldest(&k, KEPT_CONTENT));
	kept_count(&k, KEPT_CONTENT, &a, 10);
	kept_count(&k, KEPT_LISTINGS, &b, 20);
	assert_null(kept_oldest(&k, KEPT_CONTENT)); /* the only entry stays: a caller is about to use it */
	assert_null(kept_oldest(&k, KEPT_LISTINGS));
	assert_int_equal(kept_bytes(&k, KEPT_CONTENT), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_most_for_his_weight_gives),
		cmocka_unit_test(the_one_that_was_used_longest_ago_goes_first),
		cmocka_unit_test(what_grows_or_shrinks_counts_with_what_it_has_then),
		cmocka_unit_test(what_has_nothing_is_not_kept_and_use_does_not_make_it_so),
		cmocka_unit_test(the_last_one_is_never_given_and_kinds_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
