#include "gateway/cache/ghost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define WINDOW 65536u
#define MARKS 1024u

/* Spreads n over all bits, as a hash does. */
static uint64_t hash_of(uint64_t n)
{
	return (n + 1) * 0x9e3779b97f4a7c15u;
}

static int set_up(void **state)
{
	static struct ghost g;

	assert_int_equal(ghost_init(&g, MARKS, WINDOW), 0);
	*state = &g;
	return 0;
}

static int tear_down(void **state)
{
	ghost_fini(*state);
	return 0;
}

static void an_evicted_key_is_found_exactly_once(void **state)
{
	ghost_add(*state, hash_of(1), 1000);
	assert_true(ghost_take(*state, hash_of(1)));
	assert_false(ghost_take(*state, hash_of(1)));
	assert_false(ghost_take(*state, hash_of(2)));
}

static void an_evicted_key_is_forgotten_after_a_window_of_further_evicted_bytes(void **state)
{
	ghost_add(*state, hash_of(1), 1024);
	ghost_add(*state, hash_of(2), 1024);
	ghost_add(*state, hash_of(3), WINDOW - 512);
	assert_false(ghost_take(*state, hash_of(1)));
	assert_true(ghost_take(*state, hash_of(3)));
}

static void a_key_is_remembered_while_at_most_a_window_of_bytes_is_evicted_after_it(void **state)
{
	static const size_t SIZES[][4] = {{256, 256, 256, 256}, {64, 1024, 256, 4096}};

	for (size_t i = 0; i < sizeof(SIZES) / sizeof(*SIZES); i++) {
		size_t later = 0; /* bytes that were evicted after entry n */

		for (uint64_t n = 0; n < 1000; n++)
			ghost_add(*state, hash_of(1000 * i + n), SIZES[i][n % 4]);
		for (uint64_t n = 1000; n-- > 0; later += SIZES[i][n % 4])
			assert_int_equal(ghost_take(*state, hash_of(1000 * i + n)), later <= WINDOW);
	}
}

static void a_full_ghost_list_keeps_the_latest_keys_and_forgets_the_earliest(void **state)
{
	size_t late = 0, early = 0;

	for (uint64_t n = 0; n < 4 * MARKS; n++)
		ghost_add(*state, hash_of(n), 1);
	for (uint64_t n = 0; n < MARKS / 2; n++) {
		early += ghost_take(*state, hash_of(n));
		late += ghost_take(*state, hash_of(4 * MARKS - 1 - n));
	}
	assert_int_equal(early, 0);
	assert_in_range(late, MARKS / 2 * 9 / 10, MARKS / 2);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(an_evicted_key_is_found_exactly_once),
		test(an_evicted_key_is_forgotten_after_a_window_of_further_evicted_bytes),
		test(a_key_is_remembered_while_at_most_a_window_of_bytes_is_evicted_after_it),
		test(a_full_ghost_list_keeps_the_latest_keys_and_forgets_the_earliest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
