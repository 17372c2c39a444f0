#include "common/http/server/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct peer_key key_of(const char *text)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct peer_key key;
	bool is_v4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;

	if (!is_v4)
		assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	assert_true(peers_key(is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, &key));
	return key;
}

static bool comes(struct peers *p, const char *text)
{
	struct peer_key key = key_of(text);
	bool first, may = peers_may_enter(p, &key, &first);

	if (may)
		peers_enter(p, &key);
	return may;
}

static void goes(struct peers *p, const char *text)
{
	struct peer_key key = key_of(text);

	peers_leave(p, &key);
}

static void the_connection_limit_applies_to_each_address_separately(void **state)
{
	struct peers *p;

	(void)state;
	assert_int_equal(peers_new(2, NULL, &p), 0);
	assert_true(comes(p, "192.0.2.1"));
	assert_true(comes(p, "192.0.2.1"));
	assert_false(comes(p, "192.0.2.1"));
	assert_true(comes(p, "192.0.2.2"));
	goes(p, "192.0.2.1");
	assert_true(comes(p, "192.0.2.1"));
	assert_false(comes(p, "192.0.2.1"));
	peers_free(p);
}

static void ipv6_addresses_of_one_network_share_one_connection_limit(void **state)
{
	struct peers *p;

	(void)state;
	assert_int_equal(peers_new(1, NULL, &p), 0);
	assert_true(comes(p, "2001:db8:1:2::1"));
	assert_false(comes(p, "2001:db8:1:2:ffff::9"));
	assert_true(comes(p, "2001:db8:1:3::1"));
	peers_free(p);
}

static void an_ipv4_address_and_its_ipv6_mapped_form_share_one_limit(void **state)
{
	struct peers *p;

	(void)state;
	assert_int_equal(peers_new(1, NULL, &p), 0);
	assert_true(comes(p, "192.0.2.1"));
	assert_false(comes(p, "::ffff:192.0.2.1"));
	assert_true(comes(p, "::ffff:192.0.2.2"));
	peers_free(p);
}

static void exempt_addresses_and_networks_have_no_connection_limit(void **state)
{
	struct peers *p;

	(void)state;
	assert_int_equal(peers_new(1, "192.0.2.128/25,::1,10.0.0.5", &p), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(comes(p, "192.0.2.129"));
		assert_true(comes(p, "::1"));
		assert_true(comes(p, "10.0.0.5"));
	}
	assert_true(comes(p, "192.0.2.1"));
	assert_false(comes(p, "192.0.2.1"));
	assert_true(comes(p, "10.0.0.6"));
	assert_false(comes(p, "10.0.0.6"));
	peers_free(p);
}

static void without_a_limit_every_connection_is_accepted(void **state)
{
	struct peers *p;

	(void)state;
	assert_int_equal(peers_new(0, NULL, &p), 0);
	for (int i = 0; i < 100; i++)
		assert_true(comes(p, "192.0.2.1"));
	peers_free(p);
}

static void only_the_first_refusal_is_marked_until_the_address_disconnects(void **state)
{
	struct peer_key key = key_of("192.0.2.1");
	struct peers *p;
	bool first;

	(void)state;
	assert_int_equal(peers_new(1, NULL, &p), 0);
	peers_enter(p, &key);
	assert_false(peers_may_enter(p, &key, &first));
	assert_true(first);
	assert_false(peers_may_enter(p, &key, &first));
	assert_false(first);
	peers_leave(p, &key);
	peers_enter(p, &key);
	assert_false(peers_may_enter(p, &key, &first));
	assert_true(first);
	peers_free(p);
}

static void a_malformed_list_of_exempt_networks_is_refused(void **state)
{
	static const char *const wrong[] = {"x", "192.0.2.1/33", "::1/129", "192.0.2.1/", "192.0.2.1/-1", ",",
		"192.0.2.1,,::1", "192.0.2", "1.2.3.4/8/8"};
	static const char *const right[] = {"", "192.0.2.1", "0.0.0.0/0", "::/0", "192.0.2.1/32,::1/128"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(peers_list_is_good(wrong[i]));
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		assert_true(peers_list_is_good(right[i]));
	assert_true(peers_list_is_good(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_connection_limit_applies_to_each_address_separately),
		cmocka_unit_test(ipv6_addresses_of_one_network_share_one_connection_limit),
		cmocka_unit_test(an_ipv4_address_and_its_ipv6_mapped_form_share_one_limit),
		cmocka_unit_test(exempt_addresses_and_networks_have_no_connection_limit),
		cmocka_unit_test(without_a_limit_every_connection_is_accepted),
		cmocka_unit_test(only_the_first_refusal_is_marked_until_the_address_disconnects),
		cmocka_unit_test(a_malformed_list_of_exempt_networks_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
