#include "cli/mount_log.h"

#include "tests/unit/cli/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* A child process that has opened a file with these flags. It lives until end_process kills it. */
static pid_t process_with(const char *path, int flags)
{
	int ready[2];
	char c;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails never calls end_process */
		/* The child keeps none of the test's own descriptors open. */
		for (int fd = 3; fd < 1024; fd++)
			if (fd != ready[1])
				(void)close(fd);
		if (open(path, flags) < 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		(void)pause();
		_exit(0);
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	return child;
}

static void end_process(pid_t child)
{
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void add_line(const char *path, const char *line)
{
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	assert_true(fprintf(f, "%s\n", line) > 0);
	assert_int_equal(fclose(f), 0);
}

static void what_is_said_from_now_on_as_an_error_is_told(void **state)
{
	struct buf text;
	pid_t child;
	int fd;

	(void)state;
	folder_put("log", "{\"level\":\"error\",\"msg\":\"of before\"}\n");
	child = process_with("log", O_WRONLY | O_APPEND);
	fd = mount_log_open(child);
	assert_true(fd >= 0);
	add_line("log", "{\"level\":\"info\",\"msg\":\"all is well\"}");
	add_line("log", "{\"level\":\"error\",\"msg\":\"bytes are lost\"}");
	add_line("log", "no JSON");
	add_line("log", "{\"level\":\"error\"}");
	add_line("log", "{\"level\":\"error\",\"msg\":\"and more\"}");
	buf_init(&text, 4096);
	assert_int_equal(mount_log_errors(fd, &text), 0);
	assert_string_equal(text.data, "bytes are lost\nand more\n");
	buf_fini(&text);
	(void)close(fd);
	end_process(child);
}

static void of_very_many_the_rest_is_counted(void **state)
{
	struct buf text;
	pid_t child;
	int fd;

	(void)state;
	folder_put("log", "");
	child = process_with("log", O_WRONLY | O_APPEND);
	fd = mount_log_open(child);
	assert_true(fd >= 0);
	for (unsigned i = 0; i < MOUNT_LOG_LINES_MAX + 3; i++)
		add_line("log", "{\"level\":\"error\",\"msg\":\"x\"}");
	buf_init(&text, 4096);
	assert_int_equal(mount_log_errors(fd, &text), 0);
	assert_string_equal(text.data + 2 * MOUNT_LOG_LINES_MAX, "and 3 lines more\n");
	buf_fini(&text);
	(void)close(fd);
	end_process(child);
}

static void a_file_that_is_not_only_appended_to_is_no_log(void **state)
{
	pid_t child;

	(void)state;
	folder_put("data", "");
	child = process_with("data", O_RDWR);
	assert_int_equal(mount_log_open(child), -ENOENT);
	end_process(child);
	assert_int_equal(mount_log_open(child), -ENOENT); /* the process has ended */
}

static void nothing_new_is_nothing_to_tell(void **state)
{
	struct buf text;
	pid_t child;
	int fd;

	(void)state;
	folder_put("log", "{\"level\":\"error\",\"msg\":\"of before\"}\n");
	child = process_with("log", O_WRONLY | O_APPEND);
	fd = mount_log_open(child);
	buf_init(&text, 4096);
	assert_int_equal(mount_log_errors(fd, &text), 0);
	assert_int_equal(text.size, 0);
	buf_fini(&text);
	(void)close(fd);
	end_process(child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(what_is_said_from_now_on_as_an_error_is_told),
		FOLDER_TEST(of_very_many_the_rest_is_counted),
		FOLDER_TEST(a_file_that_is_not_only_appended_to_is_no_log),
		FOLDER_TEST(nothing_new_is_nothing_to_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
