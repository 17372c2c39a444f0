#include "fusefs/mount/daemon.h"

#include "common/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY "ready"
#define WORD_BYTES_MAX 1024 /* one line of text for people */

/* Reads the child's report up to its end. -ETIMEDOUT. */
static int hear(int fd, int64_t until_ns, char *ret, size_t size)
{
	size_t at = 0;

	for (;;) {
		int64_t left = until_ns - clock_mono_ns();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)(left / NS_PER_MS) + 1) <= 0)
			continue;
		n = read(fd, ret + at, size - 1 - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	ret[at] = '\0';
	return 0;
}

static int wait_for_child(pid_t child, int fd, unsigned deadline_ms)
{
	char word[WORD_BYTES_MAX];
	int status = 0;

	if (hear(fd, clock_mono_ns() + deadline_ms * NS_PER_MS, word, sizeof(word)) < 0) {
		(void)kill(child, SIGKILL);
		(void)fprintf(stderr, "nephos: the mount did not answer in time\n");
		return -ETIMEDOUT;
	}
	if (strcmp(word, READY) == 0)
		return 1;
	if (word[0])
		(void)fprintf(stderr, "nephos: %s\n", word);
	else if (waitpid(child, &status, 0) == child && WIFSIGNALED(status))
		(void)fprintf(stderr, "nephos: the mount ended by signal %d\n", WTERMSIG(status));
	else
		(void)fprintf(stderr, "nephos: the mount ended before it was ready\n");
	return -EIO;
}

int daemon_fork(unsigned deadline_ms, int *ret_report)
{
	int pipe_fd[2], r;
	pid_t child;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0) {
		r = -errno;
		(void)close(pipe_fd[0]);
		(void)close(pipe_fd[1]);
		return r;
	}
	if (child == 0) {
		(void)close(pipe_fd[0]);
		(void)setsid();
		*ret_report = pipe_fd[1];
		return 0;
	}
	(void)close(pipe_fd[1]);
	r = wait_for_child(child, pipe_fd[0], deadline_ms);
	(void)close(pipe_fd[0]);
	return r;
}

static void say(int report, const char *word)
{
	size_t size = strlen(word);

	/* One write: the text is shorter than PIPE_BUF. When the parent is gone, nobody needs the report. */
	if (write(report, word, size < WORD_BYTES_MAX ? size : WORD_BYTES_MAX - 1) < 0)
		errno = 0;
	(void)close(report);
}

void daemon_ready(int report)
{
	int null;

	if (report < 0)
		return;
	/* On failure, the file system of the working directory cannot be unmounted; nothing else depends on it. */
	if (chdir("/") < 0)
		errno = 0;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		if (null > STDERR_FILENO)
			(void)close(null);
	}
	say(report, READY);
}

void daemon_failed(int report, const char *why)
{
	if (report < 0)
		(void)fprintf(stderr, "nephos: %s\n", why);
	else
		say(report, why);
}
