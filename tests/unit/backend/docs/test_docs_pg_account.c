/* What lasts is counted, and what is thrown away comes back or goes for good. */
#include "tests/unit/backend/docs/pg_fixture.h"

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

static void a_drive_with_content_goes_by_its_name_and_comes_back(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);
	struct docs_scope stranger = {.user = another_user(), .drive = w->scope.drive};
	struct docs_drive drive;
	struct seen_item seen;
	int64_t session, others;

	assert_ok(w, ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &session));
	assert_int_equal(ops->drive_trash(w->store, &w->scope, NULL), -ERR_CONFIRM);
	assert_int_equal(ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("hom")), -ERR_CONFIRM);
	assert_int_equal(ops->drive_trash(w->store, &stranger, &SPAN_LITERAL("home")), -ERR_NOT_FOUND);
	assert_ok(w, get(w, id, &seen));
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_int_equal(in_trash(w), 1);
	/* Whoever has it hears why; for others there is no such drive. */
	assert_int_equal(get(w, id, &seen), -ERR_DRIVE_TRASHED);
	assert_int_equal(ops->drive_get(w->store, &w->scope, &drive), -ERR_DRIVE_TRASHED);
	assert_int_equal(ops->drive_get(w->store, &stranger, &drive), -ERR_NOT_FOUND);
	assert_int_equal(ops->drive_restore(w->store, &stranger), -ERR_NOT_FOUND);
	assert_int_equal(ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, NULL, 0}, &others),
		-ERR_DRIVE_TRASHED);
	const struct op op = {
		.kind = OP_CREATE, .parent = root_of(w), .name = SPAN_LITERAL("g"), .mode = S_IFREG | 0644};
	const struct request request = {.ops = &op, .count = 1, .key = {.kind = DOCS_KEY_NONE, .user = w->scope.user}};
	assert_int_equal(transact(w, &request, NULL, NULL), -ERR_DRIVE_TRASHED);
	assert_ok(w, ops->drive_restore(w->store, &w->scope));
	assert_int_equal(in_trash(w), 0);
	assert_ok(w, get(w, id, &seen));
	assert_ok(w, ops->session_poll(w->store, &w->scope, &(struct docs_poll){session, NULL, 0}, &others));
	assert_ok(w, ops->drive_home(w->store, w->scope.user, &drive));
	assert_int_equal(drive.row.id, w->scope.drive);
	assert_int_equal(ops->drive_restore(w->store, &w->scope), -ERR_NOT_FOUND);
}

static void a_first_drive_is_the_first_again_unless_another_one_is_in_use(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	struct docs_drive second, now;

	(void)create(w, root_of(w), "f", S_IFREG | 0644);
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_ok(w, ops->drive_home(w->store, w->scope.user, &second));
	assert_int_not_equal(second.row.id, w->scope.drive);
	/* Nothing was done with the one that came in its place: it goes. */
	assert_ok(w, ops->drive_restore(w->store, &w->scope));
	assert_ok(w, ops->drive_home(w->store, w->scope.user, &now));
	assert_int_equal(now.row.id, w->scope.drive);
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_ok(w, ops->drive_home(w->store, w->scope.user, &second));
	struct worker other = *w;
	other.scope.drive = second.row.id;
	(void)create(&other, root_of(&other), "in use", S_IFREG | 0644);
	assert_ok(w, ops->drive_restore(w->store, &w->scope));
	assert_ok(w, ops->drive_home(w->store, w->scope.user, &now));
	assert_int_equal(now.row.id, second.row.id);
	assert_ok(w, ops->drive_get(w->store, &w->scope, &now));
}

static void what_is_empty_or_thrown_away_twice_is_gone_at_once(void **state)
{
	struct worker *w = *state;
	const struct docs_store_ops *ops = w->store->ops;
	struct docs_drive empty = another_drive(w, "empty");
	const struct docs_scope scope = {.user = w->scope.user, .drive = empty.row.id};
	uint32_t count = 1;

	assert_ok(w, ops->drive_trash(w->store, &scope, NULL));
	assert_int_equal(in_trash(w), 0);
	assert_int_equal(ops->drive_get(w->store, &scope, &empty), -ERR_NOT_FOUND);
	assert_int_equal(ops->drive_restore(w->store, &scope), -ERR_NOT_FOUND);
	(void)create(w, root_of(w), "f", S_IFREG | 0644);
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_int_equal(ops->drive_trash(w->store, &w->scope, NULL), -ERR_CONFIRM);
	assert_ok(w, ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_int_equal(ops->drive_get(w->store, &w->scope, &empty), -ERR_NOT_FOUND);
	for (int i = 0; i < 10 && count > 0; i++)
		assert_ok(w, ops->collect_expired(w->store, 100, &count));
	assert_int_equal(number_of(w, "purged", "SELECT count(*) FROM drive WHERE trashed_at = '-infinity'"), 0);
}

static void a_user_has_only_so_many_drives(void **state)
{
	struct worker *w = *state;
	struct docs_drive drive;

	for (unsigned i = 1; i < DRIVES_PER_USER_MAX; i++)
		drive = another_drive(w, "another");
	assert_int_equal(
		w->store->ops->drive_create(w->store, w->scope.user, SPAN_LITERAL("more"), 0, &drive), -EDQUOT);
	/* Those in the trash count. */
	(void)create(w, root_of(w), "f", S_IFREG | 0644);
	assert_ok(w, w->store->ops->drive_trash(w->store, &w->scope, &SPAN_LITERAL("home")));
	assert_int_equal(
		w->store->ops->drive_create(w->store, w->scope.user, SPAN_LITERAL("more"), 0, &drive), -EDQUOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(a_drive_with_content_goes_by_its_name_and_comes_back),
		with_worker(a_first_drive_is_the_first_again_unless_another_one_is_in_use),
		with_worker(what_is_empty_or_thrown_away_twice_is_gone_at_once),
		with_worker(a_user_has_only_so_many_drives),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
