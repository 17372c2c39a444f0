/* Documents, extents, blocks and sessions are counted and limited, and drives that are thrown away come back
 * or go for good. */
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

#include <pthread.h>

/* ---- the trash ---- */

static struct docs_drive another_drive(struct worker *w, const char *name)
{
	struct docs_drive drive;

	assert_ok(w, w->store->ops->drive_create(w->store, w->scope.user, span_str(name), 0, &drive));
	return drive;
}

static int count_drive(const struct docs_drive *drive, void *cookie)
{
	(void)drive;
	++*(int *)cookie;
	return 0;
}

static int in_trash(struct worker *w)
{
	int count = 0;

	assert_ok(w, w->store->ops->drive_trash_list(w->store, w->scope.user, count_drive, &count));
	return count;
}

static void trashing_a_drive_with_content_needs_its_name_and_is_reversible(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	struct docs_scope stranger = {.user = another_user(), .drive = w->scope.drive};
	struct docs_drive drive;
	struct seen_item seen;
	int64_t session, others;
	bool replaced = true;

	assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &session));
	assert_int_equal(ops->drive_trash(w->store, &w->scope, NULL), -ERR_CONFIRM);
	assert_int_equal(ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("hom")), -ERR_CONFIRM);
	assert_int_equal(ops->drive_trash(w->store, &stranger, &SPAN_LITERAL("home")), -ERR_NOT_FOUND);
	assert_ok(w, get(w, id, &seen));
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_int_equal(in_trash(w), 1);
	/* The owner learns that the drive is in the trash; for every other user there is no such drive. */
	assert_int_equal(get(w, id, &seen), -ERR_DRIVE_TRASHED);
	assert_int_equal(ops->drive_get(w->store, &w->scope, &drive), -ERR_DRIVE_TRASHED);
	assert_int_equal(ops->drive_get(w->store, &stranger, &drive), -ERR_NOT_FOUND);
	assert_int_equal(ops->drive_restore(w->store, &stranger, &replaced), -ERR_NOT_FOUND);
	assert_int_equal(ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, NULL, 0}, &others),
		-ERR_DRIVE_TRASHED);
	const struct op op = {
		.kind = OP_CREATE, .parent = root_of(w), .name = SPAN_LITERAL("g"), .mode = S_IFREG | 0644};
	const struct request request = {.ops = &op, .count = 1, .key = {.kind = DOCS_KEY_NONE, .user = w->scope.user}};
	assert_int_equal(transact(w, &request, NULL, NULL), -ERR_DRIVE_TRASHED);
	assert_ok(w, ops->drive_restore(w->store, &w->scope, &replaced));
	assert_false(replaced); /* no other drive was in its place */
	assert_int_equal(in_trash(w), 0);
	assert_ok(w, get(w, id, &seen));
	assert_ok(w, ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, NULL, 0}, &others));
	assert_ok(w, ops->drive_home(w->store, w->scope.user, &drive));
	assert_int_equal(drive.row.id, w->scope.drive);
	assert_int_equal(ops->drive_restore(w->store, &w->scope, &replaced), -ERR_NOT_FOUND);
}

static void a_restored_home_drive_is_home_again_unless_its_successor_is_used(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	struct docs_drive second, now;
	bool replaced = false;

	(void)create(w, root_of(w), "f", S_IFREG | 0644);
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_ok(w, ops->drive_home(w->store, w->scope.user, &second));
	assert_int_not_equal(second.row.id, w->scope.drive);
	/* The drive that came in its place was not used, so the restore removes it. */
	assert_ok(w, ops->drive_restore(w->store, &w->scope, &replaced));
	assert_true(replaced);
	assert_ok(w, ops->drive_home(w->store, w->scope.user, &now));
	assert_int_equal(now.row.id, w->scope.drive);
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_ok(w, ops->drive_home(w->store, w->scope.user, &second));
	struct worker other = *w;
	other.scope.drive = second.row.id;
	(void)create(&other, root_of(&other), "in use", S_IFREG | 0644);
	assert_ok(w, ops->drive_restore(w->store, &w->scope, &replaced));
	assert_false(replaced);
	assert_ok(w, ops->drive_home(w->store, w->scope.user, &now));
	assert_int_equal(now.row.id, second.row.id);
	assert_ok(w, ops->drive_get(w->store, &w->scope, &now));
}

