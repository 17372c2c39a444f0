#include "backend/docs/rows/pg/sql.h"
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

/* ---- drives ---- */

static void drive_home_creates_the_home_drive_once_with_a_root_folder(void **state)
{
	struct worker *w = *state;
	struct docs_drive drive;
	struct seen_item root;

	assert_ok(w, w->store->ops->drive_home(w->store, w->scope.user, &drive));
	assert_int_equal(drive.row.id, w->scope.drive);
	assert_int_equal(drive.row.seq, 0);
	assert_int_equal(drive.row.next_number, 2);
	assert_true(drive.row.incarnation > 0);
	assert_ok(w, get(w, root_of(w), &root));
	assert_int_equal(root.item.mode, S_IFDIR | 0755);
	assert_int_equal(root.item.parent, root_of(w));
	assert_int_equal(root.item.name.size, 0);
	assert_int_equal(root.item.nlink, 2);
}

static int count_drive(const struct docs_drive *drive, void *cookie)
{
	assert_true(drive->name.size > 0);
	++*(int *)cookie;
	return 0;
}

static void a_users_drives_can_be_listed_renamed_limited_and_trashed(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	struct docs_drive drive, again;
	const int64_t quota = 12345;
	int count = 0;

	assert_ok(w, ops->drive_create(w->store, w->scope.user, SPAN_LITERAL("second"), 0, &drive));
	assert_int_not_equal(drive.row.id, w->scope.drive);
	assert_ok(w, ops->drive_list(w->store, w->scope.user, count_drive, &count));
	assert_int_equal(count, 2);
	const struct docs_scope second = {.user = w->scope.user, .drive = drive.row.id};
	assert_ok(w, ops->drive_change(w->store, &second, &SPAN_LITERAL("third"), NULL));
	assert_ok(w, ops->drive_change(w->store, &second, NULL, &quota));
	assert_ok(w, ops->drive_get(w->store, &second, &drive));
	assert_true(span_eq_str(drive.name, "third"));
	assert_int_equal(drive.row.quota, quota);
	/* The first drive is thrown away: it is not found any more, and the next first use makes another one. */
	assert_ok(w, ops->drive_trash(w->store, &w->scope, NULL));
	assert_int_equal(ops->drive_get(w->store, &w->scope, &again), -ERR_NOT_FOUND);
	assert_int_equal(ops->drive_trash(w->store, &w->scope, NULL), -ERR_NOT_FOUND);
	assert_int_equal(get(w, root_of(w), &(struct seen_item){0}), -ERR_NOT_FOUND);
	assert_ok(w, ops->drive_home(w->store, w->scope.user, &again));
	assert_int_not_equal(again.row.id, w->scope.drive);
	assert_ok(w, ops->trash_user(w->store, w->scope.user));
	count = 0;
	assert_ok(w, ops->drive_list(w->store, w->scope.user, count_drive, &count));
	assert_int_equal(count, 0);
}

static void drive_home_returns_a_drive_that_the_user_already_created(void **state)
{
	struct worker *w = *state;
	const int64_t user = another_user();
	struct docs_drive made, home;

	assert_ok(w, w->store->ops->drive_create(w->store, user, SPAN_LITERAL("mine"), 0, &made));
	assert_ok(w, w->store->ops->drive_home(w->store, user, &home));
	assert_int_equal(home.row.id, made.row.id);
}

