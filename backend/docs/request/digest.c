#include "backend/docs/request/digest.h"

#include "common/base/error.h"
#include "common/base/text.h"

#include <stdio.h>
#include <strings.h>

/* ":BASE64:" of 32 bytes. */
static int value_parse(struct span value, uint8_t ret[32])
{
	struct buf bytes;
	int r = -ERR_BAD_DIGEST;

	buf_init(&bytes, 64);
	if (value.size >= 2 && value.data[0] == ':' && value.data[value.size - 1] == ':' &&
		text_unbase64(span_of(value.data + 1, value.size - 2), &bytes) == 0 && bytes.size == 32) {
		memcpy(ret, bytes.data, 32);
		r = 0;
	}
	buf_fini(&bytes);
	return r;
}

/* One member of the dictionary, "key=value;parameters". */
static int member_parse(const char *at, size_t size, struct digest *ret)
{
	static const char key[] = "sha-256=";
	const size_t key_size = sizeof(key) - 1;
	uint8_t sha256[32];
	struct span value;

	while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == '\t'))
		size--;
	/* Keys of structured fields are lower case; clients of RFC 3230 write SHA-256 and mean the same. */
	if (size < key_size || strncasecmp(at, key, key_size) != 0)
		return 0;
	value = span_of(at + key_size, size - key_size);
	if (memchr(value.data, ';', value.size))
		value.size = (size_t)((const char *)memchr(value.data, ';', value.size) - value.data);
	if (value_parse(value, sha256) < 0 || (ret->present && memcmp(ret->sha256, sha256, 32) != 0))
		return -ERR_BAD_DIGEST;
	ret->present = true;
	memcpy(ret->sha256, sha256, 32);
	return 0;
}

static int field_parse(const char *field, struct digest *ret)
{
	int r = 0;

	while (field && *field && r == 0) {
		size_t size;

		field += strspn(field, " \t,");
		size = strcspn(field, ",");
		r = member_parse(field, size, ret);
		field += size;
	}
	return r;
}

int digest_parse(const char *repr_digest, const char *content_digest, struct digest *ret)
{
	struct digest d = {.present = false};
	int r = field_parse(repr_digest, &d);

	if (r == 0)
		r = field_parse(content_digest, &d);
	if (r == 0)
		*ret = d;
	return r;
}

void digest_format(const uint8_t sha256[32], char *ret)
{
	struct buf text;

	buf_init(&text, DIGEST_TEXT_SIZE);
	if (text_base64(span_of(sha256, 32), &text) == 0)
		snprintf(ret, DIGEST_TEXT_SIZE, "sha-256=:%s:", text.data);
	else
		ret[0] = '\0';
	buf_fini(&text);
}
