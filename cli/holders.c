#include "cli/holders.h"

#include "cli/mounts.h"
#include "common/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct search {
	const char *proc, *directory;
	struct holder found; /* of the current process */
	struct holders *holders;
};

/* The part of the path below the directory, empty for the directory itself; NULL: the path is elsewhere. */
static const char *below(const char *directory, const char *path)
{
	size_t size = strlen(directory);

	if (strncmp(path, directory, size) != 0)
		return NULL;
	if (path[size] == '\0')
		return "";
	return path[size] == '/' ? path + size + 1 : NULL;
}

static bool note(struct search *s, const char *by, const char *path)
{
	const char *rest = below(s->directory, path);

	if (!rest)
		return false;
	s->found.by = by;
	(void)snprintf(s->found.path, sizeof(s->found.path), "%s", rest);
	return true;
}

/* Looks at a link of the process. */
static bool look_at(struct search *s, const char *process, const char *link, const char *by)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s/%s", s->proc, process, link);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0) {
		s->holders->hidden |= errno == EACCES || errno == EPERM;
		return false;
	}
	target[n] = '\0';
	return note(s, by, target);
}

static bool look_at_files(struct search *s, const char *process)
{
	char path[PATH_MAX], link[NAME_MAX + sizeof("fd/")];
	bool found = false;
	struct dirent *d;
	DIR *fds;

	(void)snprintf(path, sizeof(path), "%s/%s/fd", s->proc, process);
	fds = opendir(path);
	while (fds && !found && (d = readdir(fds))) {
		(void)snprintf(link, sizeof(link), "fd/%s", d->d_name);
		found = look_at(s, process, link, "file");
	}
	if (fds)
		(void)closedir(fds);
	return found;
}

/* Lines are "from-to rights offset device inode      path". */
static bool look_at_mappings(struct search *s, const char *process)
{
	char path[PATH_MAX], line[PATH_MAX + 256];
	size_t bytes = 0;
	bool found = false;
	FILE *maps;

	(void)snprintf(path, sizeof(path), "%s/%s/maps", s->proc, process);
	maps = fopen(path, "re");
	while (maps && !found && bytes < HOLDER_MAPS_BYTES_MAX && fgets(line, sizeof(line), maps)) {
		const char *at = strchr(line, '/');

		bytes += strlen(line);
		line[strcspn(line, "\n")] = '\0';
		found = at && note(s, "mapped file", at);
	}
	if (maps)
		(void)fclose(maps);
	return found;
}

static void read_name(struct search *s, const char *process)
{
	char path[PATH_MAX];
	FILE *f;

	(void)snprintf(s->found.name, sizeof(s->found.name), "?");
	(void)snprintf(path, sizeof(path), "%s/%s/comm", s->proc, process);
	f = fopen(path, "re");
	if (f && fgets(s->found.name, sizeof(s->found.name), f))
		s->found.name[strcspn(s->found.name, "\n")] = '\0';
	if (f)
		(void)fclose(f);
}

static void add_found(struct search *s, const char *process, pid_t pid)
{
	struct holders *h = s->holders;

	if (h->count == HOLDERS_MAX) {
		h->more++;
		return;
	}
	s->found.pid = pid;
	read_name(s, process);
	h->list[h->count++] = s->found;
}

static void look_at_process(struct search *s, const char *process, pid_t pid)
{
	if (!look_at(s, process, "cwd", "cwd") && !look_at(s, process, "root", "root") &&
		!look_at(s, process, "exe", "program") && !look_at_files(s, process) && !look_at_mappings(s, process))
		return;
	add_found(s, process, pid);
}

int holders_find(const char *proc, const char *directory, pid_t but, struct holders *ret)
{
	struct search s = {.proc = proc, .directory = directory, .holders = ret};
	DIR *list = opendir(proc);
	struct dirent *d;
	uint64_t pid;

	*ret = (struct holders){0};
	if (!list)
		return -errno;
	while ((d = readdir(list))) {
		if (text_parse_u64(span_str(d->d_name), INT_MAX, &pid) < 0 || (pid_t)pid == but ||
			(pid_t)pid == getpid())
			continue;
		look_at_process(&s, d->d_name, (pid_t)pid);
	}
	(void)closedir(list);
	return 0;
}

/* ---- mount namespaces ---- */

struct namespaces {
	char seen[HOLDERS_NAMESPACES_MAX][32]; /* "mnt:[4026531841]" */
	size_t count;
};

/* false: the namespace was seen before, or we have no right to look. */
static bool is_new_namespace(struct namespaces *n, const char *proc, const char *process)
{
	char path[PATH_MAX], name[sizeof(n->seen[0])];
	ssize_t size;

	(void)snprintf(path, sizeof(path), "%s/%s/ns/mnt", proc, process);
	size = readlink(path, name, sizeof(name) - 1);
	if (size < 0)
		return false;
	name[size] = '\0';
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->seen[i], name) == 0)
			return false;
	if (n->count < HOLDERS_NAMESPACES_MAX)
		memcpy(n->seen[n->count++], name, sizeof(name));
	return true;
}

static bool has_mount(const char *proc, const char *process, unsigned connection)
{
	char path[PATH_MAX];
	struct mounts mounts;
	bool found = false;

	(void)snprintf(path, sizeof(path), "%s/%s/mountinfo", proc, process);
	if (mounts_read_from(path, &mounts) < 0)
		return false;
	for (size_t i = 0; i < mounts.count; i++)
		found = found || mounts.list[i].connection == connection;
	mounts_fini(&mounts);
	return found;
}

int holders_elsewhere(const char *proc, unsigned connection, struct holders *ret)
{
	struct search s = {.proc = proc, .found = {.by = "namespace"}, .holders = ret};
	struct namespaces namespaces = {.count = 0};
	DIR *list = opendir(proc);
	struct dirent *d;
	uint64_t pid;

	*ret = (struct holders){0};
	if (!list)
		return -errno;
	(void)is_new_namespace(&namespaces, proc, "self"); /* the own namespace, where the mount is off */
	while ((d = readdir(list)))
		if (text_parse_u64(span_str(d->d_name), INT_MAX, &pid) == 0 &&
			is_new_namespace(&namespaces, proc, d->d_name) && has_mount(proc, d->d_name, connection))
			add_found(&s, d->d_name, (pid_t)pid);
	(void)closedir(list);
	return 0;
}

int holders_say(const struct holders *h, struct buf *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < h->count; i++) {
		const struct holder *one = &h->list[i];

		r = buf_printf(ret, "%s%s (pid %d, %s%s%s)", i > 0 ? ", " : "", one->name, (int)one->pid, one->by,
			one->path[0] ? " " : "", one->path);
	}
	if (r == 0 && h->more > 0)
		r = buf_printf(ret, " and %zu more", h->more);
	return r;
}
