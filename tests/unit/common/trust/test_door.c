#include "common/trust/door.h"

#include "common/base/file.h"
#include "common/http/client/client.h"
#include "common/http/loopback.h"
#include "tests/unit/common/http/script.h"
#include "tests/unit/common/http/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY_PATH_SIZE 40
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000\n"
#define ONES "1111111111111111111111111111111111111111111111111111111111111111\n"

/* A part that answers, and a part that asks, each with its own file of keys. */
struct world {
	char server_keys[KEY_PATH_SIZE], client_keys[KEY_PATH_SIZE];
	struct cluster *server_cluster, *client_cluster;
	struct door *server_door, *client_door;
	struct http_server *server;
	struct http_client *client;
	struct metrics *metrics;
	struct metric *met;
	char url[64], peer[HTTP_PEER_SIZE];
	int served;
	const char *kind;    /* only parts of this kind are let in; NULL: any */
	struct gate waiting; /* counts the requests that are not answered at once */
	struct http_request *slow;
};

static void handle_hello(struct http_request *req, void *cookie)
{
	struct world *w = cookie;
	door_answer(w->server_door, req);
}

static void handle(struct http_request *req, void *cookie)
{
	struct world *w = cookie;
	w->served++;
	http_respond(req, 200, NULL, SPAN_LITERAL("for parts"));
}

/* ---- requests that are not answered at once ---- */

static void on_abort(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond_error(req, -ECANCELED, NULL);
}

static void handle_poll(struct http_request *req, void *cookie)
{
	struct world *w = cookie;

	http_request_is_poll(req);
	http_request_on_abort(req, on_abort, NULL);
	gate_open(&w->waiting);
}

/* Gives one byte, and then has to wait for more. */
static int pull_event(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct world *w = cookie;

	if (w->served > 0)
		return -EAGAIN;
	w->served++;
	assert_true(size > 0);
	*(char *)data = 'e';
	*ret_size = 1;
	gate_open(&w->waiting);
	return 0;
}

static void on_streamed(void *cookie, bool complete)
{
	(void)cookie;
	assert_false(complete);
}

static void handle_events(struct http_request *req, void *cookie)
{
	static const struct http_stream_ops OPS = {.pull = pull_event, .done = on_streamed};

	http_request_is_poll(req);
	http_respond_stream(req, 200, NULL, -1, &OPS, cookie, NULL);
}

/* This request is no poll: the test answers it later. */
static void handle_slow(struct http_request *req, void *cookie)
{
	struct world *w = cookie;

	w->slow = req;
	gate_open(&w->waiting);
}

#define WAITS(pattern_, handler_)                                                                  \
	{                                                                                          \
		.method = "POST", .pattern = (pattern_), .body = HTTP_BODY_WHOLE, .body_max = 100, \
		.handler = (handler_), .internal = true                                            \
	}

static const struct http_route ROUTES[] = {DOOR_ROUTE(handle_hello), WAITS("/poll", handle_poll),
	WAITS("/events", handle_events), WAITS("/slow", handle_slow),
	{.method = "POST",
		.pattern = "/x",
		.body = HTTP_BODY_WHOLE,
		.body_max = 100,
		.handler = handle,
		.internal = true},
	{0}};

static bool guard(struct http_request *req, const struct http_route *route, void *cookie)
{
	struct world *w = cookie;
	return route->open ||
		(w->kind ? door_admits_kind(w->server_door, req, w->kind) : door_admits(w->server_door, req));
}

static bool outdated(const void *guest, void *cookie)
{
	return door_is_outdated(((const struct world *)cookie)->server_door, guest);
}

