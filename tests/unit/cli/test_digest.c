#include "cli/digest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define EMPTY "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"

static void digest_find_reads_the_output_of_digest_format(void **state)
{
	uint8_t made[SHA256_BYTES], found[SHA256_BYTES];
	struct buf text;

	(void)state;
	buf_init(&text, 100);
	assert_int_equal(sha256_of(span_of(NULL, 0), made), 0);
	assert_int_equal(digest_format(made, &text), 0);
	assert_string_equal(text.data, EMPTY);
	assert_int_equal(digest_find(text.data, found), 0);
	assert_memory_equal(made, found, sizeof(made));
	buf_fini(&text);
}

static void digest_find_skips_digests_of_other_algorithms(void **state)
{
	uint8_t found[SHA256_BYTES];

	(void)state;
	assert_int_equal(
		digest_find(
			"sha-512=:AAAA:, SHA-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=: ,md5=:AA==:", found),
		0);
	assert_int_equal(found[0], 0xe3);
	assert_int_equal(digest_find("sha-512=:AAAA:", found), -ENOENT);
	assert_int_equal(digest_find("", found), -ENOENT);
}

static void digest_find_refuses_malformed_digests(void **state)
{
	static const char *const table[] = {"sha-256=", "sha-256=:", "sha-256=::", "sha-256=:AAAA:",
		"sha-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		"sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		"sha-256=:!7DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
		"sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=AAAA:"};
	uint8_t found[SHA256_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_true(
			digest_find(table[i], found) == -EINVAL || (i == 0 && digest_find(table[i], found) == -ENOENT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_find_reads_the_output_of_digest_format),
		cmocka_unit_test(digest_find_skips_digests_of_other_algorithms),
		cmocka_unit_test(digest_find_refuses_malformed_digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
