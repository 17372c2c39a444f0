/* Notifications that a change has been made. */
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"

static void on_moved(const struct docs_moved *moved, void *cookie)
{
	int64_t *sum = cookie;

	assert_int_equal(moved->seq, 1000000 + moved->drive);
	*sum += moved->drive;
}

static void every_notified_change_reaches_a_listener_and_noise_is_ignored(void **state)
{
	enum { COUNT = 1500 };
	struct worker *w = *state;
	static struct docs_moved moved[COUNT];
	struct pg *hearer = NULL;
	int64_t sum = 0, expected = 0;
	int heard = 0;

	assert_int_equal(pg_new(server.conninfo, &hearer), 0);
	assert_int_equal(docs_pg_wait(hearer, 0, on_moved, &sum), -ENOTCONN);
	assert_int_equal(docs_pg_listen(hearer), 0);
	assert_int_equal(docs_pg_wait(hearer, 0, on_moved, &sum), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		moved[i] = (struct docs_moved){i + 1, 1000000 + i + 1};
		expected += i + 1;
	}
	assert_ok(w, docs_pg_notify(w->store, moved, 0));
	assert_ok(w, docs_pg_notify(w->store, moved, COUNT));
	while (heard < COUNT) {
		int n = docs_pg_wait(hearer, 10000, on_moved, &sum);
		assert_true(n > 0);
		heard += n;
	}
	assert_int_equal(sum, expected);
	/* Notifications of others do no harm. */
	number_of(w, "noise",
		"SELECT count(pg_notify('nephos_docs', x)) FROM unnest(ARRAY['', 'x:1', '5', '7:', '8:9;']) x");
	for (int i = 0; i < 5; i++)
		assert_int_equal(docs_pg_wait(hearer, 10000, on_moved, &sum), 0);
	pg_free(hearer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_worker(every_notified_change_reaches_a_listener_and_noise_is_ignored),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
