#include "tests/unit/backend/docs/rules/trial.h"

#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

static int protect(struct trial *t, int64_t id, uint32_t bits)
{
	return trial_error(t, &(struct op){.kind = OP_SETATTR, .fields = OP_HAS_PROTECT, .id = id, .protect = bits});
}

/* Sets the fields as they are in a decoded op. */
static struct op setattr_of(int64_t id, uint32_t fields)
{
	return (struct op){
		.kind = OP_SETATTR, .fields = fields | OP_HAS_ID, .id = id, .mode = 0600, .size = 1, .atime = 1};
}

static struct op write_of(int64_t id, struct op_extent *extent, int64_t at)
{
	*extent = (struct op_extent){.at = at, .len = 4, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("more")};
	return (struct op){.kind = OP_WRITE,
		.fields = OP_HAS_MTIME | OP_HAS_ID,
		.id = id,
		.mtime = 5,
		.extents = extent,
		.extent_count = 1};
}

static struct op xattr_of(int64_t id)
{
	return (struct op){.kind = OP_SETXATTR, .id = id, .name = SPAN_LITERAL("user.a"), .target = SPAN_LITERAL("b")};
}

static struct op clone_to(int64_t from, int64_t to, int64_t at)
{
	return (struct op){.kind = OP_CLONE, .id = from, .len = 2, .to = to, .at = at};
}

static void an_immutable_file_can_be_neither_changed_nor_renamed_nor_unlinked(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f"), other = trial_file(t, t->root, "other");
	struct op_extent extent;
	struct op ops[10];
	int64_t seq;

	trial_write(t, f, 0, "text");
	trial_write(t, other, 0, "text");
	assert_int_equal(protect(t, f, ITEM_IMMUTABLE), 0);
	ops[0] = write_of(f, &extent, 4);
	ops[1] = setattr_of(f, OP_HAS_MODE);
	ops[2] = setattr_of(f, OP_HAS_SIZE);
	ops[3] = setattr_of(f, OP_HAS_ATIME);
	ops[4] = xattr_of(f);
	ops[5] = clone_to(other, f, 4);
	ops[6] = op_link_of(f, t->root, "another");
	ops[7] = op_unlink_of(t->root, "f");
	ops[8] = op_rename_of(t->root, "f", t->root, "g");
	ops[9] = op_rename_of(t->root, "other", t->root, "f");
	seq = trial_seq(t);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		assert_int_equal(trial_error(t, &ops[i]), -EPERM);
	assert_int_equal(trial_seq(t), seq);
	assert_int_equal(trial_error(t, &(struct op){.kind = OP_CLONE, .id = f, .len = 2, .to = other}), 0);
	assert_int_equal(protect(t, f, 0), 0);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(trial_error(t, &ops[i]), 0);
}

static void an_append_only_file_can_only_be_appended_to(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f"), other = trial_file(t, t->root, "other");
	struct op_extent extent;
	struct op op;

	trial_write(t, f, 0, "text");
	trial_write(t, other, 0, "text");
	assert_int_equal(protect(t, f, ITEM_APPEND_ONLY), 0);
	op = write_of(f, &extent, 3);
	assert_int_equal(trial_error(t, &op), -EPERM);
	op = write_of(f, &extent, 4);
	op.fields |= OP_REPLACE;
	assert_int_equal(trial_error(t, &op), -EPERM);
	op.fields = OP_HAS_SIZE;
	op.size = 3;
	assert_int_equal(trial_error(t, &op), -EPERM);
	op = write_of(f, &extent, 4);
	assert_int_equal(trial_error(t, &op), 0);
	op = write_of(f, &extent, 4);
	assert_int_equal(trial_error(t, &op), -EPERM);
	op.fields |= OP_APPEND;
	extent.at = 0;
	assert_int_equal(trial_error(t, &op), 0);
	assert_int_equal(trial_item(t, f).size, 12);
	op = clone_to(other, f, 11);
	assert_int_equal(trial_error(t, &op), -EPERM);
	op = clone_to(other, f, 12);
	assert_int_equal(trial_error(t, &op), 0);
	assert_int_equal(trial_item(t, f).size, 14);
	op = setattr_of(f, OP_HAS_SIZE);
	assert_int_equal(trial_error(t, &op), -EPERM);
	op = setattr_of(f, OP_HAS_ATIME);
	assert_int_equal(trial_error(t, &op), 0);
	op = op_unlink_of(t->root, "f");
	assert_int_equal(trial_error(t, &op), -EPERM);
}

