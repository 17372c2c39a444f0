/*
 * Blocks as files: DIR/ab/cd/DRIVE-SHA256-GENERATION, where abcd begins the hash. Two levels of 256 keep folders
 * small up to some ten million blocks.
 *
 * A block is written to DIR/new under a name that nobody else uses, synced, then renamed without replacing, and
 * the folder is synced: a reader that sees the file sees all of it, also after a crash. Files that a crash
 * leaves in DIR/new are removed once they are an hour old (other instances write there too), at the start and by
 * each pass of `each`.
 *
 * A folder that exists need not be durable: another thread or process may have made it a moment ago, or its
 * maker may have failed to sync the parent. So the first use of a folder in this process syncs the parent; if
 * that fails, the next use does it again, before a block in the folder counts as stored. Every step is relative
 * to an open folder and never follows a symlink; names consist of numbers and hex digits only.
 */
#include "backend/docs/blocks/block_store.h"
#include "backend/docs/blocks/block_name.h"
#include "backend/docs/blocks/spool.h"

#include "common/base/clock.h"
#include "common/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NEW_FOLDER "new"
#define LEFTOVER_S 3600 /* no upload of one block takes an hour */

#define OUTER_FOLDERS 256
#define FOLDERS (OUTER_FOLDERS * 256)

struct block_dir {
	struct block_store base;
	int root, fresh; /* DIR and DIR/new */
	_Atomic unsigned counter;
	atomic_uint durable[(FOLDERS + OUTER_FOLDERS) /
		32];  /* one bit for each folder whose name this process has synced: first inner, then outer ones */
	char run[17]; /* random text of this process, so that two processes never choose the same temporary name */
};

