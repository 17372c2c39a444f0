#include "cli/remote.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void encodes(const char *path, const char *wanted)
{
	struct buf url;

	buf_init(&url, REMOTE_URL_BYTES_MAX);
	assert_int_equal(buf_append_str(&url, "P"), 0);
	assert_int_equal(remote_encode(path, &url), 0);
	assert_string_equal(url.data + 1, wanted);
	buf_fini(&url);
}

static int refused(const char *path)
{
	struct buf url;
	int r;

	buf_init(&url, REMOTE_URL_BYTES_MAX);
	assert_int_equal(buf_append_str(&url, "P"), 0);
	r = remote_encode(path, &url);
	assert_string_equal(url.data, "P");
	buf_fini(&url);
	return r;
}

static void remote_encode_normalises_paths(void **state)
{
	(void)state;
	encodes("/a/b", "/a/b");
	encodes("a/b", "/a/b");
	encodes("//a/./b//", "/a/b");
	encodes("", "");
	encodes("/", "");
	encodes(".", "");
}

static void remote_encode_escapes_bytes_that_are_special_in_urls(void **state)
{
	(void)state;
	encodes("a b/c%2Fd", "/a%20b/c%252Fd");
	encodes("q?x=1#y&z+", "/q%3Fx%3D1%23y%26z%2B");
	encodes("\xff\xc3\xa4", "/%FF%C3%A4");
	encodes("...", "/...");
}

static void remote_encode_refuses_dot_dot_segments(void **state)
{
	(void)state;
	assert_int_equal(refused(".."), -EINVAL);
	assert_int_equal(refused("/a/../b"), -EINVAL);
	assert_int_equal(refused("/a/.."), -EINVAL);
}

static void remote_encode_refuses_names_and_paths_that_are_too_long(void **state)
{
	char name[300], path[REMOTE_URL_BYTES_MAX + 1];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	encodes(name, (memmove(path + 1, name, 256), path[0] = '/', path));
	name[255] = 'n';
	name[256] = '\0';
	assert_int_equal(refused(name), -ENAMETOOLONG);
	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 2 ? 'a' : '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(refused(path), -E2BIG);
}

static void remote_is_folder_is_true_for_paths_that_end_in_a_slash_or_dot(void **state)
{
	(void)state;
	assert_true(remote_is_folder("/"));
	assert_true(remote_is_folder(""));
	assert_true(remote_is_folder("a/"));
	assert_true(remote_is_folder("a/."));
	assert_false(remote_is_folder("a"));
	assert_false(remote_is_folder("/a/b.c"));
}

static void remote_last_returns_the_last_name_of_a_path(void **state)
{
	(void)state;
	assert_true(span_eq_str(remote_last("/a/b"), "b"));
	assert_true(span_eq_str(remote_last("a//"), "a"));
	assert_int_equal(remote_last("/").size, 0);
	assert_int_equal(remote_last("a/..").size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remote_encode_normalises_paths),
		cmocka_unit_test(remote_encode_escapes_bytes_that_are_special_in_urls),
		cmocka_unit_test(remote_encode_refuses_dot_dot_segments),
		cmocka_unit_test(remote_encode_refuses_names_and_paths_that_are_too_long),
		cmocka_unit_test(remote_is_folder_is_true_for_paths_that_end_in_a_slash_or_dot),
		cmocka_unit_test(remote_last_returns_the_last_name_of_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
