#include "common/base/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static struct metrics *m;

static int make_metrics(void **state)
{
	(void)state;
	return metrics_new(&m);
}

static int drop_metrics(void **state)
{
	(void)state;
	metrics_free(m);
	m = NULL;
	return 0;
}

static void metrics_render_groups_the_lines_of_one_name(void **state)
{
	struct metric *a, *b, *gauge;
	struct buf text;

	(void)state;
	buf_init(&text, 10000);
	assert_int_equal(metrics_add(m, METRIC_COUNTER, "requests_total", "route=\"a\"", "Requests.", &a), 0);
	assert_int_equal(metrics_add(m, METRIC_GAUGE, "open", "", "Line\nand \\.", &gauge), 0);
	assert_int_equal(metrics_add(m, METRIC_COUNTER, "requests_total", "route=\"b\"", "Requests.", &b), 0);
	metric_inc(a);
	metric_add(b, 41);
	metric_inc(b);
	metric_set(gauge, -7);
	assert_int_equal(metrics_render(m, &text), 0);
	assert_string_equal(text.data,
		"# HELP requests_total Requests.\n"
		"# TYPE requests_total counter\n"
		"requests_total{route=\"a\"} 1\n"
		"requests_total{route=\"b\"} 42\n"
		"# HELP open Line\\nand \\\\.\n"
		"# TYPE open gauge\n"
		"open -7\n");
	buf_fini(&text);
}

static void metrics_render_without_metrics_gives_an_empty_text(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 100);
	assert_int_equal(metrics_render(m, &text), 0);
	assert_string_equal(text.data, "");
	buf_fini(&text);
}

static void metrics_render_of_a_histogram_is_cumulative_and_in_seconds(void **state)
{
	struct metric *h;
	struct buf text;

	(void)state;
	buf_init(&text, 10000);
	assert_int_equal(metrics_add(m, METRIC_HISTOGRAM, "took_seconds", "op=\"x\"", "Time.", &h), 0);
	metric_observe_ns(h, -5); /* counted as 0 */
	metric_observe_ns(h, 16384);
	metric_observe_ns(h, 16385);
	metric_observe_ns(h, INT64_C(34359738368)); /* the last bound */
	metric_observe_ns(h, INT64_C(34359738369));
	assert_int_equal(metric_value(h), 5);
	assert_int_equal(metrics_render(m, &text), 0);
	assert_non_null(strstr(text.data, "# TYPE took_seconds histogram\n"));
	assert_non_null(strstr(text.data, "took_seconds_bucket{op=\"x\",le=\"0.000016384\"} 2\n"));
	assert_non_null(strstr(text.data, "took_seconds_bucket{op=\"x\",le=\"0.000032768\"} 3\n"));
	assert_non_null(strstr(text.data, "took_seconds_bucket{op=\"x\",le=\"17.179869184\"} 3\n"));
	assert_non_null(strstr(text.data, "took_seconds_bucket{op=\"x\",le=\"34.359738368\"} 4\n"));
	assert_non_null(strstr(text.data, "took_seconds_bucket{op=\"x\",le=\"+Inf\"} 5\n"));
	assert_non_null(strstr(text.data, "took_seconds_sum{op=\"x\"} 68.719509506\n"));
	assert_non_null(strstr(text.data, "took_seconds_count{op=\"x\"} 5\n"));
	buf_fini(&text);
}

static void metrics_render_of_a_histogram_without_labels_has_no_empty_braces(void **state)
{
	struct metric *h;
	struct buf text;

	(void)state;
	buf_init(&text, 10000);
	assert_int_equal(metrics_add(m, METRIC_HISTOGRAM, "took_seconds", "", "Time.", &h), 0);
	assert_int_equal(metrics_render(m, &text), 0);
	assert_non_null(strstr(text.data, "took_seconds_bucket{le=\"+Inf\"} 0\n"));
	assert_non_null(strstr(text.data, "took_seconds_sum 0.000000000\n"));
	assert_non_null(strstr(text.data, "took_seconds_count 0\n"));
	buf_fini(&text);
}

static void metrics_render_into_a_buffer_that_is_too_small_gives_e2big(void **state)
{
	struct metric *one;
	struct buf text;

	(void)state;
	buf_init(&text, 20);
	assert_int_equal(metrics_add(m, METRIC_COUNTER, "some_total", "", "Some.", &one), 0);
	assert_int_equal(metrics_render(m, &text), -E2BIG);
	buf_fini(&text);
}

