/*
 * Blocks as files: DIR/ab/cd/DRIVE-SHA256-GENERATION, where abcd begins the hash. Two levels of 256 keep folders small up to some ten million blocks.
 *
 * A block is written to DIR/new under a name nobody else uses, synced, then renamed without replacing, and the folder synced: whoever sees the file sees all of it, also after
 * a crash. What a crash leaves in DIR/new is removed by the next start once it is an hour old (other instances write there too).
 * Every step is relative to an open folder and never follows a symlink; names are made of numbers and hex digits only.
 */
#include "backend/docs/block_store.h"

#include "common/base/clock.h"
#include "common/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BLOCK_FILE_SIZE 112 /* 10 + 1 + 64 + 1 + 19 and NUL, rounded up */
#define NEW_FOLDER "new"
#define LEFTOVER_S 3600 /* no upload of one block takes an hour */

struct block_dir {
	struct block_store base;
	int root, fresh; /* DIR and DIR/new */
	_Atomic unsigned counter;
	char run[17]; /* of this process, so that two never choose the same temporary name */
};

static void file_name(const struct block_name *name, char *ret)
{
	char hex[65];

	text_hex(name->sha256, sizeof(name->sha256), hex);
	snprintf(ret, BLOCK_FILE_SIZE, "%" PRIu32 "-%s-%" PRId64, name->drive, hex, name->generation);
}

/* Opens the folder `name` in `parent`; makes it durably when told to. */
static int open_folder(int parent, const char *name, bool make)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd >= 0 ? fd : -errno;
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (fsync(parent) < 0)
		return -errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

/* The folder of a block. -ENOENT: not made yet. */
static int block_folder(struct block_dir *d, const struct block_name *name, bool make)
{
	char level[3];
	int outer, inner;

	text_hex(name->sha256, 1, level);
	outer = open_folder(d->root, level, make);
	if (outer < 0)
		return outer;
	text_hex(name->sha256 + 1, 1, level);
	inner = open_folder(outer, level, make);
	close(outer);
	return inner;
}

/* What callers can act on: there is no room, or the disk fails. */
static int write_error(int error)
{
	return error == EFBIG || error == EDQUOT || error == ENOSPC ? -ENOSPC : error == ENOMEM ? -ENOMEM : -EIO;
}

static int write_all(int fd, struct span bytes)
{
	while (bytes.size > 0) {
		ssize_t n = write(fd, bytes.data, bytes.size);

		if (n < 0 && errno != EINTR)
			return write_error(errno);
		if (n > 0)
			bytes = span_of(bytes.data + n, bytes.size - (size_t)n);
	}
	return fdatasync(fd) < 0 ? write_error(errno) : 0;
}

static int write_fresh(struct block_dir *d, const char *fresh_name, struct span bytes)
{
	int fd = openat(d->fresh, fresh_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return write_error(errno);
	r = write_all(fd, bytes);
	if (close(fd) < 0 && r == 0)
		r = write_error(errno);
	return r;
}

/* Gives the file its final name, never over another one. */
static int publish(struct block_dir *d, const char *fresh_name, int folder, const char *name)
{
	if (renameat2(d->fresh, fresh_name, folder, name, RENAME_NOREPLACE) == 0)
		return fsync(folder) < 0 ? -EIO : 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno == EEXIST ? -EEXIST : write_error(errno);
	/* File systems without RENAME_NOREPLACE: a link does not replace either. */
	if (linkat(d->fresh, fresh_name, folder, name, 0) < 0)
		return errno == EEXIST ? -EEXIST : write_error(errno);
	(void)unlinkat(
		d->fresh, fresh_name, 0); /* a second name of the same bytes does no harm, and goes at the next start */
	return fsync(folder) < 0 ? -EIO : 0;
}

static int dir_put(struct block_store *s, const struct block_name *name, struct span bytes)
{
	struct block_dir *d = (struct block_dir *)s;
	char final_name[BLOCK_FILE_SIZE], fresh_name[48];
	int folder = block_folder(d, name, true);
	int r;

	if (folder < 0)
		return write_error(-folder);
	file_name(name, final_name);
	snprintf(fresh_name, sizeof(fresh_name), "%s-%u", d->run, atomic_fetch_add(&d->counter, 1));
	r = write_fresh(d, fresh_name, bytes);
	if (r == 0)
		r = publish(d, fresh_name, folder, final_name);
	if (r < 0)
		(void)unlinkat(d->fresh, fresh_name, 0);
	close(folder);
	return r;
}

static int read_at(int fd, uint32_t from, char *data, uint32_t size, uint32_t *ret_size)
{
	uint32_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, data + done, size - done, (off_t)from + done);

		if (n < 0 && errno != EINTR)
			return -EIO;
		if (n == 0)
			break;
		if (n > 0)
			done += (uint32_t)n;
	}
	*ret_size = done;
	return 0;
}

