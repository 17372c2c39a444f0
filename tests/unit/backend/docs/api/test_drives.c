/*
 * When the restore of a drive is answered: at once, unless the restore has made the drive `home` in place of
 * another one, which gateways may take for home for a while. The handler works on a store in memory, whose
 * restore does what the test says. The tests check only lower bounds of times, and which thread has answered.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/blocks/block_mem.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/timer.h"
#include "tests/unit/backend/docs/api/fake_request.h"
#include "tests/unit/backend/docs/rules/trial.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define USER 7
/* Gateways believe an answer for 2 s; this is a thousandth and 50 ms longer. */
#define LATE_NS (2052 * NS_PER_MS)

/* The store is the one in memory with another restore, so what that restore does is set here. */
static struct {
	struct docs_store_ops ops;
	struct docs docs;
	struct timer_entry closer;
	uint32_t drive;
	int result;	 /* what a restore returns */
	bool replaced;	 /* the restore replaced another home */
	bool ends;	 /* the process is asked to end while the answer waits */
	int64_t held_ns; /* when the last restore was done */
	unsigned restores;
} world;

static void close_timer(struct timer_entry *entry)
{
	(void)entry;
	timer_close(world.docs.timer);
}

static int restore(struct docs_store *s, const struct docs_scope *scope, bool *ret_replaced)
{
	(void)s;
	assert_int_equal(scope->drive, world.drive);
	assert_int_equal(scope->user, USER);
	if (world.result < 0)
		return world.result;
	*ret_replaced = world.replaced;
	world.restores++;
	if (world.ends)
		timer_set(world.docs.timer, &world.closer, clock_mono_ns() + 20 * NS_PER_MS);
	world.held_ns = clock_mono_ns();
	return 0;
}

static int setup(void **state)
{
	struct trial *t = calloc(1, sizeof(*t));
	struct docs_drive home, drive;

	assert_non_null(t);
	trial_init(t);
	memset(&world, 0, sizeof(world));
	world.closer.fire = close_timer;
	assert_int_equal(block_mem_new(&world.docs.blocks), 0);
	assert_int_equal(timer_new(&world.docs.timer), 0);
	assert_int_equal(t->store->ops->drive_home(t->store, USER, &home), 0);
	assert_int_equal(t->store->ops->drive_create(t->store, USER, SPAN_LITERAL("restored"), 0, &drive), 0);
	world.drive = drive.row.id;
	world.ops = *t->store->ops;
	world.ops.drive_restore = restore;
	t->store->ops = &world.ops;
	world.docs.workers[0].store = t->store;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct trial *t = *state;

	timer_free(world.docs.timer);
	world.docs.blocks->ops->free(world.docs.blocks);
	trial_fini(t);
	free(t);
	return 0;
}

/* key: NULL for none. The caller finis the answer. */
static struct fake_answer restore_drive(const char *key)
{
	struct fake_request q = {.handler = api_drive_restore, .method = "POST", .params = {{"drive", ""}}};
	struct fake_answer answer;

	(void)snprintf(q.params[0].value, FAKE_VALUE_SIZE, "%" PRIu32, world.drive);
	if (key) {
		q.headers[0].name = "Idempotency-Key";
		(void)snprintf(q.headers[0].value, FAKE_VALUE_SIZE, "%s", key);
	}
	fake_request_ask(&q, &world.docs, USER, &answer);
	return answer;
}

static void a_restore_that_replaces_no_home_is_answered_at_once(void **state)
{
	(void)state;
	for (int with_key = 0; with_key < 2; with_key++) {
		struct fake_answer a = restore_drive(with_key ? "key" : NULL);

		assert_int_equal(a.status, 200);
		assert_false(a.late);
		fake_answer_fini(&a);
	}
	assert_int_equal(world.restores, 2);
}

static void a_refused_restore_is_answered_404_at_once(void **state)
{
	(void)state;
	world.result = -ERR_NOT_FOUND;
	for (int with_key = 0; with_key < 2; with_key++) {
		struct fake_answer a = restore_drive(with_key ? "key" : NULL);

		assert_int_equal(a.status, 404);
		assert_false(a.late);
		fake_answer_fini(&a);
	}
}

static void a_restore_that_replaces_home_waits_out_the_gateways_cached_answers(void **state)
{
	char id[32];

	(void)state;
	world.replaced = true;
	struct fake_answer a = restore_drive(NULL);
	assert_int_equal(a.status, 200);
	assert_true(a.late);
	assert_true(a.at_ns - world.held_ns >= LATE_NS);
	(void)snprintf(id, sizeof(id), "\"id\":\"%" PRIu32 "\"", world.drive);
	assert_non_null(strstr(a.body.data, id));
	fake_answer_fini(&a);
}

/* The repeat cannot tell whether home had moved, nor when. */
static void a_replayed_restore_waits_out_the_gateways_cached_answers(void **state)
{
	(void)state;
	struct fake_answer a = restore_drive("key");
	assert_false(a.late);
	const int64_t asked_ns = clock_mono_ns();
	struct fake_answer again = restore_drive("key");
	assert_int_equal(again.status, 200);
	assert_string_equal(http_headers_get(&again.headers, "Idempotency-Replayed"), "true");
	assert_true(again.late);
	assert_true(again.at_ns - asked_ns >= LATE_NS);
	assert_string_equal(again.body.data, a.body.data);
	assert_int_equal(world.restores, 1);
	fake_answer_fini(&again);
	fake_answer_fini(&a);
}

/* On a machine that stood still meanwhile the answer may have waited long enough all the same. */
static void at_shutdown_a_restore_gets_503_if_its_wait_is_cut_short(void **state)
{
	(void)state;
	world.replaced = world.ends = true;
	struct fake_answer a = restore_drive(NULL);
	assert_true(a.status == 503 || a.at_ns - world.held_ns >= LATE_NS);
	fake_answer_fini(&a);
	/* From now on the timer is closed. */
	world.ends = false;
	a = restore_drive(NULL);
	assert_int_equal(a.status, 503);
	fake_answer_fini(&a);
	assert_int_equal(world.restores, 2);
	world.replaced = false;
	a = restore_drive(NULL);
	assert_int_equal(a.status, 200);
	fake_answer_fini(&a);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(a_restore_that_replaces_no_home_is_answered_at_once),
		in_world(a_refused_restore_is_answered_404_at_once),
		in_world(a_restore_that_replaces_home_waits_out_the_gateways_cached_answers),
		in_world(a_replayed_restore_waits_out_the_gateways_cached_answers),
		in_world(at_shutdown_a_restore_gets_503_if_its_wait_is_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
