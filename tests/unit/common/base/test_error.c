#include "common/base/error.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void error_lookup_ignores_the_sign(void **state)
{
	(void)state;
	assert_ptr_equal(error_lookup(ENOENT), error_lookup(-ENOENT));
	assert_ptr_equal(error_lookup(ERR_EPOCH), error_lookup(-ERR_EPOCH));
	assert_int_equal(error_lookup(-ERR_EPOCH)->code, ERR_EPOCH);
}

static void error_lookup_of_an_unknown_number_gives_eio(void **state)
{
	static const int unknown[] = {0, 999, -999, ERR_BASE, ERR_LAST, -ERR_LAST, INT_MAX, INT_MIN, -INT_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_int_equal(error_lookup(unknown[i])->code, EIO);
}

static void error_table_has_a_row_for_each_of_our_codes(void **state)
{
	(void)state;
	for (int code = ERR_BASE + 1; code < ERR_LAST; code++)
		assert_int_equal(error_lookup(code)->code, code);
}

static void error_rows_are_complete_and_their_codes_unique(void **state)
{
	const struct error_info *row, *other;

	(void)state;
	for (size_t n = 0; (row = error_row(n)); n++) {
		assert_true(row->errnum > 0 && row->errnum < ERR_BASE);
		assert_in_range(row->http_status, 400, 599);
		assert_int_equal(row->errno_name[0], 'E');
		assert_true(strlen(row->title) > 0);
		for (const char *p = row->type; *p; p++)
			assert_true(islower((unsigned char)*p) || *p == '-');
		assert_ptr_equal(error_lookup(row->code), row);
		for (size_t k = 0; k < n && (other = error_row(k)); k++)
			assert_int_not_equal(other->code, row->code);
	}
	assert_null(error_row(SIZE_MAX));
}

static void error_rows_of_one_type_share_errno_and_status(void **state)
{
	const struct error_info *row;
	char type[128];

	(void)state;
	for (size_t n = 0; (row = error_row(n)); n++) {
		const struct error_info *back;

		(void)snprintf(type, sizeof(type), "/problems/%s", row->type);
		back = error_by_type(type);
		assert_non_null(back);
		assert_int_equal(back->errnum, row->errnum);
		assert_int_equal(back->http_status, row->http_status);
	}
}

static void error_errno_by_name_finds_the_errno_of_every_row(void **state)
{
	const struct error_info *row;

	(void)state;
	for (size_t n = 0; (row = error_row(n)); n++)
		assert_int_equal(error_errno_by_name(row->errno_name), row->errnum);
	assert_int_equal(error_errno_by_name("ENOTEMPTY"), ENOTEMPTY);
	assert_int_equal(error_errno_by_name("EDQUOT"), EDQUOT);
}

static void error_errno_by_name_of_unknown_names_is_0(void **state)
{
	(void)state;
	assert_int_equal(error_errno_by_name("ENONSENSE"), 0);
	assert_int_equal(error_errno_by_name("enoent"), 0);
	assert_int_equal(error_errno_by_name(""), 0);
	assert_int_equal(error_errno_by_name(NULL), 0);
}

static void error_by_type_accepts_paths_and_urls(void **state)
{
	(void)state;
	assert_int_equal(error_by_type("/problems/quota-exceeded")->code, EDQUOT);
	assert_int_equal(error_by_type("https://store.example/problems/key-reused")->code, ERR_KEY_REUSED);
}

static void error_by_type_of_an_unknown_type_is_null(void **state)
{
	static const char *const unknown[] = {"", "/", "about:blank", "not-found", "/not-found", "problems/not-found",
		"/problems/", "/problems/not-found/", "/problems/not-foun", "/problems/nonsense",
		"/problemz/not-found"};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_null(error_by_type(unknown[i]));
	assert_null(error_by_type(NULL));
}

static void error_rows_have_the_http_statuses_of_the_contract(void **state)
{
	static const struct {
		int code, status;
	} expected[] = {{ENOENT, 404}, {EEXIST, 409}, {ENOTEMPTY, 409}, {EISDIR, 409}, {ENOTDIR, 409}, {EINVAL, 422},
		{ENAMETOOLONG, 422}, {EDQUOT, 507}, {ENOSPC, 507}, {EFBIG, 413}, {EMLINK, 409}, {ELOOP, 409},
		{EXDEV, 409}, {ENODATA, 404}, {ETIMEDOUT, 503}, {ECONNREFUSED, 503}, {ECONNRESET, 503}, {ENOTCONN, 503},
		{EHOSTUNREACH, 503}, {EIO, 500}, {ERR_BAD_JSON, 400}, {ERR_UNAUTHENTICATED, 401}, {ERR_METHOD, 405},
		{ERR_PARENT_MISSING, 409}, {ERR_GONE, 410}, {ERR_PRECONDITION, 412}, {ERR_TOO_LARGE, 413},
		{ERR_RANGE, 416}, {ERR_TOO_MANY, 429}, {ERR_HEADERS_TOO_LARGE, 431}, {ERR_BEHIND, 503}};

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(error_lookup(expected[i].code)->http_status, expected[i].status);
}

static void error_errno_maps_our_codes_to_an_errno_for_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(error_errno(-ENOTEMPTY), ENOTEMPTY);
	assert_int_equal(error_errno(-ERR_PARENT_MISSING), ENOENT);
	assert_int_equal(error_errno(-ERR_FORBIDDEN), EPERM);
	assert_int_equal(error_errno(INT_MIN), EIO);
}

static void error_text_describes_errnos_our_codes_and_unknown_numbers(void **state)
{
	(void)state;
	assert_string_equal(error_text(-ENOENT), strerror(ENOENT));
	assert_string_equal(error_text(EDOM), strerror(EDOM));
	assert_string_equal(error_text(-ERR_NO_SUCH_HOST), "No such host is known");
	assert_string_equal(error_text(INT_MIN), "Internal error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_lookup_ignores_the_sign),
		cmocka_unit_test(error_lookup_of_an_unknown_number_gives_eio),
		cmocka_unit_test(error_table_has_a_row_for_each_of_our_codes),
		cmocka_unit_test(error_rows_are_complete_and_their_codes_unique),
		cmocka_unit_test(error_rows_of_one_type_share_errno_and_status),
		cmocka_unit_test(error_errno_by_name_finds_the_errno_of_every_row),
		cmocka_unit_test(error_errno_by_name_of_unknown_names_is_0),
		cmocka_unit_test(error_by_type_accepts_paths_and_urls),
		cmocka_unit_test(error_by_type_of_an_unknown_type_is_null),
		cmocka_unit_test(error_text_describes_errnos_our_codes_and_unknown_numbers),
		cmocka_unit_test(error_rows_have_the_http_statuses_of_the_contract),
		cmocka_unit_test(error_errno_maps_our_codes_to_an_errno_for_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
