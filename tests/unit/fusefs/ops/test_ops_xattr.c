#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"
#include "common/proto/acl.h"
#include "common/proto/xattr_name.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/xattr.h>

/* Extended attributes: SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR. */

static struct iovec text(const char *value)
{
	return (struct iovec){(void *)value, strlen(value)};
}

static void set(struct fixture *f, uint64_t node, const char *name, const char *value)
{
	assert_int_equal(fake_error(&f->kernel, fake_setxattr(&f->kernel, node, name, text(value), 0)), 0);
}

static uint64_t removexattr_of(struct fixture *f, uint64_t node, const char *name)
{
	return fake_named(&f->kernel, FUSE_REMOVEXATTR, node, name);
}

static void set_elsewhere(struct fixture *f, uint64_t node, const char *name, const char *value)
{
	const struct op op = {
		.kind = OP_SETXATTR, .id = (int64_t)node, .name = span_str(name), .target = span_str(value)};

	assert_true(talk_elsewhere(f, &op) > 0);
}

/* -- reading -- */

static void a_value_is_read_as_it_was_set(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	set(f, file, "user.color", "blue");
	assert_int_equal(fake_xattr_size(k, fake_getxattr(k, file, "user.color", 0)), 4);
	fake_check_bytes(k, fake_getxattr(k, file, "user.color", 100), "blue", 4);
	fake_check_bytes(k, fake_getxattr(k, file, "user.color", 4), "blue", 4);
	assert_int_equal(fake_error(k, fake_getxattr(k, file, "user.color", 3)), ERANGE);
}

static void a_value_may_be_empty(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	set(f, file, "user.flag", "");
	assert_int_equal(fake_xattr_size(k, fake_getxattr(k, file, "user.flag", 0)), 0);
	fake_check_bytes(k, fake_getxattr(k, file, "user.flag", 10), "", 0);
}

static void what_was_not_set_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_int_equal(fake_error(k, fake_getxattr(k, file, "user.color", 0)), ENODATA);
	assert_int_equal(fake_xattr_size(k, fake_listxattr(k, file, 0)), 0);
	fake_check_bytes(k, fake_listxattr(k, file, 100), "", 0);
}

static void the_names_are_listed_one_behind_the_other(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct fake_answer *a;

	set(f, file, "user.a", "1");
	set(f, file, "user.bb", "2");
	assert_int_equal(fake_xattr_size(k, fake_listxattr(k, file, 0)), 15);
	assert_int_equal(fake_error(k, fake_listxattr(k, file, 14)), ERANGE);
	a = fake_answer(k, fake_listxattr(k, file, 15));
	assert_int_equal(a->error, 0);
	assert_int_equal(a->size, 15);
	assert_true(memcmp(a->body, "user.a\0user.bb", 15) == 0 || memcmp(a->body, "user.bb\0user.a", 15) == 0);
}

static void all_xattrs_of_a_file_are_asked_for_at_once_and_kept(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	const uint64_t asked = talk_counts(f).xattrs;

	set_elsewhere(f, file, "user.a", "1");
	set_elsewhere(f, file, "user.b", "2");
	(void)fake_entry(k, fake_lookup(k, ROOT, "a"));
	fake_check_bytes(k, fake_getxattr(k, file, "user.a", 10), "1", 1);
	fake_check_bytes(k, fake_getxattr(k, file, "user.b", 10), "2", 1);
	assert_int_equal(fake_error(k, fake_getxattr(k, file, "security.capability", 0)), ENODATA);
	assert_int_equal(fake_xattr_size(k, fake_listxattr(k, file, 0)), 14);
	assert_int_equal(talk_counts(f).xattrs, asked + 1);
}

static void of_a_document_that_has_none_nothing_is_asked(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a"), asked = talk_counts(f).xattrs;

	assert_int_equal(fake_error(k, fake_getxattr(k, file, "user.a", 0)), ENODATA);
	assert_int_equal(talk_counts(f).xattrs, asked);
}

