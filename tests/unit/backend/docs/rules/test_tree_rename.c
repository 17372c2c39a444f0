#include "tests/unit/backend/docs/rules/trial.h"

#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

static void a_rename_moves_a_file_and_updates_both_folders(void **state)
{
	struct trial *t = *state;
	int64_t a = trial_folder(t, t->root, "a"), b = trial_folder(t, t->root, "b"), f = trial_file(t, a, "f");
	int64_t made = trial_item(t, f).mtime;
	struct op op = op_rename_of(a, "f", b, "g");
	const struct op_result *r = trial_do(t, &op);
	struct tree_change change = trial_change(t);

	assert_int_equal(r->item.id, f);
	assert_int_equal(r->item.parent, b);
	assert_true(span_eq_str(r->item.name, "g"));
	assert_int_equal(r->item.ctime, t->now);
	assert_int_equal(r->item.mtime, made);
	assert_int_equal(r->replaced, 0);
	assert_int_equal(r->dir_count, 2);
	assert_int_equal(r->dirs[0].id, a);
	assert_int_equal(r->dirs[1].id, b);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(r->dirs[i].mtime, t->now);
		assert_int_equal(r->dirs[i].ctime, t->now);
		assert_int_equal(r->dirs[i].content_seq, trial_seq(t));
	}
	assert_int_equal(trial_lookup(t, a, "f"), 0);
	assert_int_equal(trial_lookup(t, b, "g"), f);
	assert_int_equal(change.op, OP_RENAME);
	assert_int_equal(change.id, f);
	assert_int_equal(change.parent, b);
	assert_int_equal(change.old_parent, a);
	assert_true(span_eq_str(change.name, "g"));
	assert_true(span_eq_str(change.old_name, "f"));
}

static void moving_a_folder_updates_the_link_counts_of_both_parents(void **state)
{
	struct trial *t = *state;
	int64_t a = trial_folder(t, t->root, "a"), b = trial_folder(t, t->root, "b"), d = trial_folder(t, a, "d");
	struct op op = op_rename_of(a, "d", b, "d");

	(void)trial_do(t, &op);
	assert_int_equal(trial_item(t, a).nlink, 2);
	assert_int_equal(trial_item(t, b).nlink, 3);
	assert_int_equal(trial_item(t, d).parent, b);
	assert_int_equal(trial_item(t, d).nlink, 2);
}

static void a_rename_within_one_folder_returns_that_folder_once(void **state)
{
	struct trial *t = *state;
	struct op op = op_rename_of(t->root, "a", t->root, "b");
	const struct op_result *r;

	(void)trial_folder(t, t->root, "a");
	r = trial_do(t, &op);
	assert_int_equal(r->dir_count, 1);
	assert_int_equal(trial_item(t, t->root).nlink, 3);
}

static void a_rename_over_a_file_leaves_that_file_as_an_orphan(void **state)
{
	struct trial *t = *state;
	int64_t a = trial_file(t, t->root, "a"), b = trial_file(t, t->root, "b");
	struct op op = op_rename_of(t->root, "a", t->root, "b");
	const struct op_result *r;

	trial_write(t, b, 0, "1234");
	r = trial_do(t, &op);
	assert_int_equal(r->replaced, b);
	assert_int_equal(trial_change(t).replaced, b);
	assert_int_equal(trial_lookup(t, t->root, "b"), a);
	assert_int_equal(trial_item(t, b).nlink, 0);
	assert_int_equal(trial_item(t, b).ctime, t->now);
	assert_int_equal(trial_used(t), 0);
}

static void a_rename_over_one_link_of_a_file_keeps_its_other_link(void **state)
{
	struct trial *t = *state;
	int64_t a = trial_file(t, t->root, "a"), b = trial_file(t, t->root, "b");
	struct op op = op_link_of(b, t->root, "c");

	(void)trial_do(t, &op);
	op = op_rename_of(t->root, "a", t->root, "c");
	(void)trial_do(t, &op);
	assert_int_equal(trial_item(t, b).nlink, 1);
	assert_true(span_eq_str(trial_item(t, b).name, "b"));
	assert_int_equal(trial_lookup(t, t->root, "c"), a);
}