static void metric_count_to_raises_a_counter_and_never_lowers_it(void **state)
{
	struct metric *sum;

	(void)state;
	assert_int_equal(metrics_add(m, METRIC_COUNTER, "sum_total", "", "h", &sum), 0);
	metric_count_to(sum, 7);
	assert_int_equal(metric_value(sum), 7);
	metric_count_to(sum, 5);
	assert_int_equal(metric_value(sum), 7);
	metric_count_to(NULL, 9);
}

static void metrics_add_twice_gives_the_same_metric(void **state)
{
	struct metric *a, *b;

	(void)state;
	assert_int_equal(metrics_add(m, METRIC_COUNTER, "some_total", "x=\"1\"", "Some.", &a), 0);
	assert_int_equal(metrics_add(m, METRIC_COUNTER, "some_total", "x=\"1\"", "Some.", &b), 0);
	assert_ptr_equal(a, b);
}

static void metrics_add_refuses_bad_names_and_a_second_type_for_a_name(void **state)
{
	static const char *const bad[] = {"", "1x", "a-b", "a b", "a{", "\xc3\xbc"};
	struct metric *one = NULL, *known;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(metrics_add(m, METRIC_COUNTER, bad[i], "", "", &one), -EINVAL);
	assert_int_equal(metrics_add(m, METRIC_COUNTER, "ok", "a=\"1\"}\n", "", &one), -EINVAL);
	assert_int_equal(metrics_add(m, METRIC_COUNTER, "ok", "", "", &known), 0);
	assert_int_equal(metrics_add(m, METRIC_GAUGE, "ok", "", "", &one), -EINVAL);
	assert_null(one);
}

static void metrics_add_refuses_new_metrics_beyond_the_limit(void **state)
{
	struct metric *one, *none = NULL;
	char name[32];

	(void)state;
	for (int i = 0; i < METRICS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "metric_%d", i);
		assert_int_equal(metrics_add(m, METRIC_COUNTER, name, "", "", &one), 0);
	}
	assert_int_equal(metrics_add(m, METRIC_COUNTER, "one_more", "", "", &none), -ENOSPC);
	assert_int_equal(metrics_add(m, METRIC_COUNTER, "metric_0", "x=\"1\"", "", &none), -ENOSPC);
	assert_null(none);
	assert_int_equal(metrics_add(m, METRIC_COUNTER, "metric_0", "", "", &one), 0);
}

static void metric_functions_accept_null(void **state)
{
	(void)state;
	metric_inc(NULL);
	metric_add(NULL, 1);
	metric_set(NULL, 1);
	metric_observe_ns(NULL, 1);
	assert_int_equal(metric_value(NULL), 0);
	metrics_free(NULL);
}

#define THREADS 4
#define PER_THREAD 20000

struct both {
	struct metric *counter, *histogram;
};

static void *count_many(void *cookie)
{
	const struct both *b = cookie;

	for (int i = 0; i < PER_THREAD; i++) {
		metric_inc(b->counter);
		metric_observe_ns(b->histogram, i * 1000);
	}
	return NULL;
}

static void metrics_updated_by_several_threads_lose_no_count(void **state)
{
	pthread_t threads[THREADS];
	struct both b;

	(void)state;
	assert_int_equal(metrics_add(m, METRIC_COUNTER, "many_total", "", "", &b.counter), 0);
	assert_int_equal(metrics_add(m, METRIC_HISTOGRAM, "many_seconds", "", "", &b.histogram), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_many, &b), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(metric_value(b.counter), THREADS * PER_THREAD);
	assert_int_equal(metric_value(b.histogram), THREADS * PER_THREAD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_metrics, drop_metrics)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(metrics_render_groups_the_lines_of_one_name),
		TEST(metrics_render_without_metrics_gives_an_empty_text),
		TEST(metrics_render_of_a_histogram_is_cumulative_and_in_seconds),
		TEST(metrics_render_of_a_histogram_without_labels_has_no_empty_braces),
		TEST(metrics_render_into_a_buffer_that_is_too_small_gives_e2big),
		TEST(metric_count_to_raises_a_counter_and_never_lowers_it),
		TEST(metrics_add_twice_gives_the_same_metric),
		TEST(metrics_add_refuses_bad_names_and_a_second_type_for_a_name),
		TEST(metrics_add_refuses_new_metrics_beyond_the_limit),
		TEST(metric_functions_accept_null),
		TEST(metrics_updated_by_several_threads_lose_no_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
