#include "common/http/client/client.h"

#include "common/http/client/client_internal.h"

#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The asynchronous side: one thread drives libcurl's multi handle socket by socket over epoll. curl_multi_poll was
 * rejected: it looks at every transfer at each turn, and a gateway has hundreds of long polls open. Other threads
 * put their requests (start, resume, cancel) on the list of signalled calls; one eventfd write wakes the thread for
 * all of them.
 *
 * To wake the thread only to send a request costs a lone caller more than the sending. So the caller's thread sends
 * the request when the client's thread sleeps and calls are few (begin_here). No callback of any call runs on a
 * caller's thread, where locks may be held. So a call that pulls its body is left to the client's thread; an answer
 * that comes at once waits for that thread (head_owed, paused_in); and other calls are only touched when their
 * timers run out, which begin_here checks first.
 */

#define EVENTS_PER_TURN 64

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
	curl_global_init(CURL_GLOBAL_ALL);
}

/* Handles. */

static CURL *handle_get(struct http_client *c)
{
	CURL *easy = NULL;

	pthread_mutex_lock(&c->lock);
	if (c->free_count)
		easy = c->free_handles[--c->free_count];
	pthread_mutex_unlock(&c->lock);
	return easy ? easy : curl_easy_init();
}

static void handle_put(struct http_client *c, CURL *easy)
{
	curl_easy_reset(easy);
	pthread_mutex_lock(&c->lock);
	if (c->free_count < HANDLES_KEPT_MAX) {
		c->free_handles[c->free_count++] = easy;
		easy = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	curl_easy_cleanup(easy);
}

/* Signals. */

void client_wake(struct http_client *c)
{
	bool asleep;

	pthread_mutex_lock(&c->lock);
	asleep = c->sleeping;
	c->sleeping = false;
	pthread_mutex_unlock(&c->lock);
	if (asleep)
		(void)eventfd_write(c->wake_fd, 1);
}

/* -ECANCELED: the client ends, and a call can no longer begin. */
static int send_signal(struct http_call *call, enum signal signal)
{
	struct http_client *c = call->client;
	bool asleep;

	pthread_mutex_lock(&c->lock);
	if (signal == SIGNAL_START && c->stopping) {
		pthread_mutex_unlock(&c->lock);
		return -ECANCELED;
	}
	if (!call->signals) {
		call->next_signalled = NULL;
		*c->signalled_tail = call;
		c->signalled_tail = &call->next_signalled;
	}
	call->signals |= signal;
	asleep = c->sleeping;
	c->sleeping = false;
	pthread_mutex_unlock(&c->lock);
	if (asleep)
		(void)eventfd_write(c->wake_fd, 1);
	return 0;
}

static struct http_call *next_signalled(struct http_client *c, unsigned *ret_signals)
{
	struct http_call *call;

	pthread_mutex_lock(&c->lock);
	call = c->signalled;
	if (call) {
		c->signalled = call->next_signalled;
		if (!c->signalled)
			c->signalled_tail = &c->signalled;
		assert(call->signals);
		*ret_signals = call->signals;
		call->signals = 0;
	}
	pthread_mutex_unlock(&c->lock);
	return call;
}

/* Removes the signals of a call that ends. */
void client_forget_signals(struct http_call *call)
{
	struct http_client *c = call->client;
	struct http_call **p;

	pthread_mutex_lock(&c->lock);
	for (p = &c->signalled; call->signals && *p; p = &(*p)->next_signalled) {
		if (*p != call)
			continue;
		*p = call->next_signalled;
		if (!*p)
			c->signalled_tail = p;
		break;
	}
	call->signals = 0;
	pthread_mutex_unlock(&c->lock);
}

/* Calls; these functions are called by the driver. */

static void call_end(struct http_call *call, CURLcode code, int error)
{
	struct http_client *c = call->client;

	if (!error && code == CURLE_OK && !call->error)
		error = call_tell_head(call);
	if (error)
		call->error = error;
	dialing_stop(call);
	call_finish(call, code);
	/* A call that is cut off resets its connection: after a normal close the server might assume that we still
	 * read. */
	c->cutting = error != 0;
	if (call->running)
		curl_multi_remove_handle(c->multi, call->easy);
	c->cutting = false;
	assert(call->prev ? call->prev->next == call : c->calls == call);
	if (call->prev)
		call->prev->next = call->next;
	else
		c->calls = call->next;
	if (call->next)
		call->next->prev = call->prev;
	assert(c->call_count > 0);
	c->call_count--;
	call->done(call->cookie, &call->response);
	client_forget_signals(call);
	handle_put(c, call->easy);
	call_fini(call);
	free(call);
}

/* How often a call is checked for a stall. */
static int64_t look_after_ns(const struct http_call *call)
{
	int64_t after = (int64_t)call->options.stall_ms * NS_PER_MS / 4;

	return call->options.waiting && after > NS_PER_S ? NS_PER_S : after;
}

void client_look_again_by(struct http_client *c, int64_t when_ns)
{
	if (when_ns < c->stall_check_ns)
		c->stall_check_ns = when_ns;
}

static void call_link(struct http_call *call, int64_t now_ns)
{
	struct http_client *c = call->client;

	call->next = c->calls;
	if (call->next)
		call->next->prev = call;
	c->calls = call;
	c->call_count++;
	c->begun_ns = now_ns;
	if (call->options.stall_ms)
		client_look_again_by(c, now_ns + look_after_ns(call));
}

/* false: the call ended at once. */
static bool call_begin(struct http_call *call)
{
	struct http_client *c = call->client;
	const bool running = curl_multi_add_handle(c->multi, call->easy) == CURLM_OK;

	call_link(call, clock_mono_ns());
	call->running = running;
	if (!running)
		call_end(call, CURLE_OUT_OF_MEMORY, 0);
	return running;
}

static void call_resume(struct http_call *call)
{
	int r = call_tell_head(call);

	if (r) {
		call_end(call, CURLE_OK, r);
		return;
	}
	call->paused_in = call->paused_out = false;
	call->last_byte_ns = clock_mono_ns();
	curl_easy_pause(call->easy, CURLPAUSE_CONT);
}

static void take_call_signals(struct http_call *call, unsigned signals)
{
	if ((signals & SIGNAL_START) && !call_begin(call))
		return;
	if (signals & SIGNAL_CANCEL)
		call_end(call, CURLE_OK, -ECANCELED);
	else if (signals & SIGNAL_RESUME)
		call_resume(call);
}

static void take_plain_signals(struct http_call *call, unsigned signals)
{
	if ((signals & SIGNAL_START) && !plain_begin(call))
		return;
	if (signals & SIGNAL_CANCEL)
		plain_end(call, -ECANCELED);
	else if (signals & SIGNAL_RESUME)
		plain_resume(call);
}

static void take_signals(struct http_client *c)
{
	struct http_call *call;
	unsigned signals;

	while ((call = next_signalled(c, &signals)) != NULL) {
		if (call->plain.is)
			take_plain_signals(call, signals);
		else
			take_call_signals(call, signals);
	}
}

void client_over(struct http_call *call, CURLcode code, int error)
{
	struct http_client *c = call->client;
	int r;

	if (error || !call_wants_dial(call, code)) {
		call_end(call, code, error);
		return;
	}
	curl_multi_remove_handle(c->multi, call->easy);
	call->running = false;
	if (call->unknown) {
		/* The call has no address yet: libcurl is asked again, and names one. */
		call_begin_anew(call);
		client_run_again(call);
		return;
	}
	call->dials++;
	r = dialing_start(call);
	if (r)
		call_end(call, CURLE_COULDNT_CONNECT, r);
}

void client_run_again(struct http_call *call)
{
	struct http_client *c = call->client;

	assert(!call->running && !call->dial);
	call->running = curl_multi_add_handle(c->multi, call->easy) == CURLM_OK;
	if (!call->running)
		call_end(call, CURLE_OUT_OF_MEMORY, 0);
}

static void take_results(struct http_client *c)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
		struct http_call *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		client_over(call, message->data.result, 0);
	}
}

