/* Any bytes through each encoding: encoded and decoded they come back the same, and so does whatever an
 * accepted text decodes to. */
#include "tests/fuzz/fuzz.h"

#include "common/base/suggest.h"
#include "common/base/text.h"

#include <strings.h>

#define OUT_BYTES_MAX (4u * 1024 * 1024)

static void check_url(struct span s)
{
	struct buf decoded, encoded, again;

	buf_init(&decoded, OUT_BYTES_MAX);
	buf_init(&encoded, OUT_BYTES_MAX);
	buf_init(&again, OUT_BYTES_MAX);
	if (text_url_decode(s, &decoded) == 0) {
		FUZZ_CHECK(decoded.size <= s.size);
		FUZZ_CHECK(text_url_encode(buf_span(&decoded), &encoded) == 0);
		FUZZ_CHECK(text_url_decode(buf_span(&encoded), &again) == 0);
		FUZZ_CHECK(span_eq(buf_span(&again), buf_span(&decoded)));
	}
	buf_reset(&encoded);
	buf_reset(&again);
	FUZZ_CHECK(text_url_encode(s, &encoded) == 0);
	FUZZ_CHECK(text_url_decode(buf_span(&encoded), &again) == 0);
	FUZZ_CHECK(span_eq(buf_span(&again), s));
	buf_fini(&again);
	buf_fini(&encoded);
	buf_fini(&decoded);
}

static void check_base64(struct span s)
{
	struct buf decoded, encoded;

	buf_init(&decoded, OUT_BYTES_MAX);
	buf_init(&encoded, OUT_BYTES_MAX);
	if (text_unbase64(s, &decoded) == 0) { /* each content has only one text */
		FUZZ_CHECK(text_base64(buf_span(&decoded), &encoded) == 0);
		FUZZ_CHECK(span_eq(buf_span(&encoded), s));
	}
	buf_reset(&decoded);
	buf_reset(&encoded);
	FUZZ_CHECK(text_base64(s, &encoded) == 0);
	FUZZ_CHECK(text_unbase64(buf_span(&encoded), &decoded) == 0);
	FUZZ_CHECK(span_eq(buf_span(&decoded), s));
	buf_fini(&encoded);
	buf_fini(&decoded);
}

static void check_utf8(struct span s)
{
	struct buf lossy;

	buf_init(&lossy, OUT_BYTES_MAX);
	FUZZ_CHECK(text_utf8_lossy(s, &lossy) == 0);
	FUZZ_CHECK(text_is_utf8(buf_span(&lossy)));
	FUZZ_CHECK(text_is_utf8(s) == span_eq(s, buf_span(&lossy)));
	buf_fini(&lossy);
}

static void check_numbers(struct span s)
{
	uint64_t n;
	int64_t i;

	if (text_parse_u64(s, 1000, &n) == 0)
		FUZZ_CHECK(n <= 1000);
	if (text_parse_size(s, 1u << 20, &n) == 0)
		FUZZ_CHECK(n <= 1u << 20);
	if (text_parse_i64(s, &i) == 0 && i >= 0)
		FUZZ_CHECK(text_parse_u64(s, UINT64_MAX, &n) == 0 || s.data[0] == '-');
	(void)text_name_check(s);
}

static void check_hex(struct span s)
{
	unsigned char bytes[32];
	char hex[65];

	if (text_unhex(s, bytes, s.size / 2 < sizeof(bytes) ? s.size / 2 : sizeof(bytes)) != 0)
		return;
	FUZZ_CHECK(s.size <= 64);
	text_hex(bytes, s.size / 2, hex);
	FUZZ_CHECK(strncasecmp(hex, s.data, s.size) == 0);
}

static void check_distance(struct span s)
{
	char *word = strndup(s.data, s.size);
	size_t distance;

	FUZZ_CHECK(word);
	distance = suggest_distance(word, "log-level");
	FUZZ_CHECK(distance == suggest_distance("log-level", word));
	FUZZ_CHECK((distance == 0) == (strcmp(word, "log-level") == 0));
	free(word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size);

	check_url(s);
	check_base64(s);
	check_utf8(s);
	check_numbers(s);
	check_hex(s);
	check_distance(s);
	return 0;
}
