#define FUSE_USE_VERSION 314
#include "tests/unit/fusefs/ops/fake_kernel.h"

#include "fusefs/ops/fs.h"
#include "fusefs/ops/ops.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 120000 /* a deadline of tests: only reached when something hangs */
#define MESSAGE_BYTES_MAX (FAKE_BYTES_MAX + 4096)
#define PARTS_MAX 6
#define MINOR 38 /* of the protocol, as Debian 12 speaks it */

#define PART(x)                 \
	{                       \
		&(x), sizeof(x) \
	}
#define TEXT(x)                            \
	{                                  \
		(void *)(x), strlen(x) + 1 \
	}
#define COUNT(parts) (int)(sizeof(parts) / sizeof((parts)[0]))

/* -- the socket -- */

uint64_t fake_send_parts(struct fake_kernel *k, uint32_t opcode, uint64_t node, const struct iovec *parts, int count)
{
	struct fuse_buf buffer = {.mem = k->buffer, .size = 0};
	struct iovec all[PARTS_MAX + 1];
	struct fuse_in_header head = {.len = sizeof(head),
		.opcode = opcode,
		.unique = k->unique += 2, /* odd numbers are the kernel's interrupts */
		.nodeid = node,
		.uid = k->uid,
		.gid = k->gid,
		.pid = k->pid};
	int r;

	assert_true(count <= PARTS_MAX);
	all[0] = (struct iovec){&head, sizeof(head)};
	for (int i = 0; i < count; i++) {
		all[i + 1] = parts[i];
		head.len += (uint32_t)parts[i].iov_len;
	}
	assert_int_equal(writev(k->fd, all, count + 1), head.len);
	r = fuse_session_receive_buf(k->session, &buffer);
	k->buffer = buffer.mem;
	assert_true(r > 0);
	fuse_session_process_buf(k->session, &buffer);
	return head.unique;
}

uint64_t fake_send(struct fake_kernel *k, uint32_t opcode, uint64_t node, const void *body, size_t size)
{
	const struct iovec part = {(void *)body, size};

	return fake_send_parts(k, opcode, node, &part, 1);
}

void fake_interrupt(struct fake_kernel *k, uint64_t unique)
{
	const struct fuse_interrupt_in in = {.unique = unique};

	(void)fake_send(k, FUSE_INTERRUPT, 0, &in, sizeof(in));
}

static const struct fake_answer *find(const struct fake_kernel *k, uint64_t unique)
{
	const struct fake_answer *a = k->answers;

	while (a && a->unique != unique)
		a = a->next;
	return a;
}

/* Receives one message. False: no message came in that time. */
static bool receive(struct fake_kernel *k, int timeout_ms)
{
	struct pollfd p = {.fd = k->fd, .events = POLLIN};
	struct fake_answer *a;
	struct fuse_out_header head;
	struct iovec parts[2] = {{&head, sizeof(head)}, {NULL, MESSAGE_BYTES_MAX}};
	ssize_t size;

	if (poll(&p, 1, timeout_ms) <= 0)
		return false;
	a = malloc(sizeof(*a) + MESSAGE_BYTES_MAX);
	assert_non_null(a);
	parts[1].iov_base = a->body;
	size = readv(k->fd, parts, 2);
	assert_true(size >= (ssize_t)sizeof(head));
	assert_int_equal(size, head.len);
	assert_true(head.unique == 0 || !find(k, head.unique)); /* no request is answered twice */
	a->unique = head.unique;
	a->error = head.unique == 0 ? head.error : -head.error;
	a->size = (size_t)size - sizeof(head);
	a = realloc(a, sizeof(*a) + a->size);
	assert_non_null(a);
	a->next = k->answers;
	k->answers = a;
	return true;
}

const struct fake_answer *fake_answer(struct fake_kernel *k, uint64_t unique)
{
	const struct fake_answer *a;

	while (!(a = find(k, unique)))
		assert_true(receive(k, WAIT_MS));
	return a;
}

int fake_error(struct fake_kernel *k, uint64_t unique)
{
	return fake_answer(k, unique)->error;
}

bool fake_is_answered(struct fake_kernel *k, uint64_t unique)
{
	while (receive(k, 0))
		;
	return find(k, unique) != NULL;
}

bool fake_is_absent(struct fake_kernel *k, uint64_t unique)
{
	const struct fake_answer *a = fake_answer(k, unique);
	const struct fuse_entry_out *entry = (const void *)a->body;

	return a->error == ENOENT || (a->error == 0 && entry->nodeid == 0);
}

static bool is_dropped(const struct fake_kernel *k, uint64_t node)
{
	for (const struct fake_answer *a = k->answers; a; a = a->next) {
		const struct fuse_notify_inval_inode_out *out = (const void *)a->body;

		if (a->unique == 0 && a->error == FUSE_NOTIFY_INVAL_INODE && out->ino == node)
			return true;
	}
	return false;
}

