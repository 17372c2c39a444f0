#include "tests/unit/fusefs/store/http/store_http_fixture.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

/* ---- opening ---- */

static void store_http_new_opens_drive_and_session_and_free_ends_the_session(void **state)
{
	struct fixture *f = *state;
	const struct fake_request *r = fake_request(f->a, "GET", "/drives/home", 0);

	assert_int_equal(f->drive.root, ROOT);
	assert_int_equal(f->drive.at.seq, 10);
	assert_string_equal(r->authorization, "Bearer secret");
	assert_int_equal(fake_count(f->a, "POST", "/api/v2/docs/drives/7/sessions"), 1);
	f->store->ops->free(f->store);
	f->store = NULL;
	assert_int_equal(fake_count(f->a, "DELETE", "/api/v2/docs/drives/7/sessions/" FAKE_SESSION), 1);
}

#define LISTED(name, root)               \
	"{\"id\":\"7\",\"name\":\"" name \
	"\",\"quota\":0,\"used\":0,\"free\":9,\"seq\":\"3\",\"incarnation\":\"1\",\"root\":\"" root "\"}"

static int open_by_name(struct fixture *f, const char *name, const char *list, struct buf *why)
{
	const char *url;

	f->a = fake_start(0);
	f->drive_name = name;
	url = fake_url(f->a);
	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/docs/drives",
			.times = 1,
			.status = 200,
			.type = JSON,
			.body = list});
	return open_store(f, &url, 1, 0, why);
}

static void store_http_new_finds_a_drive_by_its_name(void **state)
{
	struct fixture *f = *state;
	struct buf why;

	buf_init(&why, 1000);
	assert_int_equal(
		open_by_name(f, "work",
			"{\"drives\":[" LISTED("home", "4294967297") "," LISTED("work", "30064771073") "]}", &why),
		0);
	assert_int_equal(f->drive.root, ROOT);
	assert_int_equal(fake_count(f->a, "POST", "/api/v2/docs/drives/7/sessions"), 1);
	buf_fini(&why);
}

static void store_http_new_fails_for_a_missing_or_ambiguous_drive_name(void **state)
{
	struct fixture *f = *state;
	struct buf why;

	buf_init(&why, 1000);
	assert_int_equal(open_by_name(f, "work", "{\"drives\":[" LISTED("home", "4294967297") "]}", &why), -ENOENT);
	assert_non_null(strstr(why.data, "no drive \"work\""));
	fake_stop(f->a);
	buf_reset(&why);
	assert_int_equal(
		open_by_name(f, "work",
			"{\"drives\":[" LISTED("work", "4294967297") "," LISTED("work", "30064771073") "]}", &why),
		-ENOTUNIQ);
	assert_non_null(strstr(why.data, "by its number"));
	buf_fini(&why);
}

static void store_http_new_reports_that_the_key_was_refused(void **state)
{
	struct fixture *f = *state;
	const char *url;
	struct buf why;

	buf_init(&why, 1000);
	f->a = fake_start(0);
	url = fake_url(f->a);
	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/drives/",
			.status = 401,
			.type = PROBLEM,
			.body = "{\"type\":\"/problems/unauthenticated\",\"status\":401}"});
	assert_int_equal(open_store(f, &url, 1, 0, &why), -ERR_UNAUTHENTICATED);
	assert_non_null(strstr(why.data, "does not accept the key"));
	buf_fini(&why);
}

static void store_http_new_skips_a_gateway_that_refuses_connections(void **state)
{
	struct fixture *f = *state;
	char closed[64];
	const char *urls[2] = {closed, NULL};
	struct buf why;

	buf_init(&why, 1000);
	(void)snprintf(closed, sizeof(closed), "http://127.0.0.1:%u", (unsigned)fake_closed_port());
	f->a = fake_start(0);
	urls[1] = fake_url(f->a);
	assert_int_equal(open_store(f, urls, 2, 0, &why), 0);
	buf_fini(&why);
}

static void store_http_new_skips_a_gateway_that_does_not_answer(void **state)
{
	struct fixture *f = *state;
	const char *urls[2];
	struct buf why;

	buf_init(&why, 1000);
	f->a = fake_start(0);
	f->b = fake_start(0);
	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/drives/home", .kind = FAKE_HOLD});
	urls[0] = fake_url(f->a);
	urls[1] = fake_url(f->b);
	assert_int_equal(open_store(f, urls, 2, 0, &why), 0);
	assert_int_equal(fake_count(f->a, "GET", "/drives/home"), 1);
	buf_fini(&why);
}