static void another_users_drive_is_not_found_by_any_call(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t root = root_of(w), quota = 1;
	struct docs_scope scope = w->scope;
	struct docs_position at;
	struct seen_item seen;
	struct docs_drive drive;
	struct docs_block block = {.size = 1};
	int64_t number;
	struct docs_walk walk = {.names = &SPAN_LITERAL("secret"), .count = 1};

	create(w, root, "secret", S_IFREG | 0600);
	scope.user = another_user();
	assert_int_equal(ops->drive_get(w->store, &scope, &drive), -ERR_NOT_FOUND);
	assert_int_equal(ops->drive_change(w->store, &scope, NULL, &quota), -ERR_NOT_FOUND);
	assert_int_equal(ops->drive_trash(w->store, &scope, NULL), -ERR_NOT_FOUND);
	assert_int_equal(ops->ids_reserve(w->store, &scope, 1, &number), -ERR_NOT_FOUND);
	assert_int_equal(ops->item_get(w->store, &scope, root, keep_item, &seen, &at), -ERR_NOT_FOUND);
	assert_int_equal(ops->item_lookup(w->store, &scope, root, SPAN_LITERAL("secret"), keep_item, &seen, &at),
		-ERR_NOT_FOUND);
	assert_int_equal(ops->item_path(w->store, &scope, &walk, keep_item, &seen, &at), -ERR_NOT_FOUND);
	const struct docs_children children = {.folder = root, .limit = 10};
	assert_int_equal(ops->children(w->store, &scope, &children, keep_item, &seen, &at), -ERR_NOT_FOUND);
	assert_int_equal(ops->extents(w->store, &scope, root, 0, 1, 1, keep_item, NULL, &seen, &at), -ERR_NOT_FOUND);
	struct docs_xattrs xattrs = {.id = root, .limit = 10};
	assert_int_equal(ops->xattrs(w->store, &scope, &xattrs, NULL, NULL, &at), -ERR_NOT_FOUND);
	assert_int_equal(ops->changes(w->store, &scope, 0, 10, NULL, NULL, &at), -ERR_NOT_FOUND);
	assert_int_equal(ops->session_create(w->store, &scope, SPAN_LITERAL("s"), 0, &number), -ERR_NOT_FOUND);
	assert_int_equal(ops->session_poll(w->store, &scope, &(struct docs_poll){1, NULL, 0}, &number), -ERR_NOT_FOUND);
	assert_int_equal(ops->block_find(w->store, &scope, block.sha256, &block), -ERR_NOT_FOUND);
	assert_int_equal(ops->block_stored(w->store, &scope, &block, &block), -ERR_NOT_FOUND);
	assert_int_equal(ops->block_referenced(w->store, &scope, block.sha256, &block), -ERR_NOT_FOUND);
	struct worker stranger = *w;
	stranger.scope = scope;
	const struct op op = {.kind = OP_SETATTR, .id = root, .mode = 0777, .fields = OP_HAS_MODE};
	const struct request request = {.ops = &op, .count = 1, .key = {.kind = DOCS_KEY_NONE, .user = scope.user}};
	assert_int_equal(transact(&stranger, &request, NULL, NULL), -ERR_NOT_FOUND);
	/* An id of another drive is not found either, whatever drive the request names. */
	assert_int_equal(get(w, ITEM_ROOT(w->scope.drive + 1), &seen), -ERR_NOT_FOUND);
}

static void reserved_ids_are_not_given_out_again_and_run_out_with_enospc(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	int64_t first = 0, second = 0;
	struct seen_item seen;

	assert_ok(w, ops->ids_reserve(w->store, &w->scope, 100, &first));
	assert_int_equal(first, ITEM_ID(w->scope.drive, 2));
	assert_ok(w, ops->ids_reserve(w->store, &w->scope, 1, &second));
	assert_int_equal(second, first + 100);
	const int64_t made = create(w, root_of(w), "a", S_IFREG | 0644);
	assert_int_equal(made, second + 1);
	do_op(w,
		&(struct op){.kind = OP_CREATE,
			.parent = root_of(w),
			.name = SPAN_LITERAL("b"),
			.mode = S_IFREG | 0644,
			.id = first + 7,
			.fields = OP_HAS_ID | OP_HAS_MODE});
	assert_ok(w, lookup(w, root_of(w), "b", &seen));
	assert_int_equal(seen.item.id, first + 7);
	assert_int_equal(ops->ids_reserve(w->store, &w->scope, 0, &first), -ERR_UNPROCESSABLE);
	number_of(w, "exhaust", "UPDATE drive SET next_number = 4294967295 WHERE id = (SELECT max(id) FROM drive)");
	assert_int_equal(ops->ids_reserve(w->store, &w->scope, 2, &first), -ENOSPC);
	assert_ok(w, ops->ids_reserve(w->store, &w->scope, 1, &first));
	assert_int_equal(first, ITEM_ID(w->scope.drive, 4294967295u));
	assert_int_equal(ops->ids_reserve(w->store, &w->scope, 1, &first), -ENOSPC);
}

static void the_cursor_of_deleted_users_never_moves_back(void **state)
{
	struct worker *w = *state;
	int64_t since = -1;

	assert_ok(w, w->store->ops->user_cursor_set(w->store, 10));
	assert_ok(w, w->store->ops->user_cursor_set(w->store, 7));
	assert_ok(w, w->store->ops->user_cursor(w->store, &since));
	assert_int_equal(since, 10);
}

/* ---- documents ---- */

