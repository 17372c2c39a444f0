#include "backend/docs/request/upload_turns.h"

#include "common/base/clock.h"
#include "common/base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define GREEDY 1
#define OTHER 2
#define MANY 400

static struct upload_turns all;
static struct upload_turn turns[MANY], mine[8];

static int begin(void **state)
{
	(void)state;
	all = (struct upload_turns){0};
	for (int i = 0; i < MANY; i++)
		turns[i] = (struct upload_turn){.user = GREEDY};
	for (int i = 0; i < 8; i++)
		mine[i] = (struct upload_turn){.user = OTHER};
	return 0;
}

/* Lets in as many uploads of the greedy user as possible. Returns how many run. */
static unsigned crowd(void)
{
	for (int i = 0; i < MANY && upload_turns_ask(&all, &turns[i], 0) >= 0; i++)
		;
	return all.running_count;
}

static void one_user_gets_at_most_half_of_the_upload_buffers(void **state)
{
	(void)state;
	assert_int_equal(crowd(), UPLOADS_MAX / 2);
}

static void a_second_user_uploads_at_once_beside_a_user_with_many_uploads(void **state)
{
	(void)state;
	crowd();
	assert_int_equal(upload_turns_ask(&all, &mine[0], 0), 1);
	assert_int_equal(upload_turns_ask(&all, &mine[1], 0), 1);
}

static void the_next_turn_goes_to_the_waiting_user_with_fewest_uploads(void **state)
{
	(void)state;
	crowd();
	for (int i = 0; i < 5; i++)
		(void)upload_turns_ask(&all, &mine[i], 0);
	assert_int_equal(mine[3].state, TURN_RUNNING);
	assert_int_equal(mine[4].state, TURN_WAITING);
	/* mine[4] came last, behind all of the crowd. */
	upload_turns_leave(&all, &mine[0]);
	assert_ptr_equal(upload_turns_next(&all, 0), &mine[4]);
	assert_null(upload_turns_next(&all, 0));
}

static void one_users_uploads_run_in_order_and_a_new_one_cannot_overtake(void **state)
{
	unsigned running = 0;

	(void)state;
	crowd();
	while (turns[running].state == TURN_RUNNING)
		running++;
	upload_turns_leave(&all, &turns[3]);
	upload_turns_leave(&all, &turns[running + 1]); /* makes room among the waiting ones */
	/* This upload comes before any waiting one is called. */
	assert_int_equal(upload_turns_ask(&all, &turns[3], 0), 0);
	assert_ptr_equal(upload_turns_next(&all, 0), &turns[running]);
}

static void one_user_is_refused_beyond_half_of_the_queue_and_others_still_fit(void **state)
{
	(void)state;
	crowd();
	assert_int_equal(all.waiting_count, UPLOADS_WAITING_MAX / 2);
	assert_int_equal(upload_turns_ask(&all, &turns[MANY - 1], 0), -ERR_TOO_MANY);
	assert_int_equal(all.waiting_count, UPLOADS_WAITING_MAX / 2);
	for (int i = 0; i < 8; i++)
		assert_true(upload_turns_ask(&all, &mine[i], 0) >= 0);
}

static void an_upload_that_left_the_queue_is_never_called(void **state)
{
	(void)state;
	crowd();
	for (int i = 0; i < MANY; i++) {
		if (turns[i].state == TURN_WAITING)
			upload_turns_leave(&all, &turns[i]);
	}
	upload_turns_leave(&all, &turns[0]);
	assert_null(upload_turns_next(&all, 0));
	assert_int_equal(all.waiting_count, 0);
	upload_turns_leave(&all, &turns[0]);
	assert_int_equal(all.running_count, UPLOADS_MAX / 2 - 1);
}

static void a_sender_is_slow_when_below_the_minimum_rate_after_the_grace(void **state)
{
	const struct upload_turn turn = {.since_ns = NS_PER_S};
	static const struct {
		size_t bytes;
		int64_t after_ms;
		bool slow;
	} rows[] = {
		{0, UPLOAD_GRACE_MS, false},
		{0, UPLOAD_GRACE_MS + 1, true},
		{UPLOAD_RATE_MIN, UPLOAD_GRACE_MS + 999, false},
		{UPLOAD_RATE_MIN, UPLOAD_GRACE_MS + 1001, true},
		{256u * 1024, UPLOAD_GRACE_MS + 240, false},
		{256u * 1024, UPLOAD_GRACE_MS + 260, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(upload_turns_is_slow(&turn, rows[i].bytes, NS_PER_S + rows[i].after_ms * NS_PER_MS),
			rows[i].slow);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_user_gets_at_most_half_of_the_upload_buffers),
		TEST(a_second_user_uploads_at_once_beside_a_user_with_many_uploads),
		TEST(the_next_turn_goes_to_the_waiting_user_with_fewest_uploads),
		TEST(one_users_uploads_run_in_order_and_a_new_one_cannot_overtake),
		TEST(one_user_is_refused_beyond_half_of_the_queue_and_others_still_fit),
		TEST(an_upload_that_left_the_queue_is_never_called),
		TEST(a_sender_is_slow_when_below_the_minimum_rate_after_the_grace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
