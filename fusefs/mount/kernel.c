#include "fusefs/mount/kernel.h"

#include "common/base/fusermount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs what() in a child that has closed the connection's descriptor. what() may use only what is allowed after
 * a fork of a process with threads. */
static int run_apart(int (*what)(const char *directory), const char *directory, int fuse_fd)
{
	int status = 0;
	pid_t child;

	if (fuse_fd < 0)
		return what(directory);
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		(void)close(fuse_fd);
		_exit(-what(directory));
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int unmount_now(const char *directory)
{
	return umount2(directory, 0) < 0 ? -errno : 0;
}

static int unmount_lazily(const char *directory)
{
	return umount2(directory, MNT_DETACH) < 0 ? -errno : 0;
}

int kernel_unmount(const char *directory, bool lazy, int fuse_fd)
{
	if (geteuid() != 0)
		return fusermount_unmount(directory, lazy);
	return run_apart(lazy ? unmount_lazily : unmount_now, directory, fuse_fd);
}

/* The kernel's cache of a folder outlives the process that served it; statfs always sends a request. */
static bool is_dead(const char *directory)
{
	struct statfs fs;

	return statfs(directory, &fs) < 0 && errno == ENOTCONN;
}

/* The topmost mount on path. 1: it is a drive, and ret_read_only is set; 0: it is not. */
static int look_up(const char *path, bool *ret_read_only)
{
	FILE *list = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	int found = 0;

	if (!list)
		return 0;
	while ((m = getmntent(list))) {
		if (strcmp(m->mnt_dir, path) != 0)
			continue;
		found = strncmp(m->mnt_type, "fuse.nephos", 11) == 0; /* the last entry is the topmost mount */
		*ret_read_only = hasmntopt(m, "ro") != NULL;
	}
	(void)endmntent(list);
	return found;
}

bool kernel_is_mounted(const char *path)
{
	bool read_only;

	return look_up(path, &read_only) == 1;
}

bool kernel_is_read_only(const char *path)
{
	bool read_only = false;

	return look_up(path, &read_only) == 1 && read_only;
}

int kernel_mount_point(const char *directory, char **ret)
{
	struct stat st;
	char *path;

	if (is_dead(directory) && kernel_unmount(directory, true, -1) < 0)
		return -ENOTCONN;
	if (stat(directory, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	path = realpath(directory, NULL);
	if (!path)
		return -errno;
	if (kernel_is_mounted(path)) {
		free(path);
		return -EBUSY;
	}
	*ret = path;
	return 0;
}

static int check(const char *directory)
{
	struct statfs fs;
	struct stat st;

	if (stat(directory, &st) < 0 || statfs(directory, &fs) < 0)
		return -errno;
	return fs.f_type == FUSE_SUPER_MAGIC ? 0 : -ENODEV;
}

static int set_read_ahead(const char *directory)
{
	char path[64], text[16];
	struct stat st;
	int size = snprintf(text, sizeof(text), "%d", KERNEL_READ_AHEAD_KB);
	int fd, r = 0;

	if (stat(directory, &st) < 0)
		return -errno;
	(void)snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", major(st.st_dev), minor(st.st_dev));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)size) != size)
		r = -errno;
	(void)close(fd);
	return r;
}

int kernel_check(const char *directory, int fuse_fd)
{
	return run_apart(check, directory, fuse_fd);
}

int kernel_set_read_ahead(const char *directory, int fuse_fd)
{
	return run_apart(set_read_ahead, directory, fuse_fd);
}
