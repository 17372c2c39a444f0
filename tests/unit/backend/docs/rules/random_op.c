#include "tests/unit/backend/docs/rules/random_op.h"

#include "common/proto/acl.h"

#include <sys/stat.h>

uint32_t random_op_chance(struct random_op *r, uint32_t below)
{
	r->state = r->state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(r->state >> 33) % below;
}

static const char *const NAMES[RANDOM_OP_NAMES] = {"a", "b", "c", "d", "long name with spaces", "\377\001"};

static struct span some_name(struct random_op *r)
{
	return span_str(NAMES[random_op_chance(r, RANDOM_OP_NAMES)]);
}

/* Returns the number of a document of that type, or of any (0); now and then of another type, or of none. */
static int64_t some_number(struct random_op *r, uint32_t type)
{
	const int64_t next = docs_mem_get_drive(r->mem, r->drive).next_number;
	int64_t number = 1;

	for (int i = 0; i < 12; i++) {
		struct tree_node node;

		number = 1 + random_op_chance(r, (uint32_t)next);
		if (!type || random_op_chance(r, 20) == 0)
			return number;
		if (docs_mem_get_node(r->mem, ITEM_ID(r->drive, number), &node) == 0 && !node.orphan &&
			(node.item.mode & S_IFMT) == type)
			return number;
	}
	return type == S_IFDIR ? 1 : number;
}

static struct op_extent some_extent(struct random_op *r)
{
	static const char text[] = "The quick brown fox jumps over the lazy dog. 0123456789";
	struct op_extent extent = {.at = random_op_chance(r, 8) * 16,
		.len = 1 + random_op_chance(r, 40),
		.kind = (enum op_extent_kind)random_op_chance(r, 4)};

	if (extent.kind == OP_EXTENT_BLOCK) {
		memset(extent.sha256, 1 + (int)random_op_chance(r, RANDOM_OP_BLOCKS), sizeof(extent.sha256));
		extent.from = random_op_chance(r, 60);
	} else if (extent.kind == OP_EXTENT_DATA) {
		extent.data = span_of(text + random_op_chance(r, 10), (size_t)extent.len);
	}
	return extent;
}

static void some_create(struct random_op *r, struct op *op)
{
	static const uint32_t modes[] = {S_IFREG | 0644, S_IFDIR | 0755, S_IFDIR | 0700, S_IFIFO | 0600};

	op->kind = OP_CREATE;
	op->mode = modes[random_op_chance(r, 4)];
	op->fields = (random_op_chance(r, 3) ? OP_HAS_MODE : 0) | (random_op_chance(r, 2) ? OP_HAS_UMASK : 0);
	op->umask = random_op_chance(r, 2) ? 022 : 077;
	if (!S_ISREG(op->mode) || random_op_chance(r, 4))
		return;
	op->fields |= OP_NAMELESS;
	op->name = (struct span){0};
}

#define ACL_ENTRY(tag, bits, id) tag "\0" bits "\0" id
#define NO_ONE "\377\377\377\377"
#define ACL_HEAD "\2\0\0\0"

static void some_xattr(struct random_op *r, struct op *op)
{
	static const struct span names[] = {SPAN_LITERAL(ACL_ACCESS), SPAN_LITERAL(ACL_DEFAULT), SPAN_LITERAL("user.a"),
		SPAN_LITERAL("user.b"), SPAN_LITERAL("nobody's"), SPAN_LITERAL(TREE_CAPABILITY)};
	static const struct span acls[] = {
		SPAN_LITERAL(ACL_HEAD ACL_ENTRY("\1", "\7", NO_ONE) ACL_ENTRY("\4", "\5", NO_ONE)
				ACL_ENTRY("\40", "\1", NO_ONE)),
		SPAN_LITERAL(ACL_HEAD ACL_ENTRY("\1", "\7", NO_ONE) ACL_ENTRY("\2", "\6", "\7\1\0\0") ACL_ENTRY(
			"\4", "\5", NO_ONE) ACL_ENTRY("\20", "\7", NO_ONE) ACL_ENTRY("\40", "\0", NO_ONE)),
		SPAN_LITERAL(ACL_HEAD ACL_ENTRY("\1", "\7", NO_ONE)),
		SPAN_LITERAL(ACL_HEAD),
	};
	size_t n = random_op_chance(r, 6);

	op->kind = random_op_chance(r, 4) ? OP_SETXATTR : OP_REMOVEXATTR;
	op->name = op->kind == OP_SETXATTR && n == 4 ? names[0] : names[n];
	op->id = random_op_chance(r, 2) ? op->parent : op->id;
	if (op->kind == OP_SETXATTR)
		op->target = n < 2 || n == 4 ? acls[random_op_chance(r, 4)] : op->new_name;
}

