#include "common/base/text.h"

#include "common/base/limits.h"

#include <errno.h>
#include <sys/random.h>

#define HEX_DIGITS "0123456789abcdef"

int text_parse_u64(struct span s, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;
	bool over = false;

	if (s.size == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.size; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return -EINVAL;
		over = over || __builtin_mul_overflow(value, UINT64_C(10), &value) ||
			__builtin_add_overflow(value, (uint64_t)(s.data[i] - '0'), &value);
	}
	if (over || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int text_parse_i64(struct span s, int64_t *ret)
{
	bool negative = s.size > 0 && s.data[0] == '-';
	uint64_t value;
	int r;

	if (negative)
		s = span_of(s.data + 1, s.size - 1);
	r = text_parse_u64(s, negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &value);
	if (r < 0)
		return r;
	*ret = negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

int text_parse_id(struct span s, int64_t max, int64_t *ret)
{
	uint64_t value;
	int r = s.size > 0 && s.data[0] == '0' ? -EINVAL : text_parse_u64(s, (uint64_t)max, &value);

	if (r == 0)
		*ret = (int64_t)value;
	return r;
}

int text_parse_size(struct span s, uint64_t max, uint64_t *ret)
{
	static const char letters[] = "KMGT";
	unsigned shift = 0;
	uint64_t value;
	int r;

	for (unsigned i = 0; s.size > 0 && letters[i]; i++)
		if (s.data[s.size - 1] == letters[i] || s.data[s.size - 1] == letters[i] + ('a' - 'A'))
			shift = 10 * (i + 1);
	if (shift > 0)
		s.size--;
	r = text_parse_u64(s, max >> shift, &value);
	if (r < 0)
		return r;
	*ret = value << shift;
	return 0;
}

void text_hex(const void *data, size_t size, char *ret)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++) {
		ret[2 * i] = HEX_DIGITS[bytes[i] >> 4];
		ret[2 * i + 1] = HEX_DIGITS[bytes[i] & 15];
	}
	ret[2 * size] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int text_unhex(struct span s, void *ret, size_t size)
{
	unsigned char *bytes = ret;

	if (s.size % 2 != 0 || s.size / 2 != size)
		return -EINVAL;
	for (size_t i = 0; i < s.size; i++)
		if (hex_value(s.data[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)((unsigned)hex_value(s.data[2 * i]) << 4 |
			(unsigned)hex_value(s.data[2 * i + 1]));
	return 0;
}

int text_base64(struct span s, struct buf *ret)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *)s.data;
	size_t size;
	char *out;
	int r;

	if (s.size > SIZE_MAX / 2)
		return -E2BIG;
	size = (s.size + 2) / 3 * 4;
	r = buf_reserve(ret, size);
	if (r < 0)
		return r;
	out = ret->data + ret->size;
	for (size_t i = 0; i < s.size; i += 3) {
		size_t have = s.size - i < 3 ? s.size - i : 3;
		unsigned bits =
			(unsigned)in[i] << 16 | (have > 1 ? (unsigned)in[i + 1] << 8 : 0) | (have > 2 ? in[i + 2] : 0u);

		*out++ = alphabet[bits >> 18];
		*out++ = alphabet[bits >> 12 & 63];
		*out++ = have > 1 ? alphabet[bits >> 6 & 63] : '=';
		*out++ = have > 2 ? alphabet[bits & 63] : '=';
	}
	*out = '\0';
	ret->size += size;
	return 0;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes one group of four. Returns how many bytes it gives; 0 for a group that no encoder produces. */
static size_t base64_group(const char *in, bool last, unsigned char *out)
{
	size_t pad = last && in[3] == '=' ? (in[2] == '=' ? 2 : 1) : 0;
	unsigned bits = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - pad ? base64_value(in[i]) : 0;

		if (value < 0)
			return 0;
		bits = bits << 6 | (unsigned)value;
	}
	/* Bits that the padding cuts off must be zero, so that each content has one text only. */
	if (bits & ((1u << (8 * pad)) - 1))
		return 0;
	out[0] = (unsigned char)(bits >> 16);
	out[1] = (unsigned char)(bits >> 8);
	out[2] = (unsigned char)bits;
	return 3 - pad;
}

int text_unbase64(struct span s, struct buf *ret)
{
	size_t start = ret->size;
	int r = 0;

	if (s.size % 4 != 0)
		return -EINVAL;
	for (size_t i = 0; i < s.size && r == 0; i += 4) {
		unsigned char bytes[3];
		size_t n = base64_group(s.data + i, i + 4 == s.size, bytes);

		r = n > 0 ? buf_append(ret, bytes, n) : -EINVAL;
	}
	if (r < 0 && ret->data) {
		ret->size = start;
		ret->data[start] = '\0';
	}
	return r;
}

static bool url_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
		c == '_' || c == '~';
}

int text_url_encode(struct span s, struct buf *ret)
{
	static const char digits[] = "0123456789ABCDEF"; /* upper case: RFC 3986, 2.1 */
	size_t escaped = 0;
	char *out;
	int r;

	for (size_t i = 0; i < s.size; i++)
		escaped += !url_unreserved(s.data[i]);
	if (s.size > SIZE_MAX / 3)
		return -E2BIG;
	r = buf_reserve(ret, s.size + 2 * escaped);
	if (r < 0)
		return r;
	out = ret->data + ret->size;
	for (size_t i = 0; i < s.size; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (url_unreserved(s.data[i])) {
			*out++ = s.data[i];
			continue;
		}
		*out++ = '%';
		*out++ = digits[c >> 4];
		*out++ = digits[c & 15];
	}
	*out = '\0';
	ret->size += s.size + 2 * escaped;
	return 0;
}

int text_url_decode(struct span s, struct buf *ret)
{
	size_t escaped = 0;
	char *out;
	int r;

	for (size_t i = 0; i < s.size; i++) {
		if (s.data[i] != '%')
			continue;
		if (s.size - i < 3 || hex_value(s.data[i + 1]) < 0 || hex_value(s.data[i + 2]) < 0)
			return -EINVAL;
		escaped++;
		i += 2;
	}
	r = buf_reserve(ret, s.size - 2 * escaped);
	if (r < 0)
		return r;
	out = ret->data + ret->size;
	for (size_t i = 0; i < s.size; i++) {
		if (s.data[i] != '%') {
			*out++ = s.data[i];
			continue;
		}
		*out++ = (char)(hex_value(s.data[i + 1]) << 4 | hex_value(s.data[i + 2]));
		i += 2;
	}
	*out = '\0';
	ret->size += s.size - 2 * escaped;
	return 0;
}

/* Length of the UTF-8 sequence at the beginning of s. 0: there is no valid one (also for overlong forms,
 * surrogates, and characters beyond U+10FFFF). */
static size_t utf8_sequence(struct span s)
{
	/* First byte from..to, length, range of the second byte; further bytes are 80..BF (Unicode, table 3-7). */
	static const struct {
		unsigned char from, to, length, low, high;
	} forms[] = {
		{0x00, 0x7f, 1, 0x00, 0x00},
		{0xc2, 0xdf, 2, 0x80, 0xbf},
		{0xe0, 0xe0, 3, 0xa0, 0xbf},
		{0xe1, 0xec, 3, 0x80, 0xbf},
		{0xed, 0xed, 3, 0x80, 0x9f},
		{0xee, 0xef, 3, 0x80, 0xbf},
		{0xf0, 0xf0, 4, 0x90, 0xbf},
		{0xf1, 0xf3, 4, 0x80, 0xbf},
		{0xf4, 0xf4, 4, 0x80, 0x8f},
	};
	const unsigned char *p = (const unsigned char *)s.data;

	for (size_t f = 0; s.size > 0 && f < sizeof(forms) / sizeof(forms[0]); f++) {
		if (p[0] < forms[f].from || p[0] > forms[f].to)
			continue;
		if (s.size < forms[f].length)
			return 0;
		if (forms[f].length > 1 && (p[1] < forms[f].low || p[1] > forms[f].high))
			return 0;
		for (size_t i = 2; i < forms[f].length; i++)
			if (p[i] < 0x80 || p[i] > 0xbf)
				return 0;
		return forms[f].length;
	}
	return 0;
}

size_t text_utf8_run(struct span s)
{
	size_t at = 0;

	while (at < s.size) {
		size_t n = utf8_sequence(span_of(s.data + at, s.size - at));

		if (n == 0)
			break;
		at += n;
	}
	return at;
}

bool text_is_utf8(struct span s)
{
	return text_utf8_run(s) == s.size;
}

int text_utf8_lossy(struct span s, struct buf *ret)
{
	size_t start = ret->size;
	int r = buf_reserve(ret, 0);

	while (r == 0 && s.size > 0) {
		size_t good = text_utf8_run(s);

		r = buf_append(ret, s.data, good);
		s = span_of(s.data + good, s.size - good);
		if (r == 0 && s.size > 0) {
			r = buf_append_str(ret, TEXT_REPLACEMENT);
			s = span_of(s.data + 1, s.size - 1);
		}
	}
	if (r < 0 && ret->data) {
		ret->size = start;
		ret->data[start] = '\0';
	}
	return r;
}

int text_name_check(struct span name)
{
	if (name.size == 0 || span_eq_str(name, ".") || span_eq_str(name, ".."))
		return -EINVAL;
	if (memchr(name.data, '/', name.size) || memchr(name.data, '\0', name.size))
		return -EINVAL;
	return name.size > NAME_BYTES_MAX ? -ENAMETOOLONG : 0;
}

bool text_secret_eq(struct span a, struct span b)
{
	/* volatile, so that the compiler cannot make the loop stop early. */
	volatile unsigned char differ = 0;

	if (a.size != b.size)
		return false;
	for (size_t i = 0; i < a.size; i++)
		differ = (unsigned char)(differ | (unsigned char)(a.data[i] ^ b.data[i]));
	return differ == 0;
}

int text_random_hex(size_t bytes, char *ret)
{
	unsigned char chunk[64];

	ret[0] = '\0';
	while (bytes > 0) {
		size_t want = bytes < sizeof(chunk) ? bytes : sizeof(chunk);
		ssize_t n = getrandom(chunk, want, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		text_hex(chunk, (size_t)n, ret);
		ret += 2 * n;
		bytes -= (size_t)n;
	}
	explicit_bzero(chunk, sizeof(chunk));
	return 0;
}
