#define FUSE_USE_VERSION 314
#include "fusefs/mount/mount_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "fusefs/mount/kernel.h"
#include "fusefs/ops/ops.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/*
 * Parts are stopped in reverse order of their start, under one rule: a part that answers requests must exist as long
 * as requests may come. So while the kernel unmounts, everything still runs. Afterwards there are no more requests,
 * and what is left is stored. Then the store is made quiet, so that it calls back no part that has been freed.
 */

#define DRAIN_MS 30000	    /* for all steps of storing together: long enough for a failover of the database */
#define DRAIN_LEAST_MS 1000 /* of that time, for each step at least */
#define UNMOUNT_MS 10000    /* from the kernel's unmount to the end of the session */
#define BUSY_MS 3000	    /* for a mount that is in use: then it is detached from its users */

/* ---- up ---- */

static void on_changes(void *cookie, const struct store_changes *changes, int64_t sent_ns)
{
	fs_on_changes(((struct mount *)cookie)->fs, changes, sent_ns);
}

static bool in_use(void *cookie)
{
	return fs_in_use(((struct mount *)cookie)->fs);
}

static size_t held(void *cookie, int64_t *ids, size_t max)
{
	return fs_held(((struct mount *)cookie)->fs, ids, max);
}

static void on_end(void *cookie)
{
	const uint64_t one = 1;

	/* The write cannot fail, as the counter of ended cannot be full. */
	if (write(((struct mount *)cookie)->ended, &one, sizeof(one)) < 0)
		log_error(NULL, "the end of the session cannot be told: %s", error_lookup(errno)->title);
}

static int open_store(struct mount *m, struct buf *ret_why)
{
	const struct mount_options *o = m->o;
	char host[256] = "", name[1024];
	struct store_http_options options = {
		.urls = (const char *const *)o->urls,
		.url_count = o->url_count,
		.drive = o->drive ? o->drive : "home",
		.token = o->token,
		.name = name,
		.metrics = m->metrics,
	};

	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(name, sizeof(name), "%s:%s", host, text_is_utf8(span_str(m->directory)) ? m->directory : "");
	return store_http_new(&options, &m->store, &m->drive, ret_why);
}

static int make_fs(struct mount *m)
{
	const struct mount_options *o = m->o;
	struct fs_options options = {
		.store = m->store,
		.root = m->drive.root,
		.bare_at = m->drive.bare ? m->drive.at.seq : -1,
		/* With one owner for all files, no stored owners are shown. */
		.root_mode = geteuid() == 0 && !o->has_uid && !o->has_gid,
		.uid = o->has_uid ? o->uid : geteuid(),
		.gid = o->has_gid ? o->gid : getegid(),
		.cache_bytes = o->cache_bytes,
		.kept_bytes = o->kept_bytes,
		.has_masks = true,
		.file_mask = o->file_mask,
		.folder_mask = o->folder_mask,
		.local_locks = o->local_locks,
		.shared = true,
		.follows = true,
		.metrics = m->metrics,
	};
	int r = oplog_new(m->store, &m->oplog);

	options.oplog = m->oplog;
	return r < 0 ? r : fs_new(&options, &m->fs);
}

static bool says(const struct mount_options *o, const char *option)
{
	return o->fuse.data && strstr(o->fuse.data, option);
}

static int make_session(struct mount *m)
{
	const struct mount_options *o = m->o;
	bool others = o->allow_other || geteuid() == 0;
	struct buf list;
	int r;

	buf_init(&list, 2 * PATH_BYTES_MAX);
	/* noatime, so that the kernel shows the truth: reading changes no access time. */
	r = buf_printf(
		&list, "default_permissions,noatime%s%s", others ? ",allow_other" : "", o->read_only ? ",ro" : "");
	if (r == 0 && !says(o, "fsname="))
		r = buf_printf(&list, ",fsname=%s", o->urls[0]);
	if (r == 0 && !says(o, "subtype="))
		r = buf_append_str(&list, ",subtype=nephos");
	if (r == 0 && o->fuse.size > 0)
		r = buf_printf(&list, ",%s", o->fuse.data);
	if (r == 0) {
		char *argv[] = {(char *)"nephos", (char *)"-o", list.data, NULL};
		struct fuse_args args = FUSE_ARGS_INIT(3, argv);

		m->session = fuse_session_new(&args, ops_table(), sizeof(struct fuse_lowlevel_ops), m->fs);
		fuse_opt_free_args(&args);
		r = m->session ? 0 : -EINVAL;
	}
	buf_fini(&list);
	return r;
}

static void wake(void *cookie)
{
	follow_wake(cookie);
}

static int start_following(struct mount *m)
{
	const struct follow_options options = {
		.store = m->store,
		.since = m->drive.at,
		.on_changes = on_changes,
		.in_use = in_use,
		.held = held,
		.cookie = m,
	};

	int r = follow_new(&options, &m->follow);

	if (r == 0)
		fs_set_waker(m->fs, wake, m->follow);
	return r;
}

static int do_mount(struct mount *m, struct buf *ret_why)
{
	int r = make_session(m);

	if (r == 0 && fuse_session_mount(m->session, m->directory) < 0)
		r = -EIO;
	if (r < 0) {
		(void)buf_printf(ret_why, "mounting on %s failed", m->directory);
		return r;
	}
	m->mounted = true;
	r = fs_attach(m->fs, m->session);
	if (r == 0)
		r = session_loop_start(m->session, on_end, m, &m->loop);
	if (r == 0)
		r = start_following(m);
	if (r == 0)
		r = kernel_check(m->directory, fuse_session_fd(m->session));
	if (r < 0)
		(void)buf_printf(ret_why, "the mount on %s does not answer: %s", m->directory, error_lookup(r)->title);
	return r;
}

