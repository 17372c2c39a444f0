#include "fusefs/ops/prune.h"

#include <assert.h>
#include <stdlib.h>

void prune_init(struct prune *p)
{
	*p = (struct prune){0};
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
}

void prune_fini(struct prune *p)
{
	assert(!p->tell); /* nothing is added any more */
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	if (p->running)
		pthread_join(p->thread, NULL);
	free(p->nodes);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
}

void prune_attach(struct prune *p, int (*tell)(void *cookie, const uint64_t *nodes, size_t count), void *cookie)
{
	pthread_mutex_lock(&p->lock);
	p->tell = tell;
	p->cookie = cookie;
	pthread_mutex_unlock(&p->lock);
}

static void *prune_main(void *cookie)
{
	struct prune *p = cookie;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		uint64_t *nodes = p->nodes;
		size_t count = p->count;

		if (count < PRUNE_BATCH) {
			pthread_cond_wait(&p->wake, &p->lock);
			continue;
		}
		assert(nodes && count <= PRUNE_QUEUE_MAX);
		/* NULL when the mount ended between two batches. */
		int (*tell)(void *cookie, const uint64_t *list, size_t length) = p->tell;
		void *whom = p->cookie;

		p->nodes = NULL;
		p->count = 0;
		pthread_mutex_unlock(&p->lock);
		/* A failure means that the kernel is gone, or has no memory. Later batches are sent all the same. */
		if (tell)
			(void)tell(whom, nodes, count);
		pthread_mutex_lock(&p->lock);
		assert(p->nodes || p->count == 0);
		if (p->nodes)
			free(nodes);
		else
			p->nodes = nodes;
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* The caller holds p->lock. */
static bool is_ready(struct prune *p)
{
	if (!p->running && !p->stop)
		p->running = pthread_create(&p->thread, NULL, prune_main, p) == 0;
	if (!p->nodes)
		p->nodes = calloc(PRUNE_QUEUE_MAX, sizeof(*p->nodes));
	return p->running && p->nodes && p->count < PRUNE_QUEUE_MAX;
}

void prune_add(struct prune *p, uint64_t node)
{
	pthread_mutex_lock(&p->lock);
	if (p->tell && is_ready(p)) {
		p->nodes[p->count++] = node;
		if (p->count == PRUNE_BATCH)
			pthread_cond_signal(&p->wake);
	}
	pthread_mutex_unlock(&p->lock);
}
