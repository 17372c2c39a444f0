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

static void one_gateway_is_written_as_nephos_url_only(void **state)
{
	(void)state;
	check("https://store.example/", "NEPHOS_URL=https://store.example\n" REST);
	check(" http://a// ,", "NEPHOS_URL=http://a\n" REST);
}

static void several_gateways_are_written_as_nephos_url_and_nephos_urls(void **state)
{
	(void)state;
	check("http://a:8050,http://b/, ,http://c",
		"NEPHOS_URL=http://a:8050\nNEPHOS_URLS=http://a:8050,http://b,http://c\n" REST);
}

static void without_gateways_nephos_url_is_the_default_port_of_localhost(void **state)
{
	(void)state;
	check("", "NEPHOS_URL=http://127.0.0.1:8050\n" REST);
	check(" ,/", "NEPHOS_URL=http://127.0.0.1:8050\n" REST);
}

static void more_than_eight_gateways_are_refused(void **state)
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
		cmocka_unit_test(one_gateway_is_written_as_nephos_url_only),
		cmocka_unit_test(several_gateways_are_written_as_nephos_url_and_nephos_urls),
		cmocka_unit_test(without_gateways_nephos_url_is_the_default_port_of_localhost),
		cmocka_unit_test(more_than_eight_gateways_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
