#include "common/http/server/shortcut_internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * A connection is added to epoll once, edge-triggered and for both directions, and removed when it is closed or
 * given away. So a request that waits for its answer costs no system call of epoll. Input that comes meanwhile is
 * noted, and looked at after the request.
 *
 * A thread that wakes a loop which is awake only puts the strand on the loop's list. A thread that has sent a whole
 * answer does the same even when the loop sleeps: the end of that request can wait for the next event or tick, and
 * a wake-up costs both threads some microseconds. A drain, which waits for requests to end, wakes the loop.
 *
 * A loop without room for another connection stops listening. New connections then wait in the kernel's backlog
 * until another connection ends (shortcut_has_room).
 */

#define EVENTS_PER_TURN 64
#define ACCEPTS_PER_TURN 16 /* new connections that are accepted before existing ones have their turn */
#define TICK_MS 1000	    /* how often idle connections are looked for */

struct shortcut_loop {
	struct shortcut *shortcut;
	int epoll_fd, wake_fd;
	pthread_t thread;
	bool started, listens;
	bool quiet;   /* it has accepted the last connections of a drain */
	bool starved; /* it lacks descriptors or memory: it listens again with the next tick */
	char *buffer;
	struct strand *oldest, *youngest; /* in the order of their last activity */
	struct strand *dead;		  /* linked by `younger` */
	int64_t tick_ns;

	pthread_mutex_t lock;
	/* Guarded by lock. */
	bool sleeps;
	struct strand *ready, **ready_tail;
};

struct shortcut {
	struct http_server *server;
	atomic_bool stopping, quiet, full;
	sem_t quiesced; /* posted once by each loop */
	unsigned count;
	struct shortcut_loop loops[];
};

struct http_server *shortcut_server(struct shortcut_loop *loop)
{
	return loop->shortcut->server;
}

char *shortcut_buffer(struct shortcut_loop *loop)
{
	return loop->buffer;
}

/* ---- waking ---- */

static void wake_loop(struct shortcut_loop *l)
{
	bool sleeps;

	pthread_mutex_lock(&l->lock);
	sleeps = l->sleeps;
	l->sleeps = false;
	pthread_mutex_unlock(&l->lock);
	if (sleeps)
		(void)eventfd_write(l->wake_fd, 1);
}

/* The caller holds the loop's lock. */
static void make_ready(struct strand *w)
{
	struct shortcut_loop *l = w->loop;

	if (w->is_ready)
		return;
	w->is_ready = true;
	w->next_ready = NULL;
	*l->ready_tail = w;
	l->ready_tail = &w->next_ready;
}

void shortcut_leave_word(struct strand *w)
{
	struct shortcut_loop *l = w->loop;

	pthread_mutex_lock(&l->lock);
	make_ready(w);
	pthread_mutex_unlock(&l->lock);
}

void shortcut_wake(struct strand *w)
{
	struct shortcut_loop *l = w->loop;
	bool sleeps;

	pthread_mutex_lock(&l->lock);
	make_ready(w);
	sleeps = l->sleeps;
	l->sleeps = false;
	pthread_mutex_unlock(&l->lock);
	if (sleeps)
		(void)eventfd_write(l->wake_fd, 1);
}

static struct strand *next_ready(struct shortcut_loop *l)
{
	struct strand *w;

	pthread_mutex_lock(&l->lock);
	w = l->ready;
	if (w) {
		l->ready = w->next_ready;
		if (!l->ready)
			l->ready_tail = &l->ready;
		w->is_ready = false;
	}
	pthread_mutex_unlock(&l->lock);
	return w;
}

static void forget_ready(struct strand *w)
{
	struct shortcut_loop *l = w->loop;
	struct strand **p;

	pthread_mutex_lock(&l->lock);
	for (p = &l->ready; w->is_ready && *p; p = &(*p)->next_ready) {
		if (*p != w)
			continue;
		*p = w->next_ready;
		if (!*p)
			l->ready_tail = p;
		w->is_ready = false;
		break;
	}
	pthread_mutex_unlock(&l->lock);
}

/* ---- strands ---- */

static void unlink_strand(struct strand *w)
{
	struct shortcut_loop *l = w->loop;

	if (w->older)
		w->older->younger = w->younger;
	else
		l->oldest = w->younger;
	if (w->younger)
		w->younger->older = w->older;
	else
		l->youngest = w->older;
	w->older = w->younger = NULL;
}