static void created_documents_are_read_back_with_all_their_attributes(void **state)
{
	struct worker *w = *state;
	struct seen_item seen;

	const int64_t link = do_op(w,
		&(struct op){.kind = OP_CREATE,
			.parent = root_of(w),
			.name = SPAN_LITERAL("a\377b"),
			.mode = S_IFLNK | 0777,
			.target = SPAN_LITERAL("../\001x"),
			.uid = 4294967294u,
			.gid = 7,
			.mtime = -1,
			.fields = OP_HAS_MODE | OP_HAS_UID | OP_HAS_GID | OP_HAS_MTIME});
	assert_ok(w, get(w, link, &seen));
	assert_string_equal(seen.name, "a\377b");
	assert_string_equal(seen.target, "../\001x");
	assert_int_equal(seen.item.mode, S_IFLNK | 0777);
	assert_int_equal(seen.item.uid, 4294967294u);
	assert_int_equal(seen.item.gid, 7);
	assert_int_equal(seen.item.mtime, -1);
	assert_int_equal(seen.item.parent, root_of(w));
	assert_int_equal(seen.item.seq, 1);
	const int64_t device = do_op(w,
		&(struct op){.kind = OP_CREATE,
			.parent = root_of(w),
			.name = SPAN_LITERAL("dev"),
			.mode = S_IFCHR | 0600,
			.rdev_major = 4095,
			.rdev_minor = 1048575,
			.fields = OP_HAS_MODE});
	assert_ok(w, get(w, device, &seen));
	assert_int_equal(seen.item.rdev_major, 4095);
	assert_int_equal(seen.item.rdev_minor, 1048575);
	assert_int_equal(
		refused_op(w,
			&(struct op){
				.kind = OP_CREATE, .parent = root_of(w), .name = SPAN_LITERAL("dev"), .mode = S_IFREG}),
		-EEXIST);
}

static void a_read_fails_if_the_drive_is_behind_the_requested_position(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t a = create(w, root_of(w), "a", S_IFREG | 0644);
	struct docs_position at;
	struct docs_drive drive;
	struct seen_item seen;

	assert_ok(w, ops->item_get(w->store, &w->scope, a, keep_item, &seen, &at));
	w->scope.floor = at;
	assert_ok(w, ops->item_get(w->store, &w->scope, a, keep_item, &seen, &at));
	w->scope.floor.seq++;
	assert_int_equal(ops->item_get(w->store, &w->scope, a, keep_item, &seen, &at), -ERR_BEHIND);
	assert_int_equal(ops->changes(w->store, &w->scope, 0, 10, NULL, NULL, &at), -ERR_BEHIND);
	assert_int_equal(ops->drive_get(w->store, &w->scope, &drive), -ERR_BEHIND);
	w->scope.floor.incarnation++;
	assert_int_equal(lookup(w, root_of(w), "a", &seen), -ERR_EPOCH);
}

struct listing {
	char text[4096];
	size_t count;
};

static int list_item(const struct item *item, void *cookie)
{
	struct listing *l = cookie;
	size_t used = strlen(l->text);

	snprintf(l->text + used, sizeof(l->text) - used, "%.*s%s%.*s ", (int)item->name.size, item->name.data,
		item->has_inline ? "=" : "", item->has_inline ? (int)item->inline_data.size : 0,
		item->has_inline ? item->inline_data.data : "");
	l->count++;
	return 0;
}

static void children_are_listed_in_byte_order_in_pages(void **state)
{
	struct worker *w = *state;
	static const char *const names[] = {"b", "a", "\377", "aa", "B", "a\001"};
	struct docs_children what = {.folder = root_of(w), .limit = 4};
	const struct docs_store_ops *ops = w->store->ops;
	struct docs_position at;
	struct listing l = {0};

	assert_ok(w, ops->children(w->store, &w->scope, &what, list_item, &l, &at));
	assert_int_equal(l.count, 0);
	for (size_t i = 0; i < 6; i++)
		create(w, root_of(w), names[i], S_IFREG | 0644);
	assert_ok(w, ops->children(w->store, &w->scope, &what, list_item, &l, &at));
	assert_string_equal(l.text, "B a a\001 aa ");
	what.after = SPAN_LITERAL("aa");
	l = (struct listing){0};
	assert_ok(w, ops->children(w->store, &w->scope, &what, list_item, &l, &at));
	assert_string_equal(l.text, "b \377 ");
	struct seen_item seen;
	assert_ok(w, lookup(w, root_of(w), "a", &seen));
	what.folder = seen.item.id;
	assert_int_equal(ops->children(w->store, &w->scope, &what, list_item, &l, &at), -ENOTDIR);
	what.folder = ITEM_ID(w->scope.drive, 999);
	assert_int_equal(ops->children(w->store, &w->scope, &what, list_item, &l, &at), -ERR_NOT_FOUND);
}

