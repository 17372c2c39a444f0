#include "cli/digest.h"

#include "common/base/text.h"

#include <errno.h>
#include <strings.h>

#define NAME "sha-256="

int digest_format(const uint8_t sha256[SHA256_BYTES], struct buf *ret)
{
	int r = buf_append_str(ret, NAME ":");

	if (r == 0)
		r = text_base64(span_of(sha256, SHA256_BYTES), ret);
	return r == 0 ? buf_append_str(ret, ":") : r;
}

static int decode(const char *value, size_t size, uint8_t ret[SHA256_BYTES])
{
	struct buf bytes;
	int r;

	if (size < 2 || value[0] != ':' || value[size - 1] != ':')
		return -EINVAL;
	buf_init(&bytes, SHA256_BYTES);
	r = text_unbase64(span_of(value + 1, size - 2), &bytes);
	if (r == 0 && bytes.size != SHA256_BYTES)
		r = -EINVAL;
	if (r == 0)
		memcpy(ret, bytes.data, SHA256_BYTES);
	buf_fini(&bytes);
	return r < 0 ? -EINVAL : 0;
}

int digest_find(const char *field, uint8_t ret[SHA256_BYTES])
{
	while (*field) {
		size_t size;

		field += strspn(field, " \t,");
		size = strcspn(field, ",");
		while (size > 0 && (field[size - 1] == ' ' || field[size - 1] == '\t'))
			size--;
		if (size > sizeof(NAME) - 1 && strncasecmp(field, NAME, sizeof(NAME) - 1) == 0)
			return decode(field + sizeof(NAME) - 1, size - (sizeof(NAME) - 1), ret);
		field += size;
	}
	return -ENOENT;
}
