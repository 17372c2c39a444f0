#include "tests/unit/backend/docs/rules/trial.h"

#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

static struct op xattr_of(int64_t id, const char *name, const char *value)
{
	return (struct op){.kind = OP_SETXATTR, .id = id, .name = span_str(name), .target = span_str(value)};
}

static struct op remove_of(int64_t id, const char *name)
{
	return (struct op){.kind = OP_REMOVEXATTR, .id = id, .name = span_str(name)};
}

struct found {
	const char *name;
	char value[64];
	bool there;
};

static int find_xattr(struct span name, struct span value, void *cookie)
{
	struct found *f = cookie;

	if (!span_eq_str(name, f->name))
		return 0;
	f->there = true;
	(void)snprintf(f->value, sizeof(f->value), "%.*s", (int)value.size, value.data);
	return 0;
}

static struct found find(struct trial *t, int64_t id, const char *name)
{
	struct docs_scope scope = {.drive = t->drive};
	struct docs_xattrs what = {.id = id, .limit = 100, .bytes = XATTRS_PAGE_BYTES_MAX};
	struct found f = {.name = name};
	struct docs_position at;

	assert_int_equal(t->store->ops->xattrs(t->store, &scope, &what, find_xattr, &f, &at), 0);
	return f;
}

static void setattr_changes_the_given_attributes_and_ctime(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct item before = trial_item(t, f), item;
	struct op op = {.kind = OP_SETATTR, .fields = OP_HAS_MODE | OP_HAS_GID, .id = f, .mode = 06711, .gid = 9};

	item = trial_do(t, &op)->item;
	assert_int_equal(item.mode, S_IFREG | 06711);
	assert_int_equal(item.gid, 9);
	assert_int_equal(item.uid, before.uid);
	assert_int_equal(item.mtime, before.mtime);
	assert_int_equal(item.ctime, t->now);
	assert_int_equal(item.seq, trial_seq(t));
	assert_int_equal(item.content_seq, before.content_seq);
	assert_int_equal(trial_change(t).what, TREE_ATTRIBUTES);
	/* The bits stay when the file gets another owner: it is the kernel that asks for their removal. */
	op = (struct op){.kind = OP_SETATTR, .fields = OP_HAS_UID, .id = f, .uid = 4};
	assert_int_equal(trial_do(t, &op)->item.mode, S_IFREG | 06711);
	op = (struct op){.kind = OP_SETATTR,
		.fields = OP_HAS_ATIME | OP_HAS_MTIME | OP_HAS_CTIME,
		.id = f,
		.atime = -1,
		.mtime = 2,
		.ctime = 3};
	item = trial_do(t, &op)->item;
	assert_int_equal(item.atime, -1);
	assert_int_equal(item.mtime, 2);
	assert_int_equal(item.ctime, 3);
}

static void setattr_changes_the_root_and_fails_on_a_missing_document(void **state)
{
	struct trial *t = *state;
	struct op op = {.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = t->root, .mode = 0700};

	assert_int_equal(trial_do(t, &op)->item.mode, S_IFDIR | 0700);
	op.id = ITEM_ID(t->drive, 99);
	assert_int_equal(trial_error(t, &op), -ENOENT);
}

static void xattrs_are_set_changed_and_removed(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op op = xattr_of(f, "user.a", "one");

	const struct op_result *r = trial_do(t, &op);

	assert_int_equal(r->item.ctime, t->now);
	assert_int_equal(trial_change(t).what, TREE_XATTRS);
	assert_string_equal(find(t, f, "user.a").value, "one");
	op = xattr_of(f, "user.a", "");
	(void)trial_do(t, &op);
	assert_true(find(t, f, "user.a").there);
	assert_string_equal(find(t, f, "user.a").value, "");
	op = remove_of(f, "user.a");
	(void)trial_do(t, &op);
	assert_false(find(t, f, "user.a").there);
	assert_int_equal(trial_error(t, &op), -ENODATA);
}