static void a_listing_with_inline_contains_the_content_of_small_files(void **state)
{
	struct worker *w = *state;
	const struct docs_children what = {.folder = root_of(w), .limit = 10, .with_inline = true};
	struct docs_position at;
	struct listing l = {0};

	write_inline(w, create(w, root_of(w), "a", S_IFREG | 0644), 0, "hello");
	create(w, root_of(w), "b-empty", S_IFREG | 0644);
	write_inline(w, create(w, root_of(w), "c-hole", S_IFREG | 0644), 10, "behind a hole");
	const int64_t cut = create(w, root_of(w), "d-cut", S_IFREG | 0644);
	write_inline(w, cut, 0, "shortened");
	do_op(w, &(struct op){.kind = OP_SETATTR, .id = cut, .size = 5, .fields = OP_HAS_SIZE});
	create(w, root_of(w), "e-folder", S_IFDIR | 0755);
	assert_ok(w, w->store->ops->children(w->store, &w->scope, &what, list_item, &l, &at));
	assert_string_equal(l.text, "a=hello b-empty= c-hole d-cut=short e-folder ");
}

/* ---- content ---- */

struct pieces {
	char text[512];
	struct tree_extent last;
};

static int keep_extent(const struct tree_extent *extent, void *cookie)
{
	struct pieces *p = cookie;
	size_t used = strlen(p->text);

	snprintf(p->text + used, sizeof(p->text) - used, "%" PRId64 "+%" PRId64 "%s ", extent->at, extent->len,
		extent->kind == EXTENT_BLOCK ? "b" : "");
	p->last = *extent;
	return 0;
}

static int item_of_extents(const struct item *item, void *cookie)
{
	(void)item;
	(void)cookie;
	return 0;
}

/* budget: the range, and how much of it */
static void read_extents(struct worker *w, int64_t id, int64_t from, int64_t len, uint32_t limit, struct pieces *ret)
{
	struct docs_position at;

	*ret = (struct pieces){0};
	assert_ok(w,
		w->store->ops->extents(
			w->store, &w->scope, id, from, len, limit, item_of_extents, keep_extent, ret, &at));
}

static void stored_block(struct worker *w, uint8_t mark, uint32_t size, struct docs_block *ret)
{
	struct docs_block block = {.size = size, .uploader = w->scope.user};
	int64_t room;

	memset(block.sha256, mark, sizeof(block.sha256));
	assert_ok(w, w->store->ops->block_generation(w->store, &w->scope, &block, &room));
	assert_ok(w, w->store->ops->block_stored(w->store, &w->scope, &block, ret));
}

static void a_snapshot_hides_writes_by_other_connections_until_it_ends(void **state)
{
	struct worker *w = *state, other = {.scope = w->scope};
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	struct pieces p;

	assert_int_equal(worker_connect(&other), 0);
	write_inline(w, id, 0, "one");
	assert_ok(w, w->store->ops->snapshot_begin(w->store));
	read_extents(w, id, 0, INT64_MAX, 10, &p);
	write_inline(&other, id, 100000, "two");
	read_extents(w, id, 0, INT64_MAX, 10, &p);
	assert_string_equal(p.text, "0+3 ");
	w->store->ops->snapshot_end(w->store);
	read_extents(w, id, 0, INT64_MAX, 10, &p);
	assert_string_equal(p.text, "0+3 100000+3 ");
	/* The connection can still be used for writing. */
	write_inline(w, id, 200000, "three");
	worker_fini(&other);
}

static void extents_of_a_range_are_read_in_order_after_writes_and_cuts(void **state)
{
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	struct docs_block block;
	struct pieces p;

	stored_block(w, 1, 1000, &block);
	struct op_extent extents[] = {
		{.at = 0, .len = 10, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("0123456789")},
		{.at = 100, .len = 1000, .kind = OP_EXTENT_BLOCK},
		{.at = 5000, .len = 4, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("tail")},
	};
	memcpy(extents[1].sha256, block.sha256, 32);
	do_op(w, &(struct op){.kind = OP_WRITE, .id = id, .extents = extents, .extent_count = 3});
	read_extents(w, id, 0, INT64_MAX, 10, &p);
	assert_string_equal(p.text, "0+10 100+1000b 5000+4 ");
	read_extents(w, id, 10, 90, 10, &p);
	assert_string_equal(p.text, "");
	read_extents(w, id, 9, 92, 10, &p);
	assert_string_equal(p.text, "0+10 100+1000b ");
	read_extents(w, id, 1099, 1, 10, &p);
	assert_string_equal(p.text, "100+1000b ");
	assert_int_equal(p.last.generation, block.generation);
	assert_int_equal(p.last.block_size, 1000);
	assert_memory_equal(p.last.sha256, block.sha256, 32);
	read_extents(w, id, 0, INT64_MAX, 2, &p);
	assert_string_equal(p.text, "0+10 100+1000b ");
	/* A write in the middle of the block leaves both of its ends. */
	write_inline(w, id, 500, "mid");
	read_extents(w, id, 0, INT64_MAX, 10, &p);
	assert_string_equal(p.text, "0+10 100+400b 500+3 503+597b 5000+4 ");
	do_op(w, &(struct op){.kind = OP_SETATTR, .id = id, .size = 502, .fields = OP_HAS_SIZE});
	read_extents(w, id, 0, INT64_MAX, 10, &p);
	assert_string_equal(p.text, "0+10 100+400b 500+2 ");
	do_op(w, &(struct op){.kind = OP_WRITE, .id = id, .size = 0, .fields = OP_REPLACE | OP_HAS_SIZE});
	read_extents(w, id, 0, INT64_MAX, 10, &p);
	assert_string_equal(p.text, "");
}

