#include "tests/unit/backend/docs/rules/trial.h"

#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

static void a_create_returns_the_document_and_its_updated_folder(void **state)
{
	struct trial *t = *state;
	struct op op = op_create_file(t->root, "a");
	const struct op_result *r = trial_do(t, &op);
	struct tree_change change = trial_change(t);

	assert_true(r->has_item);
	assert_int_equal(r->item.id, ITEM_ID(t->drive, 2));
	assert_int_equal(r->item.mode, S_IFREG | 0644);
	assert_int_equal(r->item.uid, 1000); /* from the root */
	assert_int_equal(r->item.gid, 1001);
	assert_int_equal(r->item.nlink, 1);
	assert_int_equal(r->item.mtime, t->now);
	assert_int_equal(r->item.btime, t->now);
	assert_int_equal(r->item.seq, 1);
	assert_int_equal(r->item.content_seq, 1);
	assert_int_equal(r->dir_count, 1);
	assert_int_equal(r->dirs[0].id, t->root);
	assert_int_equal(r->dirs[0].mtime, t->now);
	assert_int_equal(r->dirs[0].ctime, t->now);
	assert_int_equal(r->dirs[0].content_seq, 1);
	assert_int_equal(r->dirs[0].nlink, 2);
	assert_int_equal(change.op, OP_CREATE);
	assert_int_equal(change.id, r->id);
	assert_int_equal(change.parent, t->root);
	assert_true(span_eq_str(change.name, "a"));
	assert_true(span_eq_str(change.key, "key"));
}

static void a_create_uses_the_given_attributes(void **state)
{
	struct trial *t = *state;
	struct op op = {.kind = OP_CREATE,
		.fields = OP_HAS_MODE | OP_HAS_UID | OP_HAS_GID | OP_HAS_MTIME,
		.parent = t->root,
		.name = SPAN_LITERAL("d\xff"),
		.mode = S_IFBLK | 04751,
		.uid = 5,
		.gid = 6,
		.mtime = -3,
		.rdev_major = 8,
		.rdev_minor = 1};
	struct item item = trial_do(t, &op)->item;

	assert_int_equal(item.mode, S_IFBLK | 04751);
	assert_int_equal(item.uid, 5);
	assert_int_equal(item.gid, 6);
	assert_int_equal(item.mtime, -3);
	assert_int_equal(item.ctime, t->now);
	assert_int_equal(item.rdev_major, 8);
	assert_int_equal(item.rdev_minor, 1);
}

static void a_new_symlink_has_and_is_charged_the_size_of_its_target(void **state)
{
	struct trial *t = *state;
	struct op op = {.kind = OP_CREATE,
		.parent = t->root,
		.name = SPAN_LITERAL("l"),
		.mode = S_IFLNK,
		.target = SPAN_LITERAL("../x")};
	struct item item = trial_do(t, &op)->item;

	assert_int_equal(item.size, 4);
	assert_int_equal(item.mode, S_IFLNK | 0777);
	assert_true(span_eq_str(trial_item(t, item.id).target, "../x"));
	assert_int_equal(trial_used(t), 4);
	op = op_unlink_of(t->root, "l");
	(void)trial_do(t, &op);
	assert_int_equal(trial_used(t), 0);
}

/* ---- how many documents there are ---- */

static int64_t documents(struct trial *t)
{
	return docs_mem_get_drive(t->mem, t->drive).documents;
}

static void the_document_count_includes_hard_links_and_orphans(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_file(t, t->root, "f"), d = trial_folder(t, t->root, "d");
	struct op ops[] = {op_link_of(id, d, "g"), op_unlink_of(t->root, "f"), op_unlink_of(d, "g"),
		{.kind = OP_RMDIR, .parent = t->root, .name = SPAN_LITERAL("d")}};
	const int64_t after[] = {4, 3, 3, 2};

	assert_int_equal(documents(t), 3);
	/* A document without a name counts until the store collects it. */
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		(void)trial_do(t, &ops[i]);
		assert_int_equal(documents(t), after[i]);
	}
}

