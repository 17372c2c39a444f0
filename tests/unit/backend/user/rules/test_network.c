#include "backend/user/rules/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void network_of_maps_an_address_to_its_24_or_64_bit_network(void **state)
{
	static const char *const OF[][2] = {
		{"192.0.2.77", "192.0.2.0/24"},
		{"127.0.0.1", "127.0.0.0/24"},
		{"::ffff:192.0.2.77", "192.0.2.0/24"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"2001:db8:1:2:ffff::", "2001:db8:1:2::/64"},
		{"fe80:1111:2222:3333:4444:5555:6666:7777", "fe80:1111:2222:3333::/64"},
		{"::1", "::/64"},
		{"", "unknown"},
		{"192.0.2", "unknown"},
		{"store.example", "unknown"},
		{"192.0.2.1, 192.0.2.2", "unknown"},
	};
	char network[NETWORK_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(OF) / sizeof(OF[0]); i++) {
		network_of(OF[i][0], network);
		assert_string_equal(network, OF[i][1]);
	}
	network_of(NULL, network);
	assert_string_equal(network, NETWORK_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(network_of_maps_an_address_to_its_24_or_64_bit_network)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