static void a_name_that_cannot_be_is_refused_by_every_request(void **state)
{
	static const struct {
		const char *name;
		int error;
	} cases[] = {{"", ERANGE}, {"user.", EINVAL}, {"other.x", EOPNOTSUPP}};
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(fake_error(k, fake_getxattr(k, file, cases[i].name, 0)), cases[i].error);
		assert_int_equal(fake_error(k, fake_setxattr(k, file, cases[i].name, text("v"), 0)), cases[i].error);
		assert_int_equal(fake_error(k, removexattr_of(f, file, cases[i].name)), cases[i].error);
	}
}

static void a_name_that_is_too_long_is_refused_by_every_request(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	char name[XATTR_NAME_BYTES_MAX + 2] = "user.";

	memset(name + 5, 'n', XATTR_NAME_BYTES_MAX - 4);
	assert_int_equal(fake_error(k, fake_getxattr(k, file, name, 0)), ERANGE);
	assert_int_equal(fake_error(k, fake_setxattr(k, file, name, text("v"), 0)), ERANGE);
	assert_int_equal(fake_error(k, removexattr_of(f, file, name)), ERANGE);
	name[XATTR_NAME_BYTES_MAX] = '\0';
	set(f, file, name, "v");
	fake_check_bytes(k, fake_getxattr(k, file, name, 10), "v", 1);
}

static void a_document_that_does_not_exist_has_none(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	assert_int_equal(fake_error(k, fake_getxattr(k, NO_SUCH_NODE, "user.a", 0)), ENOENT);
	assert_int_equal(fake_error(k, fake_listxattr(k, NO_SUCH_NODE, 0)), ENOENT);
	assert_int_equal(fake_error(k, fake_setxattr(k, NO_SUCH_NODE, "user.a", text("v"), 0)), ENOENT);
}

static void what_the_store_does_not_tell_is_an_error_and_not_kept(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);

	set_elsewhere(f, file, "user.a", "1");
	talk_fault(f, FAULT_XATTRS, FAULT_FAIL, -ERR_NO_GATEWAY, 2);
	assert_int_equal(fake_error(k, fake_getxattr(k, file, "user.a", 10)), EIO);
	assert_int_equal(fake_error(k, fake_listxattr(k, file, 10)), EIO);
	fake_check_bytes(k, fake_getxattr(k, file, "user.a", 10), "1", 1);
}

static void a_signal_does_not_end_getxattr(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	uint64_t asked;

	set_elsewhere(f, file, "user.a", "1");
	talk_hold(f, FAULT_XATTRS);
	asked = fake_getxattr(k, file, "user.a", 10);
	talk_wait_held(f, FAULT_XATTRS, 1);
	fake_interrupt(k, asked);
	talk_age(f, 20 * NS_PER_S);
	assert_false(fake_is_answered(k, asked));
	talk_let_go(f, FAULT_XATTRS);
	fake_check_bytes(k, asked, "1", 1);
}

static void a_getxattr_of_who_is_dying_is_answered_at_once(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	uint64_t asked;

	talk_hold(f, FAULT_XATTRS);
	k->pid = DEAD_PID;
	asked = fake_getxattr(k, file, "user.a", 10);
	talk_wait_held(f, FAULT_XATTRS, 1);
	fake_interrupt(k, asked);
	assert_int_equal(fake_error(k, asked), EINTR);
}

/* -- changing -- */

static void a_value_is_created_or_replaced_only_where_that_was_asked_for(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_int_equal(fake_error(k, fake_setxattr(k, file, "user.a", text("1"), XATTR_REPLACE)), ENODATA);
	assert_int_equal(fake_error(k, fake_setxattr(k, file, "user.a", text("1"), XATTR_CREATE)), 0);
	assert_int_equal(fake_error(k, fake_setxattr(k, file, "user.a", text("2"), XATTR_CREATE)), EEXIST);
	fake_check_bytes(k, fake_getxattr(k, file, "user.a", 10), "1", 1);
	assert_int_equal(fake_error(k, fake_setxattr(k, file, "user.a", text("2"), XATTR_REPLACE)), 0);
	fake_check_bytes(k, fake_getxattr(k, file, "user.a", 10), "2", 1);
}

