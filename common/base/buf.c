#include "common/base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * One array that doubles when it is full, so that appending costs the same however long the text has become. The
 * maximum is part of the buffer: the code that makes a buffer decides once how much it may hold, and every later
 * append either fits or returns -E2BIG. So no caller has to count, and no peer can make a process grow by sending
 * more. The last step of growing stops at the maximum; otherwise a full buffer would take twice its limit.
 *
 * All appends go through buf_reserve. It makes room for the bytes and for the NUL behind them before anything is
 * written. After a failure the content is therefore unchanged, and a text can always be printed. Numbers are
 * written byte by byte, the lowest first, so that binary formats are the same on every machine.
 */

#define BUF_FIRST_BYTES 64u /* first allocation: enough for most of our texts */

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_fini(struct buf *b)
{
	if (!b)
		return;
	free(b->data);
	*b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
	b->size = 0;
	if (b->data)
		b->data[0] = '\0';
}

/* Doubling keeps appending linear. The maximum limits the last step, so that a full buffer does not take twice its
 * limit. */
static size_t buf_next_capacity(const struct buf *b, size_t need)
{
	size_t capacity = b->capacity < BUF_FIRST_BYTES ? BUF_FIRST_BYTES : b->capacity;

	if (capacity < need)
		capacity = capacity <= SIZE_MAX / 2 && capacity * 2 >= need ? capacity * 2 : need;
	if (b->max < SIZE_MAX && capacity > b->max + 1)
		capacity = b->max + 1;
	return capacity;
}

int buf_reserve(struct buf *b, size_t extra)
{
	size_t capacity;
	char *data;

	if (extra > b->max - b->size || extra >= SIZE_MAX - b->size)
		return -E2BIG;
	if (b->data && b->size + extra < b->capacity)
		return 0;
	capacity = buf_next_capacity(b, b->size + extra + 1);
	data = realloc(b->data, capacity);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->capacity = capacity;
	b->data[b->size] = '\0';
	return 0;
}

int buf_append(struct buf *b, const void *data, size_t size)
{
	int r = buf_reserve(b, size);

	if (r < 0)
		return r;
	if (size > 0)
		memcpy(b->data + b->size, data, size);
	b->size += size;
	b->data[b->size] = '\0';
	return 0;
}

int buf_append_str(struct buf *b, const char *text)
{
	return buf_append(b, text, strlen(text));
}

int buf_append_span(struct buf *b, struct span s)
{
	return buf_append(b, s.data, s.size);
}

int buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = buf_vprintf(b, format, args);
	va_end(args);
	return r;
}

int buf_vprintf(struct buf *b, const char *format, va_list args)
{
	va_list again;
	size_t room = b->capacity - b->size;
	int n, r;

	va_copy(again, args);
	n = vsnprintf(b->data ? b->data + b->size : NULL, room, format, args);
	r = n < 0 ? -EINVAL : buf_reserve(b, (size_t)n);
	if (r < 0 || (size_t)n < room)
		goto out;
	n = vsnprintf(b->data + b->size, b->capacity - b->size, format, again);
	if (n < 0)
		r = -EINVAL;
out:
	va_end(again);
	if (r == 0)
		b->size += (size_t)n;
	if (b->data)
		b->data[b->size] = '\0'; /* after a failure, too: removes what the measuring call wrote */
	return r;
}

static int buf_append_le(struct buf *b, uint64_t value, size_t bytes)
{
	unsigned char raw[8];

	for (size_t i = 0; i < bytes; i++)
		raw[i] = (unsigned char)(value >> (8 * i));
	return buf_append(b, raw, bytes);
}

int buf_append_u8(struct buf *b, uint8_t value)
{
	return buf_append_le(b, value, 1);
}

int buf_append_u16(struct buf *b, uint16_t value)
{
	return buf_append_le(b, value, 2);
}

int buf_append_u32(struct buf *b, uint32_t value)
{
	return buf_append_le(b, value, 4);
}

int buf_append_u64(struct buf *b, uint64_t value)
{
	return buf_append_le(b, value, 8);
}

struct span buf_span(const struct buf *b)
{
	return span_of(b->data, b->size);
}

char *buf_take(struct buf *b, size_t *ret_size)
{
	char *data = b->data;

	if (ret_size)
		*ret_size = b->size;
	*b = (struct buf){.max = b->max};
	return data;
}
