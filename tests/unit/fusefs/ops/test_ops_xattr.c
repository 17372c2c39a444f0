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

static void getxattr_returns_the_value_that_was_set(void **state)
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

static void an_xattr_can_have_an_empty_value(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	set(f, file, "user.flag", "");
	assert_int_equal(fake_xattr_size(k, fake_getxattr(k, file, "user.flag", 0)), 0);
	fake_check_bytes(k, fake_getxattr(k, file, "user.flag", 10), "", 0);
}

static void getxattr_of_an_unset_name_fails_and_listxattr_lists_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_int_equal(fake_error(k, fake_getxattr(k, file, "user.color", 0)), ENODATA);
	assert_int_equal(fake_xattr_size(k, fake_listxattr(k, file, 0)), 0);
	fake_check_bytes(k, fake_listxattr(k, file, 100), "", 0);
}

static void listxattr_returns_all_names_and_refuses_a_short_buffer(void **state)
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

static void all_xattrs_of_a_file_are_fetched_with_one_request_and_cached(void **state)
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

static void getxattr_of_a_file_without_xattrs_does_not_ask_the_store(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a"), asked = talk_counts(f).xattrs;

	assert_int_equal(fake_error(k, fake_getxattr(k, file, "user.a", 0)), ENODATA);
	assert_int_equal(talk_counts(f).xattrs, asked);
}

static void every_xattr_request_refuses_an_invalid_name(void **state)
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

static void every_xattr_request_refuses_a_name_that_is_too_long(void **state)
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

static void xattr_requests_for_a_missing_document_fail_with_enoent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;

	assert_int_equal(fake_error(k, fake_getxattr(k, NO_SUCH_NODE, "user.a", 0)), ENOENT);
	assert_int_equal(fake_error(k, fake_listxattr(k, NO_SUCH_NODE, 0)), ENOENT);
	assert_int_equal(fake_error(k, fake_setxattr(k, NO_SUCH_NODE, "user.a", text("v"), 0)), ENOENT);
}

static void a_failure_of_the_store_is_the_error_of_getxattr_and_is_not_cached(void **state)
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

static void a_getxattr_of_a_dying_caller_ends_at_once(void **state)
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

static void setxattr_obeys_xattr_create_and_xattr_replace(void **state)
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

static void setxattr_takes_the_largest_value_and_refuses_a_larger_one(void **state)
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

static void a_removed_xattr_can_neither_be_read_nor_removed_again(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	set(f, file, "user.a", "1");
	assert_int_equal(fake_error(k, removexattr_of(f, file, "user.a")), 0);
	assert_int_equal(fake_error(k, fake_getxattr(k, file, "user.a", 10)), ENODATA);
	assert_int_equal(fake_error(k, removexattr_of(f, file, "user.a")), ENODATA);
}

static void an_xattr_set_by_this_mount_is_read_without_asking_the_store(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a"), asked = talk_counts(f).xattrs;

	set(f, file, "user.a", "1");
	set(f, file, "user.a", "22");
	fake_check_bytes(k, fake_getxattr(k, file, "user.a", 10), "22", 2);
	assert_int_equal(talk_counts(f).xattrs, asked);
}

static void a_refused_setxattr_leaves_the_old_value(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	set(f, file, "user.a", "1");
	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -ENOSPC, 1);
	assert_int_equal(fake_error(k, fake_setxattr(k, file, "user.a", text("2"), 0)), ENOSPC);
	fake_check_bytes(k, fake_getxattr(k, file, "user.a", 10), "1", 1);
}

static void setxattr_by_a_name_that_another_mount_replaced_fails_with_estale(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	(void)fake_entry(k, fake_lookup(k, ROOT, "a"));
	assert_true(talk_remove_elsewhere(f, "a") > 0);
	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	assert_int_equal(fake_error(k, fake_setxattr(k, file, "user.a", text("1"), 0)), ESTALE);
}

static void setxattr_works_on_an_open_file_whose_name_another_mount_removed(void **state)
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

static void listxattr_lists_trusted_xattrs_only_for_root(void **state)
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

static void getxattr_of_some_names_gets_eopnotsupp_while_no_document_has_xattrs(void **state)
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

static void an_acl_that_was_set_is_fetched_from_the_store_before_it_is_read(void **state)
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

static void a_write_succeeds_and_the_capability_stays_when_the_store_refuses_to_drop_it(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR | O_DIRECT);

	set(f, file, "security.capability", "cap");
	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -EACCES, 1);
	assert_int_equal(fake_written(k, fake_write(k, handle, 0, "x", 1)), 1);
	talk_wait_quiet(f);
	fake_check_bytes(k, fake_getxattr(k, file, "security.capability", 10), "cap", 3);
}

static void a_refused_write_drops_no_capability(void **state)
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
		TEST(getxattr_returns_the_value_that_was_set),
		TEST(an_xattr_can_have_an_empty_value),
		TEST(getxattr_of_an_unset_name_fails_and_listxattr_lists_nothing),
		TEST(listxattr_returns_all_names_and_refuses_a_short_buffer),
		TEST(all_xattrs_of_a_file_are_fetched_with_one_request_and_cached),
		TEST(getxattr_of_a_file_without_xattrs_does_not_ask_the_store),
		TEST(every_xattr_request_refuses_an_invalid_name),
		TEST(every_xattr_request_refuses_a_name_that_is_too_long),
		TEST(xattr_requests_for_a_missing_document_fail_with_enoent),
		TEST(a_failure_of_the_store_is_the_error_of_getxattr_and_is_not_cached),
		TEST(a_signal_does_not_end_getxattr),
		TEST(a_getxattr_of_a_dying_caller_ends_at_once),
		TEST(setxattr_obeys_xattr_create_and_xattr_replace),
		TEST(setxattr_takes_the_largest_value_and_refuses_a_larger_one),
		TEST(a_removed_xattr_can_neither_be_read_nor_removed_again),
		TEST(an_xattr_set_by_this_mount_is_read_without_asking_the_store),
		TEST(a_refused_setxattr_leaves_the_old_value),
		SHARED(setxattr_by_a_name_that_another_mount_replaced_fails_with_estale),
		SHARED(setxattr_works_on_an_open_file_whose_name_another_mount_removed),
		TEST(listxattr_lists_trusted_xattrs_only_for_root),
		OWNED(a_mount_that_shows_one_owner_has_no_acls),
		BARE(getxattr_of_some_names_gets_eopnotsupp_while_no_document_has_xattrs),
		TEST(an_acl_that_was_set_is_fetched_from_the_store_before_it_is_read),
		TEST(a_direct_write_drops_the_capability_of_a_file),
		TEST(a_write_succeeds_and_the_capability_stays_when_the_store_refuses_to_drop_it),
		TEST(a_refused_write_drops_no_capability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
