/* Documents and drives say whether they have any xattrs at all, so that mounts need not ask. */
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

static int keep_bare(const struct item *item, void *cookie)
{
	*(bool *)cookie = item->bare;
	return 0;
}

static bool is_bare(struct worker *w, int64_t id)
{
	struct docs_position at;
	bool bare = false;

	assert_ok(w, w->store->ops->item_get(w->store, &w->scope, id, keep_bare, &bare, &at));
	return bare;
}

static bool is_drive_bare(struct worker *w)
{
	struct docs_drive drive;

	assert_ok(w, w->store->ops->drive_get(w->store, &w->scope, &drive));
	return drive.bare;
}

static void the_bare_flag_of_a_document_and_its_drive_follows_its_xattrs(void **state)
{
	struct worker *w = *state;
	const int64_t id = create(w, root_of(w), "f", S_IFREG | 0644);

	assert_true(is_bare(w, id) && is_drive_bare(w));
	do_op(w, &(struct op){.kind = OP_SETXATTR, .id = id, .name = SPAN_LITERAL("user.a")});
	assert_false(is_bare(w, id) || is_drive_bare(w));
	do_op(w, &(struct op){.kind = OP_REMOVEXATTR, .id = id, .name = SPAN_LITERAL("user.a")});
	assert_true(is_bare(w, id) && is_drive_bare(w));
}

static void migration_marks_existing_documents_that_have_xattrs(void **state)
{
	struct worker *w = *state;
	const int64_t with = create(w, root_of(w), "with", S_IFREG | 0644);
	const int64_t without = create(w, root_of(w), "without", S_IFREG | 0644);

	do_op(w, &(struct op){.kind = OP_SETXATTR, .id = with, .name = SPAN_LITERAL("user.a")});
	number_of(w, "bits", "UPDATE node SET mode = mode & 65535 WHERE mode & 65536 <> 0");
	number_of(w, "again", "DELETE FROM schema_migration WHERE name LIKE '%mode_xattrs'");
	assert_true(is_bare(w, with));
	assert_ok(w, docs_pg_migrate(w->pg));
	assert_false(is_bare(w, with));
	assert_true(is_bare(w, without));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(the_bare_flag_of_a_document_and_its_drive_follows_its_xattrs),
		with_worker(migration_marks_existing_documents_that_have_xattrs),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
