/* Questions to a home that answers when the test lets it: which of them share a call, and what each caller is
 * told. */
#include "gateway/proxy/validator.h"

#include "common/base/clock.h"
#include "common/http/server/server.h"
#include "tests/unit/common/http/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define QUESTIONS_MAX 1024

/* What the home answers to a call. */
enum answer_kind { YES, NO, TOO_FEW, NONSENSE, REFUSED };

struct home {
	struct http_server *server;
	struct gate came, told; /* counts calls, and questions whose result came */
	struct http_client *client;
	struct registry *registry;
	struct validator *validator;
	struct membership_gateway gateway;
	atomic_bool is_gone;
	pthread_mutex_t lock; /* guards the rest */
	struct http_request *call;
	size_t count;		       /* of the questions in `call` */
	int64_t stamps[QUESTIONS_MAX]; /* of the questions in `call` */
};

struct reader {
	struct validator_question question; /* must be first */
	struct home *home;
	int error;
	struct validation_verdict verdict;
};

static struct home home;
static struct reader readers[QUESTIONS_MAX];

static void handle(struct http_request *req, void *cookie)
{
	struct validation_question q;
	struct span rest;

	(void)cookie;
	pthread_mutex_lock(&home.lock);
	home.call = req;
	home.count = 0;
	assert_int_equal(validation_message_open_questions(http_request_body(req), &rest), 0);
	while (validation_message_next_question(&rest, &q) == 0 && home.count < QUESTIONS_MAX)
		home.stamps[home.count++] = q.stamp;
	pthread_mutex_unlock(&home.lock);
	gate_open(&home.came);
}

static const struct http_route ROUTES[] = {{.method = "POST",
						   .pattern = "/internal/v1/validate",
						   .body = HTTP_BODY_WHOLE,
						   .body_max = VALIDATION_BYTES_MAX,
						   .handler = handle,
						   .internal = true},
	{0}};

