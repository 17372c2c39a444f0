#include "common/http/precondition.h"

#include "common/base/clock.h"
#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define DATE_S 784111777ll

static const struct precondition_target there = {
	.exists = true, .etag = "\"a\"", .mtime_ns = DATE_S * NS_PER_S + 5, .now_ns = (DATE_S + 100) * NS_PER_S};
static const struct precondition_target nothing = {.exists = false, .etag = ""};

static int check(struct precondition p, const struct precondition_target *target, bool read)
{
	return precondition_check(&p, target, read);
}

static void if_match_requires_the_current_etag(void **state)
{
	(void)state;
	assert_int_equal(check((struct precondition){.if_match = "\"a\""}, &there, false), 0);
	assert_int_equal(check((struct precondition){.if_match = "\"x\" , \"a\""}, &there, false), 0);
	assert_int_equal(check((struct precondition){.if_match = "*"}, &there, false), 0);
	assert_int_equal(check((struct precondition){.if_match = "\"b\""}, &there, false), -ERR_PRECONDITION);
	assert_int_equal(check((struct precondition){.if_match = "\"a\""}, &nothing, false), -ERR_PRECONDITION);
	assert_int_equal(check((struct precondition){.if_match = "*"}, &nothing, false), -ERR_PRECONDITION);
}

static void without_an_etag_only_if_match_star_holds(void **state)
{
	(void)state;
	assert_int_equal(precondition_check_bare(NULL), 0);
	assert_int_equal(precondition_check_bare("*"), 0);
	assert_int_equal(precondition_check_bare("\"a\""), -ERR_PRECONDITION);
	assert_int_equal(precondition_check_bare("\"\""), -ERR_PRECONDITION);
	assert_int_equal(precondition_check_bare(""), -ERR_PRECONDITION);
	assert_int_equal(precondition_check_bare("W/\"a\""), -ERR_PRECONDITION);
	assert_int_equal(precondition_check_bare("a"), -ERR_BAD_REQUEST);
}

static void if_match_never_matches_a_weak_etag(void **state)
{
	(void)state;
	assert_int_equal(check((struct precondition){.if_match = "W/\"a\""}, &there, false), -ERR_PRECONDITION);
}

static void a_matching_if_none_match_gives_304_to_reads_and_412_to_changes(void **state)
{
	(void)state;
	assert_int_equal(
		check((struct precondition){.if_none_match = "\"a\""}, &there, true), PRECONDITION_NOT_MODIFIED);
	assert_int_equal(
		check((struct precondition){.if_none_match = "W/\"a\""}, &there, true), PRECONDITION_NOT_MODIFIED);
	assert_int_equal(check((struct precondition){.if_none_match = "*"}, &there, true), PRECONDITION_NOT_MODIFIED);
	assert_int_equal(check((struct precondition){.if_none_match = "*"}, &there, false), -ERR_PRECONDITION);
	assert_int_equal(check((struct precondition){.if_none_match = "*"}, &nothing, false), 0);
	assert_int_equal(check((struct precondition){.if_none_match = "\"b\", \"c\""}, &there, false), 0);
}

static const char *fault(const char *if_match, const char *if_none_match)
{
	const struct precondition p = {.if_match = if_match, .if_none_match = if_none_match};

	return precondition_fault(&p);
}

static void the_fault_of_a_list_of_etags_names_its_field(void **state)
{
	(void)state;
	assert_null(fault(NULL, NULL));
	assert_null(fault("\"a\", W/\"b\"", "*"));
	assert_null(fault("*", "\"a\""));
	assert_string_equal(
		fault(NULL, "*, *"), "If-None-Match: * must stand alone: it is given twice or beside etags");
	assert_string_equal(
		fault("\"x\"", "\"x\", *"), "If-None-Match: * must stand alone: it is given twice or beside etags");
	assert_string_equal(fault("*, \"x\"", NULL), "If-Match: * must stand alone: it is given twice or beside etags");
	assert_string_equal(
		fault("x", NULL), "If-Match: wanted is * or etags in double quotes, with commas between them");
	assert_string_equal(
		fault(NULL, "\"x"), "If-None-Match: wanted is * or etags in double quotes, with commas between them");
}

