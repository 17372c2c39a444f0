#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_SIZE 32

/* log_init writes it before there are threads. Only the level may be read at any time. */
static struct {
	char name[NAME_SIZE];
	atomic_int level;
	int fd;
} logger = {.name = "nephos", .level = LOG_INFO, .fd = STDERR_FILENO};

static const char *const level_names[] = {"debug", "info", "warning", "error"};

#define LEVELS (sizeof(level_names) / sizeof(level_names[0]))

void log_init(const char *name, enum log_level level, int fd)
{
	(void)snprintf(logger.name, sizeof(logger.name), "%s", name);
	atomic_store_explicit(&logger.level, (int)level, memory_order_relaxed);
	logger.fd = fd;
}

bool log_wants(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&logger.level, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *ret)
{
	for (size_t i = 0; text && i < LEVELS; i++)
		if (strcmp(text, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	return -EINVAL;
}

/* A line under construction. Text that does not fit is left out; the end of the line always fits. */
struct line {
	char text[LOG_LINE_BYTES_MAX];
	size_t size;
	bool full;
};

#define LINE_END "\"}\n"
#define LINE_BYTES_MAX (LOG_LINE_BYTES_MAX - (sizeof(LINE_END) - 1))

static void line_add(struct line *l, const char *data, size_t size)
{
	if (l->full || size > LINE_BYTES_MAX - l->size) {
		l->full = true; /* nothing is added after a gap: the line must not go on behind a cut text */
		return;
	}
	memcpy(l->text + l->size, data, size);
	l->size += size;
}

static void line_add_str(struct line *l, const char *text)
{
	line_add(l, text, strlen(text));
}

/* Adds one character of a JSON string: escaped if necessary, U+FFFD for a byte that is not UTF-8. Returns its bytes
 * in s. */
static size_t line_add_char(struct line *l, struct span s)
{
	unsigned char c = (unsigned char)s.data[0];
	size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	char escaped[8];

	if (c >= 0x80) {
		if (length <= s.size && text_is_utf8(span_of(s.data, length))) {
			line_add(l, s.data, length);
			return length;
		}
		line_add_str(l, TEXT_REPLACEMENT);
	} else if (c == '"' || c == '\\') {
		line_add(l, (const char[]){'\\', (char)c}, 2);
	} else if (c < 0x20 || c == 0x7f) {
		(void)snprintf(escaped, sizeof(escaped), "\\u%04x", c);
		line_add_str(l, escaped);
	} else {
		line_add(l, s.data, 1);
	}
	return 1;
}

static void line_add_json(struct line *l, struct span s)
{
	while (s.size > 0 && !l->full) {
		size_t n = line_add_char(l, s);

		s = span_of(s.data + n, s.size - n);
	}
}

static void line_add_head(struct line *l, enum log_level level, const char *trace)
{
	struct timespec now = clock_timespec(clock_real_ns());
	struct tm tm = {0};
	char head[128], date[32] = "";

	if (gmtime_r(&now.tv_sec, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(head, sizeof(head), "{\"time\":\"%s.%06ldZ\",\"level\":\"%s\",\"name\":\"", date,
		now.tv_nsec / 1000, level_names[level]);
	line_add_str(l, head);
	line_add_json(l, span_str(logger.name));
	(void)snprintf(head, sizeof(head), "\",\"pid\":%ld", (long)getpid());
	line_add_str(l, head);
	if (trace) {
		line_add_str(l, ",\"trace\":\"");
		line_add_json(l, span_of(trace, strnlen(trace, TRACE_BYTES_MAX)));
		line_add_str(l, "\"");
	}
	line_add_str(l, ",\"msg\":\"");
}

void log_write(enum log_level level, const char *trace, const char *format, ...)
{
	char message[LOG_LINE_BYTES_MAX];
	int saved = errno;
	struct line l;
	va_list args;
	ssize_t n;

	if (!log_wants(level))
		return;
	l.size = 0;
	l.full = false;
	errno = saved; /* for %m */
	va_start(args, format);
	if (vsnprintf(message, sizeof(message), format, args) < 0)
		(void)snprintf(message, sizeof(message), "message cannot be formatted: %s", format);
	va_end(args);
	line_add_head(&l, level, trace);
	line_add_json(&l, span_str(message));
	memcpy(l.text + l.size, LINE_END, sizeof(LINE_END) - 1);
	l.size += sizeof(LINE_END) - 1;
	/* One write call: the rest of a line, written later, could land inside another line. A log that cannot be
	 * written stops no thread. */
	do
		n = write(logger.fd, l.text, l.size);
	while (n < 0 && errno == EINTR);
	errno = saved;
}
