/* Batches of which the mount does not know whether they were applied, and sessions that are replaced because of
 * them. */
#include "tests/unit/fusefs/store/http/store_http_fixture.h"

#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

/* The gateway answers one batch with this error, and all later ones with success. */
static void refuse_once(struct fake_gateway *g, int status, const char *header, const char *problem)
{
	fake_add(g,
		&(struct fake_answer){.method = "POST",
			.target = OPS,
			.times = 1,
			.status = status,
			.type = PROBLEM,
			.header = header,
			.body = problem});
	fake_add(g,
		&(struct fake_answer){
			.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
}

static bool replaces(struct fake_gateway *g, size_t n, const char *session)
{
	const struct fake_request *r = fake_request(g, "POST", "/sessions", n);
	char field[64];

	(void)snprintf(field, sizeof(field), "\"replaces\":\"%s\"", session);
	return r && r->body && strstr(r->body, field);
}

static void after_a_refusal_without_a_batch_number_the_session_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	refuse_once(f->a, 413, NULL, "{\"type\":\"/problems/too-large\"}");
	assert_int_equal(run_batch(f, &a), -E2BIG);
	assert_int_equal(run_batch(f, &a), 0);
	assert_true(replaces(f->a, 1, FAKE_SESSION));
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->session, "42");
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->batch, "1");
	assert_int_equal(store_http_in_doubt(f->store), 0);
}

static void a_batch_that_no_service_took_is_sent_elsewhere_under_its_number(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	refuse_once(f->a, 503, NULL, "{\"type\":\"/problems/unavailable\"}");
	fake_add(f->b,
		&(struct fake_answer){
			.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), 0);
	assert_string_equal(fake_request(f->b, "POST", OPS, 0)->batch, "1");
	assert_int_equal(fake_count(f->a, "POST", "/sessions") + fake_count(f->b, "POST", "/sessions"), 1);
}

static void a_batch_with_a_wrong_number_is_sent_again_in_a_replacing_session(void **state)
{
	static const struct {
		int status;
		const char *problem;
	} cases[] = {{422, "{\"type\":\"/problems/key-reused\"}"}, {409, "{\"type\":\"/problems/out-of-order\"}"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f;
		struct answer a;

		assert_int_equal(http_setup(state), 0);
		f = *state;
		refuse_once(f->a, cases[i].status, NULL, cases[i].problem);
		assert_int_equal(run_batch(f, &a), 0);
		assert_true(replaces(f->a, 1, FAKE_SESSION));
		assert_string_equal(fake_request(f->a, "POST", OPS, 1)->session, "42");
		assert_string_equal(fake_request(f->a, "POST", OPS, 1)->batch, "1");
		assert_int_equal(http_teardown(state), 0);
	}
}

static void a_batch_whose_session_is_gone_is_sent_again_in_a_new_session(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = OPS,
			.times = 1,
			.status = 410,
			.type = PROBLEM,
			.body = "{\"type\":\"/problems/session-gone\"}"});
	fake_add(f->a,
		&(struct fake_answer){
			.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), 0);
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->session, "42");
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->batch, "1");
	assert_int_equal(store_http_in_doubt(f->store), 0);
}

static const struct fake_answer ANOTHER_SESSION = {.method = "POST",
	.target = "/sessions",
	.status = 201,
	.type = JSON,
	.header = "Nephos-Seq: 1.12",
	.body = "{\"session\":\"77\",\"timeout_s\":600}"};

/* The answer to the batch is cut at one gateway. At the other one the session is gone, and the journal answers
 * with these entries (status 0: it never matches). */
