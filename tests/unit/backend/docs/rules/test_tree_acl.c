#include "common/proto/acl.h"
#include "tests/unit/backend/docs/rules/trial.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

/* After each apply, trial checks that modes and ACLs agree. The tests here say which they are. */

#define NO_ID UINT32_MAX
enum { OWNER = 1, USER = 2, GROUP = 4, MASK = 16, OTHERS = 32 };

/* The permissions of the owner, user 1000, the group, the mask and others, three bits each. */
static struct acl acl_of(uint16_t owner, uint16_t user, uint16_t group, uint16_t mask, uint16_t others)
{
	return (struct acl){5,
		{{OWNER, owner, NO_ID}, {USER, user, 1000}, {GROUP, group, NO_ID}, {MASK, mask, NO_ID},
			{OTHERS, others, NO_ID}}};
}

static struct acl plain_of(uint16_t owner, uint16_t group, uint16_t others)
{
	return (struct acl){3, {{OWNER, owner, NO_ID}, {GROUP, group, NO_ID}, {OTHERS, others, NO_ID}}};
}

static struct op set_of(int64_t id, const char *name, const struct acl *acl)
{
	static char bytes[ACL_BYTES_MAX];

	return (struct op){
		.kind = OP_SETXATTR, .id = id, .name = span_str(name), .target = span_of(bytes, acl_print(acl, bytes))};
}

static void set(struct trial *t, int64_t id, const char *name, struct acl acl)
{
	struct op op = set_of(id, name, &acl);

	(void)trial_do(t, &op);
}

struct found {
	const char *name;
	bool there;
	struct acl acl;
};

static int find_acl(struct span name, struct span value, void *cookie)
{
	struct found *f = cookie;

	if (span_eq_str(name, f->name)) {
		f->there = true;
		assert_int_equal(acl_parse(value, &f->acl), 0);
	}
	return 0;
}

static struct found find(struct trial *t, int64_t id, const char *name)
{
	struct docs_scope scope = {.drive = t->drive};
	struct docs_xattrs what = {.id = id, .limit = 100, .bytes = XATTRS_PAGE_BYTES_MAX};
	struct found f = {.name = name};
	struct docs_position at;

	assert_int_equal(t->store->ops->xattrs(t->store, &scope, &what, find_acl, &f, &at), 0);
	return f;
}

static void assert_acl(struct trial *t, int64_t id, const char *name, struct acl wanted)
{
	struct found f = find(t, id, name);
	char a[ACL_BYTES_MAX], b[ACL_BYTES_MAX];

	assert_true(f.there);
	assert_int_equal(acl_print(&f.acl, a), acl_print(&wanted, b));
	assert_memory_equal(a, b, acl_print(&wanted, b));
}

static uint32_t bits(struct trial *t, int64_t id)
{
	return trial_item(t, id).mode & 07777;
}

static int64_t make(struct trial *t, int64_t parent, const char *name, uint32_t mode, uint32_t umask)
{
	struct op op = {.kind = OP_CREATE,
		.fields = OP_HAS_MODE | OP_HAS_UMASK,
		.parent = parent,
		.name = span_str(name),
		.mode = mode,
		.umask = umask};

	op.target = S_ISLNK(mode) ? SPAN_LITERAL("x") : op.target;
	return trial_do(t, &op)->item.id;
}

static void setting_an_access_acl_sets_the_mode(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");

	set(t, f, ACL_ACCESS, acl_of(7, 6, 5, 7, 1));
	assert_int_equal(bits(t, f), 0771);
	assert_false(trial_item(t, f).bare);
	assert_int_equal(trial_change(t).what, TREE_XATTRS | TREE_ATTRIBUTES);
	set(t, f, ACL_ACCESS, acl_of(6, 6, 5, 4, 0));
	assert_int_equal(bits(t, f), 0640);
}

static void an_acl_that_a_mode_can_express_is_not_stored(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");

	set(t, f, ACL_ACCESS, acl_of(7, 6, 5, 7, 1));
	set(t, f, ACL_ACCESS, plain_of(6, 0, 4));
	assert_int_equal(bits(t, f), 0604);
	assert_false(find(t, f, ACL_ACCESS).there);
	assert_true(trial_item(t, f).bare);
}

