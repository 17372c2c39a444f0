/* Several stores as one: the suite of all stores, and what happens while blocks move, to a reader that does
 * not know of the move. */
#include "backend/docs/blocks/block_mem.h"
#include "backend/docs/blocks/block_moving.h"
#include "tests/unit/backend/docs/blocks/block_suite.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
	struct block_trial trial; /* first: what the suite takes */
	struct block_store *dir, *pg;
	struct block_place place; /* what the database says */
	int error;		  /* or the failure of the database */
	unsigned looks;
};

static int look(void *cookie, struct block_place *ret)
{
	struct fixture *f = cookie;

	f->looks++;
	if (f->error == 0)
		*ret = f->place;
	return f->error;
}

static int make(void **state, struct block_place place)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(block_mem_new(&f->dir), 0);
	assert_int_equal(block_mem_new(&f->pg), 0);
	f->place = place;
	const struct block_moving_options options = {.stores = {f->dir, f->pg}, .look = look, .cookie = f};
	assert_int_equal(block_moving_new(&options, &f->trial.blocks), 0);
	*state = f;
	return 0;
}

static const struct block_place AT_DIR = {1, BLOCK_KIND_DIR, BLOCK_KINDS}, MOVES = {2, BLOCK_KIND_DIR, BLOCK_KIND_PG},
				AT_PG = {3, BLOCK_KIND_PG, BLOCK_KINDS}, AT_S3 = {4, BLOCK_KIND_S3, BLOCK_KINDS};

static int setup(void **state)
{
	return make(state, AT_DIR);
}

static int setup_moving(void **state)
{
	return make(state, MOVES);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->trial.blocks->ops->free(f->trial.blocks);
	free(f);
	return 0;
}

static bool has(struct block_store *s, const struct block_name *name)
{
	uint32_t size;

	return s->ops->size(s, name, &size) == 0;
}

static int get(struct fixture *f, const struct block_name *name)
{
	uint32_t size = 0;
	char byte = 0;
	const int r = f->trial.blocks->ops->get(f->trial.blocks, name, 0, &byte, 1, &size);

	if (r == 0)
		assert_int_equal(byte, 'x');
	return r;
}

static int put_in(struct block_store *s, const struct block_name *name)
{
	return s->ops->put(s, name, SPAN_LITERAL("x"));
}

static void during_a_move_new_blocks_are_put_into_the_target_store(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1);

	assert_int_equal(block_trial_put(&f->trial, &name, "x"), 0);
	assert_true(has(f->pg, &name));
	assert_false(has(f->dir, &name));
	assert_int_equal(get(f, &name), 0);
}

static void during_a_move_blocks_are_read_from_either_store(void **state)
{
	struct fixture *f = *state;
	const struct block_name old = block_trial_name(1, 1), both = block_trial_name(2, 2),
				none = block_trial_name(3, 3);
	uint32_t size;

	assert_int_equal(put_in(f->dir, &old), 0);
	assert_int_equal(put_in(f->dir, &both), 0);
	assert_int_equal(put_in(f->pg, &both), 0);
	assert_int_equal(get(f, &old), 0);
	assert_int_equal(get(f, &both), 0);
	assert_int_equal(get(f, &none), -ENOENT);
	assert_int_equal(f->trial.blocks->ops->size(f->trial.blocks, &old, &size), 0);
	/* A target that fails does not hide the blocks that are still in the old store. */
	block_mem_fail(f->pg, 0, -ENOTCONN);
	assert_int_equal(get(f, &old), 0);
	assert_int_equal(get(f, &none), -ENOTCONN);
}

/* The mover has begun, and other processes have put blocks into the target; later the mover has switched and
 * emptied the old store. */
static void a_reader_with_an_outdated_place_finds_moved_blocks(void **state)
{
	struct fixture *f = *state;
	const struct block_name a = block_trial_name(1, 1), b = block_trial_name(2, 2);

	assert_int_equal(put_in(f->dir, &a), 0);
	assert_int_equal(get(f, &a), 0);
	f->place = MOVES;
	assert_int_equal(put_in(f->pg, &b), 0);
	assert_int_equal(get(f, &b), 0);
	assert_int_equal(put_in(f->pg, &a), 0);
	assert_int_equal(f->dir->ops->remove(f->dir, &a), 0);
	f->place = AT_PG;
	assert_int_equal(get(f, &a), 0);
}