static void make_keys(char *path, struct cluster **ret)
{
	(void)snprintf(path, KEY_PATH_SIZE, "/tmp/nephos-test-door.XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(file_write_atomic(path, 0600, SPAN_LITERAL(ZEROS)), 0);
	assert_int_equal(cluster_new(path, ret), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct http_server_options server = {
		.address = "0.0.0.0", .routes = ROUTES, .guard = guard, .outdated = outdated, .cookie = w};

	gate_init(&w->waiting);
	make_keys(w->server_keys, &w->server_cluster);
	make_keys(w->client_keys, &w->client_cluster);
	assert_int_equal(metrics_new(&w->metrics), 0);
	assert_int_equal(door_new(w->server_cluster, "docs", "docs-1", NULL, &w->server_door), 0);
	assert_int_equal(door_new(w->client_cluster, "gateway", "g", w->metrics, &w->client_door), 0);
	assert_int_equal(metrics_add(w->metrics, METRIC_COUNTER, "nephos_strangers_met_total", "", "", &w->met), 0);
	assert_int_equal(http_server_start(&server, &w->server), 0);
	const struct http_client_options client = {.greeter = door_greeter(w->client_door)};
	assert_int_equal(http_client_new(&client, &w->client), 0);
	(void)snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u/x", http_server_port(w->server));
	(void)snprintf(w->peer, sizeof(w->peer), "docs/docs-1/%s", door_instance(w->server_door));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	http_client_free(w->client);
	http_server_stop(w->server);
	door_free(w->server_door);
	door_free(w->client_door);
	cluster_free(w->server_cluster);
	cluster_free(w->client_cluster);
	metrics_free(w->metrics);
	unlink(w->server_keys);
	unlink(w->client_keys);
	free(w);
	return 0;
}

/* The outcome of one request, made by the calling thread or by the client's. */
struct outcome {
	struct gate over;
	int error, status;
	bool connected;
};

static void take(struct outcome *o, const struct http_response *response)
{
	o->error = response->error;
	o->status = response->error == 0 ? response->status : 0;
	o->connected = response->connected;
}

static void on_done(void *cookie, struct http_response *response)
{
	struct outcome *o = cookie;
	take(o, response);
	gate_open(&o->over);
}

static struct outcome ask(struct world *w, const char *url, const char *peer, bool blocking)
{
	const struct http_call_options call = {.method = "POST",
		.url = url,
		.peer = peer,
		.body = SPAN_LITERAL("secret"),
		.connect_ms = 300,
		.deadline_ms = 10000};
	struct http_response response;
	struct outcome o = {0};

	gate_init(&o.over);
	if (blocking) {
		(void)http_client_perform(w->client, &call, NULL, &response);
		take(&o, &response);
		http_response_fini(&response);
	} else {
		assert_int_equal(http_client_start(w->client, &call, &o, on_done, NULL), 0);
		assert_true(gate_wait(&o.over, 1));
	}
	return o;
}

static void a_server_serves_a_client_with_the_same_key(void **state)
{
	struct world *w = *state;

	for (int blocking = 0; blocking < 2; blocking++) {
		for (int i = 0; i < 3; i++)
			assert_int_equal(ask(w, w->url, w->peer, blocking).status, 200);
	}
	assert_int_equal(w->served, 6);
	assert_int_equal(metric_value(w->met), 0);
}

static void a_client_that_did_not_greet_gets_401(void **state)
{
	struct world *w = *state;
	char text[2048];

	assert_int_equal(wire_ask(http_server_port(w->server),
				 "POST /x HTTP/1.1\r\nHost: x\r\nNephos-Hello: known\r\nContent-Length: 0\r\n\r\n",
				 text, sizeof(text)),
		401);
	assert_int_equal(w->served, 0);
}

static void a_client_of_another_kind_is_not_served(void **state)
{
	static const char *const others[] = {"docs", "gatewa", "gateways", ""};
	struct world *w = *state;

	for (int blocking = 0; blocking < 2; blocking++) {
		for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
			w->kind = others[i];
			/* The server answers that it does not know the client, which greets once more, in vain. */
			struct outcome o = ask(w, w->url, w->peer, blocking);
			assert_true(o.error < 0 || o.status == 401);
			assert_int_equal(w->served, blocking);
		}
		w->kind = "gateway";
		assert_int_equal(ask(w, w->url, w->peer, blocking).status, 200);
	}
	assert_int_equal(w->served, 2);
}

static void a_client_refuses_a_server_that_is_another_instance(void **state)
{
	struct world *w = *state;

	for (int blocking = 0; blocking < 2; blocking++) {
		struct outcome o = ask(w, w->url, "docs/docs-1/00", blocking);

		assert_int_equal(o.error, -EKEYREJECTED);
		assert_false(o.connected);
		assert_int_equal(metric_value(w->met), blocking + 1);
	}
	assert_int_equal(w->served, 0);
	assert_int_equal(ask(w, w->url, w->peer, false).status, 200);
}

static void a_server_without_the_key_receives_only_the_greeting(void **state)
{
	static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 204 No Content\r\nNephos-Hello: known\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nNephos-Hello: known\r\n\r\nand more", "nonsense\r\n\r\n",
		"HTTP/1.1 401 Unauthorized\r\nNephos-Hello: who-are-you\r\nContent-Length: 0\r\n\r\n", NULL, ""};
	struct world *w = *state;
	char url[64];

	for (size_t i = 0; i < 2 * sizeof(answers) / sizeof(*answers); i++) {
		struct script s;

		script_start(&s, &answers[i / 2], 1);
		(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", s.port);
		struct outcome o = ask(w, url, w->peer, i % 2);

		assert_true(o.error < 0);
		assert_false(o.connected); /* so any request may be sent to another server */
		script_end(&s);
		assert_int_equal(s.requests, 1); /* the question of the greeting, and nothing else */
	}
}

static void set_keys(const char *path, struct cluster *cluster, const char *keys)
{
	assert_int_equal(file_write_atomic(path, 0600, span_str(keys)), 0);
	assert_int_equal(cluster_reload(cluster), 0);
}

static void requests_succeed_at_each_step_of_a_key_exchange(void **state)
{
	struct world *w = *state;
	int asked = 0;
	static const struct {
		const char *server, *client;
	} steps[] = {{ZEROS, ZEROS}, {ZEROS ONES, ZEROS}, {ONES ZEROS, ZEROS ONES}, {ONES ZEROS, ONES ZEROS},
		{ONES, ONES ZEROS}, {ONES, ONES}};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		set_keys(w->server_keys, w->server_cluster, steps[i].server);
		set_keys(w->client_keys, w->client_cluster, steps[i].client);
		/* The request has no Idempotency-Key: it may not be made twice. */
		assert_int_equal(ask(w, w->url, w->peer, false).status, 200);
		assert_int_equal(ask(w, w->url, w->peer, true).status, 200);
		asked += 2;
		assert_int_equal(w->served, asked);
	}
	set_keys(w->client_keys, w->client_cluster, ZEROS);
	for (int blocking = 0; blocking < 2; blocking++)
		assert_int_equal(ask(w, w->url, w->peer, blocking).error, -EKEYREJECTED);
	assert_int_equal(w->served, asked);
}

