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

static void mount_log_errors_returns_error_messages_written_since_the_open(void **state)
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

static void mount_log_errors_counts_the_messages_beyond_its_limit(void **state)
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

static void a_file_not_opened_for_appending_is_not_taken_for_the_log(void **state)
{
	pid_t child;

	(void)state;
	folder_put("data", "");
	child = process_with("data", O_RDWR);
	assert_int_equal(mount_log_open(child), -ENOENT);
	end_process(child);
	assert_int_equal(mount_log_open(child), -ENOENT); /* the process has ended */
}

static void mount_log_errors_ignores_errors_from_before_the_open(void **state)
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
		FOLDER_TEST(mount_log_errors_returns_error_messages_written_since_the_open),
		FOLDER_TEST(mount_log_errors_counts_the_messages_beyond_its_limit),
		FOLDER_TEST(a_file_not_opened_for_appending_is_not_taken_for_the_log),
		FOLDER_TEST(mount_log_errors_ignores_errors_from_before_the_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