static void a_reader_that_missed_a_whole_move_finds_the_blocks(void **state)
{
	struct fixture *f = *state;
	const struct block_name a = block_trial_name(1, 1);

	assert_int_equal(get(f, &a), -ENOENT);
	assert_int_equal(put_in(f->pg, &a), 0);
	f->place = AT_PG;
	assert_int_equal(get(f, &a), 0);
}

static void a_refused_step_makes_the_store_look_up_its_place_again(void **state)
{
	struct fixture *f = *state;
	const struct block_store_ops *ops = f->trial.blocks->ops;
	int64_t step = 0;

	assert_int_equal(ops->step(f->trial.blocks, 0, &step), 0);
	assert_int_equal(step, 1);
	f->place = MOVES;
	assert_int_equal(ops->step(f->trial.blocks, 1, &step), 0);
	assert_int_equal(step, 2);
	const unsigned looks = f->looks;
	assert_int_equal(ops->step(f->trial.blocks, 1, &step), 0);
	assert_true(f->looks <= looks + 1); /* one more only if a second has passed */
	const struct block_name name = block_trial_name(1, 1);
	assert_int_equal(block_trial_put(&f->trial, &name, "x"), 0);
	assert_true(has(f->pg, &name));
}

static void during_a_move_remove_deletes_a_block_from_both_stores(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1);

	assert_int_equal(put_in(f->dir, &name), 0);
	assert_int_equal(put_in(f->pg, &name), 0);
	assert_int_equal(f->trial.blocks->ops->remove(f->trial.blocks, &name), 0);
	assert_false(has(f->dir, &name));
	assert_false(has(f->pg, &name));
}

static void during_a_move_each_visits_the_blocks_of_both_stores(void **state)
{
	struct fixture *f = *state;

	for (int64_t i = 1; i <= 6; i++) {
		const struct block_name name = block_trial_name((uint8_t)(i % 3), i);

		assert_int_equal(put_in(i % 2 ? f->dir : f->pg, &name), 0);
	}
	const struct block_trial_seen seen = block_trial_each(&f->trial, 0, -3600);
	assert_int_equal(seen.count, 6);
	assert_int_equal(seen.sum, 21);
	/* The move ends when the walk is half way. */
	uint32_t folder = 1u << 16;
	f->place = AT_PG;
	const struct block_name none = block_trial_name(9, 9);
	assert_int_equal(get(f, &none), -ENOENT); /* now the store knows of the end */
	const struct block_trial_seen rest = block_trial_each(&f->trial, folder, -3600);
	assert_int_equal(rest.count, 0);
}

static void if_the_place_is_unknown_calls_fail_with_enotconn_not_enoent(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1);
	int64_t step;

	f->error = -ENOTCONN;
	assert_int_equal(get(f, &name), -ENOTCONN);
	assert_int_equal(block_trial_put(&f->trial, &name, "x"), -ENOTCONN);
	assert_int_equal(f->trial.blocks->ops->step(f->trial.blocks, 0, &step), -ENOTCONN);
	f->error = 0;
	assert_int_equal(get(f, &name), -ENOENT);
	f->error = -ENOTCONN;
	assert_int_equal(get(f, &name), -ENOTCONN); /* the block may have moved */
}

static void calls_fail_with_enotconn_if_the_place_names_a_missing_store(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1);

	f->place = AT_S3;
	assert_int_equal(get(f, &name), -ENOTCONN);
	assert_int_equal(block_trial_put(&f->trial, &name, "x"), -ENOTCONN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_MOVING(name) cmocka_unit_test_setup_teardown(name, setup_moving, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		BLOCK_SUITE("without_a_move", setup, teardown),
		BLOCK_SUITE("during_a_move", setup_moving, teardown),
		TEST_MOVING(during_a_move_new_blocks_are_put_into_the_target_store),
		TEST_MOVING(during_a_move_blocks_are_read_from_either_store),
		TEST(a_reader_with_an_outdated_place_finds_moved_blocks),
		TEST(a_reader_that_missed_a_whole_move_finds_the_blocks),
		TEST(a_refused_step_makes_the_store_look_up_its_place_again),
		TEST_MOVING(during_a_move_remove_deletes_a_block_from_both_stores),
		TEST_MOVING(during_a_move_each_visits_the_blocks_of_both_stores),
		TEST(if_the_place_is_unknown_calls_fail_with_enotconn_not_enoent),
		TEST(calls_fail_with_enotconn_if_the_place_names_a_missing_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