/* Otherwise a client that greeted before could go on reading an answer that never ends. */
static void removing_a_key_cuts_polls_and_streams_but_lets_requests_finish(void **state)
{
	static const char *const TARGETS[] = {"poll", "events", "slow"};
	struct world *w = *state;
	struct outcome outcomes[3];
	char url[64];

	for (size_t i = 0; i < 3; i++) {
		const struct http_call_options call = {
			.method = "POST", .url = url, .peer = w->peer, .deadline_ms = 60000, .connect_ms = 300};

		(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/%s", http_server_port(w->server), TARGETS[i]);
		memset(&outcomes[i], 0, sizeof(outcomes[i]));
		gate_init(&outcomes[i].over);
		assert_int_equal(http_client_start(w->client, &call, &outcomes[i], on_done, NULL), 0);
		assert_true(gate_wait(&w->waiting, (int)i + 1));
	}
	/* The server accepts one more key: no connection has to be closed. */
	set_keys(w->server_keys, w->server_cluster, ONES ZEROS);
	assert_int_equal(ask(w, w->url, w->peer, true).status, 200);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(gate_count(&outcomes[i].over), 0);
	set_keys(w->server_keys, w->server_cluster, ONES);
	for (size_t i = 0; i < 2; i++) {
		assert_true(gate_wait(&outcomes[i].over, 1));
		assert_true(outcomes[i].error < 0);
	}
	assert_int_equal(gate_count(&outcomes[2].over), 0);
	http_respond(w->slow, 200, NULL, SPAN_LITERAL("done"));
	assert_true(gate_wait(&outcomes[2].over, 1));
	assert_int_equal(outcomes[2].status, 200);
}

/* A server still has the key that the client took out, so it does not refuse the client: the client has to
 * leave its connections itself. */
static void a_client_drops_connections_whose_key_it_has_removed(void **state)
{
	struct world *w = *state;

	for (int blocking = 0; blocking < 2; blocking++) {
		set_keys(w->server_keys, w->server_cluster, ZEROS);
		set_keys(w->client_keys, w->client_cluster, ZEROS);
		assert_int_equal(ask(w, w->url, w->peer, blocking).status, 200);
		set_keys(w->client_keys, w->client_cluster, ONES);
		assert_int_equal(ask(w, w->url, w->peer, blocking).error, -EKEYREJECTED);
	}
	assert_int_equal(w->served, 2);
}

static int pull(void *cookie, void *ret, size_t size, size_t *ret_size)
{
	int *left = cookie;

	*ret_size = *left < (int)size ? (size_t)*left : size;
	memset(ret, 'x', *ret_size);
	*left -= (int)*ret_size;
	return 0;
}

static void a_streamed_upload_under_a_removed_key_fails_with_econnreset(void **state)
{
	struct world *w = *state;
	int left = 6;
	const struct http_call_options call = {.method = "POST",
		.url = w->url,
		.peer = w->peer,
		.pull = pull,
		.body_length = left,
		.deadline_ms = 10000};
	struct http_response response;

	assert_int_equal(ask(w, w->url, w->peer, true).status, 200);
	set_keys(w->client_keys, w->client_cluster, ZEROS ONES);
	set_keys(w->server_keys, w->server_cluster, ONES);
	(void)http_client_perform(w->client, &call, &left, &response);
	assert_int_equal(response.error, -ECONNRESET);
	http_response_fini(&response);
	assert_int_equal(w->served, 1);
}

/* Accepts one connection, makes one of its own, and passes all bytes on in both directions. */
struct between {
	pthread_t thread;
	int listener;
	struct sockaddr_storage to;
	socklen_t to_size;
};

static void *stand_between(void *cookie)
{
	struct between *b = cookie;
	int near = wire_accept(b->listener), far = socket(b->to.ss_family, SOCK_STREAM, 0);
	struct pollfd fds[2] = {{.fd = near, .events = POLLIN}, {.fd = far, .events = POLLIN}};
	char bytes[4096];
	ssize_t n = connect(far, (struct sockaddr *)&b->to, b->to_size) == 0;

	while (n > 0 && poll(fds, 2, WIRE_TIMEOUT_S * 1000) > 0) {
		const int from = fds[0].revents ? 0 : 1;

		n = recv(fds[from].fd, bytes, sizeof(bytes), 0);
		if (n > 0)
			n = send(fds[1 - from].fd, bytes, (size_t)n, MSG_NOSIGNAL);
	}
	close(near);
	close(far);
	return NULL;
}

/* Finds an address of this machine that is not a loopback address. Returns false when there is none. */
static bool outer_address(struct sockaddr_storage *ret, socklen_t *ret_size)
{
	struct ifaddrs *list;
	bool found = false;

	assert_int_equal(getifaddrs(&list), 0);
	for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
		found = i->ifa_addr && i->ifa_addr->sa_family == AF_INET && !loopback_is(i->ifa_addr);
		if (found) {
			*ret_size = sizeof(struct sockaddr_in);
			memcpy(ret, i->ifa_addr, *ret_size);
		}
	}
	freeifaddrs(list);
	return found;
}