static void a_protected_folder_refuses_to_remove_or_rename_its_entries(void **state)
{
	static const struct {
		uint32_t bits;
		int adding;
	} cases[] = {{ITEM_IMMUTABLE, -EPERM}, {ITEM_APPEND_ONLY, 0}};
	struct trial *t = *state;

	for (size_t i = 0; i < 2; i++) {
		const char *name = i ? "appended" : "fixed", *in = "in";
		int64_t d = trial_folder(t, t->root, name), f = trial_file(t, d, in);
		struct op op = op_create_file(d, "new");

		if (i == 0)
			(void)trial_file(t, t->root, "moved"); /* it stays, and moves in the next round */
		assert_int_equal(protect(t, d, cases[i].bits), 0);
		assert_int_equal(trial_error(t, &op), cases[i].adding);
		op = op_link_of(f, d, "link");
		assert_int_equal(trial_error(t, &op), cases[i].adding);
		op = op_rename_of(t->root, "moved", d, "moved");
		assert_int_equal(trial_error(t, &op), cases[i].adding);
		op = op_unlink_of(d, in);
		assert_int_equal(trial_error(t, &op), -EPERM);
		op = op_rename_of(d, in, t->root, "out");
		assert_int_equal(trial_error(t, &op), -EPERM);
		op.fields = OP_WHITEOUT;
		assert_int_equal(trial_error(t, &op), -EPERM);
		op = op_rename_of(t->root, name, d, in);
		op.fields = OP_EXCHANGE;
		assert_int_equal(trial_error(t, &op), -EPERM);
		op = op_rmdir_of(t->root, name);
		assert_int_equal(trial_error(t, &op), -EPERM);
		op = setattr_of(f, OP_HAS_MODE);
		assert_int_equal(trial_error(t, &op), 0);
	}
}

static void protection_takes_effect_within_its_batch_and_is_undone_with_it(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op ops[2] = {{.kind = OP_SETATTR, .fields = OP_HAS_PROTECT, .id = f, .protect = ITEM_IMMUTABLE},
		op_unlink_of(t->root, "f")};

	assert_int_equal(trial_apply(t, ops, 2, NULL), -EPERM);
	assert_int_equal(t->index, 1);
	assert_int_equal(trial_item(t, f).mode & ITEM_PROTECTED, 0);
	assert_int_equal(trial_error(t, &ops[1]), 0);
}

static void setattr_sets_mode_and_protection_together_but_not_on_a_symlink(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op op = {.kind = OP_SETATTR,
		.fields = OP_HAS_PROTECT | OP_HAS_MODE,
		.id = f,
		.mode = 0600,
		.protect = ITEM_IMMUTABLE | ITEM_APPEND_ONLY};

	assert_int_equal(trial_do(t, &op)->item.mode, S_IFREG | 0600 | ITEM_PROTECTED);
	op.protect = ITEM_LINKABLE;
	assert_int_equal(op_check(&op), -ERR_UNPROCESSABLE);
	op = (struct op){.kind = OP_CREATE,
		.parent = t->root,
		.name = SPAN_LITERAL("l"),
		.mode = S_IFLNK,
		.target = SPAN_LITERAL("t")};
	assert_int_equal(protect(t, trial_do(t, &op)->id, ITEM_IMMUTABLE), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRIAL_CASE(an_immutable_file_can_be_neither_changed_nor_renamed_nor_unlinked),
		TRIAL_CASE(an_append_only_file_can_only_be_appended_to),
		TRIAL_CASE(a_protected_folder_refuses_to_remove_or_rename_its_entries),
		TRIAL_CASE(protection_takes_effect_within_its_batch_and_is_undone_with_it),
		TRIAL_CASE(setattr_sets_mode_and_protection_together_but_not_on_a_symlink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