static void check_stalls(struct http_client *c, int64_t now)
{
	struct http_call *call, *next;
	int r;

	if (now < c->stall_check_ns)
		return;
	c->stall_check_ns = INT64_MAX;
	dialing_check(c, now);
	for (call = c->calls; call; call = next) {
		next = call->next;
		if (!call->options.stall_ms || call->dial)
			continue;
		r = call_is_stalled(call, now) ? -ETIMEDOUT : call_waiting(call, now);
		if (r)
			call_end(call, CURLE_OPERATION_TIMEDOUT, r);
		else
			client_look_again_by(c, now + look_after_ns(call));
	}
}

/* The loop. */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *cookie, void *known)
{
	struct http_client *c = cookie;
	uint32_t events = 0;

	(void)easy;
	/* libcurl does not report when it closes sockets that it opened to look up names; a number that is new to
	 * it may therefore be another socket. */
	if (!known && what != CURL_POLL_REMOVE)
		curl_multi_assign(c->multi, fd, c);
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= EPOLLOUT;
	return sockets_want(&c->sockets, fd, events, !known) ? -1 : 0;
}

int client_on_close(void *cookie, curl_socket_t fd)
{
	struct http_client *c = cookie;
	const struct linger at_once = {.l_onoff = 1};

	if (c->cutting)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	sockets_forget(&c->sockets, fd);
	return close(fd);
}

