#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP_BYTES 4096u /* bytes per read: the files are small, and st_size is not trusted */

/* Whether nobody may do more than read. */
static bool has_mode_of_secret(const struct stat *st)
{
	const mode_t reading = S_IRUSR | S_IRGRP | S_IROTH;

	return (st->st_mode & ALLPERMS & ~reading) == 0;
}

/* Whether mode and owner suit a secret; see file_read. */
static bool is_kept(const struct stat *st)
{
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return true;
	return has_mode_of_secret(st) && (st->st_uid == 0 || st->st_uid == geteuid());
}

static int file_check(int fd, bool secret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return secret && !is_kept(&st) ? -EPERM : 0;
}

const char *file_readers(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || (st.st_mode & (S_IRGRP | S_IROTH)) == 0)
		return NULL;
	return st.st_mode & S_IROTH ? "everybody on this machine" : "the group of the file";
}

const char *file_secret_fault(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && has_mode_of_secret(&st))
		return "belongs to another user, who can change it: chown it, or use a copy with mode 600";
	return "can be read by others: chmod 600 it";
}

/* Reads to the end of the file. -EFBIG: it has more than max bytes. */
static int file_read_all(int fd, size_t max, struct buf *ret)
{
	char step[READ_STEP_BYTES];
	size_t total = 0;

	for (;;) {
		ssize_t n = read(fd, step, sizeof(step));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if ((size_t)n > max - total)
			return -EFBIG;
		r = buf_append(ret, step, (size_t)n);
		if (r < 0 || n == 0)
			return r;
		total += (size_t)n;
	}
}

int file_read(const char *path, size_t max, bool secret, struct buf *ret)
{
	size_t start = ret->size;
	/* Non-blocking, so that a fifo is refused; without the flag, open would wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return -errno;
	r = file_check(fd, secret);
	if (r == 0)
		r = file_read_all(fd, max, ret);
	if (r < 0 && ret->data) {
		ret->size = start;
		ret->data[start] = '\0';
	}
	(void)close(fd); /* opened for reading only: a failure loses nothing */
	return r;
}

int file_write_all(int fd, struct span s)
{
	while (s.size > 0) {
		ssize_t n = write(fd, s.data, s.size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			s = span_of(s.data + n, s.size - (size_t)n);
	}
	return 0;
}

/* Writes the content to the disk and sets the mode, under the file's present name. Closes fd. */
static int file_fill_take(int fd, mode_t mode, struct span content)
{
	int r = file_write_all(fd, content);

	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static int folder_sync(const char *path)
{
	char *copy = strdup(path); /* dirname modifies its argument */
	int fd, r = 0;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		r = -errno;
	if (fd >= 0)
		(void)close(fd);
	free(copy);
	return r;
}

int file_write_atomic(const char *path, mode_t mode, struct span content)
{
	char *temporary = NULL;
	int fd, r;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600: a secret is never readable by others meanwhile */
	if (fd < 0) {
		r = -errno;
		goto out;
	}
	r = file_fill_take(fd, mode, content);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(temporary);
	else
		r = folder_sync(path);
out:
	free(temporary);
	return r;
}
