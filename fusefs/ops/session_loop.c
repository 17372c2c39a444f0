#define FUSE_USE_VERSION 314
#include "fusefs/ops/session_loop.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define WAKE_SIGNAL SIGUSR2	 /* interrupts a reader's system call; its handler does nothing */
#define WAKE_NS (20 * NS_PER_MS) /* between two signals to a thread, in case the first came before its read */

struct session_loop {
	struct fuse_session *session;
	void (*on_end)(void *cookie);
	void *cookie;
	pthread_mutex_t reading; /* the thread that holds it reads; always taken before lock */
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
	assert(loop->running > 0);
	loop->running--;
	pthread_mutex_unlock(&loop->lock);
	if (first)
		loop->on_end(loop->cookie);
}

static bool wait_readable(struct session_loop *loop, int timeout_ms)
{
	struct pollfd p = {.fd = fuse_session_fd(loop->session), .events = POLLIN};

	return poll(&p, 1, timeout_ms) > 0;
}

/* The number of bytes that the request moves, in or out. */
static size_t weight(const struct fuse_buf *buffer, size_t size)
{
	const struct fuse_in_header *head = buffer->mem;
	const struct fuse_read_in *read = (const void *)(head + 1);

	return size >= sizeof(*head) + sizeof(*read) && head->opcode == FUSE_READ ? read->size : size;
}

/* Waits for a request or the end of the session; returns what fuse_session_receive_buf returned. */
static int next_request(struct session_loop *loop, struct fuse_buf *buffer, int64_t look_until_ns)
{
	while (!fuse_session_exited(loop->session)) {
		int r = fuse_session_receive_buf(loop->session, buffer);

		if (r != -EAGAIN && r != -EINTR)
			return r;
		if (clock_mono_ns() < look_until_ns)
			(void)sched_yield();
		else
			(void)wait_readable(loop, -1);
	}
	return 0;
}

/* Reads and processes requests for as long as this thread keeps up. Returns > 0 after a last request, which it
 * processes while another thread reads. */
static int lead(struct session_loop *loop, struct fuse_buf *buffer)
{
	int64_t look_until_ns = 0;
	unsigned behind = 0;
	int r;

	pthread_mutex_lock(&loop->reading);
	for (;;) {
		r = next_request(loop, buffer, look_until_ns);
		if (r <= 0 || weight(buffer, (size_t)r) > SESSION_LOOP_SMALL_BYTES)
			break;
		behind = wait_readable(loop, 0) ? behind + 1 : 0;
		if (behind == SESSION_LOOP_BEHIND)
			break;
		fuse_session_process_buf(loop->session, buffer);
		look_until_ns = clock_mono_ns() + SESSION_LOOP_LOOK_NS;
	}
	pthread_mutex_unlock(&loop->reading);
	if (r > 0)
		fuse_session_process_buf(loop->session, buffer);
	return r;
}

static void *reader_main(void *cookie)
{
	struct session_loop *loop = cookie;
	struct fuse_buf buffer = {.mem = NULL};
	int r;

	do
		r = lead(loop, &buffer);
	while (r > 0);
	if (r < 0)
		log_error(NULL, "reading requests: %s", error_lookup(r)->title);
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

	assert(loop->wanted <= SESSION_LOOP_THREADS_MAX);
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

/* Sets the descriptor to non-blocking: next_request decides how to wait. */
static int read_without_waiting(struct fuse_session *session)
{
	const int fd = fuse_session_fd(session);
	const int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static void loop_free(struct session_loop *loop)
{
	pthread_mutex_destroy(&loop->reading);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
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
	pthread_mutex_init(&loop->reading, NULL);
	sigemptyset(&wake.sa_mask);
	sigaction(WAKE_SIGNAL, &wake, NULL);
	r = read_without_waiting(session);
	if (r == 0)
		r = start_threads(loop);
	if (r < 0) {
		loop_free(loop);
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
	/* A signal that arrives just before the read is lost, so signals are sent until every thread has seen the
	 * end. */
	while (running(loop) > 0) {
		for (unsigned i = 0; i < loop->count; i++)
			pthread_kill(loop->threads[i], WAKE_SIGNAL);
		nanosleep(&pause, NULL);
	}
	for (unsigned i = 0; i < loop->count; i++)
		pthread_join(loop->threads[i], NULL);
	assert(loop->ended); /* on_end was called before the last thread ended */
	loop_free(loop);
}