static void some_write(struct random_op *r, struct op *op, struct op_extent *extents)
{
	op->kind = OP_WRITE;
	op->extents = extents;
	op->extent_count = 1 + random_op_chance(r, 2);
	op->fields = random_op_chance(r, 6) ? 0 : OP_REPLACE;
	op->fields = op->fields == 0 && random_op_chance(r, 2) ? OP_APPEND : op->fields;
	op->fields |= random_op_chance(r, 6) ? 0 : OP_DROP_SETID;
	for (size_t i = 0; i < op->extent_count; i++) {
		extents[i] = some_extent(r);
		extents[i].at += (int64_t)i * 200; /* so that they do not touch */
		if (extents[i].kind == OP_EXTENT_RESERVE && op->extent_count == 1 && !(op->fields & OP_APPEND) &&
			random_op_chance(r, 2))
			op->fields |= OP_KEEP_SIZE;
	}
}

/* Chooses by a table of ops; ids are numbers in a drive. */
struct op random_op_next(struct random_op *r, struct op_extent extents[RANDOM_OP_EXTENTS])
{
	struct op op = {.parent = some_number(r, S_IFDIR),
		.new_parent = some_number(r, S_IFDIR),
		.name = some_name(r),
		.new_name = some_name(r),
		.id = some_number(r, random_op_chance(r, 4) ? S_IFREG : 0)};

	switch (random_op_chance(r, 14)) {
	case 0:
	case 1:
	case 2:
		some_create(r, &op);
		break;
	case 3:
	case 4:
	case 5:
		some_write(r, &op, extents);
		break;
	case 6:
		op.kind = OP_SETATTR;
		op.fields = random_op_chance(r, 2) ? OP_HAS_SIZE : OP_HAS_MODE | OP_HAS_UID;
		op.id = random_op_chance(r, 3) ? op.id : op.parent;
		op.size = random_op_chance(r, 200);
		op.mode = 0700;
		op.uid = random_op_chance(r, 5);
		break;
	case 7:
		op.kind = OP_UNLINK;
		break;
	case 8:
		op.kind = OP_RMDIR;
		break;
	case 9:
	case 10:
		op.kind = OP_RENAME;
		op.fields = random_op_chance(r, 3)    ? 0
			: random_op_chance(r, 3) == 0 ? OP_EXCHANGE
			: random_op_chance(r, 2)      ? OP_NOREPLACE
						      : OP_WHITEOUT;
		break;
	case 11:
		op.kind = OP_LINK;
		if (random_op_chance(r, 2))
			op.id = 1 + random_op_chance(r, (uint32_t)docs_mem_get_drive(r->mem, r->drive).next_number);
		break;
	case 12:
		some_xattr(r, &op);
		break;
	default:
		op.kind = OP_CLONE;
		op.from = random_op_chance(r, 100);
		op.len = 1 + random_op_chance(r, 100);
		op.at = random_op_chance(r, 100);
		op.to = some_number(r, S_IFREG);
		break;
	}
	if (op.kind == OP_UNLINK || op.kind == OP_RMDIR || op.kind == OP_CREATE || op.kind == OP_RENAME)
		op.id = 0;
	return op;
}

struct op random_op_in_drive(const struct op *op, uint32_t drive)
{
	struct op ret = *op;

	ret.id = op->id ? ITEM_ID(drive, op->id) : 0;
	ret.parent = ITEM_ID(drive, op->parent);
	ret.new_parent = ITEM_ID(drive, op->new_parent);
	ret.to = ITEM_ID(drive, op->to);
	return ret;
}

struct span random_op_name(size_t n)
{
	return span_str(NAMES[n]);
}
