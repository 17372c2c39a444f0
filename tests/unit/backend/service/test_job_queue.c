#include "backend/service/job_queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct job_queue *with_places(size_t max)
{
	struct job_queue *q = NULL;

	assert_int_equal(job_queue_new(max, &q), 0);
	return q;
}

static int put(struct job_queue *q, int64_t party, intptr_t number)
{
	return job_queue_put(q, party, &(struct job){.cookie = (void *)number});
}

/* -1: there is none */
static intptr_t take(struct job_queue *q)
{
	struct job job;

	return job_queue_take(q, &job) ? (intptr_t)job.cookie : -1;
}

static void jobs_of_one_party_keep_their_order(void **state)
{
	struct job_queue *q = with_places(16);

	(void)state;
	for (intptr_t i = 0; i < 8; i++)
		assert_int_equal(put(q, 7, i), 0);
	assert_int_equal(job_queue_count(q), 8);
	for (intptr_t i = 0; i < 8; i++)
		assert_int_equal(take(q), i);
	assert_int_equal(take(q), -1);
	job_queue_free(q);
}

static void parties_are_served_in_turn_however_many_jobs_each_has(void **state)
{
	static const intptr_t wanted[] = {100, 200, 300, 101, 301, 102, 103};
	struct job_queue *q = with_places(64);

	(void)state;
	for (intptr_t i = 100; i < 104; i++)
		assert_int_equal(put(q, 1, i), 0);
	assert_int_equal(put(q, 2, 200), 0);
	assert_int_equal(put(q, -3, 300), 0);
	assert_int_equal(put(q, -3, 301), 0);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		assert_int_equal(take(q), wanted[i]);
	assert_int_equal(take(q), -1);
	job_queue_free(q);
}

static void a_party_that_comes_back_waits_for_its_turn(void **state)
{
	struct job_queue *q = with_places(64);

	(void)state;
	(void)put(q, 1, 10);
	(void)put(q, 2, 20);
	(void)put(q, 2, 21);
	assert_int_equal(take(q), 10);
	(void)put(q, 1, 11);
	assert_int_equal(take(q), 20);
	assert_int_equal(take(q), 11);
	assert_int_equal(take(q), 21);
	job_queue_free(q);
}

static int fill(struct job_queue *q, int64_t party)
{
	int n = 0;

	while (put(q, party, n) == 0)
		n++;
	return n;
}

static void a_party_gets_half_of_what_is_free(void **state)
{
	struct job_queue *q = with_places(64);

	(void)state;
	assert_int_equal(fill(q, 1), 32);
	assert_int_equal(fill(q, 2), 16);
	assert_int_equal(fill(q, 3), 8);
	assert_int_equal(put(q, 1, 0), -EAGAIN);
	for (int i = 0; i < 56; i++)
		assert_true(take(q) >= 0);
	assert_int_equal(fill(q, 1), 32);
	job_queue_free(q);
}

static void the_service_itself_may_have_every_place(void **state)
{
	struct job_queue *q = with_places(8);

	(void)state;
	assert_int_equal(fill(q, 1), 4);
	assert_int_equal(fill(q, JOB_PARTY_SERVICE), 4);
	assert_int_equal(put(q, 2, 0), -EAGAIN);
	assert_int_equal(job_queue_count(q), 8);
	job_queue_free(q);
}

static void one_place_is_enough_for_one_job(void **state)
{
	struct job_queue *q = with_places(1);

	(void)state;
	for (intptr_t i = 0; i < 3; i++) {
		assert_int_equal(put(q, 5 + i, i), 0);
		assert_int_equal(put(q, 9, i), -EAGAIN);
		assert_int_equal(take(q), i);
	}
	job_queue_free(q);
}

#define MANY 1000

/* Numbers that fall into the same list, negative ones too; each party has its jobs in order. */
static void nothing_is_lost_among_many_parties(void **state)
{
	static int next[MANY], put_so_far[MANY];
	struct job_queue *q = with_places(MANY);
	unsigned seed = 1;

	(void)state;
	for (int step = 0; step < 200 * MANY; step++) {
		seed = seed * 1103515245u + 12345u;
		const int party = (int)(seed >> 16) % 40;
		const int64_t number = (party % 2 ? -1 : 1) * (int64_t)(1 + party / 4 + party % 4 * 1024);
		intptr_t got = -1;

		if ((seed >> 8) % 3) {
			if (put(q, number, party * MANY * 1000 + put_so_far[party]) == 0)
				put_so_far[party]++;
			continue;
		}
		got = take(q);
		if (got >= 0)
			assert_int_equal(got % (MANY * 1000), next[got / (MANY * 1000)]++);
	}
	for (intptr_t got = take(q); got >= 0; got = take(q))
		next[got / (MANY * 1000)]++;
	for (int i = 0; i < 40; i++)
		assert_int_equal(next[i], put_so_far[i]);
	assert_int_equal(job_queue_count(q), 0);
	job_queue_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_of_one_party_keep_their_order),
		cmocka_unit_test(parties_are_served_in_turn_however_many_jobs_each_has),
		cmocka_unit_test(a_party_that_comes_back_waits_for_its_turn),
		cmocka_unit_test(a_party_gets_half_of_what_is_free),
		cmocka_unit_test(the_service_itself_may_have_every_place),
		cmocka_unit_test(one_place_is_enough_for_one_job),
		cmocka_unit_test(nothing_is_lost_among_many_parties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
