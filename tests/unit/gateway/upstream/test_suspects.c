#include "gateway/upstream/suspects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define THEN 5000000000ll
#define BOOT "0123456789abcdef0123456789abcdef"
#define OTHER "0123456789abcdef0123456789abcdee"

static struct suspects *s;

static int set_up(void **state)
{
	(void)state;
	return suspects_new(&s);
}

static int tear_down(void **state)
{
	(void)state;
	suspects_free(s);
	return 0;
}

static const char *boot_of(unsigned n)
{
	static char boot[33];

	(void)snprintf(boot, sizeof(boot), "%032x", n);
	return boot;
}

static void a_gateway_is_suspected_for_half_a_second(void **state)
{
	(void)state;
	assert_false(suspects_has(s, BOOT, THEN));
	suspects_add(s, BOOT, THEN);
	assert_true(suspects_has(s, BOOT, THEN));
	assert_true(suspects_has(s, BOOT, THEN + SUSPECTS_NS - 1));
	assert_false(suspects_has(s, BOOT, THEN + SUSPECTS_NS));
	suspects_free(NULL);
}

static void a_gateway_with_another_boot_id_is_not_suspected(void **state)
{
	(void)state;
	suspects_add(s, BOOT, THEN);
	assert_false(suspects_has(s, OTHER, THEN));
	assert_false(suspects_has(s, "", THEN));
}

static void a_gateway_that_is_added_again_takes_no_second_place_in_the_list(void **state)
{
	(void)state;
	suspects_add(s, boot_of(1), THEN);
	for (unsigned i = 0; i < 2 * SUSPECTS_MAX; i++)
		suspects_add(s, BOOT, THEN + 1 + i);
	assert_true(suspects_has(s, boot_of(1), THEN + 1));
	/* The time counts from the last meeting. */
	assert_true(suspects_has(s, BOOT, THEN + SUSPECTS_NS + 1));
}

static void a_full_list_of_suspects_forgets_the_oldest(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= SUSPECTS_MAX; i++)
		suspects_add(s, boot_of(i), THEN + i);
	assert_false(suspects_has(s, boot_of(0), THEN + SUSPECTS_MAX));
	for (unsigned i = 1; i <= SUSPECTS_MAX; i++)
		assert_true(suspects_has(s, boot_of(i), THEN + SUSPECTS_MAX));
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_gateway_is_suspected_for_half_a_second),
		test(a_gateway_with_another_boot_id_is_not_suspected),
		test(a_gateway_that_is_added_again_takes_no_second_place_in_the_list),
		test(a_full_list_of_suspects_forgets_the_oldest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
