#define FUSE_USE_VERSION 314
#include "fusefs/session_loop.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define WAKE_SIGNAL SIGUSR2	 /* takes a reader out of its read; does nothing else */
#define WAKE_NS (20 * NS_PER_MS) /* between signals to a thread that was not in its read yet */

struct session_loop {
	struct fuse_session *session;
	void (*on_end)(void *cookie);
	void *cookie;
	pthread_mutex_t lock;
	bool ended; /* on_end was called */
	unsigned running;
	unsigned count, wanted;
	pthread_t threads[SESSION_LOOP_THREADS_MAX];
};

static void on_wake(int signal_number)
{
	(void)signal_number;
}

static void tell_end(struct session_loop *loop)
{
	bool first;

	pthread_mutex_lock(&loop->lock);
	first = !loop->ended;
	loop->ended = true;
	loop->running--;
	pthread_mutex_unlock(&loop->lock);
	if (first)
		loop->on_end(loop->cookie);
}

static void *reader_main(void *cookie)
{
	struct session_loop *loop = cookie;
	struct fuse_buf buffer = {.mem = NULL};

	while (!fuse_session_exited(loop->session)) {
		int r = fuse_session_receive_buf(loop->session, &buffer);

		if (r == -EINTR || r == -EAGAIN)
			continue;
		if (r <= 0) {
			if (r < 0)
				log_error(NULL, "reading requests: %s", error_lookup(r)->title);
			break;
		}
		fuse_session_process_buf(loop->session, &buffer);
	}
	free(buffer.mem);
	tell_end(loop);
	return NULL;
}

static unsigned threads_wanted(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (processors < SESSION_LOOP_THREADS_MIN)
		return SESSION_LOOP_THREADS_MIN;
	return processors > SESSION_LOOP_THREADS_MAX ? SESSION_LOOP_THREADS_MAX : (unsigned)processors;
}

static int start_threads(struct session_loop *loop)
{
	sigset_t wake, before;
	int r = 0;

	sigemptyset(&wake);
	sigaddset(&wake, WAKE_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &wake, &before);
	while (loop->count < loop->wanted && r == 0) {
		pthread_mutex_lock(&loop->lock);
		loop->running++;
		pthread_mutex_unlock(&loop->lock);
		r = pthread_create(&loop->threads[loop->count], NULL, reader_main, loop);
		if (r == 0)
			loop->count++;
	}
	if (r != 0) {
		pthread_mutex_lock(&loop->lock);
		loop->running--;
		pthread_mutex_unlock(&loop->lock);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return loop->count > 0 ? 0 : -r;
}

int session_loop_start(
	struct fuse_session *session, void (*on_end)(void *cookie), void *cookie, struct session_loop **ret)
{
	struct sigaction wake = {.sa_handler = on_wake};
	struct session_loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop)
		return -ENOMEM;
	loop->session = session;
	loop->on_end = on_end;
	loop->cookie = cookie;
	loop->wanted = threads_wanted();
	pthread_mutex_init(&loop->lock, NULL);
	sigemptyset(&wake.sa_mask);
	sigaction(WAKE_SIGNAL, &wake, NULL);
	r = start_threads(loop);
	if (r < 0) {
		pthread_mutex_destroy(&loop->lock);
		free(loop);
		return r;
	}
	*ret = loop;
	return 0;
}

static unsigned running(struct session_loop *loop)
{
	unsigned n;

	pthread_mutex_lock(&loop->lock);
	n = loop->running;
	pthread_mutex_unlock(&loop->lock);
	return n;
}

void session_loop_stop(struct session_loop *loop)
{
	struct timespec pause = clock_timespec(WAKE_NS);

	if (!loop)
		return;
	fuse_session_exit(loop->session);
	/* A signal that comes just before the read is lost, so it is sent until each has seen the end. */
	while (running(loop) > 0) {
		for (unsigned i = 0; i < loop->count; i++)
			pthread_kill(loop->threads[i], WAKE_SIGNAL);
		nanosleep(&pause, NULL);
	}
	for (unsigned i = 0; i < loop->count; i++)
		pthread_join(loop->threads[i], NULL);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}
