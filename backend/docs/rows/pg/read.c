#include "backend/docs/rows/pg/docs_pg_internal.h"

#include <sys/stat.h>

/*
 * Reads: one statement each, so that the result and the position that it is of belong to one snapshot.
 *
 * Every statement begins with the drive: whether it is the caller's, and at which position it stands
 * (READ_COLUMNS). The rest is an outer join, so that there is a row even when the document does not exist, and
 * the caller learns the position at which it did not. A client may say which position it has seen already, the
 * floor. An instance whose view is older must not answer (docs_pg_read checks it), or a client would see its own
 * change undone.
 *
 * Rows are passed to a callback one by one, while the result exists; the callback copies what it keeps. Reads
 * that take several statements and must show one moment (a file in pages) run between snapshot_begin and
 * snapshot_end.
 */

#define ITEM_AT READ_COLUMNS

/* Passes on the document of a row; the outer join may have found none. */
static int give_item(const struct pg_result *r, int row, int column, docs_on_item on_item, void *cookie)
{
	struct tree_node node;

	if (pg_is_null(r, row, column + NODE_ID))
		return -ERR_NOT_FOUND;
	docs_pg_node(r, row, column, &node);
	return on_item(&node.item, cookie);
}

static int is_of_drive(const struct docs_scope *scope, int64_t id)
{
	return ITEM_DRIVE(id) == scope->drive;
}

/* budget: the signature is that of docs_store.h */
int docs_pg_item_get(struct docs_store *store, const struct docs_scope *scope, int64_t id, docs_on_item on_item,
	void *cookie, struct docs_position *ret_at)
{
	const struct docs_pg_question q = {&SQL_ITEM_GET, scope, {PG_P_I64(id), PG_P_I64(scope->session)}, 2};
	struct pg_result *result = NULL;

	if (!is_of_drive(scope, id))
		return -ERR_NOT_FOUND;
	int r = docs_pg_read(docs_pg_of(store), &q, ret_at, &result);
	if (r == 0)
		r = give_item(result, 0, ITEM_AT, on_item, cookie);
	pg_result_free(result);
	return r;
}

/* Passes on a document under this name, whatever other names it has. */
struct named {
	int64_t parent;
	struct span name;
	docs_on_item on_item;
	void *cookie;
};

static int give_named(const struct item *item, void *cookie)
{
	const struct named *named = cookie;
	struct item copy = *item;

	copy.parent = named->parent;
	copy.name = named->name;
	return named->on_item(&copy, named->cookie);
}

/* budget: the signature is that of docs_store.h */
int docs_pg_item_lookup(struct docs_store *store, const struct docs_scope *scope, int64_t parent, struct span name,
	docs_on_item on_item, void *cookie, struct docs_position *ret_at)
{
	const struct docs_pg_question q = {&SQL_ITEM_LOOKUP, scope, {PG_P_I64(parent), PG_P_BYTEA(name)}, 2};
	struct named named = {parent, name, on_item, cookie};
	struct pg_result *result = NULL;

	if (!is_of_drive(scope, parent))
		return -ERR_NOT_FOUND;
	int r = docs_pg_read(docs_pg_of(store), &q, ret_at, &result);
	if (r == 0)
		r = give_item(result, 0, ITEM_AT, give_named, &named);
	pg_result_free(result);
	return r;
}

/* The folder in which each name was looked up: row i is the document that the first i names led to. */
static void give_folders(const struct pg_result *r, struct docs_walk *walk)
{
	for (size_t i = 0; i <= walk->depth && i < walk->count; i++)
		walk->folders[i] = pg_number(r, (int)i, ITEM_AT + 2 + NODE_ID);
}

static int give_walked(const struct pg_result *r, struct docs_walk *walk, docs_on_item on_item, void *cookie)
{
	const bool all = walk->folders != NULL; /* SQL_ITEM_PATH_STEPS returns a row for each step */
	const int last = pg_rows(r) - 1;
	struct named named = {pg_number(r, last, ITEM_AT + 1), SPAN_LITERAL(""), on_item, cookie};

	walk->depth = (size_t)pg_number(r, last, ITEM_AT);
	if (walk->depth > walk->count || (all && walk->depth != (size_t)last))
		return -EIO;
	if (all)
		give_folders(r, walk);
	if (walk->count > 0)
		named.name = walk->names[walk->count - 1];
	return walk->depth < walk->count ? -ERR_NOT_FOUND : give_item(r, last, ITEM_AT + 2, give_named, &named);
}