static void the_largest_value_is_taken_and_a_larger_one_is_not(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	char *value = calloc(1, XATTR_VALUE_BYTES_MAX + 1);

	assert_non_null(value);
	assert_int_equal(
		fake_error(k, fake_setxattr(k, file, "user.a", (struct iovec){value, XATTR_VALUE_BYTES_MAX + 1}, 0)),
		E2BIG);
	assert_int_equal(
		fake_error(k, fake_setxattr(k, file, "user.a", (struct iovec){value, XATTR_VALUE_BYTES_MAX}, 0)), 0);
	fake_check_bytes(k, fake_getxattr(k, file, "user.a", XATTR_VALUE_BYTES_MAX), value, XATTR_VALUE_BYTES_MAX);
	free(value);
}

static void an_xattr_that_was_removed_is_gone(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	set(f, file, "user.a", "1");
	assert_int_equal(fake_error(k, removexattr_of(f, file, "user.a")), 0);
	assert_int_equal(fake_error(k, fake_getxattr(k, file, "user.a", 10)), ENODATA);
	assert_int_equal(fake_error(k, removexattr_of(f, file, "user.a")), ENODATA);
}

static void own_changes_are_known_without_asking(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a"), asked = talk_counts(f).xattrs;

	set(f, file, "user.a", "1");
	set(f, file, "user.a", "22");
	fake_check_bytes(k, fake_getxattr(k, file, "user.a", 10), "22", 2);
	assert_int_equal(talk_counts(f).xattrs, asked);
}

static void a_change_that_is_refused_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	set(f, file, "user.a", "1");
	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -ENOSPC, 1);
	assert_int_equal(fake_error(k, fake_setxattr(k, file, "user.a", text("2"), 0)), ENOSPC);
	fake_check_bytes(k, fake_getxattr(k, file, "user.a", 10), "1", 1);
}

static void a_name_that_somebody_else_took_over_is_not_given_attributes(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	(void)fake_entry(k, fake_lookup(k, ROOT, "a"));
	assert_true(talk_remove_elsewhere(f, "a") > 0);
	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	assert_int_equal(fake_error(k, fake_setxattr(k, file, "user.a", text("1"), 0)), ESTALE);
}

static void what_is_open_is_given_attributes_whatever_its_name_is_now(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	(void)talk_open(f, file, O_RDWR);
	(void)fake_entry(k, fake_lookup(k, ROOT, "a"));
	assert_true(talk_remove_elsewhere(f, "a") > 0);
	set(f, file, "user.a", "1");
}

/* -- who sees what -- */

static void trusted_attributes_are_listed_to_root_only(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	set(f, file, "trusted.secret", "1");
	assert_int_equal(fake_xattr_size(k, fake_listxattr(k, file, 0)), sizeof("trusted.secret"));
	k->uid = NOBODY;
	assert_int_equal(fake_xattr_size(k, fake_listxattr(k, file, 0)), 0);
}

static void a_mount_that_shows_one_owner_has_no_acls(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_int_equal(fake_error(k, fake_getxattr(k, file, ACL_ACCESS, 0)), EOPNOTSUPP);
	assert_int_equal(fake_error(k, fake_setxattr(k, file, ACL_ACCESS, text("x"), 0)), EOPNOTSUPP);
	assert_int_equal(fake_error(k, removexattr_of(f, file, ACL_DEFAULT)), EOPNOTSUPP);
	set_elsewhere(f, file, ACL_ACCESS, "x");
	talk_know_nothing(f);
	assert_int_equal(fake_xattr_size(k, fake_listxattr(k, file, 0)), 0);
}

static void where_no_document_has_any_the_kernel_may_stop_asking(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_int_equal(fake_error(k, fake_getxattr(k, file, ACL_DEFAULT, 0)), EOPNOTSUPP);
	assert_int_equal(fake_error(k, fake_getxattr(k, file, "security.selinux", 0)), EOPNOTSUPP);
	assert_int_equal(fake_error(k, fake_getxattr(k, file, ACL_ACCESS, 0)), ENODATA);
	set(f, file, "user.a", "1");
	assert_int_equal(fake_error(k, fake_getxattr(k, file, ACL_DEFAULT, 0)), ENODATA);
}