static void a_drive_that_is_empty_or_purged_from_the_trash_is_deleted_for_good(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	struct docs_drive empty = another_drive(w, "empty");
	const struct docs_scope scope = {.user = w->scope.user, .drive = empty.row.id};
	uint32_t count = 1;
	bool replaced = false;

	assert_ok(w, ops->drive_trash(w->store, &scope, NULL));
	assert_int_equal(in_trash(w), 0);
	assert_int_equal(ops->drive_get(w->store, &scope, &empty), -ERR_NOT_FOUND);
	assert_int_equal(ops->drive_restore(w->store, &scope, &replaced), -ERR_NOT_FOUND);
	(void)create(w, root_of(w), "f", S_IFREG | 0644);
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_int_equal(ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")), -ERR_NOT_FOUND);
	assert_int_equal(ops->drive_purge(w->store, &w->scope, NULL), -ERR_CONFIRM);
	assert_ok(w, ops->drive_purge(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_int_equal(ops->drive_get(w->store, &w->scope, &empty), -ERR_NOT_FOUND);
	assert_int_equal(ops->drive_purge(w->store, &w->scope, &SPAN_LITERAL("home")), -ERR_NOT_FOUND);
	for (int i = 0; i < 10 && count > 0; i++)
		assert_ok(w, ops->collect_expired(w->store, 100, &count));
	assert_int_equal(number_of(w, "purged", "SELECT count(*) FROM drive WHERE trashed_at = '-infinity'"), 0);
}

static void a_drive_is_not_restored_once_upkeep_has_begun_to_remove_it(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	struct docs_drive drive;
	uint32_t count = 1;
	bool replaced;

	(void)create(w, root_of(w), "a", S_IFREG | 0644);
	(void)create(w, root_of(w), "b", S_IFREG | 0644);
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	number_of(w, "age",
		"UPDATE drive SET trashed_at = now() - interval '31 days' WHERE id = (SELECT max(id) FROM drive)");
	/* Its time is over, but nothing was removed yet. */
	assert_ok(w, ops->drive_restore(w->store, &w->scope, &replaced));
	assert_ok(w, ops->collect_expired(w->store, 1, &count));
	assert_ok(w, ops->drive_get(w->store, &w->scope, &drive));
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	number_of(w, "age_again",
		"UPDATE drive SET trashed_at = now() - interval '31 days' WHERE id = (SELECT max(id) FROM drive)");
	assert_ok(w, ops->collect_expired(w->store, 1, &count));
	assert_int_equal(ops->drive_restore(w->store, &w->scope, &replaced), -ERR_NOT_FOUND);
	assert_int_equal(ops->drive_get(w->store, &w->scope, &drive), -ERR_NOT_FOUND);
	for (int i = 0; i < 20 && count > 0; i++)
		assert_ok(w, ops->collect_expired(w->store, 100, &count));
	assert_int_equal(number_of(w, "left", "SELECT count(*) FROM drive WHERE trashed_at = '-infinity'"), 0);
}

static void purging_a_drive_that_is_in_use_does_nothing(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	struct docs_drive drive;

	assert_int_equal(ops->drive_purge(w->store, &w->scope, NULL), -ERR_NOT_FOUND);
	assert_int_equal(ops->drive_purge(w->store, &w->scope, &SPAN_LITERAL("home")), -ERR_NOT_FOUND);
	assert_ok(w, ops->drive_get(w->store, &w->scope, &drive));
	(void)create(w, root_of(w), "f", S_IFREG | 0644);
	assert_int_equal(ops->drive_purge(w->store, &w->scope, &SPAN_LITERAL("home")), -ERR_NOT_FOUND);
	assert_ok(w, ops->drive_get(w->store, &w->scope, &drive));
	assert_int_equal(in_trash(w), 0);
}

/* A request on a connection of its own, which has to wait for a transaction of the test. */
struct beside {
	struct worker w;
	pthread_t thread;
	int result;
	bool replaced;
};

static void *purge_beside(void *cookie)
{
	struct beside *b = cookie;

	b->result = b->w.store->ops->drive_purge(b->w.store, &b->w.scope, &SPAN_LITERAL("home"));
	return NULL;
}

static void *restore_beside(void *cookie)
{
	struct beside *b = cookie;

	b->result = b->w.store->ops->drive_restore(b->w.store, &b->w.scope, &b->replaced);
	return NULL;
}

static void a_drive_that_is_restored_at_the_moment_of_its_purge_stays(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	const struct docs_key key = {.kind = DOCS_KEY_NONE, .user = w->scope.user};
	const struct docs_answer answer = {0};
	struct beside b = {.w = {.scope = w->scope}};
	const struct docs_seen *seen;
	struct tree *tree = NULL;
	struct docs_drive second = another_drive(w, "second");
	struct seen_item item;
	bool replaced;

	assert_int_equal(worker_connect(&b.w), 0);
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_ok(w, ops->txn_begin(w->store, second.row.id, &key, 1, NULL, 0, &tree, &seen));
	assert_ok(w, ops->drive_restore(w->store, &w->scope, &replaced));
	assert_int_equal(pthread_create(&b.thread, NULL, purge_beside, &b), 0);
	wait_for_waiter();
	assert_ok(w, ops->txn_commit(w->store, NULL, &answer));
	pthread_join(b.thread, NULL);
	tree_free(tree);
	assert_int_equal(b.result, -ERR_NOT_FOUND);
	assert_ok(w, get(w, id, &item));
	worker_fini(&b.w);
}

static void start_restore(void *cookie)
{
	struct beside *b = cookie;

	assert_int_equal(pthread_create(&b->thread, NULL, restore_beside, b), 0);
	wait_for_waiter();
}

static void a_restore_does_not_remove_a_home_drive_that_is_just_being_used(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	struct worker second = *w;
	struct beside b = {.w = {.scope = w->scope}, .replaced = true};
	struct docs_drive drive;
	struct seen_item item;
	struct done done = {0};

	(void)create(w, root_of(w), "old", S_IFREG | 0644);
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_ok(w, ops->drive_home(w->store, w->scope.user, &drive));
	second.scope.drive = drive.row.id;
	assert_int_equal(worker_connect(&b.w), 0);
	const struct op op = {
		.kind = OP_CREATE, .parent = root_of(&second), .name = SPAN_LITERAL("new"), .mode = S_IFREG | 0644};
	const struct request request = {.ops = &op,
		.count = 1,
		.key = {.kind = DOCS_KEY_NONE, .user = w->scope.user},
		.meanwhile = start_restore,
		.cookie = &b};
	assert_ok(w, transact(&second, &request, NULL, &done));
	pthread_join(b.thread, NULL);
	assert_ok(&b.w, b.result);
	assert_false(b.replaced);
	assert_ok(w, get(&second, done.id, &item));
	worker_fini(&b.w);
}

static void a_user_cannot_create_more_drives_than_the_maximum(void **state)
{
	struct worker *w = *state;
	struct docs_drive drive;

	for (unsigned i = 1; i < DRIVES_PER_USER_MAX; i++)
		drive = another_drive(w, "another");
	assert_int_equal(
		w->store->ops->drive_create(w->store, w->scope.user, SPAN_LITERAL("more"), 0, &drive), -EDQUOT);
	/* Drives in the trash count as well. */
	(void)create(w, root_of(w), "f", S_IFREG | 0644);
	assert_ok(w, w->store->ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_int_equal(
		w->store->ops->drive_create(w->store, w->scope.user, SPAN_LITERAL("more"), 0, &drive), -EDQUOT);
}

/* ---- what a user may hold ---- */

static int write_bytes(struct worker *w, const char *name, size_t size)
{
	static char bytes[INLINE_BYTES_MAX];
	const int64_t id = create(w, root_of(w), name, S_IFREG | 0644);
	struct op_extent extent = {.len = (int64_t)size, .kind = OP_EXTENT_DATA, .data = span_of(bytes, size)};

	return refused_op(w, &(struct op){.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1});
}

static int64_t quota_of(struct worker *w)
{
	struct docs_drive drive;

	assert_ok(w, w->store->ops->drive_get(w->store, &w->scope, &drive));
	return drive.row.quota;
}

static void all_drives_of_a_user_share_one_quota(void **state)
{
	struct worker *w = *state, other = *w;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t own = 500;

	other.scope.drive = another_drive(w, "other").row.id;
	assert_int_equal(quota_of(w), 0);
	assert_ok(w, ops->account_set(w->store, w->scope.user, 1000, -1));
	assert_int_equal(write_bytes(w, "a", 600), 0);
	assert_int_equal(quota_of(w), 1000);
	assert_int_equal(quota_of(&other), 400);
	assert_int_equal(write_bytes(&other, "b", 401), -EDQUOT);
	assert_int_equal(write_bytes(&other, "c", 300), 0);
	assert_int_equal(quota_of(w), 700);
	assert_int_equal(write_bytes(w, "d", 101), -EDQUOT);
	assert_int_equal(write_bytes(w, "e", 100), 0);
	/* All of the quota is used, the trash included. A quota of 0 does not mean no limit. */
	assert_ok(w, ops->drive_trash(w->store, &other.scope, &SPAN_LITERAL("other")));
	assert_int_equal(quota_of(w), 700);
	assert_int_equal(write_bytes(w, "f", 1), -EDQUOT);
	/* A drive's own quota still counts where it is lower. */
	assert_ok(w, ops->drive_change(w->store, &w->scope, NULL, &own));
	assert_int_equal(quota_of(w), own);
	assert_ok(w, ops->account_set(w->store, w->scope.user, 100, -1));
	assert_int_equal(quota_of(w), 1);
}

static void the_default_quota_applies_to_users_without_a_quota_of_their_own(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	struct docs_account account;

	assert_ok(w, ops->account_set(w->store, DOCS_DEFAULT_ACCOUNT, 5000, -1));
	assert_int_equal(quota_of(w), 5000);
	assert_ok(w, ops->account_get(w->store, w->scope.user, &account));
	assert_int_equal(account.quota, -1);
	assert_int_equal(account.default_quota, 5000);
	assert_ok(w, ops->account_set(w->store, w->scope.user, 0, -1));
	assert_int_equal(quota_of(w), 0);
	assert_ok(w, ops->account_set(w->store, w->scope.user, -1, -1));
	assert_int_equal(quota_of(w), 5000);
	assert_ok(w, ops->account_set(w->store, DOCS_DEFAULT_ACCOUNT, -1, -1));
	assert_int_equal(quota_of(w), 0);
}

/* ---- how many documents ---- */

static struct tree_drive drive_of(struct worker *w)
{
	struct docs_drive drive;

	assert_ok(w, w->store->ops->drive_get(w->store, &w->scope, &drive));
	return drive.row;
}

static int create_refused(struct worker *w, const char *name)
{
	return refused_op(w,
		&(struct op){.kind = OP_CREATE,
			.parent = root_of(w),
			.name = span_str(name),
			.mode = S_IFDIR | 0755,
			.fields = OP_HAS_MODE});
}

static void a_quota_also_limits_the_documents_in_all_drives_of_a_user(void **state)
{
	struct worker *w = *state, other = *w;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t own = 8192;
	struct docs_account account;

	other.scope.drive = another_drive(w, "other").row.id;
	assert_int_equal(drive_of(w).documents, 1);
	assert_int_equal(drive_of(w).documents_max, 0);
	assert_ok(w, ops->account_set(w->store, w->scope.user, 10 * DOCUMENT_QUOTA_BYTES, -1));
	assert_int_equal(drive_of(w).documents_max, DOCUMENTS_BASE + 10 - 1);
	assert_ok(w, ops->account_set(w->store, w->scope.user, 10 * DOCUMENT_QUOTA_BYTES, 5));
	assert_int_equal(create_refused(w, "a"), 0);
	assert_int_equal(create_refused(&other, "b"), 0);
	assert_int_equal(drive_of(w).documents_max, 3);
	assert_int_equal(create_refused(w, "c"), 0);
	assert_int_equal(create_refused(w, "d"), -EDQUOT);
	assert_int_equal(create_refused(&other, "d"), -EDQUOT);
	assert_ok(w, ops->account_get(w->store, w->scope.user, &account));
	assert_int_equal(account.documents, 5);
	assert_int_equal(account.documents_max, 5);
	/* A limit of 0 does not mean no limit. */
	assert_ok(w, ops->account_set(w->store, w->scope.user, 0, 1));
	assert_int_equal(drive_of(w).documents_max, 1);
	assert_ok(w, ops->account_set(w->store, w->scope.user, 1, 0));
	assert_int_equal(drive_of(w).documents_max, 0);
	assert_ok(w, ops->account_set(w->store, w->scope.user, -1, -1));
	assert_ok(w, ops->drive_change(w->store, &w->scope, NULL, &own));
	assert_int_equal(drive_of(w).documents_max, DOCUMENTS_BASE + 2);
}

static void a_document_counts_until_the_orphan_is_collected(void **state)
{
	struct worker *w = *state;
	uint32_t count;

	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	do_op(w, &(struct op){.kind = OP_LINK, .id = id, .parent = root_of(w), .name = SPAN_LITERAL("g")});
	(void)create(w, root_of(w), "d", S_IFDIR | 0755);
	assert_int_equal(drive_of(w).documents, 4);
	do_op(w, &(struct op){.kind = OP_RMDIR, .parent = root_of(w), .name = SPAN_LITERAL("d")});
	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("f")});
	assert_int_equal(drive_of(w).documents, 2);
	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("g")});
	assert_int_equal(drive_of(w).documents, 2);
	assert_ok(w, w->store->ops->collect_orphans(w->store, 0, 100, &count));
	assert_int_equal(drive_of(w).documents, 1);
}