static void link_strand(struct strand *w)
{
	struct shortcut_loop *l = w->loop;

	w->older = l->youngest;
	if (w->older)
		w->older->younger = w;
	else
		l->oldest = w;
	l->youngest = w;
}

void shortcut_touch(struct strand *w)
{
	w->active_ns = clock_mono_ns();
	if (w->loop->youngest == w)
		return;
	unlink_strand(w);
	link_strand(w);
}

void shortcut_remove(struct strand *w, bool keep_fd)
{
	struct shortcut_loop *l = w->loop;

	assert(!w->dead && !w->req);
	w->dead = true;
	forget_ready(w);
	unlink_strand(w);
	w->younger = l->dead;
	l->dead = w;
	/* To close the descriptor does not remove the socket from epoll while a duplicate of the descriptor
	 * lingers. */
	(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	if (!keep_fd)
		close(w->fd);
}

static void bury(struct shortcut_loop *l)
{
	while (l->dead) {
		struct strand *w = l->dead;

		l->dead = w->younger;
		free(w);
	}
}

/* ---- new connections ---- */

static void listen_again(struct shortcut_loop *l, bool listens)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = l->shortcut};
	const int fd = shortcut_server(l)->listen_fd;

	if (l->listens != listens && !epoll_ctl(l->epoll_fd, listens ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &event))
		l->listens = listens;
}

static bool is_full(struct http_server *s)
{
	bool full;

	pthread_mutex_lock(&s->lock);
	full = s->open_count >= s->options.connections_max;
	if (full)
		atomic_store(&s->shortcut->full, true);
	pthread_mutex_unlock(&s->lock);
	return full;
}

static void enter(struct shortcut_loop *l, int fd, const struct sockaddr *address)
{
	struct strand *w = calloc(1, sizeof(*w));
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = w};

	if (w)
		w->connection = connection_new(shortcut_server(l), fd, address);
	if (!w || !w->connection) {
		free(w);
		close(fd);
		return;
	}
	w->loop = l;
	w->fd = fd;
	w->active_ns = clock_mono_ns();
	link_strand(w);
	metric_add(shortcut_server(l)->connections, 1);
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		strand_close(w);
}

/* false: no connection waits, or none can be accepted. */
static bool accept_one(struct shortcut_loop *l)
{
	struct http_server *s = shortcut_server(l);
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);
	int fd;

	if (is_full(s)) {
		listen_again(l, false);
		return false;
	}
	fd = accept4(s->listen_fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
	/* A failure does not matter if another loop has accepted the connection, or if the client has gone again.
	 * These errors do: the loop stops listening. */
	if (fd < 0 && (errno == EINVAL || errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
		listen_again(l, false);
		l->starved = true;
		return false;
	}
	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR;
	if (connection_on_accept(s, (struct sockaddr *)&address, size) == MHD_YES)
		enter(l, fd, (struct sockaddr *)&address);
	else
		close(fd);
	return true;
}

static void accept_some(struct shortcut_loop *l)
{
	for (int i = 0; i < ACCEPTS_PER_TURN && accept_one(l); i++)
		;
}

static void take_last(struct shortcut_loop *l)
{
	while (accept_one(l))
		;
	listen_again(l, false);
	l->quiet = true;
	(void)sem_post(&l->shortcut->quiesced);
}

void shortcut_has_room(struct shortcut *s)
{
	if (!atomic_exchange(&s->full, false))
		return;
	for (unsigned i = 0; i < s->count; i++)
		wake_loop(&s->loops[i]);
}

/* ---- the loop ---- */

static void act(struct shortcut_loop *l, const struct epoll_event *event)
{
	struct strand *w = event->data.ptr;
	eventfd_t ignored;

	if (event->data.ptr == l) {
		(void)eventfd_read(l->wake_fd, &ignored);
	} else if (event->data.ptr == l->shortcut) {
		accept_some(l);
	} else if (!w->dead) {
		w->readable = w->readable || event->events & ~(uint32_t)EPOLLOUT;
		w->ended = w->ended || event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
		strand_act(w);
	}
}

/* Closes idle connections, except those whose client waits for an answer: it may wait for as long as that takes. */
static void look_for_idle(struct shortcut_loop *l, int64_t now_ns)
{
	const int64_t idle_ns = (int64_t)shortcut_server(l)->options.idle_s * NS_PER_S;
	struct strand *next;

	if (now_ns < l->tick_ns)
		return;
	l->tick_ns = now_ns + TICK_MS * NS_PER_MS;
	for (struct strand *w = l->oldest; w && now_ns - w->active_ns >= idle_ns; w = next) {
		next = w->younger;
		if (strand_sleeps(w))
			continue;
		strand_close(w);
	}
	/* There may be descriptors and memory again. */
	l->starved = false;
}

static bool may_sleep(struct shortcut_loop *l)
{
	pthread_mutex_lock(&l->lock);
	l->sleeps = !l->ready && !atomic_load(&l->shortcut->stopping);
	const bool sleeps = l->sleeps;
	pthread_mutex_unlock(&l->lock);
	return sleeps;
}

static void act_on_ready(struct shortcut_loop *l)
{
	struct strand *w;

	while ((w = next_ready(l)) != NULL)
		strand_act(w);
}

static void turn(struct shortcut_loop *l)
{
	struct epoll_event events[EVENTS_PER_TURN];
	const int count = epoll_wait(l->epoll_fd, events, EVENTS_PER_TURN, may_sleep(l) ? TICK_MS : 0);

	pthread_mutex_lock(&l->lock);
	l->sleeps = false;
	pthread_mutex_unlock(&l->lock);
	/* Finished requests are ended, and so counted, before other requests read the counters. */
	act_on_ready(l);
	for (int i = 0; i < count; i++)
		act(l, &events[i]);
	act_on_ready(l);
	look_for_idle(l, clock_mono_ns());
	if (!l->quiet && atomic_load(&l->shortcut->quiet))
		take_last(l);
	if (!l->listens && !l->starved && !atomic_load(&l->shortcut->quiet) && !atomic_load(&l->shortcut->full))
		listen_again(l, true);
	bury(l);
}

static void *run(void *cookie)
{
	struct shortcut_loop *l = cookie;

	while (!atomic_load(&l->shortcut->stopping))
		turn(l);
	listen_again(l, false);
	while (l->oldest)
		strand_close(l->oldest);
	bury(l);
	return NULL;
}

/* ---- start and stop ---- */

static int loop_start(struct shortcut_loop *l)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = l};

	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->buffer = malloc(SHORTCUT_BYTES_MAX);
	if (!l->buffer)
		return -ENOMEM;
	if (l->epoll_fd < 0 || l->wake_fd < 0 || epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->wake_fd, &event) < 0)
		return -errno;
	listen_again(l, true);
	const int r = l->listens ? -pthread_create(&l->thread, NULL, run, l) : -errno;

	l->started = r == 0;
	return r;
}

