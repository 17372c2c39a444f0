#include "cli/api.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "tests/unit/cli/store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define NOBODY "http://127.0.0.1:1"
#define PROBLEM(type_, status_)                                                                   \
	"{\"type\":\"/problems/" type_ "\",\"title\":\"T\",\"detail\":\"D\",\"status\":" #status_ \
	",\"trace_id\":\"abc\"}"

static int ask(struct store *s, const struct api_request *request, struct api_answer *ret)
{
	struct api *api = NULL;
	int r;

	assert_int_equal(api_new(&s->credentials, &api), 0);
	r = api_call(api, request, ret);
	api_free(api);
	return r;
}

static int get(struct store *s, struct api_answer *ret)
{
	return ask(s, &(struct api_request){.method = "GET", .path = "/x?y=%20"}, ret);
}

static int post(struct store *s, struct api_answer *ret)
{
	json_t *body = json_pack("{s:s}", "a", "b");
	int r = ask(s, &(struct api_request){.method = "POST", .path = "/x", .body = body}, ret);

	json_decref(body);
	return r;
}

static void a_get_request_carries_the_token_and_no_idempotency_key(void **state)
{
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({200, "{\"n\":1}", NULL}));
	assert_int_equal(get(&s, &answer), 0);
	assert_int_equal(answer.status, 200);
	assert_int_equal(json_integer_value(json_object_get(answer.json, "n")), 1);
	assert_string_equal(s.asked[0].target, "/x?y=%20");
	assert_string_equal(s.asked[0].token, "Bearer t0ken");
	assert_string_equal(s.asked[0].key, "");
	api_answer_fini(&answer);
	store_stop(&s);
}

static void an_anonymous_post_carries_an_idempotency_key_and_no_token(void **state)
{
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({204, "", NULL}));
	assert_int_equal(ask(&s, &(struct api_request){.method = "POST", .path = "/x", .anonymous = true}, &answer), 0);
	assert_string_equal(s.asked[0].token, "");
	assert_int_equal(strlen(s.asked[0].key), 32);
	api_answer_fini(&answer);
	store_stop(&s);
}

static void after_a_refused_connection_the_next_gateway_is_asked(void **state)
{
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({201, "{}", NULL}));
	store_credentials(&s, NOBODY, "t0ken");
	assert_int_equal(post(&s, &answer), 0);
	assert_int_equal(s.count, 1);
	assert_string_equal(s.asked[0].body, "{\"a\":\"b\"}");
	api_answer_fini(&answer);
	store_stop(&s);
}

/* One api object sends several requests. The first of the two gateways that it has names the drive's home in its
 * answer. */
static void the_next_requests_go_to_the_home_that_an_answer_named(void **state)
{
	static const struct api_request request = {.method = "GET", .path = "/x"};
	struct store first, home;
	struct api_answer answer;
	struct api *api = NULL;
	char field[128];

	(void)state;
	store_start(&home, STORE_STEPS({200, "{}", NULL}, {200, "{}", NULL}));
	(void)snprintf(field, sizeof(field), "Nephos-Home: %s", home.credentials.urls[0]);
	store_start(&first, STORE_STEPS({404, "{}", field}));
	store_credentials(&home, first.credentials.urls[0], "t0ken");
	assert_int_equal(api_new(&home.credentials, &api), 0);
	assert_int_equal(api_call(api, &request, &answer), -ERR_NOT_FOUND);
	api_answer_fini(&answer);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(api_call(api, &request, &answer), 0);
		api_answer_fini(&answer);
	}
	assert_int_equal(first.count, 1);
	assert_int_equal(home.count, 2);
	api_free(api);
	store_stop(&first);
	store_stop(&home);
}

static void a_request_fails_with_econnrefused_when_no_gateway_listens(void **state)
{
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, NULL, 0);
	store_credentials(&s, NULL, "t0ken");
	http_server_stop(s.server);
	s.server = NULL;
	assert_int_equal(get(&s, &answer), -ECONNREFUSED);
	assert_int_equal(answer.status, 0);
	api_answer_fini(&answer);
	store_stop(&s);
}