/* ---- how many extents ---- */

/* Writes `count` bytes with a gap of one byte between any two. Returns the error of the write. */
static int write_spread(struct worker *w, int64_t id, int64_t count)
{
	struct op_extent *extents = calloc((size_t)count, sizeof(*extents));

	assert_non_null(extents);
	for (int64_t i = 0; i < count; i++)
		extents[i] =
			(struct op_extent){.at = 2 * i, .len = 1, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("x")};
	const int r = refused_op(
		w, &(struct op){.kind = OP_WRITE, .id = id, .extents = extents, .extent_count = (size_t)count});
	free(extents);
	return r;
}

static void a_quota_also_limits_the_extents_in_all_drives_of_a_user(void **state)
{
	struct worker *w = *state, other = *w;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t own = 8192, a = create(w, root_of(w), "a", S_IFREG | 0644);
	struct docs_account account;

	other.scope.drive = another_drive(w, "other").row.id;
	const int64_t b = create(&other, root_of(&other), "b", S_IFREG | 0644);
	assert_int_equal(drive_of(w).extents_max, 0);
	assert_ok(w, ops->account_set(w->store, w->scope.user, 10 * EXTENT_QUOTA_BYTES, -1));
	assert_int_equal(drive_of(w).extents_max, EXTENTS_BASE + 10);
	assert_int_equal(write_spread(w, a, 6), 0);
	assert_int_equal(drive_of(w).extents, 5);
	assert_int_equal(drive_of(&other).extents_max, EXTENTS_BASE + 10 - 5);
	number_of(w, "many", "UPDATE drive SET extents = extents + 16384 WHERE id = (SELECT max(id) FROM drive) - 1");
	assert_int_equal(drive_of(&other).extents_max, 5);
	assert_int_equal(write_spread(&other, b, 7), -ERR_EXTENTS);
	assert_int_equal(write_spread(&other, b, 6), 0);
	assert_int_equal(write_spread(w, a, 7), -ERR_EXTENTS);
	assert_ok(w, ops->account_get(w->store, w->scope.user, &account));
	assert_int_equal(account.extents, EXTENTS_BASE + 10);
	assert_int_equal(account.extents_max, EXTENTS_BASE + 10);
	/* A limit of 0 does not mean no limit. */
	assert_ok(w, ops->account_set(w->store, w->scope.user, 1, -1));
	assert_int_equal(drive_of(&other).extents_max, 1);
	assert_ok(w, ops->account_set(w->store, w->scope.user, 0, -1));
	assert_int_equal(drive_of(&other).extents_max, 0);
	assert_ok(w, ops->account_set(w->store, w->scope.user, -1, -1));
	assert_ok(w, ops->drive_change(w->store, &w->scope, NULL, &own));
	assert_int_equal(drive_of(w).extents_max, EXTENTS_BASE + 2);
}

