/*
 * mount_mem: mounts drives that exist in memory only. It runs the code above the store interface with real programs,
 * and without a store.
 *
 *   mount_mem DIR [DIR2]      two directories are two mounts of the same drive
 *   MOUNT_MEM_QUOTA=BYTES
 *
 * On SIGUSR1 it prints how many requests the store got so far. It serves until SIGINT or SIGTERM, or until every
 * directory is unmounted.
 */
#define FUSE_USE_VERSION 314
#include "common/base/log.h"
#include "fusefs/ops/follow.h"
#include "fusefs/mount/kernel.h"
#include "fusefs/ops/fs.h"
#include "fusefs/ops/ops.h"
#include "fusefs/ops/session_loop.h"
#include "fusefs/store/testing/mem.h"

#include <fuse_lowlevel.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CACHE_BYTES (256u * 1024 * 1024)

struct mount_mem {
	struct store *store;
	struct oplog *oplog;
	struct fs *fs;
	const char *dir;
	struct fuse_session *session;
	struct session_loop *loop;
	struct follow *follow;
};

static void on_changes(void *cookie, const struct store_changes *changes, int64_t sent_ns)
{
	fs_on_changes(((struct mount_mem *)cookie)->fs, changes, sent_ns);
}

static bool in_use(void *cookie)
{
	return fs_in_use(((struct mount_mem *)cookie)->fs);
}

static size_t held(void *cookie, int64_t *ids, size_t max)
{
	return fs_held(((struct mount_mem *)cookie)->fs, ids, max);
}

static void wake(void *cookie)
{
	follow_wake(cookie);
}

static void on_end(void *cookie)
{
	(void)cookie;
	(void)kill(getpid(), SIGTERM);
}

static int up(struct mount_mem *m, struct mem_drive *drive, const char *dir)
{
	/* For a mount on a block device, of which nothing is used, the kernel forwards syncfs(2). */
	const char *device = getenv("MOUNT_MEM_DEVICE");
	char list[256];
	char *argv[] = {(char *)"mount_mem", (char *)"-o", list, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct fs_options options = {.root_mode = true, .follows = true, .cache_bytes = CACHE_BYTES};
	struct follow_options follow = {.on_changes = on_changes, .in_use = in_use, .held = held, .cookie = m};

	(void)snprintf(list, sizeof(list), "default_permissions,allow_other,subtype=nephos,fsname=%s%s",
		device ? device : "memory", device ? ",blkdev" : "");
	if (mem_store_new(drive, &m->store) < 0 || oplog_new(m->store, &m->oplog) < 0)
		return -1;
	options.store = follow.store = m->store;
	options.oplog = m->oplog;
	follow.since.incarnation = 1;
	if (fs_new(&options, &m->fs) < 0)
		return -1;
	m->dir = dir;
	m->session = fuse_session_new(&args, ops_table(), sizeof(struct fuse_lowlevel_ops), m->fs);
	fuse_opt_free_args(&args);
	if (!m->session || fuse_session_mount(m->session, dir) != 0)
		return -1;
	if (fs_attach(m->fs, m->session) < 0 || session_loop_start(m->session, on_end, m, &m->loop) < 0 ||
		follow_new(&follow, &m->follow) < 0)
		return -1;
	fs_set_waker(m->fs, wake, m->follow);
	(void)kernel_set_read_ahead(dir, fuse_session_fd(m->session));
	return 0;
}

static void down(struct mount_mem *m)
{
	int r;

	if (!m->fs)
		return;
	r = fs_flush_all(m->fs, 5000);
	if (r < 0)
		fprintf(stderr, "not everything was stored: %d\n", r);
	(void)kernel_unmount(m->dir, true, fuse_session_fd(m->session));
	session_loop_stop(m->loop);
	fs_set_waker(m->fs, NULL, NULL);
	follow_free(m->follow);
	(void)oplog_drain(m->oplog, 5000, NULL);
	fs_free(m->fs);
	oplog_free(m->oplog);
	fuse_session_unmount(m->session);
	fuse_session_destroy(m->session);
	m->store->ops->free(m->store);
}

static void print_counts(struct mem_drive *drive)
{
	struct mem_counts c;

	mem_drive_counts(drive, &c);
	fprintf(stderr,
		"asked: lookups %llu items %llu children %llu extents %llu xattrs %llu block_gets %llu block_puts %llu batches %llu ops %llu polls %llu\n",
		(unsigned long long)c.lookups, (unsigned long long)c.items, (unsigned long long)c.children,
		(unsigned long long)c.extents, (unsigned long long)c.xattrs, (unsigned long long)c.block_gets,
		(unsigned long long)c.block_puts, (unsigned long long)c.batches, (unsigned long long)c.ops,
		(unsigned long long)c.polls);
}

int main(int argc, char **argv)
{
	const char *quota = getenv("MOUNT_MEM_QUOTA");
	struct mount_mem mounts[2] = {0};
	struct mem_drive *drive;
	sigset_t signals;
	int caught, r = 0;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: mount_mem DIR [DIR2]\n");
		return 2;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	log_init("mount_mem", LOG_INFO, STDERR_FILENO);
	/* NOLINTNEXTLINE(cert-err34-c): a size from the test */
	if (mem_drive_new(1, quota ? atoll(quota) : 0, &drive) < 0)
		return 1;
	for (int i = 1; i < argc && r == 0; i++)
		r = up(&mounts[i - 1], drive, argv[i]);
	while (r == 0 && sigwait(&signals, &caught) == 0 && caught == SIGUSR1)
		print_counts(drive);
	for (int i = 0; i < 2; i++)
		down(&mounts[i]);
	mem_drive_free(drive);
	return r == 0 ? 0 : 1;
}