static void documents_above_the_limit_are_refused_but_other_ops_are_not(void **state)
{
	struct trial *t = *state;
	struct tree_drive drive = docs_mem_get_drive(t->mem, t->drive);
	struct op ops[] = {op_unlink_of(t->root, "a"), op_create_folder(t->root, "d"), op_create_file(t->root, "b")};
	struct op unlink = op_unlink_of(t->root, "a"), link;

	drive.documents_max = 3;
	docs_mem_set_drive(t->mem, &drive);
	link = op_link_of(trial_file(t, t->root, "a"), t->root, "l");
	assert_int_equal(trial_apply(t, ops, 3, NULL), -EDQUOT);
	assert_int_equal(t->index, 2);
	(void)trial_folder(t, t->root, "d");
	assert_int_equal(trial_error(t, &link), -EDQUOT);
	/* An op that adds no document is never refused, even when there are too many. */
	drive = docs_mem_get_drive(t->mem, t->drive);
	drive.documents_max = 1;
	docs_mem_set_drive(t->mem, &drive);
	trial_write(t, trial_lookup(t, t->root, "a"), 0, "content");
	(void)trial_do(t, &unlink);
}

static void a_create_with_a_taken_name_or_a_missing_parent_is_refused(void **state)
{
	struct trial *t = *state;
	int64_t file = trial_file(t, t->root, "a");
	struct op op = op_create_folder(t->root, "a");

	assert_int_equal(trial_error(t, &op), -EEXIST);
	op = op_create_file(ITEM_ID(t->drive, 99), "x");
	assert_int_equal(trial_error(t, &op), -ERR_PARENT_MISSING);
	op = op_create_file(ITEM_ROOT(t->drive + 1), "x");
	assert_int_equal(trial_error(t, &op), -ERR_PARENT_MISSING);
	op = op_create_file(file, "x");
	assert_int_equal(trial_error(t, &op), -ENOTDIR);
}

static void a_create_accepts_only_ids_that_are_reserved_and_unused(void **state)
{
	struct trial *t = *state;
	int64_t first = trial_reserve(t, 3);
	struct op op = op_create_file(t->root, "a");

	op.fields = OP_HAS_ID;
	op.id = first + 1;
	assert_int_equal(trial_do(t, &op)->id, first + 1);
	op.name = SPAN_LITERAL("b");
	assert_int_equal(trial_error(t, &op), -ERR_UNPROCESSABLE); /* the id is taken */
	op.id = first + 3;
	assert_int_equal(trial_error(t, &op), -ERR_UNPROCESSABLE); /* the id is beyond the reserved ones */
	op.id = t->root;
	assert_int_equal(trial_error(t, &op), -ERR_UNPROCESSABLE);
	op.id = ITEM_ID(t->drive + 1, 2);
	assert_int_equal(trial_error(t, &op), -ERR_UNPROCESSABLE);
	op.fields = 0;
	assert_int_equal(trial_do(t, &op)->id, first + 3);
}

static void a_create_in_a_setgid_folder_inherits_the_group(void **state)
{
	struct trial *t = *state;
	struct op op = op_create_folder(t->root, "d");
	int64_t folder;

	op.fields = OP_HAS_MODE | OP_HAS_GID;
	op.mode |= 02775;
	op.gid = 77;
	folder = trial_do(t, &op)->id;
	op = op_create_folder(folder, "sub");
	op.fields = OP_HAS_GID;
	op.gid = 5;
	assert_int_equal(trial_do(t, &op)->item.gid, 77);
	assert_int_equal(trial_item(t, trial_lookup(t, folder, "sub")).mode, S_IFDIR | 02755);
	op = op_create_file(folder, "f");
	assert_int_equal(trial_do(t, &op)->item.gid, 77);
	assert_int_equal(trial_item(t, trial_lookup(t, folder, "f")).mode, S_IFREG | 0644);
}

static void the_link_count_of_a_folder_is_two_plus_its_subfolders(void **state)
{
	struct trial *t = *state;
	int64_t d = trial_folder(t, t->root, "d");
	struct op op;

	assert_int_equal(trial_item(t, d).nlink, 2);
	(void)trial_folder(t, d, "x");
	(void)trial_folder(t, d, "y");
	(void)trial_file(t, d, "z");
	assert_int_equal(trial_item(t, d).nlink, 4);
	op = op_rmdir_of(d, "x");
	(void)trial_do(t, &op);
	assert_int_equal(trial_item(t, d).nlink, 3);
	assert_int_equal(trial_item(t, t->root).nlink, 3);
}

