#include "gateway/proxy/forward_headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct token_identity ANNA = {.user = 5, .name = "anna", .token_id = "s12"};

static void key_of(const char *target, const struct token_identity *identity, const char *expected)
{
	char key[FORWARD_KEY_SIZE];
	forward_headers_key(target, identity, key);
	assert_string_equal(key, expected);
}

static void requests_are_balanced_by_their_drive(void **state)
{
	(void)state;
	key_of("/api/v2/docs/drives/17/ops", &ANNA, "17");
	key_of("/api/v2/docs/drives/17", &ANNA, "17");
	key_of("/api/v2/docs/drives/17?x=1", &ANNA, "17");
	key_of("/api/v2/docs/drives/home/files/a", &ANNA, "home-of-5");
	key_of("/api/v1/docs/", &ANNA, "home-of-5");
	key_of("/api/v2/docs/drives", &ANNA, "");
	key_of("/api/v2/docs/drives/99999999999999999999/ops", &ANNA, "home-of-5");
	key_of("/api/v1/docs/docs/openapi.json", NULL, "");
}

static void connection_and_internal_fields_of_an_answer_are_not_passed_on(void **state)
{
	(void)state;
	struct http_headers answer, out;
	http_headers_init(&answer);
	http_headers_init(&out);
	http_headers_add(&answer, "Connection", "close, X-Private");
	http_headers_add(&answer, "X-Private", "1");
	http_headers_add(&answer, "Transfer-Encoding", "chunked");
	http_headers_add(&answer, "Content-Length", "5");
	http_headers_add(&answer, "Nephos-Attempts", "7");
	http_headers_add(&answer, "Nephos-Tags", "5 a1");
	http_headers_add(&answer, "Nephos-Whatever-Comes", "1");
	http_headers_add(&answer, "ETag", "\"a\"");
	http_headers_add(&answer, "Nephos-Seq", "1.2");
	assert_int_equal(forward_headers_answer(&answer, false, &out), 0);
	assert_int_equal(out.count, 2);
	assert_string_equal(http_headers_get(&out, "etag"), "\"a\"");
	assert_string_equal(http_headers_get(&out, "Nephos-Seq"), "1.2");
	http_headers_fini(&answer);
	http_headers_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_balanced_by_their_drive),
		cmocka_unit_test(connection_and_internal_fields_of_an_answer_are_not_passed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