static void store_http_new_without_a_gateway_names_the_url_that_refused(void **state)
{
	struct fixture *f = *state;
	char closed[64];
	const char *urls[1] = {closed};
	struct buf why;

	buf_init(&why, 1000);
	(void)snprintf(closed, sizeof(closed), "http://127.0.0.1:%u", (unsigned)fake_closed_port());
	assert_true(open_store(f, urls, 1, 200, &why) < 0);
	assert_non_null(strstr(why.data, closed));
	assert_non_null(strstr(why.data, "refused"));
	buf_fini(&why);
}

/* ---- batches ---- */

static void batches_carry_the_session_and_growing_batch_numbers(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	const struct fake_request *r;

	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = OPS,
			.status = 200,
			.type = JSON,
			.header = "Nephos-Usage: 5/100",
			.body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), 0);
	assert_int_equal(a.id, ITEM_ID(FAKE_DRIVE, 2));
	assert_int_equal(a.used, 5);
	assert_int_equal(a.quota, 100);
	assert_int_equal(run_batch(f, &a), 0);
	r = fake_request(f->a, "POST", OPS, 0);
	assert_string_equal(r->session, FAKE_SESSION);
	assert_string_equal(r->batch, "1");
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->batch, "2");
}

static void a_batch_without_an_answer_is_repeated_unchanged_at_another_gateway(void **state)
{
	struct fixture *f = *state;
	const struct fake_request *first, *second;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .kind = FAKE_CUT});
	fake_add(f->b,
		&(struct fake_answer){
			.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), 0);
	first = fake_request(f->a, "POST", OPS, 0);
	second = fake_request(f->b, "POST", OPS, 0);
	assert_string_equal(second->session, first->session);
	assert_string_equal(second->batch, first->batch);
	assert_int_equal(second->body_size, first->body_size);
	assert_memory_equal(second->body, first->body, first->body_size);
	/* The next batch goes to the gateway that answered. */
	assert_int_equal(run_batch(f, &a), 0);
	assert_int_equal(fake_count(f->a, "POST", OPS), 1);
}

static void a_refused_batch_reports_the_index_of_the_op_and_uses_up_its_number(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = OPS,
			.times = 1,
			.status = 409,
			.type = PROBLEM,
			.header = "Nephos-Batch: 1",
			.body = "{\"type\":\"/problems/exists\",\"errno\":\"EEXIST\",\"index\":0}"});
	fake_add(f->a,
		&(struct fake_answer){
			.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), -EEXIST);
	assert_true(a.has_reply);
	assert_int_equal(a.index, 0);
	assert_int_equal(run_batch(f, &a), 0);
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->batch, "2");
}

static void a_batch_with_a_malformed_json_answer_is_in_doubt(void **state)
{
	static const char *const bodies[] = {"", "[]", "{\"results\":[]}", "{\"results\":[7]}", "{\"results\":[{},{}]}",
		"{\"results\":[{\"item\":{\"id\":\"1\"}}]}", "{\"results\":[{\"dirs\":[1,2,3]}]}"};
	struct fixture *f = *state;
	struct answer a;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		fake_add(f->a,
			&(struct fake_answer){.method = "POST",
				.target = OPS,
				.times = 1,
				.status = 200,
				.type = JSON,
				.body = bodies[i]});
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_int_equal(run_batch(f, &a), -ERR_IN_DOUBT);
		assert_false(a.has_reply);
	}
}

/* The compact answer to the one op of run_batch. The caller frees it. */
static char *make_answer(const struct item *item, size_t *ret_size)
{
	const struct op_result result = {.item = *item,
		.has_item = true,
		.id = item->id,
		.dirs[0] = {.id = ROOT, .parent = ROOT, .mode = S_IFDIR | 0755},
		.dir_count = 1};
	const struct op_answer answer = {.incarnation = 1, .last = 11, .count = 1, .results = &result};
	struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(op_answer_append_compact(&b, &answer), 0);
	return buf_take(&b, ret_size);
}

static void a_batch_asks_for_a_compact_answer_and_also_accepts_json(void **state)
{
	struct fixture *f = *state;
	const struct item item = some_item(9, "x\xff");
	struct fake_answer compact = {.method = "POST",
		.target = OPS,
		.times = 1,
		.status = 200,
		.type = OP_ANSWER_COMPACT,
		.header = "Nephos-Seq: 1.11"};
	struct answer a;
	char *bytes = make_answer(&item, &compact.body_size);

	compact.body = bytes;
	fake_add(f->a, &compact);
	fake_add(f->a,
		&(struct fake_answer){
			.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), 0);
	assert_string_equal(fake_request(f->a, "POST", OPS, 0)->accept, OP_ANSWER_COMPACT ", " JSON);
	assert_int_equal(a.id, item.id);
	assert_int_equal(a.item.id, item.id);
	assert_string_equal(a.name, "x\xff");
	assert_int_equal(a.first, ROOT);
	assert_int_equal(a.at.seq, 11);
	assert_int_equal(run_batch(f, &a), 0);
	assert_int_equal(a.id, ITEM_ID(FAKE_DRIVE, 2));
	free(bytes);
}

