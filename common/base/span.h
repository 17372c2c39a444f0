/* span: borrowed bytes, a pointer and a length by value. Owns nothing; a NUL behind the bytes is not guaranteed. */
#ifndef NEPHOS_BASE_SPAN_H
#define NEPHOS_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *data;
	size_t size;
};

#define SPAN_LITERAL(text) ((struct span){(text), sizeof(text) - 1})

static inline struct span span_of(const void *data, size_t size)
{
	return (struct span){data, size};
}

static inline struct span span_str(const char *text)
{
	return (struct span){text, text ? strlen(text) : 0};
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool span_eq_str(struct span a, const char *text)
{
	return span_eq(a, span_str(text));
}

#endif
