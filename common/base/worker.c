#include "common/base/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <utlist.h>

struct worker {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct worker_job *queue;
	bool stop;
	unsigned threads;
	pthread_t list[];
};

static void *worker_main(void *cookie)
{
	struct worker *w = cookie;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct worker_job *job = w->queue;

		if (job) {
			DL_DELETE(w->queue, job);
			pthread_mutex_unlock(&w->lock);
			job->run(job);
			pthread_mutex_lock(&w->lock);
		} else if (w->stop) {
			break;
		} else {
			pthread_cond_wait(&w->work, &w->lock);
		}
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int worker_new(unsigned threads, struct worker **ret)
{
	struct worker *w = calloc(1, sizeof(*w) + threads * sizeof(w->list[0]));

	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	while (w->threads < threads) {
		int r = pthread_create(&w->list[w->threads], NULL, worker_main, w);

		if (r != 0) {
			worker_free(w);
			return -r;
		}
		w->threads++;
	}
	*ret = w;
	return 0;
}

void worker_run(struct worker *w, struct worker_job *job)
{
	pthread_mutex_lock(&w->lock);
	assert(!w->stop);
	DL_APPEND(w->queue, job);
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->threads; i++)
		pthread_join(w->list[i], NULL);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
