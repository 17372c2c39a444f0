/*
 * storm: makes every call that reaches a mount, while the caller gets many signals. On a local file system these
 * signals have no effect on a call.
 *
 *   storm make DIR ROUNDS HOW     makes, changes and removes, in a new folder of DIR for each round
 *   storm look DIR ROUNDS HOW     only looks at what `storm leave DIR` left there
 *   storm leave DIR
 *
 * HOW: once (a timer, 2 ms after each call began), timer (each 10 ms), child (children that end), stop (SIGSTOP and
 * SIGCONT), trace (a debugger that interrupts). Ends with 0 if no call failed. Prints each failed call with its error,
 * and how many signals came.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define ONCE_US 2000
#define EACH_US 10000
#define PAUSE_NS 3000000L /* between the signals that another process sends */
#define PAGE 4096

static volatile sig_atomic_t came;
static unsigned long calls, failed;
static int once;
static char path[8192], other[8192];

static void on_signal(int number)
{
	(void)number;
	came++;
}

static void arm(long first_us, long each_us)
{
	struct itimerval t = {.it_value.tv_usec = first_us, .it_interval.tv_usec = each_us};

	(void)setitimer(ITIMER_REAL, &t, NULL);
}

/* ok: the call returned what it should. */
static void result(const char *what, int ok)
{
	int error = errno;

	if (once)
		arm(0, 0);
	calls++;
	if (ok)
		return;
	failed++;
	printf("%s: %s\n", what, strerror(error));
}

static void begin(void)
{
	if (once)
		arm(ONCE_US, 0);
}

#define CALL(what, condition)            \
	do {                             \
		begin();                 \
		result(what, condition); \
	} while (0)

static const char *in(const char *folder, const char *name)
{
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static const char *in_too(const char *folder, const char *name)
{
	(void)snprintf(other, sizeof(other), "%s/%s", folder, name);
	return other;
}

static void read_folder(const char *folder)
{
	struct dirent *entry;
	DIR *d;

	CALL("opendir", (d = opendir(folder)) != NULL);
	if (!d)
		return;
	do {
		errno = 0;
		CALL("readdir", ((entry = readdir(d)), errno == 0));
	} while (entry);
	CALL("closedir", closedir(d) == 0);
}

static void look(const char *folder)
{
	struct statvfs space;
	struct stat st;
	char buffer[PAGE];
	int fd;

	CALL("stat", stat(in(folder, "file"), &st) == 0);
	CALL("lstat", lstat(in(folder, "link"), &st) == 0);
	CALL("access", access(in(folder, "file"), R_OK) == 0);
	CALL("readlink", readlink(in(folder, "link"), buffer, sizeof(buffer)) == 4);
	CALL("statvfs", statvfs(folder, &space) == 0);
	CALL("getxattr", getxattr(in(folder, "file"), "user.a", buffer, sizeof(buffer)) == 1);
	CALL("listxattr", listxattr(in(folder, "file"), buffer, sizeof(buffer)) > 0);
	read_folder(folder);
	CALL("open", (fd = open(in(folder, "file"), O_RDONLY)) >= 0);
	CALL("read", read(fd, buffer, sizeof(buffer)) == PAGE);
	CALL("pread", pread(fd, buffer, 10, PAGE) == 10);
	CALL("lseek data", lseek(fd, 0, SEEK_DATA) == 0);
	CALL("lseek hole", lseek(fd, 0, SEEK_HOLE) > 0);
	CALL("fstat", fstat(fd, &st) == 0);
	CALL("close", close(fd) == 0);
}

static void fill(int fd)
{
	static char page[PAGE];

	memset(page, 'x', sizeof(page));
	CALL("write", write(fd, page, sizeof(page)) == PAGE);
	CALL("pwrite", pwrite(fd, page, sizeof(page), PAGE) == PAGE);
}

static void make_one(const char *folder)
{
	int fd;

	CALL("mkdir", mkdir(folder, 0755) == 0);
	CALL("open to make", (fd = open(in(folder, "file"), O_RDWR | O_CREAT | O_EXCL, 0644)) >= 0);
	fill(fd);
	CALL("close", close(fd) == 0);
	CALL("symlink", symlink("file", in(folder, "link")) == 0);
	CALL("setxattr", setxattr(in(folder, "file"), "user.a", "1", 1, 0) == 0);
}

static void locks(int fd)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};

	CALL("F_SETLK", fcntl(fd, F_SETLK, &l) == 0);
	CALL("F_SETLKW", fcntl(fd, F_SETLKW, &l) == 0);
	CALL("F_GETLK", fcntl(fd, F_GETLK, &l) == 0);
	l.l_type = F_UNLCK;
	CALL("F_UNLCK", fcntl(fd, F_SETLK, &l) == 0);
	CALL("flock", flock(fd, LOCK_EX) == 0);
	CALL("flock", flock(fd, LOCK_UN) == 0);
}