static void renaming_a_second_link_keeps_the_stored_name_of_the_file(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "a"), d = trial_folder(t, t->root, "d");
	struct op op = op_link_of(f, t->root, "b");
	struct item item;

	(void)trial_do(t, &op);
	op = op_rename_of(t->root, "b", d, "c");
	item = trial_do(t, &op)->item;
	assert_int_equal(item.parent, d);
	assert_true(span_eq_str(item.name, "c"));
	assert_true(span_eq_str(trial_item(t, f).name, "a"));
	op = op_rename_of(t->root, "a", d, "e");
	(void)trial_do(t, &op);
	assert_int_equal(trial_item(t, f).parent, d);
	assert_true(span_eq_str(trial_item(t, f).name, "e"));
}

static void a_rename_replaces_only_an_empty_folder_and_only_by_a_folder(void **state)
{
	struct trial *t = *state;
	int64_t d = trial_folder(t, t->root, "d"), e = trial_folder(t, t->root, "e");
	struct op op;

	(void)trial_file(t, t->root, "f");
	(void)trial_file(t, e, "x");
	op = op_rename_of(t->root, "f", t->root, "d");
	assert_int_equal(trial_error(t, &op), -EISDIR);
	op = op_rename_of(t->root, "d", t->root, "f");
	assert_int_equal(trial_error(t, &op), -ENOTDIR);
	op = op_rename_of(t->root, "d", t->root, "e");
	assert_int_equal(trial_error(t, &op), -ENOTEMPTY);
	op = op_rename_of(t->root, "e", t->root, "d");
	assert_int_equal(trial_do(t, &op)->replaced, d);
	assert_true(trial_is_gone(t, d));
	assert_int_equal(trial_lookup(t, t->root, "d"), e);
	assert_int_equal(trial_item(t, t->root).nlink, 3);
}

static void a_rename_onto_the_same_file_changes_nothing_but_the_journal(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op op = op_link_of(f, t->root, "g");
	struct item before, after;
	const struct op_result *r;

	(void)trial_do(t, &op);
	before = trial_item(t, f);
	op = op_rename_of(t->root, "f", t->root, "g");
	r = trial_do(t, &op);
	assert_int_equal(r->item.id, f);
	assert_int_equal(r->replaced, 0);
	after = trial_item(t, f);
	assert_int_equal(after.nlink, 2);
	assert_int_equal(after.ctime, before.ctime);
	assert_int_equal(after.seq, before.seq);
	assert_int_equal(trial_change(t).op, OP_RENAME);
	assert_int_equal(trial_change(t).replaced, 0);
	op = op_rename_of(t->root, "f", t->root, "f");
	(void)trial_do(t, &op);
	assert_int_equal(trial_lookup(t, t->root, "f"), f);
	op.fields = OP_NOREPLACE;
	assert_int_equal(trial_error(t, &op), -EEXIST);
}

static void rename_noreplace_refuses_a_taken_name_only(void **state)
{
	struct trial *t = *state;
	struct op op = op_rename_of(t->root, "a", t->root, "b");

	(void)trial_file(t, t->root, "a");
	(void)trial_file(t, t->root, "b");
	op.fields = OP_NOREPLACE;
	assert_int_equal(trial_error(t, &op), -EEXIST);
	op.new_name = SPAN_LITERAL("c");
	(void)trial_do(t, &op);
}

