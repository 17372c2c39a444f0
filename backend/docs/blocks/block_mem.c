#include "backend/docs/blocks/block_mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <uthash.h>

/*
 * Blocks in memory, for tests: a hash table from name to bytes, under one lock. A test can limit the free bytes,
 * and make all calls fail from the n-th on, to reach what a full or broken disk causes. Blocks have no age here,
 * and lie in one folder; otherwise it keeps the contract of block_store.h exactly.
 */

struct mem_block {
	struct block_name name; /* with zeroed padding, because its bytes are the key */
	char *bytes;
	size_t size;
	UT_hash_handle hh;
};

#define TOTAL_BYTES (INT64_C(1) << 30)

struct block_mem {
	struct block_store base;
	pthread_mutex_t lock; /* guards all below */
	struct mem_block *blocks;
	unsigned calls_left;
	int error;
	int64_t left; /* free bytes that it reports */
};

static void key_of(const struct block_name *name, struct block_name *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->drive = name->drive;
	memcpy(ret->sha256, name->sha256, sizeof(ret->sha256));
	ret->generation = name->generation;
}

/* Takes the lock; returns the failure that is due, or 0. */
static int enter(struct block_mem *m)
{
	pthread_mutex_lock(&m->lock);
	if (m->error == 0)
		return 0;
	if (m->calls_left > 0) {
		m->calls_left--;
		return 0;
	}
	return m->error;
}

static struct mem_block *find(struct block_mem *m, const struct block_name *name)
{
	struct block_name key;
	struct mem_block *found = NULL;

	key_of(name, &key);
	HASH_FIND(hh, m->blocks, &key, sizeof(key), found);
	return found;
}

static int add(struct block_mem *m, const struct block_name *name, struct span bytes)
{
	struct mem_block *block;

	if (find(m, name))
		return -EEXIST;
	block = calloc(1, sizeof(*block));
	if (!block)
		return -ENOMEM;
	block->bytes = malloc(bytes.size ? bytes.size : 1);
	if (!block->bytes) {
		free(block);
		return -ENOMEM;
	}
	key_of(name, &block->name);
	memcpy(block->bytes, bytes.data, bytes.size);
	block->size = bytes.size;
	HASH_ADD(hh, m->blocks, name, sizeof(block->name), block);
	return 0;
}

static int mem_put(struct block_store *s, const struct block_name *name, struct span bytes)
{
	struct block_mem *m = (struct block_mem *)s;
	int r = enter(m);

	if (r == 0)
		r = add(m, name, bytes);
	pthread_mutex_unlock(&m->lock);
	return r;
}

/* budget: the signature is that of block_store.h */
static int mem_get(struct block_store *s, const struct block_name *name, uint32_t from, void *data, uint32_t size,
	uint32_t *ret_size)
{
	struct block_mem *m = (struct block_mem *)s;
	int r = enter(m);
	struct mem_block *block = r == 0 ? find(m, name) : NULL;

	if (r == 0 && !block)
		r = -ENOENT;
	if (r == 0) {
		size_t left = from < block->size ? block->size - from : 0;

		*ret_size = left < size ? (uint32_t)left : size;
		memcpy(data, block->bytes + from, *ret_size);
	}
	pthread_mutex_unlock(&m->lock);
	return r;
}

static int mem_size(struct block_store *s, const struct block_name *name, uint32_t *ret)
{
	struct block_mem *m = (struct block_mem *)s;
	int r = enter(m);
	struct mem_block *block = r == 0 ? find(m, name) : NULL;

	if (r == 0 && !block)
		r = -ENOENT;
	if (r == 0)
		*ret = (uint32_t)block->size;
	pthread_mutex_unlock(&m->lock);
	return r;
}

static void drop(struct block_mem *m, struct mem_block *block)
{
	HASH_DEL(m->blocks, block);
	free(block->bytes);
	free(block);
}

static int mem_remove(struct block_store *s, const struct block_name *name)
{
	struct block_mem *m = (struct block_mem *)s;
	int r = enter(m);
	struct mem_block *block = r == 0 ? find(m, name) : NULL;

	if (block)
		drop(m, block);
	pthread_mutex_unlock(&m->lock);
	return r;
}

/* There is one folder, and blocks have no age. */
static int mem_each(struct block_store *s, uint32_t *folder, int64_t older_s, block_store_on_name on_name, void *cookie)
{
	struct block_mem *m = (struct block_mem *)s;
	struct mem_block *block, *next;
	int r = enter(m);

	(void)older_s;
	*folder = 0;
	HASH_ITER(hh, m->blocks, block, next)
		if (r == 0)
			r = on_name(&block->name, cookie);
	pthread_mutex_unlock(&m->lock);
	return r;
}

static int mem_spool(struct block_store *s)
{
	int r = enter((struct block_mem *)s);

	pthread_mutex_unlock(&((struct block_mem *)s)->lock);
	if (r == 0)
		r = memfd_create("spool", MFD_CLOEXEC);
	return r < 0 && r != -ENOSPC ? -EIO : r;
}

static int mem_free_bytes(struct block_store *s, int64_t *ret, int64_t *ret_total)
{
	struct block_mem *m = (struct block_mem *)s;
	int r = enter(m);

	if (r == 0)
		*ret = m->left;
	*ret_total = TOTAL_BYTES;
	pthread_mutex_unlock(&m->lock);
	return r;
}

static void mem_free(struct block_store *s)
{
	struct block_mem *m = (struct block_mem *)s;
	struct mem_block *block, *next;

	if (!m)
		return;
	HASH_ITER(hh, m->blocks, block, next)
		drop(m, block);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static const struct block_store_ops block_mem_ops = {
	.put = mem_put,
	.get = mem_get,
	.size = mem_size,
	.remove = mem_remove,
	.each = mem_each,
	.spool = mem_spool,
	.free_bytes = mem_free_bytes,
	.free = mem_free,
};

int block_mem_new(struct block_store **ret)
{
	struct block_mem *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->left = TOTAL_BYTES;
	m->base.ops = &block_mem_ops;
	pthread_mutex_init(&m->lock, NULL);
	*ret = &m->base;
	return 0;
}

void block_mem_left(struct block_store *s, int64_t bytes)
{
	struct block_mem *m = (struct block_mem *)s;

	pthread_mutex_lock(&m->lock);
	m->left = bytes;
	pthread_mutex_unlock(&m->lock);
}

void block_mem_fail(struct block_store *s, unsigned after, int error)
{
	struct block_mem *m = (struct block_mem *)s;

	pthread_mutex_lock(&m->lock);
	m->calls_left = after;
	m->error = error;
	pthread_mutex_unlock(&m->lock);
}

size_t block_mem_count(struct block_store *s)
{
	struct block_mem *m = (struct block_mem *)s;
	size_t count;

	pthread_mutex_lock(&m->lock);
	count = HASH_COUNT(m->blocks);
	pthread_mutex_unlock(&m->lock);
	return count;
}