static void a_relay_that_passes_a_greeting_on_is_refused(void **state)
{
	struct world *w = *state;
	struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct between b = {.to_size = sizeof(loopback)};
	uint16_t port;
	char url[64];

	memcpy(&b.to, &loopback, sizeof(loopback));
	for (int outer = 0; outer < 2; outer++) {
		if (outer && !outer_address(&b.to, &b.to_size)) {
			print_message("skipped: a relay by another address, as this machine has loopback only\n");
			break;
		}
		((struct sockaddr_in *)&b.to)->sin_port = htons(http_server_port(w->server));
		b.listener = wire_listen(&port);
		assert_int_equal(pthread_create(&b.thread, NULL, stand_between, &b), 0);
		(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", port);
		assert_int_equal(ask(w, url, w->peer, outer).error, -EKEYREJECTED);
		pthread_join(b.thread, NULL);
		close(b.listener);
	}
	assert_int_equal(w->served, 0);
}

#define with_world(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_world(a_server_serves_a_client_with_the_same_key),
		with_world(a_client_that_did_not_greet_gets_401),
		with_world(a_client_of_another_kind_is_not_served),
		with_world(a_client_refuses_a_server_that_is_another_instance),
		with_world(a_server_without_the_key_receives_only_the_greeting),
		with_world(requests_succeed_at_each_step_of_a_key_exchange),
		with_world(removing_a_key_cuts_polls_and_streams_but_lets_requests_finish),
		with_world(a_client_drops_connections_whose_key_it_has_removed),
		with_world(a_streamed_upload_under_a_removed_key_fails_with_econnreset),
		with_world(a_relay_that_passes_a_greeting_on_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