static void lose_answer_and_session(struct fixture *f, int status, const char *journal)
{
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .kind = FAKE_CUT, .times = 1});
	fake_add(f->b,
		&(struct fake_answer){.method = "POST",
			.target = OPS,
			.times = 1,
			.status = 410,
			.type = PROBLEM,
			.body = "{\"type\":\"/problems/session-gone\"}"});
	fake_add(f->b, &ANOTHER_SESSION);
	fake_add(f->b,
		&(struct fake_answer){
			.method = "GET", .target = "/changes?", .status = status, .type = JSON, .body = journal});
	fake_add(f->b,
		&(struct fake_answer){
			.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
}

#define ENTRY(seq, key)   \
	"{\"seq\":\"" seq \
	"\",\"op\":\"create\",\"id\":\"30064771077\",\"parent\":\"30064771073\",\"name\":\"x\",\"key\":\"" key "\"}"
#define JOURNAL(entries, last) "{\"changes\":[" entries "],\"last\":\"" last "\",\"incarnation\":\"1\"}"

static void a_batch_in_doubt_that_was_applied_is_answered_from_the_journal(void **state)
{
	struct fixture *f = *state;
	const struct item made = some_item(5, "x"),
			  folder = {.id = ROOT, .parent = ROOT, .mode = S_IFDIR | 0755, .nlink = 2};
	struct answer a;
	char *page, *folder_page;

	lose_answer_and_session(f, 200, JOURNAL(ENTRY("11", "40/1") "," ENTRY("12", FAKE_SESSION "/1"), "12"));
	answer_page(f->b, "/items/30064771077", &made, 1, &page);
	answer_page(f->b, "/items/30064771073", &folder, 1, &folder_page);
	assert_int_equal(run_batch(f, &a), 0);
	assert_true(a.has_reply);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.id, made.id);
	assert_int_equal(a.item.id, made.id);
	assert_string_equal(a.name, "x");
	assert_int_equal(a.first, ROOT); /* the folder that the batch changed */
	assert_int_equal(store_http_in_doubt(f->store), 0);
	assert_int_equal(fake_count(f->a, "POST", OPS) + fake_count(f->b, "POST", OPS), 2);
	free(page);
	free(folder_page);
}

static void a_batch_in_doubt_that_was_not_applied_is_sent_again_in_a_new_session(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	lose_answer_and_session(f, 200, JOURNAL(ENTRY("11", "40/1") "," ENTRY("12", FAKE_SESSION "/2"), "12"));
	assert_int_equal(run_batch(f, &a), 0);
	assert_int_equal(a.id, ITEM_ID(FAKE_DRIVE, 2));
	assert_int_equal(store_http_in_doubt(f->store), 0);
	assert_int_equal(fake_count(f->b, "POST", "/sessions"), 1);
	assert_int_equal(fake_count(f->b, "POST", OPS), 2);
	assert_string_equal(fake_request(f->b, "POST", OPS, 1)->batch, "1");
}

static void a_batch_in_doubt_is_looked_up_even_if_its_session_was_renewed(void **state)
{
	struct fixture *f = *state;
	const struct op op = some_op();
	struct answer a, poll;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .kind = FAKE_CUT, .times = 1});
	fake_add(f->b, &(struct fake_answer){.method = "POST", .target = OPS, .kind = FAKE_HOLD});
	fake_add(f->b,
		&(struct fake_answer){.method = "POST",
			.target = "/changes",
			.status = 410,
			.type = PROBLEM,
			.body = "{\"type\":\"/problems/session-gone\"}"});
	fake_add(f->b, &ANOTHER_SESSION);
	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/changes?",
			.status = 200,
			.type = JSON,
			.body = JOURNAL("", "10")});
	fake_add(f->a,
		&(struct fake_answer){
			.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	answer_init(&a);
	answer_init(&poll);
	f->store->ops->batch(f->store, &op, 1, on_batch, &a);
	fake_wait(f->b, "POST", OPS, 1);
	f->store->ops->poll(f->store, f->drive.at, 0, NULL, 0, on_poll, &poll);
	assert_int_equal(answer_wait(&poll), -ERR_SESSION_GONE);
	fake_wait(f->b, "POST", "/sessions", 1);
	fake_stop(f->b);
	f->b = NULL;
	assert_int_equal(answer_wait(&a), 0);
	assert_int_equal(fake_count(f->a, "GET", "/changes?"), 1);
	assert_string_equal(fake_request(f->a, "POST", OPS, 0)->session, FAKE_SESSION);
	assert_string_not_equal(fake_request(f->a, "POST", OPS, 1)->session, FAKE_SESSION);
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->batch, "1");
}

/* The gateway has sent the batch twice: the answer that comes is not the first that a service gave, and
 * Nephos-Attempts says so. */
