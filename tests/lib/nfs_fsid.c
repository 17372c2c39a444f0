/*
 * nfs_fsid: loaded into an NFS server in user space (LD_PRELOAD), it gives one file system a number of its own: that of
 * the folder NFS_FSID_OF.
 *
 * NFS-Ganesha 4.3 puts the number that statfs(2) says into the handles of its clients, and where there is none, as of
 * all FUSE, that of the device. For a mount without a disk the kernel takes the lowest number that is free: after a
 * remount it is another one as soon as anything else was mounted meanwhile. No setting of this version changes that.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NUMBER 75 /* any but 0 */

/* Its name for the linker is that of the C library's. */
int statfs_numbered(const char *path, struct statfs64 *ret) __asm__("statfs64");

int statfs_numbered(const char *path, struct statfs64 *ret)
{
	const char *numbered = getenv("NFS_FSID_OF");
	int fd = open(path, O_PATH | O_CLOEXEC);
	int r = fd < 0 ? -1 : fstatfs64(fd, ret);

	if (fd >= 0)
		(void)close(fd);
	if (r == 0 && numbered && strcmp(path, numbered) == 0)
		memcpy(&ret->f_fsid, (const int[]){NUMBER, NUMBER}, sizeof(ret->f_fsid));
	return r;
}