static void a_write_that_names_a_missing_block_is_refused(void **state)
{
	struct worker *w = *state;
	struct op_extent extent = {.len = 10, .kind = OP_EXTENT_BLOCK, .sha256 = {9, 9, 9}};
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);

	assert_int_equal(refused_op(w, &(struct op){.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1}),
		-ERR_BLOCK_MISSING);
}

static int keep_data(const struct tree_extent *extent, void *cookie)
{
	return buf_append_span(cookie, extent->data);
}

static void inline_content_of_maximum_size_is_read_back_unchanged(void **state)
{
	struct worker *w = *state;
	static char content[INLINE_BYTES_MAX];
	struct op_extent extent = {.len = sizeof(content), .kind = OP_EXTENT_DATA, .data = {content, sizeof(content)}};
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	struct docs_position at;
	struct buf found;

	buf_init(&found, sizeof(content));
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (char)(i * 2654435761u >> 13);
	do_op(w, &(struct op){.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1});
	assert_ok(w, w->store->ops->extents(w->store, &w->scope, id, 0, 1, 1, item_of_extents, keep_data, &found, &at));
	assert_int_equal(found.size, sizeof(content));
	assert_memory_equal(found.data, content, sizeof(content));
	buf_fini(&found);
}

static int keep_xattr(struct span name, struct span value, void *cookie)
{
	char *text = cookie;

	snprintf(text + strlen(text), 256 - strlen(text), "%.*s=%.*s ", (int)name.size, name.data, (int)value.size,
		value.data);
	return 0;
}

/* Checks that the page behind what.after has the xattrs in text. */
static int64_t xattrs_of(struct worker *w, struct docs_xattrs what, const char *text)
{
	struct docs_position at;
	char found[256] = "";

	assert_ok(w, w->store->ops->xattrs(w->store, &w->scope, &what, keep_xattr, found, &at));
	assert_string_equal(found, text);
	return what.seq;
}

static void xattrs_are_set_replaced_and_removed(void **state)
{
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	const struct docs_xattrs all = {.id = id, .limit = 10, .bytes = 1000};

	do_op(w,
		&(struct op){
			.kind = OP_SETXATTR, .id = id, .name = SPAN_LITERAL("user.a"), .target = SPAN_LITERAL("1")});
	do_op(w,
		&(struct op){
			.kind = OP_SETXATTR, .id = id, .name = SPAN_LITERAL("user.b"), .target = SPAN_LITERAL("")});
	do_op(w,
		&(struct op){
			.kind = OP_SETXATTR, .id = id, .name = SPAN_LITERAL("user.a"), .target = SPAN_LITERAL("2")});
	assert_int_equal(refused_op(w,
				 &(struct op){.kind = OP_SETXATTR,
					 .id = id,
					 .name = SPAN_LITERAL("user.b"),
					 .fields = OP_XATTR_CREATE}),
		-EEXIST);
	xattrs_of(w, all, "user.a=2 user.b= ");
	do_op(w, &(struct op){.kind = OP_REMOVEXATTR, .id = id, .name = SPAN_LITERAL("user.a")});
	assert_int_equal(refused_op(w, &(struct op){.kind = OP_REMOVEXATTR, .id = id, .name = SPAN_LITERAL("user.a")}),
		-ENODATA);
	xattrs_of(w, all, "user.b= ");
}

static void xattrs_are_listed_in_pages_bounded_by_number_and_bytes(void **state)
{
	static const char *const names[] = {"user.b", "user.a", "user.c", "user.d"};
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	struct docs_drive drive;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		do_op(w,
			&(struct op){.kind = OP_SETXATTR,
				.id = id,
				.name = span_str(names[i]),
				.target = SPAN_LITERAL("four")});
	assert_ok(w, w->store->ops->drive_get(w->store, &w->scope, &drive));
	struct docs_xattrs what = {.id = id, .limit = 2, .bytes = 1000};
	assert_int_equal(xattrs_of(w, what, "user.a=four user.b=four "), drive.row.seq);
	what.after = SPAN_LITERAL("user.b");
	xattrs_of(w, what, "user.c=four user.d=four ");
	what = (struct docs_xattrs){.id = id, .limit = 10, .bytes = 20};
	/* The page has one xattr beyond its limit of bytes: by it the caller sees that there is more. */
	xattrs_of(w, what, "user.a=four user.b=four user.c=four ");
	what.bytes = 19;
	xattrs_of(w, what, "user.a=four user.b=four ");
	what.after = SPAN_LITERAL("user.d");
	assert_int_equal(xattrs_of(w, what, ""), drive.row.seq);
}