/* budget: the signature is that of docs_store.h */
int docs_pg_item_path(struct docs_store *store, const struct docs_scope *scope, struct docs_walk *walk,
	docs_on_item on_item, void *cookie, struct docs_position *ret_at)
{
	struct docs_pg *s = docs_pg_of(store);
	struct pg_result *result = NULL;
	int r = 0;

	if (walk->count == 1) { /* no walk is needed; it would cost a third more */
		r = docs_pg_item_lookup(store, scope, ITEM_ROOT(scope->drive), walk->names[0], on_item, cookie, ret_at);
		walk->depth = r == 0;
		if (walk->folders)
			walk->folders[0] = ITEM_ROOT(scope->drive);
		return r;
	}
	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < walk->count; i++)
		r = pg_array_add_bytes(s->bytes[0], walk->names[i]);
	const struct docs_pg_question q = {
		walk->folders ? &SQL_ITEM_PATH_STEPS : &SQL_ITEM_PATH, scope, {pg_array_param(s->bytes[0])}, 1};
	if (r == 0)
		r = docs_pg_read(s, &q, ret_at, &result);
	if (r == 0)
		r = give_walked(result, walk, on_item, cookie);
	pg_result_free(result);
	return r;
}

enum { CHILD_FOLDER_MODE = READ_COLUMNS, CHILD_NAME, CHILD_NODE, CHILD_DATA = CHILD_NODE + NODE_COLUMNS };

/* The content of a document is inline when it is empty, or when the one extent that covers it is part of the
 * result. */
static void set_inline(const struct pg_result *r, int row, struct item *item)
{
	if (!S_ISREG(item->mode))
		return;
	if (item->size > 0 && pg_is_null(r, row, CHILD_DATA))
		return;
	item->has_inline = true;
	item->inline_data =
		item->size > 0 ? span_of(pg_bytes(r, row, CHILD_DATA).data, (size_t)item->size) : SPAN_LITERAL("");
}

static int is_after(struct span a, struct span b)
{
	const size_t both = a.size < b.size ? a.size : b.size;
	const int order = both ? memcmp(a.data, b.data, both) : 0;

	return order > 0 || (order == 0 && a.size > b.size);
}

static int give_children(
	const struct pg_result *result, const struct docs_children *what, docs_on_item on_item, void *cookie)
{
	struct span before = what->after;

	if (pg_is_null(result, 0, CHILD_FOLDER_MODE))
		return -ERR_NOT_FOUND;
	if (!S_ISDIR((mode_t)pg_number(result, 0, CHILD_FOLDER_MODE)))
		return -ENOTDIR;
	for (int row = 0; row < pg_rows(result) && !pg_is_null(result, row, CHILD_NAME); row++) {
		struct tree_node node;

		/* The order is that of the plan, not of an ORDER BY, so it is checked. */
		if (pg_is_null(result, row, CHILD_NODE + NODE_ID) ||
			!is_after(pg_bytes(result, row, CHILD_NAME), before))
			return -EIO;
		before = pg_bytes(result, row, CHILD_NAME);
		docs_pg_node(result, row, CHILD_NODE, &node);
		node.item.parent = what->folder;
		node.item.name = before;
		if (what->with_inline)
			set_inline(result, row, &node.item);
		int r = on_item(&node.item, cookie);
		if (r < 0)
			return r;
	}
	return 0;
}

/* budget: the signature is that of docs_store.h */
int docs_pg_children(struct docs_store *store, const struct docs_scope *scope, const struct docs_children *what,
	docs_on_item on_item, void *cookie, struct docs_position *ret_at)
{
	const struct docs_pg_question q = {
		what->with_inline ? &SQL_CHILDREN_INLINE : &SQL_CHILDREN,
		scope,
		{PG_P_I64(what->folder), PG_P_BYTEA(what->after), PG_P_I64(what->limit),
			PG_P_I64(DOCS_PG_INLINE_BYTES_MAX)},
		what->with_inline ? 4 : 3,
	};
	struct pg_result *result = NULL;

	if (!is_of_drive(scope, what->folder))
		return -ERR_NOT_FOUND;
	int r = docs_pg_read(docs_pg_of(store), &q, ret_at, &result);
	if (r == 0)
		r = give_children(result, what, on_item, cookie);
	pg_result_free(result);
	return r;
}

/* budget: the signature is that of docs_store.h */
int docs_pg_extents(struct docs_store *store, const struct docs_scope *scope, int64_t id, int64_t from, int64_t len,
	uint32_t limit, docs_on_item on_item, docs_on_extent on_extent, void *cookie, struct docs_position *ret_at)
{
	enum { EXTENT_COLUMN = READ_COLUMNS + NODE_COLUMNS };
	const int64_t to = len > INT64_MAX - from ? INT64_MAX : from + len;
	const struct docs_pg_question q = {&SQL_EXTENTS, scope,
		{PG_P_I64(id), PG_P_I64(scope->session), PG_P_I64(from), PG_P_I64(to), PG_P_I64(limit)}, 5};
	struct pg_result *result = NULL;

	if (!is_of_drive(scope, id))
		return -ERR_NOT_FOUND;
	int r = docs_pg_read(docs_pg_of(store), &q, ret_at, &result);
	if (r == 0)
		r = give_item(result, 0, ITEM_AT, on_item, cookie);
	for (int row = 0; r >= 0 && row < pg_rows(result) && !pg_is_null(result, row, EXTENT_COLUMN + EXTENT_NODE);
		row++) {
		struct tree_extent extent;

		docs_pg_extent(result, row, EXTENT_COLUMN, &extent);
		r = on_extent(&extent, cookie);
	}
	pg_result_free(result);
	return r;
}

