#include "fusefs/core/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS NS_PER_MS

static enum patience_verdict verdict(enum patience_call call, bool interrupted, bool dying, int64_t silent_ns)
{
	return patience_of(
		call, &(struct patience_case){.interrupted = interrupted, .dying = dying, .silent_ns = silent_ns});
}

static void a_signal_ends_only_waits_for_locks_while_the_store_answers(void **state)
{
	(void)state;
	for (int call = 0; call < PATIENCE_CALLS; call++)
		assert_int_equal(
			verdict(call, true, false, 0), call == PATIENCE_LOCK ? PATIENCE_INTERRUPT : PATIENCE_WAIT);
}

static void without_a_signal_every_call_waits_until_the_outage_limit(void **state)
{
	(void)state;
	for (int call = 0; call < PATIENCE_CALLS; call++) {
		assert_int_equal(verdict(call, false, false, 0), PATIENCE_WAIT);
		assert_int_equal(verdict(call, false, false, PATIENCE_OUTAGE_NS - MS), PATIENCE_WAIT);
	}
}

static void every_call_of_a_dying_caller_ends_at_once(void **state)
{
	(void)state;
	for (int call = 0; call < PATIENCE_CALLS; call++)
		assert_int_equal(verdict(call, true, true, 0), PATIENCE_LET_GO);
}

static void a_signal_ends_calls_that_posix_lets_be_interrupted_when_the_store_is_silent(void **state)
{
	static const enum patience_call may[] = {
		PATIENCE_OPEN, PATIENCE_READ, PATIENCE_WRITE, PATIENCE_TRUNCATE, PATIENCE_STATFS};
	(void)state;
	for (size_t i = 0; i < sizeof(may) / sizeof(may[0]); i++) {
		assert_int_equal(verdict(may[i], true, false, PATIENCE_SILENCE_NS - MS), PATIENCE_WAIT);
		assert_int_equal(verdict(may[i], true, false, PATIENCE_SILENCE_NS), PATIENCE_INTERRUPT);
		assert_int_equal(verdict(may[i], false, false, PATIENCE_SILENCE_NS), PATIENCE_WAIT);
	}
}

static void close_fsync_and_calls_without_eintr_ignore_a_signal_until_the_outage_limit(void **state)
{
	(void)state;
	assert_int_equal(verdict(PATIENCE_STORE, true, false, PATIENCE_OUTAGE_NS - MS), PATIENCE_WAIT);
	assert_int_equal(verdict(PATIENCE_OTHER, true, false, PATIENCE_OUTAGE_NS - MS), PATIENCE_WAIT);
}

static void an_outage_ends_every_wait_except_the_wait_for_a_lock(void **state)
{
	(void)state;
	for (int call = 0; call < PATIENCE_CALLS; call++)
		assert_int_equal(verdict(call, false, false, PATIENCE_OUTAGE_NS),
			call == PATIENCE_LOCK ? PATIENCE_WAIT : PATIENCE_GIVE_UP);
}

static void store_silent_ns_counts_from_the_start_of_the_call_or_the_last_answer(void **state)
{
	struct store s = {0};

	(void)state;
	assert_int_equal(store_silent_ns(&s, 100, 5000), 0); /* nothing shows that the store does not answer */
	s.missed_ns = 1000;
	assert_int_equal(store_silent_ns(&s, 100, 5000), 4900);
	s.heard_ns = 500;
	assert_int_equal(store_silent_ns(&s, 100, 5000), 4500);
	assert_int_equal(store_silent_ns(&s, 700, 5000), 4300);
	s.heard_ns = 1500;
	assert_int_equal(store_silent_ns(&s, 100, 5000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signal_ends_only_waits_for_locks_while_the_store_answers),
		cmocka_unit_test(without_a_signal_every_call_waits_until_the_outage_limit),
		cmocka_unit_test(every_call_of_a_dying_caller_ends_at_once),
		cmocka_unit_test(a_signal_ends_calls_that_posix_lets_be_interrupted_when_the_store_is_silent),
		cmocka_unit_test(close_fsync_and_calls_without_eintr_ignore_a_signal_until_the_outage_limit),
		cmocka_unit_test(an_outage_ends_every_wait_except_the_wait_for_a_lock),
		cmocka_unit_test(store_silent_ns_counts_from_the_start_of_the_call_or_the_last_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
