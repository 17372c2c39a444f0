/*
 * appends: large appends to one file while many signals interrupt the writers, and a check of the result.
 *
 *   appends write FD WHO FIRST COUNT HOW   appends records FIRST, FIRST + 1, … of writer WHO to a descriptor
 *   appends check FILE WRITERS COUNT       checks that FILE has each of COUNT records of each writer once, whole, in
 *                                          the writer's order; reads the writers' output from the standard input
 *
 * A record has 1 to 3 MiB, and an odd size. Each is one call: write, writev of several segments, or pwritev, by turns.
 * HOW: restart or plain: the timer's handler is set with SA_RESTART or without. The timer fires every 2 ms.
 *
 * A writer prints "split WHO RECORD OFFSET" for each call that wrote only a part; it writes the rest by another call,
 * and other writers may write in between. It prints "interrupted WHO" for a call that wrote nothing. A caller must cope
 * with both; the test decides whether they may happen. Any other failure ends the writer with status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#define MIB (1u << 20)
#define RECORD_BYTES_MAX (3 * MIB)
#define SEGMENTS 7
#define EACH_US 2000
#define WRITERS_MAX 8
#define SPLITS_MAX 4096

struct line {
	uint32_t who, record, index, size;
};

static volatile sig_atomic_t came;

static void on_signal(int number)
{
	(void)number;
	came++;
}

static uint32_t number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 10);
}

static uint32_t size_of(uint32_t who, uint32_t record)
{
	return MIB + (who * 2654435761u + record * 40503u * 65537u) % (2 * MIB);
}

static void fill(unsigned char *ret, uint32_t who, uint32_t record)
{
	struct line line = {who, record, 0, size_of(who, record)};
	uint32_t at = 0;

	for (; at + sizeof(line) <= line.size; at += sizeof(line), line.index++)
		memcpy(ret + at, &line, sizeof(line));
	memcpy(ret + at, &line, line.size - at);
}

/* -- writing -- */

/* Cuts the bytes into segments that end within pages, and adds one empty segment. */
static int cut(void *from, size_t size, struct iovec *ret)
{
	char *bytes = from;
	size_t each = size / SEGMENTS | 1, at = 0;
	int count = 0;

	for (; count < SEGMENTS - 1 && at < size; count++) {
		size_t len = count == 2 ? 0 : each < size - at ? each : size - at;

		ret[count] = (struct iovec){bytes + at, len};
		at += len;
	}
	ret[count++] = (struct iovec){bytes + at, size - at};
	return count;
}

static ssize_t write_by(unsigned how, int fd, void *bytes, size_t size)
{
	struct iovec segments[SEGMENTS];

	if (how % 3 == 0)
		return write(fd, bytes, size);
	if (how % 3 == 1)
		return writev(fd, segments, cut(bytes, size, segments));
	return pwritev(fd, segments, cut(bytes, size, segments), 0); /* O_APPEND: the offset has no meaning */
}

static int append(int fd, uint32_t who, uint32_t record, unsigned char *bytes)
{
	const size_t size = size_of(who, record);
	size_t at = 0;

	fill(bytes, who, record);
	while (at < size) {
		ssize_t n = write_by(record, fd, bytes + at, size - at);

		if (n > 0)
			at += (size_t)n;
		if (n > 0 && at < size)
			printf("split %u %u %zu\n", who, record, at);
		if (n > 0)
			continue;
		if (n == 0 || errno != EINTR) {
			printf("writer %u, record %u: %s\n", who, record, n == 0 ? "nothing" : strerror(errno));
			return -1;
		}
		printf("interrupted %u\n", who);
	}
	return 0;
}

static int do_write(char **args)
{
	const int fd = (int)number(args[0]);
	const uint32_t who = number(args[1]), first = number(args[2]), count = number(args[3]);
	const struct sigaction action = {
		.sa_handler = on_signal, .sa_flags = strcmp(args[4], "restart") == 0 ? SA_RESTART : 0};
	const struct itimerval timer = {.it_value.tv_usec = EACH_US, .it_interval.tv_usec = EACH_US};
	unsigned char *bytes = malloc(RECORD_BYTES_MAX);
	int r = bytes ? 0 : -1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, &timer, NULL);
	for (uint32_t i = first; r == 0 && i < first + count; i++)
		r = append(fd, who, i, bytes);
	(void)setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	free(bytes);
	return r < 0;
}

