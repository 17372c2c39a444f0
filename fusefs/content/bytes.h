/*
 * bytes: content in memory, shared by counted references: a dirty range, a cached block and a reader's answer may be
 * the same bytes, so that nothing is copied. The holder of the only reference may write anywhere; with more
 * references, holders only read. `used` is how far the content goes; the capacity behind it is free. Threads:
 * references may be taken and dropped on any thread; only the single holder writes.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_BYTES_H
#define NEPHOS_FUSEFS_CONTENT_BYTES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

struct bytes {
	atomic_uint refs;
	size_t capacity;
	size_t used;
	char data[];
};

/* NULL: no memory. */
static inline struct bytes *bytes_new(size_t capacity)
{
	struct bytes *b = malloc(sizeof(*b) + capacity);

	if (!b)
		return NULL;
	atomic_init(&b->refs, 1);
	b->capacity = capacity;
	b->used = 0;
	return b;
}

static inline struct bytes *bytes_ref(struct bytes *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

static inline void bytes_unref(struct bytes *b)
{
	if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
		free(b);
}

static inline bool bytes_alone(const struct bytes *b)
{
	return atomic_load_explicit(&b->refs, memory_order_acquire) == 1;
}

/* The caller holds the only reference. NULL: no memory, and b is unchanged. */
static inline struct bytes *bytes_grow(struct bytes *b, size_t capacity)
{
	struct bytes *grown = realloc(b, sizeof(*b) + capacity);

	if (grown)
		grown->capacity = capacity;
	return grown;
}

#endif
