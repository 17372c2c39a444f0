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

void block_suite_a_block_is_read_back_whole_and_in_ranges(void **state);
void block_suite_ranges_of_blocks_of_any_size_are_read_back(void **state);
void block_suite_get_and_size_of_a_missing_block_fail_with_enoent(void **state);
void block_suite_a_block_is_never_overwritten(void **state);
void block_suite_blocks_are_distinct_by_generation_drive_and_hash(void **state);
void block_suite_removing_a_missing_block_succeeds(void **state);
void block_suite_each_visits_every_block_exactly_once(void **state);
void block_suite_each_stops_with_the_error_of_its_callback(void **state);
void block_suite_one_of_many_concurrent_puts_of_a_block_succeeds(void **state);
void block_suite_a_spool_file_can_be_written_and_read(void **state);
void block_suite_free_bytes_reports_free_space_within_the_total(void **state);

/* The whole suite, for a table of tests; `what` names the store in their reports. */
#define BLOCK_SUITE_TEST(what, name, setup, teardown)                     \
	{                                                                 \
#name "_" what, block_suite_##name, setup, teardown, NULL \
	}
#define BLOCK_SUITE(what, setup, teardown)                                                                 \
	BLOCK_SUITE_TEST(what, a_block_is_read_back_whole_and_in_ranges, setup, teardown),                 \
		BLOCK_SUITE_TEST(what, ranges_of_blocks_of_any_size_are_read_back, setup, teardown),       \
		BLOCK_SUITE_TEST(what, get_and_size_of_a_missing_block_fail_with_enoent, setup, teardown), \
		BLOCK_SUITE_TEST(what, a_block_is_never_overwritten, setup, teardown),                     \
		BLOCK_SUITE_TEST(what, blocks_are_distinct_by_generation_drive_and_hash, setup, teardown), \
		BLOCK_SUITE_TEST(what, removing_a_missing_block_succeeds, setup, teardown),                \
		BLOCK_SUITE_TEST(what, each_visits_every_block_exactly_once, setup, teardown),             \
		BLOCK_SUITE_TEST(what, each_stops_with_the_error_of_its_callback, setup, teardown),        \
		BLOCK_SUITE_TEST(what, one_of_many_concurrent_puts_of_a_block_succeeds, setup, teardown),  \
		BLOCK_SUITE_TEST(what, a_spool_file_can_be_written_and_read, setup, teardown),             \
		BLOCK_SUITE_TEST(what, free_bytes_reports_free_space_within_the_total, setup, teardown)

#endif
