/*
 * block_suite: what block_store.h promises, as tests that every store passes. The state of each test is a struct
 * block_trial, which the program's set-up makes.
 */
#ifndef NEPHOS_TESTS_BLOCK_SUITE_H
#define NEPHOS_TESTS_BLOCK_SUITE_H

#include "backend/docs/blocks/block_store.h"

struct block_trial {
	struct block_store *blocks;
};

/* Drive 7; the hash is the byte `first`, repeated. */
struct block_name block_trial_name(uint8_t first, int64_t generation);
int block_trial_put(struct block_trial *t, const struct block_name *name, const char *text);
/* Makes size bytes in which no two pieces are alike; the caller frees them. */
char *block_trial_bytes(size_t size);

struct block_trial_seen {
	int64_t sum; /* of generations */
	unsigned count, steps;
};
struct block_trial_seen block_trial_each(struct block_trial *t, uint32_t folder, int64_t older_s);

void block_suite_what_was_put_is_got(void **state);
void block_suite_any_range_of_any_size_is_got(void **state);
void block_suite_what_is_not_there_is_said(void **state);
void block_suite_a_block_is_never_overwritten(void **state);
void block_suite_generations_drives_and_hashes_are_apart(void **state);
void block_suite_removing_what_is_not_there_is_done(void **state);
void block_suite_each_names_all_blocks_once(void **state);
void block_suite_each_ends_with_a_failure_of_its_callback(void **state);
void block_suite_many_threads_put_one_block_once(void **state);
void block_suite_a_spool_is_a_file_without_a_name(void **state);
void block_suite_there_is_room(void **state);

/* The whole suite, for a table of tests; `what` names the store in their reports. */
#define BLOCK_SUITE_TEST(what, name, setup, teardown)                     \
	{                                                                 \
#name "_" what, block_suite_##name, setup, teardown, NULL \
	}
#define BLOCK_SUITE(what, setup, teardown)                                                         \
	BLOCK_SUITE_TEST(what, what_was_put_is_got, setup, teardown),                              \
		BLOCK_SUITE_TEST(what, any_range_of_any_size_is_got, setup, teardown),             \
		BLOCK_SUITE_TEST(what, what_is_not_there_is_said, setup, teardown),                \
		BLOCK_SUITE_TEST(what, a_block_is_never_overwritten, setup, teardown),             \
		BLOCK_SUITE_TEST(what, generations_drives_and_hashes_are_apart, setup, teardown),  \
		BLOCK_SUITE_TEST(what, removing_what_is_not_there_is_done, setup, teardown),       \
		BLOCK_SUITE_TEST(what, each_names_all_blocks_once, setup, teardown),               \
		BLOCK_SUITE_TEST(what, each_ends_with_a_failure_of_its_callback, setup, teardown), \
		BLOCK_SUITE_TEST(what, many_threads_put_one_block_once, setup, teardown),          \
		BLOCK_SUITE_TEST(what, a_spool_is_a_file_without_a_name, setup, teardown),         \
		BLOCK_SUITE_TEST(what, there_is_room, setup, teardown)

#endif