/* ---- names ---- */

static void consecutive_appends_grow_one_inline_extent(void **state)
{
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "log", S_IFREG | 0644);
	struct op_extent extent = {.len = 5, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("line\n")};
	struct op op = {.kind = OP_WRITE, .fields = OP_APPEND, .id = id, .extents = &extent, .extent_count = 1};
	struct seen_item seen;

	for (int i = 0; i < 4; i++)
		do_op(w, &op);
	assert_ok(w, get(w, id, &seen));
	assert_int_equal(seen.item.size, 20);
	assert_int_equal(
		number_of(w, "pieces", "SELECT count(*) FROM extent WHERE node = (SELECT max(node) FROM extent)"), 1);
	assert_int_equal(
		number_of(w, "bytes", "SELECT length(data) FROM extent WHERE node = (SELECT max(node) FROM extent)"),
		20);
}

static void appends_use_space_that_is_reserved_beyond_the_end_of_the_file(void **state)
{
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "log", S_IFREG | 0644);
	struct op_extent text = {.len = 5, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("line\n")};
	struct op_extent room[] = {
		{.at = 2, .len = 4, .kind = OP_EXTENT_RESERVE}, {.at = 8, .len = 8, .kind = OP_EXTENT_RESERVE}};
	struct op reserve = {.kind = OP_WRITE, .fields = OP_KEEP_SIZE, .id = id, .extents = room, .extent_count = 2};
	struct op ops[] = {{.kind = OP_WRITE, .fields = OP_APPEND, .id = id, .extents = &text, .extent_count = 1},
		{.kind = OP_SETATTR, .fields = OP_HAS_SIZE, .id = id, .size = 12}};
	struct seen_item seen;

	do_op(w, &reserve);
	do_op(w, &ops[0]);
	do_op(w, &ops[0]);
	assert_ok(w, get(w, id, &seen));
	assert_int_equal(seen.item.size, 10);
	assert_int_equal(seen.item.allocated, 16);
	/* Then a size, and an append behind it, each in a batch of its own. */
	do_op(w, &ops[1]);
	do_op(w, &ops[0]);
	assert_ok(w, get(w, id, &seen));
	assert_int_equal(seen.item.size, 17);
	assert_int_equal(
		number_of(w, "overlaps",
			"SELECT count(*) FROM extent a JOIN extent b ON a.node = b.node AND a.at < b.at AND a.at + a.len > b.at"),
		0);
	assert_int_equal(seen.item.allocated,
		number_of(w, "allocated",
			"SELECT sum(len)::bigint FROM extent WHERE node = (SELECT max(node) FROM extent)"));
}

static void rename_moves_replaces_and_exchanges_but_refuses_a_cycle(void **state)
{
	struct worker *w = *state;
	const int64_t dir = create(w, root_of(w), "dir", S_IFDIR | 0755),
		      a = create(w, root_of(w), "a", S_IFREG | 0644);
	const int64_t b = create(w, dir, "b", S_IFREG | 0644);
	struct seen_item seen;

	do_op(w,
		&(struct op){.kind = OP_RENAME,
			.parent = root_of(w),
			.name = SPAN_LITERAL("a"),
			.new_parent = dir,
			.new_name = SPAN_LITERAL("c")});
	assert_int_equal(lookup(w, root_of(w), "a", &seen), -ERR_NOT_FOUND);
	assert_ok(w, get(w, a, &seen));
	assert_int_equal(seen.item.parent, dir);
	assert_string_equal(seen.name, "c");
	do_op(w,
		&(struct op){.kind = OP_RENAME,
			.parent = dir,
			.name = SPAN_LITERAL("b"),
			.new_parent = dir,
			.new_name = SPAN_LITERAL("c"),
			.fields = OP_EXCHANGE});
	assert_ok(w, lookup(w, dir, "c", &seen));
	assert_int_equal(seen.item.id, b);
	do_op(w,
		&(struct op){.kind = OP_RENAME,
			.parent = dir,
			.name = SPAN_LITERAL("b"),
			.new_parent = dir,
			.new_name = SPAN_LITERAL("c")});
	assert_ok(w, lookup(w, dir, "c", &seen));
	assert_int_equal(seen.item.id, a);
	assert_int_equal(lookup(w, dir, "b", &seen), -ERR_NOT_FOUND);
	assert_int_equal(get(w, b, &seen), -ERR_NOT_FOUND);
	const int64_t below = create(w, dir, "below", S_IFDIR | 0755);
	assert_int_equal(refused_op(w,
				 &(struct op){.kind = OP_RENAME,
					 .parent = root_of(w),
					 .name = SPAN_LITERAL("dir"),
					 .new_parent = below,
					 .new_name = SPAN_LITERAL("x")}),
		-EINVAL);
}

