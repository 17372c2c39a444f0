/*
 * random_io: random operations on one file, each checked against a model in memory: write, read, truncate, mapped write
 * and read, holes, zeroed ranges, copies within the file, fsync, close and reopen, O_DIRECT. It is a small version of
 * fsx.
 *
 *   random_io FILE SEED OPERATIONS [SIZE_MAX]     with RANDOM_IO_VERBOSE set it prints each operation
 *
 * Ends with 0, or prints at which operation the file differed from the model.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct test {
	const char *path;
	int fd;
	char *model, *buffer;
	size_t size, max;
	uint64_t state;
	unsigned long step;
	const char *doing;
	size_t at, len;
	int verbose;
};

static uint64_t next(struct test *t)
{
	t->state ^= t->state << 13;
	t->state ^= t->state >> 7;
	t->state ^= t->state << 17;
	return t->state;
}

static void fail(const struct test *t, const char *what)
{
	fprintf(stderr, "step %lu: %s at %zu, %zu bytes (size %zu): %s: %s\n", t->step, t->doing, t->at, t->len,
		t->size, what, strerror(errno));
	exit(1);
}

static void choose(struct test *t, size_t limit, size_t len_max)
{
	t->at = limit > 0 ? next(t) % limit : 0;
	t->len = 1 + next(t) % len_max;
	if (next(t) % 4 == 0) {
		t->at &= ~(size_t)4095;
		t->len = (t->len + 4095) & ~(size_t)4095;
	}
	if (t->at + t->len > limit)
		t->len = limit - t->at;
}

static void compare(struct test *t, const char *got, size_t at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (got[i] == t->model[at + i])
			continue;
		fprintf(stderr, "step %lu: %s at %zu, %zu bytes: byte %zu is %02x and must be %02x (size %zu)\n",
			t->step, t->doing, t->at, t->len, at + i, (unsigned char)got[i],
			(unsigned char)t->model[at + i], t->size);
		exit(1);
	}
}

static void fill(struct test *t)
{
	uint64_t value = next(t);

	for (size_t i = 0; i < t->len; i++)
		t->buffer[i] = (char)(value + i * 7);
}

static void grew(struct test *t, size_t end)
{
	if (end > t->size)
		t->size = end;
}

static void do_write(struct test *t)
{
	choose(t, t->max, 256 * 1024);
	fill(t);
	if (pwrite(t->fd, t->buffer, t->len, (off_t)t->at) != (ssize_t)t->len)
		fail(t, "pwrite");
	memcpy(t->model + t->at, t->buffer, t->len);
	grew(t, t->at + t->len);
}

static void do_read(struct test *t)
{
	size_t expected;

	choose(t, t->max, 512 * 1024);
	expected = t->at >= t->size ? 0 : t->size - t->at < t->len ? t->size - t->at : t->len;
	if (pread(t->fd, t->buffer, t->len, (off_t)t->at) != (ssize_t)expected)
		fail(t, "pread");
	compare(t, t->buffer, t->at, expected);
}

static void do_truncate(struct test *t)
{
	choose(t, t->max, 1);
	if (ftruncate(t->fd, (off_t)t->at) < 0)
		fail(t, "ftruncate");
	if (t->at < t->size)
		memset(t->model + t->at, 0, t->size - t->at);
	t->size = t->at;
}

static void do_map(struct test *t)
{
	char *map;

	if (t->size == 0)
		return;
	choose(t, t->size, 64 * 1024);
	map = mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
	if (map == MAP_FAILED)
		fail(t, "mmap");
	compare(t, map + t->at, t->at, t->len);
	fill(t);
	memcpy(map + t->at, t->buffer, t->len);
	memcpy(t->model + t->at, t->buffer, t->len);
	if (next(t) % 2 && msync(map, t->size, MS_SYNC) < 0)
		fail(t, "msync");
	munmap(map, t->size);
}

static void do_hole(struct test *t)
{
	int mode = next(t) % 2 ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;

	if (t->size == 0)
		return;
	choose(t, t->size, 128 * 1024);
	if (t->len == 0 || fallocate(t->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)t->at, (off_t)t->len) < 0) {
		if (t->len > 0 && errno != EOPNOTSUPP)
			fail(t, "fallocate");
		return;
	}
	memset(t->model + t->at, 0, t->len);
}

static void do_copy(struct test *t)
{
	off_t from, to;
	ssize_t copied;

	if (t->size < 8)
		return;
	choose(t, t->size / 2, 128 * 1024);
	from = (off_t)t->at;
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): it is never 0 */
	to = (off_t)(t->size / 2 + next(t) % (t->size / 2));
	if (t->len == 0 || (size_t)to + t->len > t->max || (size_t)from + t->len > (size_t)to)
		return;
	copied = copy_file_range(t->fd, &from, t->fd, &to, t->len, 0);
	if (copied < 0)
		fail(t, "copy_file_range");
	memcpy(t->model + to - copied, t->model + from - copied, (size_t)copied);
	grew(t, (size_t)to);
}

