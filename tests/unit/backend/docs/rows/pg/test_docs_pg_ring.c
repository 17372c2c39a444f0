/* The ring's book in PostgreSQL gives the same results as the rules on a book in memory, whichever gateways
 * call, and when several call at once. */
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

#include <pthread.h>

#define CALLERS 8
#define CALLS_EACH 25
#define ORDERED 400

static int empty_book(void **state)
{
	int r = worker_new(state);
	struct worker *w = *state;

	return r == 0
		? pg_script(w->pg, "DELETE FROM ring_gateway; UPDATE ring SET epoch = 0, calls = 0, preparing = false")
		: r;
}

#define with_empty_book(test) cmocka_unit_test_setup_teardown(test, empty_book, worker_free)

static const struct membership_gateway *find(const struct membership *m, const char *name, const char *boot)
{
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->list[i].name, name) == 0 && strcmp(m->list[i].boot, boot) == 0)
			return &m->list[i];
	return NULL;
}

static void assert_same_gateway(const struct membership_gateway *a, const struct membership_gateway *b)
{
	assert_non_null(b);
	assert_string_equal(a->url, b->url);
	assert_string_equal(a->hop_url, b->hop_url);
	assert_int_equal(a->weight, b->weight);
	assert_int_equal(a->member, b->member);
	assert_int_equal(a->next, b->next);
	assert_int_equal(a->leaving, b->leaving);
	assert_int_equal(a->renewed_at, b->renewed_at);
	assert_int_equal(a->unsaid, b->unsaid);
	assert_int_equal(a->said, b->said);
	assert_int_equal(a->called_at, b->called_at);
}

static void assert_same_book(const struct membership *a, const struct membership *b)
{
	assert_int_equal(a->epoch, b->epoch);
	assert_int_equal(a->calls, b->calls);
	assert_int_equal(a->preparing, b->preparing);
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++)
		assert_same_gateway(&a->list[i], find(b, a->list[i].name, a->list[i].boot));
}

/* Six gateways come, stop, report that, are found silent and leave, as a seed decides. */
static void ring_calls_in_postgresql_and_in_memory_give_the_same_membership(void **state)
{
	struct worker *w = *state;
	struct membership memory = {.epoch = 0}, rows;
	uint64_t random = 20261127;

	for (int n = 0; n < ORDERED; n++) {
		char name[16], boot[16], url[32], hop_url[32];
		struct membership_silence silent = {.name = NULL};
		bool lease_memory = false, lease_rows = true;

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		const unsigned which = (unsigned)(random >> 33) % 6, fate = (unsigned)(random >> 40) % 16;
		(void)snprintf(name, sizeof(name), "g%u", which % 4);
		(void)snprintf(boot, sizeof(boot), "b%u", which);
		(void)snprintf(url, sizeof(url), "http://h%u", fate % 3);
		(void)snprintf(hop_url, sizeof(hop_url), "http://h%u:8060", fate % 5);
		struct membership_call call = {.name = name,
			.boot = boot,
			.url = url,
			.hop_url = fate % 5 > 0 ? hop_url : "",
			.weight = 1 + fate % 2,
			.view = memory.epoch,
			.said = fate < 12 ? memory.epoch + 1 : 0,
			.leaving = fate == 15};
		if (fate == 14 && memory.count > 0) {
			const struct membership_gateway *g = &memory.list[(random >> 50) % memory.count];

			silent = (struct membership_silence){g->name, g->boot, g->renewed_at};
			call.silent = &silent;
			call.silent_count = 1;
		}
		assert_ok(w, w->store->ops->ring_call(w->store, &call, &rows, &lease_rows));
		assert_int_equal(membership_hear(&memory, &call, &lease_memory), 0);
		assert_int_equal(lease_rows, lease_memory);
		assert_same_book(&memory, &rows);
		rows.count = 0;
		assert_ok(w, w->store->ops->ring_look(w->store, &rows));
		assert_same_book(&memory, &rows);
	}
	assert_true(memory.epoch > 5);
}

static void a_ring_call_with_a_bad_name_writes_nothing(void **state)
{
	struct worker *w = *state;
	struct membership_call call = {.name = "a", .boot = "b", .url = "http://x", .hop_url = "", .weight = 1};
	struct membership book;
	bool lease = true;

	assert_ok(w, w->store->ops->ring_call(w->store, &call, &book, &lease));
	call.name = "a b";
	assert_int_equal(w->store->ops->ring_call(w->store, &call, &book, &lease), -EINVAL);
	call.name = "a";
	assert_ok(w, w->store->ops->ring_call(w->store, &call, &book, &lease));
	assert_int_equal(book.calls, 2);
	assert_int_equal(book.count, 1);
}

static void ring_calls_fail_with_eio_when_the_rows_are_inconsistent(void **state)
{
	struct worker *w = *state;
	const struct membership_call call = {.name = "a", .boot = "b", .url = "http://x", .hop_url = "", .weight = 1};
	struct membership book;
	bool lease = false;

	assert_ok(w, w->store->ops->ring_call(w->store, &call, &book, &lease));
	assert_ok(w, pg_script(w->pg, "UPDATE ring_gateway SET next = true"));
	assert_int_equal(w->store->ops->ring_call(w->store, &call, &book, &lease), -EIO);
	assert_int_equal(w->store->ops->ring_look(w->store, &book), -EIO);
	assert_ok(w, pg_script(w->pg, "UPDATE ring_gateway SET next = false, name = repeat('x', 64)::bytea"));
	assert_int_equal(w->store->ops->ring_call(w->store, &call, &book, &lease), -EIO);
}

