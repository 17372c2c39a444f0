#include "fusefs/content/append.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MIB (1024 * 1024)
#define PAGE 4096
#define NOW (1000 * NS_PER_S)
#define ME 7
#define OTHER 8

static void append_parts_of_one_thread_form_one_write_until_it_makes_another_request(void **state)
{
	struct append a = {0};
	unsigned first;

	(void)state;
	append_part(&a, ME, PAGE - 100, PAGE, NOW);
	first = a.run;
	append_part(&a, ME, MIB, PAGE + MIB, NOW + NS_PER_MS);
	append_seen(&a, OTHER); /* as when another thread asks for the file's capability */
	append_part(&a, ME, 10, PAGE + MIB + 10, NOW + 2 * NS_PER_MS);
	assert_int_equal(a.bytes, PAGE - 100 + MIB + 10);
	assert_int_equal(a.run, first);
	assert_int_equal(a.began_ns, NOW);
	append_seen(&a, ME);
	assert_int_equal(append_until_ns(&a, false), INT64_MIN);
	append_part(&a, ME, 5, PAGE + MIB + 15, NOW + 3 * NS_PER_MS);
	assert_int_equal(a.bytes, 5);
	assert_int_not_equal(a.run, first);
}

static void an_append_part_from_another_thread_begins_a_new_write(void **state)
{
	struct append a = {0};
	unsigned first;

	(void)state;
	append_part(&a, ME, MIB, MIB, NOW);
	first = a.run;
	append_part(&a, OTHER, 10, MIB + 10, NOW);
	assert_int_equal(a.bytes, 10);
	assert_int_not_equal(a.run, first);
}

static void the_wait_for_another_part_depends_on_the_size_and_end_of_the_last_part(void **state)
{
	static const struct {
		size_t size;
		int64_t end;
		int64_t ms, waited_ms; /* 0: more parts are not waited for */
	} cases[] = {
		{MIB, 3 * MIB, APPEND_MORE_MS, APPEND_MORE_WAITED_MS},
		{100, PAGE, APPEND_MORE_MS, APPEND_MORE_WAITED_MS}, /* the part that fills the last page of the file */
		{PAGE, 2 * PAGE, APPEND_PAUSE_MS, APPEND_PAUSE_MS}, /* most likely a whole record of one page */
		{100, 300, APPEND_PAUSE_MS, 0},
		{MIB - 5, 3 * MIB - 5, APPEND_PAUSE_MS, 0}, /* most likely the end of a large write() */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct append a = {0};

		append_part(&a, ME, cases[i].size, cases[i].end, NOW);
		assert_int_equal(append_until_ns(&a, false), NOW + cases[i].ms * NS_PER_MS);
		assert_int_equal(append_until_ns(&a, true),
			cases[i].waited_ms > 0 ? NOW + cases[i].waited_ms * NS_PER_MS : INT64_MIN);
	}
}

static void the_wait_for_an_append_that_never_ends_is_bounded(void **state)
{
	struct append a = {0};
	int64_t now = NOW;

	(void)state;
	while (now < NOW + APPEND_LASTS_MS * NS_PER_MS) {
		append_part(&a, ME, PAGE, a.bytes + PAGE, now);
		assert_true(append_until_ns(&a, false) <= NOW + APPEND_LASTS_MS * NS_PER_MS);
		assert_true(append_until_ns(&a, true) <= NOW + APPEND_WAITED_MS * NS_PER_MS);
		now += (APPEND_PAUSE_MS - 1) * NS_PER_MS;
	}
	assert_int_equal(append_until_ns(&a, false), NOW + APPEND_LASTS_MS * NS_PER_MS);
	assert_int_equal(append_until_ns(&a, true), NOW + APPEND_WAITED_MS * NS_PER_MS);
}

static void a_part_after_an_append_exceeds_its_maximum_begins_a_new_write(void **state)
{
	struct append a = {0};

	(void)state;
	append_part(&a, ME, APPEND_BYTES_MAX, APPEND_BYTES_MAX, NOW);
	assert_int_equal(append_until_ns(&a, false), NOW + APPEND_MORE_MS * NS_PER_MS);
	append_part(&a, ME, 1, APPEND_BYTES_MAX + 1, NOW);
	assert_int_equal(append_until_ns(&a, false), INT64_MIN);
	append_part(&a, ME, 2, APPEND_BYTES_MAX + 3, NOW);
	assert_int_equal(a.bytes, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(append_parts_of_one_thread_form_one_write_until_it_makes_another_request),
		cmocka_unit_test(an_append_part_from_another_thread_begins_a_new_write),
		cmocka_unit_test(the_wait_for_another_part_depends_on_the_size_and_end_of_the_last_part),
		cmocka_unit_test(the_wait_for_an_append_that_never_ends_is_bounded),
		cmocka_unit_test(a_part_after_an_append_exceeds_its_maximum_begins_a_new_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
