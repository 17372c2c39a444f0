#include "common/base/sha256.h"

#include "common/base/text.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void sha256_hex_matches_the_published_digests(void **state)
{
	char hex[SHA256_HEX_SIZE];

	(void)state;
	assert_int_equal(sha256_hex(span_of(NULL, 0), hex), 0);
	assert_string_equal(hex, OF_NOTHING);
	assert_int_equal(sha256_hex(SPAN_LITERAL("abc"), hex), 0);
	assert_string_equal(hex, OF_ABC);
}

static void sha256_of_pieces_equals_the_digest_of_the_whole(void **state)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX_SIZE];
	struct sha256 s;

	(void)state;
	assert_int_equal(sha256_init(&s), 0);
	assert_int_equal(sha256_update(&s, "a", 1), 0);
	assert_int_equal(sha256_update(&s, "", 0), 0);
	assert_int_equal(sha256_update(&s, "bc", 2), 0);
	assert_int_equal(sha256_final(&s, digest), 0);
	text_hex(digest, sizeof(digest), hex);
	assert_string_equal(hex, OF_ABC);
	sha256_fini(&s);
	sha256_fini(&s);
	sha256_fini(NULL);
}

static void sha256_final_starts_a_new_digest(void **state)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX_SIZE];
	struct sha256 s;

	(void)state;
	assert_int_equal(sha256_init(&s), 0);
	assert_int_equal(sha256_update(&s, "xyz", 3), 0);
	assert_int_equal(sha256_final(&s, digest), 0);
	assert_int_equal(sha256_final(&s, digest), 0);
	text_hex(digest, sizeof(digest), hex);
	assert_string_equal(hex, OF_NOTHING);
	sha256_fini(&s);
}

static void hmac_sha256_matches_test_cases_of_rfc_4231(void **state)
{
	static const char long_key_text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t key[131], mac[SHA256_BYTES];
	char hex[SHA256_HEX_SIZE];

	(void)state;
	memset(key, 0x0b, 20);
	assert_int_equal(sha256_hmac(span_of(key, 20), SPAN_LITERAL("Hi There"), mac), 0);
	text_hex(mac, sizeof(mac), hex);
	assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	memset(key, 0xaa, sizeof(key));
	assert_int_equal(sha256_hmac(span_of(key, sizeof(key)), span_str(long_key_text), mac), 0);
	text_hex(mac, sizeof(mac), hex);
	assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_sha256_accepts_an_empty_key_and_refuses_one_above_int_max(void **state)
{
	uint8_t mac[SHA256_BYTES] = {0};
	char hex[SHA256_HEX_SIZE];

	(void)state;
	assert_int_equal(sha256_hmac(span_of(NULL, 0), span_of(NULL, 0), mac), 0);
	text_hex(mac, sizeof(mac), hex);
	assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	assert_int_equal(sha256_hmac(span_of("k", (size_t)INT_MAX + 1), SPAN_LITERAL("x"), mac), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_hex_matches_the_published_digests),
		cmocka_unit_test(sha256_of_pieces_equals_the_digest_of_the_whole),
		cmocka_unit_test(sha256_final_starts_a_new_digest),
		cmocka_unit_test(hmac_sha256_matches_test_cases_of_rfc_4231),
		cmocka_unit_test(hmac_sha256_accepts_an_empty_key_and_refuses_one_above_int_max),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