/* A gateway that hangs: the kernel accepts the connection, but nobody ever answers. */
static int hang(char ret_url[64])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	(void)snprintf(ret_url, 64, "http://127.0.0.1:%u", ntohs(address.sin_port));
	return fd;
}

static void on_silence(const char *silent, const char *now, void *cookie)
{
	(void)now;
	(void)snprintf(cookie, 64, "%s", silent);
}

static void a_hanging_gateway_is_left_within_half_of_the_deadline(void **state)
{
	struct store s;
	struct api_answer answer;
	struct api *api = NULL;
	char url[64], silent[64] = "";
	int fd = hang(url);
	int64_t began = clock_mono_ns();

	(void)state;
	store_start(&s, STORE_STEPS({200, "{}", NULL}, {200, "{}", NULL}));
	store_credentials(&s, url, "t0ken");
	assert_int_equal(api_new(&s.credentials, &api), 0);
	api_on_silence(api, on_silence, silent);
	assert_int_equal(api_call(api, &(struct api_request){.method = "GET", .path = "/x"}, &answer), 0);
	api_answer_fini(&answer);
	assert_true(clock_mono_ns() - began < API_DEADLINE_MS / 2 * NS_PER_MS);
	assert_string_equal(silent, url);
	/* The next request goes to the gateway that answers. */
	silent[0] = '\0';
	assert_int_equal(api_call(api, &(struct api_request){.method = "GET", .path = "/x"}, &answer), 0);
	api_answer_fini(&answer);
	assert_string_equal(silent, "");
	assert_int_equal(s.count, 2);
	api_free(api);
	store_stop(&s);
	(void)close(fd);
}

static void a_temporary_failure_is_retried_under_the_same_key(void **state)
{
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({503, PROBLEM("unavailable", 503), NULL}, {0, "{", NULL}, {201, "{}", NULL}));
	assert_int_equal(post(&s, &answer), 0);
	assert_int_equal(s.count, 3);
	assert_int_equal(strlen(s.asked[0].key), 32);
	assert_string_equal(s.asked[0].key, s.asked[1].key);
	assert_string_equal(s.asked[0].key, s.asked[2].key);
	assert_string_equal(s.asked[2].body, "{\"a\":\"b\"}");
	api_answer_fini(&answer);
	store_stop(&s);
}

static void two_requests_have_different_idempotency_keys(void **state)
{
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({201, "{}", NULL}, {201, "{}", NULL}));
	assert_int_equal(post(&s, &answer), 0);
	api_answer_fini(&answer);
	assert_int_equal(post(&s, &answer), 0);
	api_answer_fini(&answer);
	assert_string_not_equal(s.asked[0].key, s.asked[1].key);
	store_stop(&s);
}

static void an_anonymous_request_is_retried_under_the_same_key(void **state)
{
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({503, PROBLEM("unavailable", 503), NULL}, {201, "{}", NULL}));
	assert_int_equal(ask(&s, &(struct api_request){.method = "POST", .path = "/x", .anonymous = true}, &answer), 0);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.asked[0].key, s.asked[1].key);
	assert_string_equal(s.asked[0].token, "");
	api_answer_fini(&answer);
	store_stop(&s);
}

static void retries_end_after_the_maximum_number_of_rounds(void **state)
{
	struct store_step steps[API_ROUNDS_MAX + 1];
	struct store s;
	struct api_answer answer;

	(void)state;
	for (size_t i = 0; i < API_ROUNDS_MAX; i++)
		steps[i] = (struct store_step){503, PROBLEM("unavailable", 503), NULL};
	steps[API_ROUNDS_MAX] = (struct store_step){200, "", NULL};
	store_start(&s, steps, API_ROUNDS_MAX + 1);
	assert_int_equal(get(&s, &answer), -ERR_UNAVAILABLE);
	assert_int_equal(s.count, API_ROUNDS_MAX);
	assert_string_equal(answer.detail, "D");
	api_answer_fini(&answer);
	store_stop(&s);
}

