/* File locks over HTTP: the requests, and what happens to the locks when the session ends. */
#include "common/base/error.h"
#include "tests/unit/fusefs/store/http/store_http_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define LOCKS "/api/v2/docs/drives/7/locks"
#define DOCUMENT ITEM_ID(FAKE_DRIVE, 5)

struct locked {
	struct answer answer;
	struct store_lock_reply reply; /* its item is not valid */
	int64_t item;
};

static void on_lock(void *cookie, int error, const struct store_lock_reply *reply)
{
	struct locked *l = cookie;

	l->reply = *reply;
	l->item = reply->item ? reply->item->id : 0;
	on_put(&l->answer, error);
}

static const struct store_lock_range one = {10, INT64_MAX, true};

static int run_lock(struct fixture *f, uint64_t life, size_t count, struct locked *ret)
{
	const struct store_lock lock = {.id = DOCUMENT, .held = &one, .count = count, .queue = &one, .life = life};

	memset(ret, 0, sizeof(*ret));
	answer_init(&ret->answer);
	f->store->ops->lock(f->store, &lock, on_lock, ret);
	return answer_wait(&ret->answer);
}

static int run_write(struct fixture *f, struct answer *a)
{
	const struct op op = {.kind = OP_WRITE, .id = DOCUMENT, .fields = OP_HAS_SIZE, .size = 3};

	answer_init(a);
	f->store->ops->batch(f->store, &op, 1, on_batch, a);
	return answer_wait(a);
}

static char *grants(struct fake_gateway *g)
{
	struct fake_answer a = {.method = "POST",
		.target = LOCKS,
		.status = 200,
		.type = "application/vnd.nephos.items",
		.header = "Nephos-Seq: 1.20"};
	const struct item item = some_item(5, "f");
	char *bytes = make_page(&item, 1, false, (struct store_position){1, 20}, &a.body_size);

	a.body = bytes;
	fake_add(g, &a);
	return bytes;
}

static void answers_ops(struct fake_gateway *g)
{
	fake_add(g,
		&(struct fake_answer){
			.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
}

/* The next request to this target finds that the session is gone. The request for a new session gets `next`. */
static void ends_session(struct fake_gateway *g, const char *target, const char *next)
{
	fake_add(g,
		&(struct fake_answer){.method = "POST",
			.target = target,
			.times = 1,
			.status = 410,
			.type = PROBLEM,
			.body = "{\"type\":\"/problems/session-gone\"}"});
	fake_add(g,
		&(struct fake_answer){.method = "POST",
			.target = "/sessions",
			.times = 1,
			.status = 201,
			.type = JSON,
			.body = next});
}

static void a_lock_request_names_all_held_ranges_under_a_growing_number(void **state)
{
	struct fixture *f = *state;
	char *page = grants(f->a);
	struct locked l;

	assert_int_equal(run_lock(f, 0, 1, &l), 0);
	assert_true(l.reply.granted);
	assert_int_equal(l.item, DOCUMENT);
	assert_int_equal(l.reply.at.seq, 20);
	assert_int_equal(run_lock(f, 0, 0, &l), 0);
	assert_string_equal(fake_request(f->a, "POST", LOCKS, 0)->session, FAKE_SESSION);
	assert_string_equal(fake_request(f->a, "POST", LOCKS, 0)->body,
		"{\"kind\":\"posix\",\"id\":\"30064771077\",\"number\":\"1\",\"held\":[[10,9223372036854775807,true]],\"queue\":[10,9223372036854775807,true]}");
	assert_non_null(strstr(fake_request(f->a, "POST", LOCKS, 1)->body, "\"number\":\"2\",\"held\":[]"));
	free(page);
}

static void a_refused_lock_reports_the_conflicting_range(void **state)
{
	struct fixture *f = *state;
	struct locked l;

	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = LOCKS,
			.status = 409,
			.type = PROBLEM,
			.body = "{\"type\":\"/problems/locked\",\"conflict\":[3,7,false]}"});
	assert_int_equal(run_lock(f, 0, 1, &l), 0);
	assert_false(l.reply.granted);
	assert_true(l.reply.in_the_way);
	assert_int_equal(l.reply.other.from, 3);
	assert_int_equal(l.reply.other.to, 7);
	assert_false(l.reply.other.exclusive);
}

static void a_lock_request_is_repeated_with_the_same_number(void **state)
{
	struct fixture *f = *state;
	struct locked l;
	char *page;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = LOCKS, .kind = FAKE_CUT, .times = 1});
	page = grants(f->b);
	assert_int_equal(run_lock(f, 0, 1, &l), 0);
	assert_string_equal(fake_request(f->a, "POST", LOCKS, 0)->body, fake_request(f->b, "POST", LOCKS, 0)->body);
	free(page);
}