static void a_rename_with_whiteout_leaves_a_whiteout_at_the_old_name(void **state)
{
	struct trial *t = *state;
	int64_t folder = trial_folder(t, t->root, "d"), a = trial_file(t, t->root, "a"), b = trial_file(t, folder, "b");
	struct op op = op_rename_of(t->root, "a", folder, "b");
	int64_t seq = trial_seq(t), id;
	struct item item;

	op.fields = OP_WHITEOUT | OP_HAS_UID | OP_HAS_GID;
	op.uid = 7;
	op.gid = 8;
	assert_int_equal(trial_do(t, &op)->replaced, b);
	assert_int_equal(trial_seq(t), seq + 1);
	assert_int_equal(trial_lookup(t, folder, "b"), a);
	id = trial_lookup(t, t->root, "a");
	item = trial_item(t, id);
	assert_int_equal(item.mode, S_IFCHR);
	assert_int_equal(item.rdev_major, 0);
	assert_int_equal(item.rdev_minor, 0);
	assert_int_equal(item.nlink, 1);
	assert_int_equal(item.uid, 7);
	assert_int_equal(item.gid, 8);
	assert_int_equal(trial_change(t).op, OP_RENAME);
	assert_true(span_eq_str(trial_change(t).old_name, "a"));
	op = op_unlink_of(t->root, "a");
	(void)trial_do(t, &op);
	assert_int_equal(trial_lookup(t, t->root, "a"), 0);
}

static void a_refused_rename_leaves_no_whiteout(void **state)
{
	struct trial *t = *state;
	struct op op = op_rename_of(t->root, "a", t->root, "b");
	struct op ops[2];

	(void)trial_file(t, t->root, "a");
	(void)trial_file(t, t->root, "b");
	op.fields = OP_WHITEOUT | OP_NOREPLACE;
	assert_int_equal(trial_error(t, &op), -EEXIST);
	op.fields = OP_WHITEOUT | OP_EXCHANGE;
	assert_int_equal(op_check(&op), -ERR_UNPROCESSABLE);
	op.fields = OP_HAS_UID;
	assert_int_equal(op_check(&op), -ERR_UNPROCESSABLE);
	ops[0] = op_rename_of(t->root, "a", t->root, "c");
	ops[0].fields = OP_WHITEOUT;
	ops[1] = op_unlink_of(t->root, "absent");
	assert_int_equal(trial_apply(t, ops, 2, NULL), -ENOENT);
	assert_true(S_ISREG(trial_item(t, trial_lookup(t, t->root, "a")).mode));
}

static void a_rename_of_a_folder_below_itself_is_refused_at_any_depth(void **state)
{
	struct trial *t = *state;
	int64_t a = trial_folder(t, t->root, "a"), b = trial_folder(t, a, "b"), c = trial_folder(t, b, "c");
	struct op op = op_rename_of(t->root, "a", c, "x");

	assert_int_equal(trial_error(t, &op), -EINVAL);
	op = op_rename_of(t->root, "a", a, "x");
	assert_int_equal(trial_error(t, &op), -EINVAL);
	op = op_rename_of(b, "c", t->root, "a"); /* over its own ancestor, which is not empty */
	assert_int_equal(trial_error(t, &op), -ENOTEMPTY);
	op = op_rename_of(b, "c", t->root, "c");
	(void)trial_do(t, &op);
	op = op_rename_of(t->root, "a", c, "x"); /* c is not below a any more */
	(void)trial_do(t, &op);
	assert_int_equal(trial_item(t, a).parent, c);
}

static void a_rename_sees_the_earlier_renames_of_its_batch(void **state)
{
	struct trial *t = *state;
	int64_t a = trial_folder(t, t->root, "a"), b = trial_folder(t, t->root, "b"), deep = trial_folder(t, b, "deep");
	struct op circle[] = {op_rename_of(t->root, "a", deep, "a"), op_rename_of(t->root, "b", a, "b")};
	struct op ladder[] = {op_rename_of(b, "deep", t->root, "deep"), op_rename_of(t->root, "b", a, "b"),
		op_rename_of(t->root, "a", deep, "a")};

	assert_int_equal(trial_apply(t, circle, 2, NULL), -EINVAL);
	assert_int_equal(t->index, 1);
	assert_int_equal(trial_apply(t, ladder, 3, NULL), 0);
	assert_int_equal(trial_item(t, b).parent, a);
	assert_int_equal(trial_item(t, a).parent, deep);
}