static void an_error_answer_gives_its_failure_detail_and_trace(void **state)
{
	static const struct {
		int status;
		const char *text;
		int failure;
		const char *detail;
	} table[] = {
		{409, PROBLEM("folder-not-empty", 409), -ENOTEMPTY, "D"},
		{401, PROBLEM("unauthenticated", 401), -ERR_UNAUTHENTICATED, "D"},
		{404, "not JSON at all", -ERR_NOT_FOUND, "the answer was HTTP status 404"},
		{500, "{\"errno\":\"EDQUOT\",\"title\":\"Full\"}", -EDQUOT, "Full"},
		{418, "[]", -EIO, "the answer was HTTP status 418"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct store s;
		struct api_answer answer;

		store_start(&s, STORE_STEPS({table[i].status, table[i].text, NULL}));
		assert_int_equal(get(&s, &answer), table[i].failure);
		assert_int_equal(answer.status, table[i].status);
		assert_string_equal(answer.detail, table[i].detail);
		if (i == 0)
			assert_string_equal(answer.trace, "abc");
		api_answer_fini(&answer);
		store_stop(&s);
	}
}

static void an_answer_that_is_not_json_gives_eproto(void **state)
{
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({200, "<html>", NULL}));
	assert_int_equal(get(&s, &answer), -EPROTO);
	api_answer_fini(&answer);
	store_stop(&s);
}

/* ---- streams ---- */

struct stream_cookie {
	struct buf got;
	const char *text;
	size_t at;
	unsigned rewinds;
	bool can_rewind;
	int fails; /* what on_data returns */
};

static int on_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct stream_cookie *c = cookie;
	size_t left = strlen(c->text) - c->at;

	*ret_size = left < size ? left : size;
	memcpy(data, c->text + c->at, *ret_size);
	c->at += *ret_size;
	return 0;
}

static int on_rewind(void *cookie)
{
	struct stream_cookie *c = cookie;

	c->rewinds++;
	c->at = 0;
	return c->can_rewind ? 0 : -ESPIPE;
}

static int on_data(void *cookie, const void *data, size_t size)
{
	struct stream_cookie *c = cookie;

	return c->fails ? c->fails : buf_append(&c->got, data, size);
}

static int put(struct store *s, struct stream_cookie *c, struct api_answer *ret)
{
	struct api_stream stream = {
		.length = (int64_t)strlen(c->text), .pull = on_pull, .rewind = on_rewind, .cookie = c};

	return ask(s, &(struct api_request){.method = "PUT", .path = "/f", .stream = &stream}, ret);
}

static void a_retried_upload_is_sent_again_from_its_beginning(void **state)
{
	struct stream_cookie c = {.text = "content", .can_rewind = true};
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({503, "", NULL}, {201, "{\"id\":\"7\"}", NULL}));
	store_credentials(&s, NOBODY, "t0ken");
	assert_int_equal(put(&s, &c, &answer), 0);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.asked[1].body, "content");
	assert_string_equal(s.asked[0].key, s.asked[1].key);
	assert_int_equal(c.rewinds, 1);
	assert_string_equal(json_string_value(json_object_get(answer.json, "id")), "7");
	api_answer_fini(&answer);
	store_stop(&s);
}

static void an_upload_to_a_hanging_gateway_is_sent_to_the_next_one(void **state)
{
	struct stream_cookie c = {.text = "content", .can_rewind = true};
	struct store s;
	struct api_answer answer;
	char url[64];
	int fd = hang(url);

	(void)state;
	store_start(&s, STORE_STEPS({201, "{}", NULL}));
	store_credentials(&s, url, "t0ken");
	assert_int_equal(put(&s, &c, &answer), 0);
	assert_string_equal(s.asked[0].body, "content");
	api_answer_fini(&answer);
	store_stop(&s);
	(void)close(fd);
}

static int fail_to_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	(void)cookie;
	(void)data;
	(void)size;
	*ret_size = 0;
	return -ETIMEDOUT; /* an error of the local disk, which can be a network file system */
}

static void a_local_read_error_ends_an_upload_without_a_retry(void **state)
{
	struct stream_cookie c = {.text = "content", .can_rewind = true};
	const struct api_stream stream = {.length = 7, .pull = fail_to_pull, .rewind = on_rewind, .cookie = &c};
	const struct api_request request = {.method = "PUT", .path = "/f", .stream = &stream};
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({201, "", NULL}));
	assert_int_equal(ask(&s, &request, &answer), -ETIMEDOUT);
	assert_int_equal(c.rewinds, 0);
	api_answer_fini(&answer);
	store_stop(&s);
}