static void ranges(int fd, const char *folder)
{
	loff_t from = 0, to = 0;
	int copy;

	CALL("ftruncate", ftruncate(fd, (off_t)5 * PAGE) == 0);
	CALL("fallocate", fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, PAGE, PAGE) == 0);
	CALL("posix_fallocate", (errno = posix_fallocate(fd, 0, (off_t)6 * PAGE)) == 0);
	CALL("creat", (copy = creat(in(folder, "copy"), 0644)) >= 0);
	CALL("copy_file_range", copy_file_range(fd, &from, copy, &to, PAGE, 0) == PAGE);
	CALL("close", close(copy) == 0);
	CALL("truncate", truncate(in(folder, "copy"), 1) == 0);
}

static void stores(int fd)
{
	char *map;

	fill(fd);
	CALL("fdatasync", fdatasync(fd) == 0);
	fill(fd);
	CALL("fsync", fsync(fd) == 0);
	CALL("mmap", (map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) != MAP_FAILED);
	if (map == MAP_FAILED)
		return;
	map[0] = 'y';
	CALL("msync", msync(map, PAGE, MS_SYNC) == 0);
	map[1] = 'z';
	CALL("munmap", munmap(map, PAGE) == 0);
}

static void written_through(const char *folder, int flags)
{
	char *page = aligned_alloc(PAGE, PAGE);
	int fd;

	if (!page)
		abort();
	memset(page, 'd', PAGE);
	CALL("open to write through",
		(fd = open(in(folder, "through"), O_RDWR | O_CREAT | O_TRUNC | flags, 0644)) >= 0);
	CALL("write through", write(fd, page, PAGE) == PAGE);
	CALL("read back", pread(fd, page, PAGE, 0) == PAGE);
	CALL("close", close(fd) == 0);
	free(page);
}

static void attributes(const char *folder)
{
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 2}};
	char buffer[PAGE];

	CALL("chmod", chmod(in(folder, "file"), 0600) == 0);
	CALL("chown", chown(in(folder, "file"), getuid(), getgid()) == 0);
	CALL("utimensat", utimensat(AT_FDCWD, in(folder, "file"), times, 0) == 0);
	CALL("setxattr", setxattr(in(folder, "file"), "user.b", "12", 2, XATTR_CREATE) == 0);
	CALL("getxattr", getxattr(in(folder, "file"), "user.b", buffer, sizeof(buffer)) == 2);
	CALL("removexattr", removexattr(in(folder, "file"), "user.b") == 0);
}

static void names(const char *folder)
{
	CALL("link", link(in(folder, "file"), in_too(folder, "linked")) == 0);
	CALL("rename", rename(in(folder, "linked"), in_too(folder, "renamed")) == 0);
	CALL("mknod", mkfifo(in(folder, "fifo"), 0644) == 0);
	CALL("mkdir", mkdir(in(folder, "sub"), 0755) == 0);
	CALL("rename of a folder", rename(in(folder, "sub"), in_too(folder, "sub2")) == 0);
	CALL("rmdir", rmdir(in(folder, "sub2")) == 0);
}