static void folders_are_removed_only_when_empty(void **state)
{
	struct worker *w = *state;
	const int64_t dir = create(w, root_of(w), "dir", S_IFDIR | 0755);
	const struct op rmdir = {.kind = OP_RMDIR, .parent = root_of(w), .name = SPAN_LITERAL("dir")};
	struct seen_item seen;

	create(w, dir, "f", S_IFREG | 0644);
	assert_int_equal(refused_op(w, &rmdir), -ENOTEMPTY);
	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = dir, .name = SPAN_LITERAL("f")});
	do_op(w,
		&(struct op){
			.kind = OP_SETXATTR, .id = dir, .name = SPAN_LITERAL("user.a"), .target = SPAN_LITERAL("1")});
	do_op(w, &rmdir);
	assert_int_equal(get(w, dir, &seen), -ERR_NOT_FOUND);
	assert_int_equal(number_of(w, "xattrs_left",
				 "SELECT count(*) FROM xattr x WHERE NOT EXISTS (SELECT FROM node WHERE id = x.node)"),
		0);
	assert_ok(w, get(w, root_of(w), &seen));
	assert_int_equal(seen.item.nlink, 2);
}

static void a_document_with_several_names_keeps_the_others_after_unlink(void **state)
{
	struct worker *w = *state;
	const int64_t dir = create(w, root_of(w), "dir", S_IFDIR | 0755),
		      f = create(w, root_of(w), "f", S_IFREG | 0644);
	struct seen_item seen;

	do_op(w, &(struct op){.kind = OP_LINK, .id = f, .parent = dir, .name = SPAN_LITERAL("g")});
	do_op(w, &(struct op){.kind = OP_LINK, .id = f, .parent = dir, .name = SPAN_LITERAL("h")});
	assert_ok(w, lookup(w, dir, "g", &seen));
	assert_int_equal(seen.item.nlink, 3);
	assert_int_equal(seen.item.parent, dir);
	assert_string_equal(seen.name, "g");
	/* The name that the row has is removed: the row gets another one. Then once more, and after a rename
	 * of the last name. */
	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("f")});
	assert_ok(w, get(w, f, &seen));
	assert_int_equal(seen.item.parent, dir);
	assert_true(strcmp(seen.name, "g") == 0 || strcmp(seen.name, "h") == 0);
	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = dir, .name = span_str(seen.name)});
	const char *left = strcmp(seen.name, "g") == 0 ? "h" : "g";
	assert_ok(w, get(w, f, &seen));
	assert_string_equal(seen.name, left);
	do_op(w,
		&(struct op){.kind = OP_RENAME,
			.parent = dir,
			.name = span_str(left),
			.new_parent = root_of(w),
			.new_name = SPAN_LITERAL("z")});
	do_op(w, &(struct op){.kind = OP_LINK, .id = f, .parent = dir, .name = SPAN_LITERAL("y")});
	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("z")});
	assert_ok(w, get(w, f, &seen));
	assert_string_equal(seen.name, "y");
	assert_int_equal(seen.item.nlink, 1);
}

static void a_clone_refers_to_the_block_of_its_source(void **state)
{
	struct worker *w = *state;
	const int64_t a = create(w, root_of(w), "a", S_IFREG | 0644), b = create(w, root_of(w), "b", S_IFREG | 0644);
	struct op_extent extent = {.len = 1000, .kind = OP_EXTENT_BLOCK};
	struct docs_block block;
	struct pieces p;

	stored_block(w, 2, 1000, &block);
	memcpy(extent.sha256, block.sha256, 32);
	do_op(w, &(struct op){.kind = OP_WRITE, .id = a, .extents = &extent, .extent_count = 1});
	do_op(w, &(struct op){.kind = OP_CLONE, .id = a, .from = 100, .len = 500, .to = b, .at = 10});
	read_extents(w, b, 0, INT64_MAX, 10, &p);
	assert_string_equal(p.text, "10+500b ");
	assert_int_equal(p.last.from, 100);
}

static int check_gapless(const struct tree_change *change, void *cookie)
{
	int64_t *last = cookie;

	assert_int_equal(change->seq, *last + 1);
	*last = change->seq;
	return 0;
}

static int keep_change(const struct tree_change *change, void *cookie)
{
	struct tree_change *kept = cookie;

	*kept = *change;
	return 0;
}

