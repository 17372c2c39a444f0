/*
 * op: one change, and batches of them, as both ends know them (PROTOCOL.md, "Batches").
 * A decoded batch owns what its ops point to. An op that a sender builds borrows everything. Not thread-safe.
 */
#ifndef NEPHOS_PROTO_OP_H
#define NEPHOS_PROTO_OP_H

#include "common/base/limits.h"
#include "common/proto/extent.h"
#include "common/proto/item.h"

enum op_kind {
	OP_CREATE,
	OP_WRITE,
	OP_SETATTR,
	OP_UNLINK,
	OP_RMDIR,
	OP_RENAME,
	OP_LINK,
	OP_SETXATTR,
	OP_REMOVEXATTR,
	OP_CLONE,
	OP_KINDS
};

/* Which optional fields the op has. */
enum op_field {
	OP_HAS_MODE = 1 << 0,
	OP_HAS_UID = 1 << 1,
	OP_HAS_GID = 1 << 2,
	OP_HAS_SIZE = 1 << 3,
	OP_HAS_ATIME = 1 << 4,
	OP_HAS_MTIME = 1 << 5,
	OP_HAS_CTIME = 1 << 6,
	OP_HAS_ID = 1 << 7,    /* create: wanted id; unlink, rmdir, rename: only if the name still has this id */
	OP_REPLACE = 1 << 8,   /* write: all old content is removed first */
	OP_NOREPLACE = 1 << 9, /* rename */
	OP_EXCHANGE = 1 << 10, /* rename */
	OP_XATTR_CREATE = 1 << 11,
	OP_XATTR_REPLACE = 1 << 12,
	OP_IF_MATCH = 1 << 13,
	OP_KEEP_SIZE = 1 << 14,	    /* write of holes and reservations: they do not make the document longer */
	OP_HAS_UMASK = 1 << 15,	    /* create: mode bits to clear unless the folder has a default ACL */
	OP_XATTR_NO_SGID = 1 << 16, /* setxattr of an access ACL: clears the set-group-id bit */
	OP_WHITEOUT = 1 << 18,	    /* rename: a whiteout of overlayfs, character device 0/0, gets the old name */
	OP_NAMELESS = 1 << 19,	    /* create: a file without a name, to be linked later; its name is empty */
	OP_DROP_SETID = 1 << 20,    /* write, setattr: clears the bits that run a file as its owner or group */
	OP_APPEND = 1 << 21,	    /* write: the extents' offsets count from the end of the file */
	OP_HAS_PROTECT = 1 << 22,   /* setattr */
};

enum op_extent_kind {
	OP_EXTENT_BLOCK,
	OP_EXTENT_DATA,
	OP_EXTENT_HOLE,
	OP_EXTENT_RESERVE, /* the gaps in the range count towards the quota from now on, and still read as zeros */
};

struct op_extent {
	int64_t at, len;
	enum op_extent_kind kind;
	uint8_t sha256[32]; /* OP_EXTENT_BLOCK */
	uint32_t from;	    /* offset in the block */
	struct span data;   /* OP_EXTENT_DATA: len bytes in the batch's data part */
};

struct op {
	enum op_kind kind;
	uint32_t fields; /* enum op_field */
	int64_t id;	 /* the document; clone: source */
	int64_t parent, new_parent;
	struct span name, new_name; /* xattr: its name */
	uint32_t mode;		    /* create: with type bits; else permission bits */
	uint32_t umask;
	uint32_t uid, gid, rdev_major, rdev_minor;
	uint32_t protect; /* the bits of ITEM_PROTECTED that shall be set */
	int64_t size, atime, mtime, ctime;
	struct span target;	   /* symlink target; xattr value */
	struct op_extent *extents; /* write */
	size_t extent_count;
	int64_t from, len, at, to; /* clone */
	int64_t if_content_seq;	   /* OP_IF_MATCH: content_seq of the etag; -1 when the etag can match nothing */
};

/* Extents of all writes of one batch together: each may cut existing extents, and the batch keeps its drive locked
 * meanwhile. As blocks they are 64 GiB. */
#define OP_EXTENTS_PER_BATCH_MAX 16384u

struct op_batch;

const char *op_kind_name(enum op_kind kind);

/* Decodes a batch, and checks form and limits (names, sizes, counts, ranges inside data), but nothing that needs
 * the store. content_type: with or without parameters. -ERR_BAD_JSON; -ERR_BAD_REQUEST: a field is missing, unknown
 * or of another type; -ERR_UNPROCESSABLE, -ENAMETOOLONG, -EFBIG: a value is not acceptable; -ERR_TOO_LARGE;
 * -ENOMEM. ret_index (may be NULL) is set to the op that failed, -1 for none. The body is copied where needed. */
int op_batch_decode(const char *content_type, struct span body, struct op_batch **ret, int *ret_index);
void op_batch_free(struct op_batch *b);
size_t op_batch_count(const struct op_batch *b);
const struct op *op_batch_at(const struct op_batch *b, size_t n);

/* Checks an op that was built in the process like a decoded one. -ERR_BAD_REQUEST, -ERR_UNPROCESSABLE,
 * -ENAMETOOLONG, -EFBIG. */
int op_check(const struct op *op);

/* Makes a batch of ops that the service built itself (for an API call that is not a batch). The ops and everything
 * that they point to are copied. */
int op_batch_new(const struct op *ops, size_t count, struct op_batch **ret); /* -ENOMEM; otherwise as op_check */

/* Builds the body of a request: JSON, or application/vnd.nephos.ops if an op carries data or the JSON is longer
 * than JSON_BYTES_MAX. ret_content_type is a literal. -ENOMEM; -E2BIG: too much for one batch, send it in parts. */
int op_batch_encode(const struct op *ops, size_t count, struct buf *ret, const char **ret_content_type);

#endif
