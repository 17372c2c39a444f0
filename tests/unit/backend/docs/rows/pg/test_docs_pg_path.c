/* Names in folders, and paths of them. */
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

static void documents_are_found_by_lookup_and_by_path(void **state)
{
	struct worker *w = *state;
	const int64_t a = create(w, root_of(w), "a", S_IFDIR | 0755), b = create(w, a, "b", S_IFDIR | 0755),
		      c = create(w, b, "c", S_IFREG | 0644);
	const struct span names[] = {SPAN_LITERAL("a"), SPAN_LITERAL("b"), SPAN_LITERAL("c"), SPAN_LITERAL("d")};
	const struct docs_store_ops *ops = w->store->ops;
	struct docs_walk walk = {.names = names, .count = 3, .depth = 99};
	struct docs_position at;
	struct seen_item seen;

	assert_ok(w, lookup(w, a, "b", &seen));
	assert_int_equal(seen.item.id, b);
	assert_int_equal(lookup(w, a, "c", &seen), -ERR_NOT_FOUND);
	assert_int_equal(lookup(w, c, "x", &seen), -ERR_NOT_FOUND);
	assert_ok(w, ops->item_path(w->store, &w->scope, &walk, keep_item, &seen, &at));
	assert_int_equal(seen.item.id, c);
	assert_int_equal(seen.item.parent, b);
	assert_string_equal(seen.name, "c");
	assert_int_equal(walk.depth, 3);
	assert_int_equal(at.seq, 3);
	walk.count = 0;
	assert_ok(w, ops->item_path(w->store, &w->scope, &walk, keep_item, &seen, &at));
	assert_int_equal(seen.item.id, root_of(w));
	walk.count = 4;
	assert_int_equal(ops->item_path(w->store, &w->scope, &walk, keep_item, &seen, &at), -ERR_NOT_FOUND);
	assert_int_equal(walk.depth, 3);
	walk.names = names + 1;
	walk.count = 2;
	assert_int_equal(ops->item_path(w->store, &w->scope, &walk, keep_item, &seen, &at), -ERR_NOT_FOUND);
	assert_int_equal(walk.depth, 0);
}

static void item_path_returns_the_folders_that_it_passed(void **state)
{
	struct worker *w = *state;
	const int64_t root = root_of(w), a = create(w, root, "a", S_IFDIR | 0755),
		      b = create(w, a, "b", S_IFDIR | 0755), c = create(w, b, "c", S_IFREG | 0644);
	const struct span names[] = {SPAN_LITERAL("a"), SPAN_LITERAL("b"), SPAN_LITERAL("c"), SPAN_LITERAL("d")};
	const struct docs_store_ops *ops = w->store->ops;
	int64_t folders[] = {-1, -1, -1, -1, -1};
	struct docs_walk walk = {.names = names, .count = 3, .folders = folders};
	struct docs_position at;
	struct seen_item seen;

	assert_ok(w, ops->item_path(w->store, &w->scope, &walk, keep_item, &seen, &at));
	assert_int_equal(seen.item.id, c);
	assert_int_equal(seen.item.parent, b);
	assert_int_equal(at.seq, 3);
	assert_memory_equal(folders, ((int64_t[]){root, a, b, -1, -1}), sizeof(folders));
	walk.count = 4; /* the last name is looked up in a file */
	assert_int_equal(ops->item_path(w->store, &w->scope, &walk, keep_item, &seen, &at), -ERR_NOT_FOUND);
	assert_int_equal(walk.depth, 3);
	assert_memory_equal(folders, ((int64_t[]){root, a, b, c, -1}), sizeof(folders));
	folders[0] = folders[1] = -1;
	walk.names = names + 3;
	walk.count = 1;
	assert_int_equal(ops->item_path(w->store, &w->scope, &walk, keep_item, &seen, &at), -ERR_NOT_FOUND);
	assert_int_equal(walk.depth, 0);
	assert_memory_equal(folders, ((int64_t[]){root, -1}), 2 * sizeof(*folders));
	walk.names = names + 2;
	walk.count = 2;
	assert_int_equal(ops->item_path(w->store, &w->scope, &walk, keep_item, &seen, &at), -ERR_NOT_FOUND);
	assert_memory_equal(folders, ((int64_t[]){root, -1}), 2 * sizeof(*folders));
	walk.count = 0;
	assert_ok(w, ops->item_path(w->store, &w->scope, &walk, keep_item, &seen, &at));
	assert_int_equal(seen.item.id, root);
}

static void a_file_created_linked_and_unlinked_in_one_batch_has_its_second_name(void **state)
{
	struct worker *w = *state;
	const int64_t root = root_of(w);
	int64_t id = 0;

	assert_ok(w, w->store->ops->ids_reserve(w->store, &w->scope, 1, &id));
	const struct op ops[] = {{.kind = OP_CREATE,
					 .fields = OP_HAS_ID,
					 .id = id,
					 .parent = root,
					 .name = SPAN_LITERAL("a"),
					 .mode = S_IFREG},
		{.kind = OP_LINK, .id = id, .parent = root, .name = SPAN_LITERAL("b")},
		{.kind = OP_UNLINK, .parent = root, .name = SPAN_LITERAL("a")}};
	const struct request request = {.ops = ops, .count = 3, .key = {.user = w->scope.user}};
	struct done done = {0};
	struct seen_item seen;

	assert_ok(w, transact(w, &request, NULL, &done));
	assert_int_equal(done.error, 0);
	assert_ok(w, get(w, id, &seen));
	assert_int_equal(seen.item.parent, root);
	assert_string_equal(seen.name, "b");
	/* Older versions did not do so: the migration corrects their rows. */
	number_of(w, "then", "UPDATE node SET parent = 0, name = '' WHERE name = 'b'");
	number_of(w, "again", "DELETE FROM schema_migration WHERE name LIKE '%names_again'");
	assert_ok(w, docs_pg_migrate(w->pg));
	assert_ok(w, get(w, id, &seen));
	assert_int_equal(seen.item.parent, root);
	assert_string_equal(seen.name, "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(documents_are_found_by_lookup_and_by_path),
		with_worker(item_path_returns_the_folders_that_it_passed),
		with_worker(a_file_created_linked_and_unlinked_in_one_batch_has_its_second_name),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