static void a_malformed_list_of_etags_is_a_bad_request(void **state)
{
	static const char *const odd[] = {"a", "\"a", "\"a\" \"b\"", "*x", "\"a\",b", "W/a"};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		assert_int_equal(check((struct precondition){.if_match = odd[i]}, &there, false), -ERR_BAD_REQUEST);
		assert_int_equal(check((struct precondition){.if_none_match = odd[i]}, &there, true), -ERR_BAD_REQUEST);
	}
}

static void date_conditions_apply_only_without_etag_conditions(void **state)
{
	const struct precondition old = {.if_modified_since = "Sun, 06 Nov 1994 08:49:36 GMT"};
	const struct precondition same = {.if_modified_since = DATE};

	(void)state;
	assert_int_equal(check(old, &there, true), 0);
	assert_int_equal(check(same, &there, true), PRECONDITION_NOT_MODIFIED);
	assert_int_equal(check(same, &there, false), 0);
	assert_int_equal(
		check((struct precondition){.if_modified_since = DATE, .if_none_match = "\"b\""}, &there, true), 0);
	assert_int_equal(check((struct precondition){.if_modified_since = "yesterday"}, &there, true), 0);
	assert_int_equal(check((struct precondition){.if_unmodified_since = DATE}, &there, false), 0);
	assert_int_equal(
		check((struct precondition){.if_unmodified_since = "Sun, 06 Nov 1994 08:49:36 GMT"}, &there, false),
		-ERR_PRECONDITION);
	assert_int_equal(check((struct precondition){.if_unmodified_since = "Sun, 06 Nov 1994 08:49:36 GMT",
				       .if_match = "\"a\""},
				 &there, false),
		0);
}

static void if_range_matches_only_the_current_etag_or_date(void **state)
{
	struct precondition_target fresh = there;

	(void)state;
	assert_true(precondition_if_range(NULL, &there));
	assert_true(precondition_if_range("\"a\"", &there));
	assert_false(precondition_if_range("\"b\"", &there));
	assert_false(precondition_if_range("W/\"a\"", &there));
	assert_true(precondition_if_range(DATE, &there));
	assert_false(precondition_if_range("Sun, 06 Nov 1994 08:49:38 GMT", &there));
	assert_false(precondition_if_range("whatever", &there));
	fresh.now_ns = fresh.mtime_ns + NS_PER_S;
	assert_false(precondition_if_range(DATE, &fresh));
}

static void http_dates_are_read_in_their_three_forms(void **state)
{
	static const char *const forms[] = {DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"};
	char text[PRECONDITION_DATE_SIZE];
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		assert_int_equal(precondition_parse_date(forms[i], &seconds), 0);
		assert_int_equal(seconds, DATE_S);
	}
	assert_int_equal(precondition_parse_date(DATE " x", &seconds), -EINVAL);
	precondition_format_date(DATE_S * NS_PER_S + 999999999, text);
	assert_string_equal(text, DATE);
	precondition_format_date(-1, text);
	assert_string_equal(text, "Wed, 31 Dec 1969 23:59:59 GMT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(if_match_requires_the_current_etag),
		cmocka_unit_test(without_an_etag_only_if_match_star_holds),
		cmocka_unit_test(if_match_never_matches_a_weak_etag),
		cmocka_unit_test(a_matching_if_none_match_gives_304_to_reads_and_412_to_changes),
		cmocka_unit_test(the_fault_of_a_list_of_etags_names_its_field),
		cmocka_unit_test(a_malformed_list_of_etags_is_a_bad_request),
		cmocka_unit_test(date_conditions_apply_only_without_etag_conditions),
		cmocka_unit_test(if_range_matches_only_the_current_etag_or_date),
		cmocka_unit_test(http_dates_are_read_in_their_three_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
