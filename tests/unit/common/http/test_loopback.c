#include "common/http/loopback.h"

#include "common/http/client/client.h"
#include "common/http/server/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DESCRIPTORS 256
#define NAME_SIZE 16 /* of the name of a congestion control, in the kernel */

static bool is_loopback(int family, const char *text)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	assert_int_equal(inet_pton(family, text, family == AF_INET ? (void *)&v4.sin_addr : &v6.sin6_addr), 1);
	return loopback_is(family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
}

static void loopback_is_recognises_loopback_addresses_and_no_others(void **state)
{
	struct sockaddr local = {.sa_family = AF_UNIX};

	(void)state;
	assert_true(is_loopback(AF_INET, "127.0.0.1"));
	assert_true(is_loopback(AF_INET, "127.255.0.9"));
	assert_false(is_loopback(AF_INET, "126.0.0.1"));
	assert_false(is_loopback(AF_INET, "128.0.0.1"));
	assert_false(is_loopback(AF_INET, "0.0.0.0"));
	assert_false(is_loopback(AF_INET, "10.0.0.127"));
	assert_true(is_loopback(AF_INET6, "::1"));
	assert_true(is_loopback(AF_INET6, "::ffff:127.0.0.1"));
	assert_false(is_loopback(AF_INET6, "::ffff:10.0.0.1"));
	assert_false(is_loopback(AF_INET6, "::"));
	assert_false(is_loopback(AF_INET6, "fe80::1"));
	assert_false(loopback_is(&local));
}

static void loopback_url_recognises_urls_that_lead_to_the_same_machine(void **state)
{
	static const char *const here[] = {"http://127.0.0.1:9090", "https://127.9.9.9", "http://localhost:8050",
		"http://LocalHost", "http://localhost.:80", "http://a.localhost/x", "http://localhost.localdomain",
		"http://127.1:80", "http://2130706433", "http://0x7f000001:1", "http://0177.0.0.1", "http://0:9090",
		"http://0.0.0.0:80", "http://[::1]:8050", "http://[::]", "http://[::ffff:127.0.0.1]:1", "nonsense",
		"http://", "http://[::1", "http://store@127.0.0.1", "http://127.0.0.1:1@store", "http://:80",
		"http://127%2e0.0.1:1", "http://%6cocalhost"};
	static const char *const there[] = {"http://store:8050", "https://cloud.example.com", "http://10.0.0.1:8050",
		"http://[fe80::1%25eth0]:80", "http://[2001:db8::1]", "http://notlocalhost", "http://local.host",
		"http://128.0.0.1"};

	(void)state;
	for (size_t i = 0; i < sizeof(here) / sizeof(*here); i++) {
		if (!loopback_url(here[i]))
			fail_msg("%s", here[i]);
		assert_false(loopback_may_follow("http://store:8050", here[i]));
		assert_true(loopback_may_follow("http://127.0.0.1:8050", here[i]));
	}
	for (size_t i = 0; i < sizeof(there) / sizeof(*there); i++) {
		if (loopback_url(there[i]))
			fail_msg("%s", there[i]);
		assert_true(loopback_may_follow("http://store:8050", there[i]));
	}
}

static const char *control_of(int fd, char ret[NAME_SIZE])
{
	socklen_t size = NAME_SIZE;

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, ret, &size), 0);
	return ret;
}

static void a_socket_to_another_machine_keeps_its_congestion_control(void **state)
{
	struct sockaddr_in other = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001)};
	char before[NAME_SIZE], after[NAME_SIZE];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_true(fd >= 0);
	(void)control_of(fd, before);
	loopback_tune(fd, (struct sockaddr *)&other);
	assert_string_equal(control_of(fd, after), before);
	close(fd);
}

static void on_get(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond(req, 200, NULL, span_str("yes"));
}

static bool has_port(int fd, uint16_t port, int (*name_of)(int fd, struct sockaddr *name, socklen_t *size))
{
	struct sockaddr_in name = {0};
	socklen_t size = sizeof(name);

	return name_of(fd, (struct sockaddr *)&name, &size) == 0 && name.sin_family == AF_INET &&
		ntohs(name.sin_port) == port;
}

/* Checks the listening socket, the accepted one and the client's one: all are in this process. */
static void sockets_between_a_local_client_and_a_local_server_use_reno(void **state)
{
	static const struct http_route routes[] = {
		{.method = "GET", .pattern = "/", .handler = on_get, .internal = true}, {0}};
	struct http_server_options options = {.address = "127.0.0.1", .routes = routes};
	struct http_call_options call = {0};
	struct http_response response;
	struct http_server *server;
	struct http_client *client;
	unsigned ours = 0, theirs = 0;
	char url[64], name[NAME_SIZE];

	(void)state;
	assert_int_equal(http_server_start(&options, &server), 0);
	assert_int_equal(http_client_new(NULL, &client), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", http_server_port(server));
	call.url = url;
	assert_int_equal(http_client_perform(client, &call, NULL, &response), 0);
	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		bool is_ours = has_port(fd, http_server_port(server), getsockname);
		bool is_theirs = has_port(fd, http_server_port(server), getpeername);

		ours += is_ours;
		theirs += is_theirs;
		if (is_ours || is_theirs)
			assert_string_equal(control_of(fd, name), "reno");
	}
	assert_int_equal(ours, 2);
	assert_int_equal(theirs, 1);
	http_response_fini(&response);
	http_client_free(client);
	http_server_stop(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback_is_recognises_loopback_addresses_and_no_others),
		cmocka_unit_test(loopback_url_recognises_urls_that_lead_to_the_same_machine),
		cmocka_unit_test(a_socket_to_another_machine_keeps_its_congestion_control),
		cmocka_unit_test(sockets_between_a_local_client_and_a_local_server_use_reno),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
