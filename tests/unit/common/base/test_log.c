#include "common/base/log.h"

#include "common/base/limits.h"
#include "common/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Decodes the JSON string at p, which points behind the opening quote. Returns the place behind the closing quote. */
static const char *unescape(const char *p, char *ret)
{
	for (; *p != '"'; p++) {
		unsigned code;

		assert_true((unsigned char)*p >= 0x20); /* also fails when the line ends inside the string */
		if (*p == '\\' && p[1] == 'u') {
			assert_int_equal(sscanf(p + 2, "%4x", &code), 1); // NOLINT(cert-err34-c): four digits fit
			assert_true(code < 0x80);
			*ret++ = (char)code;
			p += 5;
			continue;
		}
		if (*p == '\\') {
			p++;
			assert_true(*p == '"' || *p == '\\');
		}
		*ret++ = *p;
	}
	*ret = '\0';
	return p + 1;
}

struct object {
	char time[64], level[16], name[64], trace[2 * TRACE_BYTES_MAX], msg[LOG_LINE_BYTES_MAX];
	long pid;
	size_t size;
	bool replaced; /* the line contains U+FFFD */
	bool traced;   /* the line has the member "trace" */
};

static const char *member(const char *p, const char *lead, char *ret)
{
	assert_memory_equal(p, lead, strlen(lead));
	return unescape(p + strlen(lead), ret);
}

/* Reads the one line that was written; it must be exactly the JSON object that is promised. */
static void read_line(struct object *ret)
{
	char line[2 * LOG_LINE_BYTES_MAX];
	const char *p;
	char *end;
	ssize_t n = read(ends[0], line, sizeof(line) - 1);

	assert_true(n > 0);
	line[n] = '\0';
	assert_true(text_is_utf8(span_str(line)));
	*ret = (struct object){.size = (size_t)n, .replaced = strstr(line, TEXT_REPLACEMENT) != NULL};
	p = member(line, "{\"time\":\"", ret->time);
	p = member(p, ",\"level\":\"", ret->level);
	p = member(p, ",\"name\":\"", ret->name);
	assert_memory_equal(p, ",\"pid\":", 7);
	ret->pid = strtol(p + 7, &end, 10);
	p = end;
	ret->traced = strncmp(p, ",\"trace\"", 8) == 0;
	if (ret->traced)
		p = member(p, ",\"trace\":\"", ret->trace);
	p = member(p, ",\"msg\":\"", ret->msg);
	assert_string_equal(p, "}\n");
}

static void log_write_writes_one_json_object_per_line(void **state)
{
	struct object object;

	(void)state;
	log_init("docs-1", LOG_INFO, ends[1]);
	log_warning("t-17", "%d of %s", 3, "five");
	read_line(&object);
	assert_string_equal(object.level, "warning");
	assert_string_equal(object.name, "docs-1");
	assert_string_equal(object.trace, "t-17");
	assert_string_equal(object.msg, "3 of five");
	assert_int_equal(object.pid, getpid());
	assert_int_equal(strlen(object.time), strlen("2024-01-02T03:04:05.678901Z"));
}

static void log_write_without_a_trace_writes_no_trace_member(void **state)
{
	struct object object;

	(void)state;
	log_init("docs-1", LOG_INFO, ends[1]);
	log_info(NULL, "up");
	read_line(&object);
	assert_false(object.traced);
}

static void log_write_escapes_characters_that_json_cannot_hold(void **state)
{
	struct object object;

	(void)state;
	log_init("\"name\\", LOG_INFO, ends[1]);
	log_info("t\"\n", "%s", "quote \" backslash \\ line\n tab\t bell\a del\x7f bad\xff\xe2\x28 cut\xe2\x82");
	read_line(&object);
	assert_string_equal(object.name, "\"name\\");
	assert_string_equal(object.trace, "t\"\n");
	assert_string_equal(object.msg,
		"quote \" backslash \\ line\n tab\t bell\a del\x7f bad" TEXT_REPLACEMENT TEXT_REPLACEMENT
		"\x28 cut" TEXT_REPLACEMENT TEXT_REPLACEMENT);
}