static void a_batch_can_create_in_its_own_new_folder_and_fails_as_a_whole(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_reserve(t, 2);
	struct op ops[] = {op_create_folder(t->root, "d"), op_create_file(id, "f"), op_create_file(id, "f")};

	ops[0].fields = OP_HAS_ID;
	ops[0].id = id;
	assert_int_equal(trial_apply(t, ops, 3, NULL), -EEXIST);
	assert_int_equal(t->index, 2);
	assert_int_equal(trial_lookup(t, t->root, "d"), 0);
	assert_true(trial_is_gone(t, id));
	assert_int_equal(trial_apply(t, ops, 2, NULL), 0);
	assert_int_equal(trial_item(t, trial_lookup(t, id, "f")).parent, id);
}

static void an_unlinked_file_becomes_an_uncharged_orphan_and_growth_is_charged(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_file(t, t->root, "a");
	struct op op = op_unlink_of(t->root, "a");
	const struct op_result *r;
	struct tree_node node;

	trial_write(t, id, 0, "hello");
	assert_int_equal(trial_used(t), 5);
	r = trial_do(t, &op);
	assert_true(r->has_item);
	assert_int_equal(r->item.nlink, 0);
	assert_int_equal(r->item.ctime, t->now);
	assert_int_equal(r->dirs[0].id, t->root);
	assert_int_equal(trial_used(t), 0);
	assert_int_equal(docs_mem_get_node(t->mem, id, &node), 0);
	assert_true(node.orphan);
	assert_int_equal(node.item.allocated, 5);
	assert_int_equal(trial_lookup(t, t->root, "a"), 0);
	/* A mount that has the file open goes on writing; what the file grows by is charged. */
	trial_write(t, id, 5, "more");
	assert_int_equal(trial_used(t), 4);
	trial_write(t, id, 0, "HELLO");
	assert_int_equal(trial_used(t), 4);
	op = (struct op){.kind = OP_SETATTR, .fields = OP_HAS_SIZE, .id = id, .size = 2};
	(void)trial_do(t, &op);
	assert_int_equal(trial_used(t), 0);
	op = op_link_of(id, t->root, "again");
	assert_int_equal(trial_error(t, &op), -ENOENT);
}

static void an_orphan_can_be_changed_only_by_sessions_that_may_have_it_open(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_file(t, t->root, "a"), other = trial_file(t, t->root, "b");
	const struct tree_writer nobody = {0}, before = {.session = 2, .began = trial_seq(t) + 2};
	const struct tree_writer after = {.session = 3, .began = trial_seq(t) + 3}, holder = {4, after.began};
	struct op op = op_unlink_of(t->root, "a");
	struct op changes[] = {{.kind = OP_SETATTR, .fields = OP_HAS_SIZE, .id = id, .size = 2},
		{.kind = OP_WRITE, .fields = OP_HAS_SIZE | OP_REPLACE, .id = id},
		{.kind = OP_SETXATTR, .id = id, .name = SPAN_LITERAL("user.a"), .target = SPAN_LITERAL("1")},
		{.kind = OP_CLONE, .id = id, .to = other, .len = 5},
		{.kind = OP_CLONE, .id = other, .to = id, .len = 5}};

	trial_write(t, id, 0, "hello");
	trial_write(t, other, 0, "hello");
	(void)trial_do(t, &op);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		t->writer = nobody;
		assert_int_equal(trial_error(t, &changes[i]), -ENOENT);
		t->writer = after;
		assert_int_equal(trial_error(t, &changes[i]), -ENOENT);
	}
	/* A session that may have opened it by its name goes on, and so does one that has reported it open. */
	docs_mem_hold(t->mem, 4, id);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		t->writer = before;
		(void)trial_do(t, &changes[i]);
		t->writer = holder;
		(void)trial_do(t, &changes[i]);
	}
}

static void a_file_unlinked_earlier_in_its_transaction_can_still_be_changed(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_file(t, t->root, "a");
	struct op unlink = op_unlink_of(t->root, "a");
	struct op change = {.kind = OP_SETATTR, .fields = OP_HAS_SIZE, .id = id, .size = 2};
	struct trial_batch batches[] = {{.ops = &unlink, .count = 1}, {.ops = &change, .count = 1}};

	t->writer = (struct tree_writer){.session = 2, .began = trial_seq(t)};
	trial_apply_all(t, batches, 2);
	assert_int_equal(batches[1].error, 0);
	assert_int_equal(trial_item(t, id).size, 2);
}