static void a_batch_with_a_malformed_compact_answer_is_in_doubt(void **state)
{
	struct fixture *f = *state;
	const struct item items[] = {
		some_item(9, "x"), some_item(9, "a/b"), {.id = ITEM_ID(FAKE_DRIVE + 1, 9), .mode = S_IFREG}};
	char *bytes[3];
	struct answer a;

	for (size_t i = 0; i < 3; i++) {
		struct fake_answer answer = {
			.method = "POST", .target = OPS, .times = 1, .status = 200, .type = OP_ANSWER_COMPACT};

		answer.body = bytes[i] = make_answer(&items[i], &answer.body_size);
		if (i == 0)
			answer.body_size--; /* cut off; the others have an invalid name and an id of another drive */
		fake_add(f->a, &answer);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(run_batch(f, &a), -ERR_IN_DOUBT);
		assert_false(a.has_reply);
		free(bytes[i]);
	}
}

/* ---- outages and ends ---- */

static void cancel_ends_a_call_to_a_gateway_that_does_not_answer(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	store_ticket ticket;

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .kind = FAKE_HOLD});
	answer_init(&a);
	ticket = f->store->ops->lookup(f->store, ROOT, SPAN_LITERAL("x"), on_item, &a);
	fake_wait(f->a, "GET", "/lookup", 1);
	assert_int_equal(a.calls, 0);
	f->store->ops->cancel(f->store, ticket);
	assert_int_equal(answer_wait(&a), -EINTR);
	f->store->ops->cancel(f->store, ticket); /* the call is already over */
}

static void a_call_waits_out_an_outage_and_cancel_ends_the_wait_of_another(void **state)
{
	struct fixture *f = *state;
	uint16_t port = fake_port(f->a);
	struct item item = some_item(5, "x");
	struct answer a, given_up;
	store_ticket ticket;
	char *bytes;

	fake_stop(f->b);
	fake_stop(f->a);
	f->a = f->b = NULL;
	answer_init(&a);
	answer_init(&given_up);
	f->store->ops->lookup(f->store, ROOT, SPAN_LITERAL("x"), on_item, &a);
	ticket = f->store->ops->lookup(f->store, ROOT, SPAN_LITERAL("x"), on_item, &given_up);
	f->store->ops->cancel(f->store, ticket);
	assert_int_equal(answer_wait(&given_up), -EINTR);
	assert_int_equal(a.calls, 0);
	f->a = fake_start(port);
	answer_page(f->a, "/lookup", &item, 1, &bytes);
	assert_int_equal(answer_wait(&a), 0);
	free(bytes);
}

static void calls_fail_after_a_long_outage_and_later_calls_work_again(void **state)
{
	struct fixture *f = *state;
	struct item item = some_item(5, "x");
	const char *url;
	uint16_t port;
	struct answer a;
	struct buf why;
	char *bytes;

	buf_init(&why, 1000);
	f->a = fake_start(0);
	port = fake_port(f->a);
	url = fake_url(f->a);
	assert_int_equal(open_store(f, &url, 1, 100, &why), 0);
	fake_stop(f->a);
	f->a = NULL;
	assert_int_equal(run_lookup(f, &a), -ERR_NO_GATEWAY);
	assert_int_equal(run_batch(f, &a), -ERR_NO_GATEWAY);
	assert_false(a.has_reply);
	f->a = fake_start(port);
	answer_page(f->a, "/lookup", &item, 1, &bytes);
	assert_int_equal(run_lookup(f, &a), 0);
	free(bytes);
	buf_fini(&why);
}

/* The only gateway accepts connections and never answers. An attempt may take ten seconds, but the calls fail as
 * soon as their outage time is over. */
static void calls_to_a_silent_gateway_fail_when_their_own_outage_time_is_over(void **state)
{
	struct fixture *f = *state;
	struct answer a, b;
	const char *url;
	int64_t begun_ns;
	struct buf why;

	buf_init(&why, 1000);
	f->a = fake_start(0);
	url = fake_url(f->a);
	assert_int_equal(open_store(f, &url, 1, 100, &why), 0);
	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .kind = FAKE_HOLD});
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = "/ids", .kind = FAKE_HOLD});
	answer_init(&a);
	answer_init(&b);
	begun_ns = clock_mono_ns();
	f->store->ops->lookup(f->store, ROOT, SPAN_LITERAL("x"), on_item, &a);
	f->store->ops->ids(f->store, 1, on_ids, &b);
	assert_int_equal(answer_wait(&a), -ERR_NO_GATEWAY);
	assert_int_equal(answer_wait(&b), -ERR_NO_GATEWAY);
	assert_true(clock_mono_ns() - begun_ns < STORE_HTTP_DEADLINE_MS * NS_PER_MS);
	assert_int_equal(fake_count(f->a, "GET", "/lookup"), 1);
	assert_true(f->store->missed_ns > f->store->heard_ns);
	buf_fini(&why);
}