static void xattr_flags_decide_whether_the_xattr_must_already_exist(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op op = xattr_of(f, "user.a", "one");

	op.fields = OP_XATTR_REPLACE;
	assert_int_equal(trial_error(t, &op), -ENODATA);
	op.fields = OP_XATTR_CREATE;
	(void)trial_do(t, &op);
	assert_int_equal(trial_error(t, &op), -EEXIST);
	op.fields = OP_XATTR_REPLACE;
	(void)trial_do(t, &op);
}

static void xattr_ops_of_one_batch_see_each_other_and_fail_together(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op ops[] = {
		xattr_of(f, "user.a", "1"), remove_of(f, "user.a"), xattr_of(f, "user.b", "2"), remove_of(f, "user.c")};
	struct op keep = xattr_of(f, "user.c", "3");

	assert_int_equal(trial_apply(t, ops, 4, NULL), -ENODATA);
	assert_int_equal(t->index, 3);
	assert_false(find(t, f, "user.b").there);
	(void)trial_do(t, &keep);
	assert_int_equal(trial_apply(t, ops, 4, NULL), 0);
	assert_false(find(t, f, "user.a").there);
	assert_true(find(t, f, "user.b").there);
	assert_false(find(t, f, "user.c").there);
}

static void the_names_of_a_files_xattrs_are_limited_in_total(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	char name[XATTR_NAME_BYTES_MAX + 1];
	struct op op = xattr_of(f, name, "x");
	unsigned count = 0;
	int r = 0;

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	op.name = span_str(name);
	for (; r == 0; count += r == 0) {
		(void)snprintf(name, sizeof(name), "user.%03u", count);
		name[8] = 'n';
		r = trial_error(t, &op);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(count, XATTRS_PER_ITEM_BYTES_MAX / (XATTR_NAME_BYTES_MAX + 1));
	name[5] = '0', name[6] = '0', name[7] = '1';
	(void)trial_do(t, &op); /* an xattr that is there may be changed */
	op = remove_of(f, name);
	(void)trial_do(t, &op);
	op = xattr_of(f, name, "again");
	(void)trial_do(t, &op);
}

/* On a mount where everything belongs to the user, a chown to the shown owner becomes such an op. */
static void setattr_without_attributes_changes_only_ctime(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct item before = trial_item(t, f), item;
	struct op op = {.kind = OP_SETATTR, .id = f};

	item = trial_do(t, &op)->item;
	assert_int_equal(item.ctime, t->now);
	assert_true(item.ctime > before.ctime);
	assert_int_equal(item.mtime, before.mtime);
	assert_int_equal(item.mode, before.mode);
	assert_int_equal(trial_change(t).what, TREE_ATTRIBUTES);
}

static void removing_a_folder_removes_its_xattrs(void **state)
{
	struct trial *t = *state;
	int64_t d = trial_folder(t, t->root, "d");
	struct op ops[] = {xattr_of(d, "user.b", "2"), op_rmdir_of(t->root, "d")};
	struct op op = xattr_of(d, "user.a", "1");

	(void)trial_do(t, &op);
	assert_int_equal(trial_apply(t, ops, 2, NULL), 0); /* trial's check finds xattrs that are left */
	assert_true(trial_is_gone(t, d));
}

static void a_write_with_op_drop_setid_clears_the_set_id_bits_of_a_file(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_file(t, t->root, "f"), folder = trial_folder(t, t->root, "d");
	struct op op = {.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = id, .mode = 06755};
	static const struct {
		uint32_t before, after;
	} cases[] = {{06755, 0755}, {06745, 02745}, {02655, 0655}, {02645, 02645}, {0644, 0644}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		op = (struct op){.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = id, .mode = cases[i].before};
		trial_do(t, &op);
		op = (struct op){.kind = OP_WRITE, .fields = OP_HAS_SIZE | OP_DROP_SETID, .id = id, .size = (int64_t)i};
		assert_int_equal(trial_do(t, &op)->item.mode & 07777, cases[i].after);
	}
	op = (struct op){.kind = OP_SETATTR, .fields = OP_HAS_MODE | OP_DROP_SETID, .id = folder, .mode = 02775};
	assert_int_equal(trial_do(t, &op)->item.mode & 07777, 02775);
}

static void a_mode_in_an_op_with_op_drop_setid_is_set_unchanged(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_file(t, t->root, "f");
	struct op op = {.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = id, .mode = 06755};

	trial_do(t, &op);
	op = (struct op){.kind = OP_WRITE,
		.fields = OP_HAS_SIZE | OP_DROP_SETID | OP_HAS_MODE | OP_HAS_UID,
		.id = id,
		.size = 3,
		.mode = 04711,
		.uid = 7};
	assert_int_equal(trial_do(t, &op)->item.mode & 07777, 04711);
}

static void op_drop_setid_removes_the_capability_and_no_other_xattr(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_file(t, t->root, "f");
	struct op ops[] = {xattr_of(id, "security.capability", "c"), xattr_of(id, "user.a", "1")};
	struct op write = {.kind = OP_WRITE, .fields = OP_HAS_SIZE, .id = id, .size = 1};

	assert_int_equal(trial_apply(t, ops, 2, NULL), 0);
	trial_do(t, &write);
	assert_true(find(t, id, "security.capability").there);
	write.fields |= OP_DROP_SETID;
	trial_do(t, &write);
	assert_int_equal(trial_change(t).what & TREE_XATTRS, TREE_XATTRS);
	assert_false(find(t, id, "security.capability").there);
	assert_true(find(t, id, "user.a").there);
}

static void xattrs_count_against_the_quota_until_they_or_the_file_are_deleted(void **state)
{
	struct trial *t = *state;
	int64_t id = trial_file(t, t->root, "f"), d = trial_folder(t, t->root, "d");
	struct op set = {.kind = OP_SETXATTR, .id = id, .name = SPAN_LITERAL("user.a"), .target = SPAN_LITERAL("1234")};
	struct op take = {.kind = OP_REMOVEXATTR, .id = id, .name = SPAN_LITERAL("user.a")};
	struct op rmdir = {.kind = OP_RMDIR, .parent = t->root, .name = SPAN_LITERAL("d")};
	struct op unlink = op_unlink_of(t->root, "f");

	(void)trial_do(t, &set);
	assert_int_equal(trial_used(t), 10);
	set.target = SPAN_LITERAL("1");
	(void)trial_do(t, &set);
	assert_int_equal(trial_used(t), 7);
	trial_write(t, id, 0, "12345");
	assert_int_equal(trial_used(t), 12);
	(void)trial_do(t, &take);
	assert_int_equal(trial_used(t), 5);
	(void)trial_do(t, &set);
	set.id = d;
	(void)trial_do(t, &set);
	assert_int_equal(trial_used(t), 19);
	trial_quota(t, 19);
	set.name = SPAN_LITERAL("user.b");
	assert_int_equal(trial_error(t, &set), -EDQUOT);
	(void)trial_do(t, &rmdir);
	assert_int_equal(trial_used(t), 12);
	(void)trial_do(t, &unlink);
	assert_int_equal(trial_used(t), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRIAL_CASE(xattrs_count_against_the_quota_until_they_or_the_file_are_deleted),
		TRIAL_CASE(setattr_changes_the_given_attributes_and_ctime),
		TRIAL_CASE(setattr_without_attributes_changes_only_ctime),
		TRIAL_CASE(setattr_changes_the_root_and_fails_on_a_missing_document),
		TRIAL_CASE(a_write_with_op_drop_setid_clears_the_set_id_bits_of_a_file),
		TRIAL_CASE(a_mode_in_an_op_with_op_drop_setid_is_set_unchanged),
		TRIAL_CASE(op_drop_setid_removes_the_capability_and_no_other_xattr),
		TRIAL_CASE(xattrs_are_set_changed_and_removed),
		TRIAL_CASE(xattr_flags_decide_whether_the_xattr_must_already_exist),
		TRIAL_CASE(xattr_ops_of_one_batch_see_each_other_and_fail_together),
		TRIAL_CASE(the_names_of_a_files_xattrs_are_limited_in_total),
		TRIAL_CASE(removing_a_folder_removes_its_xattrs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
