/* How often a password may be guessed, from which networks, and which guesses make other log-ins wait. */
#include "backend/user/rules/network.h"
#include "tests/unit/backend/user/rules/fixture.h"

#include <stdio.h>
#include <time.h>

#define HERE "192.0.2.0/24"
#define THERE "198.51.100.0/24"
#define RIGHT "correct horse"
#define WRONG "wrong horse"

static int log_in(struct account_call *call, const char *name, const char *password, const char *network)
{
	struct account_outcome outcome;

	become(call, 0, "");
	call->network = network;
	call->why[0] = '\0';
	call->wait_ns = 0;
	return login_open(call, name, password, &outcome);
}

static void fail_times(struct account_call *call, const char *name, const char *network, int times)
{
	while (times-- > 0)
		assert_int_equal(log_in(call, name, WRONG, network), -ERR_UNAUTHENTICATED);
}

static void each_further_wrong_password_doubles_the_wait_of_its_network(void **state)
{
	static const int64_t WAITS_S[] = {0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900};
	struct account_call *call = *state;
	int64_t now_ns = NOW;

	make(call, "ann");
	for (size_t i = 0; i < sizeof(WAITS_S) / sizeof(WAITS_S[0]); i++) {
		call->now_ns = now_ns;
		assert_int_equal(log_in(call, "ann", WRONG, HERE), -ERR_UNAUTHENTICATED);
		now_ns += WAITS_S[i] * NS_PER_S;
		if (WAITS_S[i] == 0)
			continue;
		call->now_ns = now_ns - 1;
		assert_int_equal(log_in(call, "ann", RIGHT, HERE), -ERR_TOO_MANY);
		assert_int_equal(call->wait_ns, 1);
	}
	call->now_ns = now_ns;
	assert_int_equal(log_in(call, "ann", RIGHT, HERE), 0);
	fail_times(call, "ann", HERE, GUESS_FREE);
	assert_int_equal(log_in(call, "ann", RIGHT, HERE), 0);
}

static void failed_logins_of_one_network_do_not_delay_another_network(void **state)
{
	struct account_call *call = *state;

	make(call, "ann");
	fail_times(call, "ann", THERE, GUESS_FREE + 1);
	assert_int_equal(log_in(call, "ann", RIGHT, THERE), -ERR_TOO_MANY);
	assert_int_equal(log_in(call, "ann", RIGHT, HERE), 0);
	assert_int_equal(log_in(call, "ann", RIGHT, THERE), -ERR_TOO_MANY);
}

static void a_right_password_from_a_known_network_passes_until_too_many_tries(void **state)
{
	struct account_call *call = *state;
	int r = 0;

	make(call, "ann");
	assert_int_equal(log_in(call, "ann", RIGHT, HERE), 0);
	fail_times(call, "ann", HERE, GUESS_FREE + 1);
	assert_int_equal(log_in(call, "ann", WRONG, HERE), -ERR_TOO_MANY);
	assert_int_equal(log_in(call, "ann", RIGHT, HERE), 0);
	/* A client that goes on guessing there is not let through. */
	for (int i = 0; i < GUESS_KNOWN_TRIES; i++) {
		r = log_in(call, "ann", WRONG, HERE);
		assert_true(r == -ERR_TOO_MANY || (r == -ERR_UNAUTHENTICATED && i <= GUESS_FREE));
	}
	assert_int_equal(log_in(call, "ann", RIGHT, HERE), -ERR_TOO_MANY);
	call->now_ns += GUESS_DELAY_MAX_S * NS_PER_S;
	assert_int_equal(log_in(call, "ann", RIGHT, HERE), 0);
}

static void failures_in_many_networks_delay_all_but_known_networks(void **state)
{
	struct account_call *call = *state;
	char network[NETWORK_SIZE];

	make(call, "ann");
	assert_int_equal(log_in(call, "ann", RIGHT, HERE), 0);
	for (int i = 0; i <= GUESS_FREE_ALL; i++) {
		snprintf(network, sizeof(network), "203.0.%d.0/24", i);
		fail_times(call, "ann", network, 1);
	}
	assert_int_equal(log_in(call, "ann", RIGHT, THERE), -ERR_TOO_MANY);
	assert_true(call->wait_ns <= GUESS_DELAY_ALL_MAX_S * NS_PER_S);
	/* Even where the account is known, only a right password is let through. */
	assert_int_equal(log_in(call, "ann", WRONG, HERE), -ERR_TOO_MANY);
	assert_int_equal(log_in(call, "ann", RIGHT, HERE), 0);
	call->now_ns += GUESS_DELAY_ALL_MAX_S * NS_PER_S;
	assert_int_equal(log_in(call, "ann", RIGHT, THERE), 0);
}

/* Compares every answer, at every step: for a name that nobody has, for one without a password, and for one
 * with a password. */
static void login_answers_do_not_reveal_whether_a_name_exists(void **state)
{
	static const char *const NAMES[] = {"ann", "bare", "nobody"};
	struct account_call *call = *state;
	const struct user_account bare = {.name = "bare", .name_key = "bare"};
	uint64_t id;

	make(call, "ann");
	assert_int_equal(call->store->ops->account_insert(call->store, &bare, &id), 0);
	for (int step = 0; step < GUESS_FREE + 4; step++) {
		char says[3][ACCOUNT_WHY_SIZE];
		int64_t waits[3];
		int codes[3];

		for (int i = 0; i < 3; i++) {
			codes[i] = log_in(call, NAMES[i], WRONG, HERE);
			waits[i] = call->wait_ns;
			memcpy(says[i], call->why, sizeof(says[i]));
			assert_int_equal(codes[i], codes[0]);
			assert_int_equal(waits[i], waits[0]);
			assert_string_equal(says[i], says[0]);
		}
		assert_int_equal(codes[0], step <= GUESS_FREE ? -ERR_UNAUTHENTICATED : -ERR_TOO_MANY);
	}
}

