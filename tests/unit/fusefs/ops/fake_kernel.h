/*
 * fake_kernel: the kernel's side of the FUSE conversation, without a kernel. It and the mount hold the two ends of
 * a socket. Every request is written to the socket as the kernel would write it. libfuse reads and handles it on
 * the thread of the test, and any thread may answer it. So a test controls the order of events: when a function
 * that sends a request has returned, the handler of that request has returned, too.
 *
 * A function that sends a request returns the request's number, which identifies its answer and serves to
 * interrupt it. Answers and notices are kept until fake_stop, and pointers to them are valid until then. A wait
 * for a message that does not come fails the test. To be used by one thread.
 */
#ifndef NEPHOS_TESTS_UNIT_FUSEFS_OPS_FAKE_KERNEL_H
#define NEPHOS_TESTS_UNIT_FUSEFS_OPS_FAKE_KERNEL_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Numbers that the headers of Debian 12 lack. */
#define FAKE_STATX 52

/* The most data in one request: the socket takes no larger message. The real kernel sends up to 1 MiB. */
#define FAKE_BYTES_MAX (128u * 1024)

struct fs;
struct fuse_session;

struct fake_answer {
	struct fake_answer *next;
	uint64_t unique; /* 0: a notice, whose kind is in error */
	int error;	 /* an errno, or 0 */
	size_t size;	 /* of the body, in bytes */
	uint64_t body[];
};

struct fake_kernel {
	struct fuse_session *session;
	struct fake_answer *answers; /* the newest first */
	void *buffer;
	int fd;
	uint64_t unique; /* number of the last request */
	/* The caller of the requests that follow. Tests may change it. */
	uint32_t uid, gid, pid, umask;
};

/* Sends INIT and waits for its answer; fs_attach is done then. flags: those of FUSE_INIT, what this kernel can do. */
void fake_start(struct fake_kernel *k, struct fs *fs, uint32_t flags);
/* To be called before the fs is freed: answers that are sent from now on fail. */
void fake_hang_up(struct fake_kernel *k);
void fake_stop(struct fake_kernel *k); /* after the fs was freed */

uint64_t fake_send(struct fake_kernel *k, uint32_t opcode, uint64_t node, const void *body, size_t size);
uint64_t fake_send_parts(struct fake_kernel *k, uint32_t opcode, uint64_t node, const struct iovec *parts, int count);
void fake_interrupt(struct fake_kernel *k, uint64_t unique);

/* -- answers -- */

/* These wait for the answer. An error is an errno, or 0. */
const struct fake_answer *fake_answer(struct fake_kernel *k, uint64_t unique);
int fake_error(struct fake_kernel *k, uint64_t unique);
bool fake_is_answered(struct fake_kernel *k, uint64_t unique);
/* Waits for the answer to a LOOKUP; true: there is no such name. If the kernel may cache this, the answer is an
 * entry without a node. */
bool fake_is_absent(struct fake_kernel *k, uint64_t unique);
/* Waits for the notice that tells the kernel to drop a document's attributes or pages, or a name in a folder. */
void fake_wait_dropped(struct fake_kernel *k, uint64_t node);
void fake_wait_name_dropped(struct fake_kernel *k, uint64_t folder, const char *name);
/* Each waits for the answer, and fails the test if the answer is an error or has another length. */
const struct fuse_entry_out *fake_entry(struct fake_kernel *k, uint64_t unique);
const struct fuse_attr *fake_attr(struct fake_kernel *k, uint64_t unique);
uint64_t fake_handle(struct fake_kernel *k, uint64_t unique);			   /* of OPEN, OPENDIR */
uint64_t fake_created(struct fake_kernel *k, uint64_t unique, uint64_t *ret_node); /* the handle */
uint32_t fake_written(struct fake_kernel *k, uint64_t unique);			   /* of WRITE, COPY_FILE_RANGE */
uint32_t fake_xattr_size(struct fake_kernel *k, uint64_t unique);
uint64_t fake_offset(struct fake_kernel *k, uint64_t unique); /* of LSEEK */
/* Waits for the answer, whose body must be these bytes. */
void fake_check_bytes(struct fake_kernel *k, uint64_t unique, const void *bytes, size_t size);