/* Answers the call that the home holds. */
static void answer(enum answer_kind kind)
{
	const struct validation_verdict same = {VALIDATION_SAME, .incarnation = 3, .seq = 7},
					other = {VALIDATION_OTHER, 0, 0};
	struct buf verdicts;

	pthread_mutex_lock(&home.lock);
	struct http_request *req = home.call;
	const size_t count = home.count - (kind == TOO_FEW);
	home.call = NULL;
	pthread_mutex_unlock(&home.lock);
	assert_non_null(req);
	buf_init(&verdicts, VALIDATION_VERDICTS_BYTES_MAX);
	assert_int_equal(validation_message_begin_verdicts(&verdicts), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(validation_message_write_verdict(&verdicts, kind == NO ? &other : &same), 0);
	http_respond(req, kind == REFUSED ? 400 : 200, NULL,
		kind == NONSENSE ? SPAN_LITERAL("NVV1 and no more") : buf_span(&verdicts));
	buf_fini(&verdicts);
}

static void on_heard(struct validator_question *q, int error, const struct validation_verdict *verdict)
{
	struct reader *r = (struct reader *)q;

	r->error = error;
	r->verdict = *verdict;
	gate_open(&home.told);
}

/* Reader n asks, with n as the stamp. */
static bool ask(size_t n)
{
	static const char KEY[] = "5 3 \n/api/v2/docs/drives/3/documents/2";
	struct reader *r = &readers[n];

	*r = (struct reader){.home = &home, .error = 1};
	r->question.asked = (struct validation_question){
		.user = 5, .stamp = (int64_t)n, .drive = 3, .key = span_of(KEY, sizeof(KEY) - 1)};
	r->question.heard = on_heard;
	return validator_ask(home.validator, &home.gateway, &r->question);
}

static void assert_call_asks(int call, size_t first, size_t count)
{
	assert_true(gate_wait(&home.came, call));
	pthread_mutex_lock(&home.lock);
	assert_int_equal(home.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(home.stamps[i], first + i);
	pthread_mutex_unlock(&home.lock);
}

static bool is_gone(void *cookie, const char *boot)
{
	(void)cookie;
	assert_string_equal(boot, home.gateway.boot);
	return atomic_load(&home.is_gone);
}

static int set_up(void **state)
{
	const struct http_server_options server = {.address = "127.0.0.1", .routes = ROUTES};
	const struct http_client_options client = {.user_agent = "test"};

	(void)state;
	memset(&home, 0, sizeof(home));
	gate_init(&home.came);
	gate_init(&home.told);
	pthread_mutex_init(&home.lock, NULL);
	assert_int_equal(http_server_start(&server, &home.server), 0);
	assert_int_equal(http_client_new(&client, &home.client), 0);
	assert_int_equal(registry_new(&home.registry), 0);
	(void)snprintf(home.gateway.name, sizeof(home.gateway.name), "h");
	(void)snprintf(home.gateway.boot, sizeof(home.gateway.boot), "first");
	(void)snprintf(home.gateway.hop_url, sizeof(home.gateway.hop_url), "http://127.0.0.1:%u",
		http_server_port(home.server));
	const struct validator_options options = {.client = home.client, .registry = home.registry, .is_gone = is_gone};
	return validator_new(&options, &home.validator);
}

static int tear_down(void **state)
{
	(void)state;
	if (home.call)
		answer(NO);
	http_client_free(home.client);
	validator_free(home.validator);
	registry_free(home.registry);
	http_server_stop(home.server);
	return 0;
}

static void questions_during_a_call_share_the_next_call(void **state)
{
	(void)state;
	assert_true(ask(0));
	assert_call_asks(1, 0, 1);
	for (size_t n = 1; n <= 5; n++)
		assert_true(ask(n));
	assert_int_equal(gate_count(&home.told), 0);
	answer(YES);
	assert_call_asks(2, 1, 5);
	assert_true(gate_wait(&home.told, 1));
	assert_int_equal(readers[0].error, 0);
	assert_int_equal(readers[0].verdict.outcome, VALIDATION_SAME);
	assert_int_equal(readers[0].verdict.incarnation, 3);
	assert_int_equal(readers[0].verdict.seq, 7);
	answer(NO);
	assert_true(gate_wait(&home.told, 6));
	for (size_t n = 1; n <= 5; n++)
		assert_true(readers[n].error == 0 && readers[n].verdict.outcome == VALIDATION_OTHER);
}

static void a_call_carries_at_most_the_maximum_number_of_questions(void **state)
{
	(void)state;
	assert_true(ask(0));
	assert_call_asks(1, 0, 1);
	for (size_t n = 1; n <= VALIDATION_QUESTIONS_MAX + 3; n++)
		assert_true(ask(n));
	answer(YES);
	assert_call_asks(2, 1, VALIDATION_QUESTIONS_MAX);
	answer(YES);
	assert_call_asks(3, 1 + VALIDATION_QUESTIONS_MAX, 3);
	answer(YES);
	assert_true(gate_wait(&home.told, 1 + (int)VALIDATION_QUESTIONS_MAX + 3));
}

static void a_full_queue_refuses_another_question(void **state)
{
	(void)state;
	for (size_t n = 0; n < VALIDATOR_WAITING_MAX; n++)
		assert_true(ask(n));
	assert_false(ask(VALIDATOR_WAITING_MAX));
	assert_call_asks(1, 0, 1);
	answer(YES);
	assert_true(gate_wait(&home.told, 1));
	assert_true(ask(VALIDATOR_WAITING_MAX));
	for (int call = 2; gate_count(&home.told) < (int)VALIDATOR_WAITING_MAX + 1; call++) {
		assert_true(gate_wait(&home.came, call));
		pthread_mutex_lock(&home.lock);
		const int count = (int)home.count;
		pthread_mutex_unlock(&home.lock);
		const int before = gate_count(&home.told);
		answer(YES);
		assert_true(gate_wait(&home.told, before + count));
	}
}

/* The home is not asked, unless the pause is over by now. */
static void assert_is_left_alone(int64_t since_ns, size_t n)
{
	if (ask(n))
		assert_true(clock_mono_ns() - since_ns > VALIDATOR_PAUSE_MS * NS_PER_MS);
}

/* The first of two calls fails: both readers are told, and the home is not asked again for a while. */
static void fails(void (*end)(void))
{
	int64_t ended_ns;

	assert_true(ask(0));
	assert_call_asks(1, 0, 1);
	assert_true(ask(1));
	ended_ns = clock_mono_ns();
	end();
	assert_true(gate_wait(&home.told, 2));
	assert_true(readers[0].error < 0 && readers[1].error < 0);
	assert_int_equal(gate_count(&home.came), 1);
	assert_is_left_alone(ended_ns, 2);
}

static void too_few(void)
{
	answer(TOO_FEW);
}

static void nonsense(void)
{
	answer(NONSENSE);
}

static void refused(void)
{
	answer(REFUSED);
}

static void nothing(void)
{
}

static void gone(void)
{
	atomic_store(&home.is_gone, true);
}

static void an_answer_with_too_few_verdicts_fails_all_questions(void **state)
{
	(void)state;
	fails(too_few);
}

static void a_malformed_answer_fails_all_questions(void **state)
{
	(void)state;
	fails(nonsense);
}

static void an_answer_with_status_400_fails_all_questions(void **state)
{
	(void)state;
	fails(refused);
}

static void a_silent_home_fails_the_asked_and_the_waiting_questions(void **state)
{
	(void)state;
	fails(nothing);
}

static void a_home_that_is_gone_fails_the_asked_and_the_waiting_questions(void **state)
{
	(void)state;
	fails(gone);
}

static void an_unreachable_home_is_not_asked_again_for_a_while(void **state)
{
	(void)state;
	(void)snprintf(home.gateway.hop_url, sizeof(home.gateway.hop_url), "http://127.0.0.1:1");
	const int64_t begun_ns = clock_mono_ns();
	assert_true(ask(0));
	assert_true(gate_wait(&home.told, 1));
	assert_true(readers[0].error < 0);
	assert_is_left_alone(begun_ns, 1);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(questions_during_a_call_share_the_next_call),
		test(a_call_carries_at_most_the_maximum_number_of_questions),
		test(a_full_queue_refuses_another_question),
		test(an_answer_with_too_few_verdicts_fails_all_questions),
		test(a_malformed_answer_fails_all_questions),
		test(an_answer_with_status_400_fails_all_questions),
		test(a_silent_home_fails_the_asked_and_the_waiting_questions),
		test(a_home_that_is_gone_fails_the_asked_and_the_waiting_questions),
		test(an_unreachable_home_is_not_asked_again_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