static void a_rename_into_a_folder_created_in_its_batch_is_checked_for_cycles(void **state)
{
	struct trial *t = *state;
	int64_t a = trial_folder(t, t->root, "a"), b = trial_folder(t, a, "b"), id = trial_reserve(t, 2);
	struct op ops[] = {
		op_create_folder(b, "n"), op_create_folder(id, "m"), op_rename_of(t->root, "a", id + 1, "x")};

	ops[0].fields = ops[1].fields = OP_HAS_ID;
	ops[0].id = id;
	ops[1].id = id + 1;
	assert_int_equal(trial_apply(t, ops, 3, NULL), -EINVAL);
	assert_int_equal(t->index, 2);
	(void)trial_folder(t, t->root, "other");
	ops[2] = op_rename_of(t->root, "other", id + 1, "x");
	assert_int_equal(trial_apply(t, ops, 3, NULL), 0);
}

static void creates_that_name_each_other_as_parents_are_refused(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_reserve(t, 2);
	struct op ops[] = {
		op_create_folder(id + 1, "n"), op_create_folder(id, "m"), op_rename_of(t->root, "a", id + 1, "x")};

	ops[0].fields = ops[1].fields = OP_HAS_ID;
	ops[0].id = id;
	ops[1].id = id + 1;
	assert_int_equal(trial_apply(t, ops, 3, NULL), -ERR_PARENT_MISSING);
}

static void an_exchange_swaps_a_file_and_a_folder_across_folders(void **state)
{
	struct trial *t = *state;
	int64_t a = trial_folder(t, t->root, "a"), b = trial_folder(t, t->root, "b");
	int64_t f = trial_file(t, a, "f"), d = trial_folder(t, b, "d");
	struct op op = op_rename_of(a, "f", b, "d");
	const struct op_result *r;

	(void)trial_file(t, d, "inside");
	op.fields = OP_EXCHANGE;
	r = trial_do(t, &op);
	assert_int_equal(r->item.id, f);
	assert_int_equal(r->replaced, 0);
	assert_int_equal(trial_change(t).replaced, d);
	assert_int_equal(trial_lookup(t, a, "f"), d);
	assert_int_equal(trial_lookup(t, b, "d"), f);
	assert_int_equal(trial_item(t, a).nlink, 3);
	assert_int_equal(trial_item(t, b).nlink, 2);
	assert_int_equal(trial_item(t, d).parent, a);
	assert_true(span_eq_str(trial_item(t, d).name, "f"));
	assert_int_equal(trial_item(t, d).ctime, t->now);
	op.new_name = SPAN_LITERAL("none");
	assert_int_equal(trial_error(t, &op), -ENOENT);
}

static void an_exchange_of_a_folder_with_its_descendant_is_refused(void **state)
{
	struct trial *t = *state;
	int64_t a = trial_folder(t, t->root, "a"), b = trial_folder(t, a, "b"), f;
	struct op op = op_rename_of(t->root, "a", b, "c");

	(void)trial_folder(t, b, "c");
	f = trial_file(t, b, "f");
	op.fields = OP_EXCHANGE;
	assert_int_equal(trial_error(t, &op), -EINVAL);
	op = op_rename_of(b, "c", t->root, "a");
	op.fields = OP_EXCHANGE;
	assert_int_equal(trial_error(t, &op), -EINVAL);
	op = op_rename_of(b, "f", t->root, "a"); /* a would come into b, which is in a */
	op.fields = OP_EXCHANGE;
	assert_int_equal(trial_error(t, &op), -EINVAL);
	assert_int_equal(trial_lookup(t, b, "f"), f);
	/* Deeper down: the folders between are no parent or child in the op. */
	op = op_rename_of(trial_folder(t, trial_folder(t, b, "d"), "e"), "g", t->root, "a");
	op.fields = OP_EXCHANGE;
	(void)trial_file(t, op.parent, "g");
	assert_int_equal(trial_error(t, &op), -EINVAL);
}

