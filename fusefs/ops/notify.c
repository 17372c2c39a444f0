#include "fusefs/ops/notify.h"

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#define NO_MEMORY_NS 10000000ll /* pause before memory is requested again */

enum lane_kind { NAMES, DOCUMENTS, LANES };

struct name {
	UT_hash_handle hh;
	struct name *prev, *next;
	size_t size;
	char bytes[];
};

/* A caller of notify_then that waits for the call. */
struct then {
	struct then *next;
	void (*done)(void *cookie);
	void *cookie;
};

/* A folder with names, or a document: the object that a call to the kernel may have to wait for. */
struct place {
	UT_hash_handle hh;
	struct place *prev, *next; /* of the lane's ready list, while no thread works for this place */
	uint64_t node;
	bool busy;
	bool attributes, content;
	struct name *names, *by_bytes;
	struct then *thens;
};

struct lane {
	struct notify *notify;
	pthread_cond_t wake;
	struct place *by_node; /* every place that has a notice queued, or is busy */
	/* the places among them that no thread works for, in the order in which they came, or came back */
	struct place *ready;
	size_t count; /* of queued names, or documents */
	pthread_t threads[NOTIFY_THREADS];
	size_t thread_count, idle;
};

struct notify {
	pthread_mutex_t lock; /* guards all below */
	struct notify_calls calls;
	void *cookie;
	bool attached, stop;
	uint64_t lost;
	struct lane lanes[LANES];
};

/* -- calls to the kernel -- */

/* Failures are ignored: the kernel does not have the entry any more (ENOENT), or the session is gone. Neither needs
 * any action. */
static void tell_entry(void *cookie, uint64_t folder, struct span name)
{
	(void)fuse_lowlevel_notify_inval_entry(cookie, folder, name.data, name.size);
}

static void tell_attributes(void *cookie, uint64_t node)
{
	(void)fuse_lowlevel_notify_inval_inode(cookie, node, -1, 0);
}

static void tell_content(void *cookie, uint64_t node)
{
	(void)fuse_lowlevel_notify_inval_inode(cookie, node, 0, 0);
}

/* -- a lane; all functions here are called with the lock held -- */

static bool has_news(const struct place *p)
{
	return p->names || p->attributes || p->content;
}

static void *lane_main(void *cookie);

static int lane_grow(struct lane *lane)
{
	int r;

	assert(lane->thread_count < NOTIFY_THREADS);
	r = pthread_create(&lane->threads[lane->thread_count], NULL, lane_main, lane);
	lane->thread_count += r == 0;
	return -r;
}

static void grow_for_more(struct lane *lane)
{
	if (lane->ready && lane->idle == 0 && lane->thread_count < NOTIFY_THREADS && !lane->notify->stop)
		(void)lane_grow(lane); /* if that fails, the existing threads do the work, later */
}

static void make_ready(struct lane *lane, struct place *p)
{
	assert(!p->busy && has_news(p));
	DL_APPEND(lane->ready, p);
	grow_for_more(lane);
	pthread_cond_signal(&lane->wake);
}

static struct place *place_get(struct lane *lane, uint64_t node)
{
	struct place *p;

	HASH_FIND(hh, lane->by_node, &node, sizeof(node), p);
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->node = node;
	HASH_ADD(hh, lane->by_node, node, sizeof(p->node), p);
	return p;
}

static void name_drop(struct lane *lane, struct place *p, struct name *name)
{
	assert(lane->count > 0);
	HASH_DEL(p->by_bytes, name);
	DL_DELETE(p->names, name);
	lane->count--;
}

/* Called without the lock, except at the end, when no other thread is left. */
static void thens_fire(struct then *list)
{
	while (list) {
		struct then *next = list->next;

		list->done(list->cookie);
		free(list);
		list = next;
	}
}

static void place_free(struct lane *lane, struct place *p)
{
	assert(!p->busy);
	thens_fire(p->thens);
	while (p->names) {
		struct name *name = p->names;

		name_drop(lane, p, name);
		free(name);
	}
	HASH_DEL(lane->by_node, p);
	free(p);
}

