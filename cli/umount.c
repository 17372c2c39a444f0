#include "cli/command.h"
#include "cli/mounts.h"
#include "common/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Nothing may be lost on the way: first the mount is asked to store all it has (fsync of its root), and stays when it cannot; then it is taken off as umount(8)
 * does, never while somebody uses it; then its process is waited for, which stores what came in between. How that went is the process's exit
 * status: others than its parent read it before init has, or are told by newer kernels (6.15); where neither succeeds, it is taken for well.
 */

#define END_MS \
	120000 /* the mount waits out 30 s without a gateway, for what is dirty and for its op log, and more with a slow one */
#define REAP_MS 1000 /* from its end to its exit status: init is told first */

/* As in linux/pidfd.h of 6.15, which no build machine has yet. */
struct pidfd_exit {
	uint64_t mask, cgroup;
	uint32_t ids[11];
	int32_t exit_code;
};
#define PIDFD_ASK_EXIT (1u << 3)
#define PIDFD_ASK _IOWR(0xff, 11, struct pidfd_exit)

static char *absolute(const char *directory)
{
	char *path = realpath(directory, NULL), *cwd;

	if (path || *directory == '/')
		return path ? path : strdup(directory);
	/* A mount whose process died answers nothing, not even where it is. */
	cwd = getcwd(NULL, 0);
	if (!cwd || asprintf(&path, "%s/%s", cwd, directory) < 0)
		path = NULL;
	free(cwd);
	return path;
}

/* -ENOTCONN: nobody serves it any more. */
static int store_all(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		(void)close(fd);
	return r == -EINVAL || r == -ENOSYS ? 0 : r;
}

/* Ordinary users unmount by the help of a program that may. */
static int run_fusermount(const char *directory)
{
	const char *argv[] = {"fusermount3", "-u", "-q", "--", directory, NULL};
	int status = 0;
	pid_t pid;
	int r = posix_spawnp(&pid, "fusermount3", NULL, NULL, (char *const *)argv, environ);

	if (r != 0)
		return -r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBUSY;
}

static int take_off(const char *directory)
{
	if (geteuid() != 0)
		return run_fusermount(directory);
	return umount2(directory, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

/* Field 52 of /proc/PID/stat, while nobody has taken note of its end. The name in parentheses may hold anything. */
static bool status_of_zombie(pid_t pid, int *ret_status)
{
	char path[64], text[1024];
	const char *at;
	int64_t status;
	FILE *f;
	size_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	size = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	text[size] = '\0';
	at = strrchr(text, ')');
	if (!at || strncmp(at, ") Z ", 4) != 0)
		return false;
	at = strrchr(text, ' ') + 1;
	if (text_parse_i64(span_of(at, strcspn(at, "\n")), &status) < 0)
		return false;
	*ret_status = (int)status;
	return true;
}

static bool status_of_reaped(int process, int *ret_status)
{
	struct pidfd_exit info = {.mask = PIDFD_ASK_EXIT};
	struct pollfd p = {.fd = process, .events = 0}; /* POLLHUP */

	(void)poll(&p, 1, REAP_MS);
	if (ioctl(process, PIDFD_ASK, &info) < 0 || !(info.mask & PIDFD_ASK_EXIT))
		return false;
	*ret_status = info.exit_code;
	return true;
}

/* 0: it ended well, or how is not known; -EIO: not; -ETIMEDOUT: it has not ended. */
static int await_end(pid_t pid, int process)
{
	struct pollfd p = {.fd = process, .events = POLLIN};
	int n, status = 0;

	do
		n = poll(&p, 1, END_MS);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? -ETIMEDOUT : -errno;
	if (!status_of_zombie(pid, &status) && !status_of_reaped(process, &status))
		return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* What stays when the store has not got it. */
static int refuse(struct command_run *run, const char *directory, int r)
{
	char why[128];

	(void)snprintf(why, sizeof(why), "it stays mounted: not everything could be stored (%s)", strerror(-r));
	return command_say(run, EXIT_REFUSED, directory, why);
}

static int unmount(struct command_run *run, const char *directory, pid_t pid, int process)
{
	int r = store_all(directory);

	if (r < 0 && r != -ENOTCONN && r != -EACCES)
		return refuse(run, directory, r);
	r = take_off(directory);
	if (r == -EBUSY)
		return command_say(run, EXIT_REFUSED, directory, "it is in use; it stays mounted");
	if (r < 0)
		return command_fail(run, r, directory);
	if (process < 0)
		return EXIT_DONE;
	switch (await_end(pid, process)) {
	case 0:
		return EXIT_DONE;
	case -ETIMEDOUT:
		return command_say(
			run, EXIT_REFUSED, directory, "it is unmounted, but its process still has something to store");
	default:
		return command_say(
			run, EXIT_REFUSED, directory, "not everything could be stored; the log of the mount says what");
	}
}

static int umount_at(struct command_run *run, const char *directory)
{
	const struct mounts_entry *entry;
	struct mounts mounts;
	int process = -1, code, r = mounts_read(&mounts);
	pid_t pid = 0;

	if (r < 0)
		return command_fail(run, r, directory);
	entry = mounts_find(&mounts, directory);
	if (!entry) {
		code = command_say(run, EXIT_REFUSED, directory, "no drive is mounted there");
	} else {
		/* The descriptor names this process even when its number is another's by then. */
		if (mounts_process(entry, &pid) == 0)
			process = (int)syscall(SYS_pidfd_open, pid, 0);
		code = unmount(run, directory, pid, process);
	}
	if (process >= 0)
		(void)close(process);
	mounts_fini(&mounts);
	return code;
}

static int umount_run(struct command_run *run)
{
	char *directory = absolute(run->args.words[0]);
	int code = directory ? umount_at(run, directory) : command_fail(run, -ENOMEM, run->args.words[0]);

	free(directory);
	return code;
}

static const struct args_flag umount_flags[] = {COMMAND_FLAGS_END};

const struct command command_umount = {
	.name = "umount",
	.arguments = "DIR",
	.summary = "take a mount off, when all of it is stored",
	.details =
		"Returns when the process of the mount has ended. Ends with 1, and leaves it mounted, when it is in use or not everything can be stored;\n"
		"\"fusermount3 -uz DIR\" then takes it off all the same.\n",
	.flags = umount_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_NOTHING,
	.run = umount_run,
};