static void a_rename_with_a_missing_source_or_an_invalid_target_is_refused(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op op = op_rename_of(t->root, "none", t->root, "x");

	assert_int_equal(trial_error(t, &op), -ENOENT);
	op = op_rename_of(t->root, "f", ITEM_ID(t->drive, 99), "x");
	assert_int_equal(trial_error(t, &op), -ERR_PARENT_MISSING);
	op = op_rename_of(t->root, "f", ITEM_ROOT(t->drive + 1), "x");
	assert_int_equal(trial_error(t, &op), -EXDEV);
	op = op_rename_of(t->root, "f", f, "x");
	assert_int_equal(trial_error(t, &op), -ENOTDIR);
	op = op_rename_of(t->root, "f", t->root, "x");
	op.fields = OP_HAS_ID;
	op.id = t->root;
	assert_int_equal(trial_error(t, &op), -ESTALE);
}

/* Random moves in a small tree, several to a batch: whatever is refused, the drive stays consistent (trial
 * checks it after each batch). */
static void random_renames_keep_the_drive_consistent(void **state)
{
	static const char *const names[] = {"a", "b", "c"};
	struct trial *t = *state;
	int64_t folders[8] = {t->root};
	unsigned seed = 42, done = 0;

	for (int i = 1; i < 8; i++)
		folders[i] =
			i < 4 ? trial_folder(t, t->root, names[i - 1]) : trial_folder(t, folders[i - 3], names[i % 3]);
	for (int i = 0; i < 6; i++)
		(void)trial_error(t,
			&(struct op){
				.kind = OP_CREATE, .parent = folders[i], .name = SPAN_LITERAL("f"), .mode = S_IFREG});
	for (int round = 0; round < 600; round++) {
		struct op ops[3];

		for (int i = 0; i < 3; i++) {
			ops[i] = op_rename_of(folders[rand_r(&seed) % 8],
				rand_r(&seed) % 4 ? names[rand_r(&seed) % 3] : "f", folders[rand_r(&seed) % 8],
				rand_r(&seed) % 4 ? names[rand_r(&seed) % 3] : "f");
			ops[i].fields = rand_r(&seed) % 2 ? OP_EXCHANGE : rand_r(&seed) % 2 ? OP_NOREPLACE : 0;
		}
		done += trial_apply(t, ops, 1 + (unsigned)rand_r(&seed) % 3, NULL) == 0;
	}
	assert_true(done > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRIAL_CASE(a_rename_moves_a_file_and_updates_both_folders),
		TRIAL_CASE(moving_a_folder_updates_the_link_counts_of_both_parents),
		TRIAL_CASE(a_rename_within_one_folder_returns_that_folder_once),
		TRIAL_CASE(a_rename_over_a_file_leaves_that_file_as_an_orphan),
		TRIAL_CASE(a_rename_over_one_link_of_a_file_keeps_its_other_link),
		TRIAL_CASE(renaming_a_second_link_keeps_the_stored_name_of_the_file),
		TRIAL_CASE(a_rename_replaces_only_an_empty_folder_and_only_by_a_folder),
		TRIAL_CASE(a_rename_onto_the_same_file_changes_nothing_but_the_journal),
		TRIAL_CASE(rename_noreplace_refuses_a_taken_name_only),
		TRIAL_CASE(a_rename_with_whiteout_leaves_a_whiteout_at_the_old_name),
		TRIAL_CASE(a_refused_rename_leaves_no_whiteout),
		TRIAL_CASE(a_rename_of_a_folder_below_itself_is_refused_at_any_depth),
		TRIAL_CASE(a_rename_sees_the_earlier_renames_of_its_batch),
		TRIAL_CASE(a_rename_into_a_folder_created_in_its_batch_is_checked_for_cycles),
		TRIAL_CASE(creates_that_name_each_other_as_parents_are_refused),
		TRIAL_CASE(an_exchange_swaps_a_file_and_a_folder_across_folders),
		TRIAL_CASE(an_exchange_of_a_folder_with_its_descendant_is_refused),
		TRIAL_CASE(a_rename_with_a_missing_source_or_an_invalid_target_is_refused),
		TRIAL_CASE(random_renames_keep_the_drive_consistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
