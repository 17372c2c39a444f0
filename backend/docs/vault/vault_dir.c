#include "backend/docs/vault/vault_dir.h"

#include "common/base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A file is renamed to its name when its bytes are on the disk, so a file that exists in the right size was
 * complete when it was written. Waiting for the disk once for each of many small files would take most of a
 * backup's time. So some hundred files are written under temporary names first, then one syncfs writes all of
 * them to the disk, then they are renamed. A crash leaves files that end in VAULT_DIR_NEW.
 */

#define PATH_SIZE (4096 + VAULT_NAME_SIZE)
#define NEW_SIZE (VAULT_NAME_SIZE + 32)

struct pending {
	char name[VAULT_NAME_SIZE];
	uint64_t number;
};

struct vault_dir {
	struct vault base;
	int folder;
	char path[4096];
	pthread_mutex_t lock; /* guards all below */
	uint64_t number;      /* of the last file that was written */
	struct pending *pending;
	size_t pending_count;
	uint64_t pending_bytes;
};

static void new_name(const char *name, uint64_t number, char ret[NEW_SIZE])
{
	(void)snprintf(ret, NEW_SIZE, "%s.%" PRIu64 VAULT_DIR_NEW, name, number);
}

static int vault_dir_has(struct vault *v, const char *name, uint64_t size)
{
	const struct vault_dir *d = (const struct vault_dir *)v;
	struct stat s;

	if (fstatat(d->folder, name, &s, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return S_ISREG(s.st_mode) && (uint64_t)s.st_size == size;
}

/* ---- put ---- */

static int make_folders(const struct vault_dir *d, const char *name)
{
	char path[NEW_SIZE];

	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)snprintf(path, sizeof(path), "%.*s", (int)(slash - name), name);
		if (mkdirat(d->folder, path, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int open_new(const struct vault_dir *d, const char *name)
{
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(d->folder, name, flags, 0600), r;

	if (fd >= 0 || errno != ENOENT)
		return fd >= 0 ? fd : -errno;
	r = make_folders(d, name);
	if (r < 0)
		return r;
	fd = openat(d->folder, name, flags, 0600);
	return fd >= 0 ? fd : -errno;
}

static int write_new(const struct vault_dir *d, const char *name, struct span bytes)
{
	int fd = open_new(d, name), r;

	if (fd < 0)
		return fd;
	r = file_write_all(fd, bytes);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(d->folder, name, 0);
	return r;
}

static int name_all(const struct vault_dir *d, const struct pending *pending, size_t count)
{
	char from[NEW_SIZE];
	int r = syncfs(d->folder) < 0 ? -errno : 0;

	for (size_t i = 0; i < count; i++) {
		new_name(pending[i].name, pending[i].number, from);
		if (r == 0 && renameat(d->folder, from, d->folder, pending[i].name) < 0)
			r = -errno;
		if (r < 0)
			(void)unlinkat(d->folder, from, 0);
	}
	return r;
}

static bool is_due(const struct vault_dir *d, bool all)
{
	assert(d->pending_count <= VAULT_DIR_PENDING_MAX);
	return d->pending_count > 0 &&
		(all || d->pending_count == VAULT_DIR_PENDING_MAX || d->pending_bytes >= VAULT_DIR_PENDING_BYTES_MAX);
}

/* The thread that fills the list takes it, and waits for the disk; other threads begin a new list meanwhile. */
static int name_pending(struct vault_dir *d, bool all)
{
	struct pending *taken = NULL;
	size_t count = 0;
	int r = 0;

	pthread_mutex_lock(&d->lock);
	if (is_due(d, all)) {
		struct pending *fresh = calloc(VAULT_DIR_PENDING_MAX, sizeof(*fresh));

		r = fresh ? 0 : -ENOMEM;
		if (fresh) {
			taken = d->pending;
			count = d->pending_count;
			d->pending = fresh;
			d->pending_count = 0;
			d->pending_bytes = 0;
		}
	}
	pthread_mutex_unlock(&d->lock);
	if (taken)
		r = name_all(d, taken, count);
	free(taken);
	return r;
}

static bool add_pending(struct vault_dir *d, const char *name, uint64_t number, size_t size)
{
	bool added;

	pthread_mutex_lock(&d->lock);
	added = d->pending_count < VAULT_DIR_PENDING_MAX;
	if (added) {
		struct pending *p = &d->pending[d->pending_count++];

		p->number = number;
		(void)snprintf(p->name, sizeof(p->name), "%s", name);
		d->pending_bytes += size;
	}
	pthread_mutex_unlock(&d->lock);
	return added;
}

static int vault_dir_put(struct vault *v, const char *name, struct span bytes)
{
	struct vault_dir *d = (struct vault_dir *)v;
	char path[NEW_SIZE];
	uint64_t number;
	int r;

	if (strlen(name) >= VAULT_NAME_SIZE)
		return -ENAMETOOLONG;
	pthread_mutex_lock(&d->lock);
	number = ++d->number;
	pthread_mutex_unlock(&d->lock);
	new_name(name, number, path);
	r = write_new(d, path, bytes);
	if (r < 0)
		return r;
	while (r == 0 && !add_pending(d, name, number, bytes.size))
		r = name_pending(d, false); /* other threads were faster, and the list is full again */
	if (r == 0)
		return name_pending(d, false);
	(void)unlinkat(d->folder, path, 0); /* the file is not on the list */
	return r;
}

static int vault_dir_sync(struct vault *v)
{
	struct vault_dir *d = (struct vault_dir *)v;
	int r = name_pending(d, true);

	return r == 0 && syncfs(d->folder) < 0 ? -errno : r;
}

/* ---- the rest ---- */

static int vault_dir_get(struct vault *v, const char *name, struct buf *ret)
{
	const struct vault_dir *d = (const struct vault_dir *)v;
	char path[PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s", d->path, name);
	return file_read(path, VAULT_BYTES_MAX, false, ret);
}

static int vault_dir_remove(struct vault *v, const char *name)
{
	const struct vault_dir *d = (const struct vault_dir *)v;

	return unlinkat(d->folder, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int vault_dir_each(struct vault *v, const char *prefix, vault_on_name on_name, void *cookie)
{
	struct vault_dir *d = (struct vault_dir *)v;
	char *const paths[] = {d->path, NULL};
	FTS *all = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	int r = all ? 0 : -errno;

	for (FTSENT *e = all ? fts_read(all) : NULL; r == 0 && e; e = fts_read(all)) {
		const char *name = e->fts_path + strlen(d->path) + 1;

		if (e->fts_info == FTS_F && strncmp(name, prefix, strlen(prefix)) == 0)
			r = on_name(name, cookie);
		else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
			r = -e->fts_errno;
	}
	if (all)
		(void)fts_close(all);
	return r;
}

static void vault_dir_free(struct vault *v)
{
	struct vault_dir *d = (struct vault_dir *)v;
	char path[NEW_SIZE];

	if (!d)
		return;
	/* Without a sync, put has promised nothing about these files. */
	for (size_t i = 0; d->pending && i < d->pending_count; i++) {
		new_name(d->pending[i].name, d->pending[i].number, path);
		(void)unlinkat(d->folder, path, 0);
	}
	if (d->folder >= 0)
		(void)close(d->folder);
	pthread_mutex_destroy(&d->lock);
	free(d->pending);
	free(d);
}

static const struct vault_ops vault_dir_ops = {
	.has = vault_dir_has,
	.put = vault_dir_put,
	.get = vault_dir_get,
	.remove = vault_dir_remove,
	.each = vault_dir_each,
	.sync = vault_dir_sync,
	.free = vault_dir_free,
};

int vault_dir_new(const char *folder, struct vault **ret)
{
	struct vault_dir *d = calloc(1, sizeof(*d));
	int r = d ? 0 : -ENOMEM;

	if (!d)
		return r;
	d->base.ops = &vault_dir_ops;
	pthread_mutex_init(&d->lock, NULL);
	d->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->folder < 0)
		r = -errno;
	if (r == 0 && snprintf(d->path, sizeof(d->path), "%s", folder) >= (int)sizeof(d->path))
		r = -ENAMETOOLONG;
	d->pending = calloc(VAULT_DIR_PENDING_MAX, sizeof(*d->pending));
	if (r == 0 && !d->pending)
		r = -ENOMEM;
	if (r < 0) {
		vault_dir_free(&d->base);
		return r;
	}
	*ret = &d->base;
	return 0;
}