static void free_ends_calls_in_flight_with_eintr(void **state)
{
	struct fixture *f = *state;
	struct answer a[3];

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .kind = FAKE_HOLD});
	for (int i = 0; i < 3; i++) {
		answer_init(&a[i]);
		f->store->ops->lookup(f->store, ROOT, SPAN_LITERAL("x"), on_item, &a[i]);
	}
	fake_wait(f->a, "GET", "/lookup", 3);
	f->store->ops->free(f->store);
	f->store = NULL;
	for (int i = 0; i < 3; i++)
		assert_int_equal(answer_wait(&a[i]), -EINTR);
}

static void the_store_uses_gateways_that_the_first_gateway_lists(void **state)
{
	struct fixture *f = *state;
	struct item item = some_item(5, "x");
	char status[128];
	const char *url;
	struct answer a;
	struct buf why;
	char *bytes;

	buf_init(&why, 1000);
	f->a = fake_start(0);
	f->b = fake_start(0);
	url = fake_url(f->a);
	(void)snprintf(
		status, sizeof(status), "{\"gateways\":[\"%s\",\"%s\",\"ftp://x\",7]}", fake_url(f->a), fake_url(f->b));
	fake_add(f->a,
		&(struct fake_answer){
			.method = "GET", .target = "/api/v2/gateways", .status = 200, .type = JSON, .body = status});
	assert_int_equal(open_store(f, &url, 1, 0, &why), 0);
	fake_wait(f->a, "GET", "/api/v2/gateways", 1);
	/* The mount asks only a gateway to which it has sent its key, and the request itself carries the key: it
	 * does not use /status. */
	assert_string_equal(fake_request(f->a, "GET", "/api/v2/gateways", 0)->authorization, "Bearer secret");
	assert_int_equal(fake_count(f->a, "GET", "/status"), 0);
	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .status = 503});
	answer_page(f->b, "/lookup", &item, 1, &bytes);
	assert_int_equal(run_lookup(f, &a), 0);
	free(bytes);
	buf_fini(&why);
}

static void the_drive_can_be_fetched_again(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	answer_init(&a);
	f->store->ops->drive(f->store, on_drive, &a);
	assert_int_equal(answer_wait(&a), 0);
	assert_int_equal(a.id, ROOT);
	assert_int_equal(fake_count(f->a, "GET", "/api/v2/docs/drives/7"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, http_setup, http_teardown)
#define TEST_BARE(name) cmocka_unit_test_setup_teardown(name, http_setup_bare, http_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(store_http_new_opens_drive_and_session_and_free_ends_the_session),
		TEST_BARE(store_http_new_reports_that_the_key_was_refused),
		TEST_BARE(store_http_new_finds_a_drive_by_its_name),
		TEST_BARE(store_http_new_fails_for_a_missing_or_ambiguous_drive_name),
		TEST_BARE(store_http_new_skips_a_gateway_that_refuses_connections),
		TEST_BARE(store_http_new_skips_a_gateway_that_does_not_answer),
		TEST_BARE(store_http_new_without_a_gateway_names_the_url_that_refused),
		TEST(batches_carry_the_session_and_growing_batch_numbers),
		TEST(a_batch_without_an_answer_is_repeated_unchanged_at_another_gateway),
		TEST(a_refused_batch_reports_the_index_of_the_op_and_uses_up_its_number),
		TEST(a_batch_with_a_malformed_json_answer_is_in_doubt),
		TEST(a_batch_asks_for_a_compact_answer_and_also_accepts_json),
		TEST(a_batch_with_a_malformed_compact_answer_is_in_doubt),
		TEST(cancel_ends_a_call_to_a_gateway_that_does_not_answer),
		TEST(a_call_waits_out_an_outage_and_cancel_ends_the_wait_of_another),
		TEST_BARE(calls_fail_after_a_long_outage_and_later_calls_work_again),
		TEST_BARE(calls_to_a_silent_gateway_fail_when_their_own_outage_time_is_over),
		TEST(free_ends_calls_in_flight_with_eintr),
		TEST_BARE(the_store_uses_gateways_that_the_first_gateway_lists),
		TEST(the_drive_can_be_fetched_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
