#include "fusefs/names/xattrs.h"

#include "common/base/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void cached_xattrs_can_be_replaced_listed_and_removed(void **state)
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

static void xattrs_add_takes_up_to_the_maximum_of_a_document_and_refuses_more(void **state)
{
	static const char value[XATTR_VALUE_BYTES_MAX];
	struct xattrs *x = xattrs_new();
	char name[] = "user.a";
	size_t left = XATTRS_PER_ITEM_TOTAL_MAX, size;

	(void)state;
	for (; left > 0; left -= size + strlen(name), name[5]++) {
		size = left - strlen(name) < sizeof(value) ? left - strlen(name) : sizeof(value);
		assert_int_equal(xattrs_add(x, span_str(name), span_of(value, size)), 0);
	}
	assert_int_equal(x->bytes, XATTRS_PER_ITEM_TOTAL_MAX);
	assert_int_equal(xattrs_add(x, span_str("user.a"), span_of(value, sizeof(value))), 0);
	assert_int_equal(x->bytes, XATTRS_PER_ITEM_TOTAL_MAX);
	assert_int_equal(xattrs_add(x, span_str("user.more"), span_str("")), -E2BIG);
	xattrs_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cached_xattrs_can_be_replaced_listed_and_removed),
		cmocka_unit_test(xattrs_add_takes_up_to_the_maximum_of_a_document_and_refuses_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
