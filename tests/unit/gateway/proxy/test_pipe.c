#include "gateway/proxy/pipe.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CROSSING_BYTES (8u * 1024 * 1024)

static int setup(void **state)
{
	struct pipe *p;
	assert_int_equal(pipe_new(&p), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	pipe_free(*state);
	return 0;
}

static void a_full_pipe_refuses_bytes_until_a_reader_has_made_room(void **state)
{
	struct pipe *p = *state;
	char *bytes = calloc(1, PIPE_BYTES);
	size_t got = 0;
	bool wanted = true;

	assert_int_equal(pipe_read(p, bytes, 10, &got, &wanted), -EAGAIN);
	assert_false(wanted);
	assert_int_equal(pipe_write(p, bytes, PIPE_BYTES), 0);
	assert_int_equal(pipe_write(p, bytes, 1), -EAGAIN);
	assert_int_equal(pipe_read(p, bytes, 1, &got, &wanted), 0);
	assert_int_equal(got, 1);
	assert_true(wanted);
	assert_int_equal(pipe_write(p, bytes, 1), 0);
	assert_int_equal(pipe_write(p, bytes, PIPE_BYTES + 1), -EMSGSIZE);
	free(bytes);
}

static void a_reader_gets_all_bytes_before_the_error_or_the_end(void **state)
{
	static const int ENDS[] = {-ECONNRESET, 0};
	char bytes[8];
	bool wanted;

	(void)state;
	for (size_t i = 0; i < sizeof(ENDS) / sizeof(*ENDS); i++) {
		struct pipe *p;
		size_t got = 0;

		assert_int_equal(pipe_new(&p), 0);
		assert_int_equal(pipe_write(p, "abc", 3), 0);
		pipe_close(p, ENDS[i]);
		assert_int_equal(pipe_read(p, bytes, sizeof(bytes), &got, &wanted), 0);
		assert_int_equal(got, 3);
		assert_memory_equal(bytes, "abc", 3);
		assert_int_equal(pipe_read(p, bytes, sizeof(bytes), &got, &wanted), ENDS[i]);
		assert_int_equal(got, ENDS[i] < 0 ? 3 : 0); /* only a read without an error tells a size */
		pipe_free(p);
	}
}

static void a_read_at_the_end_of_a_pipe_gives_zero_bytes(void **state)
{
	struct pipe *p = *state;
	char byte;
	size_t got = 1;
	bool wanted;
	pipe_close(p, 0);
	assert_int_equal(pipe_read(p, &byte, 1, &got, &wanted), 0);
	assert_int_equal(got, 0);
}

static void *write_counting_bytes(void *cookie)
{
	struct pipe *p = cookie;
	uint8_t chunk[7919]; /* a prime number, so that the ring wraps at every offset */
	for (size_t at = 0; at < CROSSING_BYTES;) {
		size_t size = CROSSING_BYTES - at < sizeof(chunk) ? CROSSING_BYTES - at : sizeof(chunk);
		for (size_t i = 0; i < size; i++)
			chunk[i] = (uint8_t)((at + i) * 31 >> 3);
		while (pipe_write(p, chunk, size) == -EAGAIN)
			sched_yield();
		at += size;
	}
	pipe_close(p, 0);
	return NULL;
}

static void bytes_cross_a_pipe_between_threads_in_order(void **state)
{
	struct pipe *p = *state;
	pthread_t writer;
	uint8_t chunk[4093];
	size_t at = 0, got = 1;
	bool wanted;

	assert_int_equal(pthread_create(&writer, NULL, write_counting_bytes, p), 0);
	while (got > 0) {
		int error = pipe_read(p, chunk, sizeof(chunk), &got, &wanted);
		if (error == -EAGAIN) {
			sched_yield();
			continue;
		}
		assert_int_equal(error, 0);
		for (size_t i = 0; i < got; i++)
			assert_int_equal(chunk[i], (uint8_t)((at + i) * 31 >> 3));
		at += got;
	}
	assert_int_equal(at, CROSSING_BYTES);
	pthread_join(writer, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_full_pipe_refuses_bytes_until_a_reader_has_made_room, setup, teardown),
		cmocka_unit_test(a_reader_gets_all_bytes_before_the_error_or_the_end),
		cmocka_unit_test_setup_teardown(a_read_at_the_end_of_a_pipe_gives_zero_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_cross_a_pipe_between_threads_in_order, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
