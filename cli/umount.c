#include "cli/command.h"
#include "cli/holders.h"
#include "cli/mount_log.h"
#include "cli/mounts.h"
#include "common/base/fusermount.h"
#include "common/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Nothing may be lost: first the mount is asked to store all its data (fsync of its root), and it stays mounted
 * if it cannot. Then it is taken off as by umount(8), never while a process uses it. Then the command waits for
 * the mount's process, which stores what came in between. Its exit status shows whether that succeeded: a process
 * other than its parent can read the status only before init has collected it, or gets it from newer kernels
 * (6.15). If neither works, success is assumed.
 *
 * With --force the mount is not asked: the kernel's connection is cut, so that processes that hang in a call on
 * it get an error. The mount's process gets some time to store what it has, and then it is killed. The command
 * prints what was lost, as far as the log has it.
 */

/* the mount waits 30 s for a gateway to store dirty data and its op log, and longer with a slow one */
#define END_MS 120000
#define LOOK_MS 1000   /* between checks whether another namespace has the mount, for which its process goes on */
#define FORCE_MS 45000 /* by force: the process takes 30 s to store what it has, and some time to end */
#define KILL_MS 5000   /* from SIGKILL to its end */
#define SAY_BYTES_MAX 8192u
#define REAP_MS 1000 /* from the end of the process to its exit status: init gets it first */

/* As in linux/pidfd.h of 6.15, which no build machine has yet. */
struct pidfd_exit {
	uint64_t mask, cgroup;
	uint32_t ids[11];
	int32_t exit_code;
};
#define PIDFD_ASK_EXIT (1u << 3)
#define PIDFD_ASK _IOWR(0xff, 11, struct pidfd_exit)

/* Makes the path absolute without accessing its last part: a mount that hangs does not even answer such a
 * request. NULL: no memory. */
static char *absolute(const char *directory)
{
	char *copy = strdup(directory), *last, *parent, *path = NULL;
	size_t size = copy ? strlen(copy) : 0;

	while (size > 1 && copy[size - 1] == '/')
		copy[--size] = '\0';
	last = copy ? strrchr(copy, '/') : NULL;
	if (last && last > copy)
		*last = '\0';
	parent = !copy ? NULL : last == copy ? strdup("") : last ? realpath(copy, NULL) : getcwd(NULL, 0);
	if (parent && asprintf(&path, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, last ? last + 1 : copy) < 0)
		path = NULL;
	free(parent);
	if (!path)
		path = strdup(directory);
	free(copy);
	return path;
}

/* The drive is in the trash, or was deleted for good, or this mount's key was revoked: the mount can be asked nothing.
 * What it still has belongs to files that are open, and while there are any, it cannot be taken off. */
static bool is_away(int error)
{
	return error == ENOMEDIUM || error == ENOENT || error == EACCES;
}

/* -ENOTCONN: no process serves the mount any more. */
static int store_all(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd < 0)
		return is_away(-r) ? 0 : r;
	(void)close(fd);
	return r == -EINVAL || r == -ENOSYS ? 0 : r;
}

