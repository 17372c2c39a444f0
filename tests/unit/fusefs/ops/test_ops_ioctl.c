#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"

#include <fcntl.h>
#include <linux/fs.h>

/* IOCTL: the flags of chattr(1) and lsattr(1). */

struct ioctl_request {
	struct fuse_ioctl_in in;
	char data[64];
};

static uint64_t ask(struct fixture *f, uint64_t node, uint32_t command, const void *in, size_t in_size)
{
	struct ioctl_request r = {.in = {.cmd = command, .in_size = (uint32_t)in_size}};

	/* A command that reads returns as many bytes as the command's own size says. */
	r.in.out_size = _IOC_DIR(command) == _IOC_READ ? _IOC_SIZE(command) : 0;
	if (in_size > 0)
		memcpy(r.data, in, in_size);
	return fake_send(&f->kernel, FUSE_IOCTL, node, &r, sizeof(r.in) + in_size);
}

static uint64_t get(struct fixture *f, uint64_t node)
{
	struct fuse_ioctl_in in = {.cmd = FS_IOC_GETFLAGS, .out_size = sizeof(uint32_t)};

	return fake_send(&f->kernel, FUSE_IOCTL, node, &in, sizeof(in));
}

static uint64_t set(struct fixture *f, uint64_t node, uint32_t flags)
{
	return ask(f, node, FS_IOC_SETFLAGS, &flags, sizeof(flags));
}

static uint64_t get_x(struct fixture *f, uint64_t node)
{
	return ask(f, node, FS_IOC_FSGETXATTR, NULL, 0);
}

static uint64_t set_x(struct fixture *f, uint64_t node, const struct fsxattr *x)
{
	return ask(f, node, FS_IOC_FSSETXATTR, x, sizeof(*x));
}

static uint32_t flags_in(struct fixture *f, uint64_t unique)
{
	const struct fake_answer *a = fake_answer(&f->kernel, unique);
	const struct fuse_ioctl_out *out = (const void *)a->body;
	uint32_t flags;

	assert_int_equal(a->error, 0);
	assert_int_equal(a->size, sizeof(*out) + sizeof(flags));
	assert_int_equal(out->result, 0);
	memcpy(&flags, out + 1, sizeof(flags));
	return flags;
}

static void a_new_document_has_no_flags(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(flags_in(f, get(f, talk_make_file(f, ROOT, "a"))), 0);
}

static void flags_that_were_set_are_read_back_by_both_kinds_of_ioctl(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct fake_answer *a;
	struct fsxattr x;

	assert_int_equal(fake_error(&f->kernel, set(f, file, FS_APPEND_FL | FS_IMMUTABLE_FL)), 0);
	assert_int_equal(flags_in(f, get(f, file)), FS_APPEND_FL | FS_IMMUTABLE_FL);
	a = fake_answer(&f->kernel, get_x(f, file));
	assert_int_equal(a->error, 0);
	memcpy(&x, (const struct fuse_ioctl_out *)(const void *)a->body + 1, sizeof(x));
	assert_int_equal(x.fsx_xflags, FS_XFLAG_APPEND | FS_XFLAG_IMMUTABLE);
	x = (struct fsxattr){.fsx_xflags = FS_XFLAG_APPEND};
	assert_int_equal(fake_error(&f->kernel, set_x(f, file, &x)), 0);
	assert_int_equal(flags_in(f, get(f, file)), FS_APPEND_FL);
	assert_int_equal(fake_error(&f->kernel, set(f, file, 0)), 0);
	assert_int_equal(flags_in(f, get(f, file)), 0);
}

static void flags_that_are_not_cached_are_fetched_from_the_store(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_protected(f, "a", ITEM_IMMUTABLE);

	talk_know_nothing(f);
	assert_int_equal(flags_in(f, get(f, file)), FS_IMMUTABLE_FL);
}

static void only_root_sets_flags(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct fsxattr x = {.fsx_xflags = FS_XFLAG_APPEND};

	f->kernel.uid = NOBODY;
	assert_int_equal(fake_error(&f->kernel, set(f, file, FS_APPEND_FL)), EPERM);
	assert_int_equal(fake_error(&f->kernel, set_x(f, file, &x)), EPERM);
	assert_int_equal(flags_in(f, get(f, file)), 0);
}