/* -- checking -- */

struct split {
	uint32_t who, record, at;
};

struct writer {
	uint32_t record, at;  /* the writer's next record, and the position in it */
	unsigned char *bytes; /* of that record */
};

static struct split splits[SPLITS_MAX];
static size_t split_count;

static void read_splits(void)
{
	char text[256], *rest;

	while (split_count < SPLITS_MAX && fgets(text, sizeof(text), stdin)) {
		struct split *s = &splits[split_count];

		if (strncmp(text, "split ", 6) != 0)
			continue;
		s->who = (uint32_t)strtoul(text + 6, &rest, 10);
		s->record = (uint32_t)strtoul(rest, &rest, 10);
		s->at = number(rest);
		split_count++;
	}
}

/* To where the record goes on without a break. */
static uint32_t piece_end(const struct writer *w, uint32_t who)
{
	uint32_t end = size_of(who, w->record);

	for (size_t i = 0; i < split_count; i++) {
		const struct split *s = &splits[i];

		if (s->who == who && s->record == w->record && s->at > w->at && s->at < end)
			end = s->at;
	}
	return end;
}

/* Takes the piece that lies at the beginning of the bytes; 0: it is nobody's next, or not whole. */
static size_t take(struct writer *writers, uint32_t count, uint32_t records, const unsigned char *bytes, size_t left)
{
	for (uint32_t who = 0; who < count; who++) {
		struct writer *w = &writers[who];
		const uint32_t end = w->record < records ? piece_end(w, who) : 0;
		const uint32_t size = end - w->at;

		if (end == 0 || size > left || memcmp(w->bytes + w->at, bytes, size) != 0)
			continue;
		w->at = end;
		if (end == size_of(who, w->record)) {
			*w = (struct writer){w->record + 1, 0, w->bytes};
			fill(w->bytes, who, w->record);
		}
		return size;
	}
	return 0;
}

static int check(const unsigned char *bytes, size_t size, uint32_t count, uint32_t records)
{
	struct writer writers[WRITERS_MAX] = {{0}};
	size_t at = 0, n = 1;

	for (uint32_t who = 0; who < count; who++) {
		writers[who].bytes = malloc(RECORD_BYTES_MAX);
		if (!writers[who].bytes)
			return 2;
		fill(writers[who].bytes, who, 0);
	}
	for (; at < size && n > 0; at += n)
		n = take(writers, count, records, bytes + at, size - at);
	if (n == 0) {
		struct line line = {0};

		memcpy(&line, bytes + at, size - at < sizeof(line) ? size - at : sizeof(line));
		printf("at %zu of %zu lies no next record that is whole, but line %u of record %u of writer %u\n", at,
			size, line.index, line.record, line.who);
	}
	for (uint32_t who = 0; who < count; who++) {
		if (writers[who].record < records || n == 0)
			printf("writer %u: %u of %u records, and %u bytes\n", who, writers[who].record, records,
				writers[who].at);
		if (writers[who].record < records)
			n = 0;
		free(writers[who].bytes);
	}
	printf("%zu bytes, %zu splits\n", size, split_count);
	return n == 0;
}

static int do_check(char **args)
{
	const uint32_t count = number(args[1]), records = number(args[2]);
	const int fd = open(args[0], O_RDONLY);
	struct stat st;
	void *bytes;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0 || count > WRITERS_MAX) {
		printf("%s: nothing to check\n", args[0]);
		return 2;
	}
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return 2;
	read_splits();
	return check(bytes, (size_t)st.st_size, count, records);
}

int main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "write") == 0)
		return do_write(argv + 2);
	if (argc == 5 && strcmp(argv[1], "check") == 0)
		return do_check(argv + 2);
	(void)fprintf(stderr, "usage: appends write FD WHO FIRST COUNT HOW | appends check FILE WRITERS COUNT\n");
	return 2;
}