int docs_pg_snapshot_begin(struct docs_store *store)
{
	return pg_run(docs_pg_of(store)->pg, &SQL_SNAPSHOT_BEGIN, NULL, 0, NULL);
}

void docs_pg_snapshot_end(struct docs_store *store)
{
	struct docs_pg *s = docs_pg_of(store);

	/* If the end of the snapshot is not confirmed, the next request must not use this connection. */
	if (pg_run(s->pg, &SQL_SNAPSHOT_END, NULL, 0, NULL) < 0)
		pg_close(s->pg);
}

static int give_xattrs(const struct pg_result *result, struct docs_xattrs *what, docs_on_xattr on_xattr, void *cookie)
{
	enum { XATTR_NODE = READ_COLUMNS, XATTR_SEQ, XATTR_NAME, XATTR_VALUE };
	struct span before = what->after;
	int r = 0;

	if (pg_is_null(result, 0, XATTR_NODE))
		return -ERR_NOT_FOUND;
	what->seq = pg_number(result, 0, XATTR_SEQ);
	for (int row = 0; r >= 0 && row < pg_rows(result) && !pg_is_null(result, row, XATTR_NAME); row++) {
		const struct span name = pg_bytes(result, row, XATTR_NAME);

		/* The order is that of the plan, as in give_children. */
		r = is_after(name, before) ? on_xattr(name, pg_bytes(result, row, XATTR_VALUE), cookie) : -EIO;
		before = name;
	}
	return r;
}

/* budget: the signature is that of docs_store.h */
int docs_pg_xattrs(struct docs_store *store, const struct docs_scope *scope, struct docs_xattrs *what,
	docs_on_xattr on_xattr, void *cookie, struct docs_position *ret_at)
{
	const struct docs_pg_question q = {&SQL_XATTRS, scope,
		{PG_P_I64(what->id), PG_P_I64(scope->session), PG_P_BYTEA(what->after), PG_P_I64(what->limit),
			PG_P_I64((int64_t)what->bytes)},
		5};
	struct pg_result *result = NULL;

	if (!is_of_drive(scope, what->id))
		return -ERR_NOT_FOUND;
	int r = docs_pg_read(docs_pg_of(store), &q, ret_at, &result);
	if (r == 0)
		r = give_xattrs(result, what, on_xattr, cookie);
	pg_result_free(result);
	return r;
}

enum {
	CHANGE_SEQ = READ_COLUMNS,
	CHANGE_OP,
	CHANGE_WHAT,
	CHANGE_ID,
	CHANGE_PARENT,
	CHANGE_OLD_PARENT,
	CHANGE_REPLACED,
	CHANGE_FROM,
	CHANGE_LEN,
	CHANGE_NAME,
	CHANGE_OLD_NAME,
	CHANGE_KEY
};

static int give_change(const struct pg_result *r, int row, docs_on_change on_change, void *cookie)
{
	const struct tree_change change = {
		.seq = pg_number(r, row, CHANGE_SEQ),
		.op = (enum op_kind)pg_number(r, row, CHANGE_OP),
		.what = (uint32_t)pg_number(r, row, CHANGE_WHAT),
		.id = pg_number(r, row, CHANGE_ID),
		.parent = pg_number(r, row, CHANGE_PARENT),
		.old_parent = pg_number(r, row, CHANGE_OLD_PARENT),
		.replaced = pg_number(r, row, CHANGE_REPLACED),
		.from = pg_number(r, row, CHANGE_FROM),
		.len = pg_number(r, row, CHANGE_LEN),
		.name = pg_bytes(r, row, CHANGE_NAME),
		.old_name = pg_bytes(r, row, CHANGE_OLD_NAME),
		.key = pg_bytes(r, row, CHANGE_KEY),
	};

	return on_change(&change, cookie);
}

/* budget: the signature is that of docs_store.h */
int docs_pg_changes(struct docs_store *store, const struct docs_scope *scope, int64_t since, uint32_t limit,
	docs_on_change on_change, void *cookie, struct docs_position *ret_at)
{
	const struct docs_pg_question q = {&SQL_CHANGES, scope, {PG_P_I64(since), PG_P_I64(limit)}, 2};
	struct pg_result *result = NULL;

	int r = docs_pg_read(docs_pg_of(store), &q, ret_at, &result);
	if (r < 0)
		return r;
	/* The journal has no gaps. If the first entry is not the next one, or if there is none although the
	 * drive went on, the entries between are no longer kept. */
	const bool none = pg_is_null(result, 0, CHANGE_SEQ);
	if (none ? limit > 0 && since < pg_number(result, 0, READ_SEQ) : pg_number(result, 0, CHANGE_SEQ) != since + 1)
		r = -ERR_GONE;
	for (int row = 0; r >= 0 && !none && row < pg_rows(result); row++)
		r = give_change(result, row, on_change, cookie);
	pg_result_free(result);
	return r;
}