static void an_upload_that_cannot_be_rewound_is_sent_once(void **state)
{
	struct stream_cookie c = {.text = "content"};
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({503, PROBLEM("unavailable", 503), NULL}, {201, "", NULL}));
	assert_int_equal(put(&s, &c, &answer), -ERR_UNAVAILABLE);
	assert_int_equal(s.count, 1);
	api_answer_fini(&answer);
	store_stop(&s);
}

static int download(struct store *s, struct stream_cookie *c, struct api_answer *ret)
{
	struct api_stream stream = {.on_data = on_data, .cookie = c};

	buf_init(&c->got, 1000);
	return ask(s, &(struct api_request){.method = "GET", .path = "/f", .stream = &stream}, ret);
}

static void a_download_that_has_begun_is_not_retried(void **state)
{
	struct stream_cookie c = {.text = ""};
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({503, "", NULL}, {0, "half", NULL}, {200, "whole", NULL}));
	assert_int_equal(download(&s, &c, &answer), -ECONNRESET);
	assert_true(answer.begun);
	assert_int_equal(s.count, 2);
	assert_string_equal(c.got.data, "half");
	buf_fini(&c.got);
	api_answer_fini(&answer);
	store_stop(&s);
}

static void an_error_answer_is_not_passed_to_the_receiver_of_a_download(void **state)
{
	struct stream_cookie c = {.text = ""};
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({404, PROBLEM("not-found", 404), NULL}));
	assert_int_equal(download(&s, &c, &answer), -ERR_NOT_FOUND);
	assert_false(answer.begun);
	assert_int_equal(c.got.size, 0);
	assert_string_equal(answer.detail, "D");
	buf_fini(&c.got);
	api_answer_fini(&answer);
	store_stop(&s);
}

static void an_error_of_the_receiver_ends_a_download_with_that_error(void **state)
{
	struct stream_cookie c = {.text = "", .fails = -ENOSPC};
	struct store s;
	struct api_answer answer;

	(void)state;
	store_start(&s, STORE_STEPS({200, "x", NULL}));
	assert_int_equal(download(&s, &c, &answer), -ENOSPC);
	buf_fini(&c.got);
	api_answer_fini(&answer);
	store_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_get_request_carries_the_token_and_no_idempotency_key),
		cmocka_unit_test(an_anonymous_post_carries_an_idempotency_key_and_no_token),
		cmocka_unit_test(after_a_refused_connection_the_next_gateway_is_asked),
		cmocka_unit_test(a_request_fails_with_econnrefused_when_no_gateway_listens),
		cmocka_unit_test(the_next_requests_go_to_the_home_that_an_answer_named),
		cmocka_unit_test(a_hanging_gateway_is_left_within_half_of_the_deadline),
		cmocka_unit_test(a_temporary_failure_is_retried_under_the_same_key),
		cmocka_unit_test(two_requests_have_different_idempotency_keys),
		cmocka_unit_test(an_anonymous_request_is_retried_under_the_same_key),
		cmocka_unit_test(retries_end_after_the_maximum_number_of_rounds),
		cmocka_unit_test(an_error_answer_gives_its_failure_detail_and_trace),
		cmocka_unit_test(an_answer_that_is_not_json_gives_eproto),
		cmocka_unit_test(a_retried_upload_is_sent_again_from_its_beginning),
		cmocka_unit_test(an_upload_to_a_hanging_gateway_is_sent_to_the_next_one),
		cmocka_unit_test(a_local_read_error_ends_an_upload_without_a_retry),
		cmocka_unit_test(an_upload_that_cannot_be_rewound_is_sent_once),
		cmocka_unit_test(a_download_that_has_begun_is_not_retried),
		cmocka_unit_test(an_error_answer_is_not_passed_to_the_receiver_of_a_download),
		cmocka_unit_test(an_error_of_the_receiver_ends_a_download_with_that_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