static void setting_an_empty_acl_removes_the_acl_and_keeps_the_mode(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op op = {.kind = OP_REMOVEXATTR, .id = f, .name = SPAN_LITERAL(ACL_ACCESS)};

	set(t, f, ACL_ACCESS, acl_of(7, 6, 5, 7, 1));
	set(t, f, ACL_ACCESS, (struct acl){.count = 0});
	assert_false(find(t, f, ACL_ACCESS).there);
	assert_int_equal(bits(t, f), 0771);
	set(t, f, ACL_ACCESS, acl_of(7, 6, 5, 6, 1));
	(void)trial_do(t, &op);
	assert_false(find(t, f, ACL_ACCESS).there);
	assert_int_equal(bits(t, f), 0761);
	(void)trial_do(t, &op); /* no failure, as on a local file system */
}

static void chmod_changes_the_mask_of_an_acl(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op op = {.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = f, .mode = 02640};

	set(t, f, ACL_ACCESS, acl_of(7, 7, 5, 7, 1));
	(void)trial_do(t, &op);
	assert_int_equal(bits(t, f), 02640);
	assert_acl(t, f, ACL_ACCESS, acl_of(6, 7, 5, 4, 0));
	assert_int_equal(trial_change(t).what, TREE_XATTRS | TREE_ATTRIBUTES);
	op = (struct op){.kind = OP_WRITE, .fields = OP_HAS_MODE, .id = f, .mode = 0777};
	(void)trial_do(t, &op);
	assert_acl(t, f, ACL_ACCESS, acl_of(7, 7, 5, 7, 7));
}

static void new_documents_inherit_the_default_acl_instead_of_the_umask(void **state)
{
	struct trial *t = *state;
	int64_t d = trial_folder(t, t->root, "d"), f, sub, l;

	assert_int_equal(bits(t, make(t, d, "before", S_IFREG | 0666, 027)), 0640);
	assert_int_equal(bits(t, make(t, d, "dir before", S_IFDIR | 01777, 027)), 01750);
	set(t, d, ACL_DEFAULT, acl_of(7, 7, 5, 7, 5));
	f = make(t, d, "f", S_IFREG | 0666, 077);
	assert_int_equal(bits(t, f), 0664);
	assert_acl(t, f, ACL_ACCESS, acl_of(6, 7, 5, 6, 4));
	assert_false(find(t, f, ACL_DEFAULT).there);
	sub = make(t, d, "sub", S_IFDIR | 0750, 077);
	assert_int_equal(bits(t, sub), 0750);
	assert_acl(t, sub, ACL_ACCESS, acl_of(7, 7, 5, 5, 0));
	assert_acl(t, sub, ACL_DEFAULT, acl_of(7, 7, 5, 7, 5));
	l = make(t, d, "l", S_IFLNK | 0777, 077);
	assert_true(trial_item(t, l).bare);
	assert_int_equal(bits(t, l), 0777);
	assert_int_equal(bits(t, make(t, sub, "fifo", S_IFIFO | 0600, 0)), 0600);
}

static void a_plain_default_acl_limits_the_mode_of_new_documents(void **state)
{
	struct trial *t = *state;
	int64_t d = trial_folder(t, t->root, "d"), f;

	set(t, d, ACL_DEFAULT, plain_of(7, 5, 0));
	f = make(t, d, "f", S_IFREG | 0666, 077);
	assert_int_equal(bits(t, f), 0640);
	assert_true(trial_item(t, f).bare);
	assert_int_equal(bits(t, make(t, d, "sub", S_IFDIR | 0777, 077)), 0750);
}

static void a_create_without_a_mode_takes_it_from_the_default_acl(void **state)
{
	struct trial *t = *state;
	int64_t d = trial_folder(t, t->root, "d");

	set(t, d, ACL_DEFAULT, plain_of(7, 7, 7));
	assert_int_equal(bits(t, trial_file(t, d, "f")), 0666);
	assert_int_equal(bits(t, trial_folder(t, d, "sub")), 0777);
}

