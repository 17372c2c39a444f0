#include "backend/docs/request/digest.h"

#include "common/base/error.h"
#include "common/base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define EMPTY "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
#define TWICE EMPTY "," EMPTY
#define BOTH EMPTY ", " OTHER
#define OTHER "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"

static void digest_parse_finds_sha_256_among_others(void **state)
{
	static const char *const fields[] = {
		EMPTY, "md5=:AAAA:, " EMPTY, EMPTY ", sha-512=:AA==:", EMPTY ";x=1", TWICE};
	uint8_t empty[32];
	struct digest d;

	(void)state;
	assert_int_equal(sha256_of(span_of("", 0), empty), 0);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		assert_int_equal(digest_parse(fields[i], NULL, &d), 0);
		assert_true(d.present);
		assert_memory_equal(d.sha256, empty, 32);
		assert_int_equal(digest_parse(NULL, fields[i], &d), 0);
		assert_true(d.present);
	}
}

static void digest_parse_without_sha_256_finds_nothing(void **state)
{
	struct digest d;

	(void)state;
	assert_int_equal(digest_parse(NULL, NULL, &d), 0);
	assert_false(d.present);
	assert_int_equal(digest_parse("md5=:AAAA:", "", &d), 0);
	assert_false(d.present);
}

static void digest_parse_refuses_a_field_with_malformed_or_different_digests(void **state)
{
	static const char both[] = BOTH;
	static const char no_colons[] = "sha-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
	static const char *const odd[] = {"sha-256=x", "sha-256=", "sha-256=::", "sha-256=:AAAA:", no_colons, both};
	struct digest d;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_int_equal(digest_parse(odd[i], NULL, &d), -ERR_BAD_DIGEST);
}

static void digest_parse_refuses_two_headers_with_different_digests(void **state)
{
	struct digest d;

	(void)state;
	assert_int_equal(digest_parse(EMPTY, EMPTY, &d), 0);
	assert_int_equal(digest_parse(EMPTY, OTHER, &d), -ERR_BAD_DIGEST);
}

static void digest_format_writes_a_header_value_that_digest_parse_reads(void **state)
{
	uint8_t sha256[32];
	char text[DIGEST_TEXT_SIZE];
	struct digest d;

	(void)state;
	assert_int_equal(sha256_of(span_of("", 0), sha256), 0);
	digest_format(sha256, text);
	assert_string_equal(text, EMPTY);
	assert_int_equal(digest_parse(text, NULL, &d), 0);
	assert_true(d.present);
	assert_memory_equal(d.sha256, sha256, sizeof(sha256));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_parse_finds_sha_256_among_others),
		cmocka_unit_test(digest_parse_without_sha_256_finds_nothing),
		cmocka_unit_test(digest_parse_refuses_a_field_with_malformed_or_different_digests),
		cmocka_unit_test(digest_parse_refuses_two_headers_with_different_digests),
		cmocka_unit_test(digest_format_writes_a_header_value_that_digest_parse_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
