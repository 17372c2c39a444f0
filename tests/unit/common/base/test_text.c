#include "common/base/text.h"

#include "common/base/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define UNTOUCHED 4711

static void text_parse_u64_reads_decimal_digits(void **state)
{
	uint64_t n;

	(void)state;
	assert_int_equal(text_parse_u64(SPAN_LITERAL("0"), 0, &n), 0);
	assert_true(n == 0);
	assert_int_equal(text_parse_u64(span_of("1234", 3), 200, &n), 0);
	assert_true(n == 123);
	assert_int_equal(text_parse_u64(SPAN_LITERAL("0007"), 10, &n), 0);
	assert_true(n == 7);
	assert_int_equal(text_parse_u64(SPAN_LITERAL("18446744073709551615"), UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
}

static void text_parse_u64_refuses_malformed_and_too_large_numbers(void **state)
{
	static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "1x", "0x10", "1.0", "18446744073709551616x"};
	static const char *const large[] = {"101", "18446744073709551616", "99999999999999999999999999999999999999"};
	uint64_t n = UNTOUCHED;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_parse_u64(span_str(bad[i]), 100, &n), -EINVAL);
	assert_int_equal(text_parse_u64(span_of("1\0", 2), 100, &n), -EINVAL);
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		assert_int_equal(text_parse_u64(span_str(large[i]), 100, &n), -ERANGE);
	assert_int_equal(text_parse_u64(SPAN_LITERAL("18446744073709551616"), UINT64_MAX, &n), -ERANGE);
	assert_true(n == UNTOUCHED);
}

static void text_parse_id_accepts_only_the_canonical_form_of_a_number(void **state)
{
	static const char *const bad[] = {"", "0", "07", "00", "+7", "-7", " 7", "7 ", "7x"};
	int64_t n = 0;

	(void)state;
	assert_int_equal(text_parse_id(SPAN_LITERAL("7"), 7, &n), 0);
	assert_true(n == 7);
	assert_int_equal(text_parse_id(SPAN_LITERAL("9223372036854775807"), INT64_MAX, &n), 0);
	assert_true(n == INT64_MAX);
	n = 5;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_parse_id(span_str(bad[i]), INT64_MAX, &n), -EINVAL);
	assert_int_equal(text_parse_id(SPAN_LITERAL("8"), 7, &n), -ERANGE);
	assert_int_equal(text_parse_id(SPAN_LITERAL("9223372036854775808"), INT64_MAX, &n), -ERANGE);
	assert_true(n == 5);
}

