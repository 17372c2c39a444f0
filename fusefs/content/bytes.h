/*
 * bytes: content in memory, shared by reference: a dirty range, a cached block and a reader's answer may be the same
 * bytes, so that nothing is copied. Whoever holds the only reference may write; everybody else only reads. used: how
 * far somebody wrote; what lies behind belongs to nobody yet. Threads: references may be taken and dropped on any;
 * writing is the single holder's.
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

/* Only when alone. NULL: no memory, and b is what it was. */
static inline struct bytes *bytes_grow(struct bytes *b, size_t capacity)
{
	struct bytes *grown = realloc(b, sizeof(*b) + capacity);

	if (grown)
		grown->capacity = capacity;
	return grown;
}

#endif
