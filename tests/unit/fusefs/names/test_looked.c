#include "fusefs/names/looked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER 7
#define TID 100

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct looked));
	assert_non_null(*state);
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void up(struct looked *l, pid_t tid, const char *name, int64_t id, enum looked_how how)
{
	looked_up(l, tid, &(struct looked_answer){.folder = FOLDER, .name = span_str(name), .id = id, .how = how});
}

static void an_open_uses_the_last_lookup_of_its_own_thread_once(void **state)
{
	struct looked *l = *state;
	const struct looked_name *name;

	up(l, TID, "other", 1, LOOKED_ASKED);
	up(l, TID, "f", 2, LOOKED_KNOWN);
	up(l, TID + 1, "g", 2, LOOKED_ASKED);
	assert_int_equal(looked_take(l, TID, 2, &name), LOOKED_KNOWN);
	assert_int_equal(name->folder, FOLDER);
	assert_true(span_eq_str(span_of(name->bytes, name->size), "f"));
	assert_int_equal(looked_take(l, TID, 2, &name), LOOKED_NOT);
	assert_null(name);
	assert_int_equal(looked_take(l, TID + 1, 2, &name), LOOKED_ASKED);
}

static void looked_take_finds_nothing_for_another_document_or_an_evicted_thread(void **state)
{
	struct looked *l = *state;
	const struct looked_name *name;

	up(l, TID, "f", 2, LOOKED_ASKED);
	assert_int_equal(looked_take(l, TID, 3, &name), LOOKED_NOT);
	up(l, TID, "f", 2, LOOKED_ASKED);
	up(l, TID + (pid_t)LOOKED_MAX, "g", 3, LOOKED_ASKED);
	assert_int_equal(looked_take(l, TID, 2, &name), LOOKED_NOT);
}

static void after_an_open_was_sent_back_the_next_lookup_of_its_name_counts_as_asked(void **state)
{
	struct looked *l = *state;
	const struct looked_name *name;

	looked_back(l, TID, FOLDER, SPAN_LITERAL("f"));
	/* On the way to the name the kernel looks up folders. It looks up the name itself twice when its own cache
	 * was wrong. */
	up(l, TID, "d", 5, LOOKED_KNOWN);
	up(l, TID, "f", 3, LOOKED_KNOWN);
	up(l, TID, "f", 3, LOOKED_KNOWN);
	assert_int_equal(looked_take(l, TID, 3, &name), LOOKED_ASKED);
	/* The lookups before belonged to one open; this one belongs to another. */
	up(l, TID, "f", 3, LOOKED_KNOWN);
	assert_int_equal(looked_take(l, TID, 3, &name), LOOKED_KNOWN);
	/* The name is gone: both lookups find nothing, and the lookup after them belongs to another open. */
	looked_back(l, TID, FOLDER, SPAN_LITERAL("f"));
	up(l, TID, "f", 0, LOOKED_KNOWN);
	up(l, TID, "f", 0, LOOKED_KNOWN);
	up(l, TID, "f", 3, LOOKED_KNOWN);
	assert_int_equal(looked_take(l, TID, 3, &name), LOOKED_KNOWN);
}

static void lookups_of_folders_and_absent_names_do_not_replace_the_lookup_of_a_document(void **state)
{
	struct looked *l = *state;
	const struct looked_name *name;

	up(l, TID, "f", 2, LOOKED_KNOWN);
	looked_up(l, TID,
		&(struct looked_answer){
			.folder = FOLDER, .name = SPAN_LITERAL("d"), .id = 5, .is_folder = true, .how = LOOKED_KNOWN});
	up(l, TID, "new", 0, LOOKED_ASKED);
	assert_int_equal(looked_take(l, TID, 2, &name), LOOKED_KNOWN);
	assert_true(span_eq_str(span_of(name->bytes, name->size), "f"));
	/* One request has taken the entry, whatever document it was for. */
	assert_int_equal(looked_take(l, TID, 5, &name), LOOKED_NOT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_open_uses_the_last_lookup_of_its_own_thread_once),
		TEST(looked_take_finds_nothing_for_another_document_or_an_evicted_thread),
		TEST(lookups_of_folders_and_absent_names_do_not_replace_the_lookup_of_a_document),
		TEST(after_an_open_was_sent_back_the_next_lookup_of_its_name_counts_as_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
