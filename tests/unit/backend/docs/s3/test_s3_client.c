/* What the client does with options, keys and a service that misbehaves. The service is a listener here,
 * which gives the test's answers. */
#include "backend/docs/s3/s3_client.h"

#include "common/base/clock.h"
#include "common/base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KEYS "AWS_ACCESS_KEY_ID=access:with-colon\nAWS_SECRET_ACCESS_KEY=\"a secret\"\n"

struct fixture {
	char keys[64], endpoint[64];
	int listener;
	pthread_t thread;
	const char *const *answers; /* one for each request; NULL ends the list */
	unsigned requests;
	char seen[16384]; /* the last request, with its body */
};

static void write_keys(const struct fixture *f, const char *text, mode_t mode)
{
	int fd = open(f->keys, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int setup(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->keys, "/tmp/test_s3_keys.XXXXXX");
	close(mkstemp(f->keys));
	write_keys(f, KEYS, 0600);
	f->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(f->listener, 16), 0);
	assert_int_equal(getsockname(f->listener, (struct sockaddr *)&at, &size), 0);
	snprintf(f->endpoint, sizeof(f->endpoint), "http://127.0.0.1:%u", ntohs(at.sin_port));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->listener);
	unlink(f->keys);
	free(f);
	return 0;
}

static struct s3_options options_of(const struct fixture *f)
{
	return (struct s3_options){.endpoint = f->endpoint,
		.bucket = "blocks",
		.region = "here-1",
		.prefix = "p/",
		.keys_file = f->keys,
		.connections = 1};
}

static size_t length_of(const char *head)
{
	const char *field = strstr(head, "Content-Length: ");

	return field ? strtoul(field + strlen("Content-Length: "), NULL, 10) : 0;
}

/* Reads one request, with a body of the length that it states. */
static void hear(struct fixture *f, int fd)
{
	const char *end = NULL;
	size_t size = 0;

	while (!end || size < (size_t)(end + 4 - f->seen) + length_of(f->seen)) {
		ssize_t n = read(fd, f->seen + size, sizeof(f->seen) - 1 - size);

		if (n <= 0)
			return;
		size += (size_t)n;
		f->seen[size] = '\0';
		end = strstr(f->seen, "\r\n\r\n");
	}
}

/* Serves one request on each connection, since the answers close it. "": closes without an answer. There are
 * no asserts: this is not the test's thread. */
static void *serve(void *cookie)
{
	struct fixture *f = cookie;

	for (size_t i = 0; f->answers[i]; i++) {
		int fd = accept(f->listener, NULL, NULL);

		f->seen[0] = '\0';
		hear(f, fd);
		f->requests++;
		(void)!write(fd, f->answers[i], strlen(f->answers[i]));
		close(fd);
	}
	return NULL;
}

