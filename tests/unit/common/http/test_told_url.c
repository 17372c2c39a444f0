/* told_url: which address a client is told, depending on the host by which it came. */
#include "common/http/told_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct row {
	const char *url, *host, *told;
};

static void check(const struct row *rows, size_t count)
{
	char text[TOLD_URL_SIZE];

	for (size_t i = 0; i < count; i++) {
		const char *told = told_url(rows[i].url, rows[i].host, text);

		if (strcmp(told, rows[i].told ? rows[i].told : rows[i].url) != 0)
			fail_msg("%s for %s: %s", rows[i].url, rows[i].host ? rows[i].host : "nobody", told);
		if (!rows[i].told)
			assert_ptr_equal(told, rows[i].url);
	}
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void a_loopback_url_is_rewritten_to_the_host_of_the_request(void **state)
{
	static const struct row rows[] = {
		{"http://localhost:9090", "nephos.example:8050", "http://nephos.example:9090"},
		{"http://127.0.0.1:9090", "nephos.example", "http://nephos.example:9090"},
		{"http://[::1]:9090", "192.0.2.7:8050", "http://192.0.2.7:9090"},
		{"https://localhost:9090", "[2001:db8::1]:8050", "https://[2001:db8::1]:9090"},
		{"http://127.9.9.9:9090/", "[2001:DB8::1]", "http://[2001:DB8::1]:9090/"},
		{"http://localhost", "store_1:8050", "http://store_1"},
		{"http://0.0.0.0:8050", "store", "http://store:8050"},
		{"http://LOCALHOST:1", "Store.Example.:65535", "http://Store.Example.:1"},
		{"http://localhost:1", "store:", "http://store:1"},
	};

	(void)state;
	CHECK(rows);
}

static void a_url_of_another_machine_is_not_rewritten(void **state)
{
	static const struct row rows[] = {
		{"http://gateway-2:9090", "nephos.example:8050", NULL},
		{"https://192.0.2.8", "nephos.example", NULL},
		{"http://[2001:db8::2]:9090", "nephos.example", NULL},
	};

	(void)state;
	CHECK(rows);
}

static void a_loopback_url_is_not_rewritten_for_a_request_to_a_loopback_host(void **state)
{
	static const struct row rows[] = {
		{"http://localhost:9090", "localhost:8050", NULL},
		{"http://localhost:9090", "LocalHost:8050", NULL},
		{"http://localhost:9090", "127.0.0.1:8050", NULL},
		{"http://localhost:9090", "[::1]:8050", NULL},
		{"http://localhost:9090", "[::ffff:127.0.0.1]:8050", NULL},
		{"http://localhost:9090", "2130706433", NULL},
		{"http://localhost:9090", "a.localhost", NULL},
		{"http://localhost:9090", NULL, NULL},
	};

	(void)state;
	CHECK(rows);
}

static void a_url_is_not_rewritten_to_a_malformed_host(void **state)
{
	char longest[TOLD_URL_SIZE], too_long[TOLD_URL_SIZE], told[TOLD_URL_SIZE + 32];
	const struct row rows[] = {
		{"http://localhost:9090", "", NULL},
		{"http://localhost:9090", ":8050", NULL},
		{"http://localhost:9090", "store/x", NULL},
		{"http://localhost:9090", "user@store", NULL},
		{"http://localhost:9090", "store:80@other", NULL},
		{"http://localhost:9090", "store:123456", NULL},
		{"http://localhost:9090", "store:80:80", NULL},
		{"http://localhost:9090", "2001:db8::1", NULL},
		{"http://localhost:9090", "[2001:db8::1", NULL},
		{"http://localhost:9090", "[2001:db8::1]x", NULL},
		{"http://localhost:9090", "[fe80::1%eth0]", NULL},
		{"http://localhost:9090", "[store]:80", NULL},
		{"http://localhost:9090", "[]", NULL},
		{"http://localhost:9090", "sto re", NULL},
		{"http://localhost:9090", "store%2e", NULL},
		{"http://localhost:9090", "store\r\nX: y", NULL},
		{"http://localhost:9090", "st\xc3\xb6re", NULL},
		{"http://localhost:9090", too_long, NULL},
		{"http://localhost:9090", longest, told},
		{"nonsense", "store", NULL},
		{"http://[::1", "store", NULL},
	};

	(void)state;
	memset(longest, 'a', 253);
	longest[253] = '\0';
	memset(too_long, 'a', 254);
	too_long[254] = '\0';
	(void)snprintf(told, sizeof(told), "http://%s:9090", longest);
	CHECK(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loopback_url_is_rewritten_to_the_host_of_the_request),
		cmocka_unit_test(a_url_of_another_machine_is_not_rewritten),
		cmocka_unit_test(a_loopback_url_is_not_rewritten_for_a_request_to_a_loopback_host),
		cmocka_unit_test(a_url_is_not_rewritten_to_a_malformed_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
