#include "cli/progress.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define MIB (1024 * 1024)
#define CLEAR "\r\033[K"

static const char *line(struct progress *p, uint64_t done, int64_t ms, struct buf *text)
{
	buf_reset(text);
	return progress_at(p, done, ms * NS_PER_MS, text) ? text->data : "";
}

static void a_transfer_that_ends_within_a_second_shows_no_progress(void **state)
{
	struct progress p;
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	progress_begin(&p, "f", 100, 0);
	assert_string_equal(line(&p, 10, 1, &text), "");
	assert_string_equal(line(&p, 100, 999, &text), "");
	progress_end(&p, &text);
	assert_int_equal(text.size, 0);
	buf_fini(&text);
}

static void a_progress_line_shows_bytes_percentage_speed_and_time_left(void **state)
{
	struct progress p;
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	progress_begin(&p, "a/report.pdf", 300 * MIB, 0);
	assert_string_equal(line(&p, 30 * MIB, 2000, &text),
		CLEAR "a/report.pdf  30.0 MiB of 300 MiB (10 %), 15.0 MiB/s, 0:18 left");
	progress_end(&p, &text);
	assert_string_equal(text.data + text.size - strlen(CLEAR), CLEAR);
	buf_fini(&text);
}

static void progress_lines_are_printed_at_most_every_200_ms(void **state)
{
	struct progress p;
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	progress_begin(&p, "f", 1000, 0);
	assert_string_not_equal(line(&p, 100, 1000, &text), "");
	assert_string_equal(line(&p, 110, 1199, &text), "");
	assert_string_not_equal(line(&p, 120, 1200, &text), "");
	buf_fini(&text);
}

static void a_stalled_transfer_is_shown_as_waiting(void **state)
{
	struct progress p;
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	progress_begin(&p, "f", 1000, 0);
	for (int64_t ms = 0; ms <= 1000; ms += 100)
		(void)line(&p, 500, ms, &text);
	for (int64_t ms = 1100; ms < 10000; ms += 1000)
		(void)line(&p, 500, ms, &text);
	assert_string_equal(line(&p, 500, 10000, &text), CLEAR "f  500 B of 1.0 KiB (50 %), waiting");
	buf_fini(&text);
}

static void a_transfer_of_unknown_length_shows_no_time_left(void **state)
{
	struct progress p;
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	progress_begin(&p, "-", -1, 0);
	assert_string_equal(line(&p, 4096, 2000, &text), CLEAR "-  4.0 KiB, 2.0 KiB/s");
	buf_fini(&text);
}

static void a_restarted_transfer_shows_its_new_speed(void **state)
{
	struct progress p;
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	progress_begin(&p, "f", 4096, 0);
	(void)line(&p, 4000, 1000, &text);
	(void)line(&p, 0, 2000, &text);
	assert_string_equal(line(&p, 1024, 3000, &text), CLEAR "f  1.0 KiB of 4.0 KiB (25 %), 1.0 KiB/s, 0:03 left");
	buf_fini(&text);
}

static void progress_lines_shorten_long_names_and_escape_control_characters(void **state)
{
	struct progress p;
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	progress_begin(&p, "/a/very/long/path/to/some/folder/report.pdf", -1, 0);
	assert_non_null(strstr(line(&p, 0, 1000, &text), CLEAR "…ath/to/some/folder/report.pdf"));
	progress_begin(&p, "\033[2J", -1, 0);
	assert_non_null(strstr(line(&p, 0, 1000, &text), "\\x1b[2J"));
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transfer_that_ends_within_a_second_shows_no_progress),
		cmocka_unit_test(a_progress_line_shows_bytes_percentage_speed_and_time_left),
		cmocka_unit_test(progress_lines_are_printed_at_most_every_200_ms),
		cmocka_unit_test(a_stalled_transfer_is_shown_as_waiting),
		cmocka_unit_test(a_transfer_of_unknown_length_shows_no_time_left),
		cmocka_unit_test(a_restarted_transfer_shows_its_new_speed),
		cmocka_unit_test(progress_lines_shorten_long_names_and_escape_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
