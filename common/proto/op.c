#include "common/proto/op.h"

#include "common/proto/op_internal.h"

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/proto/xattr_name.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/*
 * The vocabulary of changes: what kinds of op there are, which members each has, and which values are acceptable.
 * An op is one change of a drive (make this file, write these bytes there); a batch is a list of ops that is done
 * whole or not at all.
 *
 * The table op_wire is the central part. It has one row for each member that an op may have on the wire: its name,
 * the form of its value, the kinds of op that may have it, the kinds that must have it, and where in `struct op`
 * the value goes. The decoder (op_decode) and the encoder (op_encode) both walk this table, so that they cannot
 * disagree; a new member is one row. op_check adds what a table cannot express: members that exclude each other,
 * invalid names, sizes.
 *
 * A decoded batch owns everything that its ops point to. Small pieces are allocated from one list (op_batch_alloc),
 * which is freed with the batch; nothing is freed one by one.
 */

static const char *const kind_names[OP_KINDS] = {
	[OP_CREATE] = "create",
	[OP_WRITE] = "write",
	[OP_SETATTR] = "setattr",
	[OP_UNLINK] = "unlink",
	[OP_RMDIR] = "rmdir",
	[OP_RENAME] = "rename",
	[OP_LINK] = "link",
	[OP_SETXATTR] = "setxattr",
	[OP_REMOVEXATTR] = "removexattr",
	[OP_CLONE] = "clone",
};

#define K(kind) (1u << (kind))
#define CREATE K(OP_CREATE)
#define WRITE K(OP_WRITE)
#define SETATTR K(OP_SETATTR)
#define RENAME K(OP_RENAME)
#define XATTR (K(OP_SETXATTR) | K(OP_REMOVEXATTR))
#define BY_NAME (CREATE | K(OP_UNLINK) | K(OP_RMDIR) | RENAME | K(OP_LINK))
#define BY_ID (WRITE | SETATTR | K(OP_LINK) | XATTR | K(OP_CLONE))
#define ALL (K(OP_KINDS) - 1)
#define AT(member) offsetof(struct op, member)

const struct op_wire op_wire[OP_WIRE_COUNT] = {
	{"op", OP_VALUE_KIND, ALL, ALL, AT(kind), 0},
	{"id", OP_VALUE_ID, ALL, BY_ID, AT(id), OP_HAS_ID},
	{"parent", OP_VALUE_ID, BY_NAME, BY_NAME, AT(parent), 0},
	{"name", OP_VALUE_BYTES, BY_NAME | XATTR, BY_NAME | XATTR, AT(name), 0},
	{"new_parent", OP_VALUE_ID, RENAME, RENAME, AT(new_parent), 0},
	{"new_name", OP_VALUE_BYTES, RENAME, RENAME, AT(new_name), 0},
	{"type", OP_VALUE_TYPE, CREATE, CREATE, AT(mode), 0},
	{"mode", OP_VALUE_U32, CREATE | WRITE | SETATTR, 0, AT(mode), OP_HAS_MODE},
	{"umask", OP_VALUE_U32, CREATE, 0, AT(umask), OP_HAS_UMASK},
	{"uid", OP_VALUE_U32, CREATE | WRITE | SETATTR | RENAME, 0, AT(uid), OP_HAS_UID},
	{"gid", OP_VALUE_U32, CREATE | WRITE | SETATTR | RENAME, 0, AT(gid), OP_HAS_GID},
	{"size", OP_VALUE_NUMBER, WRITE | SETATTR, 0, AT(size), OP_HAS_SIZE},
	{"atime", OP_VALUE_TIME, WRITE | SETATTR, 0, AT(atime), OP_HAS_ATIME},
	{"mtime", OP_VALUE_TIME, CREATE | WRITE | SETATTR | K(OP_CLONE), 0, AT(mtime), OP_HAS_MTIME},
	{"ctime", OP_VALUE_TIME, SETATTR, 0, AT(ctime), OP_HAS_CTIME},
	{"target", OP_VALUE_BYTES, CREATE, 0, AT(target), 0},
	{"value_b64", OP_VALUE_B64, K(OP_SETXATTR), K(OP_SETXATTR), AT(target), 0},
	{"rdev", OP_VALUE_RDEV, CREATE, 0, AT(rdev_major), 0},
	{"extents", OP_VALUE_EXTENTS, WRITE, 0, AT(extents), 0},
	{"replace", OP_VALUE_BOOL, WRITE, 0, 0, OP_REPLACE},
	{"nameless", OP_VALUE_BOOL, CREATE, 0, 0, OP_NAMELESS},
	{"append", OP_VALUE_BOOL, WRITE, 0, 0, OP_APPEND},
	{"protect", OP_VALUE_PROTECT, SETATTR, 0, AT(protect), OP_HAS_PROTECT},
	{"drop_setid", OP_VALUE_BOOL, WRITE | SETATTR, 0, 0, OP_DROP_SETID},
	{"keep_size", OP_VALUE_BOOL, WRITE, 0, 0, OP_KEEP_SIZE},
	{"flags", OP_VALUE_FLAGS, RENAME | K(OP_SETXATTR), 0, 0, 0},
	{"from", OP_VALUE_NUMBER, K(OP_CLONE), K(OP_CLONE), AT(from), 0},
	{"len", OP_VALUE_NUMBER, K(OP_CLONE), K(OP_CLONE), AT(len), 0},
	{"to", OP_VALUE_ID, K(OP_CLONE), K(OP_CLONE), AT(to), 0},
	{"at", OP_VALUE_NUMBER, K(OP_CLONE), K(OP_CLONE), AT(at), 0},
	{"if_match", OP_VALUE_ETAG, ALL & ~CREATE, 0, AT(if_content_seq), OP_IF_MATCH},
};

