#include "cli/mount_log.h"

#include "common/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The log is the only file that the process opens for appending. */
static bool is_log(pid_t pid, const char *fd)
{
	char path[PATH_MAX], line[128];
	bool appends = false;
	struct stat st;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, fd);
	/* The link is read first: its target may be on the mount itself, which may not answer. */
	if (readlink(path, line, sizeof(line)) <= 0 || line[0] != '/' || strncmp(line, "/dev/", 5) == 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", (int)pid, fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "flags:", 6) == 0)
			appends = strtoul(line + 6, NULL, 8) & O_APPEND;
	if (f)
		(void)fclose(f);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, fd);
	return appends && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int mount_log_open(pid_t pid)
{
	char path[PATH_MAX];
	struct dirent *d;
	int fd = -ENOENT;
	DIR *list;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	list = opendir(path);
	while (list && fd < 0 && (d = readdir(list))) {
		if (d->d_name[0] == '.' || !is_log(pid, d->d_name))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, d->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		fd = fd < 0 ? -ENOENT : fd;
	}
	if (list)
		(void)closedir(list);
	if (fd >= 0 && lseek(fd, 0, SEEK_END) < 0) {
		(void)close(fd);
		return -ENOENT;
	}
	return fd;
}

/* Takes a line of the log if it is an error. */
static int take_line(struct span line, size_t *told, struct buf *ret)
{
	json_t *object = json_loadb(line.data, line.size, 0, NULL);
	const char *level = json_string_value(json_object_get(object, "level"));
	const char *said = json_string_value(json_object_get(object, "msg"));
	int r = 0;

	if (level && said && strcmp(level, "error") == 0 && (*told)++ < MOUNT_LOG_LINES_MAX)
		r = buf_printf(ret, "%s\n", said);
	json_decref(object);
	return r;
}

int mount_log_errors(int fd, struct buf *ret)
{
	char *text = malloc(MOUNT_LOG_BYTES_MAX);
	struct span left;
	size_t told = 0;
	ssize_t n = 0, size = 0;
	int r = text ? 0 : -ENOMEM;

	while (text && size < (ssize_t)MOUNT_LOG_BYTES_MAX &&
		(n = read(fd, text + size, MOUNT_LOG_BYTES_MAX - (size_t)size)) > 0)
		size += n;
	if (n < 0)
		r = -errno;
	left = span_of(text, (size_t)size);
	while (r == 0 && left.size > 0) {
		const char *end = memchr(left.data, '\n', left.size);
		size_t line = end ? (size_t)(end - left.data) : left.size;

		r = take_line(span_of(left.data, line), &told, ret);
		line += end != NULL;
		left = span_of(left.data + line, left.size - line);
	}
	if (r == 0 && told > MOUNT_LOG_LINES_MAX)
		r = buf_printf(ret, "and %zu lines more\n", told - MOUNT_LOG_LINES_MAX);
	free(text);
	return r;
}