static int on_timer(CURLM *multi, long timeout_ms, void *cookie)
{
	struct http_client *c = cookie;

	(void)multi;
	c->curl_timer_ns = timeout_ms < 0 ? -1 : clock_mono_ns() + timeout_ms * NS_PER_MS;
	return 0;
}

static void run_timer(struct http_client *c)
{
	int running;

	/* Only once: a new timer without delay runs after the sockets have had their turn. */
	if (c->curl_timer_ns < 0 || clock_mono_ns() < c->curl_timer_ns)
		return;
	c->curl_timer_ns = -1;
	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static int64_t next_timer_ns(const struct http_client *c)
{
	return c->curl_timer_ns >= 0 && c->curl_timer_ns < c->stall_check_ns ? c->curl_timer_ns : c->stall_check_ns;
}

static int wait_ms(struct http_client *c)
{
	int64_t until = next_timer_ns(c);
	int64_t now = clock_mono_ns();

	if (now - c->begun_ns < ATTENTIVE_NS && until > now + ATTENTIVE_SLEEP_NS)
		until = now + ATTENTIVE_SLEEP_NS;
	until = plain_sleep_until(&c->plain, until);
	c->asleep_until_ns = until;
	if (until == INT64_MAX)
		return -1;
	if (until <= now)
		return 0;
	until = (until - now + NS_PER_MS - 1) / NS_PER_MS;
	return until > 60000 ? 60000 : (int)until;
}

/* A thread that signals while the client's thread sleeps has to wake it. A signal that comes while the client's
 * thread works is seen before that thread sleeps. */
static bool may_sleep(struct http_client *c)
{
	bool sleeping;

	pthread_mutex_lock(&c->lock);
	sleeping = c->sleeping = !c->signalled && !c->stopping;
	pthread_mutex_unlock(&c->lock);
	return sleeping;
}

static bool is_awake_and_goes_on(struct http_client *c)
{
	bool goes_on;

	pthread_mutex_lock(&c->lock);
	c->sleeping = false;
	goes_on = !c->stopping;
	pthread_mutex_unlock(&c->lock);
	return goes_on;
}

static void act(struct http_client *c, const struct epoll_event *event)
{
	unsigned e = event->events;
	int what = (e & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) | (e & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		(e & EPOLLERR ? CURL_CSELECT_ERR : 0);
	int fd = event->data.fd, running;
	eventfd_t ignored;

	if (fd == c->wake_fd)
		(void)eventfd_read(fd, &ignored);
	else if (plain_act(&c->plain, fd, event->events))
		return;
	else if (c->dialing && dialing_act(c, fd))
		return;
	else if (sockets_wanted(&c->sockets, fd))
		curl_multi_socket_action(c->multi, fd, what, &running);
}

static void *run(void *cookie)
{
	struct http_client *c = cookie;
	struct epoll_event events[EVENTS_PER_TURN];
	struct http_call *call, *next;

	pthread_mutex_lock(&c->driving);
	do {
		int count, ms;

		take_signals(c);
		run_timer(c);
		take_results(c);
		check_stalls(c, clock_mono_ns());
		plain_check(&c->plain, clock_mono_ns());
		ms = may_sleep(c) ? wait_ms(c) : 0;
		pthread_mutex_unlock(&c->driving);
		count = epoll_wait(c->sockets.epoll_fd, events, EVENTS_PER_TURN, ms);
		pthread_mutex_lock(&c->driving);
		for (int i = 0; i < count; i++)
			act(c, &events[i]);
	} while (is_awake_and_goes_on(c));
	take_signals(c);
	/* No call is added any more: http_client_start refuses. */
	for (call = c->calls; call; call = next) {
		next = call->next;
		call_end(call, CURLE_OK, -ECANCELED);
	}
	plain_close(&c->plain);
	c->ended = true;
	pthread_mutex_unlock(&c->driving);
	return NULL;
}

/* Whether the caller may hold `driving` for as long as it takes to send a request. The caller holds c->driving. */
static bool is_quiet(const struct http_client *c, int64_t now_ns)
{
	return !c->ended && now_ns - c->begun_ns >= BEGIN_HERE_GAP_NS &&
		(c->curl_timer_ns < 0 || c->curl_timer_ns - now_ns > BEGIN_HERE_TIMER_NS);
}

static void send_here(struct http_call *call, int64_t now_ns)
{
	struct http_client *c = call->client;
	int running = 0;

	call_link(call, now_ns);
	call->running = true;
	call->here = true;
	c->curl_timer_ns = -1;
	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	call->here = false;
	if (call->head_owed || call->paused_in)
		(void)send_signal(call, SIGNAL_RESUME);
	/* A call may have failed already, which the client's thread has to report; and a timer may run out before
	 * that thread looks next. */
	if (running < c->call_count || next_timer_ns(c) < c->asleep_until_ns - BEGIN_HERE_TIMER_NS)
		client_wake(c);
}

/* Sends the request from the caller's thread; false: the client's thread has to. */
static bool begin_here(struct http_call *call)
{
	struct http_client *c = call->client;
	const int64_t now = clock_mono_ns();
	bool begun;

	if (call->options.pull || pthread_mutex_trylock(&c->driving))
		return false;
	begun = is_quiet(c, now) && curl_multi_add_handle(c->multi, call->easy) == CURLM_OK;
	if (begun)
		send_here(call, now);
	pthread_mutex_unlock(&c->driving);
	return begun;
}

static int setup(struct http_client *c)
{
	int r;
	struct epoll_event event = {.events = EPOLLIN};
	unsigned kept = c->options.connections_max ? c->options.connections_max : CONNECTIONS_DEFAULT;

	if (c->options.user_agent) {
		c->user_agent = strdup(c->options.user_agent);
		if (!c->user_agent)
			return -ENOMEM;
	}
	c->options.user_agent = c->user_agent;
	c->options.connections_max = kept;
	c->multi = curl_multi_init();
	if (!c->multi)
		return -ENOMEM;
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake_fd < 0)
		return -errno;
	r = sockets_init(&c->sockets);
	if (r)
		return r;
	event.data.fd = c->wake_fd;
	if (epoll_ctl(c->sockets.epoll_fd, EPOLL_CTL_ADD, c->wake_fd, &event))
		return -errno;
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)kept);
	curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)c->options.connections_per_host_max);
	return 0;
}

