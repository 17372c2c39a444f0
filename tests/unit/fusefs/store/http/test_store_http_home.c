/* Answers that name the home gateway of the drive, and how the mount follows them. */
#include "tests/unit/fusefs/store/http/store_http_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Both gateways name b as the home of the drive. The first `failures` requests to b fail. */
static void answer_of_home(struct fixture *f, char *home, size_t size, unsigned failures, char **ret_bytes)
{
	struct item item = some_item(5, "na me");
	struct fake_answer answer = {.method = "GET", .target = "/lookup", .status = 200, .header = home};
	struct fake_answer failure = {.method = "GET", .target = "/lookup", .status = 503, .header = home};

	(void)snprintf(home, size, "Nephos-Home: %s", fake_url(f->b));
	*ret_bytes = make_page(&item, 1, false, (struct store_position){1, 20}, &answer.body_size);
	answer.body = *ret_bytes;
	fake_add(f->a, &answer);
	failure.times = failures;
	if (failures > 0)
		fake_add(f->b, &failure);
	fake_add(f->b, &answer);
}

static void requests_go_to_the_home_gateway_that_an_answer_has_named(void **state)
{
	struct fixture *f = *state;
	char home[96], *bytes;
	struct answer a;

	answer_of_home(f, home, sizeof(home), 0, &bytes);
	for (int i = 0; i < 3; i++)
		assert_int_equal(run_lookup(f, &a), 0);
	assert_int_equal(fake_count(f->a, "GET", "/lookup"), 1);
	assert_int_equal(fake_count(f->b, "GET", "/lookup"), 2);
	free(bytes);
}

static void a_home_gateway_that_failed_is_avoided_although_another_one_names_it(void **state)
{
	struct fixture *f = *state;
	char home[96], *bytes;
	struct answer a;

	answer_of_home(f, home, sizeof(home), 1, &bytes);
	for (int i = 0; i < 3; i++)
		assert_int_equal(run_lookup(f, &a), 0);
	/* The second lookup went to b first. The third did not: it comes within GATEWAYS_AVOID_MIN_MS. */
	assert_int_equal(fake_count(f->a, "GET", "/lookup"), 3);
	assert_int_equal(fake_count(f->b, "GET", "/lookup"), 1);
	free(bytes);
}

static void a_home_gateway_that_is_not_on_the_list_is_never_asked(void **state)
{
	struct fixture *f = *state;
	struct fake_gateway *stranger = fake_start(0);
	struct item item = some_item(5, "na me");
	struct fake_answer answer = {.method = "GET", .target = "/lookup", .status = 200};
	char home[96], *bytes;
	struct answer a;

	(void)snprintf(home, sizeof(home), "Nephos-Home: %s", fake_url(stranger));
	bytes = make_page(&item, 1, false, (struct store_position){1, 20}, &answer.body_size);
	answer.body = bytes;
	answer.header = home;
	fake_add(f->a, &answer);
	for (int i = 0; i < 2; i++)
		assert_int_equal(run_lookup(f, &a), 0);
	assert_int_equal(fake_count(f->a, "GET", "/lookup"), 2);
	assert_int_equal(fake_count(stranger, "GET", ""), 0);
	fake_stop(stranger);
	free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, http_setup, http_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_go_to_the_home_gateway_that_an_answer_has_named),
		TEST(a_home_gateway_that_failed_is_avoided_although_another_one_names_it),
		TEST(a_home_gateway_that_is_not_on_the_list_is_never_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