void fake_wait_dropped(struct fake_kernel *k, uint64_t node)
{
	while (!is_dropped(k, node))
		assert_true(receive(k, WAIT_MS));
}

static bool is_name_dropped(const struct fake_kernel *k, uint64_t folder, const char *name)
{
	for (const struct fake_answer *a = k->answers; a; a = a->next) {
		const struct fuse_notify_inval_entry_out *out = (const void *)a->body;

		if (a->unique == 0 && a->error == FUSE_NOTIFY_INVAL_ENTRY && out->parent == folder &&
			strcmp((const char *)(out + 1), name) == 0)
			return true;
	}
	return false;
}

void fake_wait_name_dropped(struct fake_kernel *k, uint64_t folder, const char *name)
{
	while (!is_name_dropped(k, folder, name))
		assert_true(receive(k, WAIT_MS));
}

/* -- life -- */

/* "/dev/fd/N" makes a session use a descriptor that the caller has opened. */
static void open_session(struct fake_kernel *k, struct fs *fs, int fd)
{
	char *argv[] = {(char *)"fake_kernel", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	char path[32];

	k->session = fuse_session_new(&args, ops_table(), sizeof(struct fuse_lowlevel_ops), fs);
	fuse_opt_free_args(&args);
	assert_non_null(k->session);
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	assert_int_equal(fuse_session_mount(k->session, path), 0);
	assert_int_equal(fs_attach(fs, k->session), 0);
}

void fake_start(struct fake_kernel *k, struct fs *fs, uint32_t flags)
{
	struct fuse_init_in init = {
		.major = FUSE_KERNEL_VERSION, .minor = MINOR, .max_readahead = FAKE_BYTES_MAX, .flags = flags};
	int fds[2];

	*k = (struct fake_kernel){.fd = -1};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	/* A write to a kernel that has hung up must fail with an error, not raise a signal. */
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	k->fd = fds[0];
	open_session(k, fs, fds[1]);
	assert_int_equal(fake_error(k, fake_send(k, FUSE_INIT, 0, &init, sizeof(init))), 0);
}

void fake_hang_up(struct fake_kernel *k)
{
	(void)shutdown(k->fd, SHUT_RD);
}

void fake_stop(struct fake_kernel *k)
{
	struct fake_answer *a;

	fuse_session_destroy(k->session);
	(void)close(k->fd);
	free(k->buffer);
	while ((a = k->answers)) {
		k->answers = a->next;
		free(a);
	}
}

/* -- answers of a kind -- */

static const void *body_of(struct fake_kernel *k, uint64_t unique, size_t size)
{
	const struct fake_answer *a = fake_answer(k, unique);

	assert_int_equal(a->error, 0);
	assert_int_equal(a->size, size);
	return a->body;
}

const struct fuse_entry_out *fake_entry(struct fake_kernel *k, uint64_t unique)
{
	return body_of(k, unique, sizeof(struct fuse_entry_out));
}

const struct fuse_attr *fake_attr(struct fake_kernel *k, uint64_t unique)
{
	const struct fuse_attr_out *out = body_of(k, unique, sizeof(*out));

	return &out->attr;
}

uint64_t fake_handle(struct fake_kernel *k, uint64_t unique)
{
	const struct fuse_open_out *out = body_of(k, unique, sizeof(*out));

	return out->fh;
}

uint64_t fake_created(struct fake_kernel *k, uint64_t unique, uint64_t *ret_node)
{
	const struct fuse_entry_out *entry = body_of(k, unique, sizeof(*entry) + sizeof(struct fuse_open_out));
	const struct fuse_open_out *open = (const void *)(entry + 1);

	if (ret_node)
		*ret_node = entry->nodeid;
	return open->fh;
}

uint32_t fake_written(struct fake_kernel *k, uint64_t unique)
{
	const struct fuse_write_out *out = body_of(k, unique, sizeof(*out));

	return out->size;
}

uint32_t fake_xattr_size(struct fake_kernel *k, uint64_t unique)
{
	const struct fuse_getxattr_out *out = body_of(k, unique, sizeof(*out));

	return out->size;
}

uint64_t fake_offset(struct fake_kernel *k, uint64_t unique)
{
	const struct fuse_lseek_out *out = body_of(k, unique, sizeof(*out));

	return out->offset;
}

void fake_check_bytes(struct fake_kernel *k, uint64_t unique, const void *bytes, size_t size)
{
	assert_memory_equal(body_of(k, unique, size), bytes, size);
}

/* -- requests -- */

uint64_t fake_named(struct fake_kernel *k, uint32_t opcode, uint64_t folder, const char *name)
{
	return fake_send(k, opcode, folder, name, strlen(name) + 1);
}

uint64_t fake_lookup(struct fake_kernel *k, uint64_t folder, const char *name)
{
	return fake_named(k, FUSE_LOOKUP, folder, name);
}

uint64_t fake_unlink(struct fake_kernel *k, uint64_t folder, const char *name)
{
	return fake_named(k, FUSE_UNLINK, folder, name);
}

uint64_t fake_rmdir(struct fake_kernel *k, uint64_t folder, const char *name)
{
	return fake_named(k, FUSE_RMDIR, folder, name);
}

void fake_forget(struct fake_kernel *k, uint64_t node, uint64_t count)
{
	const struct fuse_forget_in in = {.nlookup = count};

	(void)fake_send(k, FUSE_FORGET, node, &in, sizeof(in));
}

uint64_t fake_getattr(struct fake_kernel *k, uint64_t node)
{
	const struct fuse_getattr_in in = {0};

	return fake_send(k, FUSE_GETATTR, node, &in, sizeof(in));
}

uint64_t fake_setattr(struct fake_kernel *k, uint64_t node, const struct fuse_setattr_in *in)
{
	return fake_send(k, FUSE_SETATTR, node, in, sizeof(*in));
}

uint64_t fake_truncate(struct fake_kernel *k, uint64_t node, uint64_t size)
{
	return fake_setattr(k, node, &(struct fuse_setattr_in){.valid = FATTR_SIZE, .size = size});
}

uint64_t fake_chmod(struct fake_kernel *k, uint64_t node, uint32_t mode)
{
	return fake_setattr(k, node, &(struct fuse_setattr_in){.valid = FATTR_MODE, .mode = mode});
}

uint64_t fake_mknod(struct fake_kernel *k, uint64_t folder, const char *name, uint32_t mode, uint32_t rdev)
{
	struct fuse_mknod_in in = {.mode = mode, .rdev = rdev, .umask = k->umask};
	const struct iovec parts[] = {PART(in), TEXT(name)};

	return fake_send_parts(k, FUSE_MKNOD, folder, parts, COUNT(parts));
}

uint64_t fake_mkdir(struct fake_kernel *k, uint64_t folder, const char *name, uint32_t mode)
{
	struct fuse_mkdir_in in = {.mode = mode, .umask = k->umask};
	const struct iovec parts[] = {PART(in), TEXT(name)};

	return fake_send_parts(k, FUSE_MKDIR, folder, parts, COUNT(parts));
}

uint64_t fake_symlink(struct fake_kernel *k, uint64_t folder, const char *name, const char *target)
{
	const struct iovec parts[] = {TEXT(name), TEXT(target)};

	return fake_send_parts(k, FUSE_SYMLINK, folder, parts, COUNT(parts));
}

uint64_t fake_link(struct fake_kernel *k, uint64_t node, uint64_t folder, const char *name)
{
	struct fuse_link_in in = {.oldnodeid = node};
	const struct iovec parts[] = {PART(in), TEXT(name)};

	return fake_send_parts(k, FUSE_LINK, folder, parts, COUNT(parts));
}

uint64_t fake_create(struct fake_kernel *k, uint64_t folder, const char *name, uint32_t mode, uint32_t flags)
{
	struct fuse_create_in in = {.flags = flags, .mode = mode, .umask = k->umask};
	const struct iovec parts[] = {PART(in), TEXT(name)};

	return fake_send_parts(k, FUSE_CREATE, folder, parts, COUNT(parts));
}

uint64_t fake_rename(struct fake_kernel *k, const struct fake_rename *what)
{
	struct fuse_rename2_in in = {.newdir = what->to, .flags = what->flags};
	const struct iovec parts[] = {PART(in), TEXT(what->name), TEXT(what->new_name)};

	return fake_send_parts(k, FUSE_RENAME2, what->from, parts, COUNT(parts));
}

uint64_t fake_open(struct fake_kernel *k, uint64_t node, uint32_t flags)
{
	const struct fuse_open_in in = {.flags = flags};

	return fake_send(k, FUSE_OPEN, node, &in, sizeof(in));
}

uint64_t fake_opendir(struct fake_kernel *k, uint64_t node)
{
	const struct fuse_open_in in = {0};

	return fake_send(k, FUSE_OPENDIR, node, &in, sizeof(in));
}

/* The node of the requests that have a handle: the handle alone identifies the file. */
#define ANY_NODE 1

uint64_t fake_readdir(struct fake_kernel *k, uint64_t handle, uint64_t offset, uint32_t size)
{
	const struct fuse_read_in in = {.fh = handle, .offset = offset, .size = size};

	return fake_send(k, FUSE_READDIR, ANY_NODE, &in, sizeof(in));
}

uint64_t fake_readdirplus(struct fake_kernel *k, uint64_t handle, uint64_t offset, uint32_t size)
{
	const struct fuse_read_in in = {.fh = handle, .offset = offset, .size = size};

	return fake_send(k, FUSE_READDIRPLUS, ANY_NODE, &in, sizeof(in));
}

uint64_t fake_read(struct fake_kernel *k, uint64_t handle, uint64_t offset, uint32_t size)
{
	const struct fuse_read_in in = {.fh = handle, .offset = offset, .size = size};

	return fake_send(k, FUSE_READ, ANY_NODE, &in, sizeof(in));
}

uint64_t fake_write_as(struct fake_kernel *k, const struct fake_write *what)
{
	struct fuse_write_in in = {.fh = what->handle,
		.offset = what->offset,
		.size = what->size,
		.flags = what->flags,
		.write_flags = what->write_flags};
	const struct iovec parts[] = {PART(in), {(void *)what->data, what->size}};

	assert_true(what->size <= FAKE_BYTES_MAX);
	return fake_send_parts(k, FUSE_WRITE, ANY_NODE, parts, COUNT(parts));
}

uint64_t fake_write(struct fake_kernel *k, uint64_t handle, uint64_t offset, const void *data, uint32_t size)
{
	return fake_write_as(k, &(struct fake_write){.handle = handle, .offset = offset, .data = data, .size = size});
}

uint64_t fake_flush(struct fake_kernel *k, uint64_t handle, uint64_t owner)
{
	const struct fuse_flush_in in = {.fh = handle, .lock_owner = owner};

	return fake_send(k, FUSE_FLUSH, ANY_NODE, &in, sizeof(in));
}

uint64_t fake_fsync(struct fake_kernel *k, uint64_t handle)
{
	const struct fuse_fsync_in in = {.fh = handle};

	return fake_send(k, FUSE_FSYNC, ANY_NODE, &in, sizeof(in));
}

uint64_t fake_fsyncdir(struct fake_kernel *k, uint64_t node, uint64_t handle)
{
	const struct fuse_fsync_in in = {.fh = handle};

	return fake_send(k, FUSE_FSYNCDIR, node, &in, sizeof(in));
}

uint64_t fake_release(struct fake_kernel *k, uint64_t handle)
{
	const struct fuse_release_in in = {.fh = handle};

	return fake_send(k, FUSE_RELEASE, ANY_NODE, &in, sizeof(in));
}

uint64_t fake_releasedir(struct fake_kernel *k, uint64_t handle)
{
	const struct fuse_release_in in = {.fh = handle};

	return fake_send(k, FUSE_RELEASEDIR, ANY_NODE, &in, sizeof(in));
}

uint64_t fake_fallocate(struct fake_kernel *k, uint64_t handle, uint32_t mode, uint64_t offset, uint64_t length)
{
	const struct fuse_fallocate_in in = {.fh = handle, .offset = offset, .length = length, .mode = mode};

	return fake_send(k, FUSE_FALLOCATE, ANY_NODE, &in, sizeof(in));
}

uint64_t fake_lseek(struct fake_kernel *k, uint64_t handle, uint64_t offset, uint32_t whence)
{
	const struct fuse_lseek_in in = {.fh = handle, .offset = offset, .whence = whence};

	return fake_send(k, FUSE_LSEEK, ANY_NODE, &in, sizeof(in));
}

uint64_t fake_copy(struct fake_kernel *k, const struct fuse_copy_file_range_in *in)
{
	return fake_send(k, FUSE_COPY_FILE_RANGE, ANY_NODE, in, sizeof(*in));
}

uint64_t fake_setxattr(struct fake_kernel *k, uint64_t node, const char *name, struct iovec value, uint32_t flags)
{
	struct {
		uint32_t size, flags;
	} in = {(uint32_t)value.iov_len, flags}; /* the short form: the long one has to be asked for */
	const struct iovec parts[] = {PART(in), TEXT(name), value};

	return fake_send_parts(k, FUSE_SETXATTR, node, parts, COUNT(parts));
}

uint64_t fake_getxattr(struct fake_kernel *k, uint64_t node, const char *name, uint32_t size)
{
	struct fuse_getxattr_in in = {.size = size};
	const struct iovec parts[] = {PART(in), TEXT(name)};

	return fake_send_parts(k, FUSE_GETXATTR, node, parts, COUNT(parts));
}

uint64_t fake_listxattr(struct fake_kernel *k, uint64_t node, uint32_t size)
{
	const struct fuse_getxattr_in in = {.size = size};

	return fake_send(k, FUSE_LISTXATTR, node, &in, sizeof(in));
}

uint64_t fake_lock(struct fake_kernel *k, uint32_t opcode, const struct fuse_lk_in *in)
{
	return fake_send(k, opcode, ANY_NODE, in, sizeof(*in));
}
