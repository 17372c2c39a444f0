#include "fusefs/core/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const bool all[KEPT_KINDS] = {true, true, true, true};

static void the_kind_of_cache_with_the_most_bytes_for_its_weight_evicts_first(void **state)
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

static void kept_oldest_returns_the_least_recently_used_entry(void **state)
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

static void an_entry_that_grows_or_shrinks_is_counted_with_its_new_size(void **state)
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

static void an_entry_with_no_bytes_is_not_listed_even_after_a_use(void **state)
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

static void kept_oldest_never_returns_the_only_entry_of_a_kind(void **state)
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
		cmocka_unit_test(the_kind_of_cache_with_the_most_bytes_for_its_weight_evicts_first),
		cmocka_unit_test(kept_oldest_returns_the_least_recently_used_entry),
		cmocka_unit_test(an_entry_that_grows_or_shrinks_is_counted_with_its_new_size),
		cmocka_unit_test(an_entry_with_no_bytes_is_not_listed_even_after_a_use),
		cmocka_unit_test(kept_oldest_never_returns_the_only_entry_of_a_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