/* -- requests; a handle comes from an earlier answer -- */

uint64_t fake_named(struct fake_kernel *k, uint32_t opcode, uint64_t folder, const char *name);
uint64_t fake_lookup(struct fake_kernel *k, uint64_t folder, const char *name);
uint64_t fake_unlink(struct fake_kernel *k, uint64_t folder, const char *name);
uint64_t fake_rmdir(struct fake_kernel *k, uint64_t folder, const char *name);
void fake_forget(struct fake_kernel *k, uint64_t node, uint64_t count); /* is never answered */
uint64_t fake_getattr(struct fake_kernel *k, uint64_t node);
uint64_t fake_setattr(struct fake_kernel *k, uint64_t node, const struct fuse_setattr_in *in);
uint64_t fake_truncate(struct fake_kernel *k, uint64_t node, uint64_t size);
uint64_t fake_chmod(struct fake_kernel *k, uint64_t node, uint32_t mode);
uint64_t fake_mknod(struct fake_kernel *k, uint64_t folder, const char *name, uint32_t mode, uint32_t rdev);
uint64_t fake_mkdir(struct fake_kernel *k, uint64_t folder, const char *name, uint32_t mode);
uint64_t fake_symlink(struct fake_kernel *k, uint64_t folder, const char *name, const char *target);
uint64_t fake_link(struct fake_kernel *k, uint64_t node, uint64_t folder, const char *name);
uint64_t fake_create(struct fake_kernel *k, uint64_t folder, const char *name, uint32_t mode, uint32_t flags);
struct fake_rename {
	uint64_t from;
	const char *name;
	uint64_t to;
	const char *new_name;
	uint32_t flags;
};
uint64_t fake_rename(struct fake_kernel *k, const struct fake_rename *what);
uint64_t fake_open(struct fake_kernel *k, uint64_t node, uint32_t flags);
uint64_t fake_opendir(struct fake_kernel *k, uint64_t node);
uint64_t fake_readdir(struct fake_kernel *k, uint64_t handle, uint64_t offset, uint32_t size);
uint64_t fake_readdirplus(struct fake_kernel *k, uint64_t handle, uint64_t offset, uint32_t size);
uint64_t fake_read(struct fake_kernel *k, uint64_t handle, uint64_t offset, uint32_t size);
uint64_t fake_write(struct fake_kernel *k, uint64_t handle, uint64_t offset, const void *data, uint32_t size);
struct fake_write {
	uint64_t handle, offset;
	const void *data;
	uint32_t size;
	uint32_t flags;	      /* of the open file: O_APPEND … */
	uint32_t write_flags; /* FUSE_WRITE_CACHE: the data is a page of a mapping */
};
uint64_t fake_write_as(struct fake_kernel *k, const struct fake_write *what);
uint64_t fake_flush(struct fake_kernel *k, uint64_t handle, uint64_t owner);
uint64_t fake_fsync(struct fake_kernel *k, uint64_t handle);
uint64_t fake_fsyncdir(struct fake_kernel *k, uint64_t node, uint64_t handle);
uint64_t fake_release(struct fake_kernel *k, uint64_t handle);
uint64_t fake_releasedir(struct fake_kernel *k, uint64_t handle);
uint64_t fake_fallocate(struct fake_kernel *k, uint64_t handle, uint32_t mode, uint64_t offset, uint64_t length);
uint64_t fake_lseek(struct fake_kernel *k, uint64_t handle, uint64_t offset, uint32_t whence);
uint64_t fake_copy(struct fake_kernel *k, const struct fuse_copy_file_range_in *in);
uint64_t fake_setxattr(struct fake_kernel *k, uint64_t node, const char *name, struct iovec value, uint32_t flags);
uint64_t fake_getxattr(struct fake_kernel *k, uint64_t node, const char *name, uint32_t size);
uint64_t fake_listxattr(struct fake_kernel *k, uint64_t node, uint32_t size);
uint64_t fake_lock(struct fake_kernel *k, uint32_t opcode, const struct fuse_lk_in *in); /* GETLK, SETLK, SETLKW */

#endif