static void unsupported_flags_are_refused_with_eopnotsupp(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct fsxattr project = {.fsx_projid = 1}, hint = {.fsx_extsize = 1}, cow = {.fsx_cowextsize = 1},
			     flag = {.fsx_xflags = FS_XFLAG_NODUMP};

	assert_int_equal(fake_error(k, set(f, file, FS_NODUMP_FL)), EOPNOTSUPP);
	assert_int_equal(fake_error(k, set(f, file, FS_APPEND_FL | FS_COMPR_FL)), EOPNOTSUPP);
	assert_int_equal(fake_error(k, set_x(f, file, &project)), EOPNOTSUPP);
	assert_int_equal(fake_error(k, set_x(f, file, &hint)), EOPNOTSUPP);
	assert_int_equal(fake_error(k, set_x(f, file, &cow)), EOPNOTSUPP);
	assert_int_equal(fake_error(k, set_x(f, file, &flag)), EOPNOTSUPP);
	assert_int_equal(flags_in(f, get(f, file)), 0);
}

static void an_ioctl_with_too_few_bytes_is_refused_with_einval(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct fuse_ioctl_in none = {.cmd = FS_IOC_GETFLAGS, .out_size = sizeof(uint32_t) - 1};
	const struct fuse_ioctl_in none_x = {.cmd = FS_IOC_FSGETXATTR, .out_size = sizeof(struct fsxattr) - 1};

	assert_int_equal(fake_error(k, ask(f, file, FS_IOC_SETFLAGS, "abc", 3)), EINVAL);
	assert_int_equal(fake_error(k, ask(f, file, FS_IOC_FSSETXATTR, "abcd", 4)), EINVAL);
	assert_int_equal(fake_error(k, fake_send(k, FUSE_IOCTL, file, &none, sizeof(none))), EINVAL);
	assert_int_equal(fake_error(k, fake_send(k, FUSE_IOCTL, file, &none_x, sizeof(none_x))), EINVAL);
}

static void an_unknown_ioctl_command_gets_enotty(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		fake_error(&f->kernel, ask(f, talk_make_file(f, ROOT, "a"), FS_IOC_GETVERSION, NULL, 0)), ENOTTY);
}

static void flags_of_a_missing_document_can_neither_be_read_nor_set(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_error(&f->kernel, get(f, NO_SUCH_NODE)), ENOENT);
	assert_int_equal(fake_error(&f->kernel, set(f, NO_SUCH_NODE, FS_APPEND_FL)), ESTALE);
}

static void flags_stay_unchanged_when_the_store_refuses_new_ones(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -EACCES, 1);
	assert_int_equal(fake_error(k, set(f, file, FS_APPEND_FL)), EACCES);
	assert_int_equal(flags_in(f, get(f, file)), 0);
	talk_know_nothing(f);
	talk_fault(f, FAULT_ITEM, FAULT_FAIL, -ERR_NO_GATEWAY, 1);
	talk_hold(f, FAULT_DRIVE);
	assert_int_equal(flags_in(f, get(f, file)), 0); /* asked once more: the outage began before this call */
}

static void unstored_data_is_stored_before_a_file_becomes_immutable(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR);

	talk_write_text(f, handle, 0, "written before");
	assert_int_equal(fake_error(k, set(f, file, FS_IMMUTABLE_FL)), 0);
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
	assert_int_equal(fake_error(k, fake_write(k, handle, 0, "x", 1)), EPERM);
	talk_check_content(f, handle, "written before");
}

static void a_signal_does_not_end_the_setting_of_flags(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	uint64_t asked;

	talk_hold(f, FAULT_BATCH);
	asked = set(f, file, FS_APPEND_FL);
	talk_wait_held(f, FAULT_BATCH, 1);
	fake_interrupt(k, asked);
	talk_age(f, 20 * NS_PER_S);
	assert_false(fake_is_answered(k, asked));
	talk_let_go(f, FAULT_BATCH);
	assert_int_equal(fake_error(k, asked), 0);
	assert_int_equal(flags_in(f, get(f, file)), FS_APPEND_FL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_document_has_no_flags),
		TEST(flags_that_were_set_are_read_back_by_both_kinds_of_ioctl),
		TEST(flags_that_are_not_cached_are_fetched_from_the_store),
		TEST(only_root_sets_flags),
		TEST(unsupported_flags_are_refused_with_eopnotsupp),
		TEST(an_ioctl_with_too_few_bytes_is_refused_with_einval),
		TEST(an_unknown_ioctl_command_gets_enotty),
		TEST(flags_of_a_missing_document_can_neither_be_read_nor_set),
		TEST(flags_stay_unchanged_when_the_store_refuses_new_ones),
		TEST(unstored_data_is_stored_before_a_file_becomes_immutable),
		TEST(a_signal_does_not_end_the_setting_of_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