static void log_write_cuts_a_long_text_and_still_writes_valid_json(void **state)
{
	struct object object;
	char text[3 * LOG_LINE_BYTES_MAX];

	(void)state;
	log_init("docs-1", LOG_INFO, ends[1]);
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xbc", 2);
	/* The size is even, so the NUL replaces the first half of the last character. */
	text[sizeof(text) - 2] = '\0';
	/* One cut falls between two characters, the other one inside a character. */
	for (size_t shift = 0; shift < 2; shift++) {
		log_info(NULL, "%s%s", shift ? "x" : "", text);
		read_line(&object);
		assert_in_range(object.size, LOG_LINE_BYTES_MAX - 8, LOG_LINE_BYTES_MAX);
		assert_false(object.replaced);
	}
	memset(text, '\x01', sizeof(text) - 2); /* each is escaped with six characters */
	log_info(NULL, "%s", text);
	read_line(&object);
	assert_in_range(object.size, LOG_LINE_BYTES_MAX - 8, LOG_LINE_BYTES_MAX);
}

static void log_write_of_a_text_that_is_too_long_writes_a_prefix_of_it(void **state)
{
	struct object object;
	char text[2 * LOG_LINE_BYTES_MAX];

	(void)state;
	log_init("docs-1", LOG_INFO, ends[1]);
	for (size_t shift = 0; shift < 3; shift++) { /* a short character follows the long one that does not fit */
		(void)snprintf(text, sizeof(text), "%.*s", (int)shift, "...");
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xc3\xbcx", 4);
		log_info(NULL, "%s", text);
		read_line(&object);
		assert_true(strlen(object.msg) > LOG_LINE_BYTES_MAX / 2);
		assert_memory_equal(object.msg, text, strlen(object.msg));
	}
}

static void log_write_escapes_every_control_character(void **state)
{
	struct object object;
	char text[0x20];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(text); i++)
		text[i] = (char)(i + 1);
	text[sizeof(text) - 1] = '\0';
	log_init("docs-1", LOG_INFO, ends[1]);
	log_info(NULL, "%s", text);
	read_line(&object);
	assert_string_equal(object.msg, text);
}

static void log_write_cuts_a_long_trace(void **state)
{
	struct object object;
	char trace[2 * TRACE_BYTES_MAX];

	(void)state;
	memset(trace, 't', sizeof(trace)); /* not even terminated */
	log_init("docs-1", LOG_INFO, ends[1]);
	log_info(trace, "msg");
	read_line(&object);
	assert_int_equal(strlen(object.trace), TRACE_BYTES_MAX);
	assert_string_equal(object.msg, "msg");
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

static void log_write_to_a_closed_log_keeps_errno(void **state)
{
	(void)state;
	log_init("docs-1", LOG_INFO, -1);
	errno = ENOTEMPTY;
	log_error(NULL, "nobody reads this");
	assert_int_equal(errno, ENOTEMPTY);
}

static void log_level_parse_reads_the_four_level_names_and_refuses_other_words(void **state)
{
	enum log_level level = LOG_ERROR;

	(void)state;
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_level_parse("info", &level), 0);
	assert_int_equal(level, LOG_INFO);
	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_ERROR);
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
		cmocka_unit_test_setup_teardown(log_write_writes_one_json_object_per_line, make_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(
			log_write_without_a_trace_writes_no_trace_member, make_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(
			log_write_escapes_characters_that_json_cannot_hold, make_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(
			log_write_cuts_a_long_text_and_still_writes_valid_json, make_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(
			log_write_of_a_text_that_is_too_long_writes_a_prefix_of_it, make_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(log_write_escapes_every_control_character, make_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(log_write_cuts_a_long_trace, make_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(log_write_below_the_level_writes_nothing, make_pipe, close_pipe),
		cmocka_unit_test(log_write_to_a_closed_log_keeps_errno),
		cmocka_unit_test(log_level_parse_reads_the_four_level_names_and_refuses_other_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
