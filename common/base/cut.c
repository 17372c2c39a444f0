#include "common/base/cut.h"

#include <assert.h>
#include <errno.h>

int cut_bytes(struct span *rest, size_t size, struct span *ret)
{
	if (rest->size < size)
		return -EBADMSG;
	*ret = span_of(rest->data, size);
	*rest = span_of(rest->data + size, rest->size - size);
	return 0;
}

int cut_number(struct span *rest, unsigned bytes, uint64_t max, uint64_t *ret)
{
	struct span raw;
	uint64_t number = 0;
	int r = cut_bytes(rest, bytes, &raw);

	assert(bytes <= sizeof(number));
	if (r < 0)
		return r;
	for (unsigned i = bytes; i-- > 0;)
		number = number << 8 | (unsigned char)raw.data[i];
	if (number > max)
		return -EBADMSG;
	*ret = number;
	return 0;
}

int cut_size(struct span *rest, unsigned bytes, size_t max, size_t *ret)
{
	uint64_t number = 0;
	int r = cut_number(rest, bytes, max, &number);

	if (r == 0)
		*ret = (size_t)number;
	return r;
}

int cut_i64(struct span *rest, int64_t *ret)
{
	uint64_t number = 0;
	int r = cut_number(rest, 8, INT64_MAX, &number);

	if (r == 0)
		*ret = (int64_t)number;
	return r;
}

int cut_text(struct span *rest, const char *text)
{
	struct span raw;
	int r = cut_bytes(rest, strlen(text), &raw);

	return r < 0 || !span_eq_str(raw, text) ? -EBADMSG : 0;
}