static void extents_count_until_the_orphaned_file_is_collected(void **state)
{
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	uint32_t count;

	assert_int_equal(write_spread(w, id, 4), 0);
	do_op(w, &(struct op){.kind = OP_UNLINK, .parent = root_of(w), .name = SPAN_LITERAL("f")});
	assert_int_equal(drive_of(w).extents, 3);
	assert_ok(w, w->store->ops->collect_orphans(w->store, 0, 100, &count));
	assert_int_equal(count, 5);
	assert_int_equal(drive_of(w).extents, 0);
	assert_int_equal(
		number_of(w, "rows", "SELECT count(*) FROM extent WHERE node >> 32 = (SELECT max(id) FROM drive)"), 0);
}

static void migration_counts_the_extents_of_existing_files(void **state)
{
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);

	assert_int_equal(write_spread(w, id, 4), 0);
	assert_int_equal(write_spread(w, create(w, root_of(w), "g", S_IFREG | 0644), 1), 0);
	number_of_text("ALTER TABLE node DROP extents");
	number_of_text("ALTER TABLE drive DROP extents");
	number_of_text("DELETE FROM schema_migration WHERE name LIKE '%extents'");
	assert_ok(w, docs_pg_migrate(w->pg));
	assert_int_equal(number_of(w, "documents",
				 "SELECT sum(extents) FROM node WHERE id >> 32 = "
				 "(SELECT max(id) FROM drive)"),
		5);
	assert_int_equal(drive_of(w).extents, 3);
	assert_int_equal(write_spread(w, id, 5), 0);
	assert_int_equal(drive_of(w).extents, 4);
}

