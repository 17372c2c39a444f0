#include "cli/pages.h"

#include "tests/unit/cli/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct seen {
	long long sum;
	int stop_at;
};

static int on_item(void *cookie, json_t *item)
{
	struct seen *seen = cookie;

	seen->sum = seen->sum * 10 + json_integer_value(item);
	return seen->stop_at && json_integer_value(item) == seen->stop_at ? -EPIPE : 0;
}

static int walk(struct store *s, struct seen *seen)
{
	struct api_answer answer;
	struct api *api = NULL;
	int r;

	assert_int_equal(api_new(&s->credentials, &api), 0);
	r = pages_each(api, "/list", seen, on_item, &answer);
	api_answer_fini(&answer);
	api_free(api);
	return r;
}

static void pages_each_follows_the_cursors_to_the_last_page(void **state)
{
	struct seen seen = {0};
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, "{\"items\":[1,2],\"next\":\"a=b&c\"}", NULL},
			{200, "{\"items\":[],\"next\":\"z\"}", NULL}, {200, "{\"items\":[3],\"next\":null}", NULL}));
	assert_int_equal(walk(&s, &seen), 0);
	assert_int_equal(seen.sum, 123);
	assert_int_equal(s.count, 3);
	assert_string_equal(s.asked[0].target, "/list?limit=1000");
	assert_string_equal(s.asked[1].target, "/list?limit=1000&cursor=a%3Db%26c");
	store_stop(&s);
}

static void pages_each_stops_when_the_callback_fails(void **state)
{
	struct seen seen = {.stop_at = 2};
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, "{\"items\":[1,2,3],\"next\":\"n\"}", NULL}));
	assert_int_equal(walk(&s, &seen), -EPIPE);
	assert_int_equal(seen.sum, 12);
	assert_int_equal(s.count, 1);
	store_stop(&s);
}

static void a_page_whose_cursor_leads_to_itself_is_refused(void **state)
{
	static const char page[] = "{\"items\":[1],\"next\":\"n\"}";
	struct seen seen = {0};
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, page, NULL}, {200, page, NULL}, {200, page, NULL}));
	assert_int_equal(walk(&s, &seen), -EPROTO);
	assert_int_equal(s.count, 2);
	store_stop(&s);
}

static void a_malformed_page_is_refused(void **state)
{
	static const char *const table[] = {"{}", "[]", "{\"items\":{}}", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct seen seen = {0};
		struct store s;

		store_start(&s, STORE_STEPS({200, table[i], NULL}));
		assert_int_equal(walk(&s, &seen), -EPROTO);
		store_stop(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_each_follows_the_cursors_to_the_last_page),
		cmocka_unit_test(pages_each_stops_when_the_callback_fails),
		cmocka_unit_test(a_page_whose_cursor_leads_to_itself_is_refused),
		cmocka_unit_test(a_malformed_page_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