/* DIR/ab/cd/FILE from DIR: only we make what lies below it, so one path does what three steps would. */
#define BLOCK_PATH_SIZE (BLOCK_FILE_SIZE + 8)
static void block_path(const struct block_name *name, char *ret)
{
	char hex[5], file[BLOCK_FILE_SIZE];

	text_hex(name->sha256, 2, hex);
	file_name(name, file);
	snprintf(ret, BLOCK_PATH_SIZE, "%.2s/%.2s/%s", hex, hex + 2, file);
}

static int open_error(int error)
{
	return error == ENOENT || error == EMFILE || error == ENFILE || error == ENOMEM ? -error : -EIO;
}

/* budget: the vtable's form */
static int dir_get(struct block_store *s, const struct block_name *name, uint32_t from, void *data, uint32_t size,
	uint32_t *ret_size)
{
	struct block_dir *d = (struct block_dir *)s;
	char path[BLOCK_PATH_SIZE];
	int fd, r;

	block_path(name, path);
	fd = openat(d->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return open_error(errno);
	r = read_at(fd, from, data, size, ret_size);
	close(fd);
	return r;
}

static int dir_size(struct block_store *s, const struct block_name *name, uint32_t *ret)
{
	struct block_dir *d = (struct block_dir *)s;
	char path[BLOCK_PATH_SIZE];
	struct stat st;

	block_path(name, path);
	if (fstatat(d->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return open_error(errno);
	*ret = (uint32_t)st.st_size;
	return 0;
}

static int dir_remove(struct block_store *s, const struct block_name *name)
{
	struct block_dir *d = (struct block_dir *)s;
	char file[BLOCK_FILE_SIZE];
	int folder = block_folder(d, name, false);
	int r = 0;

	if (folder < 0)
		return folder == -ENOENT ? 0 : -EIO;
	file_name(name, file);
	if (unlinkat(folder, file, 0) < 0 && errno != ENOENT)
		r = -EIO;
	close(folder);
	return r;
}

static int dir_free_bytes(struct block_store *s, int64_t *ret)
{
	struct block_dir *d = (struct block_dir *)s;
	struct statvfs fs;

	if (fstatvfs(d->root, &fs) < 0)
		return -EIO;
	*ret = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	return 0;
}

static void dir_free(struct block_store *s)
{
	struct block_dir *d = (struct block_dir *)s;

	if (!d)
		return;
	if (d->fresh >= 0)
		close(d->fresh);
	if (d->root >= 0)
		close(d->root);
	free(d);
}

static void remove_when_old(int folder, const char *name, int64_t now_s)
{
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		now_s - st.st_mtime > LEFTOVER_S)
		(void)unlinkat(folder, name, 0); /* the next start tries again */
}

static int remove_leftovers(struct block_dir *d)
{
	int64_t now_s = clock_real_ns() / NS_PER_S;
	int fd = openat(d->fresh, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	while ((entry = readdir(dir)))
		remove_when_old(d->fresh, entry->d_name, now_s);
	closedir(dir);
	return 0;
}

static const struct block_store_ops block_dir_ops = {
	.put = dir_put,
	.get = dir_get,
	.size = dir_size,
	.remove = dir_remove,
	.free_bytes = dir_free_bytes,
	.free = dir_free,
};

int block_dir_new(const char *path, struct block_store **ret)
{
	struct block_dir *d = calloc(1, sizeof(*d));
	int r = -ENOMEM;

	if (!d)
		return r;
	d->base.ops = &block_dir_ops;
	d->root = d->fresh = -1;
	r = text_random_hex(8, d->run);
	if (r < 0)
		goto out;
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		r = -errno;
		goto out;
	}
	d->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->root < 0) {
		r = -errno;
		goto out;
	}
	d->fresh = open_folder(d->root, NEW_FOLDER, true);
	r = d->fresh < 0 ? d->fresh : remove_leftovers(d);
	if (r < 0)
		goto out;
	*ret = &d->base;
	d = NULL;
out:
	dir_free(d ? &d->base : NULL);
	return r;
}