int http_client_new(const struct http_client_options *options, struct http_client **ret)
{
	struct http_client *c;
	int r;

	pthread_once(&curl_once, curl_start);
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	if (options)
		c->options = *options;
	c->sockets.epoll_fd = c->wake_fd = -1;
	c->curl_timer_ns = -1;
	c->stall_check_ns = INT64_MAX;
	c->signalled_tail = &c->signalled;
	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->driving, NULL);
	r = plain_init(&c->plain, c);
	if (!r)
		r = setup(c);
	if (!r)
		r = -pthread_create(&c->thread, NULL, run, c);
	if (r) {
		http_client_free(c);
		return r;
	}
	c->started = true;
	*ret = c;
	return 0;
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	if (c->started) {
		pthread_mutex_lock(&c->lock);
		c->stopping = true;
		pthread_mutex_unlock(&c->lock);
		(void)eventfd_write(c->wake_fd, 1);
		pthread_join(c->thread, NULL);
	}
	perform_fini(c);
	while (c->free_count)
		curl_easy_cleanup(c->free_handles[--c->free_count]);
	assert(!c->calls && c->call_count == 0);
	curl_multi_cleanup(c->multi);
	plain_fini(&c->plain);
	sockets_fini(&c->sockets);
	if (c->wake_fd >= 0)
		close(c->wake_fd);
	pthread_mutex_destroy(&c->driving);
	pthread_mutex_destroy(&c->lock);
	free(c->user_agent);
	free(c);
}