struct caller {
	struct worker worker;
	unsigned number;
	int64_t seen[CALLS_EACH]; /* the numbers of its calls */
	int error;
};

static void *call_again_and_again(void *cookie)
{
	struct caller *c = cookie;
	char name[16];
	struct membership book;
	bool lease;

	(void)snprintf(name, sizeof(name), "g%u", c->number);
	struct membership_call call = {.name = name, .boot = "b", .url = "http://x", .hop_url = "", .weight = 1};
	c->error = worker_connect(&c->worker);
	for (unsigned n = 0; n < CALLS_EACH && c->error == 0; n++) {
		c->error = c->worker.store->ops->ring_call(c->worker.store, &call, &book, &lease);
		c->seen[n] = book.calls;
		call.view = book.epoch;
		call.said = book.preparing ? book.epoch + 1 : 0;
	}
	worker_fini(&c->worker);
	return NULL;
}

static void concurrent_ring_calls_get_distinct_numbers_without_gaps(void **state)
{
	static struct caller callers[CALLERS];
	bool seen[CALLERS * CALLS_EACH + 1] = {false};
	struct worker *w = *state;
	pthread_t threads[CALLERS];

	(void)w;
	for (unsigned i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){.number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, call_again_and_again, &callers[i]), 0);
	}
	for (unsigned i = 0; i < CALLERS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < CALLERS; i++) {
		assert_int_equal(callers[i].error, 0);
		for (unsigned n = 0; n < CALLS_EACH; n++) {
			assert_in_range(callers[i].seen[n], 1, CALLERS * CALLS_EACH);
			assert_false(seen[callers[i].seen[n]]);
			seen[callers[i].seen[n]] = true;
		}
	}
}

/* ---- claims ---- */

static int64_t call_once(struct worker *w)
{
	const struct membership_call call = {.name = "a", .boot = "b", .url = "http://x", .hop_url = "", .weight = 1};
	struct membership book;
	bool lease;

	assert_ok(w, w->store->ops->ring_call(w->store, &call, &book, &lease));
	return book.epoch;
}

static int64_t epoch_of(struct worker *w)
{
	struct docs_drive drive;

	assert_ok(w, w->store->ops->drive_get(w->store, &w->scope, &drive));
	return drive.row.epoch;
}

static void a_claim_stores_the_epoch_and_returns_the_drives_position_and_owner(void **state)
{
	struct worker *w = *state;
	const int64_t epoch = call_once(w);
	struct docs_position at = {0}, again = {0};
	int64_t owner = 0;

	assert_int_equal(epoch, 1);
	assert_ok(w, w->store->ops->ring_claim(w->store, w->scope.drive, epoch, &at, &owner));
	assert_int_equal(epoch_of(w), epoch);
	assert_int_equal(owner, w->scope.user);
	assert_int_equal(at.seq, 0);
	assert_true(at.incarnation > 0);
	assert_ok(w, w->store->ops->ring_claim(w->store, w->scope.drive, epoch, &again, &owner));
	assert_memory_equal(&again, &at, sizeof(at));
}

static void a_claim_in_a_wrong_or_outdated_epoch_changes_nothing(void **state)
{
	struct worker *w = *state;
	const int64_t epoch = call_once(w);
	struct docs_position at = {-1, -1};
	int64_t owner;

	assert_int_equal(w->store->ops->ring_claim(w->store, w->scope.drive, epoch + 1, &at, &owner), -ERR_EPOCH);
	assert_int_equal(w->store->ops->ring_claim(w->store, w->scope.drive, epoch - 1, &at, &owner), -ERR_EPOCH);
	assert_int_equal(epoch_of(w), 0);
	/* The book was set back: a gateway that has claimed in a later epoch keeps the drive. */
	assert_ok(w, w->store->ops->ring_claim(w->store, w->scope.drive, epoch, &at, &owner));
	assert_ok(w, pg_script(w->pg, "UPDATE drive SET epoch = epoch + 5"));
	assert_int_equal(w->store->ops->ring_claim(w->store, w->scope.drive, epoch, &at, &owner), -ERR_EPOCH);
	assert_int_equal(epoch_of(w), epoch + 5);
}

static void a_claim_of_a_missing_drive_gets_not_found(void **state)
{
	struct worker *w = *state;
	const int64_t epoch = call_once(w);
	struct docs_position at;
	int64_t owner;

	assert_int_equal(w->store->ops->ring_claim(w->store, INT32_MAX, epoch, &at, &owner), -ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_empty_book(ring_calls_in_postgresql_and_in_memory_give_the_same_membership),
		with_empty_book(a_ring_call_with_a_bad_name_writes_nothing),
		with_empty_book(ring_calls_fail_with_eio_when_the_rows_are_inconsistent),
		with_empty_book(a_claim_stores_the_epoch_and_returns_the_drives_position_and_owner),
		with_empty_book(a_claim_in_a_wrong_or_outdated_epoch_changes_nothing),
		with_empty_book(a_claim_of_a_missing_drive_gets_not_found),
		with_empty_book(concurrent_ring_calls_get_distinct_numbers_without_gaps),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
