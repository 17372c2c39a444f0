#include "backend/service/workers.h"

#include "backend/pg/pg.h"
#include "backend/service/job_queue.h"
#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * A pool of threads with a queue. The HTTP server's own threads must never wait for the database, so a handler puts
 * a job here and returns; a worker, which has a connection of its own, runs it and answers the request.
 *
 * The queue has a fixed size (job_queue). A job that finds no place is refused at once, and the client is asked to
 * come again, which is better than an answer after its deadline. Each worker sleeps on a condition variable of its own,
 * in a stack (`asleep`). The worker that fell asleep last is woken first, since its connection and the server's
 * process behind it are still warm, and one job wakes exactly one thread. A woken worker may find that the job is
 * gone, because a worker that had just finished took it; then it sleeps again.
 *
 * At the end no job is accepted any more, and all accepted ones are run, because each of them still has to give an
 * answer.
 */

/* One thread and its condition variable; see above for the order in which workers are woken. */
struct worker {
	struct workers *workers;
	pthread_t id;
	pthread_cond_t wake;
	bool woken;	     /* guarded by the workers' lock, as is next */
	struct worker *next; /* in the stack of sleeping workers */
};

struct workers {
	pthread_mutex_t lock; /* guards all fields up to stopped */
	struct worker *asleep;
	struct job_queue *jobs;
	bool stopping;
	bool stopped; /* the threads have ended */

	size_t threads; /* threads that were started; written only before and after they run */
	struct worker list[WORKERS_MAX];
	char *conninfo;
	struct metric *wait;
	struct metric *waiting;
	struct metric *refused;
};

/* The caller holds w->lock. Takes a sleeping worker off the stack, which the caller must signal. NULL: all are
 * awake and will look at the queue. */
static struct worker *rouse(struct workers *w)
{
	struct worker *one = w->asleep;

	if (!one)
		return NULL;
	assert(!one->woken);
	w->asleep = one->next;
	one->woken = true;
	return one;
}

static void fall_asleep(struct worker *self)
{
	struct workers *w = self->workers;

	self->woken = false;
	self->next = w->asleep;
	w->asleep = self;
	while (!self->woken)
		pthread_cond_wait(&self->wake, &w->lock);
}

static bool take_job(struct worker *self, struct job *ret)
{
	struct workers *w = self->workers;
	bool taken;

	pthread_mutex_lock(&w->lock);
	while (!(taken = job_queue_take(w->jobs, ret)) && !w->stopping)
		fall_asleep(self);
	pthread_mutex_unlock(&w->lock);
	return taken;
}

static void *worker_main(void *cookie)
{
	struct worker *self = cookie;
	struct workers *w = self->workers;
	struct pg *pg = NULL;
	struct job job;

	/* Fails only for want of resources: prepare_database (service.c) has used the string before. Tries until it
	 * works. */
	while (pg_new(w->conninfo, &pg) < 0)
		sched_yield();
	while (take_job(self, &job)) {
		metric_add(w->waiting, -1);
		metric_observe_ns(w->wait, clock_mono_ns() - job.submitted_ns);
		job.fn(pg, job.cookie);
	}
	pg_free(pg);
	return NULL;
}

static int add_metrics(struct workers *w, const char *lane, struct metrics *m)
{
	char labels[64];

	if (!m)
		return 0;
	snprintf(labels, sizeof(labels), "lane=\"%s\"", lane ? lane : "main");
	int r = metrics_add(m, METRIC_HISTOGRAM, "nephos_worker_wait_seconds", labels,
		"Seconds that a job waited for a worker", &w->wait);
	if (r == 0)
		r = metrics_add(
			m, METRIC_GAUGE, "nephos_worker_queue", labels, "Jobs waiting for a worker", &w->waiting);
	if (r == 0)
		r = metrics_add(m, METRIC_COUNTER, "nephos_worker_refused_total", labels,
			"Jobs refused because the queue was full", &w->refused);
	return r;
}

/* An adaptive lock spins first: it is held for less time than sleeping and waking take. */
static void init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

static int start_one(struct workers *w)
{
	struct worker *one = &w->list[w->threads];
	int r;

	one->workers = w;
	pthread_cond_init(&one->wake, NULL);
	r = -pthread_create(&one->id, NULL, worker_main, one);
	if (r == 0)
		w->threads++;
	else
		pthread_cond_destroy(&one->wake);
	return r;
}

int workers_new(const struct workers_options *options, struct workers **ret)
{
	if (options->threads == 0 || options->threads > WORKERS_MAX || options->queue_max > WORKERS_QUEUE_MAX)
		return -EINVAL;
	struct workers *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	init_lock(&w->lock);
	w->conninfo = strdup(options->conninfo);
	int r = w->conninfo ? add_metrics(w, options->lane, options->metrics) : -ENOMEM;
	if (r == 0)
		r = job_queue_new(options->queue_max ? options->queue_max : WORKERS_QUEUE_MAX, &w->jobs);
	while (r == 0 && w->threads < options->threads)
		r = start_one(w);
	if (r < 0) {
		workers_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

int workers_submit(struct workers *w, int64_t party, worker_fn fn, void *cookie)
{
	const struct job job = {fn, cookie, clock_mono_ns()};
	struct worker *roused = NULL;
	int r = -EAGAIN;

	pthread_mutex_lock(&w->lock);
	if (!w->stopping)
		r = job_queue_put(w->jobs, party, &job);
	if (r == 0) {
		metric_add(w->waiting, 1);
		roused = rouse(w);
	}
	pthread_mutex_unlock(&w->lock);
	/* Without the lock, as the woken worker takes it first. */
	if (roused)
		pthread_cond_signal(&roused->wake);
	if (r < 0)
		metric_inc(w->refused);
	return r;
}

void workers_stop(struct workers *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	for (struct worker *one = rouse(w); one; one = rouse(w))
		pthread_cond_signal(&one->wake);
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < w->threads; i++)
		pthread_join(w->list[i].id, NULL);
	/* All accepted jobs have run. */
	assert((!w->jobs || job_queue_count(w->jobs) == 0) && !w->asleep);
	w->stopped = true;
}

void workers_free(struct workers *w)
{
	if (!w)
		return;
	if (!w->stopped)
		workers_stop(w);
	for (size_t i = 0; i < w->threads; i++)
		pthread_cond_destroy(&w->list[i].wake);
	pthread_mutex_destroy(&w->lock);
	job_queue_free(w->jobs);
	free(w->conninfo);
	free(w);
}