int shortcut_new(struct http_server *server, unsigned threads, struct shortcut **ret)
{
	struct shortcut *s = calloc(1, sizeof(*s) + threads * sizeof(s->loops[0]));
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->server = server;
	s->count = threads;
	(void)sem_init(&s->quiesced, 0, 0);
	for (unsigned i = 0; i < threads; i++) {
		struct shortcut_loop *l = &s->loops[i];

		l->shortcut = s;
		l->epoll_fd = l->wake_fd = -1;
		l->ready_tail = &l->ready;
		pthread_mutex_init(&l->lock, NULL);
	}
	/* Set before the loops start: they use the shortcut through this pointer. */
	*ret = s;
	for (unsigned i = 0; i < threads && r == 0; i++)
		r = loop_start(&s->loops[i]);
	return r;
}

void shortcut_quiesce(struct shortcut *s)
{
	if (atomic_exchange(&s->quiet, true))
		return;
	for (unsigned i = 0; i < s->count; i++) {
		if (s->loops[i].started)
			(void)eventfd_write(s->loops[i].wake_fd, 1);
	}
	for (unsigned i = 0; i < s->count; i++) {
		while (s->loops[i].started && sem_wait(&s->quiesced) < 0)
			;
	}
}

void shortcut_stop(struct shortcut *s)
{
	if (!s)
		return;
	atomic_store(&s->stopping, true);
	for (unsigned i = 0; i < s->count; i++) {
		struct shortcut_loop *l = &s->loops[i];

		if (!l->started)
			continue;
		(void)eventfd_write(l->wake_fd, 1);
		pthread_join(l->thread, NULL);
		l->started = false;
	}
}

void shortcut_free(struct shortcut *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->count; i++) {
		struct shortcut_loop *l = &s->loops[i];

		assert(!l->oldest && !l->ready && !l->dead);
		if (l->epoll_fd >= 0)
			close(l->epoll_fd);
		if (l->wake_fd >= 0)
			close(l->wake_fd);
		free(l->buffer);
		pthread_mutex_destroy(&l->lock);
	}
	(void)sem_destroy(&s->quiesced);
	free(s);
}
