/*
 * log: one JSON object a line: time, level, name, pid, trace, msg. Only this module writes to the log. The logger
 * is the one mutable global of a process. Any thread. A line is one write(2), cut at LOG_LINE_BYTES_MAX. Libraries
 * return errors; only edges (main, handlers, loop callbacks) log them, once per failure.
 */
#ifndef NEPHOS_BASE_LOG_H
#define NEPHOS_BASE_LOG_H

#include <stdbool.h>

#define LOG_LINE_BYTES_MAX 4096 /* PIPE_BUF: lines stay whole when several processes write to one pipe */

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

void log_init(const char *name, enum log_level level, int fd);
bool log_wants(enum log_level level);
/* trace may be NULL. */
void log_write(enum log_level level, const char *trace, const char *format, ...) __attribute__((format(printf, 3, 4)));
int log_level_parse(const char *text, enum log_level *ret); /* -EINVAL */

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

#endif
