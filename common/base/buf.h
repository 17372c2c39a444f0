/*
 * buf: a byte buffer that grows up to its own maximum. Embedded (init/fini). Not thread-safe. After a failed append
 * the content is unchanged. A NUL that is not counted always follows the bytes, so that text can be printed.
 */
#ifndef NEPHOS_BASE_BUF_H
#define NEPHOS_BASE_BUF_H

#include "common/base/span.h"

#include <stdarg.h>
#include <stdint.h>

struct buf {
	char *data;
	size_t size;
	size_t capacity;
	size_t max; /* in bytes; an append beyond it returns -E2BIG */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
void buf_reset(struct buf *b);				      /* makes it empty and keeps its memory */
int buf_reserve(struct buf *b, size_t extra);		      /* -ENOMEM, -E2BIG */
int buf_append(struct buf *b, const void *data, size_t size); /* -ENOMEM, -E2BIG */
int buf_append_str(struct buf *b, const char *text);
int buf_append_span(struct buf *b, struct span s);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Little-endian integers, as in every binary format of nephos. */
int buf_append_u8(struct buf *b, uint8_t value);
int buf_append_u16(struct buf *b, uint16_t value);
int buf_append_u32(struct buf *b, uint32_t value);
int buf_append_u64(struct buf *b, uint64_t value);
struct span buf_span(const struct buf *b);
/* Hands the bytes to the caller, who calls free(); the buffer is empty afterwards. NULL only if nothing was ever
 * appended. */
char *buf_take(struct buf *b, size_t *ret_size);

#endif
