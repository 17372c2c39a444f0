#include "common/http/server/reaper.h"

#include "common/base/clock.h"
#include "common/base/cond.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_PER_TURN 16

struct guest {
	int fd;
	int64_t until_ns;
};

struct reaper {
	void (*on_tick)(void *cookie);
	void *cookie;
	int wake_fd;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t empty;
	/* Guarded by lock. */
	bool stopping;
	struct guest guests[LINGER_CONNECTIONS_MAX];
	size_t count;
};

/* Drops the input of a socket. false: the end was reached, or the connection is broken. */
static bool drop_input(int fd)
{
	char trash[16384];

	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = recv(fd, trash, sizeof(trash), MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		if (n < 0)
			return true;
	}
	return true;
}

static void wait_input(struct reaper *r)
{
	struct pollfd fds[LINGER_CONNECTIONS_MAX + 1] = {{.fd = r->wake_fd, .events = POLLIN}};
	size_t count;

	pthread_mutex_lock(&r->lock);
	count = r->count;
	assert(count <= LINGER_CONNECTIONS_MAX);
	for (size_t i = 0; i < count; i++)
		fds[i + 1] = (struct pollfd){.fd = r->guests[i].fd, .events = POLLIN};
	pthread_mutex_unlock(&r->lock);
	if (poll(fds, count + 1, REAPER_TICK_MS) > 0 && fds[0].revents) {
		eventfd_t ignored;

		(void)eventfd_read(r->wake_fd, &ignored);
	}
}

static bool serve_guests(struct reaper *r)
{
	int64_t now = clock_mono_ns();
	size_t kept = 0;
	bool stopping;

	pthread_mutex_lock(&r->lock);
	stopping = r->stopping;
	for (size_t i = 0; i < r->count; i++) {
		struct guest g = r->guests[i];

		if (!stopping && now < g.until_ns && drop_input(g.fd))
			r->guests[kept++] = g;
		else
			close(g.fd);
	}
	r->count = kept;
	if (kept == 0)
		pthread_cond_broadcast(&r->empty);
	pthread_mutex_unlock(&r->lock);
	return !stopping;
}

static void *run(void *cookie)
{
	struct reaper *r = cookie;
	int64_t next_tick = clock_mono_ns() + REAPER_TICK_MS * NS_PER_MS;

	while (serve_guests(r)) {
		wait_input(r);
		if (clock_mono_ns() < next_tick)
			continue;
		r->on_tick(r->cookie);
		next_tick = clock_mono_ns() + REAPER_TICK_MS * NS_PER_MS;
	}
	return NULL;
}

int reaper_new(void (*on_tick)(void *cookie), void *cookie, struct reaper **ret)
{
	struct reaper *r = calloc(1, sizeof(*r));
	int error;

	if (!r)
		return -ENOMEM;
	r->on_tick = on_tick;
	r->cookie = cookie;
	pthread_mutex_init(&r->lock, NULL);
	cond_init(&r->empty);
	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = r->wake_fd < 0 ? -errno : -pthread_create(&r->thread, NULL, run, r);
	if (error) {
		reaper_free(r);
		return error;
	}
	r->started = true;
	*ret = r;
	return 0;
}

void reaper_free(struct reaper *r)
{
	if (!r)
		return;
	if (r->started) {
		pthread_mutex_lock(&r->lock);
		r->stopping = true;
		pthread_mutex_unlock(&r->lock);
		(void)eventfd_write(r->wake_fd, 1);
		pthread_join(r->thread, NULL);
	}
	/* The thread has closed them all, and takes no more once it is to stop. */
	assert(r->count == 0);
	if (r->wake_fd >= 0)
		close(r->wake_fd);
	pthread_cond_destroy(&r->empty);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void reaper_linger_take(struct reaper *r, int fd)
{
	bool taken = false;

	(void)shutdown(fd, SHUT_WR);
	pthread_mutex_lock(&r->lock);
	if (!r->stopping && r->count < LINGER_CONNECTIONS_MAX) {
		r->guests[r->count++] = (struct guest){fd, clock_mono_ns() + LINGER_MS * NS_PER_MS};
		taken = true;
	}
	pthread_mutex_unlock(&r->lock);
	if (taken)
		(void)eventfd_write(r->wake_fd, 1);
	else
		close(fd);
}

void reaper_await(struct reaper *r, int64_t until_ns)
{
	pthread_mutex_lock(&r->lock);
	while (r->count > 0 && cond_wait_until(&r->empty, &r->lock, until_ns))
		;
	pthread_mutex_unlock(&r->lock);
}
