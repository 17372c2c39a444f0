#define FUSE_USE_VERSION 314
#include "fusefs/ops/session_loop.h"

#include "fusefs/mount/kernel.h"
#include "common/base/clock.h"
#include "common/base/cond.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CALLERS 200
#define FILE_NODE 2
#define LARGE (2 * SESSION_LOOP_SMALL_BYTES)

/* A file system in which a statfs is answered only when it is interrupted, and each read of a file blocks its
 * thread until a statfs has come. */
struct fixture {
	char directory[64];
	struct fuse_session *session;
	struct session_loop *loop;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned waiting, interrupted, ends, reading;
	atomic_bool answer; /* statfs is answered at once */
	pid_t callers;
	int commands, answers; /* pipes to the callers' process */
};

static void bump(struct fixture *f, unsigned *what)
{
	pthread_mutex_lock(&f->lock);
	(*what)++;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static bool comes(struct fixture *f, const unsigned *what, unsigned count)
{
	const int64_t until_ns = clock_mono_ns() + 120 * NS_PER_S; /* only reached when something hangs */
	bool reached;

	pthread_mutex_lock(&f->lock);
	while (*what < count && cond_wait_until(&f->changed, &f->lock, until_ns))
		;
	reached = *what >= count;
	pthread_mutex_unlock(&f->lock);
	return reached;
}

static void wait_for(struct fixture *f, const unsigned *what, unsigned count)
{
	assert_true(comes(f, what, count));
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = {.st_ino = ino, .st_mode = S_IFDIR | 0755, .st_nlink = 2};

	(void)fi;
	if (ino == FILE_NODE)
		st = (struct stat){.st_ino = ino, .st_mode = S_IFREG | 0644, .st_nlink = 1, .st_size = LARGE};
	fuse_reply_attr(req, &st, 0);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct fuse_entry_param e = {.ino = FILE_NODE,
		.attr = {.st_ino = FILE_NODE, .st_mode = S_IFREG | 0644, .st_nlink = 1, .st_size = LARGE}};

	(void)parent;
	(void)name;
	fuse_reply_entry(req, &e);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->direct_io = 1; /* so that a read is one request */
	fuse_reply_open(req, fi);
}

/* budget: the signature is libfuse's */
static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fixture *f = fuse_req_userdata(req);
	char *zeros = calloc(1, size);

	(void)ino;
	(void)off;
	(void)fi;
	bump(f, &f->reading);
	if (comes(f, &f->waiting, 1))
		fuse_reply_buf(req, zeros, size);
	else
		fuse_reply_err(req, EIO);
	free(zeros);
}

static void on_interrupt(fuse_req_t req, void *data)
{
	bump(data, &((struct fixture *)data)->interrupted);
	fuse_reply_err(req, EINTR);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fixture *f = fuse_req_userdata(req);
	const struct statvfs st = {.f_namemax = 255};

	(void)ino;
	if (f->answer)
		fuse_reply_statfs(req, &st);
	else
		fuse_req_interrupt_func(req, on_interrupt, f);
	bump(f, &f->waiting);
}

static const struct fuse_lowlevel_ops ops = {
	.getattr = op_getattr, .statfs = op_statfs, .lookup = op_lookup, .open = op_open, .read = op_read};

static void on_end(void *cookie)
{
	bump(cookie, &((struct fixture *)cookie)->ends);
}

/* ---- the callers: another process, which can be killed without the one that answers ---- */

static void on_signal(int number)
{
	(void)number;
}

static void *caller_main(void *cookie)
{
	struct statvfs st;

	return statvfs(cookie, &st) < 0 && errno == EINTR ? cookie : NULL;
}

static void *reader_main(void *cookie)
{
	static char data[LARGE];
	const int fd = openat((int)(intptr_t)cookie, "file", O_RDONLY | O_CLOEXEC);
	const ssize_t got = read(fd, data, sizeof(data));

	(void)close(fd);
	return got == (ssize_t)sizeof(data) ? data : NULL;
}

