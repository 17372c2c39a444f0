#include "common/http/client/sockets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int ready(struct sockets *s)
{
	struct epoll_event event;
	return epoll_wait(s->epoll_fd, &event, 1, 0) == 1 ? event.data.fd : -1;
}

static void pair_at(int ret[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ret), 0);
}

/* libcurl looks up a host name over a pair of sockets, which it closes by itself. The connection then gets
 * the number of one of them. */
static void a_new_socket_with_a_reused_descriptor_is_watched(void **state)
{
	struct sockets s;
	int first[2], second[2];

	(void)state;
	assert_int_equal(sockets_init(&s), 0);
	pair_at(first);
	assert_int_equal(sockets_want(&s, first[0], EPOLLIN, true), 0);
	assert_int_equal(sockets_want(&s, first[0], 0, false), 0);
	close(first[0]);
	close(first[1]);
	pair_at(second);
	assert_int_equal(second[0], first[0]);
	assert_int_equal(sockets_want(&s, second[0], EPOLLIN, true), 0);
	assert_int_equal(ready(&s), -1);
	assert_int_equal(write(second[1], "x", 1), 1);
	assert_int_equal(ready(&s), second[0]);
	assert_int_equal(sockets_wanted(&s, second[0]), EPOLLIN);
	close(second[0]);
	close(second[1]);
	sockets_fini(&s);
}

static void an_unwanted_socket_is_removed_from_epoll_at_its_first_event(void **state)
{
	struct sockets s;
	int pair[2];

	(void)state;
	assert_int_equal(sockets_init(&s), 0);
	pair_at(pair);
	assert_int_equal(sockets_want(&s, pair[0], EPOLLIN, true), 0);
	assert_int_equal(sockets_want(&s, pair[0], 0, false), 0);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(ready(&s), pair[0]);
	assert_int_equal(sockets_wanted(&s, pair[0]), 0);
	assert_int_equal(ready(&s), -1);
	assert_int_equal(sockets_want(&s, pair[0], EPOLLIN | EPOLLOUT, true), 0);
	assert_int_equal(ready(&s), pair[0]);
	close(pair[0]);
	close(pair[1]);
	sockets_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_socket_with_a_reused_descriptor_is_watched),
		cmocka_unit_test(an_unwanted_socket_is_removed_from_epoll_at_its_first_event),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
