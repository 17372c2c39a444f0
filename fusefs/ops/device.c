#define FUSE_USE_VERSION 314
#include "fusefs/ops/device.h"

#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Numbers of the kernel's protocol that the headers of Debian 12 lack. */
#define STATX_REQUEST 52
#define ALLOW_MMAP_FLAG2 (1u << 4) /* FUSE_DIRECT_IO_ALLOW_MMAP is bit 36: bit 4 of the second word */
#define EXT_FLAG (1u << 30)	   /* FUSE_INIT_EXT: there is a second word */
#define PRUNE_NOTICE 9		   /* FUSE_NOTIFY_PRUNE … */
#define PRUNE_MINOR 45u		   /* … since 7.45 */

struct prune_out {
	uint32_t count, padding;
	uint64_t spare;
}; /* followed by the node numbers */

struct statx_in {
	uint32_t getattr_flags, reserved;
	uint64_t fh;
	uint32_t sx_flags, sx_mask;
};

static_assert(sizeof(struct device_statx) == 288, "what the kernel takes: struct fuse_statx_out");
static_assert(sizeof(struct fuse_out_header) + sizeof(struct fuse_init_out) == DEVICE_INIT_REPLY_BYTES, "of 7.36");

static size_t becomes(struct fuse_in_header *head, uint32_t opcode, const void *body, size_t size)
{
	head->opcode = opcode;
	head->len = (uint32_t)(sizeof(*head) + size);
	memcpy(head + 1, body, size);
	return head->len;
}

/* The size of the body, of a request without a name behind the body. */
static size_t body_of(size_t size)
{
	return size - sizeof(struct fuse_in_header);
}

static size_t translate_statx(struct fuse_in_header *head, size_t size, size_t room)
{
	const struct fuse_getattr_in in = {.getattr_flags = FUSE_GETATTR_FH, .fh = DEVICE_STATX};

	(void)room; /* the replacement is shorter */
	return body_of(size) < sizeof(struct statx_in) ? size : becomes(head, FUSE_GETATTR, &in, sizeof(in));
}

static size_t translate_syncfs(struct fuse_in_header *head, size_t size, size_t room)
{
	const struct fuse_fsync_in in = {.fh = DEVICE_SYNCFS};

	return room < sizeof(*head) + sizeof(in) ? size : becomes(head, FUSE_FSYNCDIR, &in, sizeof(in));
}

/* The body is that of CREATE. The name that the kernel made up for the file is ignored. */
static size_t translate_tmpfile(struct fuse_in_header *head, size_t size, size_t room)
{
	struct {
		struct fuse_create_in create;
		char name[sizeof(DEVICE_NO_NAME)];
	} in = {.name = DEVICE_NO_NAME};
	const size_t wanted = offsetof(__typeof__(in), name) + sizeof(in.name);

	if (body_of(size) < sizeof(in.create) || room < sizeof(*head) + wanted)
		return size;
	memcpy(&in.create, head + 1, sizeof(in.create));
	return becomes(head, FUSE_CREATE, &in, wanted);
}

static void note_init(struct device_init *init, const struct fuse_in_header *head, size_t size)
{
	struct fuse_init_in in = {0};
	size_t known = body_of(size) < sizeof(in) ? body_of(size) : sizeof(in);

	memcpy(&in, head + 1, known);
	init->flags = in.flags;
	init->flags2 = in.flags & EXT_FLAG ? in.flags2 : 0;
	init->unique = head->unique;
	init->minor = in.major == FUSE_KERNEL_VERSION ? in.minor : 0;
}

size_t device_request(struct device_init *init, void *request, size_t size, size_t room)
{
	struct fuse_in_header *head = request;

	if (size < sizeof(*head))
		return size;
	switch (head->opcode) {
	case FUSE_INIT:
		note_init(init, head, size);
		return size;
	case STATX_REQUEST:
		return translate_statx(head, size, room);
	case FUSE_SYNCFS:
		return translate_syncfs(head, size, room);
	case FUSE_TMPFILE:
		return translate_tmpfile(head, size, room);
	default:
		return size;
	}
}

