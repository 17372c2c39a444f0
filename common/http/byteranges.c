#include "common/http/byteranges.h"

#include "common/base/text.h"

#include <inttypes.h>

int byteranges_init(struct byteranges *b, const struct range_set *ranges, const char *type, int64_t size)
{
	b->type = type;
	b->size = size;
	b->ranges = *ranges;
	if (ranges->count == 0 && size > 0) {
		b->ranges.count = 1;
		b->ranges.parts[0] = (struct range){0, size};
	}
	return text_random_hex(BYTERANGES_BOUNDARY_BYTES, b->boundary);
}

bool byteranges_are_several(const struct byteranges *b)
{
	return b->ranges.count > 1;
}

int byteranges_append_head(const struct byteranges *b, size_t n, struct buf *out)
{
	const struct range *part = &b->ranges.parts[n];

	if (!byteranges_are_several(b))
		return 0;
	return buf_printf(out,
		"%s--%s\r\nContent-Type: %s\r\nContent-Range: bytes %" PRId64 "-%" PRId64 "/%" PRId64 "\r\n\r\n",
		n > 0 ? "\r\n" : "", b->boundary, b->type, part->from, part->from + part->len - 1, b->size);
}

int byteranges_append_tail(const struct byteranges *b, struct buf *out)
{
	return byteranges_are_several(b) ? buf_printf(out, "\r\n--%s--\r\n", b->boundary) : 0;
}

int byteranges_length(const struct byteranges *b, int64_t *ret)
{
	struct buf text;
	int64_t length = 0;
	int r = 0;

	buf_init(&text, BYTERANGES_TEXT_MAX);
	for (size_t i = 0; r == 0 && i < b->ranges.count; i++) {
		length += b->ranges.parts[i].len;
		r = byteranges_append_head(b, i, &text);
	}
	if (r == 0)
		r = byteranges_append_tail(b, &text);
	*ret = length + (int64_t)text.size;
	buf_fini(&text);
	return r;
}

int byteranges_add_fields(const struct byteranges *b, struct http_headers *headers)
{
	const struct range *part = &b->ranges.parts[0];

	if (byteranges_are_several(b))
		return http_headers_addf(headers, "Content-Type", "multipart/byteranges; boundary=%s", b->boundary);
	int error = http_headers_add(headers, "Content-Type", b->type);
	if (error == 0)
		error = http_headers_addf(headers, "Content-Range", "bytes %" PRId64 "-%" PRId64 "/%" PRId64,
			part->from, part->from + part->len - 1, b->size);
	return error;
}

int byteranges_add_size(int64_t size, struct http_headers *headers)
{
	return http_headers_addf(headers, "Content-Range", "bytes */%" PRId64, size);
}
