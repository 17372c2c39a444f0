/*
 * device: what passes between the kernel and libfuse. The kernel sends requests that the library does not support
 * (3.14: TMPFILE, STATX and SYNCFS; 3.17: STATX and SYNCFS). This module rewrites such a request, as it comes in,
 * into one that the library supports, with a mark by which the handler recognizes it. So each has a fuse_req_t, and
 * is interrupted, counted and answered like any other. The kernel matches an answer to its request by number, so the
 * library's reply, with the payload that the kernel expects, is a valid answer to the original request. The answer to
 * INIT gets flags that the library cannot set.
 *
 * The size of everything that comes from the kernel is checked. A request that is too short is left unchanged: the
 * library answers it with ENOSYS. Threads: the threads of the session.
 */
#ifndef NEPHOS_FUSEFS_OPS_DEVICE_H
#define NEPHOS_FUSEFS_OPS_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Used in place of a file handle, which is a pointer and never has one of these values. */
#define DEVICE_STATX 1	/* getattr: the answer is struct device_statx */
#define DEVICE_SYNCFS 2 /* fsyncdir: all dirty data is to be stored */
/* Used in place of a name: create makes a document without a name. */
#define DEVICE_NO_NAME "/"

struct device_time {
	int64_t sec;
	uint32_t nsec;
	int32_t reserved;
};

/* The answer to STATX, as the kernel has it (struct fuse_statx_out). */
struct device_statx {
	uint64_t valid_sec; /* how long the kernel may cache the attributes */
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

/* Fills everything but the time of validity. */
void device_statx_fill(struct device_statx *ret, const struct stat *st, struct timespec btime);

/* What is noted about the INIT in flight, from device_request to device_reply. All zero at first. */
struct device_init {
	uint64_t unique; /* 0: none */
	uint32_t flags, flags2;
	uint32_t minor; /* of the kernel's protocol; kept after the reply */
};

/* Rewrites a request of size bytes in a buffer of room bytes, and returns its new size. An INIT is noted in init. */
size_t device_request(struct device_init *init, void *request, size_t size, size_t room);
/*
 * Adds flags to the answer to the INIT that was noted: the new answer is in storage (of DEVICE_INIT_REPLY_BYTES), and
 * iov then points to it. Any other answer is left unchanged. Returns the new count of iov.
 */
#define DEVICE_INIT_REPLY_BYTES 80 /* header and body, as kernels of 7.23 and later expect */
int device_reply(struct device_init *init, struct iovec *iov, int count, void *storage);

/* The kernel lets a file be mapped that is read and written with direct I/O. */
bool device_maps_direct(const struct device_init *init);
/* The kernel supports device_prune: Linux 6.18 and later. */
bool device_can_prune(const struct device_init *init);
/* Tells the kernel that it need not remember these documents, see prune.h. Blocks. 0, or the error of the write to
 * the kernel. */
int device_prune(struct fuse_session *session, const uint64_t *nodes, size_t count);

/* Called after fuse_session_mount, before the first request is read. The session's userdata must begin with its
 * struct device_init. -ENOMEM, -EINVAL. */
int device_attach(struct fuse_session *session);

#endif
