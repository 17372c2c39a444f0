#include "common/http/message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void headers_are_found_regardless_of_case(void **state)
{
	struct http_headers h;

	(void)state;
	http_headers_init(&h);
	assert_int_equal(http_headers_add(&h, "Content-Type", "text/plain"), 0);
	assert_string_equal(http_headers_get(&h, "content-type"), "text/plain");
	assert_null(http_headers_get(&h, "Content"));
	http_headers_fini(&h);
	assert_int_equal(h.count, 0);
}

static void headers_add_keeps_the_order_and_repeated_names(void **state)
{
	struct http_headers h;

	(void)state;
	http_headers_init(&h);
	assert_int_equal(http_headers_add(&h, "Set-Cookie", "a"), 0);
	assert_int_equal(http_headers_add(&h, "Set-Cookie", "b"), 0);
	assert_int_equal(h.count, 2);
	assert_string_equal(http_headers_get(&h, "Set-Cookie"), "a");
	http_headers_fini(&h);
}

static void headers_set_replaces_all_fields_of_the_name(void **state)
{
	struct http_headers h;

	(void)state;
	http_headers_init(&h);
	assert_int_equal(http_headers_add(&h, "A", "1"), 0);
	assert_int_equal(http_headers_add(&h, "B", "2"), 0);
	assert_int_equal(http_headers_add(&h, "a", "3"), 0);
	/* The new value may be the field's own old value. */
	assert_int_equal(http_headers_set(&h, "A", http_headers_get(&h, "A")), 0);
	assert_int_equal(h.count, 2);
	assert_string_equal(http_headers_get(&h, "A"), "1");
	assert_string_equal(http_headers_get(&h, "B"), "2");
	http_headers_fini(&h);
}

static void headers_refuse_names_and_values_that_would_end_the_line(void **state)
{
	static const char *const names[] = {"", "a b", "a:", "a\r", "a\n", "a\t"};
	struct http_headers h;

	(void)state;
	http_headers_init(&h);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(http_headers_add(&h, names[i], "x"), -EINVAL);
	assert_int_equal(http_headers_add(&h, "a", "x\r\nEvil: yes"), -EINVAL);
	assert_int_equal(http_headers_add(&h, "a", "x\ny"), -EINVAL);
	assert_int_equal(http_headers_set(&h, "a", "x\ry"), -EINVAL);
	assert_int_equal(h.count, 0);
	http_headers_fini(&h);
}

static void a_refused_headers_set_keeps_the_old_value(void **state)
{
	struct http_headers h;

	(void)state;
	http_headers_init(&h);
	assert_int_equal(http_headers_add(&h, "a", "old"), 0);
	assert_int_equal(http_headers_set(&h, "a", "new\n"), -EINVAL);
	assert_string_equal(http_headers_get(&h, "a"), "old");
	http_headers_fini(&h);
}

static void the_number_of_headers_and_their_length_are_limited(void **state)
{
	struct http_headers h;

	(void)state;
	http_headers_init(&h);
	for (int i = 0; i < HTTP_HEADERS_MAX; i++)
		assert_int_equal(http_headers_addf(&h, "N", "%d", i), 0);
	assert_int_equal(http_headers_add(&h, "N", "one more"), -ENOSPC);
	http_headers_remove(&h, "n");
	assert_int_equal(h.count, 0);
	assert_int_equal(http_headers_addf(&h, "Big", "%09000d", 1), -EINVAL);
	http_headers_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_found_regardless_of_case),
		cmocka_unit_test(headers_add_keeps_the_order_and_repeated_names),
		cmocka_unit_test(headers_set_replaces_all_fields_of_the_name),
		cmocka_unit_test(headers_refuse_names_and_values_that_would_end_the_line),
		cmocka_unit_test(a_refused_headers_set_keeps_the_old_value),
		cmocka_unit_test(the_number_of_headers_and_their_length_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
