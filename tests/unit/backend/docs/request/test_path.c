#include "backend/docs/request/path.h"

#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_names(int (*split)(struct path *p, struct span raw), const char *raw, const char *wanted)
{
	struct path p;
	struct buf joined;

	path_init(&p);
	buf_init(&joined, 8192);
	assert_int_equal(split(&p, span_str(raw)), 0);
	for (size_t i = 0; i < p.count; i++) {
		assert_int_equal(buf_append_span(&joined, p.names[i]), 0);
		assert_int_equal(buf_append_str(&joined, "|"), 0);
	}
	assert_string_equal(joined.size ? joined.data : "", wanted);
	buf_fini(&joined);
	path_fini(&p);
}

static void expect_refusal(int (*split)(struct path *p, struct span raw), struct span raw, int error)
{
	struct path p;

	path_init(&p);
	assert_int_equal(split(&p, raw), error);
	assert_int_equal(p.count, 0);
	path_fini(&p);
}

static void path_split_decodes_each_segment_once(void **state)
{
	(void)state;
	expect_names(path_split, "a/b%20c/%25%32%66", "a|b c|%2f|");
	expect_names(path_split, "%ff+x", "\xff+x|");
	expect_names(path_split, "...", "...|");
	expect_names(path_split, ".a/a.", ".a|a.|");
	expect_names(path_split, "", "");
}

static void path_split_refuses_ambiguous_and_badly_encoded_paths(void **state)
{
	static const char *const bad[] = {"/", "a/", "/a", "a//b", ".", "..", "a/../b", "%2e", "%2E%2e", ".%2e",
		"a%2Fb", "%2f", "a%00b", "%", "%4", "%zz"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refusal(path_split, span_str(bad[i]), -ERR_BAD_PATH);
	expect_refusal(path_split, span_of("a\0b", 3), -ERR_BAD_PATH);
}

static void path_split_refuses_too_long_names_and_too_many_names(void **state)
{
	char name[256], *deep = malloc(2 * (PATH_NAMES_MAX + 1));

	(void)state;
	memset(name, 'x', sizeof(name));
	expect_refusal(path_split, span_of(name, 256), -ENAMETOOLONG);
	for (size_t i = 0; i < PATH_NAMES_MAX + 1; i++) {
		deep[2 * i] = 'd';
		deep[2 * i + 1] = '/';
	}
	expect_refusal(path_split, span_of(deep, 2 * PATH_NAMES_MAX + 1), -ENAMETOOLONG);
	struct path p;
	path_init(&p);
	assert_int_equal(path_split(&p, span_of(deep, 2 * PATH_NAMES_MAX - 1)), 0);
	assert_int_equal(p.count, PATH_NAMES_MAX);
	path_fini(&p);
	free(deep);
}

static void path_split_refuses_a_path_longer_than_path_bytes_max(void **state)
{
	char *text = malloc(PATH_BYTES_MAX + 200);
	size_t size = 0;

	(void)state;
	while (size < PATH_BYTES_MAX + 100) {
		memset(text + size, 'y', 99);
		text[size + 99] = '/';
		size += 100;
	}
	expect_refusal(path_split, span_of(text, size - 1), -ENAMETOOLONG);
	free(text);
}

static int split_query(struct path *p, struct span value)
{
	return path_split_query(p, value.data);
}

static void path_split_query_takes_a_path_from_the_root_without_decoding_it(void **state)
{
	struct path p;

	(void)state;
	expect_names(split_query, "/a/b c+%2f", "a|b c+%2f|");
	expect_names(split_query, "/", "");
	expect_refusal(split_query, span_str(""), -ERR_BAD_PATH);
	expect_names(split_query, "a/b c+%2f", "a|b c+%2f|");
	expect_names(split_query, "a", "a|");
	expect_refusal(split_query, span_str("a//b"), -ERR_BAD_PATH);
	expect_refusal(split_query, span_str("a/"), -ERR_BAD_PATH);
	expect_refusal(split_query, span_str("../a"), -ERR_BAD_PATH);
	expect_refusal(split_query, span_str("/a/"), -ERR_BAD_PATH);
	expect_refusal(split_query, span_str("//a"), -ERR_BAD_PATH);
	expect_refusal(split_query, span_str("/a/.."), -ERR_BAD_PATH);
	path_init(&p);
	assert_int_equal(path_split_query(&p, NULL), -ERR_BAD_PATH);
	path_fini(&p);
}

static void path_take_name_accepts_exactly_one_valid_name(void **state)
{
	struct buf name;

	(void)state;
	buf_init(&name, NAME_BYTES_MAX);
	assert_int_equal(path_take_name(span_str("a b"), &name), 0);
	assert_string_equal(name.data, "a b");
	assert_int_equal(path_take_name(span_str("a/b"), &name), -ERR_BAD_PATH);
	assert_int_equal(path_take_name(span_str(".."), &name), -ERR_BAD_PATH);
	assert_int_equal(path_take_name(span_str(""), &name), -ERR_BAD_PATH);
	assert_string_equal(name.data, "a b");
	buf_fini(&name);
}

static void path_encode_writes_a_path_that_path_split_reads_back(void **state)
{
	struct span names[] = {SPAN_LITERAL("a b"), SPAN_LITERAL("\xff%")};
	struct buf text;

	(void)state;
	buf_init(&text, 100);
	assert_int_equal(path_encode(names, 2, &text), 0);
	assert_string_equal(text.data, "/a%20b/%FF%25");
	expect_names(path_split, text.data + 1, "a b|\xff%|");
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path_split_decodes_each_segment_once),
		cmocka_unit_test(path_split_refuses_ambiguous_and_badly_encoded_paths),
		cmocka_unit_test(path_split_refuses_too_long_names_and_too_many_names),
		cmocka_unit_test(path_split_refuses_a_path_longer_than_path_bytes_max),
		cmocka_unit_test(path_split_query_takes_a_path_from_the_root_without_decoding_it),
		cmocka_unit_test(path_take_name_accepts_exactly_one_valid_name),
		cmocka_unit_test(path_encode_writes_a_path_that_path_split_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