static void unlinking_one_of_two_names_keeps_the_document(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_file(t, t->root, "a"), d = trial_folder(t, t->root, "d");
	struct op op = op_link_of(id, d, "b");
	struct item item = trial_do(t, &op)->item;

	assert_int_equal(item.nlink, 2);
	assert_int_equal(item.ctime, t->now);
	assert_int_equal(item.parent, d);
	assert_true(span_eq_str(item.name, "b"));
	assert_int_equal(trial_item(t, id).parent, t->root); /* the row keeps its first name */
	assert_int_equal(trial_change(t).parent, d);
	assert_int_equal(trial_change(t).old_parent, t->root); /* the listing there shows another number of links now */
	op = op_unlink_of(d, "b");
	assert_int_equal(trial_do(t, &op)->item.nlink, 1);
	item = trial_item(t, id);
	assert_int_equal(item.parent, t->root);
	assert_true(span_eq_str(item.name, "a"));
	assert_int_equal(trial_lookup(t, t->root, "a"), id);
}

static void after_its_stored_name_is_unlinked_a_file_has_another_of_its_names(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_file(t, t->root, "a"), d = trial_folder(t, t->root, "d");
	struct op ops[] = {op_link_of(id, d, "b"), op_unlink_of(t->root, "a"), op_rename_of(d, "b", t->root, "c")};

	assert_int_equal(trial_apply(t, ops, 2, NULL), 0);
	assert_int_equal(trial_item(t, id).parent, d);
	assert_int_equal(trial_apply(t, ops + 2, 1, NULL), 0);
	assert_int_equal(trial_item(t, id).parent, t->root);
	assert_true(span_eq_str(trial_item(t, id).name, "c"));
}

static void unlink_and_rmdir_refuse_the_wrong_kind_and_the_wrong_document(void **state)
{
	struct trial *t = *state;
	int64_t file = trial_file(t, t->root, "f"), folder = trial_folder(t, t->root, "d");
	struct op op = op_unlink_of(t->root, "d");

	assert_int_equal(trial_error(t, &op), -EISDIR);
	op = op_rmdir_of(t->root, "f");
	assert_int_equal(trial_error(t, &op), -ENOTDIR);
	op = op_unlink_of(t->root, "none");
	assert_int_equal(trial_error(t, &op), -ENOENT);
	op = op_unlink_of(file, "x");
	assert_int_equal(trial_error(t, &op), -ENOTDIR);
	op = op_unlink_of(ITEM_ID(t->drive, 99), "x");
	assert_int_equal(trial_error(t, &op), -ENOENT);
	op = op_unlink_of(t->root, "f");
	op.fields = OP_HAS_ID;
	op.id = folder;
	assert_int_equal(trial_error(t, &op), -ESTALE);
	op.id = file;
	(void)trial_do(t, &op);
}

static void rmdir_refuses_a_folder_with_entries_and_removes_an_empty_one(void **state)
{
	struct trial *t = *state;
	int64_t d = trial_folder(t, t->root, "d");
	struct op op = op_rmdir_of(t->root, "d"), create = op_create_file(d, "y");
	const struct op_result *r;

	(void)trial_file(t, d, "x");
	assert_int_equal(trial_error(t, &op), -ENOTEMPTY);
	op = op_unlink_of(d, "x");
	(void)trial_do(t, &op);
	op = op_rmdir_of(t->root, "d");
	r = trial_do(t, &op);
	assert_false(r->has_item);
	assert_int_equal(r->id, d);
	assert_true(trial_is_gone(t, d));
	assert_int_equal(trial_error(t, &create), -ERR_PARENT_MISSING);
}

static void a_batch_can_empty_a_folder_and_remove_it(void **state)
{
	struct trial *t = *state;
	int64_t d = trial_folder(t, t->root, "d"), x = trial_file(t, d, "x");
	struct op ops[] = {op_unlink_of(d, "x"), op_rmdir_of(t->root, "d"), op_create_file(d, "y")};

	assert_int_equal(trial_apply(t, ops, 3, NULL), -ERR_PARENT_MISSING);
	assert_int_equal(t->index, 2);
	assert_int_equal(trial_lookup(t, d, "x"), x);
	assert_int_equal(trial_apply(t, ops, 2, NULL), 0);
	assert_true(trial_is_gone(t, d));
	assert_int_equal(trial_item(t, x).nlink, 0);
}

