/* The cache evicts the right entries, in simulated reads that are the same in each run. Each margin is one
 * percentage point below what was measured; tests/bench/bench_cache measures more and larger cases. */
#include "tests/bench/cache_trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void with_1000_keys_the_hit_ratio_is_10_points_above_lru_and_near_the_best(void **state)
{
	const struct trace_ratios r = trace_run(&(struct trace_options){.seed = 1,
		.keys = 1000,
		.body_bytes = 32768,
		.part = 0.05,
		.warm_requests = 100000,
		.requests = 100000});

	(void)state;
	assert_true(r.cache >= r.lru + 0.10);
	assert_true(r.cache >= r.best - 0.05);
}

static void with_20000_keys_the_hit_ratio_is_6_points_above_lru_and_near_the_best(void **state)
{
	const struct trace_ratios r = trace_run(&(struct trace_options){.seed = 2,
		.keys = 20000,
		.body_bytes = 1024,
		.part = 0.05,
		.warm_requests = 100000,
		.requests = 100000});

	(void)state;
	assert_true(r.cache >= r.lru + 0.06);
	assert_true(r.cache >= r.best - 0.04);
}

static void a_walk_over_50000_other_keys_lowers_the_hit_ratio_by_at_most_a_point(void **state)
{
	struct trace_options o = {
		.seed = 3, .keys = 20000, .body_bytes = 1024, .part = 0.05, .warm_requests = 100000, .requests = 50000};
	const struct trace_ratios without = trace_run(&o);
	struct trace_ratios with;

	(void)state;
	o.walk_keys = o.requests;
	with = trace_run(&o);
	assert_true(with.cache >= without.cache - 0.01);
	assert_true(with.lru < without.lru - 0.05); /* the walk is long enough to hurt a plain LRU */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_1000_keys_the_hit_ratio_is_10_points_above_lru_and_near_the_best),
		cmocka_unit_test(with_20000_keys_the_hit_ratio_is_6_points_above_lru_and_near_the_best),
		cmocka_unit_test(a_walk_over_50000_other_keys_lowers_the_hit_ratio_by_at_most_a_point),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
