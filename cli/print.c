#include "cli/print.h"

#include "common/base/clock.h"
#include "common/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

/* If the first character of text (UTF-8) must not reach a terminal: its length in bytes; else 0. */
static size_t unfit(const unsigned char *text, size_t size)
{
	if (text[0] < 0x20 || text[0] == 0x7f)
		return 1;
	/* U+0080 to U+009F: the same control characters, for terminals that interpret eight bits. */
	if (size >= 2 && text[0] == 0xc2 && text[1] < 0xa0)
		return 2;
	/* U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069. */
	if (size >= 3 && text[0] == 0xe2 && text[1] == 0x80 &&
		(text[2] == 0x8e || text[2] == 0x8f || (text[2] >= 0xa8 && text[2] <= 0xae)))
		return 3;
	if (size >= 3 && text[0] == 0xe2 && text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9)
		return 3;
	return 0;
}

static int escape_bytes(struct buf *ret, const unsigned char *bytes, size_t size)
{
	int r = 0;

	for (size_t i = 0; i < size && r == 0; i++) {
		if (bytes[i] == '\n')
			r = buf_append_str(ret, "\\n");
		else if (bytes[i] == '\t')
			r = buf_append_str(ret, "\\t");
		else
			r = buf_printf(ret, "\\x%02x", bytes[i]);
	}
	return r;
}

int print_name(struct buf *ret, struct span name, bool escape)
{
	size_t at = 0;
	int r = 0;

	if (!escape)
		return buf_append_span(ret, name);
	while (at < name.size && r == 0) {
		const unsigned char *here = (const unsigned char *)name.data + at;
		size_t run = text_utf8_run(span_of(here, name.size - at));
		size_t bad = run > 0 ? unfit(here, run) : 1;

		if (bad > 0) {
			r = escape_bytes(ret, here, bad);
			at += bad;
			continue;
		}
		/* One character: bytes of the form 10xxxxxx continue it. */
		size_t size = 1;
		while (size < run && (here[size] & 0xc0) == 0x80)
			size++;
		r = buf_append(ret, here, size);
		at += size;
	}
	return r;
}

void print_mode(uint32_t mode, char ret[PRINT_MODE_SIZE])
{
	static const char letters[] = "rwxrwxrwx";
	static const struct {
		uint32_t type;
		char letter;
	} types[] = {{S_IFDIR, 'd'}, {S_IFLNK, 'l'}, {S_IFIFO, 'p'}, {S_IFSOCK, 's'}, {S_IFCHR, 'c'}, {S_IFBLK, 'b'}};

	ret[0] = '-';
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if ((mode & S_IFMT) == types[i].type)
			ret[0] = types[i].letter;
	for (unsigned i = 0; i < 9; i++)
		ret[i + 1] = mode & (0400u >> i) ? letters[i] : '-';
	if (mode & S_ISUID)
		ret[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		ret[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		ret[9] = mode & S_IXOTH ? 't' : 'T';
	ret[10] = '\0';
}

void print_time(int64_t ns, char ret[PRINT_TIME_SIZE])
{
	time_t seconds = clock_timespec(ns).tv_sec;
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || strftime(ret, PRINT_TIME_SIZE, "%Y-%m-%d %H:%M", &tm) == 0)
		(void)snprintf(ret, PRINT_TIME_SIZE, "-");
}

int print_item(struct buf *ret, const struct item *item, struct span name, bool escape)
{
	char mode[PRINT_MODE_SIZE], when[PRINT_TIME_SIZE];
	int r;

	print_mode(item->mode, mode);
	print_time(item->mtime, when);
	r = buf_printf(ret, "%s %3" PRIu32 " %5" PRIu32 " %5" PRIu32 " %12" PRId64 " %s ", mode, item->nlink, item->uid,
		item->gid, item->size, when);
	if (r == 0)
		r = print_name(ret, name, escape);
	if (r == 0 && S_ISLNK(item->mode))
		r = buf_append_str(ret, " -> ");
	if (r == 0 && S_ISLNK(item->mode))
		r = print_name(ret, item->target, escape);
	return r == 0 ? buf_append_str(ret, "\n") : r;
}
