/* How Cache-Status names gateways, and what is read from it. */
#include "gateway/proxy/cache_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_name_that_begins_with_no_letter_gets_quotes(void **state)
{
	static const char *const NAMES[][2] = {{"gateway-1", "gateway-1"}, {"G.x_y-2", "G.x_y-2"}, {"3gw", "\"3gw\""},
		{"-gw", "\"-gw\""}, {".gw", "\".gw\""}, {"_gw", "\"_gw\""}};
	char said[CACHE_STATUS_NAME_SIZE], longest[CACHE_STATUS_NAME_SIZE - 2];

	(void)state;
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
		cache_status_name(NAMES[i][0], said);
		assert_string_equal(said, NAMES[i][1]);
	}
	memset(longest, '7', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	cache_status_name(longest, said);
	assert_int_equal(strlen(said), CACHE_STATUS_NAME_SIZE - 1);
	assert_int_equal(said[CACHE_STATUS_NAME_SIZE - 2], '"');
}

static void the_first_entry_tells_whether_the_home_has_looked_in_its_memory(void **state)
{
	static const char *const LOOKED[] = {"h; hit", "h; hit, g; fwd=bypass; detail=home", "h; fwd=miss; stored",
		"\"3gw\"; fwd=miss; collapsed, g; fwd=bypass"};
	static const char *const NOT[] = {
		"h; fwd=bypass", "h; fwd=method, g; hit", "h; fwd=bypass, g; fwd=miss", "", "h"};

	(void)state;
	for (size_t i = 0; i < sizeof(LOOKED) / sizeof(*LOOKED); i++)
		assert_true(cache_status_looked(LOOKED[i]));
	for (size_t i = 0; i < sizeof(NOT) / sizeof(*NOT); i++)
		assert_false(cache_status_looked(NOT[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_begins_with_no_letter_gets_quotes),
		cmocka_unit_test(the_first_entry_tells_whether_the_home_has_looked_in_its_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
