#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"

#include <fcntl.h>

/* OPEN, and the questions to the store before a file is opened or changed by its name (ops_check). */

static const struct fuse_open_out *opened(struct fixture *f, uint64_t unique)
{
	const struct fake_answer *a = fake_answer(&f->kernel, unique);

	assert_int_equal(a->error, 0);
	return (const void *)a->body;
}

/* The kernel's node of the name. The second lookup is answered from the cache, so that an open has to check the
 * name. */
static uint64_t look_up_twice(struct fixture *f, const char *name)
{
	(void)fake_entry(&f->kernel, fake_lookup(&f->kernel, ROOT, name));
	return fake_entry(&f->kernel, fake_lookup(&f->kernel, ROOT, name))->nodeid;
}

/* -- alone -- */

static void an_open_asks_the_store_nothing_while_no_other_mount_uses_the_drive(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const struct mem_counts before = talk_counts(f);
	struct mem_counts after;

	(void)talk_open(f, file, O_RDWR);
	after = talk_counts(f);
	assert_int_equal(after.lookups + after.items, before.lookups + before.items);
	assert_int_equal(talk_open_count(f), 1);
}

static void an_open_of_an_unknown_node_fails_with_estale(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_error(&f->kernel, fake_open(&f->kernel, NO_SUCH_NODE, O_RDONLY)), ESTALE);
	assert_int_equal(talk_open_count(f), 0);
}

static void a_file_opened_with_o_trunc_is_empty(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	talk_write_text(f, talk_open(f, file, O_RDWR), 0, "old");
	talk_check_content(f, talk_open(f, file, O_RDWR | O_TRUNC), "");
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->size, 0);
}

static void o_trunc_clears_the_set_id_bits_for_a_user_and_not_for_root(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_int_equal(fake_error(k, fake_chmod(k, file, 06755)), 0);
	(void)talk_open(f, file, O_RDWR | O_TRUNC);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->mode, S_IFREG | 06755);
	k->uid = NOBODY;
	(void)talk_open(f, file, O_RDWR | O_TRUNC);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->mode, S_IFREG | 0755);
}

static void an_open_fails_if_its_truncation_is_refused(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -ERR_FORBIDDEN, 1);
	assert_int_equal(fake_error(k, fake_open(k, file, O_RDWR | O_TRUNC)), EPERM);
	assert_int_equal(talk_open_count(f), 0);
}

static void an_open_with_o_trunc_of_an_unknown_node_fails_with_estale(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_error(&f->kernel, fake_open(&f->kernel, NO_SUCH_NODE, O_RDWR | O_TRUNC)), ESTALE);
}

static void a_protected_file_can_be_opened_only_as_far_as_its_flags_allow(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t immutable = talk_make_protected(f, "i", ITEM_IMMUTABLE);
	const uint64_t append = talk_make_protected(f, "a", ITEM_APPEND_ONLY);

	(void)talk_open(f, immutable, O_RDONLY);
	assert_int_equal(fake_error(k, fake_open(k, immutable, O_WRONLY)), EPERM);
	assert_int_equal(fake_error(k, fake_open(k, immutable, O_WRONLY | O_APPEND)), EPERM);
	assert_int_equal(fake_error(k, fake_open(k, immutable, O_RDONLY | O_TRUNC)), EPERM);
	(void)talk_open(f, append, O_RDONLY);
	(void)talk_open(f, append, O_WRONLY | O_APPEND);
	assert_int_equal(fake_error(k, fake_open(k, append, O_RDWR)), EPERM);
	assert_int_equal(fake_error(k, fake_open(k, append, O_WRONLY | O_APPEND | O_TRUNC)), EPERM);
}

static void the_kernel_may_keep_pages_from_one_open_to_the_next(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	assert_false(opened(f, fake_open(k, file, O_RDONLY))->open_flags & FOPEN_KEEP_CACHE);
	assert_true(opened(f, fake_open(k, file, O_RDONLY))->open_flags & FOPEN_KEEP_CACHE);
	assert_true(opened(f, fake_open(k, file, O_RDONLY | O_DIRECT))->open_flags & FOPEN_DIRECT_IO);
}

static void an_open_whose_answer_the_kernel_did_not_get_leaves_nothing_open(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = talk_make_file(f, ROOT, "a");

	fake_hang_up(&f->kernel);
	(void)fake_open(&f->kernel, file, O_RDONLY);
	(void)fake_open(&f->kernel, file, O_RDONLY | O_TRUNC);
	talk_wait_quiet(f);
	assert_int_equal(talk_open_count(f), 0);
}

/* -- with others at work -- */

static void an_open_after_a_lookup_in_the_store_does_not_check_the_name_again(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t lookups, file;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	file = fake_entry(k, fake_lookup(k, ROOT, "a"))->nodeid;
	lookups = talk_counts(f).lookups;
	(void)talk_open(f, file, O_RDONLY);
	assert_int_equal(talk_counts(f).lookups, lookups);
}

static void an_open_after_a_cached_lookup_checks_the_name_once(void **state)
{
	struct fixture *f = *state;
	uint64_t lookups, file;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	file = look_up_twice(f, "a");
	lookups = talk_counts(f).lookups;
	(void)talk_open(f, file, O_RDONLY);
	assert_int_equal(talk_counts(f).lookups, lookups + 1);
}

static void an_open_of_a_removed_name_fails_with_estale_and_a_lookup_finds_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t file;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	file = look_up_twice(f, "a");
	assert_true(talk_remove_elsewhere(f, "a") > 0);
	assert_int_equal(fake_error(k, fake_open(k, file, O_RDONLY)), ESTALE);
	assert_int_equal(talk_open_count(f), 0);
	assert_true(fake_is_absent(k, fake_lookup(k, ROOT, "a")));
}