static int ask(struct fixture *f, const char *const *answers, const struct s3_request *request, struct s3_answer *ret)
{
	const struct s3_options options = options_of(f);
	struct s3_client *c;

	f->answers = answers;
	f->requests = 0;
	assert_int_equal(s3_client_new(&options, &c), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
	const int r = s3_ask(c, request, ret);
	pthread_join(f->thread, NULL);
	s3_client_free(c);
	return r;
}

#define ANSWER(status, more) "HTTP/1.1 " status "\r\nConnection: close\r\n" more
#define BUSY ANSWER("503 Slow Down", "Content-Length: 31\r\n\r\n<Error><Code>SlowDown</Code></E>")

static void a_request_is_signed_with_the_digest_of_its_body(void **state)
{
	static const char *const answers[] = {ANSWER("200 OK", "Content-Length: 0\r\n\r\n"), NULL};
	struct fixture *f = *state;
	const struct s3_request put = {
		.method = "PUT", .key = "0001/a", .body = SPAN_LITERAL("hello"), .new_only = true};
	char digest[SHA256_HEX_SIZE];
	struct s3_answer answer;

	assert_int_equal(ask(f, answers, &put, &answer), 0);
	assert_int_equal(answer.status, 200);
	assert_int_equal(sha256_hex(put.body, digest), 0);
	assert_non_null(strstr(f->seen, "PUT /blocks/p/0001/a HTTP/1.1\r\n"));
	assert_non_null(strstr(f->seen, digest));
	assert_non_null(strstr(f->seen, "If-None-Match: *\r\n"));
	assert_non_null(strstr(f->seen, "Credential=access:with-colon/"));
	assert_non_null(strstr(f->seen, "/here-1/s3/aws4_request"));
	assert_non_null(strstr(f->seen, "x-amz-content-sha256"));
	assert_null(strstr(f->seen, "secret"));
	assert_non_null(strstr(f->seen, "\r\n\r\nhello"));
}

static void a_put_is_retried_after_503_and_a_closed_connection(void **state)
{
	static const char *const answers[] = {BUSY, "", BUSY, ANSWER("200 OK", "Content-Length: 0\r\n\r\n"), NULL};
	struct fixture *f = *state;
	const struct s3_request put = {.method = "PUT", .key = "k", .body = SPAN_LITERAL("hello")};
	struct s3_answer answer;

	assert_int_equal(ask(f, answers, &put, &answer), 0);
	assert_int_equal(answer.status, 200);
	assert_int_equal(f->requests, 4);
	assert_true(answer.repeated);
}

static void a_403_answer_is_not_retried(void **state)
{
	static const char *const answers[] = {
		ANSWER("403 Forbidden", "Content-Length: 46\r\n\r\n<Error><Code>SignatureDoesNotMatch</Code></Err>"),
		NULL};
	struct fixture *f = *state;
	const struct s3_request get = {.method = "GET", .key = "k"};
	struct s3_answer answer;

	assert_int_equal(ask(f, answers, &get, &answer), 0);
	assert_int_equal(answer.status, 403);
	assert_string_equal(answer.code, "SignatureDoesNotMatch");
	assert_false(answer.repeated);
	assert_non_null(strstr(answer.why, "403 SignatureDoesNotMatch"));
}

static void a_get_is_retried_when_the_body_ends_early(void **state)
{
	static const char *const answers[] = {
		ANSWER("206 Part", "Content-Range: bytes 0-7/8\r\nContent-Length: 8\r\n\r\nabc"),
		ANSWER("206 Part", "Content-Range: bytes 0-7/8\r\nContent-Length: 8\r\n\r\nabcdefgh"), NULL};
	struct fixture *f = *state;
	char data[8];
	const struct s3_request get = {
		.method = "GET", .key = "k", .part = true, .into = data, .into_size = sizeof(data)};
	struct s3_answer answer;

	assert_int_equal(ask(f, answers, &get, &answer), 0);
	assert_int_equal(answer.size, 8);
	assert_int_equal(answer.whole, 8);
	assert_memory_equal(data, "abcdefgh", 8);
	assert_non_null(strstr(f->seen, "Range: bytes=0-7\r\n"));
}

static void an_answer_longer_than_the_buffer_is_cut(void **state)
{
	static const char *const answers[] = {ANSWER("200 OK", "Content-Length: 8\r\n\r\nabcdefgh"), NULL};
	struct fixture *f = *state;
	char data[8] = "";
	const struct s3_request get = {.method = "GET", .key = "k", .into = data, .into_size = 3};
	struct s3_answer answer;

	assert_int_equal(ask(f, answers, &get, &answer), 0);
	assert_true(answer.cut);
	assert_int_equal(answer.size, 3);
	assert_string_equal(data, "abc");
}

static void after_a_failed_call_the_next_call_to_a_dead_endpoint_fails_faster(void **state)
{
	struct fixture *f = *state;
	struct s3_options options = options_of(f);
	const struct s3_request get = {.method = "GET", .key = "k"};
	struct s3_answer answer;
	struct s3_client *c;

	close(f->listener);
	f->listener = -1;
	options.deadline_ms = S3_PAUSE_MAX_MS + 1000;
	assert_int_equal(s3_client_new(&options, &c), 0);
	const int64_t before_ns = clock_mono_ns();
	assert_int_equal(s3_ask(c, &get, &answer), -ENOTCONN);
	assert_false(answer.repeated);
	const int64_t between_ns = clock_mono_ns();
	assert_int_equal(s3_ask(c, &get, &answer), -ENOTCONN);
	/* The first call took a second; this one makes no pause at all. */
	assert_true(clock_mono_ns() - between_ns < between_ns - before_ns);
	s3_client_free(c);
}

static void refused(struct s3_options options)
{
	struct s3_client *c = NULL;

	assert_int_equal(s3_client_new(&options, &c), -EINVAL);
}

static void s3_client_new_refuses_wrong_endpoints_buckets_and_prefixes(void **state)
{
	static const char *const endpoints[] = {"", "127.0.0.1", "ftp://x", "http://", "http://x/", "http://x/y",
		"http://user@x", "http://x?y", "http://x y"};
	static const char *const buckets[] = {
		"", "ab", "Blocks", "a/b", "a b", "0123456789012345678901234567890123456789012345678901234567890123"};
	static const char *const prefixes[] = {"/", "a//b", "../", "a/../b", "a b/", "a?"};
	struct s3_options options = options_of(*state);

	for (size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++) {
		options.endpoint = endpoints[i];
		refused(options);
	}
	options = options_of(*state);
	for (size_t i = 0; i < sizeof(buckets) / sizeof(*buckets); i++) {
		options.bucket = buckets[i];
		refused(options);
	}
	options = options_of(*state);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		options.prefix = prefixes[i];
		refused(options);
	}
	options = options_of(*state);
	options.region = "";
	refused(options);
}

static void s3_client_new_requires_a_private_keys_file_with_exactly_both_keys(void **state)
{
	static const char *const files[] = {"", "AWS_ACCESS_KEY_ID=a\n", KEYS "AWS_ACCESS_KEY_ID=b\n", KEYS "MORE=c\n",
		"AWS_ACCESS_KEY_ID=\nAWS_SECRET_ACCESS_KEY=b\n"};
	struct fixture *f = *state;
	const struct s3_options options = options_of(f);
	struct s3_client *c;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		write_keys(f, files[i], 0600);
		refused(options);
	}
	write_keys(f, KEYS, 0640);
	assert_int_equal(s3_client_new(&options, &c), -EPERM);
	unlink(f->keys);
	assert_int_equal(s3_client_new(&options, &c), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_request_is_signed_with_the_digest_of_its_body, setup, teardown),
		cmocka_unit_test_setup_teardown(a_put_is_retried_after_503_and_a_closed_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(a_403_answer_is_not_retried, setup, teardown),
		cmocka_unit_test_setup_teardown(a_get_is_retried_when_the_body_ends_early, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_longer_than_the_buffer_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(
			after_a_failed_call_the_next_call_to_a_dead_endpoint_fails_faster, setup, teardown),
		cmocka_unit_test_setup_teardown(
			s3_client_new_refuses_wrong_endpoints_buckets_and_prefixes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			s3_client_new_requires_a_private_keys_file_with_exactly_both_keys, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
