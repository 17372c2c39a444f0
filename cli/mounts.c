#include "cli/mounts.h"

#include "common/base/buf.h"
#include "common/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MOUNTINFO "/proc/self/mountinfo"
#define OUR_TYPE "fuse.nephos"
#define COMMAND_LINE_BYTES_MAX (64u * 1024)
#define READ_PIECE_BYTES 16384u
#define FIELD_DEVICE 2 /* index of a field in a line of mountinfo, from 0 */
#define FIELD_DIRECTORY 4
#define FIELDS_BEFORE_OPTIONAL 6

/* Reads until the end: files of /proc have no useful size. */
static int read_all(const char *path, size_t max, struct buf *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;
	int r = fd < 0 ? -errno : 0;

	while (r == 0 && n > 0 && ret->size < max) {
		r = buf_reserve(ret, READ_PIECE_BYTES);
		if (r < 0)
			break;
		n = read(fd, ret->data + ret->size, READ_PIECE_BYTES);
		if (n < 0)
			r = -errno;
		else
			ret->size += (size_t)n;
		ret->data[ret->size] = '\0';
	}
	if (fd >= 0)
		(void)close(fd);
	return r;
}

/* ---- mountinfo ---- */

/* The next word of a line; empty at the end of the line. */
static struct span next_word(struct span *line)
{
	size_t size = 0;
	struct span word;

	while (line->size > 0 && *line->data == ' ')
		*line = span_of(line->data + 1, line->size - 1);
	while (size < line->size && line->data[size] != ' ')
		size++;
	word = span_of(line->data, size);
	*line = span_of(line->data + size, line->size - size);
	return word;
}

/* The kernel writes blank, tab, line break and backslash as \ooo. */
static char *unescape(struct span word)
{
	char *copy = malloc(word.size + 1), *at = copy;

	for (size_t i = 0; copy && i < word.size; i++) {
		const char *c = word.data + i;

		if (*c == '\\' && word.size - i > 3 && c[1] >= '0' && c[1] <= '3' && c[2] >= '0' && c[2] <= '7' &&
			c[3] >= '0' && c[3] <= '7') {
			*at++ = (char)((c[1] - '0') << 6 | (c[2] - '0') << 3 | (c[3] - '0'));
			i += 3;
		} else {
			*at++ = *c;
		}
	}
	if (copy)
		*at = '\0';
	return copy;
}

static int add(struct mounts *m, struct span device, struct span directory, struct span source)
{
	const char *colon = memchr(device.data, ':', device.size);
	struct mounts_entry *grown, *e;
	uint64_t number = 0;

	if (!colon ||
		text_parse_u64(
			span_of(colon + 1, device.size - (size_t)(colon + 1 - device.data)), UINT32_MAX, &number) < 0)
		return 0;
	grown = reallocarray(m->list, m->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	m->list = grown;
	e = &m->list[m->count];
	e->connection = (unsigned)number;
	e->directory = unescape(directory);
	e->source = unescape(source);
	m->count++;
	return e->directory && e->source ? 0 : -ENOMEM;
}

static int parse_line(struct mounts *m, struct span line)
{
	struct span device = {NULL, 0}, directory = {NULL, 0}, word = {NULL, 0};

	for (unsigned i = 0; i < FIELDS_BEFORE_OPTIONAL; i++) {
		word = next_word(&line);
		if (i == FIELD_DEVICE)
			device = word;
		else if (i == FIELD_DIRECTORY)
			directory = word;
	}
	while (word.size > 0 && !span_eq_str(word, "-"))
		word = next_word(&line);
	if (word.size == 0 || !span_eq_str(next_word(&line), OUR_TYPE))
		return 0;
	return add(m, device, directory, next_word(&line));
}

int mounts_parse(struct span text, struct mounts *ret)
{
	struct mounts m = {NULL, 0};
	int r = 0;

	while (text.size > 0 && r == 0) {
		const char *end = memchr(text.data, '\n', text.size);
		size_t size = end ? (size_t)(end - text.data) : text.size;

		r = parse_line(&m, span_of(text.data, size));
		size += end != NULL;
		text = span_of(text.data + size, text.size - size);
	}
	if (r < 0)
		mounts_fini(&m);
	else
		*ret = m;
	return r;
}

int mounts_read(struct mounts *ret)
{
	return mounts_read_from(MOUNTINFO, ret);
}

int mounts_read_from(const char *path, struct mounts *ret)
{
	struct buf text;
	int r;

	buf_init(&text, MOUNTS_TEXT_BYTES_MAX);
	r = read_all(path, MOUNTS_TEXT_BYTES_MAX, &text);
	if (r == 0)
		r = mounts_parse(buf_span(&text), ret);
	buf_fini(&text);
	return r;
}

void mounts_fini(struct mounts *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->list[i].directory);
		free(m->list[i].source);
	}
	free(m->list);
	*m = (struct mounts){NULL, 0};
}