/* ---- blocks, whether anything refers to them or not ---- */

static struct docs_block upload(struct worker *w, uint8_t mark, uint32_t size)
{
	struct docs_block block = {.size = size, .uploader = w->scope.user}, ret;
	int64_t room;

	memset(block.sha256, mark, sizeof(block.sha256));
	assert_ok(w, w->store->ops->block_generation(w->store, &w->scope, &block, &room));
	assert_ok(w, w->store->ops->block_stored(w->store, &w->scope, &block, &ret));
	return ret;
}

static int64_t room_of(struct worker *w)
{
	struct docs_block unused;
	int64_t room;

	assert_ok(w, w->store->ops->block_generation(w->store, &w->scope, &unused, &room));
	return room;
}

static int on_block(uint32_t drive, const struct docs_block *block, void *cookie)
{
	(void)drive, (void)block;
	++*(int *)cookie;
	return 0;
}

/* Collects blocks when the drive's owner lacks that many bytes. Returns how many blocks went. */
static int collect(struct worker *w, int64_t grace_s, int64_t bytes)
{
	const struct docs_shortage shortage = {
		.drive = w->scope.drive, .bytes = bytes, .grace_s = grace_s, .limit = 100};
	uint32_t count;
	int gone = 0;

	assert_ok(w, w->store->ops->collect_short(w->store, &shortage, on_block, &gone, &count));
	return gone;
}

