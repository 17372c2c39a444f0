#include "common/http/accept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MEDIA "application/vnd.nephos.items"

static void check(const char *const *fields, size_t count, bool wanted)
{
	for (size_t i = 0; i < count; i++)
		if (accept_wants(fields[i], MEDIA) != wanted)
			fail_msg("Accept: %s", fields[i]);
}

static void a_field_that_names_the_media_type_wants_it(void **state)
{
	static const char *const fields[] = {MEDIA, "Application/VND.nephos.ITEMS", "application/json, " MEDIA,
		MEDIA ",*/*;q=0.1", "text/a,\t" MEDIA " ; q=0.5", MEDIA ";q=0.001",
		MEDIA ";q=0.5, application/json;q=0.5", MEDIA ";q=0.501,application/json;Q=0.5",
		"*/*, " MEDIA ";q=0.2, application/json;q=0.1", MEDIA ";v=1;Q=1", MEDIA ";v=\"q=0,;q=0\"",
		"text/a;b=\"\\\",\"," MEDIA, MEDIA ";q=0, " MEDIA, MEDIA ";quality=0"};

	(void)state;
	check(fields, sizeof(fields) / sizeof(fields[0]), true);
}

static void a_field_that_prefers_json_does_not_want_the_media_type(void **state)
{
	static const char *const fields[] = {"application/json, " MEDIA ";q=0.1", MEDIA ";q=0.999, application/json",
		"application/*, " MEDIA ";q=0.5", MEDIA ";q=0.25,*/*;q=0.3",
		"application/json;q=0.4, application/*;q=0.1, " MEDIA ";q=0.399"};

	(void)state;
	check(fields, sizeof(fields) / sizeof(fields[0]), false);
}

static void a_field_without_the_media_type_or_with_weight_0_does_not_want_it(void **state)
{
	static const char *const fields[] = {NULL, "", ",", "*/*", "application/*", "application/json", MEDIA "x",
		"x" MEDIA, "application/json;a=" MEDIA, "application/json;a=\"x, " MEDIA "\"", MEDIA ";q=0",
		MEDIA ";q=0, application/json", MEDIA " ;v=1; Q=0.000", MEDIA ";q=0.", "*/*, " MEDIA ";q=0"};

	(void)state;
	check(fields, sizeof(fields) / sizeof(fields[0]), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_field_that_names_the_media_type_wants_it),
		cmocka_unit_test(a_field_that_prefers_json_does_not_want_the_media_type),
		cmocka_unit_test(a_field_without_the_media_type_or_with_weight_0_does_not_want_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
