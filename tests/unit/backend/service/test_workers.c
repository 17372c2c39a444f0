#include "backend/service/job_queue.h"
#include "backend/service/workers.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct gate {
	sem_t entered;
	sem_t open;
	atomic_int runs;
	int order[8];
};

static int gate_new(void **state)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	sem_init(&g->entered, 0, 0);
	sem_init(&g->open, 0, 0);
	*state = g;
	return 0;
}

static int gate_free(void **state)
{
	free(*state);
	return 0;
}

static void wait_in_gate(struct pg *pg, void *cookie)
{
	struct gate *g = cookie;

	assert_non_null(pg);
	sem_post(&g->entered);
	sem_wait(&g->open);
	atomic_fetch_add(&g->runs, 1);
}

static void count(struct pg *pg, void *cookie)
{
	struct gate *g = cookie;

	(void)pg;
	atomic_fetch_add(&g->runs, 1);
}

static struct workers *start(unsigned threads, size_t queue_max)
{
	const struct workers_options options = {
		.threads = threads, .conninfo = "host=/nonexistent", .queue_max = queue_max};
	struct workers *w = NULL;

	assert_int_equal(workers_new(&options, &w), 0);
	return w;
}

static void as_many_jobs_run_at_once_as_there_are_threads(void **state)
{
	struct gate *g = *state;
	struct workers *w = start(3, 0);

	for (int i = 0; i < 3; i++)
		assert_int_equal(workers_submit(w, JOB_PARTY_SERVICE, wait_in_gate, g), 0);
	for (int i = 0; i < 3; i++)
		sem_wait(&g->entered);
	for (int i = 0; i < 3; i++)
		sem_post(&g->open);
	workers_free(w);
	assert_int_equal(atomic_load(&g->runs), 3);
}

static void a_full_queue_refuses_jobs(void **state)
{
	struct gate *g = *state;
	struct workers *w = start(1, 2);

	assert_int_equal(workers_submit(w, JOB_PARTY_SERVICE, wait_in_gate, g), 0);
	sem_wait(&g->entered); /* it has left the queue */
	assert_int_equal(workers_submit(w, JOB_PARTY_SERVICE, count, g), 0);
	assert_int_equal(workers_submit(w, JOB_PARTY_SERVICE, count, g), 0);
	assert_int_equal(workers_submit(w, JOB_PARTY_SERVICE, count, g), -EAGAIN);
	sem_post(&g->open);
	workers_free(w);
	assert_int_equal(atomic_load(&g->runs), 3);
}

struct numbered {
	struct gate *gate;
	int number;
};

static void note_order(struct pg *pg, void *cookie)
{
	struct numbered *n = cookie;

	(void)pg;
	n->gate->order[atomic_fetch_add(&n->gate->runs, 1)] = n->number;
}

static void jobs_run_in_the_order_of_their_submission(void **state)
{
	struct gate *g = *state;
	struct workers *w = start(1, 0);
	struct numbered numbers[8];

	for (int i = 0; i < 8; i++) {
		numbers[i] = (struct numbered){g, i};
		assert_int_equal(workers_submit(w, JOB_PARTY_SERVICE, note_order, &numbers[i]), 0);
	}
	workers_free(w);
	for (int i = 0; i < 8; i++)
		assert_int_equal(g->order[i], i);
}

static void workers_free_runs_all_accepted_jobs_first(void **state)
{
	struct gate *g = *state;
	struct workers *w = start(2, 0);

	for (int i = 0; i < 1000; i++)
		assert_int_equal(workers_submit(w, JOB_PARTY_SERVICE, count, g), 0);
	workers_free(w);
	assert_int_equal(atomic_load(&g->runs), 1000);
	workers_free(NULL);
}

static void workers_submit_after_workers_stop_is_refused(void **state)
{
	struct gate *g = *state;
	struct workers *w = start(2, 0);

	assert_int_equal(workers_submit(w, JOB_PARTY_SERVICE, count, g), 0);
	workers_stop(w);
	assert_int_equal(atomic_load(&g->runs), 1);
	assert_int_equal(workers_submit(w, JOB_PARTY_SERVICE, count, g), -EAGAIN);
	workers_free(w);
	assert_int_equal(atomic_load(&g->runs), 1);
}

static void workers_new_refuses_bad_numbers_of_threads_and_queue_places(void **state)
{
	const struct workers_options none = {.threads = 0, .conninfo = ""},
				     many = {.threads = WORKERS_MAX + 1, .conninfo = ""};
	const struct workers_options deep = {.threads = 1, .conninfo = "", .queue_max = WORKERS_QUEUE_MAX + 1};
	struct workers *w = NULL;

	(void)state;
	assert_int_equal(workers_new(&none, &w), -EINVAL);
	assert_int_equal(workers_new(&many, &w), -EINVAL);
	assert_int_equal(workers_new(&deep, &w), -EINVAL);
}

#define with_gate(test) cmocka_unit_test_setup_teardown(test, gate_new, gate_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_gate(as_many_jobs_run_at_once_as_there_are_threads),
		with_gate(a_full_queue_refuses_jobs),
		with_gate(jobs_run_in_the_order_of_their_submission),
		with_gate(workers_free_runs_all_accepted_jobs_first),
		with_gate(workers_submit_after_workers_stop_is_refused),
		with_gate(workers_new_refuses_bad_numbers_of_threads_and_queue_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