static void a_folder_created_and_removed_in_one_batch_leaves_journal_entries_only(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_reserve(t, 1);
	struct op ops[] = {op_create_folder(t->root, "d"), op_rmdir_of(t->root, "d"), op_create_file(t->root, "d")};

	ops[0].fields = OP_HAS_ID;
	ops[0].id = id;
	assert_int_equal(trial_apply(t, ops, 3, NULL), 0);
	assert_true(trial_is_gone(t, id));
	assert_int_equal(trial_seq(t), 3);
	assert_int_not_equal(trial_lookup(t, t->root, "d"), 0);
}

static void a_name_unlinked_and_created_again_in_a_batch_is_the_new_document(void **state)
{
	struct trial *t = *state;
	int64_t old = trial_file(t, t->root, "a"), now;
	struct op ops[] = {op_unlink_of(t->root, "a"), op_create_file(t->root, "a")};

	assert_int_equal(trial_apply(t, ops, 2, NULL), 0);
	now = trial_lookup(t, t->root, "a");
	assert_true(now != 0 && now != old);
	assert_int_equal(trial_item(t, old).nlink, 0);
}

static void link_refuses_folders_existing_names_and_other_drives(void **state)
{
	struct trial *t = *state;
	int64_t d = trial_folder(t, t->root, "d"), f = trial_file(t, t->root, "f");
	struct op op = op_link_of(d, t->root, "e");

	assert_int_equal(trial_error(t, &op), -EPERM);
	op = op_link_of(f, t->root, "d");
	assert_int_equal(trial_error(t, &op), -EEXIST);
	op = op_link_of(f, f, "x");
	assert_int_equal(trial_error(t, &op), -ENOTDIR);
	op = op_link_of(f, ITEM_ROOT(t->drive + 1), "x");
	assert_int_equal(trial_error(t, &op), -EXDEV);
	op = op_link_of(ITEM_ID(t->drive + 1, 5), t->root, "x");
	assert_int_equal(trial_error(t, &op), -EXDEV);
	op = op_link_of(ITEM_ID(t->drive, 55), t->root, "x");
	assert_int_equal(trial_error(t, &op), -ENOENT);
}

static void a_link_above_links_max_is_refused(void **state)
{
	struct trial *t = *state;
	struct tree_drive drive = {.id = 1, .next_number = 10};
	struct tree_node root = {.item = {.id = ITEM_ROOT(1), .parent = ITEM_ROOT(1), .mode = S_IFDIR, .nlink = 2}};
	struct tree_node file = {
		.item = {.id = ITEM_ID(1, 5), .parent = ITEM_ROOT(1), .mode = S_IFREG, .nlink = LINKS_MAX - 1}};
	struct op ops[2] = {op_link_of(file.item.id, root.item.id, "x"), op_link_of(file.item.id, root.item.id, "y")};
	const struct op_result *results;
	struct op_batch *batch;
	struct tree *tree;
	int index = -1;

	(void)t;
	assert_int_equal(tree_new(&drive, 1, &tree), 0);
	assert_int_equal(tree_load_node(tree, &root), 0);
	assert_int_equal(tree_load_node(tree, &file), 0);
	assert_int_equal(op_batch_new(ops, 2, &batch), 0);
	assert_int_equal(tree_apply(tree, batch, SPAN_LITERAL(""), &results, &index), -EMLINK);
	assert_int_equal(index, 1);
	op_batch_free(batch);
	tree_free(tree);
}

static void if_match_refuses_to_unlink_a_file_with_newer_content(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op op = op_unlink_of(t->root, "f");

	op.fields = OP_HAS_ID | OP_IF_MATCH;
	op.id = f;
	op.if_content_seq = trial_item(t, f).content_seq;
	trial_write(t, f, 0, "x");
	assert_int_equal(trial_error(t, &op), -ERR_PRECONDITION);
	op.if_content_seq = trial_item(t, f).content_seq;
	(void)trial_do(t, &op);
}

