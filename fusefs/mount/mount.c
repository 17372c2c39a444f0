#include "fusefs/mount/mount.h"

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "fusefs/mount/daemon.h"
#include "fusefs/mount/kernel.h"
#include "fusefs/mount/mount_internal.h"
#include "fusefs/mount/remount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define READY_MS 60000 /* the deadlines for connecting, for a session and for the first answer are each shorter */
#define WHY_BYTES_MAX 1000

bool mount_is_helper_call(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = argc > 0 ? (slash ? slash + 1 : argv[0]) : "";

	if (strncmp(name, "mount.", 6) == 0)
		return true;
	return argc > 1 && (strncmp(argv[1], "http://", 7) == 0 || strncmp(argv[1], "https://", 8) == 0);
}

/* Options name files relative to the folder in which the program was started, but the background process opens
 * them in another one. */
static int make_absolute(char **path)
{
	char *cwd, *absolute;
	int r;

	if (!*path || **path == '/')
		return 0;
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return -errno;
	r = asprintf(&absolute, "%s/%s", cwd, *path);
	free(cwd);
	if (r < 0)
		return -ENOMEM;
	free(*path);
	*path = absolute;
	return 0;
}

static int open_log(const struct mount_options *o)
{
	const char *level_text = getenv("NEPHOS_LOG_LEVEL");
	enum log_level level = LOG_INFO;
	int fd = o->foreground ? STDERR_FILENO : -1;

	if (level_text && log_level_parse(level_text, &level) < 0)
		return -EINVAL;
	if (o->log_file)
		fd = open(o->log_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	else if (!o->foreground)
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC); /* daemon_failed reports to the caller what it needs */
	if (fd < 0)
		return -errno;
	log_init("mount", level, fd);
	return 0;
}

static int write_pid(const struct mount_options *o)
{
	char text[16];
	int size = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	return o->pid_file ? file_write_atomic(o->pid_file, 0644, span_of(text, (size_t)size)) : 0;
}

/* Runs in the process that serves, from start to end. Returns the exit status. */
static int serve(const struct mount_options *o, char *directory, int report)
{
	struct mount m = {.o = o, .directory = directory};
	struct buf why;
	int r;

	buf_init(&why, WHY_BYTES_MAX);
	r = mount_up(&m, &why);
	if (r == 0) {
		r = write_pid(o);
		if (r < 0)
			(void)buf_printf(&why, "%s: %s", o->pid_file, error_lookup(r)->title);
	}
	if (r == 0) {
		log_info(NULL, "drive %u of %s on %s", ITEM_DRIVE(m.drive.root), o->urls[0], directory);
		daemon_ready(report);
		mount_wait(&m);
	} else {
		log_error(NULL, "%s", why.data ? why.data : error_lookup(r)->title);
	}
	if (mount_down(&m) < 0 && r == 0)
		r = -EIO;
	if (why.size > 0)
		daemon_failed(report, why.data);
	else if (o->pid_file)
		(void)unlink(o->pid_file);
	buf_fini(&why);
	return r < 0 ? MOUNT_EXIT_FAILED : 0;
}

static int run(struct mount_options *o, struct buf *ret_why)
{
	char *directory = NULL;
	int report = -1, status;
	int r = kernel_mount_point(o->directory, &directory);

	if (r < 0) {
		(void)buf_printf(ret_why, "%s: %s", o->directory,
			r == -EBUSY ? "a drive is mounted there" : error_lookup(r)->title);
		return MOUNT_EXIT_FAILED;
	}
	r = make_absolute(&o->log_file);
	if (r == 0)
		r = make_absolute(&o->pid_file);
	if (r == 0)
		r = open_log(o);
	if (r < 0) {
		(void)buf_printf(ret_why, "%s: %s", o->log_file ? o->log_file : "log", error_lookup(r)->title);
		status = MOUNT_EXIT_FAILED;
	} else {
		r = o->foreground ? 0 : daemon_fork(READY_MS, &report);
		status = r == 1 ? 0 : r < 0 ? MOUNT_EXIT_FAILED : serve(o, directory, report);
	}
	free(directory);
	return status;
}

int mount_main(int argc, char **argv)
{
	struct mount_options o;
	struct buf why;
	int status;

	buf_init(&why, 4 * WHY_BYTES_MAX);
	if (options_parse(argc, argv, &o, &why) < 0) {
		(void)fprintf(stderr, "nephos mount: %s\n", why.data ? why.data : "no memory");
		buf_fini(&why);
		return MOUNT_EXIT_USAGE;
	}
	if (o.help) {
		(void)fputs(options_usage(), stdout);
		status = 0;
	} else if (o.remount) {
		status = remount(&o, &why) < 0 ? MOUNT_EXIT_FAILED : 0;
	} else if (options_find_key(&o, &why) < 0) {
		status = MOUNT_EXIT_USAGE;
	} else {
		status = o.fake ? 0 : run(&o, &why);
	}
	if (why.size > 0)
		(void)fprintf(stderr, "nephos mount: %s\n", why.data);
	options_fini(&o);
	buf_fini(&why);
	return status;
}