static void a_folder_created_in_the_same_batch_passes_its_default_acl_on(void **state)
{
	struct trial *t = *state;
	int64_t d = trial_folder(t, t->root, "d"), first = trial_reserve(t, 2);
	struct op ops[2] = {op_create_folder(d, "sub"), op_create_file(first, "f")};

	set(t, d, ACL_DEFAULT, acl_of(7, 7, 5, 7, 5));
	ops[0].fields |= OP_HAS_ID;
	ops[0].id = first;
	ops[1].fields |= OP_HAS_ID;
	ops[1].id = first + 1;
	assert_int_equal(trial_apply(t, ops, 2, NULL), 0);
	assert_true(find(t, first + 1, ACL_ACCESS).there);
}

static void a_failed_batch_changes_neither_acl_nor_mode(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op ops[2] = {
		{.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = f, .mode = 0}, op_unlink_of(t->root, "no")};

	set(t, f, ACL_ACCESS, acl_of(7, 6, 5, 7, 1));
	assert_int_equal(trial_apply(t, ops, 2, NULL), -ENOENT);
	assert_int_equal(bits(t, f), 0771);
	assert_acl(t, f, ACL_ACCESS, acl_of(7, 6, 5, 7, 1));
}

static void setting_an_acl_with_op_xattr_no_sgid_clears_the_sgid_bit(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct acl acl = acl_of(7, 6, 5, 7, 1);
	struct op chmod = {.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = f, .mode = 02755};
	struct op op = set_of(f, ACL_ACCESS, &acl);

	(void)trial_do(t, &chmod);
	(void)trial_do(t, &op);
	assert_int_equal(bits(t, f), 02771);
	op.fields = OP_XATTR_NO_SGID;
	(void)trial_do(t, &op);
	assert_int_equal(bits(t, f), 0771);
}

static void invalid_acls_and_unsupported_xattr_names_are_refused(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f"), l = make(t, t->root, "l", S_IFLNK | 0777, 0);
	struct acl acl = acl_of(7, 6, 5, 7, 1);
	struct op op = set_of(f, ACL_DEFAULT, &acl);

	assert_int_equal(trial_error(t, &op), -EACCES);
	op = set_of(l, ACL_ACCESS, &acl);
	assert_int_equal(trial_error(t, &op), -EOPNOTSUPP);
	op = set_of(f, ACL_ACCESS, &acl);
	op.target.size -= 8; /* the entry for others is missing */
	assert_int_equal(trial_error(t, &op), -EINVAL);
	op.target.size -= 1;
	assert_int_equal(trial_error(t, &op), -EINVAL);
	/* This is checked by form, so before anything else. */
	op.name = SPAN_LITERAL("system.other");
	assert_int_equal(op_check(&op), -EOPNOTSUPP);
	op.name = SPAN_LITERAL("user.");
	assert_int_equal(op_check(&op), -EINVAL);
	op.name = SPAN_LITERAL("nobody");
	assert_int_equal(op_check(&op), -EOPNOTSUPP);
	op.name = SPAN_LITERAL("security.selinux");
	assert_int_equal(op_check(&op), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRIAL_CASE(setting_an_access_acl_sets_the_mode),
		TRIAL_CASE(an_acl_that_a_mode_can_express_is_not_stored),
		TRIAL_CASE(setting_an_empty_acl_removes_the_acl_and_keeps_the_mode),
		TRIAL_CASE(chmod_changes_the_mask_of_an_acl),
		TRIAL_CASE(new_documents_inherit_the_default_acl_instead_of_the_umask),
		TRIAL_CASE(a_plain_default_acl_limits_the_mode_of_new_documents),
		TRIAL_CASE(a_create_without_a_mode_takes_it_from_the_default_acl),
		TRIAL_CASE(a_folder_created_in_the_same_batch_passes_its_default_acl_on),
		TRIAL_CASE(a_failed_batch_changes_neither_acl_nor_mode),
		TRIAL_CASE(setting_an_acl_with_op_xattr_no_sgid_clears_the_sgid_bit),
		TRIAL_CASE(invalid_acls_and_unsupported_xattr_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