static void a_batch_that_the_gateway_sent_twice_is_looked_up_and_not_repeated(void **state)
{
	struct fixture *f = *state;
	const struct item made = some_item(5, "x");
	struct answer a;
	char *page;

	refuse_once(f->a, 410, "Nephos-Attempts: 2", "{\"type\":\"/problems/session-gone\"}");
	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/changes?",
			.status = 200,
			.type = JSON,
			.body = JOURNAL(ENTRY("11", FAKE_SESSION "/1"), "11")});
	answer_page(f->a, "/items/30064771077", &made, 1, &page);
	assert_int_equal(run_batch(f, &a), 0);
	assert_int_equal(a.id, made.id);
	assert_int_equal(fake_count(f->a, "POST", OPS), 1);
	assert_true(replaces(f->a, 1, FAKE_SESSION));
	free(page);
}

/* A refusal that does not carry the batch number does not tell whether the batch was applied before. */
static void a_batch_in_doubt_that_is_then_refused_is_looked_up_and_sent_again(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .kind = FAKE_CUT, .times = 1});
	refuse_once(f->b, 403, NULL, "{\"type\":\"/problems/forbidden\",\"errno\":\"EACCES\"}");
	fake_add(f->b, &ANOTHER_SESSION);
	fake_add(f->b,
		&(struct fake_answer){.method = "GET",
			.target = "/changes?",
			.status = 200,
			.type = JSON,
			.body = JOURNAL("", "10")});
	assert_int_equal(run_batch(f, &a), 0);
	assert_true(replaces(f->b, 0, FAKE_SESSION));
	assert_string_equal(fake_request(f->b, "POST", OPS, 1)->session, "77");
}

/* All answers to batches are lost, but no others. The session is replaced before the caller's time is over, and
 * the caller learns what was applied. */
static void a_batch_whose_answers_are_all_lost_is_fenced_and_found_in_the_journal(void **state)
{
	struct fixture *f = *state;
	const struct item made = some_item(5, "x");
	const char *urls[1];
	struct answer a;
	char *page;

	f->a = fake_start(0);
	urls[0] = fake_url(f->a);
	assert_int_equal(open_store(f, urls, 1, 0, NULL), 0);
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .kind = FAKE_CUT});
	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/changes?",
			.status = 200,
			.type = JSON,
			.body = JOURNAL(ENTRY("11", FAKE_SESSION "/1"), "11")});
	answer_page(f->a, "/items/30064771077", &made, 1, &page);
	assert_int_equal(run_batch(f, &a), 0);
	assert_int_equal(a.id, made.id);
	assert_true(replaces(f->a, 1, FAKE_SESSION));
	assert_int_equal(store_http_in_doubt(f->store), 0);
	free(page);
}

/* No request succeeds. The batch is given up, and the next one waits until the session is replaced. All attempts
 * to replace it are the same request with the same key. */
static void no_batch_is_sent_until_the_session_of_an_abandoned_batch_is_replaced(void **state)
{
	struct fixture *f = *state;
	const char *urls[1];
	struct answer a;

	f->a = fake_start(0);
	urls[0] = fake_url(f->a);
	assert_int_equal(open_store(f, urls, 1, 400, NULL), 0);
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .kind = FAKE_CUT, .times = 1});
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .times = 1000, .status = 504});
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = "/sessions", .kind = FAKE_CUT, .times = 3});
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = "/sessions", .times = 1000, .status = 504});
	assert_int_equal(run_batch(f, &a), -ERR_IN_DOUBT);
	assert_false(a.has_reply);
	assert_int_equal(store_http_in_doubt(f->store), 1);
	const size_t sent = fake_count(f->a, "POST", OPS);
	assert_int_equal(run_batch(f, &a), -ERR_NO_GATEWAY);
	assert_int_equal(fake_count(f->a, "POST", OPS), sent);
	assert_int_equal(store_http_in_doubt(f->store), 1);
	for (size_t i = 1; i < fake_count(f->a, "POST", "/sessions"); i++) {
		assert_true(replaces(f->a, i, FAKE_SESSION));
		assert_string_equal(fake_request(f->a, "POST", "/sessions", i)->key,
			fake_request(f->a, "POST", "/sessions", 1)->key);
	}
}

/* A database that comes and goes: each time the fate of the batch is unknown, and the journal says that the batch
 * was not applied. The batch is sent again for as long as an outage is waited out, with no limit on the number of
 * attempts. */
