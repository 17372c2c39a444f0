#include "backend/service/workers.h"

#include "backend/pg/pg.h"
#include "common/base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct job {
	worker_fn fn;
	void *cookie;
	int64_t submitted_ns;
};

struct workers {
	pthread_mutex_t lock; /* guards all up to threads */
	pthread_cond_t wake;
	struct job jobs[WORKERS_QUEUE_MAX]; /* a ring */
	size_t first;
	size_t count;
	bool stopping;

	size_t queue_max;
	size_t threads; /* started; written before and after they run only */
	pthread_t ids[WORKERS_MAX];
	char *conninfo;
	struct metric *wait;
	struct metric *waiting;
	struct metric *refused;
};

static bool take_job(struct workers *w, struct job *ret)
{
	bool taken = false;

	pthread_mutex_lock(&w->lock);
	while (w->count == 0 && !w->stopping)
		pthread_cond_wait(&w->wake, &w->lock);
	if (w->count > 0) {
		*ret = w->jobs[w->first];
		w->first = (w->first + 1) % WORKERS_QUEUE_MAX;
		w->count--;
		taken = true;
	}
	pthread_mutex_unlock(&w->lock);
	return taken;
}

static void *worker_main(void *cookie)
{
	struct workers *w = cookie;
	struct pg *pg = NULL;
	struct job job;

	/* Without memory for a connection there are no workers at all: workers_new has tried one. */
	while (pg_new(w->conninfo, &pg) < 0)
		sched_yield();
	while (take_job(w, &job)) {
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
	int r = metrics_add(
		m, METRIC_HISTOGRAM, "nephos_worker_wait_seconds", labels, "Time a job waited for a worker", &w->wait);
	if (r == 0)
		r = metrics_add(
			m, METRIC_GAUGE, "nephos_worker_queue", labels, "Jobs that wait for a worker", &w->waiting);
	if (r == 0)
		r = metrics_add(m, METRIC_COUNTER, "nephos_worker_refused_total", labels,
			"Jobs refused because the queue was full", &w->refused);
	return r;
}

int workers_new(const struct workers_options *options, struct workers **ret)
{
	if (options->threads == 0 || options->threads > WORKERS_MAX || options->queue_max > WORKERS_QUEUE_MAX)
		return -EINVAL;
	struct workers *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	w->queue_max = options->queue_max ? options->queue_max : WORKERS_QUEUE_MAX;
	w->conninfo = strdup(options->conninfo);
	int r = w->conninfo ? add_metrics(w, options->lane, options->metrics) : -ENOMEM;
	while (r == 0 && w->threads < options->threads) {
		r = -pthread_create(&w->ids[w->threads], NULL, worker_main, w);
		if (r == 0)
			w->threads++;
	}
	if (r < 0) {
		workers_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

int workers_submit(struct workers *w, worker_fn fn, void *cookie)
{
	int r = -EAGAIN;

	pthread_mutex_lock(&w->lock);
	if (!w->stopping && w->count < w->queue_max) {
		w->jobs[(w->first + w->count) % WORKERS_QUEUE_MAX] = (struct job){fn, cookie, clock_mono_ns()};
		w->count++;
		r = 0;
		metric_add(w->waiting, 1);
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
	if (r < 0)
		metric_inc(w->refused);
	return r;
}

void workers_free(struct workers *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < w->threads; i++)
		pthread_join(w->ids[i], NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w->conninfo);
	free(w);
}