/* 'r': reads the file. At the next byte it calls statvfs meanwhile, then reports whether all of the file was read. */
static void read_and_call(const char *directory, int commands, int answers)
{
	const int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned count;
	pthread_t reader;
	struct statvfs st;
	void *data = NULL;
	char command;

	if (pthread_create(&reader, NULL, reader_main, (void *)(intptr_t)folder) != 0 ||
		read(commands, &command, 1) != 1 || statvfs(directory, &st) < 0)
		return;
	pthread_join(reader, &data);
	(void)close(folder);
	count = data != NULL;
	if (write(answers, &count, sizeof(count)) < 0)
		return;
}

/* 'c': begins the calls. At the next byte it interrupts them all, then reports how many were interrupted. */
static void callers_main(const char *directory, int commands, int answers)
{
	struct sigaction interrupting = {.sa_handler = on_signal};
	pthread_t callers[CALLERS];
	unsigned count = 0;
	char command;

	sigaction(SIGUSR1, &interrupting, NULL);
	if (read(commands, &command, 1) != 1)
		return;
	if (command == 'r') {
		read_and_call(directory, commands, answers);
		return;
	}
	for (unsigned i = 0; i < CALLERS; i++)
		if (pthread_create(&callers[i], NULL, caller_main, (void *)directory) != 0)
			return;
	if (read(commands, &command, 1) != 1)
		return;
	for (unsigned i = 0; i < CALLERS; i++)
		pthread_kill(callers[i], SIGUSR1);
	for (unsigned i = 0; i < CALLERS; i++) {
		void *interrupted;

		pthread_join(callers[i], &interrupted);
		count += interrupted != NULL;
	}
	if (write(answers, &count, sizeof(count)) < 0)
		return;
}

