#include "common/base/worker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define JOBS 100

struct job {
	struct worker_job base;
	atomic_uint *done;
	unsigned place; /* how many jobs had been done before this one */
	pthread_t thread;
};

static void run(struct worker_job *base)
{
	struct job *job = (struct job *)base;

	job->thread = pthread_self();
	job->place = atomic_fetch_add(job->done, 1);
}

static void jobs_init(struct job *jobs, size_t count, atomic_uint *done)
{
	atomic_init(done, 0);
	for (size_t i = 0; i < count; i++)
		jobs[i] = (struct job){.base.run = run, .done = done};
}

static void a_single_thread_runs_jobs_in_the_order_of_submission(void **state)
{
	struct job jobs[JOBS];
	atomic_uint done;
	struct worker *w;

	(void)state;
	jobs_init(jobs, JOBS, &done);
	assert_int_equal(worker_new(1, &w), 0);
	for (size_t i = 0; i < JOBS; i++)
		worker_run(w, &jobs[i].base);
	worker_free(w);
	for (size_t i = 0; i < JOBS; i++)
		assert_int_equal(jobs[i].place, i);
}

static void worker_free_first_runs_all_waiting_jobs(void **state)
{
	struct job jobs[JOBS];
	atomic_uint done;
	struct worker *w;

	(void)state;
	jobs_init(jobs, JOBS, &done);
	assert_int_equal(worker_new(3, &w), 0);
	for (size_t i = 0; i < JOBS; i++)
		worker_run(w, &jobs[i].base);
	worker_free(w);
	assert_int_equal(atomic_load(&done), JOBS);
	worker_free(NULL);
}

static void jobs_run_on_a_thread_of_the_worker_not_on_the_callers(void **state)
{
	struct job job;
	atomic_uint done;
	struct worker *w;

	(void)state;
	jobs_init(&job, 1, &done);
	assert_int_equal(worker_new(1, &w), 0);
	worker_run(w, &job.base);
	worker_free(w);
	assert_false(pthread_equal(job.thread, pthread_self()));
}

/* Two jobs that wait for each other end only if two threads run them. */
struct meeting {
	struct worker_job base;
	pthread_barrier_t *both;
};

static void meet(struct worker_job *base)
{
	pthread_barrier_wait(((struct meeting *)base)->both);
}

static void two_threads_run_two_jobs_at_the_same_time(void **state)
{
	pthread_barrier_t both;
	struct meeting jobs[2];
	struct worker *w;

	(void)state;
	pthread_barrier_init(&both, NULL, 2);
	assert_int_equal(worker_new(2, &w), 0);
	for (size_t i = 0; i < 2; i++) {
		jobs[i] = (struct meeting){.base.run = meet, .both = &both};
		worker_run(w, &jobs[i].base);
	}
	worker_free(w);
	pthread_barrier_destroy(&both);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_single_thread_runs_jobs_in_the_order_of_submission),
		cmocka_unit_test(worker_free_first_runs_all_waiting_jobs),
		cmocka_unit_test(jobs_run_on_a_thread_of_the_worker_not_on_the_callers),
		cmocka_unit_test(two_threads_run_two_jobs_at_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