const struct op_flag op_flags[OP_FLAG_COUNT] = {
	{"noreplace", OP_RENAME, OP_NOREPLACE},
	{"exchange", OP_RENAME, OP_EXCHANGE},
	{"whiteout", OP_RENAME, OP_WHITEOUT},
	{"create", OP_SETXATTR, OP_XATTR_CREATE},
	{"replace", OP_SETXATTR, OP_XATTR_REPLACE},
	{"nosgid", OP_SETXATTR, OP_XATTR_NO_SGID},
};

const char *op_kind_name(enum op_kind kind)
{
	return (unsigned)kind < OP_KINDS ? kind_names[kind] : "unknown";
}

int op_kind_parse(const char *name, enum op_kind *ret)
{
	for (unsigned kind = 0; name && kind < OP_KINDS; kind++) {
		if (strcmp(name, kind_names[kind]) != 0)
			continue;
		*ret = (enum op_kind)kind;
		return 0;
	}
	return -ENOENT;
}

/* ---- checks of every op ---- */

static int check_name(struct span name)
{
	int r = text_name_check(name);

	return r == -EINVAL ? -ERR_UNPROCESSABLE : r;
}

static bool has_nul(struct span s)
{
	return s.size > 0 && memchr(s.data, '\0', s.size);
}

static int check_names(const struct op *op)
{
	unsigned kind = 1u << op->kind;
	int r = 0;

	if (op->fields & OP_NAMELESS)
		r = op->name.size == 0 && op->kind == OP_CREATE ? 0 : -ERR_UNPROCESSABLE;
	else if (kind & BY_NAME)
		r = check_name(op->name);
	if (r == 0 && op->kind == OP_RENAME)
		r = check_name(op->new_name);
	if ((kind & XATTR) && (op->name.size == 0 || op->name.size > XATTR_NAME_BYTES_MAX || has_nul(op->name)))
		r = -ERR_UNPROCESSABLE;
	if (op->kind != OP_SETXATTR || r < 0)
		return r;
	/* Only setxattr checks this: an xattr with another name, from earlier, can still be removed. */
	r = xattr_name_check(op->name);
	return r == 0 && op->target.size > XATTR_VALUE_BYTES_MAX ? -E2BIG : r;
}