int device_reply(struct device_init *init, struct iovec *iov, int count, void *storage)
{
	const uint32_t wanted = init->flags2 & ALLOW_MMAP_FLAG2;
	struct fuse_out_header head;
	struct fuse_init_out out;

	if (count != 2 || iov[0].iov_len != sizeof(head))
		return count;
	memcpy(&head, iov[0].iov_base, sizeof(head));
	if (head.unique != init->unique)
		return count;
	init->unique = 0;
	if (head.error != 0 || iov[1].iov_len != sizeof(out) || wanted == 0)
		return count;
	memcpy(&out, iov[1].iov_base, sizeof(out));
	out.flags2 = (out.flags & EXT_FLAG ? out.flags2 : 0) | wanted;
	out.flags |= EXT_FLAG;
	memcpy(storage, &head, sizeof(head));
	memcpy((char *)storage + sizeof(head), &out, sizeof(out));
	iov[0] = (struct iovec){.iov_base = storage, .iov_len = DEVICE_INIT_REPLY_BYTES};
	return 1;
}

bool device_maps_direct(const struct device_init *init)
{
	return (init->flags2 & ALLOW_MMAP_FLAG2) != 0;
}

static struct device_time time_of(struct timespec t)
{
	struct device_time ret = {.sec = t.tv_sec, .nsec = (uint32_t)t.tv_nsec};

	if (t.tv_nsec < 0) {
		ret.sec--;
		ret.nsec = (uint32_t)(t.tv_nsec + NS_PER_S);
	}
	return ret;
}

void device_statx_fill(struct device_statx *ret, const struct stat *st, struct timespec btime)
{
	*ret = (struct device_statx){
		.mask = STATX_BASIC_STATS | STATX_BTIME,
		.blksize = (uint32_t)st->st_blksize,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mode = (uint16_t)st->st_mode,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.blocks = (uint64_t)st->st_blocks,
		.atime = time_of(st->st_atim),
		.btime = time_of(btime),
		.ctime = time_of(st->st_ctim),
		.mtime = time_of(st->st_mtim),
		.rdev_major = major(st->st_rdev),
		.rdev_minor = minor(st->st_rdev),
	};
}

/* -- the session's access to the descriptor -- */

static ssize_t on_read(int fd, void *buffer, size_t room, void *userdata)
{
	struct device_init *init = userdata;
	ssize_t size = read(fd, buffer, room);

	return size <= 0 ? size : (ssize_t)device_request(init, buffer, (size_t)size, room);
}

static ssize_t on_write(int fd, struct iovec *iov, int count, void *userdata)
{
	struct device_init *init = userdata;
	char storage[DEVICE_INIT_REPLY_BYTES];

	if (init->unique != 0)
		count = device_reply(init, iov, count, storage);
	return writev(fd, iov, count);
}

bool device_can_prune(const struct device_init *init)
{
	return init->minor >= PRUNE_MINOR;
}

int device_prune(struct fuse_session *session, const uint64_t *nodes, size_t count)
{
	struct prune_out out = {.count = (uint32_t)count};
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + sizeof(out) + count * sizeof(*nodes)), .error = PRUNE_NOTICE};
	const struct iovec parts[] = {
		{&head, sizeof(head)}, {&out, sizeof(out)}, {(void *)nodes, count * sizeof(*nodes)}};

	return writev(fuse_session_fd(session), parts, sizeof(parts) / sizeof(parts[0])) < 0 ? -errno : 0;
}

int device_attach(struct fuse_session *session)
{
	static const struct fuse_custom_io io = {.read = on_read, .writev = on_write};

	return fuse_session_custom_io(session, &io, fuse_session_fd(session));
}