static void do_sync(struct test *t)
{
	if (fsync(t->fd) < 0)
		fail(t, "fsync");
}

static void do_reopen(struct test *t)
{
	struct stat st;

	if (close(t->fd) < 0)
		fail(t, "close");
	t->fd = open(t->path, O_RDWR | (next(t) % 8 == 0 ? O_SYNC : 0));
	if (t->fd < 0 || fstat(t->fd, &st) < 0)
		fail(t, "open");
	if ((size_t)st.st_size != t->size)
		fail(t, "another size");
}

static void do_direct(struct test *t)
{
	int fd = open(t->path, O_RDWR | O_DIRECT);

	if (fd < 0)
		return; /* O_DIRECT is not supported everywhere */
	choose(t, t->max, 64 * 1024);
	t->at &= ~(size_t)4095;
	t->len = 8192;
	if (t->at + t->len <= t->max) {
		fill(t);
		if (pwrite(fd, t->buffer, t->len, (off_t)t->at) != (ssize_t)t->len)
			fail(t, "direct pwrite");
		memcpy(t->model + t->at, t->buffer, t->len);
		grew(t, t->at + t->len);
		memset(t->buffer, 0, t->len);
		if (pread(fd, t->buffer, t->len, (off_t)t->at) != (ssize_t)t->len)
			fail(t, "direct pread");
		compare(t, t->buffer, t->at, t->len);
	}
	close(fd);
}

static void do_size(struct test *t)
{
	struct stat st;

	t->at = t->len = 0;
	if (fstat(t->fd, &st) < 0 || (size_t)st.st_size != t->size)
		fail(t, "another size");
}

static const struct {
	const char *name;
	unsigned weight;
	void (*run)(struct test *t);
} actions[] = {
	{"write", 30, do_write},
	{"read", 25, do_read},
	{"truncate", 6, do_truncate},
	{"map", 8, do_map},
	{"hole", 6, do_hole},
	{"copy", 5, do_copy},
	{"sync", 5, do_sync},
	{"reopen", 8, do_reopen},
	{"direct", 3, do_direct},
	{"size", 4, do_size},
};

static void step(struct test *t)
{
	uint64_t choice = next(t) % 100;

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (choice < actions[i].weight) {
			t->doing = actions[i].name;
			actions[i].run(t);
			if (t->verbose)
				fprintf(stderr, "%lu %s %zu+%zu size %zu\n", t->step, t->doing, t->at, t->len, t->size);
			return;
		}
		choice -= actions[i].weight;
	}
}

int main(int argc, char **argv)
{
	struct test t = {0};
	unsigned long steps;

	if (argc < 4) {
		fprintf(stderr, "usage: random_io FILE SEED OPERATIONS [SIZE_MAX]\n");
		return 2;
	}
	t.verbose = getenv("RANDOM_IO_VERBOSE") != NULL;
	t.path = argv[1];
	t.state = strtoull(argv[2], NULL, 10) * 2654435761u + 88172645463325252u;
	steps = strtoul(argv[3], NULL, 10);
	t.max = argc > 4 ? strtoul(argv[4], NULL, 10) : 4u * 1024 * 1024;
	t.model = calloc(1, t.max);
	if (posix_memalign((void **)&t.buffer, 4096, 1024 * 1024) != 0 || !t.model)
		return 1;
	t.fd = open(t.path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (t.fd < 0) {
		perror(t.path);
		return 1;
	}
	for (t.step = 1; t.step <= steps; t.step++)
		step(&t);
	t.doing = "end";
	do_reopen(&t);
	if (pread(t.fd, t.buffer, 1, 0) < 0)
		fail(&t, "pread");
	close(t.fd);
	free(t.model);
	free(t.buffer);
	return 0;
}
