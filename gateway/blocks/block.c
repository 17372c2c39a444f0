#include "gateway/blocks/block.h"

#include "common/base/limits.h"
#include "gateway/cache/cost.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct block {
	atomic_uint refs;
	_Atomic int64_t settled;
	uint8_t sha256[SHA256_BYTES];
	size_t size, filled;
	char bytes[];
};

static bool has_pages(size_t size)
{
	return sizeof(struct block) + size >= COST_PAGES_FROM;
}

static struct block *allocate(size_t size)
{
	void *pages;

	if (!has_pages(size))
		return malloc(sizeof(struct block) + size);
	pages = mmap(NULL, sizeof(struct block) + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return pages == MAP_FAILED ? NULL : pages;
}

struct block *block_new(const uint8_t sha256[SHA256_BYTES], size_t size)
{
	struct block *b = size > 0 && size <= BLOCK_BYTES_MAX ? allocate(size) : NULL;

	if (!b)
		return NULL;
	atomic_init(&b->refs, 1);
	atomic_init(&b->settled, 0);
	memcpy(b->sha256, sha256, sizeof(b->sha256));
	b->size = size;
	b->filled = 0;
	return b;
}

int block_append(struct block *b, struct span bytes)
{
	assert(atomic_load_explicit(&b->refs, memory_order_relaxed) == 1);
	if (bytes.size > b->size - b->filled)
		return -EMSGSIZE;
	if (bytes.size > 0)
		memcpy(b->bytes + b->filled, bytes.data, bytes.size);
	b->filled += bytes.size;
	return 0;
}

bool block_is_right(const struct block *b)
{
	uint8_t digest[SHA256_BYTES];

	return b->filled == b->size && sha256_of(span_of(b->bytes, b->size), digest) == 0 &&
		memcmp(digest, b->sha256, sizeof(digest)) == 0;
}

struct block *block_ref(struct block *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void block_unref(struct block *b)
{
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (has_pages(b->size))
		(void)munmap(b, sizeof(*b) + b->size);
	else
		free(b);
}

struct span block_bytes(const struct block *b)
{
	return span_of(b->bytes, b->filled);
}

const uint8_t *block_sha256(const struct block *b)
{
	return b->sha256;
}

size_t block_cost(const struct block *b)
{
	return cost_of(sizeof(*b) + b->size);
}

int64_t block_settled(const struct block *b)
{
	return atomic_load_explicit(&b->settled, memory_order_relaxed);
}

void block_settle(struct block *b, int64_t epoch)
{
	atomic_store_explicit(&b->settled, epoch, memory_order_relaxed);
}
