#include "common/base/envfile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* Appends each pair that the parser found to a text, as "KEY=[value]@line ". */
static int note(void *cookie, const char *key, const char *value, unsigned line)
{
	return buf_printf(cookie, "%s=[%s]@%u ", key, value, line);
}

static void expect(const char *text, const char *found)
{
	struct buf b;

	buf_init(&b, 1000);
	assert_int_equal(buf_reserve(&b, 0), 0);
	assert_int_equal(envfile_parse(span_str(text), &b, note, NULL), 0);
	assert_string_equal(b.data, found);
	buf_fini(&b);
}

static void envfile_parse_reads_plain_and_quoted_values(void **state)
{
	(void)state;
	expect("A=1\nB_2=x y\n_c=\n", "A=[1]@1 B_2=[x y]@2 _c=[]@3 ");
	expect("A=\"a b\"\nB='c \"$ d'\nC=\"\"", "A=[a b]@1 B=[c \"$ d]@2 C=[]@3 ");
	expect("A=\"q\\\" b\\\\ d\\$ t\\` n\\n\"", "A=[q\" b\\ d$ t` n\\n]@1 ");
	expect("A='\\'", "A=[\\]@1 ");
	expect("URL=http://h:1/p?a=b&c=d", "URL=[http://h:1/p?a=b&c=d]@1 ");
}

static void envfile_parse_skips_comments_and_blank_lines(void **state)
{
	(void)state;
	expect("", "");
	expect("\n\n# A=1\n   # B=2\n \t \nC=3", "C=[3]@6 ");
	expect("A=1 # one\nB=1#no\nC=# all\nD=\"x\" # two\nE=\"x\"", "A=[1]@1 B=[1#no]@2 C=[]@3 D=[x]@4 E=[x]@5 ");
	expect("  A=1  \r\nB=\"2\"\r\n", "A=[1]@1 B=[2]@2 ");
}

static void envfile_parse_reports_the_number_of_a_malformed_line(void **state)
{
	static const char *const bad[] = {"A", "=1", "1A=x", "A B=1", "A =1", "-A=1", "export A=1", "A=\"open",
		"A='open", "A=\"x\"y", "A=\"x\"#y", "A='x''y'", "\xc3\xbc=1", "A=\"x\\\""};
	struct buf b, text;

	(void)state;
	buf_init(&b, 1000);
	buf_init(&text, 1000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned line = 0;

		buf_reset(&text);
		assert_int_equal(buf_printf(&text, "OK=1\n\n%s\nNEXT=2\n", bad[i]), 0);
		if (envfile_parse(buf_span(&text), &b, note, &line) != -EINVAL)
			fail_msg("accepted \"%s\"", bad[i]);
		assert_int_equal(line, 3);
	}
	assert_int_equal(envfile_parse(span_of("A=\0b", 4), &b, note, NULL), -EINVAL);
	assert_int_equal(envfile_parse(span_of("A\0=b", 4), &b, note, NULL), -EINVAL);
	buf_fini(&text);
	buf_fini(&b);
}

static int stop(void *cookie, const char *key, const char *value, unsigned line)
{
	(void)key, (void)value, (void)line;
	++*(int *)cookie;
	return -EDOM;
}

static void envfile_parse_stops_when_the_callback_fails(void **state)
{
	unsigned line = 99;
	int calls = 0;

	(void)state;
	assert_int_equal(envfile_parse(span_str("A=1\nB=2\nnonsense\n"), &calls, stop, &line), -EDOM);
	assert_int_equal(calls, 1);
	assert_int_equal(line, 99);
}

static int count(void *cookie, const char *key, const char *value, unsigned line)
{
	(void)key, (void)line;
	*(size_t *)cookie += strlen(value);
	return 0;
}

static void envfile_parse_accepts_the_maximum_size_and_refuses_one_byte_more(void **state)
{
	char *text = malloc(ENVFILE_BYTES_MAX + 1);
	size_t bytes = 0;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', ENVFILE_BYTES_MAX + 1);
	text[1] = '=';
	assert_int_equal(envfile_parse(span_of(text, ENVFILE_BYTES_MAX), &bytes, count, NULL), 0);
	assert_int_equal(bytes, ENVFILE_BYTES_MAX - 2);
	assert_int_equal(envfile_parse(span_of(text, ENVFILE_BYTES_MAX + 1), &bytes, count, NULL), -EFBIG);
	free(text);
}

