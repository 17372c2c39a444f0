#include "cli/print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

static void shows(const char *name, size_t size, const char *wanted)
{
	struct buf text;

	buf_init(&text, 1000);
	assert_int_equal(print_name(&text, span_of(name, size), true), 0);
	assert_string_equal(text.data ? text.data : "", wanted);
	buf_reset(&text);
	assert_int_equal(print_name(&text, span_of(name, size), false), 0);
	assert_int_equal(text.size, size);
	assert_memory_equal(text.data ? text.data : "", name, size);
	buf_fini(&text);
}

#define SHOWS(name_, wanted_) shows(name_, sizeof(name_) - 1, wanted_)

static void print_name_leaves_text_of_any_script_unchanged(void **state)
{
	(void)state;
	SHOWS("", "");
	SHOWS("a b'\"\\.txt", "a b'\"\\.txt");
	SHOWS("gr\xc3\xbc\xc3\x9f \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x8c\xb2",
		"gr\xc3\xbc\xc3\x9f \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x8c\xb2");
}

static void print_name_escapes_control_characters(void **state)
{
	(void)state;
	SHOWS("a\nb\tc", "a\\nb\\tc");
	SHOWS("\033]0;x\007", "\\x1b]0;x\\x07");
	SHOWS("\x7f", "\\x7f");
	SHOWS("a\0b", "a\\x00b");
	/* U+009B, the control sequence introducer of one character */
	SHOWS("\xc2\x9b"
	      "2J",
		"\\xc2\\x9b2J");
	SHOWS("\xc2\xa0", "\xc2\xa0");
}

static void print_name_escapes_characters_that_change_text_direction(void **state)
{
	(void)state;
	SHOWS("x\xe2\x80\xae"
	      "gpj.exe",
		"x\\xe2\\x80\\xaegpj.exe");
	SHOWS("\xe2\x81\xa6", "\\xe2\\x81\\xa6");
	SHOWS("\xe2\x80\x93", "\xe2\x80\x93");
}

static void print_name_escapes_bytes_that_are_not_utf8(void **state)
{
	(void)state;
	SHOWS("\xff"
	      "a",
		"\\xffa");
	SHOWS("a\xc3", "a\\xc3");
	SHOWS("\xc0\xaf", "\\xc0\\xaf");
}

static void print_mode_shows_types_and_special_bits(void **state)
{
	static const struct {
		uint32_t mode;
		const char *wanted;
	} table[] = {
		{S_IFREG | 0644, "-rw-r--r--"},
		{S_IFDIR | 01777, "drwxrwxrwt"},
		{S_IFDIR | 01776, "drwxrwxrwT"},
		{S_IFREG | 04755, "-rwsr-xr-x"},
		{S_IFREG | 02644, "-rw-r-Sr--"},
		{S_IFLNK | 0777, "lrwxrwxrwx"},
		{S_IFIFO | 0600, "prw-------"},
		{S_IFSOCK, "s---------"},
		{S_IFCHR | 0666, "crw-rw-rw-"},
		{S_IFBLK | 0060, "b---rw----"},
	};
	char text[PRINT_MODE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		print_mode(table[i].mode, text);
		assert_string_equal(text, table[i].wanted);
	}
}

static void print_item_shows_a_symlink_with_its_target(void **state)
{
	const struct item item = {.mode = S_IFLNK | 0777,
		.nlink = 1,
		.uid = 7,
		.gid = 8,
		.size = 5,
		.mtime = 1700000000ll * 1000000000,
		.target = SPAN_LITERAL("to\nb")};
	struct buf text;

	(void)state;
	setenv("TZ", "UTC", 1);
	buf_init(&text, 1000);
	assert_int_equal(print_item(&text, &item, SPAN_LITERAL("na\rme"), true), 0);
	assert_string_equal(
		text.data, "lrwxrwxrwx   1     7     8            5 2023-11-14 22:13 na\\x0dme -> to\\nb\n");
	buf_fini(&text);
}

static void print_time_shows_times_at_and_before_the_unix_epoch(void **state)
{
	char text[PRINT_TIME_SIZE];

	(void)state;
	setenv("TZ", "UTC", 1);
	print_time(0, text);
	assert_string_equal(text, "1970-01-01 00:00");
	print_time(-1, text);
	assert_string_equal(text, "1969-12-31 23:59");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(print_name_leaves_text_of_any_script_unchanged),
		cmocka_unit_test(print_name_escapes_control_characters),
		cmocka_unit_test(print_name_escapes_characters_that_change_text_direction),
		cmocka_unit_test(print_name_escapes_bytes_that_are_not_utf8),
		cmocka_unit_test(print_mode_shows_types_and_special_bits),
		cmocka_unit_test(print_item_shows_a_symlink_with_its_target),
		cmocka_unit_test(print_time_shows_times_at_and_before_the_unix_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