static int take_off(const char *directory)
{
	if (geteuid() != 0)
		return fusermount_unmount(directory, false);
	return umount2(directory, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

/* Reads field 52 of /proc/PID/stat, as long as no process has collected the status. The name in parentheses may
 * contain any bytes. */
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

/* 0: the process ended with success, or its status is not known; -EIO: it ended with a failure; -ETIMEDOUT: it
 * has not ended. */
static int await_end(pid_t pid, int process, int deadline_ms)
{
	struct pollfd p = {.fd = process, .events = POLLIN};
	int n, status = 0;

	do
		n = poll(&p, 1, deadline_ms);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? -ETIMEDOUT : -errno;
	if (!status_of_zombie(pid, &status) && !status_of_reaped(process, &status))
		return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* Reports that the mount stays, because not everything could be stored. */
static int refuse(struct command_run *run, const char *directory, int r)
{
	char why[128];

	(void)snprintf(why, sizeof(why), "it stays mounted: not everything could be stored (%s)", strerror(-r));
	return command_say(run, EXIT_REFUSED, directory, why);
}

/* Reports by whom the mount is used, as far as that can be found out. */
static int refuse_busy(struct command_run *run, const char *directory, pid_t server)
{
	struct holders holders;
	struct buf why;
	int code, r = holders_find("/proc", directory, server, &holders);

	buf_init(&why, SAY_BYTES_MAX);
	if (r == 0 && holders.count > 0) {
		r = buf_append_str(&why, "it is in use by ");
		r = r < 0 ? r : holders_say(&holders, &why);
		r = r < 0 ? r : buf_append_str(&why, "; it stays mounted");
	} else {
		r = buf_printf(&why, "it is in use%s; it stays mounted",
			holders.hidden ? " by a process that only root may look at" : "");
	}
	code = command_say(run, EXIT_REFUSED, directory, r < 0 ? "it is in use; it stays mounted" : why.data);
	buf_fini(&why);
	return code;
}

/* ---- by force ---- */

/* A user who may not call umount(2) may still abort the connection of his own mount. */
static void abort_connection(unsigned connection)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort", connection);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* then the connection ends with its process */
	if (write(fd, "1", 1) < 0)
		errno = 0;
	(void)close(fd);
}

static int cut_off(const struct mounts_entry *entry, const char *directory)
{
	if (geteuid() == 0)
		return umount2(directory, MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
	abort_connection(entry->connection);
	return fusermount_unmount(directory, true);
}

static int end_process(pid_t pid, int process)
{
	int r;

	/* A process that was stopped has to run again to store anything, and to end. */
	(void)syscall(SYS_pidfd_send_signal, process, SIGCONT, NULL, 0);
	(void)syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0);
	r = await_end(pid, process, FORCE_MS);
	if (r != -ETIMEDOUT)
		return r;
	(void)syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
	r = await_end(pid, process, KILL_MS);
	return r == -ETIMEDOUT ? r : -ECANCELED;
}

static int say_forced(struct command_run *run, const char *directory, int r, const struct buf *lost)
{
	if (lost->size > 0)
		(void)fprintf(stderr, "%.*s", (int)lost->size, lost->data);
	switch (r) {
	case 0:
		return lost->size > 0
			? command_say(run, EXIT_REFUSED, directory, "it is off; not everything could be stored")
			: EXIT_DONE;
	case -ECANCELED:
		return command_say(run, EXIT_REFUSED, directory,
			"it is off; its process did not end by itself and was killed, and what it had not stored is lost");
	case -ETIMEDOUT:
		return command_say(run, EXIT_REFUSED, directory, "it is off; its process hangs in the kernel");
	default:
		return command_say(run, EXIT_REFUSED, directory,
			lost->size > 0
				? "it is off; not everything could be stored"
				: "it is off; not everything could be stored, and the log of the mount says what");
	}
}

static int force(struct command_run *run, const struct mounts_entry *entry, pid_t pid, int process)
{
	int log = process >= 0 ? mount_log_open(pid) : -ENOENT;
	struct buf lost;
	int code, r = cut_off(entry, entry->directory);

	buf_init(&lost, SAY_BYTES_MAX);
	if (r < 0 && r != -EINVAL) {
		code = command_fail(run, r, entry->directory);
	} else {
		r = process >= 0 ? end_process(pid, process) : 0;
		if (log >= 0)
			(void)mount_log_errors(log, &lost);
		code = say_forced(run, entry->directory, r, &lost);
	}
	if (log >= 0)
		(void)close(log);
	buf_fini(&lost);
	return code;
}

/* As await_end; -EBUSY: another mount namespace (of a container, a service) still has the mount, perhaps for ever. */
static int await_end_or_others(const struct mounts_entry *entry, pid_t pid, int process, struct holders *ret_others)
{
	int r;

	for (int waited = 0; waited < END_MS; waited += LOOK_MS) {
		r = await_end(pid, process, LOOK_MS);
		if (r != -ETIMEDOUT)
			return r;
		if (holders_elsewhere("/proc", entry->connection, ret_others) == 0 && ret_others->count > 0)
			return -EBUSY;
	}
	return -ETIMEDOUT;
}

static int say_others(struct command_run *run, const char *directory, const struct holders *others)
{
	struct buf why;
	int code, r;

	buf_init(&why, SAY_BYTES_MAX);
	r = buf_append_str(
		&why, "it is off here, and all of it is stored; in another mount namespace it is still there, for ");
	r = r < 0 ? r : holders_say(others, &why);
	code = command_say(run, EXIT_REFUSED, directory,
		r < 0 ? "it is off here; in another mount namespace it is still there" : why.data);
	buf_fini(&why);
	return code;
}

static int unmount(struct command_run *run, const struct mounts_entry *entry, pid_t pid, int process)
{
	const char *directory = entry->directory;
	struct holders others;
	int r = store_all(directory);

	if (r < 0 && r != -ENOTCONN)
		return refuse(run, directory, r);
	r = take_off(directory);
	if (r == -EBUSY)
		return refuse_busy(run, directory, pid);
	if (r < 0)
		return command_fail(run, r, directory);
	if (process < 0)
		return EXIT_DONE;
	switch (await_end_or_others(entry, pid, process, &others)) {
	case 0:
		return EXIT_DONE;
	case -EBUSY:
		return say_others(run, directory, &others);
	case -ETIMEDOUT:
		return command_say(
			run, EXIT_REFUSED, directory, "it is unmounted, but its process still has something to store");
	default:
		return command_say(
			run, EXIT_REFUSED, directory, "not everything could be stored; the log of the mount says what");
	}
}

/* Finds the mount by the path as typed, or else by the real path, with links and dots resolved. */
static const struct mounts_entry *find(const struct mounts *mounts, const char *typed)
{
	char *path = absolute(typed), *real;
	const struct mounts_entry *entry = path ? mounts_find(mounts, path) : NULL;

	free(path);
	if (entry)
		return entry;
	real = realpath(typed, NULL);
	entry = real ? mounts_find(mounts, real) : NULL;
	free(real);
	return entry;
}

static int umount_run(struct command_run *run)
{
	const char *typed = run->args.words[0];
	const struct mounts_entry *entry;
	struct mounts mounts;
	int process = -1, code, r = mounts_read(&mounts);
	pid_t pid = 0;

	if (r < 0)
		return command_fail(run, r, typed);
	entry = find(&mounts, typed);
	if (!entry) {
		code = command_say(run, EXIT_REFUSED, typed, "no nephos drive is mounted there");
	} else {
		/* The descriptor refers to this process even if its number is reused later. */
		if (mounts_process(entry, &pid) == 0)
			process = (int)syscall(SYS_pidfd_open, pid, 0);
		code = run->options.force ? force(run, entry, pid, process) : unmount(run, entry, pid, process);
	}
	if (process >= 0)
		(void)close(process);
	mounts_fini(&mounts);
	return code;
}

static const struct args_flag umount_flags[] = {
	COMMAND_FLAG("force", 'f', NULL, force,
		"unmount although programs use it or hang in it; says which changes could not be stored and are lost"),
	COMMAND_FLAGS_END,
};

const struct command command_umount = {
	.name = "umount",
	.arguments = "[--force] DIR",
	.summary = "unmount, after all changes are stored",
	.details =
		"Returns when the process of the mount has ended. Exits with 1 and leaves the mount when programs use it (it names them) or\n"
		"changes cannot be stored. Also exits with 1 when another mount namespace (a container's) still has the mount, whose process\n"
		"then continues. With --force it is unmounted at once, and programs that still use it get errors; the process then has 45 s to\n"
		"store the rest, and the command exits with 1 when something was lost.\n",
	.flags = umount_flags,
	.words_min = 1,
	.words_max = 1,
	.needs = COMMAND_NEEDS_NOTHING,
	.run = umount_run,
};