/* To be called before there are threads. */
static void start_callers(struct fixture *f)
{
	int commands[2], answers[2];

	assert_int_equal(pipe(commands), 0);
	assert_int_equal(pipe(answers), 0);
	f->callers = fork();
	assert_true(f->callers >= 0);
	if (f->callers == 0) {
		(void)close(fuse_session_fd(f->session));
		(void)close(commands[1]);
		callers_main(f->directory, commands[0], answers[1]);
		_exit(0);
	}
	(void)close(commands[0]);
	(void)close(answers[1]);
	f->commands = commands[1];
	f->answers = answers[0];
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char *argv[] = {(char *)"test", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	pthread_mutex_init(&f->lock, NULL);
	cond_init(&f->changed);
	(void)snprintf(f->directory, sizeof(f->directory), "/tmp/nephos-loop-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	f->session = fuse_session_new(&args, &ops, sizeof(ops), f);
	fuse_opt_free_args(&args);
	assert_non_null(f->session);
	*state = f;
	if (access("/dev/fuse", R_OK | W_OK) < 0 || fuse_session_mount(f->session, f->directory) < 0) {
		fuse_session_destroy(f->session);
		f->session = NULL;
		return 0; /* a machine without FUSE: the tests are skipped */
	}
	start_callers(f);
	assert_int_equal(session_loop_start(f->session, on_end, f, &f->loop), 0);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->session) {
		(void)close(f->commands);
		(void)close(f->answers);
		(void)waitpid(f->callers, NULL, 0);
	}
	session_loop_stop(f->loop);
	if (f->session) {
		fuse_session_unmount(f->session);
		fuse_session_destroy(f->session);
	}
	(void)rmdir(f->directory);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

static void session_loop_reads_interrupts_while_two_hundred_calls_are_blocked(void **state)
{
	struct fixture *f = *state;
	unsigned count = 0;

	if (!f->session)
		skip();
	assert_int_equal(write(f->commands, "c", 1), 1);
	wait_for(f, &f->waiting, CALLERS);
	assert_int_equal(write(f->commands, "i", 1), 1);
	assert_int_equal(read(f->answers, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, CALLERS);
	wait_for(f, &f->interrupted, CALLERS);
}

static void session_loop_reads_requests_while_a_large_read_blocks_its_thread(void **state)
{
	struct fixture *f = *state;
	unsigned whole = 0;

	if (!f->session)
		skip(); /* a machine without FUSE: see setup */
	f->answer = true;
	assert_int_equal(write(f->commands, "r", 1), 1);
	wait_for(f, &f->reading, 1);
	assert_int_equal(write(f->commands, "s", 1), 1);
	assert_int_equal(read(f->answers, &whole, sizeof(whole)), sizeof(whole));
	assert_int_equal(whole, 1);
}

static void session_loop_reports_the_end_once_after_an_unmount(void **state)
{
	struct fixture *f = *state;

	if (!f->session)
		skip();
	f->answer = true;
	assert_int_equal(kernel_check(f->directory, fuse_session_fd(f->session)), 0);
	assert_int_equal(kernel_unmount(f->directory, false, fuse_session_fd(f->session)), 0);
	wait_for(f, &f->ends, 1);
	assert_int_equal(kernel_check(f->directory, fuse_session_fd(f->session)), -ENODEV);
	session_loop_stop(f->loop);
	f->loop = NULL;
	assert_int_equal(f->ends, 1); /* no reader is left that could report it again */
}

static void session_loop_stop_ends_the_readers_of_a_session_still_mounted(void **state)
{
	struct fixture *f = *state;

	if (!f->session)
		skip();
	session_loop_stop(f->loop);
	f->loop = NULL;
	assert_int_equal(f->ends, 1);
}

/* Reads the line with the read-ahead of the mount's device. The device is taken from the list of mounts: a stat(2)
 * would be a request to this process itself. */
static void read_read_ahead(const char *directory, char ret[16])
{
	char line[4096], device[32] = "", point[256] = "", path[96];
	FILE *file = fopen("/proc/self/mountinfo", "re");

	assert_non_null(file);
	while (strcmp(point, directory) != 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %*s %31s %*s %255s", device, point) != 2)
			point[0] = '\0';
	(void)fclose(file);
	assert_string_equal(point, directory);
	(void)snprintf(path, sizeof(path), "/sys/class/bdi/%s/read_ahead_kb", device);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(ret, 16, file));
	(void)fclose(file);
}

static void kernel_set_read_ahead_sets_1024_kib_for_the_device_of_the_mount(void **state)
{
	struct fixture *f = *state;
	char expected[16], found[16];

	if (!f->session || geteuid() != 0)
		skip();
	f->answer = true;
	assert_int_equal(kernel_set_read_ahead(f->directory, fuse_session_fd(f->session)), 0);
	(void)snprintf(expected, sizeof(expected), "%d\n", KERNEL_READ_AHEAD_KB);
	read_read_ahead(f->directory, found);
	assert_string_equal(found, expected);
}

static void kernel_mount_point_unmounts_the_remains_of_a_dead_mount(void **state)
{
	struct fixture *f = *state;
	char *path = NULL;
	int fd;

	if (!f->session || geteuid() != 0)
		skip();
	/* The connection ends without an unmount, as when the process is killed. */
	session_loop_stop(f->loop);
	f->loop = NULL;
	fd = fuse_session_fd(f->session);
	(void)close(fd);
	assert_int_equal(kernel_mount_point(f->directory, &path), 0);
	assert_string_equal(path, f->directory);
	assert_int_equal(kernel_check(path, -1), -ENODEV);
	assert_int_equal(kernel_mount_point("/no/such/folder", &path), -ENOENT);
	assert_int_equal(kernel_mount_point("/etc/passwd", &path), -ENOTDIR);
	free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(session_loop_reads_interrupts_while_two_hundred_calls_are_blocked),
		TEST(session_loop_reads_requests_while_a_large_read_blocks_its_thread),
		TEST(session_loop_reports_the_end_once_after_an_unmount),
		TEST(session_loop_stop_ends_the_readers_of_a_session_still_mounted),
		TEST(kernel_set_read_ahead_sets_1024_kib_for_the_device_of_the_mount),
		TEST(kernel_mount_point_unmounts_the_remains_of_a_dead_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