static int64_t cpu_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* The processor time of one log-in on this thread, the least of three: other work of the machine is not in it. */
static int64_t cost(struct account_call *call, const char *name, const char *network, int expected)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < 3; i++) {
		const int64_t before = cpu_ns();
		assert_int_equal(log_in(call, name, WRONG, network), expected);
		least = cpu_ns() - before < least ? cpu_ns() - before : least;
	}
	return least;
}

/* A log-in hashes once, whether the name is known or not, also when it has to wait. */
static void login_cpu_time_does_not_reveal_whether_a_name_exists(void **state)
{
	struct account_call *call = *state;
	int64_t costs[4];

	make(call, "ann");
	costs[0] = cost(call, "ann", HERE, -ERR_UNAUTHENTICATED);
	costs[1] = cost(call, "nobody", HERE, -ERR_UNAUTHENTICATED);
	fail_times(call, "ann", HERE, 1);
	fail_times(call, "nobody", HERE, 1);
	costs[2] = cost(call, "ann", HERE, -ERR_TOO_MANY);
	costs[3] = cost(call, "nobody", HERE, -ERR_TOO_MANY);
	for (int i = 1; i < 4; i++)
		assert_true(costs[i] < 3 * costs[0] && costs[0] < 3 * costs[i]);
}

static void fail_elsewhere(struct user_store *s, void *cookie)
{
	static const int64_t DELAY[] = {5 * NS_PER_S};
	const struct user_guess_delays delays = {DELAY, 1, NS_PER_S};

	assert_int_equal(s->ops->guess_failed(s, cookie, NOW, &delays), 0);
}

static void fail_after_the_first_look(struct user_store *s, void *cookie)
{
	user_mem_before(s, "guess_look", fail_elsewhere, cookie);
}

static void a_right_password_waits_if_a_concurrent_guess_caused_a_delay(void **state)
{
	static const uint8_t NONE[SHA256_BYTES] = {0};
	struct user_guess_key key = {.network = HERE};
	struct account_call *call = *state;

	make(call, "ann");
	assert_int_equal(sha256_hmac(span_of(NONE, sizeof(NONE)), span_str("ann"), key.name), 0);
	/* While this log-in hashed, another guess has made its network wait. */
	user_mem_before(call->store, "guess_look", fail_after_the_first_look, &key);
	assert_int_equal(log_in(call, "ann", RIGHT, HERE), -ERR_TOO_MANY);
	assert_int_equal(call->wait_ns, 5 * NS_PER_S);
}

static void failed_logins_do_not_delay_sessions_device_keys_or_a_password_change(void **state)
{
	struct account_call *call = *state;
	struct account_outcome session, key;
	struct account_fields fields = {.password = "another horse", .old_password = RIGHT};
	struct user_login found;
	char id[TOKEN_ID_SIZE];

	const uint64_t ann = make(call, "ann");
	become(call, 0, "");
	assert_int_equal(login_open(call, "ann", RIGHT, &session), 0);
	token_id_format(USER_SESSION, session.token.id, id);
	become(call, ann, id);
	assert_int_equal(key_create(call, "laptop", &key), 0);
	fail_times(call, "ann", THERE, GUESS_FREE + 1);
	assert_int_equal(log_in(call, "ann", RIGHT, THERE), -ERR_TOO_MANY);
	assert_int_equal(login_authenticate(call, session.token_text, &found), 0);
	assert_int_equal(login_authenticate(call, key.token_text, &found), 0);
	/* An old password does not wait either: guesses of strangers cannot stop a user with a session from
	 * changing the password. */
	become(call, ann, id);
	assert_int_equal(account_change(call, ann, &fields, &session), 0);
	/* A new password begins without wrong guesses. */
	assert_int_equal(log_in(call, "ann", "another horse", THERE), 0);
}

static void wrong_passwords_are_forgotten_after_an_hour(void **state)
{
	struct account_call *call = *state;

	make(call, "ann");
	fail_times(call, "ann", HERE, GUESS_FREE);
	call->now_ns += (GUESS_MEMORY_S + 1) * NS_PER_S;
	fail_times(call, "ann", HERE, GUESS_FREE);
	assert_int_equal(log_in(call, "ann", RIGHT, HERE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_call(each_further_wrong_password_doubles_the_wait_of_its_network),
		with_call(failed_logins_of_one_network_do_not_delay_another_network),
		with_call(a_right_password_from_a_known_network_passes_until_too_many_tries),
		with_call(failures_in_many_networks_delay_all_but_known_networks),
		with_call(login_answers_do_not_reveal_whether_a_name_exists),
		with_call(login_cpu_time_does_not_reveal_whether_a_name_exists),
		with_call(a_right_password_waits_if_a_concurrent_guess_caused_a_delay),
		with_call(failed_logins_do_not_delay_sessions_device_keys_or_a_password_change),
		with_call(wrong_passwords_are_forgotten_after_an_hour),
	};

	return cmocka_run_group_tests(tests, group_start, group_end);
}