/* Starts a call without libcurl, which takes most of the time of a small call. */
static int start_plain(struct http_client *c, const struct http_call_options *options, struct http_call *call,
	struct http_call **ret_call)
{
	int r = call_prepare(call, c, options);

	if (r == 0)
		r = plain_call_init(call, options);
	if (r == 0) {
		if (ret_call)
			*ret_call = call;
		r = plain_start(call);
	}
	if (r == -EAGAIN)
		r = send_signal(call, SIGNAL_START);
	if (r)
		plain_call_fini(call);
	return r;
}

static int start_by_library(struct http_client *c, const struct http_call_options *options, struct http_call *call,
	struct http_call **ret_call)
{
	CURL *easy = handle_get(c);
	int r = easy ? call_init(call, c, easy, options) : -ENOMEM;

	if (!r) {
		if (ret_call)
			*ret_call = call;
		r = begin_here(call) ? 0 : send_signal(call, SIGNAL_START);
	}
	if (!r)
		return 0;
	if (easy) {
		call_fini(call);
		handle_put(c, easy);
	}
	return r;
}

int http_client_start(struct http_client *c, const struct http_call_options *options, void *cookie,
	void (*done)(void *cookie, struct http_response *response), struct http_call **ret_call)
{
	struct http_call *call = calloc(1, sizeof(*call));
	int r;

	if (!call)
		return -ENOMEM;
	call->cookie = cookie;
	call->done = done;
	call->plain.is = plain_takes(options);
	/* *ret_call is set before the client's thread may see the call: done may have run when this function
	 * returns. */
	r = call->plain.is ? start_plain(c, options, call, ret_call) : start_by_library(c, options, call, ret_call);
	if (r)
		free(call);
	return r;
}

void http_call_resume(struct http_call *call)
{
	(void)send_signal(call, SIGNAL_RESUME);
}

void http_call_cancel(struct http_call *call)
{
	(void)send_signal(call, SIGNAL_CANCEL);
}