static void an_open_of_a_replaced_name_fails_and_a_lookup_finds_the_new_document(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t file, other;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	file = look_up_twice(f, "a");
	assert_true(talk_remove_elsewhere(f, "a") > 0);
	other = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	assert_int_equal(fake_error(k, fake_open(k, file, O_RDONLY)), ESTALE);
	assert_int_equal(fake_entry(k, fake_lookup(k, ROOT, "a"))->nodeid, other);
	(void)talk_open(f, other, O_RDONLY);
}

static void a_node_opened_by_number_can_be_opened_again_after_its_name_is_removed(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);

	/* By its number, as with a file handle: no thread here has looked up a name. */
	(void)talk_open(f, file, O_RDONLY);
	assert_true(talk_remove_elsewhere(f, "a") > 0);
	k->pid = 77;
	(void)talk_open(f, file, O_RDONLY); /* the file is open in this mount */
}

static void an_open_by_number_of_a_removed_document_fails_with_estale(void **state)
{
	struct fixture *f = *state;
	const uint64_t file = (uint64_t)talk_make_elsewhere(f, "a", S_IFREG | 0644);

	assert_true(talk_remove_elsewhere(f, "a") > 0);
	assert_int_equal(fake_error(&f->kernel, fake_open(&f->kernel, file, O_RDONLY)), ESTALE);
	assert_int_equal(fake_error(&f->kernel, fake_open(&f->kernel, NO_SUCH_NODE, O_RDONLY)), ESTALE);
}

static void an_open_fails_if_its_name_cannot_be_checked(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t file;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	file = look_up_twice(f, "a");
	talk_fault(f, FAULT_LOOKUP, FAULT_FAIL, -ERR_NO_GATEWAY, 1);
	assert_int_equal(fake_error(k, fake_open(k, file, O_RDONLY)), EIO);
	talk_fault(f, FAULT_ITEM, FAULT_FAIL, -EACCES, 1);
	assert_int_equal(fake_error(k, fake_open(k, file, O_RDONLY)), EACCES);
	assert_int_equal(talk_open_count(f), 0);
}

static void a_signal_ends_an_open_once_the_store_is_silent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t file, asked;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	file = look_up_twice(f, "a");
	talk_hold(f, FAULT_LOOKUP);
	asked = fake_open(k, file, O_RDONLY);
	talk_wait_held(f, FAULT_LOOKUP, 1);
	fake_interrupt(k, asked);
	assert_false(fake_is_answered(k, asked));
	talk_age(f, 11 * NS_PER_S);
	assert_int_equal(fake_error(k, asked), EINTR);
	assert_int_equal(talk_open_count(f), 0);
}

static void an_open_of_a_dying_caller_opens_and_truncates_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t file, asked;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	k->pid = DEAD_PID;
	file = look_up_twice(f, "a");
	talk_hold(f, FAULT_LOOKUP);
	asked = fake_open(k, file, O_RDONLY | O_TRUNC);
	talk_wait_held(f, FAULT_LOOKUP, 1);
	fake_interrupt(k, asked);
	assert_int_equal(fake_error(k, asked), EINTR);
	talk_wait_quiet(f);
	assert_int_equal(talk_open_count(f), 0);
	assert_int_equal(talk_counts(f).batches, 1); /* the batch that created the file: nothing was truncated */
}

static void a_node_can_be_forgotten_while_its_open_is_checked(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t file, asked;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	file = look_up_twice(f, "a");
	talk_hold(f, FAULT_LOOKUP);
	asked = fake_open(k, file, O_RDONLY);
	talk_wait_held(f, FAULT_LOOKUP, 1);
	fake_forget(k, file, 2);
	talk_let_go(f, FAULT_LOOKUP);
	(void)fake_handle(k, asked);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)
#define SHARED(name) cmocka_unit_test_setup_teardown(name, talk_setup_shared, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_open_asks_the_store_nothing_while_no_other_mount_uses_the_drive),
		TEST(an_open_of_an_unknown_node_fails_with_estale),
		TEST(a_file_opened_with_o_trunc_is_empty),
		TEST(o_trunc_clears_the_set_id_bits_for_a_user_and_not_for_root),
		TEST(an_open_fails_if_its_truncation_is_refused),
		TEST(an_open_with_o_trunc_of_an_unknown_node_fails_with_estale),
		TEST(a_protected_file_can_be_opened_only_as_far_as_its_flags_allow),
		TEST(the_kernel_may_keep_pages_from_one_open_to_the_next),
		TEST(an_open_whose_answer_the_kernel_did_not_get_leaves_nothing_open),
		SHARED(an_open_after_a_lookup_in_the_store_does_not_check_the_name_again),
		SHARED(an_open_after_a_cached_lookup_checks_the_name_once),
		SHARED(an_open_of_a_removed_name_fails_with_estale_and_a_lookup_finds_nothing),
		SHARED(an_open_of_a_replaced_name_fails_and_a_lookup_finds_the_new_document),
		SHARED(a_node_opened_by_number_can_be_opened_again_after_its_name_is_removed),
		SHARED(an_open_by_number_of_a_removed_document_fails_with_estale),
		SHARED(an_open_fails_if_its_name_cannot_be_checked),
		SHARED(a_signal_ends_an_open_once_the_store_is_silent),
		SHARED(an_open_of_a_dying_caller_opens_and_truncates_nothing),
		SHARED(a_node_can_be_forgotten_while_its_open_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
