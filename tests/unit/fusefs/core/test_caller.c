#include "fusefs/core/caller.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* /proc/PID/status as the kernel writes it, shortened. */
#define STATUS(state, tracer, pending, shared, blocked, ignored, caught)                                       \
	"Name:\tcp\nUmask:\t0022\nState:\t" state "\nTgid:\t100\nPid:\t101\nTracerPid:\t" tracer               \
	"\nSigQ:\t0/62000\nSigPnd:\t" pending "\nShdPnd:\t" shared "\nSigBlk:\t" blocked "\nSigIgn:\t" ignored \
	"\nSigCgt:\t" caught "\nCapInh:\t0000000000000000\n"
#define NONE "0000000000000000"
#define KILL "0000000000000100" /* signal 9 */
#define QUIT "0000000000000004" /* signal 3 */
#define ALRM "0000000000002000" /* signal 14 */
#define WAITS "D (disk sleep)"

static bool dying(const char *text)
{
	return caller_status_is_dying(span_str(text));
}

static void a_pending_sigkill_or_a_dead_thread_means_that_the_caller_is_dying(void **state)
{
	(void)state;
	assert_true(dying(STATUS(WAITS, "0", KILL, NONE, NONE, NONE, NONE)));
	assert_true(dying(STATUS(WAITS, "0", NONE, KILL, NONE, NONE, NONE)));
	assert_true(dying(STATUS("Z (zombie)", "0", NONE, NONE, NONE, NONE, NONE)));
	assert_true(dying(STATUS("X (dead)", "0", NONE, NONE, NONE, NONE, NONE)));
}

static void a_pending_sigalrm_or_a_tracing_stop_does_not_mean_a_dying_caller(void **state)
{
	(void)state;
	assert_false(dying(STATUS(WAITS, "0", NONE, NONE, NONE, NONE, NONE)));
	assert_false(dying(STATUS(WAITS, "0", ALRM, ALRM, NONE, NONE, ALRM)));
	assert_false(dying(STATUS(WAITS, "0", NONE, ALRM, NONE, NONE, NONE)));
	assert_false(dying(STATUS("t (tracing stop)", "7", NONE, NONE, NONE, NONE, NONE)));
}

static void a_pending_sigquit_means_dying_unless_handled_ignored_blocked_or_traced(void **state)
{
	(void)state;
	assert_true(dying(STATUS(WAITS, "0", NONE, QUIT, NONE, NONE, NONE)));
	assert_false(dying(STATUS(WAITS, "0", NONE, QUIT, QUIT, NONE, NONE)));
	assert_false(dying(STATUS(WAITS, "0", NONE, QUIT, NONE, QUIT, NONE)));
	assert_false(dying(STATUS(WAITS, "0", NONE, QUIT, NONE, NONE, QUIT)));
	assert_false(dying(STATUS(WAITS, "7", NONE, QUIT, NONE, NONE, NONE)));
	assert_true(dying(STATUS(WAITS, "7", KILL, NONE, NONE, NONE, NONE)));
}

static void a_malformed_status_counts_as_a_living_caller(void **state)
{
	(void)state;
	assert_false(caller_status_is_dying(span_of(NULL, 0)));
	assert_false(dying("SigPnd:"));
	assert_false(dying("SigPnd:\t"));
	assert_false(dying("State:"));
	assert_false(dying("SigPnd:\t100\n"));
	assert_false(dying("SigPnd:\tffffffffffffffzz\n"));
	assert_false(dying("Name:\tSigPnd:\t0000000000000100\n"));
	assert_true(dying("SigPnd:\t0000000000000100"));
}

static void caller_is_dying_tells_a_killed_process_from_a_living_one(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		(void)pause();
		_exit(0);
	}
	assert_true(child > 0);
	assert_false(caller_is_dying(child));
	assert_false(caller_is_dying(getpid()));
	assert_false(caller_is_dying(0));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	assert_true(caller_is_dying(child)); /* a zombie */
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(caller_is_dying(child));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pending_sigkill_or_a_dead_thread_means_that_the_caller_is_dying),
		cmocka_unit_test(a_pending_sigalrm_or_a_tracing_stop_does_not_mean_a_dying_caller),
		cmocka_unit_test(a_pending_sigquit_means_dying_unless_handled_ignored_blocked_or_traced),
		cmocka_unit_test(a_malformed_status_counts_as_a_living_caller),
		cmocka_unit_test(caller_is_dying_tells_a_killed_process_from_a_living_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