static void text_parse_i64_reads_the_whole_range_and_refuses_numbers_beyond(void **state)
{
	int64_t n = UNTOUCHED;

	(void)state;
	assert_int_equal(text_parse_i64(SPAN_LITERAL("9223372036854775808"), &n), -ERANGE);
	assert_int_equal(text_parse_i64(SPAN_LITERAL("-9223372036854775809"), &n), -ERANGE);
	assert_int_equal(text_parse_i64(SPAN_LITERAL("-"), &n), -EINVAL);
	assert_int_equal(text_parse_i64(SPAN_LITERAL("--1"), &n), -EINVAL);
	assert_int_equal(text_parse_i64(SPAN_LITERAL(""), &n), -EINVAL);
	assert_true(n == UNTOUCHED);
	assert_int_equal(text_parse_i64(SPAN_LITERAL("9223372036854775807"), &n), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(text_parse_i64(SPAN_LITERAL("-9223372036854775808"), &n), 0);
	assert_true(n == INT64_MIN);
	assert_int_equal(text_parse_i64(SPAN_LITERAL("-1"), &n), 0);
	assert_true(n == -1);
}

static void text_parse_size_reads_numbers_with_unit_letters(void **state)
{
	uint64_t n;

	(void)state;
	assert_int_equal(text_parse_size(SPAN_LITERAL("17"), UINT64_MAX, &n), 0);
	assert_true(n == 17);
	assert_int_equal(text_parse_size(SPAN_LITERAL("2K"), UINT64_MAX, &n), 0);
	assert_true(n == 2048);
	assert_int_equal(text_parse_size(SPAN_LITERAL("3m"), UINT64_MAX, &n), 0);
	assert_true(n == 3u << 20);
	assert_int_equal(text_parse_size(SPAN_LITERAL("5T"), UINT64_MAX, &n), 0);
	assert_true(n == 5ull << 40);
}

static void text_parse_size_refuses_overflow_and_malformed_sizes(void **state)
{
	uint64_t n = UNTOUCHED;

	(void)state;
	assert_int_equal(text_parse_size(SPAN_LITERAL("16777216T"), UINT64_MAX, &n), -ERANGE);
	assert_int_equal(text_parse_size(SPAN_LITERAL("5K"), 5000, &n), -ERANGE);
	assert_int_equal(text_parse_size(SPAN_LITERAL("K"), UINT64_MAX, &n), -EINVAL);
	assert_int_equal(text_parse_size(SPAN_LITERAL(""), UINT64_MAX, &n), -EINVAL);
	assert_int_equal(text_parse_size(SPAN_LITERAL("1KK"), UINT64_MAX, &n), -EINVAL);
	assert_int_equal(text_parse_size(SPAN_LITERAL("1P"), UINT64_MAX, &n), -EINVAL);
	assert_int_equal(text_parse_size(SPAN_LITERAL("-1K"), UINT64_MAX, &n), -EINVAL);
	assert_true(n == UNTOUCHED);
}

static void text_unhex_reads_the_output_of_text_hex(void **state)
{
	unsigned char back[4];
	char hex[9];

	(void)state;
	text_hex("\x00\x7f\x80\xff", 4, hex);
	assert_string_equal(hex, "007f80ff");
	assert_int_equal(text_unhex(SPAN_LITERAL("007F80fF"), back, 4), 0);
	assert_memory_equal(back, "\x00\x7f\x80\xff", 4);
	text_hex(NULL, 0, hex);
	assert_string_equal(hex, "");
}

static void text_unhex_refuses_a_wrong_size_and_other_letters(void **state)
{
	unsigned char back[2] = {1, 2};

	(void)state;
	assert_int_equal(text_unhex(SPAN_LITERAL("00"), back, 2), -EINVAL);
	assert_int_equal(text_unhex(SPAN_LITERAL("000000"), back, 2), -EINVAL);
	assert_int_equal(text_unhex(SPAN_LITERAL("00000"), back, 2), -EINVAL);
	assert_int_equal(text_unhex(SPAN_LITERAL("00g0"), back, 2), -EINVAL);
	assert_int_equal(text_unhex(SPAN_LITERAL("0x00"), back, 2), -EINVAL);
	assert_memory_equal(back, "\x01\x02", 2);
}

static void text_base64_matches_the_examples_of_rfc_4648(void **state)
{
	static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
		{"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "+//+"}};
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		buf_reset(&b);
		assert_int_equal(text_base64(span_str(pairs[i][0]), &b), 0);
		assert_string_equal(b.data, pairs[i][1]);
		buf_reset(&b);
		assert_int_equal(text_unbase64(span_str(pairs[i][1]), &b), 0);
		assert_string_equal(b.data ? b.data : "", pairs[i][0]);
	}
	buf_fini(&b);
}

static void text_unbase64_refuses_malformed_text_and_leaves_the_buffer(void **state)
{
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "Zm8", "=",
		"====", "Z===", "Zg==Zg==", "Zm9v Zg=", "Zm9vZ-_=", "Zh==", "Zm9=", "Zm9v\n", "Zm=v"};
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_append_str(&b, "before"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (text_unbase64(span_str(bad[i]), &b) != -EINVAL)
			fail_msg("accepted \"%s\"", bad[i]);
		assert_string_equal(b.data, "before");
		assert_int_equal(b.size, 6);
	}
	buf_fini(&b);
}

static void text_base64_functions_append_nothing_beyond_the_buffer_maximum(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 7);
	assert_int_equal(text_base64(SPAN_LITERAL("foobar"), &b), -E2BIG);
	assert_int_equal(b.size, 0);
	buf_fini(&b);
	buf_init(&b, 5);
	assert_int_equal(text_unbase64(SPAN_LITERAL("Zm9vYmFy"), &b), -E2BIG);
	assert_int_equal(b.size, 0);
	buf_fini(&b);
}