/* Looks for the block's row in SQL: block_find would count as an upload. */
static bool is_there(struct worker *w, uint8_t mark)
{
	char sql[160];

	(void)snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM block WHERE drive = %u AND sha256 = decode(repeat('%02x', 32), 'hex')",
		w->scope.drive, mark);
	return number_of_text(sql) == 1;
}

/* Makes the block of that mark the file's content. */
static void rewrite(struct worker *w, int64_t id, uint8_t mark)
{
	struct op_extent extent = {.len = 100, .kind = OP_EXTENT_BLOCK};

	memset(extent.sha256, mark, sizeof(extent.sha256));
	do_op(w, &(struct op){.kind = OP_WRITE, .id = id, .fields = OP_REPLACE, .extents = &extent, .extent_count = 1});
}

static void a_shortage_collects_only_as_many_oldest_unreferenced_blocks_as_needed(void **state)
{
	struct worker *w = *state, other = *w;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);

	for (uint8_t i = 30; i < 35; i++) {
		(void)upload(w, i, 100);
		rewrite(w, id, i);
	}
	(void)upload(w, 35, 100); /* a batch may be about to name it */
	assert_int_equal(collect(w, 60, 101), 2);
	assert_false(is_there(w, 30));
	assert_false(is_there(w, 31));
	assert_true(is_there(w, 32));
	/* A block that another upload has found counts as new. A block that is in use again stays. */
	(void)upload(w, 32, 100);
	rewrite(w, id, 33);
	assert_int_equal(collect(w, 60, 1000), 1);
	assert_false(is_there(w, 34));
	assert_true(is_there(w, 32) && is_there(w, 33) && is_there(w, 35));
	/* The owner's other drives need the room as well, so they may take blocks here. */
	rewrite(w, id, 32);
	other.scope.drive = another_drive(w, "other").row.id;
	assert_int_equal(collect(&other, 60, 1000), 1);
	assert_false(is_there(w, 33));
}