static int open_folder(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

/* The same; makes the folder when it does not exist. */
static int make_folder(int parent, const char *name)
{
	int fd = open_folder(parent, name);

	if (fd != -ENOENT)
		return fd;
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	return open_folder(parent, name);
}

/* n: the number of its bit in d->durable. */
static int make_durable_folder(struct block_dir *d, int parent, const char *name, unsigned n)
{
	const unsigned bit = 1u << n % 32;
	int fd = make_folder(parent, name);

	if (fd < 0 || (atomic_load(&d->durable[n / 32]) & bit))
		return fd;
	if (fsync(parent) < 0) {
		close(fd);
		return -EIO;
	}
	(void)atomic_fetch_or(&d->durable[n / 32], bit);
	return fd;
}

/* Opens the folder of a block. -ENOENT: not made yet. */
static int block_folder(struct block_dir *d, const struct block_name *name, bool make)
{
	const unsigned outer_n = name->sha256[0], inner_n = outer_n * OUTER_FOLDERS + name->sha256[1];
	char level[3];
	int outer, inner;

	text_hex(name->sha256, 1, level);
	outer = make ? make_durable_folder(d, d->root, level, FOLDERS + outer_n) : open_folder(d->root, level);
	if (outer < 0)
		return outer;
	text_hex(name->sha256 + 1, 1, level);
	inner = make ? make_durable_folder(d, outer, level, inner_n) : open_folder(outer, level);
	close(outer);
	return inner;
}

/* Maps to errors that callers can act on: no room, or the disk fails. */
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
static int name_block(struct block_dir *d, const char *fresh_name, int folder, const char *name)
{
	if (renameat2(d->fresh, fresh_name, folder, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno == EEXIST ? -EEXIST : write_error(errno);
	/* For file systems without RENAME_NOREPLACE: a link does not replace either. */
	if (linkat(d->fresh, fresh_name, folder, name, 0) < 0)
		return errno == EEXIST ? -EEXIST : write_error(errno);
	/* a second name of the same file does no harm, and is removed later */
	(void)unlinkat(d->fresh, fresh_name, 0);
	return 0;
}

static int publish(struct block_dir *d, const char *fresh_name, int folder, const char *name)
{
	int r = name_block(d, fresh_name, folder, name);

	if (r == 0 && fsync(folder) < 0) {
		/* The block is not stored, and nobody will refer to it. */
		(void)unlinkat(folder, name, 0);
		r = -EIO;
	}
	return r;
}

#define FRESH_NAME_SIZE 48
static void fresh_name_of(struct block_dir *d, char ret[FRESH_NAME_SIZE])
{
	(void)snprintf(ret, FRESH_NAME_SIZE, "%s-%u", d->run, atomic_fetch_add(&d->counter, 1));
}

static int dir_put(struct block_store *s, const struct block_name *name, struct span bytes)
{
	struct block_dir *d = (struct block_dir *)s;
	char final_name[BLOCK_NAME_SIZE], fresh_name[FRESH_NAME_SIZE];
	int folder = block_folder(d, name, true);
	int r;

	if (folder < 0)
		return write_error(-folder);
	block_name_format(name, final_name);
	fresh_name_of(d, fresh_name);
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

/* Makes the path DIR/ab/cd/FILE, relative to DIR. Only this program makes what lies below DIR, so one path can
 * replace three steps. */
#define BLOCK_PATH_SIZE (BLOCK_NAME_SIZE + 8)
static void block_path(const struct block_name *name, char *ret)
{
	char hex[5], file[BLOCK_NAME_SIZE];

	text_hex(name->sha256, 2, hex);
	block_name_format(name, file);
	snprintf(ret, BLOCK_PATH_SIZE, "%.2s/%.2s/%s", hex, hex + 2, file);
}

static int open_error(int error)
{
	return error == ENOENT || error == EMFILE || error == ENFILE || error == ENOMEM ? -error : -EIO;
}

/* budget: the signature is that of block_store.h */
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
	char file[BLOCK_NAME_SIZE];
	int folder = block_folder(d, name, false);
	int r = 0;

	if (folder < 0)
		return folder == -ENOENT ? 0 : -EIO;
	block_name_format(name, file);
	if (unlinkat(folder, file, 0) < 0 && errno != ENOENT)
		r = -EIO;
	close(folder);
	return r;
}

static int dir_spool(struct block_store *s)
{
	return spool_open(((struct block_dir *)s)->fresh);
}

static int dir_free_bytes(struct block_store *s, int64_t *ret, int64_t *ret_total)
{
	struct block_dir *d = (struct block_dir *)s;
	struct statvfs fs;

	if (fstatvfs(d->root, &fs) < 0)
		return -EIO;
	*ret = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	*ret_total = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
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
		(void)unlinkat(folder, name, 0); /* the next call tries again */
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

/* ---- walking through all blocks ---- */

struct visit {
	int64_t before_s; /* only files that were written before this time are passed on */
	block_store_on_name on_name;
	void *cookie;
};

static int visit_folder(int fd, const struct visit *v)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	struct block_name name;
	struct stat st;
	int r = 0;

	if (!dir) {
		close(fd);
		return -EIO;
	}
	while (r == 0 && (entry = readdir(dir))) {
		if (!block_name_parse(entry->d_name, &name) ||
			fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(st.st_mode) && st.st_mtime < v->before_s)
			r = v->on_name(&name, v->cookie);
	}
	closedir(dir);
	return r;
}

/* -ENOENT: that folder does not exist; if its parent does not exist either, *n is moved to the parent's last
 * folder. */
static int open_numbered(struct block_dir *d, uint32_t *n)
{
	char level[3];
	uint8_t byte = (uint8_t)(*n / OUTER_FOLDERS);
	int outer, inner;

	text_hex(&byte, 1, level);
	outer = open_folder(d->root, level);
	if (outer < 0) {
		*n |= OUTER_FOLDERS - 1;
		return outer;
	}
	byte = (uint8_t)(*n % OUTER_FOLDERS);
	text_hex(&byte, 1, level);
	inner = open_folder(outer, level);
	close(outer);
	return inner;
}

/* budget: the signature is that of block_store.h */
static int dir_each(struct block_store *s, uint32_t *folder, int64_t older_s, block_store_on_name on_name, void *cookie)
{
	struct block_dir *d = (struct block_dir *)s;
	const struct visit visit = {clock_real_ns() / NS_PER_S - older_s, on_name, cookie};

	if (*folder == 0)
		(void)remove_leftovers(d); /* the next pass tries again */
	while (*folder < FOLDERS) {
		int fd = open_numbered(d, folder);

		++*folder;
		if (fd == -ENOENT)
			continue;
		return fd < 0 ? -EIO : visit_folder(fd, &visit);
	}
	*folder = 0;
	return 0;
}

static const struct block_store_ops block_dir_ops = {
	.put = dir_put,
	.get = dir_get,
	.size = dir_size,
	.remove = dir_remove,
	.each = dir_each,
	.spool = dir_spool,
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
	d->fresh = make_folder(d->root, NEW_FOLDER);
	r = d->fresh < 0 ? d->fresh : remove_leftovers(d);
	if (r < 0)
		goto out;
	*ret = &d->base;
	d = NULL;
out:
	dir_free(d ? &d->base : NULL);
	return r;
}
