#include "fusefs/names/prefetch.h"

#include "common/base/error.h"
#include "tests/unit/fusefs/ops/talk_fixture.h"

#include <fcntl.h>
#include <stdio.h>

/* When small files are read one after another, as tar and grep -r do it, the mount fetches the content of the next
 * ones with them. */

#define FILES 200

static void name_of(int n, char *ret, size_t size)
{
	(void)snprintf(ret, size, "f%03d", n);
}

/* The content of each file is its name. Another mount makes the files. This mount lists the folder, so that it has
 * the names cached, but no content. */
static int setup(void **state)
{
	int r = talk_setup(state);
	struct fixture *f = *state;
	uint64_t handle, at = 0;
	char name[16];
	size_t size;

	for (int i = 0; r == 0 && i < FILES; i++) {
		name_of(i, name, sizeof(name));
		talk_store_elsewhere(f, talk_make_elsewhere(f, name, S_IFREG | 0644), span_str(name));
	}
	handle = fake_handle(&f->kernel, fake_opendir(&f->kernel, ROOT));
	do {
		const struct fake_answer *a = fake_answer(&f->kernel, fake_readdirplus(&f->kernel, handle, at, 4096));
		const char *bytes = (const char *)a->body;

		size = a->size;
		for (size_t used = 0; used < size;) {
			const struct fuse_direntplus *entry = (const void *)(bytes + used);

			at = entry->dirent.off;
			used += FUSE_DIRENTPLUS_SIZE(entry);
		}
	} while (size > 0);
	talk_wait_quiet(f);
	return r;
}

static void read_file(struct fixture *f, int n)
{
	char name[16];

	name_of(n, name, sizeof(name));
	talk_check_content(f, talk_open(f, talk_node(f, name), O_RDONLY), name);
	talk_wait_quiet(f);
}

static void read_files(struct fixture *f, int first, int last)
{
	for (int n = first; n <= last; n++)
		read_file(f, n);
}

static uint64_t pages(struct fixture *f)
{
	return talk_counts(f).children;
}

static uint64_t fetches(struct fixture *f)
{
	return talk_counts(f).extents;
}

static void reading_the_first_file_of_a_folder_prefetches_nothing(void **state)
{
	struct fixture *f = *state;
	const uint64_t before = pages(f);

	read_file(f, 0);
	assert_int_equal(pages(f), before);
}

static void reading_a_second_file_prefetches_a_page_of_the_next_files(void **state)
{
	struct fixture *f = *state;
	const uint64_t before = pages(f);
	uint64_t fetched;

	read_files(f, 0, 1);
	assert_int_equal(pages(f), before + 1);
	fetched = fetches(f);
	read_files(f, 2, PREFETCH_MIN - 1);
	assert_int_equal(fetches(f), fetched);
	assert_int_equal(pages(f), before + 1);
}

static void the_second_prefetched_page_follows_the_first_and_is_twice_as_large(void **state)
{
	struct fixture *f = *state;
	const uint64_t before = pages(f);
	uint64_t fetched;

	read_files(f, 0, PREFETCH_MIN);
	assert_int_equal(pages(f), before + 2);
	fetched = fetches(f);
	read_files(f, PREFETCH_MIN + 1, 3 * PREFETCH_MIN - 1);
	assert_int_equal(fetches(f), fetched);
	assert_int_equal(pages(f), before + 2);
	read_file(f, 3 * PREFETCH_MIN);
	assert_int_equal(pages(f), before + 3);
}

static void no_page_follows_a_prefetched_page_that_was_not_read(void **state)
{
	struct fixture *f = *state;
	const uint64_t before = pages(f);

	read_files(f, 0, 1);
	read_files(f, 150, 153);
	assert_int_equal(pages(f), before + 1);
}

static void a_page_of_the_same_size_follows_a_prefetched_page_that_was_little_read(void **state)
{
	struct fixture *f = *state;
	const uint64_t before = pages(f);
	uint64_t fetched;

	read_files(f, 0, 2);
	read_file(f, 150); /* beyond the first page */
	assert_int_equal(pages(f), before + 2);
	fetched = fetches(f);
	read_files(f, PREFETCH_MIN, 2 * PREFETCH_MIN - 1);
	assert_int_equal(fetches(f), fetched);
	read_file(f, 2 * PREFETCH_MIN); /* the second page was not larger than the first */
	assert_int_equal(pages(f), before + 3);
}

static void once_the_whole_folder_was_prefetched_no_page_is_asked_for_again(void **state)
{
	struct fixture *f = *state;
	uint64_t before;

	read_files(f, 0, FILES - 1);
	before = pages(f);
	talk_forget_content(f);
	read_files(f, 0, 3);
	assert_int_equal(pages(f), before);
}

static void a_failed_prefetch_is_not_repeated_for_the_next_files(void **state)
{
	struct fixture *f = *state;
	uint64_t before;

	talk_fault(f, FAULT_CHILDREN, FAULT_FAIL, -ERR_NO_GATEWAY, 1);
	read_files(f, 0, 1);
	before = fault_count(f->store, FAULT_CHILDREN);
	read_files(f, 2, 5);
	assert_int_equal(fault_count(f->store, FAULT_CHILDREN), before);
}

static void at_most_one_prefetched_page_is_in_flight(void **state)
{
	struct fixture *f = *state;
	char name[16];

	talk_hold(f, FAULT_CHILDREN);
	for (int n = 0; n < 10; n++) {
		name_of(n, name, sizeof(name));
		talk_check_content(f, talk_open(f, talk_node(f, name), O_RDONLY), name);
	}
	talk_wait_held(f, FAULT_CHILDREN, 1);
	assert_int_equal(fault_release(f->store, FAULT_CHILDREN), 1);
}

static void a_folder_can_be_forgotten_while_a_prefetch_of_it_is_in_flight(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");
	uint64_t nodes[2];

	for (int i = 0; i < 2; i++) {
		nodes[i] = talk_make_file(f, folder, i == 0 ? "a" : "b");
		talk_store_elsewhere(f, (int64_t)nodes[i], SPAN_LITERAL("text"));
	}
	talk_forget_content(f);
	talk_know_nothing(f);
	talk_hold(f, FAULT_CHILDREN);
	for (int i = 0; i < 2; i++) {
		(void)fake_attr(k, fake_getattr(k, nodes[i]));
		talk_forget_content(f);
		talk_check_content(f, talk_open(f, nodes[i], O_RDONLY), "text");
	}
	fake_forget(k, folder, 1);
	talk_let_go(f, FAULT_CHILDREN);
	talk_wait_quiet(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reading_the_first_file_of_a_folder_prefetches_nothing),
		TEST(reading_a_second_file_prefetches_a_page_of_the_next_files),
		TEST(the_second_prefetched_page_follows_the_first_and_is_twice_as_large),
		TEST(no_page_follows_a_prefetched_page_that_was_not_read),
		TEST(a_page_of_the_same_size_follows_a_prefetched_page_that_was_little_read),
		TEST(once_the_whole_folder_was_prefetched_no_page_is_asked_for_again),
		TEST(a_failed_prefetch_is_not_repeated_for_the_next_files),
		TEST(at_most_one_prefetched_page_is_in_flight),
		TEST(a_folder_can_be_forgotten_while_a_prefetch_of_it_is_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
