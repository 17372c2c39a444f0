#include "backend/user/first_user.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define REST "NEPHOS_USER=anne\nNEPHOS_TOKEN=npk_1\n"

static void check(const char *urls, const char *lines)
{
	struct buf text;

	buf_init(&text, 4096);
	assert_int_equal(first_user_credentials(span_str(urls), "anne", "npk_1", &text), 0);
	assert_string_equal(text.data, lines);
	buf_fini(&text);
}

static void one_gateway_is_named_once(void **state)
{
	(void)state;
	check("https://store.example/", "NEPHOS_URL=https://store.example\n" REST);
	check(" http://a// ,", "NEPHOS_URL=http://a\n" REST);
}

static void of_several_the_first_is_for_curl_and_all_are_named(void **state)
{
	(void)state;
	check("http://a:8050,http://b/, ,http://c",
		"NEPHOS_URL=http://a:8050\nNEPHOS_URLS=http://a:8050,http://b,http://c\n" REST);
}

static void without_any_it_is_the_usual_port_here(void **state)
{
	(void)state;
	check("", "NEPHOS_URL=http://127.0.0.1:8050\n" REST);
	check(" ,/", "NEPHOS_URL=http://127.0.0.1:8050\n" REST);
}

static void as_many_are_named_as_commands_take(void **state)
{
	struct buf text;

	(void)state;
	check("a,b,c,d,e,f,g,h", "NEPHOS_URL=a\nNEPHOS_URLS=a,b,c,d,e,f,g,h\n" REST);
	buf_init(&text, 4096);
	assert_int_equal(first_user_credentials(span_str("a,b,c,d,e,f,g,h,i"), "anne", "npk_1", &text), -E2BIG);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_gateway_is_named_once),
		cmocka_unit_test(of_several_the_first_is_for_curl_and_all_are_named),
		cmocka_unit_test(without_any_it_is_the_usual_port_here),
		cmocka_unit_test(as_many_are_named_as_commands_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