static void a_failed_batch_does_not_affect_other_batches_of_its_transaction(void **state)
{
	struct trial *t = *state;
	struct op first[] = {op_create_file(t->root, "a"), op_create_folder(t->root, "d")};
	struct op second[] = {op_create_file(t->root, "b"), op_unlink_of(t->root, "a"), op_unlink_of(t->root, "none")};
	struct op third[] = {op_unlink_of(t->root, "a"), op_create_file(t->root, "b")};
	struct trial_batch batches[] = {
		{.ops = first, .count = 2}, {.ops = second, .count = 3}, {.ops = third, .count = 2}};

	trial_apply_all(t, batches, 3);
	assert_int_equal(batches[0].error, 0);
	assert_int_equal(batches[1].error, -ENOENT);
	assert_int_equal(batches[2].error, 0);
	assert_int_equal(trial_seq(t), 4);
	assert_int_equal(trial_lookup(t, t->root, "a"), 0);
	assert_int_not_equal(trial_lookup(t, t->root, "b"), 0);
}

static struct op op_create_nameless(int64_t parent)
{
	return (struct op){
		.kind = OP_CREATE, .fields = OP_NAMELESS | OP_HAS_MODE, .parent = parent, .mode = S_IFREG | 0600};
}

static void a_nameless_file_is_in_no_folder_until_it_is_linked(void **state)
{
	struct trial *t = *state;
	struct op op = op_create_nameless(t->root);
	struct item root = trial_item(t, t->root);
	const struct op_result *result = trial_do(t, &op);
	int64_t id = result->id, used = trial_used(t);

	assert_int_equal(result->dir_count, 0);
	assert_int_equal(result->item.nlink, 0);
	assert_int_equal(result->item.parent, 0);
	assert_int_equal(trial_change(t).id, id);
	assert_int_equal(trial_change(t).name.size, 0);
	assert_int_equal(trial_item(t, t->root).content_seq, root.content_seq);
	t->writer = (struct tree_writer){0}; /* its maker may write to it, even without a session */
	trial_write(t, id, 0, "charged");
	assert_int_equal(trial_used(t), used + 7);
	op = op_link_of(id, t->root, "f");
	result = trial_do(t, &op);
	assert_int_equal(result->item.nlink, 1);
	assert_int_equal(result->item.mode, S_IFREG | 0600);
	assert_int_equal(trial_lookup(t, t->root, "f"), id);
	assert_int_equal(trial_item(t, id).parent, t->root);
	assert_int_equal(trial_used(t), used + 7);
	op = op_unlink_of(t->root, "f");
	(void)trial_do(t, &op);
	assert_int_equal(trial_used(t), used);
	op = op_link_of(id, t->root, "g");
	assert_int_equal(trial_error(t, &op), -ENOENT);
}

static void a_nameless_file_can_be_created_and_linked_in_one_batch(void **state)
{
	struct trial *t = *state;
	struct op ops[3] = {op_create_nameless(t->root), op_link_of(trial_reserve(t, 1), t->root, "f"),
		op_link_of(0, t->root, "g")};

	ops[2].id = ops[0].id = ops[1].id;
	ops[0].fields |= OP_HAS_ID;
	assert_int_equal(trial_apply(t, ops, 3, NULL), 0);
	assert_int_equal(trial_item(t, ops[0].id).nlink, 2);
}

static void only_a_regular_file_in_an_existing_folder_can_be_nameless(void **state)
{
	struct trial *t = *state;
	struct op op = op_create_nameless(trial_file(t, t->root, "f"));

	assert_int_equal(trial_error(t, &op), -ENOTDIR);
	op.parent = ITEM_ID(t->drive, 999);
	assert_int_equal(trial_error(t, &op), -ERR_PARENT_MISSING);
	op.parent = t->root;
	op.mode = S_IFDIR | 0700;
	assert_int_equal(op_check(&op), -ERR_UNPROCESSABLE);
	op.mode = S_IFREG | 0700;
	op.name = SPAN_LITERAL("n");
	assert_int_equal(op_check(&op), -ERR_UNPROCESSABLE);
	op.name = (struct span){0};
	op.fields = OP_HAS_MODE;
	assert_int_equal(op_check(&op), -ERR_UNPROCESSABLE);
}

