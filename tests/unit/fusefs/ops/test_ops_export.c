#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"

#include <fcntl.h>

/* Documents that are found by their number: LOOKUP of "." and "..". */

#define OF_ANOTHER_DRIVE 0x900000002

static uint64_t self_of(struct fixture *f, uint64_t node)
{
	return fake_lookup(&f->kernel, node, ".");
}

static uint64_t parent_of(struct fixture *f, uint64_t node)
{
	return fake_lookup(&f->kernel, node, "..");
}

static uint64_t make_folder_elsewhere(struct fixture *f, uint64_t parent, const char *name)
{
	const struct op op = {.kind = OP_CREATE,
		.fields = OP_HAS_MODE,
		.parent = (int64_t)parent,
		.name = span_str(name),
		.mode = S_IFDIR | 0755};
	const int64_t id = talk_elsewhere(f, &op);

	assert_true(id > 0);
	return (uint64_t)id;
}

static void a_document_is_found_by_its_number(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0640);
	const struct fuse_entry_out *entry = fake_entry(k, self_of(f, file));

	assert_int_equal(entry->nodeid, file);
	assert_int_equal(entry->attr.mode, S_IFREG | 0640);
	assert_int_equal(talk_lookups(f, file), 1);
}

static void a_cached_document_is_found_by_its_number_without_asking_the_store(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct mem_counts before = talk_counts(f);

	assert_int_equal(fake_entry(k, self_of(f, file))->nodeid, file);
	assert_int_equal(talk_counts(f).items, before.items);
	assert_int_equal(talk_counts(f).lookups, before.lookups);
}

static void the_root_is_found_by_its_number(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_entry(&f->kernel, self_of(f, ROOT))->nodeid, ROOT);
	assert_int_equal(fake_entry(&f->kernel, self_of(f, (uint64_t)ITEM_ROOT(DRIVE)))->nodeid, ROOT);
}

static void an_invalid_or_unknown_number_finds_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t items = talk_counts(f).items;

	assert_int_equal(fake_error(k, self_of(f, 0)), ENOENT);
	assert_int_equal(fake_error(k, self_of(f, UINT64_MAX)), ENOENT);
	assert_int_equal(fake_error(k, self_of(f, OF_ANOTHER_DRIVE)), ENOENT);
	assert_int_equal(fake_error(k, parent_of(f, OF_ANOTHER_DRIVE)), ENOENT);
	assert_int_equal(talk_counts(f).items, items);
	assert_int_equal(fake_error(k, self_of(f, NO_SUCH_NODE)), ENOENT);
	assert_int_equal(fake_error(k, parent_of(f, NO_SUCH_NODE)), ENOENT);
}

static void a_document_without_a_name_is_found_while_it_is_open(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDONLY);

	assert_int_equal(fake_error(k, fake_unlink(k, ROOT, "a")), 0);
	assert_int_equal(fake_entry(k, self_of(f, file))->nodeid, file);
	assert_int_equal(fake_error(k, fake_release(k, handle)), 0);
	assert_int_equal(fake_error(k, self_of(f, file)), ENOENT);
}

static void a_lookup_of_dotdot_in_a_folder_finds_its_parent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t outer = (uint64_t)talk_make_elsewhere(f, "outer", S_IFDIR | 0755);
	const uint64_t inner = make_folder_elsewhere(f, outer, "inner");

	assert_int_equal(fake_entry(k, parent_of(f, inner))->nodeid, outer);
	assert_int_equal(fake_entry(k, parent_of(f, outer))->nodeid, ROOT);
	/* The same when the folders are cached. */
	(void)fake_entry(k, self_of(f, inner));
	(void)fake_entry(k, self_of(f, outer));
	assert_int_equal(fake_entry(k, parent_of(f, inner))->nodeid, outer);
}

static void a_lookup_of_dotdot_in_a_file_fails_with_enoent(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_int_equal(fake_error(&f->kernel, parent_of(f, file)), ENOENT);
}

static void a_lookup_of_dotdot_in_a_removed_folder_fails_with_enoent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "a");

	assert_int_equal(fake_error(k, fake_rmdir(k, ROOT, "a")), 0);
	assert_int_equal(fake_error(k, parent_of(f, folder)), ENOENT);
}

static void a_lookup_of_dotdot_in_the_root_finds_the_root(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_entry(&f->kernel, parent_of(f, ROOT))->nodeid, ROOT);
}

static void a_failure_of_the_store_is_the_error_of_a_lookup_by_number(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t outer = (uint64_t)talk_make_elsewhere(f, "outer", S_IFDIR | 0755);
	const uint64_t inner = make_folder_elsewhere(f, outer, "inner");

	talk_fault(f, FAULT_ITEM, FAULT_FAIL, -EACCES, 1);
	assert_int_equal(fake_error(k, self_of(f, inner)), EACCES);
	fault_clear(f->store);
	talk_fault(f, FAULT_ITEM, FAULT_FAIL, -EACCES, 1);
	assert_int_equal(fake_error(k, parent_of(f, inner)), EACCES);
	(void)fake_entry(k, self_of(f, inner));
	fault_clear(f->store);
	talk_fault(f, FAULT_ITEM, FAULT_FAIL, -EACCES, 1);
	assert_int_equal(fake_error(k, parent_of(f, inner)), EACCES); /* here the question about the parent fails */
	assert_int_equal(fake_entry(k, parent_of(f, inner))->nodeid, outer);
}

static void a_lookup_by_number_of_a_dying_caller_ends_at_once_and_counts_no_lookup(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t outer = (uint64_t)talk_make_elsewhere(f, "outer", S_IFDIR | 0755);
	uint64_t self, parent;

	talk_hold(f, FAULT_ITEM);
	k->pid = DEAD_PID;
	self = self_of(f, outer);
	parent = parent_of(f, outer);
	talk_wait_held(f, FAULT_ITEM, 1);
	fake_interrupt(k, self);
	fake_interrupt(k, parent);
	assert_int_equal(fake_error(k, self), EINTR);
	assert_int_equal(fake_error(k, parent), EINTR);
	talk_let_go(f, FAULT_ITEM);
	talk_wait_quiet(f);
	assert_int_equal(talk_lookups(f, outer), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_document_is_found_by_its_number),
		TEST(a_cached_document_is_found_by_its_number_without_asking_the_store),
		TEST(the_root_is_found_by_its_number),
		TEST(an_invalid_or_unknown_number_finds_nothing),
		TEST(a_document_without_a_name_is_found_while_it_is_open),
		TEST(a_lookup_of_dotdot_in_a_folder_finds_its_parent),
		TEST(a_lookup_of_dotdot_in_a_file_fails_with_enoent),
		TEST(a_lookup_of_dotdot_in_a_removed_folder_fails_with_enoent),
		TEST(a_lookup_of_dotdot_in_the_root_finds_the_root),
		TEST(a_failure_of_the_store_is_the_error_of_a_lookup_by_number),
		TEST(a_lookup_by_number_of_a_dying_caller_ends_at_once_and_counts_no_lookup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
