/*
 * device: what passes between the kernel and libfuse. The kernel has requests that the library does not know yet (3.14:
 * TMPFILE, STATX and SYNCFS; 3.17: STATX and SYNCFS). Those are turned into ones that it does know on their way in,
 * with a mark by which the handler tells them apart: so each has a fuse_req_t, is interrupted, counted and answered
 * like any other. The kernel finds a request by its number, so that the library's reply, with the payload that the
 * kernel expects, is the answer to what it asked. The answer to INIT gets flags that the library cannot say.
 *
 * Everything that comes from the kernel is checked for its size. What is too short is left as it is: the library says
 * ENOSYS. Threads: as the session's.
 */
#ifndef NEPHOS_FUSEFS_OPS_DEVICE_H
#define NEPHOS_FUSEFS_OPS_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* In place of a file handle, which is a pointer and never one of these. */
#define DEVICE_STATX 1	/* getattr: the answer is struct device_statx */
#define DEVICE_SYNCFS 2 /* fsyncdir: everything that is dirty is to be stored */
/* In place of a name: create makes a document without one. */
#define DEVICE_NO_NAME "/"

struct device_time {
	int64_t sec;
	uint32_t nsec;
	int32_t reserved;
};

/* The answer to STATX, as the kernel has it (struct fuse_statx_out). */
struct device_statx {
	uint64_t valid_sec; /* how long the attributes may be kept */
	uint32_t valid_nsec, flags;
	uint64_t spare[2];
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare_mode;
	uint64_t ino, size, blocks, attributes_mask;
	struct device_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare_end[14];
};

struct fuse_session;
struct stat;
struct timespec;

/* All but how long it is valid. */
void device_statx_fill(struct device_statx *ret, const struct stat *st, struct timespec btime);

/* What is known of the INIT that is under way: from device_request to device_reply. All zero at first. */
struct device_init {
	uint64_t unique; /* 0: none */
	uint32_t flags, flags2;
	uint32_t minor; /* of the kernel's protocol; stays */
};

/* A request of size bytes, in a buffer of room bytes: returns its size from now on. init notes an INIT. */
size_t device_request(struct device_init *init, void *request, size_t size, size_t room);
/*
 * The answer to the INIT that was noted: what is added is in storage (of DEVICE_INIT_REPLY_BYTES), to which iov then
 * points. Anything else is left alone. Returns the count of iov from now on.
 */
#define DEVICE_INIT_REPLY_BYTES 80 /* of header and body: what kernels of 7.23 and later take */
int device_reply(struct device_init *init, struct iovec *iov, int count, void *storage);

/* The kernel lets files be mapped that are read and written past its pages. */
bool device_maps_direct(const struct device_init *init);
/* The kernel takes device_prune: Linux 6.18. */
bool device_can_prune(const struct device_init *init);
/* These documents need not be remembered, see prune.h. Blocks. 0, or what writing to the kernel says. */
int device_prune(struct fuse_session *session, const uint64_t *nodes, size_t count);

/* After fuse_session_mount, before the first request is read. The session's userdata begins with its struct
 * device_init. -ENOMEM, -EINVAL. */
int device_attach(struct fuse_session *session);

#endif
