#include "common/base/log.h"

#include "common/base/limits.h"
#include "common/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static int ends[2];

static int make_pipe(void **state)
{
	(void)state;
	return pipe2(ends, O_CLOEXEC | O_NONBLOCK);
}

static int close_pipe(void **state)
{
	(void)state;
	(void)close(ends[0]);
	(void)close(ends[1]);
	return 0;
}

/* The one line that was written, parsed; its text in line. */
static json_t *read_line(char *line, size_t size)
{
	ssize_t n = read(ends[0], line, size - 1);
	json_t *object;

	assert_true(n > 0);
	line[n] = '\0';
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(object);
	return object;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void log_write_is_one_json_object_a_line(void **state)
{
	char line[2 * LOG_LINE_BYTES_MAX];
	json_t *object;

	(void)state;
	log_init("docs-1", LOG_INFO, ends[1]);
	log_warning("t-17", "%d of %s", 3, "five");
	object = read_line(line, sizeof(line));
	assert_string_equal(text_of(object, "level"), "warning");
	assert_string_equal(text_of(object, "name"), "docs-1");
	assert_string_equal(text_of(object, "trace"), "t-17");
	assert_string_equal(text_of(object, "msg"), "3 of five");
	assert_int_equal(json_integer_value(json_object_get(object, "pid")), getpid());
	assert_int_equal(strlen(text_of(object, "time")), strlen("2024-01-02T03:04:05.678901Z"));
	json_decref(object);
}

static void log_write_without_a_trace_has_none(void **state)
{
	char line[2 * LOG_LINE_BYTES_MAX];
	json_t *object;

	(void)state;
	log_init("docs-1", LOG_INFO, ends[1]);
	log_info(NULL, "up");
	object = read_line(line, sizeof(line));
	assert_null(json_object_get(object, "trace"));
	json_decref(object);
}

static void log_write_escapes_what_json_cannot_hold(void **state)
{
	char line[2 * LOG_LINE_BYTES_MAX];
	json_t *object;

	(void)state;
	log_init("\"name\\", LOG_INFO, ends[1]);
	log_info("t\"\n", "%s", "quote \" backslash \\ line\n tab\t bell\a del\x7f bad\xff\xe2\x28 cut\xe2\x82");
	object = read_line(line, sizeof(line));
	assert_string_equal(text_of(object, "name"), "\"name\\");
	assert_string_equal(text_of(object, "trace"), "t\"\n");
	assert_string_equal(text_of(object, "msg"),
		"quote \" backslash \\ line\n tab\t bell\a del\x7f bad" TEXT_REPLACEMENT TEXT_REPLACEMENT
		"\x28 cut" TEXT_REPLACEMENT TEXT_REPLACEMENT);
	json_decref(object);
}

static void log_write_of_a_long_text_is_cut_and_still_json(void **state)
{
	char line[2 * LOG_LINE_BYTES_MAX], text[3 * LOG_LINE_BYTES_MAX];
	json_t *object;

	(void)state;
	log_init("docs-1", LOG_INFO, ends[1]);
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xbc", 2);
	text[sizeof(text) - 2] = '\0';		     /* the size is even: half a character is cut off with it */
	for (size_t shift = 0; shift < 2; shift++) { /* the cut falls between and inside characters */
		log_info(NULL, "%s%s", shift ? "x" : "", text);
		object = read_line(line, sizeof(line));
		assert_in_range(strlen(line), LOG_LINE_BYTES_MAX - 8, LOG_LINE_BYTES_MAX);
		assert_null(strstr(line, TEXT_REPLACEMENT));
		json_decref(object);
	}
	memset(text, '\x01', sizeof(text) - 2); /* six characters each */
	log_info(NULL, "%s", text);
	object = read_line(line, sizeof(line));
	assert_in_range(strlen(line), LOG_LINE_BYTES_MAX - 8, LOG_LINE_BYTES_MAX);
	json_decref(object);
}

static void log_write_cuts_a_long_trace(void **state)
{
	char line[2 * LOG_LINE_BYTES_MAX], trace[2 * TRACE_BYTES_MAX];
	json_t *object;

	(void)state;
	memset(trace, 't', sizeof(trace)); /* not even terminated */
	log_init("docs-1", LOG_INFO, ends[1]);
	log_info(trace, "msg");
	object = read_line(line, sizeof(line));
	assert_int_equal(strlen(text_of(object, "trace")), TRACE_BYTES_MAX);
	assert_string_equal(text_of(object, "msg"), "msg");
	json_decref(object);
}

static void log_write_below_the_level_writes_nothing(void **state)
{
	char byte;

	(void)state;
	log_init("docs-1", LOG_WARNING, ends[1]);
	log_info(NULL, "unseen");
	log_debug(NULL, "unseen");
	assert_false(log_wants(LOG_INFO));
	assert_true(log_wants(LOG_WARNING));
	assert_int_equal(read(ends[0], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

static void log_write_keeps_errno_and_survives_a_dead_log(void **state)
{
	(void)state;
	log_init("docs-1", LOG_INFO, -1);
	errno = ENOTEMPTY;
	log_error(NULL, "nobody reads this");
	assert_int_equal(errno, ENOTEMPTY);
}

static void log_level_parse_knows_the_four_levels(void **state)
{
	enum log_level level = LOG_ERROR;

	(void)state;
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_level_parse("warning", &level), 0);
	assert_int_equal(level, LOG_WARNING);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
	assert_int_equal(log_level_parse("", &level), -EINVAL);
	assert_int_equal(log_level_parse(NULL, &level), -EINVAL);
	assert_int_equal(level, LOG_WARNING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(log_write_is_one_json_object_a_line, make_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(log_write_without_a_trace_has_none, make_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(log_write_escapes_what_json_cannot_hold, make_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(log_write_of_a_long_text_is_cut_and_still_json, make_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(log_write_cuts_a_long_trace, make_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(log_write_below_the_level_writes_nothing, make_pipe, close_pipe),
		cmocka_unit_test(log_write_keeps_errno_and_survives_a_dead_log),
		cmocka_unit_test(log_level_parse_knows_the_four_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
