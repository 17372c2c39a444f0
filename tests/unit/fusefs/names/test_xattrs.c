#include "fusefs/names/xattrs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void xattrs_are_replaced_removed_and_listed(void **state)
{
	struct xattrs *x = xattrs_new();
	char names[64];

	(void)state;
	assert_int_equal(xattrs_add(x, span_str("user.a"), span_str("1")), 0);
	assert_int_equal(xattrs_add(x, span_str("user.b"), span_str("")), 0);
	assert_int_equal(xattrs_add(x, span_str("user.a"), span_str("22")), 0);
	assert_true(span_eq_str(xattrs_find(x, span_str("user.a"))->value, "22"));
	assert_int_equal(x->names_size, 14);
	xattrs_names(x, names);
	assert_memory_equal(names, "user.a\0user.b", 14);
	xattrs_remove(x, span_str("user.a"));
	assert_null(xattrs_find(x, span_str("user.a")));
	assert_int_equal(x->names_size, 7);
	assert_int_equal(x->bytes, 6);
	xattrs_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xattrs_are_replaced_removed_and_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
