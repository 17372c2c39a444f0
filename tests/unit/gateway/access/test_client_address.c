#include "gateway/access/client_address.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void the_client_address_is_that_of_the_peer_or_named_by_trusted_proxies(void **state)
{
	static const struct {
		const char *trusted, *peer, *forwarded, *is;
	} ROWS[] = {
		{NULL, "192.0.2.9", "203.0.113.5", "192.0.2.9"},
		{"", "192.0.2.9", "203.0.113.5", "192.0.2.9"},
		{"192.0.2.1", "192.0.2.9", "203.0.113.5", "192.0.2.9"}, /* the peer is no trusted proxy */
		{"192.0.2.9", "192.0.2.9", "", "192.0.2.9"},
		{"192.0.2.9", "192.0.2.9", "203.0.113.5", "203.0.113.5"},
		{"192.0.2.9", "192.0.2.9", "198.51.100.1, 203.0.113.5",
			"203.0.113.5"}, /* what the client itself put first does not count */
		{"192.0.2.9, 203.0.113.0/24", "192.0.2.9", "198.51.100.1,203.0.113.5", "198.51.100.1"},
		{"192.0.2.9,203.0.113.0/24", "192.0.2.9", "198.51.100.1, 198.51.100.2 ,203.0.113.5", "198.51.100.2"},
		{"192.0.2.9", "192.0.2.9", "unknown", "192.0.2.9"},
		{"192.0.2.9,203.0.113.5", "192.0.2.9", "evil, 203.0.113.5", "203.0.113.5"},
		{"192.0.2.9", "192.0.2.9", "203.0.113.5,", "192.0.2.9"},
		{"192.0.2.9", "::ffff:192.0.2.9", "2001:db8::1", "2001:db8::1"},
		{"2001:db8::/33", "2001:db8:7fff::1", "203.0.113.5", "203.0.113.5"},
		{"2001:db8::/33", "2001:db8:8000::1", "203.0.113.5", "2001:db8:8000::1"},
		{"0.0.0.0/0", "2001:db8::1", "203.0.113.5", "2001:db8::1"}, /* all of IPv4, but no IPv6 */
		{"::/0", "192.0.2.9", "203.0.113.5", "203.0.113.5"},
	};
	char found[CLIENT_ADDRESS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct client_address *c = NULL;

		assert_int_equal(client_address_new(ROWS[i].trusted, &c), 0);
		client_address_find(c, ROWS[i].peer, ROWS[i].forwarded, found);
		assert_string_equal(found, ROWS[i].is);
		client_address_free(c);
	}
	client_address_find(NULL, "192.0.2.9", "203.0.113.5", found);
	assert_string_equal(found, "192.0.2.9");
}

static void a_malformed_list_of_proxies_is_refused(void **state)
{
	static const char *const WRONG[] = {
		"localhost", "192.0.2", "192.0.2.0/33", "::/129", "192.0.2.0/", "192.0.2.0/x", "192.0.2.0/-1", "/8"};
	char many[65 * 8 + 1] = "";
	struct client_address *c = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
		assert_int_equal(client_address_new(WRONG[i], &c), -EINVAL);
	for (unsigned i = 0; i <= CLIENT_ADDRESS_PROXIES_MAX; i++)
		snprintf(many + (size_t)i * 8, 9, "1.2.3.4,");
	assert_int_equal(client_address_new(many, &c), -E2BIG);
	assert_null(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_client_address_is_that_of_the_peer_or_named_by_trusted_proxies),
		cmocka_unit_test(a_malformed_list_of_proxies_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