static void remove_all(const char *folder)
{
	static const char *const list[] = {"renamed", "fifo", "copy", "through", "link", "file"};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		CALL("unlink", unlink(in(folder, list[i])) == 0);
	CALL("rmdir", rmdir(folder) == 0);
}

static void make(const char *folder)
{
	int fd, sub;

	make_one(folder);
	CALL("open", (fd = open(in(folder, "file"), O_RDWR)) >= 0);
	stores(fd);
	locks(fd);
	ranges(fd, folder);
	fill(fd);
	CALL("close of what is dirty", close(fd) == 0);
	written_through(folder, O_SYNC);
	written_through(folder, O_DIRECT);
	attributes(folder);
	names(folder);
	CALL("open of a folder", (sub = open(folder, O_RDONLY | O_DIRECTORY)) >= 0);
	CALL("fsync of a folder", fsync(sub) == 0);
	CALL("close", close(sub) == 0);
	look(folder);
	remove_all(folder);
}

/* -- the signals -- */

static void rest(void)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

static void stop_and_go(pid_t pid)
{
	while (kill(pid, SIGSTOP) == 0) {
		rest();
		(void)kill(pid, SIGCONT);
		rest();
	}
}

static void debug(pid_t pid)
{
	int status;

	while (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
		rest();
		if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0)
			(void)waitpid(pid, &status, __WALL);
		(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
		rest();
	}
}

/* Children of the caller end again and again: the handler for the end of one child starts the next child. */
static void on_child(int number)
{
	int error = errno;
	pid_t child;

	(void)number;
	came++;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	child = fork();
	if (child == 0) {
		rest();
		_exit(0);
	}
	errno = error;
}

static pid_t rain(const char *how)
{
	struct sigaction action = {
		.sa_handler = strcmp(how, "child") == 0 ? on_child : on_signal, .sa_flags = SA_RESTART};
	pid_t self = getpid(), sender;

	(void)sigaction(SIGALRM, &action, NULL);
	(void)sigaction(SIGCHLD, &action, NULL);
	(void)sigaction(SIGCONT, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART}, NULL);
	once = strcmp(how, "once") == 0;
	if (strcmp(how, "timer") == 0)
		arm(EACH_US, EACH_US);
	if (strcmp(how, "child") == 0)
		(void)raise(SIGCHLD);
	if (strcmp(how, "stop") != 0 && strcmp(how, "trace") != 0)
		return 0;
	(void)signal(SIGCHLD, SIG_DFL);
	sender = fork();
	if (sender == 0) {
		if (strcmp(how, "stop") == 0)
			stop_and_go(self);
		else
			debug(self);
		_exit(0);
	}
	return sender;
}

static void dry(pid_t sender)
{
	arm(0, 0);
	(void)signal(SIGCHLD, SIG_DFL);
	if (sender > 0) {
		(void)kill(sender, SIGKILL);
		(void)kill(getpid(), SIGCONT);
		(void)waitpid(sender, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	char folder[4096];
	pid_t sender;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && strcmp(argv[1], "leave") == 0) {
		make_one(argv[2]);
		return failed > 0;
	}
	if (argc != 5) {
		fprintf(stderr, "usage: storm make|look DIR ROUNDS HOW, storm leave DIR\n");
		return 2;
	}
	sender = rain(argv[4]);
	for (int i = 0; i < strtol(argv[3], NULL, 10); i++) {
		if (strcmp(argv[1], "look") == 0) {
			look(argv[2]);
			continue;
		}
		(void)snprintf(folder, sizeof(folder), "%s/storm-%d-%d", argv[2], (int)getpid(), i);
		make(folder);
	}
	dry(sender);
	printf("%s %s: %lu calls, %lu failed, %d signals seen\n", argv[1], argv[4], calls, failed, (int)came);
	return failed > 0;
}
