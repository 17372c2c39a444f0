#include "cli/local.h"

#include "common/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_MODE 0666 /* the umask is taken off it */
#define RANDOM_BYTES 6

/*
 * A file without a name (O_TMPFILE) leaves nothing behind, however the program ends. It gets a temporary name
 * just before the rename, because link does not replace a file. If the file system does not support O_TMPFILE,
 * the file has the temporary name from the start.
 */
struct local {
	int fd;
	char *path;	 /* final path; NULL: written directly */
	char *temporary; /* temporary name, in the same folder */
	bool named;	 /* the temporary name exists */
	bool owned;	 /* fd is ours */
	mode_t mode;
};

static int make_temporary_name(struct local *l)
{
	const char *slash = strrchr(l->path, '/');
	int folder = slash ? (int)(slash - l->path) + 1 : 0;
	char random[2 * RANDOM_BYTES + 1];
	int r = text_random_hex(RANDOM_BYTES, random);

	if (r < 0)
		return r;
	if (asprintf(&l->temporary, "%.*s.nephos-%s", folder, l->path, random) < 0) {
		l->temporary = NULL;
		return -ENOMEM;
	}
	return 0;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static int open_temporary(struct local *l)
{
	char *folder = folder_of(l->path);
	int r = folder ? make_temporary_name(l) : -ENOMEM;

	if (r == 0) {
		l->fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
		if (l->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL)) {
			l->fd = open(l->temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
			l->named = l->fd >= 0;
		}
		if (l->fd < 0)
			r = -errno;
	}
	free(folder);
	return r;
}

static mode_t current_umask(void)
{
	mode_t mask = umask(077);

	(void)umask(mask);
	return mask;
}

static int open_path(struct local *l, const char *path)
{
	struct stat st;

	l->owned = true;
	if (stat(path, &st) < 0) {
		if (errno != ENOENT)
			return -errno;
		l->mode = NEW_MODE & ~current_umask();
		l->path = strdup(path);
		return l->path ? open_temporary(l) : -ENOMEM;
	}
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode)) {
		l->fd = open(path, O_WRONLY | O_CLOEXEC);
		return l->fd < 0 ? -errno : 0;
	}
	/* A file that the user may not write is not replaced either, even if the folder would allow that. */
	if (access(path, W_OK) < 0)
		return -errno;
	l->mode = st.st_mode & 0777;
	l->path = realpath(path, NULL);
	return l->path ? open_temporary(l) : -errno;
}

int local_open(const char *path, struct local **ret)
{
	struct local *l = calloc(1, sizeof(*l));
	int r = 0;

	if (!l)
		return -ENOMEM;
	l->fd = -1;
	if (strcmp(path, "-") == 0)
		l->fd = STDOUT_FILENO;
	else
		r = open_path(l, path);
	if (r < 0) {
		local_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

int local_write(struct local *l, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = write(l->fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int give_name(struct local *l)
{
	char own[64];

	if (l->named)
		return 0;
	(void)snprintf(own, sizeof(own), "/proc/self/fd/%d", l->fd);
	if (linkat(AT_FDCWD, own, AT_FDCWD, l->temporary, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	l->named = true;
	return 0;
}

static int sync_folder(const char *path)
{
	char *folder = folder_of(path);
	int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		(void)close(fd);
	free(folder);
	/* Some file systems cannot sync a folder, and some folders may be written but not read. */
	return r == -EINVAL || r == -EACCES ? 0 : r;
}

int local_commit(struct local *l)
{
	int r;

	if (!l->path)
		return 0;
	if (fchmod(l->fd, l->mode) < 0 || fsync(l->fd) < 0)
		return -errno;
	r = give_name(l);
	if (r == 0 && rename(l->temporary, l->path) < 0)
		r = -errno;
	if (r < 0)
		return r;
	l->named = false;
	return sync_folder(l->path);
}

void local_free(struct local *l)
{
	if (!l)
		return;
	if (l->named && l->temporary)
		(void)unlink(l->temporary);
	if (l->owned && l->fd >= 0)
		(void)close(l->fd);
	free(l->path);
	free(l->temporary);
	free(l);
}