static void an_acl_that_was_set_is_asked_for_as_the_store_keeps_it(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a"), asked = talk_counts(f).xattrs;

	k->uid = NOBODY;
	k->gid = NOBODY;
	k->pid = DEAD_PID; /* a process whose groups cannot be found out */
	set(f, file, ACL_ACCESS, "x");
	fake_check_bytes(k, fake_getxattr(k, file, ACL_ACCESS, 10), "x", 1);
	assert_int_equal(talk_counts(f).xattrs, asked + 1);
}

/* -- capabilities -- */

static void a_direct_write_drops_the_capability_of_a_file(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR | O_DIRECT);

	set(f, file, "security.capability", "cap");
	talk_write_text(f, handle, 0, "x");
	assert_int_equal(fake_error(k, fake_getxattr(k, file, "security.capability", 10)), ENODATA);
}

static void a_capability_that_cannot_be_dropped_is_asked_for_again(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR | O_DIRECT);

	set(f, file, "security.capability", "cap");
	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -EACCES, 1);
	(void)fake_answer(k, fake_write(k, handle, 0, "x", 1));
	talk_wait_quiet(f);
	fake_check_bytes(k, fake_getxattr(k, file, "security.capability", 10), "cap", 3);
}

static void a_write_that_is_refused_drops_no_capability(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR | O_DIRECT);
	const struct op protect = {
		.kind = OP_SETATTR, .fields = OP_HAS_PROTECT, .id = (int64_t)file, .protect = ITEM_IMMUTABLE};

	set(f, file, "security.capability", "cap");
	assert_true(talk_elsewhere(f, &protect) > 0);
	talk_know_nothing(f);
	assert_int_equal(fake_error(k, fake_getattr(k, file)), 0);
	assert_int_equal(fake_error(k, fake_write(k, handle, 0, "x", 1)), EPERM);
	fake_check_bytes(k, fake_getxattr(k, file, "security.capability", 10), "cap", 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)
#define SHARED(name) cmocka_unit_test_setup_teardown(name, talk_setup_shared, talk_teardown)
#define BARE(name) cmocka_unit_test_setup_teardown(name, talk_setup_bare, talk_teardown)
#define OWNED(name) cmocka_unit_test_setup_teardown(name, talk_setup_owned, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_value_is_read_as_it_was_set),
		TEST(a_value_may_be_empty),
		TEST(what_was_not_set_is_not_there),
		TEST(the_names_are_listed_one_behind_the_other),
		TEST(all_xattrs_of_a_file_are_asked_for_at_once_and_kept),
		TEST(of_a_document_that_has_none_nothing_is_asked),
		TEST(a_name_that_cannot_be_is_refused_by_every_request),
		TEST(a_name_that_is_too_long_is_refused_by_every_request),
		TEST(a_document_that_does_not_exist_has_none),
		TEST(what_the_store_does_not_tell_is_an_error_and_not_kept),
		TEST(a_signal_does_not_end_getxattr),
		TEST(a_getxattr_of_who_is_dying_is_answered_at_once),
		TEST(a_value_is_created_or_replaced_only_where_that_was_asked_for),
		TEST(the_largest_value_is_taken_and_a_larger_one_is_not),
		TEST(an_xattr_that_was_removed_is_gone),
		TEST(own_changes_are_known_without_asking),
		TEST(a_change_that_is_refused_changes_nothing),
		SHARED(a_name_that_somebody_else_took_over_is_not_given_attributes),
		SHARED(what_is_open_is_given_attributes_whatever_its_name_is_now),
		TEST(trusted_attributes_are_listed_to_root_only),
		OWNED(a_mount_that_shows_one_owner_has_no_acls),
		BARE(where_no_document_has_any_the_kernel_may_stop_asking),
		TEST(an_acl_that_was_set_is_asked_for_as_the_store_keeps_it),
		TEST(a_direct_write_drops_the_capability_of_a_file),
		TEST(a_capability_that_cannot_be_dropped_is_asked_for_again),
		TEST(a_write_that_is_refused_drops_no_capability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
