#include "fusefs/blocks.h"

#include "fusefs/fs.h"

#include <assert.h>
#include <errno.h>
#include <utlist.h>

void blocks_init(struct blocks *t, struct fs *fs, size_t max)
{
	*t = (struct blocks){.fs = fs, .max = max};
}

static void drop(struct blocks *t, struct block *b)
{
	HASH_DEL(t->by_hash, b);
	if (b->bytes) {
		DL_DELETE(t->recent, b);
		t->used -= b->bytes->capacity;
		bytes_unref(b->bytes);
	}
	free(b);
}

void blocks_fini(struct blocks *t)
{
	while (t->by_hash)
		drop(t, t->by_hash);
}

static struct block *find(struct blocks *t, const uint8_t sha256[32])
{
	struct block *b;

	HASH_FIND(hh, t->by_hash, sha256, sizeof(b->sha256), b);
	return b;
}

struct bytes *blocks_find(struct blocks *t, const uint8_t sha256[32])
{
	struct block *b = find(t, sha256);

	if (!b || !b->bytes)
		return NULL;
	if (t->recent != b) {
		DL_DELETE(t->recent, b);
		DL_PREPEND(t->recent, b);
	}
	return b->bytes;
}

static struct block *add(struct blocks *t, const uint8_t sha256[32])
{
	struct block *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->fs = t->fs;
	memcpy(b->sha256, sha256, sizeof(b->sha256));
	HASH_ADD(hh, t->by_hash, sha256, sizeof(b->sha256), b);
	return b;
}

static void came(struct blocks *t, struct block *b, struct bytes *bytes)
{
	b->bytes = bytes_ref(bytes);
	t->used += bytes->capacity;
	DL_PREPEND(t->recent, b);
	while (t->used > t->max && t->recent->prev != b)
		drop(t, t->recent->prev);
}

void blocks_put(struct blocks *t, const uint8_t sha256[32], struct bytes *bytes)
{
	struct block *b = find(t, sha256);

	if (b)
		return; /* on its way: then it comes, and a block is dropped only when nobody is to put it there */
	b = add(t, sha256);
	if (b)
		came(t, b, bytes);
}

static void on_block(void *cookie, int error, const void *data, size_t size)
{
	struct block *b = cookie;
	struct fs *fs = b->fs;
	struct bytes *bytes = error == 0 ? bytes_new(size) : NULL;
	struct wait *waits;

	if (error == 0 && !bytes)
		error = -ENOMEM;
	if (bytes) {
		memcpy(bytes->data, data, size);
		bytes->used = size;
	}
	fs_lock(fs);
	waits = b->waits;
	b->waits = NULL;
	if (bytes && !b->bytes)
		came(&fs->blocks, b, bytes);
	else if (!b->bytes)
		drop(&fs->blocks, b);
	fs->calls--;
	wait_fire(&waits, error);
	fs_unlock(fs);
	bytes_unref(bytes);
}

static struct extent extent_of(const struct segment *s)
{
	struct extent e = {.at = s->at,
		.len = s->len,
		.kind = EXTENT_BLOCK,
		.generation = s->generation,
		.from = s->from,
		.block_size = s->block_size,
		.cap = span_of(s->cap, s->cap_size)};

	memcpy(e.sha256, s->sha256, sizeof(e.sha256));
	return e;
}

int blocks_fetch(struct blocks *t, const struct segment *s, void (*ready)(void *cookie, int error), void *cookie)
{
	struct block *b = find(t, s->sha256);
	bool started = b != NULL;
	struct extent e;
	int r;

	assert(!b || !b->bytes);
	if (!b)
		b = add(t, s->sha256);
	if (!b)
		return -ENOMEM;
	r = ready ? wait_add(&b->waits, ready, cookie) : 0;
	if (started)
		return r;
	if (r < 0) {
		drop(t, b);
		return r;
	}
	e = extent_of(s);
	t->fs->calls++;
	(void)t->fs->store->ops->block_get(t->fs->store, &e, on_block, b);
	return 0;
}
