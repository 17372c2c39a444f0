/*
 * nfs_fsid: a library for LD_PRELOAD into an NFS server in user space. It gives one file system a fixed number: the
 * file system of the folder NFS_FSID_OF.
 *
 * NFS-Ganesha 4.3 puts the number from statfs(2) into the handles of its clients, or the device number if statfs gives
 * none, as for all FUSE mounts. For a mount without a disk the kernel takes the lowest free device number, so a remount
 * gets another number if anything else was mounted in between. No setting of this version of Ganesha changes that.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NUMBER 75 /* any but 0 */

/* The linker's name of this function is that of the C library's function. */
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
