#include "gateway/proxy/pipe.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct pipe {
	pthread_mutex_t lock; /* guards all below */
	size_t start, size;
	bool closed;
	bool refused; /* a write found no room since the last read */
	int error;
	char ring[PIPE_BYTES];
};

int pipe_new(struct pipe **ret)
{
	struct pipe *p = malloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	memset(p, 0, offsetof(struct pipe, ring)); /* pages of the ring take memory only when they are used */
	pthread_mutex_init(&p->lock, NULL);
	*ret = p;
	return 0;
}

void pipe_free(struct pipe *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p);
}

int pipe_write(struct pipe *p, const void *data, size_t size)
{
	int error = 0;

	pthread_mutex_lock(&p->lock);
	/* A write larger than the ring would wait for ever: that is the caller's mistake. */
	if (size > PIPE_BYTES) {
		error = -EMSGSIZE;
	} else if (PIPE_BYTES - p->size < size) {
		p->refused = true;
		error = -EAGAIN;
	} else {
		assert(p->size <= PIPE_BYTES && p->start < PIPE_BYTES);
		size_t at = (p->start + p->size) % PIPE_BYTES;
		size_t first = size < PIPE_BYTES - at ? size : PIPE_BYTES - at;
		memcpy(p->ring + at, data, first);
		memcpy(p->ring, (const char *)data + first, size - first);
		p->size += size;
	}
	pthread_mutex_unlock(&p->lock);
	return error;
}

void pipe_close(struct pipe *p, int error)
{
	pthread_mutex_lock(&p->lock);
	p->closed = true;
	p->error = error;
	pthread_mutex_unlock(&p->lock);
}

int pipe_read(struct pipe *p, void *data, size_t size, size_t *ret_size, bool *ret_wanted)
{
	int error = 0;

	pthread_mutex_lock(&p->lock);
	if (p->size == 0) {
		error = p->closed ? p->error : -EAGAIN;
		size = 0;
	} else {
		size = size < p->size ? size : p->size;
		size_t first = size < PIPE_BYTES - p->start ? size : PIPE_BYTES - p->start;
		memcpy(data, p->ring + p->start, first);
		memcpy((char *)data + first, p->ring, size - first);
		p->start = (p->start + size) % PIPE_BYTES;
		assert(size <= p->size);
		p->size -= size;
	}
	*ret_wanted = p->refused;
	p->refused = false;
	pthread_mutex_unlock(&p->lock);
	if (error == 0)
		*ret_size = size;
	return error;
}