/* Queues the place again when it has notices left, else frees it. */
static void place_settle(struct lane *lane, struct place *p)
{
	if (has_news(p))
		make_ready(lane, p);
	else
		place_free(lane, p);
}

/* Sends the notice about the first name of the folder; the lock is released during the call. */
static void tell_name(struct notify *n, struct lane *lane, struct place *p)
{
	struct name *name = p->names;

	name_drop(lane, p, name);
	pthread_mutex_unlock(&n->lock);
	n->calls.entry(n->cookie, p->node, span_of(name->bytes, name->size));
	free(name);
	pthread_mutex_lock(&n->lock);
}

static void tell_document(struct notify *n, struct lane *lane, struct place *p)
{
	bool content = p->content, attached = n->attached;
	struct then *thens = p->thens;

	assert(p->attributes && lane->count > 0); /* a content notice always includes the attributes */
	p->content = p->attributes = false;
	p->thens = NULL;
	lane->count--;
	pthread_mutex_unlock(&n->lock);
	if (attached && content)
		n->calls.content(n->cookie, p->node);
	else if (attached)
		n->calls.attributes(n->cookie, p->node);
	do {
		thens_fire(thens);
		pthread_mutex_lock(&n->lock);
		/* Those that came during the call, and have no further notice to wait for. */
		thens = p->attributes ? NULL : p->thens;
		p->thens = thens ? NULL : p->thens;
		if (thens)
			pthread_mutex_unlock(&n->lock);
	} while (thens);
}

