#include "backend/docs/blocks/spool.h"

#include "common/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SPOOL_NAME_BYTES 16 /* random, so that nobody else makes a file of that name while this one has a name */

static int spool_error(int error)
{
	if (error == ENOSPC || error == EDQUOT)
		return -ENOSPC;
	return error == EMFILE || error == ENFILE ? -EMFILE : -EIO;
}

int spool_open(int folder)
{
	char name[2 * SPOOL_NAME_BYTES + 1];
	int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd >= 0 ? fd : spool_error(errno);
	/* The file system cannot make files without a name. */
	if (text_random_hex(SPOOL_NAME_BYTES, name) < 0)
		return -EIO;
	fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return spool_error(errno);
	(void)unlinkat(folder, name, 0);
	return fd;
}
