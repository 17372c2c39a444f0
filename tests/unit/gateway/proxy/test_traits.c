#include "gateway/proxy/traits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define DRIVE "/api/v2/docs/drives/7"

static struct traits traits_of(const char *method, const char *target, const char *field)
{
	struct traits_request request = {.method = method, .target = target, .key = "7", .expects = true};
	struct http_headers headers;
	struct traits traits;

	http_headers_init(&headers);
	if (field)
		assert_int_equal(http_headers_add(&headers, field, "1"), 0);
	if (field && strcmp(field, "Nephos-Session") == 0)
		assert_int_equal(http_headers_add(&headers, "Nephos-Batch", "1"), 0);
	request.headers = &headers;
	traits_find(&request, &traits);
	http_headers_fini(&headers);
	return traits;
}

static struct share_claim place_with(
	const char *method, const char *target, const char *name, const char *value, const char *wait)
{
	struct traits_request request = {.method = method, .target = target, .key = "7", .user = 5};
	struct http_headers headers;
	struct share_claim claim;
	struct traits traits;

	http_headers_init(&headers);
	if (value)
		assert_int_equal(http_headers_add(&headers, name, value), 0);
	request.headers = &headers;
	traits_find(&request, &traits);
	traits_place(&request, &traits, wait, &claim);
	http_headers_fini(&headers);
	assert_int_equal(claim.user, 5);
	assert_int_equal(claim.amount, 0);
	return claim;
}

static struct share_claim place_of(const char *method, const char *target, const char *session, const char *wait)
{
	return place_with(method, target, "Nephos-Session", session, wait);
}

static void a_get_of_changes_waits_only_if_it_accepts_an_event_stream(void **state)
{
	static const char *const no[] = {"application/json", "*/*", "text/event-stream;q=0, application/json"};

	(void)state;
	assert_int_equal(place_with("GET", DRIVE "/changes", "Accept", "text/event-stream", NULL).lane, SHARE_POLLS);
	assert_int_equal(
		place_with("GET", DRIVE "/changes", "Accept", "a/b, Text/Event-Stream;q=0.5", NULL).lane, SHARE_POLLS);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_int_equal(place_with("GET", DRIVE "/changes", "Accept", no[i], NULL).lane, SHARE_REQUESTS);
}

static void only_requests_that_change_nothing_are_reads(void **state)
{
	(void)state;
	assert_true(traits_of("GET", DRIVE "/files/a", NULL).reads);
	assert_true(traits_of("HEAD", DRIVE "/files/a", NULL).reads);
	assert_true(traits_of("POST", DRIVE "/changes", NULL).reads);
	assert_true(traits_of("POST", DRIVE "/locks/wait", NULL).reads);
	assert_false(traits_of("POST", DRIVE "/ops", NULL).reads);
	assert_false(traits_of("PUT", DRIVE "/changes", NULL).reads);
	assert_false(traits_of("DELETE", DRIVE "/files/a", NULL).reads);
}

static void a_change_is_repeatable_only_with_a_key_or_on_blocks_and_locks(void **state)
{
	(void)state;
	assert_false(traits_of("POST", DRIVE "/ops", NULL).repeatable);
	assert_true(traits_of("POST", DRIVE "/ops", "Nephos-Session").repeatable);
	assert_true(traits_of("POST", DRIVE "/ops", "Idempotency-Key").repeatable);
	assert_true(traits_of("PUT", DRIVE "/blocks/00ff", NULL).repeatable);
	assert_true(
		traits_of("PUT", DRIVE "/blocks/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", NULL)
			.repeatable);
	assert_true(traits_of("POST", DRIVE "/locks", NULL).repeatable);
	assert_false(traits_of("POST", DRIVE "/locksmith", NULL).repeatable);
	assert_false(traits_of("PUT", DRIVE "/files/a", NULL).repeatable);
	assert_false(traits_of("PUT", "/api/v2/docs//drives/7/blocks/00ff", NULL).repeatable);
}

static void only_a_content_put_by_path_or_item_leaves_100_continue_to_the_service(void **state)
{
	(void)state;
	assert_true(traits_of("PUT", DRIVE "/files/a", NULL).asked);
	assert_true(traits_of("PUT", DRIVE "/items/9/content", NULL).asked);
	assert_false(traits_of("PUT", DRIVE "/blocks/00ff", NULL).asked);
	assert_false(traits_of("POST", DRIVE "/files/a", NULL).asked);
}

static void polls_mount_polls_and_lock_waits_have_lanes_of_their_own(void **state)
{
	(void)state;
	assert_int_equal(place_of("GET", DRIVE "/files/a", "3", NULL).lane, SHARE_REQUESTS);
	assert_int_equal(place_of("GET", DRIVE "/changes", NULL, NULL).lane, SHARE_REQUESTS);
	assert_int_equal(place_of("GET", DRIVE "/changes", NULL, "0").lane, SHARE_REQUESTS);
	assert_int_equal(place_of("GET", DRIVE "/changes", NULL, "30").lane, SHARE_POLLS);
	assert_int_equal(place_of("POST", DRIVE "/changes", NULL, NULL).lane, SHARE_POLLS);
	assert_int_equal(place_of("POST", DRIVE "/changes", "3", NULL).lane, SHARE_MOUNTS);
	assert_int_equal(place_of("POST", DRIVE "/locks/wait", "3", NULL).lane, SHARE_LOCKS);
}

static void polls_of_one_session_share_a_part_and_another_session_has_another(void **state)
{
	const uint64_t three = place_of("POST", DRIVE "/changes", "3", NULL).part;

	(void)state;
	assert_true(three != 0);
	assert_true(three == place_of("POST", DRIVE "/changes", "3", NULL).part);
	assert_true(three != place_of("POST", DRIVE "/changes", "4", NULL).part);
	assert_true(place_of("GET", DRIVE "/files/a", "3", NULL).part == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_requests_that_change_nothing_are_reads),
		cmocka_unit_test(a_change_is_repeatable_only_with_a_key_or_on_blocks_and_locks),
		cmocka_unit_test(only_a_content_put_by_path_or_item_leaves_100_continue_to_the_service),
		cmocka_unit_test(a_get_of_changes_waits_only_if_it_accepts_an_event_stream),
		cmocka_unit_test(polls_mount_polls_and_lock_waits_have_lanes_of_their_own),
		cmocka_unit_test(polls_of_one_session_share_a_part_and_another_session_has_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
