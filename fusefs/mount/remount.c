#include "fusefs/mount/remount.h"

#include "common/base/error.h"
#include "fusefs/mount/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

/* A flag of statvfs, the same flag of mount(2), and the options that set and clear it. */
struct flag {
	unsigned long shown, taken;
	const char *set, *clear;
};

static const struct flag flags[] = {
	{ST_NOSUID, MS_NOSUID, "nosuid", "suid"},
	{ST_NODEV, MS_NODEV, "nodev", "dev"},
	{ST_NOEXEC, MS_NOEXEC, "noexec", "exec"},
	{ST_SYNCHRONOUS, MS_SYNCHRONOUS, "sync", "async"},
	{ST_NOATIME, MS_NOATIME, NULL, NULL},
	{ST_NODIRATIME, MS_NODIRATIME, NULL, NULL},
	{ST_RELATIME, MS_RELATIME, NULL, NULL},
};

/* Which of the two options of a flag comes last in the list: 1: set, 0: clear, -1: neither is in it. */
static int said_last(const char *list, const struct flag *flag)
{
	int said = -1;

	while (list && *list && flag->set) {
		size_t size = strcspn(list, ",");

		if (strlen(flag->set) == size && strncmp(list, flag->set, size) == 0)
			said = 1;
		else if (strlen(flag->clear) == size && strncmp(list, flag->clear, size) == 0)
			said = 0;
		list += size;
		list += *list == ',';
	}
	return said;
}

unsigned long remount_flags(unsigned long now, const struct mount_options *o)
{
	unsigned long taken = MS_REMOUNT | (o->read_only ? MS_RDONLY : 0);

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		int said = said_last(o->fuse.data, &flags[i]);

		if (said == 1 || (said < 0 && (now & flags[i].shown)))
			taken |= flags[i].taken;
	}
	return taken;
}

int remount(const struct mount_options *o, struct buf *ret_why)
{
	char *path = realpath(o->directory, NULL);
	struct statvfs now;
	int r = path ? 0 : -errno;

	if (r == 0 && !kernel_is_mounted(path))
		r = -ENODEV;
	if (r == 0 && statvfs(path, &now) < 0)
		r = -errno;
	if (r == 0 && mount(NULL, path, NULL, remount_flags(now.f_flag, o), NULL) < 0)
		r = -errno;
	if (r == -EBUSY)
		(void)buf_printf(ret_why,
			"%s stays writable: files on it are open for writing (fuser -vm %s names who has them)",
			o->directory, o->directory);
	else if (r == -ENODEV)
		(void)buf_printf(
			ret_why, "%s: no drive is mounted there, so there is nothing to remount", o->directory);
	else if (r < 0)
		(void)buf_printf(ret_why, "%s cannot be remounted: %s", o->directory, error_lookup(r)->title);
	free(path);
	return r;
}