static int make_wakers(struct mount *m)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -EINVAL;
	m->signals = signalfd(-1, &set, SFD_CLOEXEC);
	m->ended = eventfd(0, EFD_CLOEXEC);
	(void)signal(SIGPIPE, SIG_IGN);
	return m->signals < 0 || m->ended < 0 ? -errno : 0;
}

int mount_up(struct mount *m, struct buf *ret_why)
{
	int r;

	m->signals = m->ended = -1;
	r = make_wakers(m);
	if (r == 0)
		r = metrics_new(&m->metrics);
	if (r == 0)
		r = open_store(m, ret_why);
	if (r == 0)
		r = make_fs(m);
	if (r == 0)
		r = do_mount(m, ret_why);
	if (r == 0) {
		r = mount_watch_start(m);
		if (r < 0)
			(void)buf_printf(
				ret_why, "status pages on port %u: %s", m->o->watch_port, error_lookup(r)->title);
	}
	if (r < 0) {
		if (ret_why->size == 0)
			(void)buf_printf(ret_why, "%s", error_lookup(r)->title);
		return r;
	}
	if (geteuid() == 0 && kernel_set_read_ahead(m->directory, fuse_session_fd(m->session)) < 0)
		log_warning(NULL, "read-ahead stays at the kernel's default");
	return 0;
}

/* ---- down ---- */

/* 0: the session is over; >0: the number of a signal; -ETIMEDOUT. timeout_ms -1: no limit. */
static int wait_for(struct mount *m, int timeout_ms)
{
	struct pollfd list[2] = {{.fd = m->ended, .events = POLLIN}, {.fd = m->signals, .events = POLLIN}};
	struct signalfd_siginfo info;
	int r = poll(list, 2, timeout_ms);

	if (r == 0)
		return -ETIMEDOUT;
	if (r < 0)
		return -errno;
	if (list[0].revents)
		return 0;
	return read(m->signals, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : -EINTR;
}

void mount_wait(struct mount *m)
{
	for (;;) {
		int r = wait_for(m, -1);

		if (r == 0) {
			log_info(NULL, "unmounted");
			return;
		}
		if (r == SIGTERM || r == SIGINT) {
			log_info(NULL, "signal %d: unmounting", r);
			return;
		}
	}
}

/* -EBUSY: the mount was in use, and was detached from its users. */
static int unmount(struct mount *m)
{
	int64_t until = clock_mono_ns() + UNMOUNT_MS * NS_PER_MS;
	int r = kernel_unmount(m->directory, false, fuse_session_fd(m->session));
	int busy = 0;

	if (r == -EINVAL || r == -ENOENT)
		r = 0; /* already unmounted */
	if (r < 0) {
		log_warning(NULL, "%s is in use: what is open goes on for %d ms", m->directory, BUSY_MS);
		until = clock_mono_ns() + BUSY_MS * NS_PER_MS;
		busy = -EBUSY;
		r = kernel_unmount(m->directory, true, fuse_session_fd(m->session));
	}
	while (r == 0 && clock_mono_ns() < until)
		if (wait_for(m, 100) == 0)
			return busy;
	return r < 0 ? r : busy ? busy : -ETIMEDOUT;
}

/* What is left of the time for all steps, but at least DRAIN_LEAST_MS: what can be stored at once is stored. */
static unsigned left_ms(int64_t until_ns)
{
	int64_t left = (until_ns - clock_mono_ns()) / NS_PER_MS;

	return left > DRAIN_LEAST_MS ? (unsigned)left : DRAIN_LEAST_MS;
}

static void flush(struct mount *m, int64_t until_ns, int *error)
{
	int r = fs_flush_all(m->fs, left_ms(until_ns));

	if (r == 0)
		return;
	log_error(NULL, "what was written could not be stored: %s", error_lookup(r)->title);
	*error = -EIO;
}

static void drain(struct mount *m, int64_t until_ns, int *error)
{
	size_t left = 0;

	if (oplog_drain(m->oplog, left_ms(until_ns), &left) == 0)
		return;
	log_error(NULL, "%zu changes could not be stored", left);
	*error = -EIO;
}

int mount_down(struct mount *m)
{
	int64_t until = clock_mono_ns() + DRAIN_MS * NS_PER_MS;
	int error = 0;

	if (m->mounted) {
		flush(m, until, &error);
		if (wait_for(m, 0) != 0 && unmount(m) < 0)
			log_warning(NULL, "the mount was cut off from those who still use it");
	}
	session_loop_stop(m->loop);
	if (m->mounted)
		flush(m, until, &error);
	if (m->fs)
		fs_set_waker(m->fs, NULL, NULL);
	follow_free(m->follow);
	mount_watch_stop(m);
	if (m->mounted)
		fuse_session_unmount(m->session);
	if (m->oplog)
		drain(m, until, &error);
	if (m->store)
		store_http_quiet(m->store);
	fs_free(m->fs);
	if (m->session)
		fuse_session_destroy(m->session);
	oplog_free(m->oplog);
	if (m->store)
		m->store->ops->free(m->store);
	metrics_free(m->metrics);
	if (m->signals >= 0)
		(void)close(m->signals);
	if (m->ended >= 0)
		(void)close(m->ended);
	return error;
}