static void a_batch_of_the_maximum_number_of_ops_is_applied_completely(void **state)
{
	struct trial *t = *state;
	struct op *ops = calloc(OPS_PER_BATCH_MAX, sizeof(*ops));
	char(*names)[16] = calloc(OPS_PER_BATCH_MAX, sizeof(*names));
	struct tree_drive drive = {.id = 1, .next_number = 2};
	struct tree_node root = {.item = {.id = ITEM_ROOT(1), .parent = ITEM_ROOT(1), .mode = S_IFDIR, .nlink = 2}};
	const struct op_result *results;
	const struct tree_delta *delta;
	struct op_batch *batch;
	struct tree *tree;

	(void)t;
	for (unsigned i = 0; i < OPS_PER_BATCH_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "n%u", i / 2);
		ops[i] = i % 2 ? op_unlink_of(ITEM_ROOT(1), names[i]) : op_create_file(ITEM_ROOT(1), names[i]);
	}
	assert_int_equal(tree_new(&drive, 1, &tree), 0);
	assert_int_equal(tree_load_node(tree, &root), 0);
	assert_int_equal(op_batch_new(ops, OPS_PER_BATCH_MAX, &batch), 0);
	assert_int_equal(tree_apply(tree, batch, SPAN_LITERAL(""), &results, NULL), 0);
	assert_int_equal(tree_delta(tree, &delta), 0);
	assert_int_equal(delta->created_count, OPS_PER_BATCH_MAX / 2); /* all of them orphans */
	assert_int_equal(delta->added_entry_count, 0);
	assert_int_equal(delta->change_count, OPS_PER_BATCH_MAX);
	op_batch_free(batch);
	tree_free(tree);
	free(ops);
	free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRIAL_CASE(a_create_returns_the_document_and_its_updated_folder),
		TRIAL_CASE(a_create_uses_the_given_attributes),
		TRIAL_CASE(a_new_symlink_has_and_is_charged_the_size_of_its_target),
		TRIAL_CASE(the_document_count_includes_hard_links_and_orphans),
		TRIAL_CASE(documents_above_the_limit_are_refused_but_other_ops_are_not),
		TRIAL_CASE(a_create_with_a_taken_name_or_a_missing_parent_is_refused),
		TRIAL_CASE(a_create_accepts_only_ids_that_are_reserved_and_unused),
		TRIAL_CASE(a_create_in_a_setgid_folder_inherits_the_group),
		TRIAL_CASE(the_link_count_of_a_folder_is_two_plus_its_subfolders),
		TRIAL_CASE(a_batch_can_create_in_its_own_new_folder_and_fails_as_a_whole),
		TRIAL_CASE(an_unlinked_file_becomes_an_uncharged_orphan_and_growth_is_charged),
		TRIAL_CASE(an_orphan_can_be_changed_only_by_sessions_that_may_have_it_open),
		TRIAL_CASE(a_file_unlinked_earlier_in_its_transaction_can_still_be_changed),
		TRIAL_CASE(unlinking_one_of_two_names_keeps_the_document),
		TRIAL_CASE(after_its_stored_name_is_unlinked_a_file_has_another_of_its_names),
		TRIAL_CASE(unlink_and_rmdir_refuse_the_wrong_kind_and_the_wrong_document),
		TRIAL_CASE(rmdir_refuses_a_folder_with_entries_and_removes_an_empty_one),
		TRIAL_CASE(a_batch_can_empty_a_folder_and_remove_it),
		TRIAL_CASE(a_folder_created_and_removed_in_one_batch_leaves_journal_entries_only),
		TRIAL_CASE(a_name_unlinked_and_created_again_in_a_batch_is_the_new_document),
		TRIAL_CASE(link_refuses_folders_existing_names_and_other_drives),
		TRIAL_CASE(a_link_above_links_max_is_refused),
		TRIAL_CASE(if_match_refuses_to_unlink_a_file_with_newer_content),
		TRIAL_CASE(a_failed_batch_does_not_affect_other_batches_of_its_transaction),
		TRIAL_CASE(a_nameless_file_is_in_no_folder_until_it_is_linked),
		TRIAL_CASE(a_nameless_file_can_be_created_and_linked_in_one_batch),
		TRIAL_CASE(only_a_regular_file_in_an_existing_folder_can_be_nameless),
		TRIAL_CASE(a_batch_of_the_maximum_number_of_ops_is_applied_completely),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