static void text_url_encode_escapes_all_but_unreserved_characters(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(text_url_encode(SPAN_LITERAL("aZ09-._~"), &b), 0);
	assert_string_equal(b.data, "aZ09-._~");
	buf_reset(&b);
	assert_int_equal(text_url_encode(span_of("a/b c%\0\xff+", 9), &b), 0);
	assert_string_equal(b.data, "a%2Fb%20c%25%00%FF%2B");
	buf_fini(&b);
}

static void text_url_decode_restores_every_encoded_byte(void **state)
{
	unsigned char all[256];
	struct buf encoded, decoded;

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	buf_init(&encoded, 1000);
	buf_init(&decoded, 256);
	assert_int_equal(text_url_encode(span_of(all, sizeof(all)), &encoded), 0);
	assert_int_equal(text_url_decode(buf_span(&encoded), &decoded), 0);
	assert_int_equal(decoded.size, sizeof(all));
	assert_memory_equal(decoded.data, all, sizeof(all));
	buf_fini(&encoded);
	buf_fini(&decoded);
}

static void text_url_decode_decodes_once_and_keeps_plus(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(text_url_decode(SPAN_LITERAL("a+b%252F%2f"), &b), 0);
	assert_string_equal(b.data, "a+b%2F/");
	buf_fini(&b);
}

static void text_url_decode_refuses_bad_escapes_and_leaves_the_buffer(void **state)
{
	static const char *const bad[] = {"%", "%2", "a%", "a%2", "%zz", "%2g", "%g2", "% 2", "%%20", "ok%20%"};
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_append_str(&b, "before"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (text_url_decode(span_str(bad[i]), &b) != -EINVAL)
			fail_msg("accepted \"%s\"", bad[i]);
		assert_string_equal(b.data, "before");
	}
	/* The escape is complete only with bytes that lie behind the span. */
	assert_int_equal(text_url_decode(span_of("a%20", 3), &b), -EINVAL);
	buf_fini(&b);
}

static void text_url_functions_append_nothing_beyond_the_buffer_maximum(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 3);
	assert_int_equal(text_url_encode(SPAN_LITERAL("a/"), &b), -E2BIG);
	assert_int_equal(text_url_decode(SPAN_LITERAL("abc%20"), &b), -E2BIG);
	assert_int_equal(b.size, 0);
	assert_int_equal(text_url_decode(SPAN_LITERAL("ab%20"), &b), 0);
	assert_string_equal(b.data, "ab ");
	buf_fini(&b);
}

static void text_is_utf8_decides_sequences_at_the_boundaries_correctly(void **state)
{
	static const char *const good[] = {"", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "gr\xc3\xbc\xc3\x9f"};
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf",
		"\xe0\xa0", "\xe2\x28\xa1", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff", "\xf0\x90\x28\xbc"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(text_is_utf8(span_str(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_is_utf8(span_str(bad[i])));
	assert_true(text_is_utf8(span_of("a\0b", 3)));
	/* The sequence is complete only with bytes that lie behind the span. */
	assert_false(text_is_utf8(span_of("\xe0\xa0\x80", 2)));
	assert_int_equal(text_utf8_run(SPAN_LITERAL("ab\xc3\xbc\xffzz")), 4);
}

static void text_utf8_lossy_replaces_each_invalid_byte(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(text_utf8_lossy(SPAN_LITERAL("a\xff\xc3\xbc\xe0\xa0z"), &b), 0);
	assert_string_equal(b.data, "a" TEXT_REPLACEMENT "\xc3\xbc" TEXT_REPLACEMENT TEXT_REPLACEMENT "z");
	buf_reset(&b);
	assert_int_equal(text_utf8_lossy(span_of(NULL, 0), &b), 0);
	assert_string_equal(b.data, "");
	buf_fini(&b);
	buf_init(&b, 6);
	assert_int_equal(buf_append_str(&b, "ab"), 0);
	assert_int_equal(text_utf8_lossy(SPAN_LITERAL("cd\xff"), &b), -E2BIG);
	assert_string_equal(b.data, "ab");
	buf_fini(&b);
}

static void text_name_check_accepts_any_bytes_except_slash_and_nul(void **state)
{
	char longest[NAME_BYTES_MAX];

	(void)state;
	memset(longest, 0xff, sizeof(longest));
	assert_int_equal(text_name_check(span_of(longest, sizeof(longest))), 0);
	assert_int_equal(text_name_check(SPAN_LITERAL("a")), 0);
	assert_int_equal(text_name_check(SPAN_LITERAL("...")), 0);
	assert_int_equal(text_name_check(SPAN_LITERAL(".a")), 0);
	assert_int_equal(text_name_check(SPAN_LITERAL("\n \\%2F")), 0);
}

