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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_most_for_his_weight_gives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
