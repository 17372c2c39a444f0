#include "gateway/proxy/kept_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DRIVE "/api/v2/docs/drives/7"

static void a_target_is_counted_as_the_kind_of_its_route(void **state)
{
	static const struct {
		const char *target;
		enum cache_kind kind;
	} rows[] = {
		{DRIVE "/items/5", CACHE_ITEM},
		{DRIVE "/items?path=/a", CACHE_ITEM},
		{DRIVE "/items?path=/files/a", CACHE_ITEM},
		{DRIVE "/items/5/children?limit=1", CACHE_LISTING},
		{DRIVE "/items/5/content", CACHE_CONTENT},
		{DRIVE "/items/5/extents", CACHE_EXTENTS},
		{DRIVE "/items/5/xattrs", CACHE_XATTRS},
		{DRIVE "/files/a/b", CACHE_CONTENT},
		{DRIVE "/files/a/children", CACHE_CONTENT},
		{DRIVE "/files?path=/a", CACHE_CONTENT},
		{DRIVE "/files?path=a%2Fb", CACHE_CONTENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (kept_key_kind(rows[i].target) != rows[i].kind)
			fail_msg("%s", rows[i].target);
}

static void only_one_document_of_version_1_is_a_text(void **state)
{
	static const char *const texts[] = {
		"/api/v1/docs/5", "/api/v1/docs/5/", "/api/v1/docs/12?x", "/api/v1/docs/12/?x"};
	static const char *const others[] = {"/api/v1/docs/", "/api/v1/docs", "/api/v1/docs/?5", "/api/v1/docs/5x",
		"/api/v1/docs/5/x", "/api/v1/docs/5//", "/api/v1/users/5", "/api/v2/docs/5",
		"/api/v2/docs/drives/7/files/api/v1/docs/5"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!kept_key_is_text(texts[i]))
			fail_msg("%s", texts[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (kept_key_is_text(others[i]))
			fail_msg("%s", others[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_counted_as_the_kind_of_its_route),
		cmocka_unit_test(only_one_document_of_version_1_is_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