static void block_refused_deletes_blocks_unless_uploaded_twice_or_ever_used(void **state)
{
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	uint8_t hashes[4][32];
	int gone = 0;

	for (uint8_t i = 0; i < 4; i++) {
		memset(hashes[i], 40 + i, sizeof(hashes[i]));
		(void)upload(w, (uint8_t)(40 + i), 100);
	}
	(void)upload(w, 41, 100);
	rewrite(w, id, 42);
	rewrite(w, id, 43);
	assert_ok(w,
		w->store->ops->block_refused(
			w->store, w->scope.drive, (const uint8_t(*)[32])hashes, 4, on_block, &gone));
	assert_int_equal(gone, 1);
	assert_false(is_there(w, 40));
	assert_true(is_there(w, 41) && is_there(w, 42) && is_there(w, 43));
}

static void blocks_use_up_room_from_their_upload_until_they_are_collected(void **state)
{
	struct worker *w = *state, other = *w;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t quota = 1000, all = 2 * quota + BLOCKS_SLACK_BYTES;

	other.scope.drive = another_drive(w, "other").row.id;
	assert_true(room_of(w) == INT64_MAX);
	assert_ok(w, ops->drive_change(w->store, &w->scope, NULL, &quota));
	const struct docs_block kept = upload(w, 1, 30000);
	(void)upload(w, 2, 40000);
	(void)upload(w, 2, 40000); /* the block is there already */
	assert_int_equal(room_of(w), all - 70000);
	struct op_extent extent = {.len = 10, .kind = OP_EXTENT_BLOCK};
	memcpy(extent.sha256, kept.sha256, sizeof(extent.sha256));
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	do_op(w, &(struct op){.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1});
	/* The whole block counts, however little of it a document uses. */
	assert_int_equal(room_of(w), all - 70000);
	/* A young block stays; one that nothing refers to goes after its grace. */
	assert_int_equal(collect(w, 60, 1), 0);
	assert_int_equal(collect(w, 0, 1), 1);
	assert_int_equal(room_of(w), all - 30000);
	/* For an account, all of its drives count. */
	(void)upload(&other, 3, 50000);
	assert_true(room_of(&other) == INT64_MAX);
	assert_ok(w, ops->account_set(w->store, w->scope.user, quota, -1));
	assert_int_equal(room_of(&other), all - 80000);
	assert_int_equal(room_of(w), all - 80000);
}

/* Earlier versions let administrators set any quota. */
static void a_quota_of_any_size_leaves_room_for_blocks(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t quota = INT64_MAX, all = 2 * (int64_t)FILE_BYTES_MAX + BLOCKS_SLACK_BYTES;

	assert_ok(w, ops->drive_change(w->store, &w->scope, NULL, &quota));
	assert_true(room_of(w) == all);
	(void)upload(w, 1, 30000);
	assert_true(room_of(w) == all - 30000);
	assert_ok(w, ops->account_set(w->store, w->scope.user, quota, -1));
	assert_true(room_of(w) == all - 30000);
}

/* A million blocks of one byte would take 4 GB of the disk. */
static void a_short_block_counts_as_block_counted_min_bytes(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t quota = 1000, all = 2 * quota + BLOCKS_SLACK_BYTES;
	struct docs_block made[2];
	uint8_t refused[1][32];
	int gone = 0;

	assert_ok(w, ops->drive_change(w->store, &w->scope, NULL, &quota));
	made[0] = upload(w, 50, 1);
	(void)upload(w, 51, BLOCK_COUNTED_MIN - 1);
	(void)upload(w, 52, BLOCK_COUNTED_MIN + 1);
	made[1] = upload(w, 53, 1);
	assert_int_equal(room_of(w), all - 4 * BLOCK_COUNTED_MIN - 1);
	/* Each way in which a block goes gives back what was counted. */
	assert_ok(w, ops->block_drop(w->store, w->scope.drive, made, 1, on_block, &gone));
	assert_int_equal(room_of(w), all - 3 * BLOCK_COUNTED_MIN - 1);
	memcpy(refused[0], made[1].sha256, sizeof(refused[0]));
	assert_ok(w, ops->block_refused(w->store, w->scope.drive, (const uint8_t(*)[32])refused, 1, on_block, &gone));
	assert_int_equal(room_of(w), all - 2 * BLOCK_COUNTED_MIN - 1);
	assert_int_equal(collect(w, 0, 2), 2);
	assert_int_equal(gone, 2);
	assert_int_equal(room_of(w), all);
}