static void the_journal_has_one_entry_per_op_until_old_entries_are_deleted(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t a = create(w, root_of(w), "a", S_IFREG | 0644);
	struct docs_position at;
	struct tree_change change;
	int64_t last = 0;

	write_inline(w, a, 0, "xyzxyz");
	write_inline(w, a, 3, "abc");
	do_op(w,
		&(struct op){.kind = OP_RENAME,
			.parent = root_of(w),
			.name = SPAN_LITERAL("a"),
			.new_parent = root_of(w),
			.new_name = SPAN_LITERAL("b")});
	assert_ok(w, ops->changes(w->store, &w->scope, 0, 100, check_gapless, &last, &at));
	assert_int_equal(last, 4);
	assert_int_equal(at.seq, 4);
	assert_ok(w, ops->changes(w->store, &w->scope, 2, 1, keep_change, &change, &at));
	assert_int_equal(change.op, OP_WRITE);
	assert_int_equal(change.id, a);
	assert_int_equal(change.from, 3);
	assert_int_equal(change.len, 3);
	assert_true(change.what & TREE_CONTENT);
	assert_ok(w, ops->changes(w->store, &w->scope, 3, 100, keep_change, &change, &at));
	assert_int_equal(change.old_parent, root_of(w));
	/* A read without new changes is no failure. A read of changes that are no longer kept is one. */
	assert_ok(w, ops->changes(w->store, &w->scope, 4, 100, keep_change, &change, &at));
	number_of(w, "forget", "DELETE FROM journal WHERE seq <= 2 AND drive = (SELECT max(id) FROM drive)");
	assert_int_equal(ops->changes(w->store, &w->scope, 0, 100, keep_change, &change, &at), -ERR_GONE);
	assert_int_equal(ops->changes(w->store, &w->scope, 1, 100, keep_change, &change, &at), -ERR_GONE);
	assert_ok(w, ops->changes(w->store, &w->scope, 2, 100, keep_change, &change, &at));
	assert_int_equal(change.seq, 4);
}

static int stop(const struct item *item, void *cookie)
{
	(void)item;
	(void)cookie;
	return -EINTR;
}

static void a_read_ends_with_the_error_of_its_callback(void **state)
{
	struct worker *w = *state;
	const struct docs_children what = {.folder = root_of(w), .limit = 10};
	struct docs_position at;

	create(w, root_of(w), "a", S_IFREG | 0644);
	assert_int_equal(w->store->ops->children(w->store, &w->scope, &what, stop, NULL, &at), -EINTR);
	assert_int_equal(w->store->ops->item_get(w->store, &w->scope, root_of(w), stop, NULL, &at), -EINTR);
}

static void a_second_migration_applies_nothing(void **state)
{
	struct worker *w = *state;

	assert_ok(w, docs_pg_migrate(w->pg));
	assert_int_equal(number_of(w, "migrations", "SELECT count(*) FROM schema_migration"), docs_migration_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(drive_home_creates_the_home_drive_once_with_a_root_folder),
		with_worker(a_users_drives_can_be_listed_renamed_limited_and_trashed),
		with_worker(drive_home_returns_a_drive_that_the_user_already_created),
		with_worker(another_users_drive_is_not_found_by_any_call),
		with_worker(reserved_ids_are_not_given_out_again_and_run_out_with_enospc),
		with_worker(the_cursor_of_deleted_users_never_moves_back),
		with_worker(created_documents_are_read_back_with_all_their_attributes),
		with_worker(a_read_fails_if_the_drive_is_behind_the_requested_position),
		with_worker(children_are_listed_in_byte_order_in_pages),
		with_worker(a_listing_with_inline_contains_the_content_of_small_files),
		with_worker(a_snapshot_hides_writes_by_other_connections_until_it_ends),
		with_worker(extents_of_a_range_are_read_in_order_after_writes_and_cuts),
		with_worker(a_write_that_names_a_missing_block_is_refused),
		with_worker(inline_content_of_maximum_size_is_read_back_unchanged),
		with_worker(xattrs_are_set_replaced_and_removed),
		with_worker(xattrs_are_listed_in_pages_bounded_by_number_and_bytes),
		with_worker(consecutive_appends_grow_one_inline_extent),
		with_worker(appends_use_space_that_is_reserved_beyond_the_end_of_the_file),
		with_worker(rename_moves_replaces_and_exchanges_but_refuses_a_cycle),
		with_worker(folders_are_removed_only_when_empty),
		with_worker(a_document_with_several_names_keeps_the_others_after_unlink),
		with_worker(a_clone_refers_to_the_block_of_its_source),
		with_worker(the_journal_has_one_entry_per_op_until_old_entries_are_deleted),
		with_worker(a_read_ends_with_the_error_of_its_callback),
		with_worker(a_second_migration_applies_nothing),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
