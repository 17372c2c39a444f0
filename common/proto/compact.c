#include "common/proto/compact.h"

#include <errno.h>
#include <string.h>

#define MAGIC_BYTES 4u
#define FLAG_MORE 1u
#define FLAGS_AT 4u

static void put_u32_at(struct buf *b, size_t at, uint32_t value)
{
	for (size_t i = 0; i < 4; i++)
		b->data[at + i] = (char)(value >> (8 * i));
}

int compact_head_begin(struct buf *b, const char *magic, const int64_t *numbers, size_t count)
{
	int r = buf_append(b, magic, MAGIC_BYTES);

	r = r < 0 ? r : buf_append_u32(b, 0);
	r = r < 0 ? r : buf_append_u32(b, 0);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = buf_append_u64(b, (uint64_t)numbers[i]);
	return r;
}

void compact_head_end(struct buf *b, size_t count_at, uint32_t count, bool more)
{
	put_u32_at(b, count_at, count);
	put_u32_at(b, count_at - (COMPACT_COUNT_AT - FLAGS_AT), more ? FLAG_MORE : 0);
}

int compact_head_set_position(char *page, size_t size, int64_t incarnation, int64_t seq)
{
	const uint64_t numbers[] = {(uint64_t)incarnation, (uint64_t)seq};
	const size_t at = COMPACT_COUNT_AT + sizeof(uint32_t);

	if (size < at + sizeof(numbers) ||
		(memcmp(page, "NPI1", MAGIC_BYTES) != 0 && memcmp(page, "NPX1", MAGIC_BYTES) != 0))
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(numbers); i++)
		page[at + i] = (char)(numbers[i / 8] >> (8 * (i % 8)));
	return 0;
}

void compact_cut(struct buf *b, size_t size)
{
	b->size = size;
	if (b->data)
		b->data[size] = '\0';
}

struct compact_reader compact_reader_at(struct span bytes, size_t at)
{
	struct compact_reader r = {.bad = at > bytes.size};

	if (!r.bad)
		r.left = span_of(bytes.data + at, bytes.size - at);
	return r;
}

int compact_reader_step(const struct compact_reader *r, struct span bytes, size_t *at)
{
	if (r->bad)
		return -EBADMSG;
	*at = bytes.size - r->left.size;
	return 0;
}

bool compact_take_head(struct compact_reader *r, const char *magic, uint32_t *ret_count)
{
	struct span got = compact_take_bytes(r, MAGIC_BYTES);
	uint32_t flags = compact_take_u32(r);

	*ret_count = compact_take_u32(r);
	if (!span_eq(got, span_str(magic)) || (flags & ~FLAG_MORE) != 0)
		r->bad = true;
	return (flags & FLAG_MORE) != 0;
}