static void a_batch_that_is_in_doubt_twelve_times_is_sent_until_it_succeeds(void **state)
{
	struct fixture *f = *state;
	const char *urls[1];
	struct answer a;

	f->a = fake_start(0);
	urls[0] = fake_url(f->a);
	assert_int_equal(open_store(f, urls, 1, 0, NULL), 0);
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .kind = FAKE_CUT, .times = 12});
	fake_add(f->a,
		&(struct fake_answer){
			.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/changes?",
			.status = 200,
			.type = JSON,
			.body = JOURNAL("", "10")});
	assert_int_equal(run_batch(f, &a), 0);
	assert_int_equal(fake_count(f->a, "POST", OPS), 13);
	assert_int_equal(store_http_in_doubt(f->store), 0);
}

static void an_item_not_found_in_a_replaced_session_is_fetched_in_the_new_one(void **state)
{
	struct fixture *f = *state;
	const struct item held = some_item(5, "x");
	struct answer a, item;
	char *page;

	refuse_once(f->a, 413, NULL, "{\"type\":\"/problems/too-large\"}");
	assert_int_equal(run_batch(f, &a), -E2BIG);
	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/items/30064771077",
			.times = 1,
			.status = 404,
			.type = PROBLEM,
			.body = "{\"type\":\"/problems/not-found\"}"});
	answer_page(f->a, "/items/30064771077", &held, 1, &page);
	answer_init(&item);
	f->store->ops->item(f->store, held.id, on_item, &item);
	assert_int_equal(answer_wait(&item), 0);
	assert_string_equal(fake_request(f->a, "GET", "/items/30064771077", 0)->session, FAKE_SESSION);
	assert_string_equal(fake_request(f->a, "GET", "/items/30064771077", 1)->session, "42");
	free(page);
}

static void a_batch_in_doubt_that_the_journal_cannot_resolve_fails_and_is_not_repeated(void **state)
{
	static const struct {
		int status;
		const char *journal;
	} cases[] = {{410, "{\"type\":\"/problems/gone\"}"}, {200, "[]"},
		{200, "{\"changes\":[],\"last\":\"12\",\"incarnation\":\"2\"}"},
		{200, JOURNAL(ENTRY("11", FAKE_SESSION "/1") "," ENTRY("12", FAKE_SESSION "/1"), "12")}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f;
		struct answer a;

		assert_int_equal(http_setup(state), 0);
		f = *state;
		lose_answer_and_session(f, cases[i].status, cases[i].journal);
		assert_int_equal(run_batch(f, &a), -ERR_IN_DOUBT);
		assert_false(a.has_reply);
		assert_int_equal(store_http_in_doubt(f->store), 1);
		assert_int_equal(fake_count(f->b, "POST", OPS), 1);
		assert_int_equal(run_batch(f, &a), 0);
		assert_int_equal(http_teardown(state), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, http_setup, http_teardown)
#define TEST_BARE(name) cmocka_unit_test_setup_teardown(name, http_setup_bare, http_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(after_a_refusal_without_a_batch_number_the_session_is_replaced),
		TEST(a_batch_that_no_service_took_is_sent_elsewhere_under_its_number),
		cmocka_unit_test(a_batch_with_a_wrong_number_is_sent_again_in_a_replacing_session),
		TEST(a_batch_whose_session_is_gone_is_sent_again_in_a_new_session),
		TEST(a_batch_in_doubt_that_was_applied_is_answered_from_the_journal),
		TEST(a_batch_in_doubt_that_was_not_applied_is_sent_again_in_a_new_session),
		TEST(a_batch_in_doubt_is_looked_up_even_if_its_session_was_renewed),
		TEST(a_batch_that_the_gateway_sent_twice_is_looked_up_and_not_repeated),
		TEST(a_batch_in_doubt_that_is_then_refused_is_looked_up_and_sent_again),
		TEST_BARE(a_batch_whose_answers_are_all_lost_is_fenced_and_found_in_the_journal),
		TEST_BARE(no_batch_is_sent_until_the_session_of_an_abandoned_batch_is_replaced),
		TEST_BARE(a_batch_that_is_in_doubt_twelve_times_is_sent_until_it_succeeds),
		TEST(an_item_not_found_in_a_replaced_session_is_fetched_in_the_new_one),
		cmocka_unit_test(a_batch_in_doubt_that_the_journal_cannot_resolve_fails_and_is_not_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