static int keep(void *cookie, const char *key, const char *value, unsigned line)
{
	(void)key, (void)line;
	return buf_append_str(cookie, value);
}

static void envfile_append_writes_values_that_parse_and_a_shell_read_back(void **state)
{
	static const char *const values[] = {"", "plain", "http://127.0.0.1:8050", "two words", "a\"b'c\\d$e`f", "#x",
		" x ", "\xc3\xbc\xff", "tab\there", "$(touch x)", "a;b&c|d<e>f*", "~", "!x"};
	struct buf text, back;

	(void)state;
	buf_init(&text, 1000);
	buf_init(&back, 1000);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char command[1200], shell[256];
		FILE *pipe;
		size_t n;

		buf_reset(&text);
		buf_reset(&back);
		assert_int_equal(envfile_append(&text, "KEY", values[i]), 0);
		assert_int_equal(envfile_parse(buf_span(&text), &back, keep, NULL), 0);
		assert_string_equal(back.data, values[i]);
		(void)snprintf(command, sizeof(command), "%sprintf %%s \"$KEY\"", text.data);
		pipe = popen(command, "re"); // NOLINT(cert-env33-c): the shell is what is tested
		assert_non_null(pipe);
		n = fread(shell, 1, sizeof(shell) - 1, pipe);
		shell[n] = '\0';
		assert_int_equal(pclose(pipe), 0);
		assert_string_equal(shell, values[i]);
	}
	buf_fini(&back);
	buf_fini(&text);
}

static void envfile_append_refuses_bad_pairs_and_leaves_the_buffer(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 12);
	assert_int_equal(envfile_append(&b, "A", "1"), 0);
	assert_int_equal(envfile_append(&b, "", "1"), -EINVAL);
	assert_int_equal(envfile_append(&b, "A B", "1"), -EINVAL);
	assert_int_equal(envfile_append(&b, "A", "line\nbreak"), -EINVAL);
	assert_int_equal(envfile_append(&b, "A", "line\rbreak"), -EINVAL);
	assert_int_equal(envfile_append(&b, "A", "too long"), -E2BIG);
	assert_string_equal(b.data, "A=1\n");
	buf_fini(&b);
}

static void envfile_read_refuses_a_secret_that_others_can_read(void **state)
{
	char path[] = "/tmp/nephos-test-envfile-XXXXXX";
	unsigned line = 99;
	struct buf b;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "A=1\nB\n", 6), 6);
	buf_init(&b, 100);
	assert_int_equal(fchmod(fd, 0640), 0);
	assert_int_equal(envfile_read(path, true, &b, note, &line), -EPERM);
	assert_int_equal(b.size, 0);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(envfile_read(path, true, &b, note, &line), -EINVAL);
	assert_int_equal(line, 2);
	assert_string_equal(b.data, "A=[1]@1 ");
	assert_int_equal(envfile_read("/tmp", false, &b, note, &line), -EINVAL);
	assert_int_equal(line, 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(envfile_read(path, true, &b, note, NULL), -ENOENT);
	buf_fini(&b);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(envfile_parse_reads_plain_and_quoted_values),
		cmocka_unit_test(envfile_parse_skips_comments_and_blank_lines),
		cmocka_unit_test(envfile_parse_reports_the_number_of_a_malformed_line),
		cmocka_unit_test(envfile_parse_stops_when_the_callback_fails),
		cmocka_unit_test(envfile_parse_accepts_the_maximum_size_and_refuses_one_byte_more),
		cmocka_unit_test(envfile_append_writes_values_that_parse_and_a_shell_read_back),
		cmocka_unit_test(envfile_append_refuses_bad_pairs_and_leaves_the_buffer),
		cmocka_unit_test(envfile_read_refuses_a_secret_that_others_can_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