static void block_drop_deletes_blocks_unless_used_or_found_meanwhile(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t quota = 1000, all = 2 * quota + BLOCKS_SLACK_BYTES;
	struct docs_block made[3], found;
	struct op_extent extent = {.len = 10, .kind = OP_EXTENT_BLOCK};
	int gone = 0;

	assert_ok(w, ops->drive_change(w->store, &w->scope, NULL, &quota));
	for (uint8_t i = 0; i < 3; i++)
		made[i] = upload(w, (uint8_t)(20 + i), 10000);
	memcpy(extent.sha256, made[1].sha256, sizeof(extent.sha256));
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	do_op(w, &(struct op){.kind = OP_WRITE, .id = id, .extents = &extent, .extent_count = 1});
	assert_ok(w, ops->block_find(w->store, &w->scope, made[2].sha256, &found));
	assert_ok(w, ops->block_drop(w->store, w->scope.drive, made, 3, on_block, &gone));
	assert_int_equal(gone, 1);
	assert_int_equal(ops->block_find(w->store, &w->scope, made[0].sha256, &found), -ENOENT);
	assert_int_equal(room_of(w), all - 20000);
}

/* ---- sessions ---- */

static void session_create_refuses_a_session_above_the_limit_of_a_drive(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	int64_t session = 0, replaced;

	for (int i = 0; i < SESSIONS_PER_DRIVE_MAX; i++)
		assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("m"), 0, &session));
	assert_int_equal(ops->session_create(w->store, &w->scope, SPAN_LITERAL("m"), 0, &replaced), -EDQUOT);
	/* A session that replaces another one does not raise the count. */
	assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("m"), session, &replaced));
	assert_ok(w, ops->session_end(w->store, &w->scope, replaced));
	assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("m"), 0, &session));
}

static void a_poll_can_hold_only_documents_that_exist(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	int64_t held[1000], session, others;

	assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("m"), 0, &session));
	for (int i = 0; i < 1000; i++)
		held[i] = ITEM_ID(w->scope.drive, 1000000 + i);
	held[7] = id;
	for (int i = 0; i < 2; i++)
		assert_ok(w, ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, held, 1000}, &others));
	assert_int_equal(
		number_of(w, "held", "SELECT count(*) FROM hold WHERE session = (SELECT max(id) FROM session)"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(trashing_a_drive_with_content_needs_its_name_and_is_reversible),
		with_worker(a_restored_home_drive_is_home_again_unless_its_successor_is_used),
		with_worker(a_drive_that_is_empty_or_purged_from_the_trash_is_deleted_for_good),
		with_worker(a_drive_is_not_restored_once_upkeep_has_begun_to_remove_it),
		with_worker(purging_a_drive_that_is_in_use_does_nothing),
		with_worker(a_drive_that_is_restored_at_the_moment_of_its_purge_stays),
		with_worker(a_restore_does_not_remove_a_home_drive_that_is_just_being_used),
		with_worker(a_user_cannot_create_more_drives_than_the_maximum),
		with_worker(all_drives_of_a_user_share_one_quota),
		with_worker(the_default_quota_applies_to_users_without_a_quota_of_their_own),
		with_worker(a_quota_also_limits_the_documents_in_all_drives_of_a_user),
		with_worker(a_quota_also_limits_the_extents_in_all_drives_of_a_user),
		with_worker(extents_count_until_the_orphaned_file_is_collected),
		with_worker(migration_counts_the_extents_of_existing_files),
		with_worker(a_document_counts_until_the_orphan_is_collected),
		with_worker(blocks_use_up_room_from_their_upload_until_they_are_collected),
		with_worker(a_quota_of_any_size_leaves_room_for_blocks),
		with_worker(a_short_block_counts_as_block_counted_min_bytes),
		with_worker(a_shortage_collects_only_as_many_oldest_unreferenced_blocks_as_needed),
		with_worker(block_refused_deletes_blocks_unless_uploaded_twice_or_ever_used),
		with_worker(block_drop_deletes_blocks_unless_used_or_found_meanwhile),
		with_worker(session_create_refuses_a_session_above_the_limit_of_a_drive),
		with_worker(a_poll_can_hold_only_documents_that_exist),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