static bool is_type(uint32_t type)
{
	uint32_t known;

	return item_type_parse(item_type_name(type), &known) == 0 && known == type;
}

static int check_mode(const struct op *op)
{
	uint32_t type = op->mode & ~07777u;
	bool device = type == S_IFCHR || type == S_IFBLK;

	if ((op->fields & OP_HAS_UMASK) && op->umask > 0777)
		return -ERR_UNPROCESSABLE;
	if (op->kind != OP_CREATE)
		return type ? -ERR_UNPROCESSABLE : 0;
	if (!is_type(type) || (type == S_IFLNK) != (op->target.size > 0) || has_nul(op->target))
		return -ERR_UNPROCESSABLE;
	if ((op->fields & OP_NAMELESS) && type != S_IFREG)
		return -ERR_UNPROCESSABLE;
	if (op->target.size >= PATH_BYTES_MAX)
		return -ENAMETOOLONG;
	return !device && (op->rdev_major || op->rdev_minor) ? -ERR_UNPROCESSABLE : 0;
}

static int check_range(int64_t at, int64_t len)
{
	if (at < 0 || len < 0)
		return -ERR_UNPROCESSABLE;
	return at > (int64_t)FILE_BYTES_MAX || len > (int64_t)FILE_BYTES_MAX - at ? -EFBIG : 0;
}

static int check_extent(const struct op_extent *e)
{
	int r = check_range(e->at, e->len);

	if (r < 0 || e->len == 0)
		return r < 0 ? r : -ERR_UNPROCESSABLE;
	switch (e->kind) {
	case OP_EXTENT_BLOCK:
		return e->from > BLOCK_BYTES_MAX || e->len > (int64_t)BLOCK_BYTES_MAX - e->from ? -ERR_UNPROCESSABLE
												: 0;
	case OP_EXTENT_DATA:
		return e->len > (int64_t)INLINE_BYTES_MAX || (int64_t)e->data.size != e->len ? -ERR_UNPROCESSABLE : 0;
	case OP_EXTENT_HOLE:
	case OP_EXTENT_RESERVE:
		return 0;
	}
	return -ERR_UNPROCESSABLE;
}

static bool has_bytes(const struct op_extent *e)
{
	return e->kind == OP_EXTENT_BLOCK || e->kind == OP_EXTENT_DATA;
}

static int check_content(const struct op *op)
{
	int r = 0;

	if ((op->fields & OP_HAS_SIZE) && op->size < 0)
		return -ERR_UNPROCESSABLE;
	if ((op->fields & OP_HAS_SIZE) && op->size > (int64_t)FILE_BYTES_MAX)
		return -EFBIG;
	if (op->kind == OP_CLONE) {
		/* The length is clipped to the end of the source, so only the starts can be too far. */
		if (op->len < 0 || op->from > INT64_MAX - op->len)
			return -ERR_UNPROCESSABLE;
		r = check_range(op->from, 0);
		return r < 0 ? r : check_range(op->at, 0);
	}
	for (size_t i = 0; r == 0 && i < op->extent_count; i++) {
		r = check_extent(&op->extents[i]);
		if (r == 0 && (op->fields & OP_KEEP_SIZE) && has_bytes(&op->extents[i]))
			r = -ERR_UNPROCESSABLE; /* these bytes would be stored beyond the end, where nobody sees them */
	}
	return r;
}

