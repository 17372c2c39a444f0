#include "common/base/fusermount.h"

#include <errno.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

int fusermount_unmount(const char *directory, bool lazy)
{
	const char *argv[] = {"fusermount3", lazy ? "-uz" : "-u", "-q", "--", directory, NULL};
	int status = 0;
	pid_t pid;
	int r = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);

	if (r != 0)
		return -r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBUSY;
}
