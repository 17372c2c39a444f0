/* blocks: whether one more block is accepted, over a store that gives the test's answers, and blocks in memory. */
#include "backend/docs/request/blocks.h"

#include "backend/docs/blocks/block_mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define MIB (INT64_C(1) << 20)

struct world {
	struct docs_store store; /* first */
	struct docs docs;
	int64_t room, collected; /* how many bytes are free, and how many a collection adds */
	/* How many collections find something; the last one of them makes room. */
	unsigned doubtful;
	unsigned collections, stored;
	int64_t disk, disk_collected; /* the same for the disk; 0: no limit */
};

static int no_block(
	struct docs_store *s, const struct docs_scope *scope, const uint8_t sha256[32], struct docs_block *ret)
{
	(void)s;
	(void)scope;
	(void)sha256;
	(void)ret;
	return -ENOENT;
}

static int generation(struct docs_store *s, const struct docs_scope *scope, struct docs_block *ret, int64_t *ret_room)
{
	const struct world *w = (struct world *)s;

	(void)scope;
	ret->generation = 7;
	*ret_room = w->room;
	return 0;
}

static int stored(
	struct docs_store *s, const struct docs_scope *scope, const struct docs_block *block, struct docs_block *ret)
{
	(void)scope;
	((struct world *)s)->stored++;
	*ret = *block;
	return 0;
}

static int collect(struct docs_store *s, const struct docs_shortage *shortage,
	int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie,
	uint32_t *ret_count)
{
	struct world *w = (struct world *)s;

	(void)on_block;
	(void)cookie;
	assert_int_equal(shortage->drive, 2);
	assert_int_equal(shortage->bytes, 1000 - (w->disk ? w->disk - w->docs.blocks_reserve : w->room));
	w->collections++;
	*ret_count = w->doubtful > 0;
	w->doubtful -= w->doubtful > 0;
	if (w->doubtful > 0)
		return 0;
	w->room += w->collected;
	if (w->disk)
		block_mem_left(w->docs.blocks, w->disk += w->disk_collected);
	return 0;
}

static const struct docs_store_ops ops = {
	.block_find = no_block, .block_generation = generation, .block_stored = stored, .collect_short = collect};

static int setup(void **state)
{
	static struct world world;

	world = (struct world){.store.ops = &ops, .room = INT64_MAX};
	*state = &world;
	return block_mem_new(&world.docs.blocks);
}

static int teardown(void **state)
{
	const struct world *w = *state;

	w->docs.blocks->ops->free(w->docs.blocks);
	return 0;
}

/* Keeps a block of 1,000 bytes. */
static int keep(struct world *w)
{
	static const char bytes[1000];
	const struct docs_scope scope = {.user = 1, .drive = 2};
	const struct blocks_piece piece = {.bytes = span_of(bytes, sizeof(bytes))};

	return blocks_keep(&w->docs, &w->store, &scope, &piece, NULL);
}

static void a_block_that_would_use_the_disk_reserve_is_refused_and_not_stored(void **state)
{
	struct world *w = *state;

	w->docs.blocks_reserve = 10 * MIB;
	w->disk = 10 * MIB + 999;
	block_mem_left(w->docs.blocks, w->disk);
	assert_int_equal(keep(w), -ENOSPC);
	assert_int_equal(block_mem_count(w->docs.blocks), 0);
	assert_int_equal(w->stored, 0);
	block_mem_left(w->docs.blocks, 10 * MIB + 1000);
	assert_int_equal(keep(w), 0);
	assert_int_equal(block_mem_count(w->docs.blocks), 1);
}

static int little(const char *folder, int64_t *ret_left, int64_t *ret_total)
{
	(void)folder;
	*ret_left = 0;
	*ret_total = 1024 * MIB;
	return 0;
}

static void a_block_is_refused_when_the_database_disk_is_full(void **state)
{
	struct world *w = *state;
	const struct rows_disk_options options = {.folder = "/", .reserve = 10 * MIB, .look = little};

	assert_int_equal(rows_disk_new(&options, &w->docs.rows_disk), 0);
	assert_int_equal(keep(w), -ENOSPC);
	assert_int_equal(block_mem_count(w->docs.blocks), 0);
	rows_disk_free(w->docs.rows_disk);
}

static void collecting_unreferenced_blocks_makes_room_on_a_full_disk(void **state)
{
	struct world *w = *state;

	w->room = 1000;
	w->docs.blocks_reserve = 10 * MIB;
	w->disk = 9 * MIB; /* a part of the reserve is used */
	w->disk_collected = 1 * MIB + 1000;
	w->doubtful = 2;
	block_mem_left(w->docs.blocks, w->disk);
	assert_int_equal(keep(w), 0);
	assert_int_equal(w->collections, 2);
	assert_int_equal(block_mem_count(w->docs.blocks), 1);
}

static void the_disk_reserve_is_capped_at_a_fraction_of_the_disk(void **state)
{
	struct world *w = *state;
	int64_t left;

	w->docs.blocks_reserve = 512 * MIB; /* the disk has 1,024 */
	block_mem_left(w->docs.blocks, 300 * MIB);
	assert_int_equal(blocks_disk_left(&w->docs, &left), 0);
	assert_int_equal(left, 300 * MIB - 1024 * MIB / ROWS_DISK_RESERVE_PART);
	block_mem_left(w->docs.blocks, 1 * MIB);
	assert_int_equal(blocks_disk_left(&w->docs, &left), 0);
	assert_int_equal(left, 0);
}

static void no_block_is_collected_while_the_quota_has_room(void **state)
{
	struct world *w = *state;

	w->room = 1000;
	assert_int_equal(keep(w), 0);
	assert_int_equal(w->collections, 0);
}

static void keeping_a_block_over_quota_first_collects_unreferenced_blocks(void **state)
{
	struct world *w = *state;

	w->room = 999;
	w->collected = 1;
	w->doubtful = 1;
	assert_int_equal(keep(w), 0);
	assert_int_equal(w->collections, 1);
}

static void collection_is_repeated_until_it_frees_enough_room(void **state)
{
	struct world *w = *state;

	w->room = 999;
	w->collected = 1;
	w->doubtful = 5;
	assert_int_equal(keep(w), 0);
	assert_int_equal(w->collections, 5);
}

static void a_block_over_quota_is_refused_when_nothing_is_left_to_collect(void **state)
{
	struct world *w = *state;

	w->room = 500;
	w->collected = 499;
	w->doubtful = 1;
	assert_int_equal(keep(w), -EDQUOT);
	assert_int_equal(w->collections, 2);
	assert_int_equal(block_mem_count(w->docs.blocks), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_block_that_would_use_the_disk_reserve_is_refused_and_not_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(a_block_is_refused_when_the_database_disk_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(
			collecting_unreferenced_blocks_makes_room_on_a_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(the_disk_reserve_is_capped_at_a_fraction_of_the_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(no_block_is_collected_while_the_quota_has_room, setup, teardown),
		cmocka_unit_test_setup_teardown(
			keeping_a_block_over_quota_first_collects_unreferenced_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(collection_is_repeated_until_it_frees_enough_room, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_block_over_quota_is_refused_when_nothing_is_left_to_collect, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