const struct mounts_entry *mounts_find(const struct mounts *m, const char *directory)
{
	for (size_t i = m->count; i > 0; i--)
		if (strcmp(m->list[i - 1].directory, directory) == 0)
			return &m->list[i - 1];
	return NULL;
}

/* ---- the process ---- */

/*
 * The process that serves a mount has /dev/fuse open. Newer kernels say in its fdinfo which mount that is. On
 * older ones the command line is compared: it contains the directory as it was typed, absolute or as the end of
 * the path.
 */
enum match { MATCH_NO, MATCH_PERHAPS, MATCH_YES };

static bool names_directory(struct span command_line, const char *directory)
{
	size_t whole = strlen(directory);

	while (command_line.size > 0) {
		size_t size = strnlen(command_line.data, command_line.size);
		const char *word = command_line.data;

		if (size > 0 && size <= whole && memcmp(directory + whole - size, word, size) == 0 &&
			(size == whole || directory[whole - size - 1] == '/'))
			return true;
		size += size < command_line.size;
		command_line = span_of(word + size, command_line.size - size);
	}
	return false;
}

static enum match match_descriptor(const struct mounts_entry *e, const char *process, const char *fd)
{
	char path[PATH_MAX], link[32];
	struct buf text;
	const char *said;
	uint64_t number = 0;
	enum match match = MATCH_NO;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%s/fd/%s", process, fd);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0 || (link[n] = '\0', strcmp(link, "/dev/fuse") != 0))
		return MATCH_NO;
	buf_init(&text, COMMAND_LINE_BYTES_MAX + READ_PIECE_BYTES);
	(void)snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", process, fd);
	if (read_all(path, COMMAND_LINE_BYTES_MAX, &text) == 0 && text.data) {
		said = strstr(text.data, "fuse_connection:\t");
		if (said) {
			said += sizeof("fuse_connection:\t") - 1;
			if (text_parse_u64(span_of(said, strcspn(said, "\n")), UINT32_MAX, &number) == 0)
				match = number == e->connection ? MATCH_YES : MATCH_NO;
		} else {
			match = MATCH_PERHAPS;
		}
	}
	buf_fini(&text);
	return match;
}

static bool match_command_line(const struct mounts_entry *e, const char *process)
{
	char path[PATH_MAX];
	struct buf text;
	bool match;

	buf_init(&text, COMMAND_LINE_BYTES_MAX + READ_PIECE_BYTES);
	(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", process);
	match = read_all(path, COMMAND_LINE_BYTES_MAX, &text) == 0 && names_directory(buf_span(&text), e->directory);
	buf_fini(&text);
	return match;
}

static bool serves(const struct mounts_entry *e, const char *process)
{
	char path[PATH_MAX];
	enum match match = MATCH_NO;
	struct dirent *d;
	DIR *fds;

	(void)snprintf(path, sizeof(path), "/proc/%s/fd", process);
	fds = opendir(path);
	while (fds && match != MATCH_YES && (d = readdir(fds))) {
		enum match one = match_descriptor(e, process, d->d_name);

		match = one > match ? one : match;
	}
	if (fds)
		(void)closedir(fds);
	return match == MATCH_YES || (match == MATCH_PERHAPS && match_command_line(e, process));
}

int mounts_process(const struct mounts_entry *entry, pid_t *ret)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	uint64_t pid;
	int r = -ESRCH;

	while (proc && r < 0 && (d = readdir(proc))) {
		if (text_parse_u64(span_str(d->d_name), INT_MAX, &pid) < 0 || !serves(entry, d->d_name))
			continue;
		*ret = (pid_t)pid;
		r = 0;
	}
	if (proc)
		(void)closedir(proc);
	return r;
}
