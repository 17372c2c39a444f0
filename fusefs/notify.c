#include "fusefs/notify.h"

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "common/base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <utlist.h>

#define NO_MEMORY_NS 10000000ll /* until memory is asked for again */

enum kind { ENTRY, ATTRIBUTES, CONTENT };

struct notice {
	struct notice *prev, *next;
	enum kind kind;
	uint64_t node;
	void (*done)(void *cookie); /* or NULL */
	void *cookie;
	size_t size;
	char name[];
};

struct notify {
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;
	struct fuse_session *session;
	struct notice *queue;
	size_t count;
	uint64_t lost;
	bool stop;
};

/* Failures: the kernel does not know it any more (ENOENT), or is gone. Neither needs anything. */
static void tell(struct fuse_session *session, const struct notice *k)
{
	switch (k->kind) {
	case ENTRY:
		(void)fuse_lowlevel_notify_inval_entry(session, k->node, k->name, k->size);
		break;
	case ATTRIBUTES:
		(void)fuse_lowlevel_notify_inval_inode(session, k->node, -1, 0);
		break;
	case CONTENT:
		(void)fuse_lowlevel_notify_inval_inode(session, k->node, 0, 0);
		break;
	}
}

static void *notify_main(void *cookie)
{
	struct notify *n = cookie;

	pthread_mutex_lock(&n->lock);
	while (!n->stop) {
		struct notice *k = n->queue;
		struct fuse_session *session = n->session;

		if (!k) {
			pthread_cond_wait(&n->wake, &n->lock);
			continue;
		}
		DL_DELETE(n->queue, k);
		n->count--;
		pthread_mutex_unlock(&n->lock);
		if (session)
			tell(session, k);
		if (k->done)
			k->done(k->cookie);
		free(k);
		pthread_mutex_lock(&n->lock);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

int notify_new(struct notify **ret)
{
	struct notify *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->wake, NULL);
	r = pthread_create(&n->thread, NULL, notify_main, n);
	if (r != 0) {
		pthread_cond_destroy(&n->wake);
		pthread_mutex_destroy(&n->lock);
		free(n);
		return -r;
	}
	*ret = n;
	return 0;
}

void notify_free(struct notify *n)
{
	struct notice *k, *next;

	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->stop = true;
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->lock);
	pthread_join(n->thread, NULL);
	DL_FOREACH_SAFE(n->queue, k, next) {
		if (k->done)
			k->done(k->cookie);
		free(k);
	}
	pthread_cond_destroy(&n->wake);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

void notify_attach(struct notify *n, struct fuse_session *session)
{
	pthread_mutex_lock(&n->lock);
	n->session = session;
	pthread_mutex_unlock(&n->lock);
}

static void push(struct notify *n, enum kind kind, uint64_t node, struct span name)
{
	struct notice *k = malloc(sizeof(*k) + name.size + 1);

	pthread_mutex_lock(&n->lock);
	if (!k || n->count >= NOTIFY_QUEUE_MAX || !n->session) {
		n->lost += n->session ? 1 : 0;
		pthread_mutex_unlock(&n->lock);
		free(k);
		return;
	}
	k->kind = kind;
	k->node = node;
	k->done = NULL;
	k->size = name.size;
	if (name.size > 0)
		memcpy(k->name, name.data, name.size);
	k->name[name.size] = '\0';
	DL_APPEND(n->queue, k);
	n->count++;
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->lock);
}

void notify_entry(struct notify *n, uint64_t folder, struct span name)
{
	push(n, ENTRY, folder, name);
}

void notify_attributes(struct notify *n, uint64_t node)
{
	push(n, ATTRIBUTES, node, span_of(NULL, 0));
}

void notify_content(struct notify *n, uint64_t node)
{
	push(n, CONTENT, node, span_of(NULL, 0));
}

void notify_then(struct notify *n, uint64_t node, bool pages, void (*done)(void *cookie), void *cookie)
{
	struct notice *k = calloc(1, sizeof(*k) + 1);

	while (!k) {
		/* There is nobody who could be told that there is no memory, and it is asked for again soon. */
		const struct timespec pause = clock_timespec(NO_MEMORY_NS);

		nanosleep(&pause, NULL);
		k = calloc(1, sizeof(*k) + 1);
	}
	*k = (struct notice){.kind = pages ? CONTENT : ATTRIBUTES, .node = node, .done = done, .cookie = cookie};
	pthread_mutex_lock(&n->lock);
	DL_APPEND(n->queue, k);
	n->count++;
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->lock);
}

uint64_t notify_lost(struct notify *n)
{
	uint64_t lost;

	pthread_mutex_lock(&n->lock);
	lost = n->lost;
	pthread_mutex_unlock(&n->lock);
	return lost;
}