static void text_name_check_refuses_invalid_names(void **state)
{
	char longer[NAME_BYTES_MAX + 1];

	(void)state;
	memset(longer, 'a', sizeof(longer));
	assert_int_equal(text_name_check(span_of(longer, sizeof(longer))), -ENAMETOOLONG);
	assert_int_equal(text_name_check(span_of(NULL, 0)), -EINVAL);
	assert_int_equal(text_name_check(SPAN_LITERAL(".")), -EINVAL);
	assert_int_equal(text_name_check(SPAN_LITERAL("..")), -EINVAL);
	assert_int_equal(text_name_check(SPAN_LITERAL("a/b")), -EINVAL);
	assert_int_equal(text_name_check(SPAN_LITERAL("/")), -EINVAL);
	assert_int_equal(text_name_check(span_of("a\0", 2)), -EINVAL);
}

static void text_secret_eq_compares_all_bytes(void **state)
{
	(void)state;
	assert_true(text_secret_eq(SPAN_LITERAL("secret"), SPAN_LITERAL("secret")));
	assert_true(text_secret_eq(span_of(NULL, 0), span_of("", 0)));
	assert_false(text_secret_eq(SPAN_LITERAL("secret"), SPAN_LITERAL("secreT")));
	assert_false(text_secret_eq(SPAN_LITERAL("Secret"), SPAN_LITERAL("secret")));
	assert_false(text_secret_eq(SPAN_LITERAL("secret"), SPAN_LITERAL("secret1")));
	assert_false(text_secret_eq(span_of("a\0b", 3), span_of("a\0c", 3)));
}

static void text_random_hex_has_the_requested_length_and_differs_each_time(void **state)
{
	char a[2 * 100 + 1], b[2 * 100 + 1];

	(void)state;
	assert_int_equal(text_random_hex(100, a), 0);
	assert_int_equal(text_random_hex(100, b), 0);
	assert_int_equal(strlen(a), 200);
	assert_int_equal(strspn(a, "0123456789abcdef"), 200);
	assert_string_not_equal(a, b);
	assert_int_equal(text_random_hex(0, a), 0);
	assert_string_equal(a, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_parse_u64_reads_decimal_digits),
		cmocka_unit_test(text_parse_u64_refuses_malformed_and_too_large_numbers),
		cmocka_unit_test(text_parse_i64_reads_the_whole_range_and_refuses_numbers_beyond),
		cmocka_unit_test(text_parse_id_accepts_only_the_canonical_form_of_a_number),
		cmocka_unit_test(text_parse_size_reads_numbers_with_unit_letters),
		cmocka_unit_test(text_parse_size_refuses_overflow_and_malformed_sizes),
		cmocka_unit_test(text_unhex_reads_the_output_of_text_hex),
		cmocka_unit_test(text_unhex_refuses_a_wrong_size_and_other_letters),
		cmocka_unit_test(text_base64_matches_the_examples_of_rfc_4648),
		cmocka_unit_test(text_unbase64_refuses_malformed_text_and_leaves_the_buffer),
		cmocka_unit_test(text_base64_functions_append_nothing_beyond_the_buffer_maximum),
		cmocka_unit_test(text_url_encode_escapes_all_but_unreserved_characters),
		cmocka_unit_test(text_url_decode_restores_every_encoded_byte),
		cmocka_unit_test(text_url_decode_decodes_once_and_keeps_plus),
		cmocka_unit_test(text_url_decode_refuses_bad_escapes_and_leaves_the_buffer),
		cmocka_unit_test(text_url_functions_append_nothing_beyond_the_buffer_maximum),
		cmocka_unit_test(text_is_utf8_decides_sequences_at_the_boundaries_correctly),
		cmocka_unit_test(text_utf8_lossy_replaces_each_invalid_byte),
		cmocka_unit_test(text_name_check_accepts_any_bytes_except_slash_and_nul),
		cmocka_unit_test(text_name_check_refuses_invalid_names),
		cmocka_unit_test(text_secret_eq_compares_all_bytes),
		cmocka_unit_test(text_random_hex_has_the_requested_length_and_differs_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