static void a_lost_session_loses_its_locks_and_refuses_writes_made_under_them(void **state)
{
	struct fixture *f = *state;
	char *page = grants(f->a);
	struct locked l;
	struct answer a;

	ends_session(f->a, OPS, "{\"session\":\"77\",\"timeout_s\":600,\"locks_kept\":false}");
	answers_ops(f->a);
	assert_int_equal(run_lock(f, 0, 1, &l), 0);
	assert_int_equal(run_write(f, &a), -ESTALE);
	assert_true(a.has_reply); /* this op is refused: it is not applied later */
	assert_int_equal(a.index, 0);
	assert_int_equal(fake_count(f->a, "POST", OPS), 1);
	/* Other batches are not affected. */
	assert_int_equal(run_batch(f, &a), 0);
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->session, "77");
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->batch, "1");
	/* The caller still assumes that it holds its earlier locks, so this request is not sent. */
	assert_int_equal(run_lock(f, 0, 1, &l), -ERR_SESSION_GONE);
	assert_int_equal(l.reply.life, 1);
	assert_int_equal(fake_count(f->a, "POST", LOCKS), 1);
	f->store->ops->lock_settled(f->store, DOCUMENT);
	assert_int_equal(run_write(f, &a), 0);
	assert_int_equal(run_lock(f, 1, 1, &l), 0);
	free(page);
}

static void locks_survive_in_a_new_session_that_has_kept_them(void **state)
{
	struct fixture *f = *state;
	char *page = grants(f->a);
	struct locked l;
	struct answer a;

	ends_session(f->a, OPS, "{\"session\":\"77\",\"timeout_s\":600,\"locks_kept\":true}");
	answers_ops(f->a);
	assert_int_equal(run_lock(f, 0, 1, &l), 0);
	assert_int_equal(run_write(f, &a), 0);
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->session, "77");
	assert_int_equal(run_lock(f, 0, 1, &l), 0);
	assert_int_equal(l.reply.life, 0);
	free(page);
}

static void locks_released_before_a_session_is_lost_do_not_count_as_lost(void **state)
{
	struct fixture *f = *state;
	char *page = grants(f->a);
	struct locked l;
	struct answer a;

	ends_session(f->a, OPS, "{\"session\":\"77\",\"timeout_s\":600,\"locks_kept\":false}");
	answers_ops(f->a);
	assert_int_equal(run_lock(f, 0, 1, &l), 0);
	assert_int_equal(run_lock(f, 0, 0, &l), 0);
	assert_int_equal(run_write(f, &a), 0);
	assert_int_equal(run_lock(f, 0, 1, &l), 0);
	free(page);
}

static void refused_locks_do_not_count_as_lost_with_a_session(void **state)
{
	struct fixture *f = *state;
	struct locked l;
	struct answer a;

	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = LOCKS,
			.status = 409,
			.type = PROBLEM,
			.body = "{\"type\":\"/problems/locked\"}"});
	ends_session(f->a, OPS, "{\"session\":\"77\",\"timeout_s\":600,\"locks_kept\":false}");
	answers_ops(f->a);
	assert_int_equal(run_lock(f, 0, 1, &l), 0);
	assert_false(l.reply.granted);
	assert_int_equal(run_write(f, &a), 0);
}

static void a_lock_request_whose_session_ends_is_not_repeated_in_the_next_one(void **state)
{
	struct fixture *f = *state;
	struct locked l;

	ends_session(f->a, LOCKS, "{\"session\":\"77\",\"timeout_s\":600,\"locks_kept\":false}");
	assert_int_equal(run_lock(f, 0, 1, &l), -ERR_SESSION_GONE);
	assert_int_equal(fake_count(f->a, "POST", LOCKS), 1);
}

static void a_poll_waits_a_third_of_the_lock_lease(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	ends_session(f->a, OPS, "{\"session\":\"77\",\"timeout_s\":600,\"lock_lease_s\":6}");
	answers_ops(f->a);
	assert_int_equal(run_batch(f, &a), 0);
	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = "/changes",
			.status = 200,
			.type = JSON,
			.body = "{\"changes\":[],\"last\":\"11\",\"incarnation\":\"1\"}"});
	answer_init(&a);
	f->store->ops->poll(f->store, (struct store_position){1, 11}, 20, NULL, 0, on_poll, &a);
	assert_int_equal(answer_wait(&a), 0);
	assert_non_null(strstr(fake_request(f->a, "POST", "/changes", 0)->body, "\"wait\":2"));
}

#define with_store(test) cmocka_unit_test_setup_teardown(test, http_setup, http_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_store(a_lock_request_names_all_held_ranges_under_a_growing_number),
		with_store(a_refused_lock_reports_the_conflicting_range),
		with_store(a_lock_request_is_repeated_with_the_same_number),
		with_store(a_lost_session_loses_its_locks_and_refuses_writes_made_under_them),
		with_store(locks_survive_in_a_new_session_that_has_kept_them),
		with_store(locks_released_before_a_session_is_lost_do_not_count_as_lost),
		with_store(refused_locks_do_not_count_as_lost_with_a_session),
		with_store(a_lock_request_whose_session_ends_is_not_repeated_in_the_next_one),
		with_store(a_poll_waits_a_third_of_the_lock_lease),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