static void *lane_main(void *cookie)
{
	struct lane *lane = cookie;
	struct notify *n = lane->notify;

	pthread_mutex_lock(&n->lock);
	while (!n->stop) {
		struct place *p = lane->ready;

		if (!p) {
			lane->idle++;
			pthread_cond_wait(&lane->wake, &n->lock);
			lane->idle--;
			continue;
		}
		DL_DELETE(lane->ready, p);
		grow_for_more(lane); /* several places came while this thread was waking up */
		p->busy = true;
		if (p->names)
			tell_name(n, lane, p);
		else
			tell_document(n, lane, p);
		p->busy = false;
		place_settle(lane, p);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

/* -- life -- */

static int lane_start(struct notify *n, struct lane *lane)
{
	int r;

	lane->notify = n;
	pthread_cond_init(&lane->wake, NULL);
	pthread_mutex_lock(&n->lock);
	r = lane_grow(lane);
	pthread_mutex_unlock(&n->lock);
	return r;
}

static void lane_end(struct lane *lane)
{
	struct place *p, *next;

	for (size_t i = 0; i < lane->thread_count; i++)
		pthread_join(lane->threads[i], NULL);
	HASH_ITER(hh, lane->by_node, p, next)
		place_free(lane, p);
	pthread_cond_destroy(&lane->wake);
}

int notify_new(struct notify **ret)
{
	struct notify *n = calloc(1, sizeof(*n));
	int r = 0;

	if (!n)
		return -ENOMEM;
	pthread_mutex_init(&n->lock, NULL);
	for (size_t i = 0; i < LANES; i++) {
		int started = lane_start(n, &n->lanes[i]);

		r = r < 0 ? r : started;
	}
	if (r < 0) {
		notify_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void notify_free(struct notify *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->stop = true;
	for (size_t i = 0; i < LANES; i++)
		pthread_cond_broadcast(&n->lanes[i].wake);
	pthread_mutex_unlock(&n->lock);
	for (size_t i = 0; i < LANES; i++)
		lane_end(&n->lanes[i]);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

void notify_attach_calls(struct notify *n, const struct notify_calls *calls, void *cookie)
{
	pthread_mutex_lock(&n->lock);
	n->calls = *calls;
	n->cookie = cookie;
	n->attached = true;
	pthread_mutex_unlock(&n->lock);
}

void notify_attach(struct notify *n, struct fuse_session *session)
{
	static const struct notify_calls calls = {tell_entry, tell_attributes, tell_content};

	notify_attach_calls(n, &calls, session);
}

/* -- queueing -- */

/* The place of the node, when a kernel is attached and there is room. Otherwise NULL, and the notice counts as lost
 * if a kernel is attached. */
static struct place *place_for(struct notify *n, struct lane *lane, uint64_t node)
{
	struct place *p = n->attached && lane->count < NOTIFY_QUEUE_MAX ? place_get(lane, node) : NULL;

	n->lost += !p && n->attached;
	return p;
}

/* Adds a name that the folder has not queued yet. */
static void add_name(struct notify *n, struct lane *lane, struct place *p, struct span bytes)
{
	struct name *name = malloc(sizeof(*name) + bytes.size + 1);

	if (!name) {
		n->lost++;
		return;
	}
	name->size = bytes.size;
	if (bytes.size > 0)
		memcpy(name->bytes, bytes.data, bytes.size);
	name->bytes[bytes.size] = '\0';
	HASH_ADD_KEYPTR(hh, p->by_bytes, name->bytes, name->size, name);
	DL_APPEND(p->names, name);
	lane->count++;
}

void notify_entry(struct notify *n, uint64_t folder, struct span bytes)
{
	struct lane *lane = &n->lanes[NAMES];
	struct name *name = NULL;
	struct place *p;
	bool idle;

	pthread_mutex_lock(&n->lock);
	p = place_for(n, lane, folder);
	if (p) {
		idle = !p->busy && !has_news(p);
		HASH_FIND(hh, p->by_bytes, bytes.data, bytes.size, name);
		if (!name)
			add_name(n, lane, p, bytes);
		if (idle)
			place_settle(lane, p);
	}
	pthread_mutex_unlock(&n->lock);
}

static void mark(struct lane *lane, struct place *p, bool content)
{
	bool waits = has_news(p);

	lane->count += !waits;
	p->attributes = true;
	p->content = p->content || content;
	if (!waits && !p->busy)
		make_ready(lane, p);
}

static void add_document(struct notify *n, uint64_t node, bool content)
{
	struct lane *lane = &n->lanes[DOCUMENTS];
	struct place *p;

	pthread_mutex_lock(&n->lock);
	p = place_for(n, lane, node);
	if (p)
		mark(lane, p, content);
	pthread_mutex_unlock(&n->lock);
}

/* The caller cannot be given an error, so the allocation is tried again after a pause. */
static void await_memory(struct notify *n)
{
	const struct timespec pause = clock_timespec(NO_MEMORY_NS);

	pthread_mutex_unlock(&n->lock);
	nanosleep(&pause, NULL);
	pthread_mutex_lock(&n->lock);
}

void notify_then(struct notify *n, uint64_t node, bool pages, void (*done)(void *cookie), void *cookie)
{
	struct lane *lane = &n->lanes[DOCUMENTS];
	struct then *then;
	struct place *p;

	pthread_mutex_lock(&n->lock);
	while (!(then = malloc(sizeof(*then))))
		await_memory(n);
	while (!(p = place_get(lane, node)))
		await_memory(n);
	*then = (struct then){p->thens, done, cookie};
	p->thens = then;
	mark(lane, p, pages);
	pthread_mutex_unlock(&n->lock);
}

void notify_attributes(struct notify *n, uint64_t node)
{
	add_document(n, node, false);
}

void notify_content(struct notify *n, uint64_t node)
{
	add_document(n, node, true);
}

bool notify_settles(struct notify *n, uint64_t node, void (*done)(void *cookie), void *cookie)
{
	struct then *then = NULL;
	struct place *p;

	pthread_mutex_lock(&n->lock);
	HASH_FIND(hh, n->lanes[DOCUMENTS].by_node, &node, sizeof(node), p);
	if (p)
		then = malloc(sizeof(*then)); /* without memory nobody waits */
	if (then) {
		*then = (struct then){p->thens, done, cookie};
		p->thens = then;
	}
	pthread_mutex_unlock(&n->lock);
	return then != NULL;
}

uint64_t notify_lost(struct notify *n)
{
	uint64_t lost;

	pthread_mutex_lock(&n->lock);
	lost = n->lost;
	pthread_mutex_unlock(&n->lock);
	return lost;
}