int op_check(const struct op *op)
{
	const uint32_t both_rename = OP_NOREPLACE | OP_EXCHANGE;
	unsigned kind = 1u << op->kind;
	int r;

	if ((unsigned)op->kind >= OP_KINDS)
		return -ERR_UNPROCESSABLE;
	if ((op->fields & OP_IF_MATCH) && !(kind & BY_ID) && !(op->fields & OP_HAS_ID))
		return -ERR_UNPROCESSABLE;
	/* uid and gid of a rename are those of the whiteout. */
	if (op->kind == OP_RENAME && (op->fields & (OP_HAS_UID | OP_HAS_GID)) && !(op->fields & OP_WHITEOUT))
		return -ERR_UNPROCESSABLE;
	if ((op->fields & OP_WHITEOUT) && (op->fields & OP_EXCHANGE))
		return -ERR_UNPROCESSABLE;
	if ((op->fields & both_rename) == both_rename)
		return -ERR_UNPROCESSABLE;
	/* An append determines the size by itself. */
	if ((op->fields & OP_APPEND) && (op->fields & (OP_REPLACE | OP_HAS_SIZE | OP_KEEP_SIZE)))
		return -ERR_UNPROCESSABLE;
	if (op->protect & ~ITEM_PROTECTED)
		return -ERR_UNPROCESSABLE;
	/* -1 means "unchanged" in chown(2): no document has such an owner. */
	if (((op->fields & OP_HAS_UID) && op->uid == UINT32_MAX) ||
		((op->fields & OP_HAS_GID) && op->gid == UINT32_MAX))
		return -ERR_UNPROCESSABLE;
	r = check_names(op);
	r = r < 0 ? r : check_mode(op);
	return r < 0 ? r : check_content(op);
}

/* ---- batches ---- */

void *op_batch_alloc(struct op_batch *b, size_t size)
{
	struct op_chunk *chunk = malloc(sizeof(*chunk) + (size ? size : 1));

	if (!chunk)
		return NULL;
	chunk->next = b->chunks;
	b->chunks = chunk;
	return chunk->bytes;
}

void op_batch_free(struct op_batch *b)
{
	if (!b)
		return;
	while (b->chunks) {
		struct op_chunk *chunk = b->chunks;

		b->chunks = chunk->next;
		free(chunk);
	}
	json_decref(b->root);
	free(b->data);
	free(b->ops);
	free(b);
}

size_t op_batch_count(const struct op_batch *b)
{
	return b->count;
}

const struct op *op_batch_at(const struct op_batch *b, size_t n)
{
	return &b->ops[n];
}

static int copy_span(struct op_batch *b, struct span *s)
{
	char *copy = op_batch_alloc(b, s->size);

	if (!copy)
		return -ENOMEM;
	if (s->size > 0)
		memcpy(copy, s->data, s->size);
	s->data = copy;
	return 0;
}

static int copy_extents(struct op_batch *b, struct op *op)
{
	struct op_extent *extents;
	int r = 0;

	if (op->extent_count == 0)
		return 0;
	extents = op_batch_alloc(b, op->extent_count * sizeof(*extents));
	if (!extents)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < op->extent_count; i++) {
		extents[i] = op->extents[i];
		if (extents[i].kind == OP_EXTENT_DATA)
			r = copy_span(b, &extents[i].data);
	}
	op->extents = extents;
	return r;
}

int op_batch_new(const struct op *ops, size_t count, struct op_batch **ret)
{
	struct op_batch *b;
	int r = 0;

	if (count == 0 || count > OPS_PER_BATCH_MAX)
		return -ERR_TOO_LARGE;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->ops = calloc(count, sizeof(*b->ops));
	if (!b->ops)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct op *op = &b->ops[i];

		r = op_check(&ops[i]);
		if (r < 0)
			break;
		*op = ops[i];
		b->extent_count += op->extent_count;
		r = b->extent_count > OP_EXTENTS_PER_BATCH_MAX ? -ERR_TOO_LARGE : 0;
		r = r < 0 ? r : copy_span(b, &op->name);
		r = r < 0 ? r : copy_span(b, &op->new_name);
		r = r < 0 ? r : copy_span(b, &op->target);
		r = r < 0 ? r : copy_extents(b, op);
	}
	if (r < 0) {
		op_batch_free(b);
		return r;
	}
	b->count = count;
	*ret = b;
	return 0;
}
