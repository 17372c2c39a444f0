#include "backend/user/api/fair_queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define MAX 128
#define SHARE 16

static struct fair_queue_turn waiting[2 * MAX];

static int start(void **state)
{
	return fair_queue_new(MAX, SHARE, (struct fair_queue **)state);
}

static int end(void **state)
{
	fair_queue_free(*state);
	return 0;
}

/* Enters as many turns as are let in; returns how many. */
static size_t enter(struct fair_queue *t, const char *who, struct fair_queue_turn *first, size_t count)
{
	struct fair_queue_turn *displaced = NULL;
	size_t in = 0;

	while (in < count && fair_queue_enter(t, who, &first[in], &displaced) == 0) {
		assert_null(displaced);
		in++;
	}
	return in;
}

static void leave_all(struct fair_queue *t)
{
	for (struct fair_queue_turn *turn = fair_queue_take(t); turn; turn = fair_queue_take(t))
		fair_queue_leave(t, turn);
}

static void one_party_holds_no_more_than_its_share(void **state)
{
	struct fair_queue *t = *state;

	assert_int_equal(enter(t, "a", waiting, 320), SHARE);
	assert_int_equal(enter(t, "b", &waiting[SHARE], 1), 1);
	/* A turn that was taken counts until it leaves. */
	struct fair_queue_turn *taken = fair_queue_take(t);
	assert_int_equal(enter(t, "a", &waiting[SHARE + 1], 1), 0);
	fair_queue_leave(t, taken);
	assert_int_equal(enter(t, "a", taken, 2), 1);
	leave_all(t);
}

static void fair_queue_take_serves_the_parties_in_turn(void **state)
{
	struct fair_queue *t = *state;
	struct fair_queue_turn a[3], b[2], c[1];

	assert_int_equal(enter(t, "a", a, 3), 3);
	assert_int_equal(enter(t, "b", b, 2), 2);
	struct fair_queue_turn *const first = fair_queue_take(t);
	assert_ptr_equal(first, &a[0]);
	assert_int_equal(enter(t, "c", c, 1), 1);
	struct fair_queue_turn *const wanted[] = {&b[0], &a[1], &c[0], &b[1], &a[2]};
	fair_queue_leave(t, first);
	for (size_t i = 0; i < 5; i++) {
		struct fair_queue_turn *turn = fair_queue_take(t);
		assert_ptr_equal(turn, wanted[i]);
		fair_queue_leave(t, turn);
	}
	assert_null(fair_queue_take(t));
}

static void a_newcomer_to_a_full_queue_displaces_a_turn_of_the_largest_party(void **state)
{
	struct fair_queue *t = *state;
	struct fair_queue_turn *displaced = NULL, late[MAX];
	char who[FAIR_QUEUE_WHO_SIZE];

	for (unsigned i = 0; i < MAX / SHARE; i++) {
		snprintf(who, sizeof(who), "attacker %u", i);
		assert_int_equal(enter(t, who, &waiting[(size_t)i * SHARE], SHARE), SHARE);
	}
	assert_int_equal(fair_queue_enter(t, "victim", &late[0], &displaced), 0);
	assert_ptr_equal(displaced, &waiting[SHARE - 1]); /* the last one of the first attacker */
	/* The victim waits for one turn of each attacker, not for all of their turns. */
	for (unsigned i = 0; i < MAX / SHARE; i++) {
		struct fair_queue_turn *turn = fair_queue_take(t);
		assert_ptr_not_equal(turn, &late[0]);
		fair_queue_leave(t, turn);
	}
	struct fair_queue_turn *turn = fair_queue_take(t);
	assert_ptr_equal(turn, &late[0]);
	fair_queue_leave(t, turn);
	leave_all(t);
}

static void new_parties_get_a_place_in_a_full_queue_until_each_party_has_one(void **state)
{
	struct fair_queue *t = *state;
	struct fair_queue_turn *displaced = NULL, late[MAX + 1];
	char who[FAIR_QUEUE_WHO_SIZE];

	for (unsigned i = 0; i < MAX / SHARE; i++) {
		snprintf(who, sizeof(who), "attacker %u", i);
		assert_int_equal(enter(t, who, &waiting[(size_t)i * SHARE], SHARE), SHARE);
	}
	for (unsigned i = 0; i < MAX - MAX / SHARE; i++) {
		snprintf(who, sizeof(who), "%u", i);
		assert_int_equal(fair_queue_enter(t, who, &late[i], &displaced), 0);
		assert_non_null(displaced);
	}
	assert_int_equal(fair_queue_enter(t, "one too many", &late[MAX], &displaced), -EAGAIN);
	leave_all(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_party_holds_no_more_than_its_share, start, end),
		cmocka_unit_test_setup_teardown(fair_queue_take_serves_the_parties_in_turn, start, end),
		cmocka_unit_test_setup_teardown(
			a_newcomer_to_a_full_queue_displaces_a_turn_of_the_largest_party, start, end),
		cmocka_unit_test_setup_teardown(
			new_parties_get_a_place_in_a_full_queue_until_each_party_has_one, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
