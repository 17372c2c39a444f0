#include "backend/docs/block_copy.h"

#include "common/base/limits.h"
#include "common/base/sha256.h"
#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/*
 * The caller's thread walks through the list once, and passes blocks to copy to other threads through a short
 * queue: with a service of S3, or a folder whose disk must confirm each block, most of the time is spent
 * waiting. A missing or damaged block is counted and printed, and the copy goes on, so that one run reports all
 * of them; any other failure, such as a full disk, ends it.
 */

#define LINE_SIZE 256 /* three numbers and a hash have 110 */
#define QUEUE_MAX 128 /* lines read ahead: at most two for each thread */

static_assert(QUEUE_MAX >= 2 * BLOCK_COPY_THREADS_MAX, "no thread waits for the reader of the list");

struct listed {
	struct block_name name;
	uint32_t size;
	char hex[SHA256_HEX_SIZE];
	char place[VAULT_NAME_SIZE];
};

struct copy;
typedef int (*copy_one)(struct copy *c, const struct listed *block, struct buf *bytes); /* bytes: empty */

struct copy {
	const struct block_copy *from;
	copy_one one;
	/* by_hash: skip a block with the hash of the line before; saves: skip a block that the vault has */
	bool by_hash, saves;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t filled, taken;
	struct listed queue[QUEUE_MAX];
	size_t first, count;
	bool ended;
	int error; /* the first failure that ends the copy */
	struct block_copied *done;
};

/* ---- the list ---- */

/* "DRIVE GENERATION SIZE HASH", with one space between. */
static int parse_line(char *line, struct listed *ret)
{
	uint64_t drive = 0, generation = 0, size = 0;
	const char *words[4];

	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < 4; i++)
		words[i] = line ? strsep(&line, " ") : NULL;
	if (line || !words[3] || text_parse_u64(span_str(words[0]), UINT32_MAX, &drive) < 0 ||
		text_parse_u64(span_str(words[1]), INT64_MAX, &generation) < 0 ||
		text_parse_u64(span_str(words[2]), BLOCK_BYTES_MAX, &size) < 0)
		return -EINVAL;
	ret->name = (struct block_name){.drive = (uint32_t)drive, .generation = (int64_t)generation};
	ret->size = (uint32_t)size;
	if (text_unhex(span_str(words[3]), ret->name.sha256, sizeof(ret->name.sha256)) < 0)
		return -EINVAL;
	text_hex(ret->name.sha256, sizeof(ret->name.sha256), ret->hex);
	(void)snprintf(ret->place, sizeof(ret->place), "blocks/%.2s/%s", ret->hex, ret->hex);
	return 0;
}

static bool is_right(struct span bytes, const struct listed *block)
{
	uint8_t digest[SHA256_BYTES];

	return bytes.size == block->size && sha256_of(bytes, digest) == 0 &&
		memcmp(digest, block->name.sha256, sizeof(digest)) == 0;
}

/* ---- what was done ---- */

static void count(struct copy *c, uint64_t *counter, uint64_t bytes)
{
	pthread_mutex_lock(&c->lock);
	++*counter;
	c->done->bytes += bytes;
	pthread_mutex_unlock(&c->lock);
}

/* Prints what is wrong with a block; the copy goes on. */
static int say(struct copy *c, uint64_t *counter, const struct listed *block, const char *what)
{
	count(c, counter, 0);
	(void)fprintf(stderr, "block %s of drive %" PRIu32 ": %s\n", block->hex, block->name.drive, what);
	return 0;
}

/* ---- out of the store ---- */

static int fetch(const struct copy *c, const struct listed *block, struct buf *ret)
{
	struct block_store *blocks = c->from->blocks;
	uint32_t got = 0, there = 0;
	int r = blocks->ops->size(blocks, &block->name, &there);

	if (r == 0 && there == block->size)
		r = buf_reserve(ret, there);
	while (r == 0 && there == block->size && ret->size < there) {
		r = blocks->ops->get(blocks, &block->name, (uint32_t)ret->size, ret->data + ret->size,
			there - (uint32_t)ret->size, &got);
		if (r == 0 && got == 0)
			r = -EIO;
		ret->size += r == 0 ? got : 0;
	}
	return r;
}

static int save(struct copy *c, const struct listed *block, struct buf *bytes)
{
	int r = fetch(c, block, bytes);

	if (r == -ENOENT)
		return say(c, &c->done->missing, block, "is not there");
	if (r == -EIO)
		return say(c, &c->done->damaged, block, "cannot be read");
	if (r < 0)
		return r;
	if (!is_right(buf_span(bytes), block))
		return say(c, &c->done->damaged, block, "has other bytes than were stored");
	r = c->from->vault->ops->put(c->from->vault, block->place, buf_span(bytes));
	if (r == 0)
		count(c, &c->done->blocks, block->size);
	return r;
}

/* ---- out of the backup ---- */

static int put(struct copy *c, const struct listed *block, struct span bytes)
{
	struct block_store *blocks = c->from->blocks;
	const int r = blocks ? blocks->ops->put(blocks, &block->name, bytes) : 0;

	if (r == -EEXIST)
		count(c, &c->done->there, 0);
	else if (r == 0)
		count(c, &c->done->blocks, bytes.size);
	return r == -EEXIST ? 0 : r;
}

static int load(struct copy *c, const struct listed *block, struct buf *bytes)
{
	const int r = c->from->vault->ops->get(c->from->vault, block->place, bytes);

	if (r == -ENOENT)
		return say(c, &c->done->missing, block, "is not in the backup");
	if (r == -EFBIG || r == -EIO || (r == 0 && !is_right(buf_span(bytes), block)))
		return say(c, &c->done->damaged, block,
			"has other bytes in the backup than were stored, or cannot be read there");
	return r == 0 ? put(c, block, buf_span(bytes)) : r;
}

/* ---- threads ---- */

static bool take(struct copy *c, struct listed *ret)
{
	bool got;

	pthread_mutex_lock(&c->lock);
	while (c->count == 0 && !c->ended && c->error == 0)
		pthread_cond_wait(&c->filled, &c->lock); /* read_list and a failure end this wait */
	got = c->count > 0 && c->error == 0;
	if (got) {
		*ret = c->queue[c->first];
		c->first = (c->first + 1) % QUEUE_MAX;
		c->count--;
		pthread_cond_signal(&c->taken);
	}
	pthread_mutex_unlock(&c->lock);
	return got;
}

static int hand_over(struct copy *c, const struct listed *block)
{
	int r;

	pthread_mutex_lock(&c->lock);
	while (c->count == QUEUE_MAX && c->error == 0)
		pthread_cond_wait(&c->taken, &c->lock);
	assert(c->count < QUEUE_MAX || c->error < 0);
	r = c->error;
	if (r == 0) {
		c->queue[(c->first + c->count) % QUEUE_MAX] = *block;
		c->count++;
		pthread_cond_signal(&c->filled);
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

static void end(struct copy *c, int error)
{
	pthread_mutex_lock(&c->lock);
	c->ended = true;
	if (c->error == 0)
		c->error = error;
	pthread_cond_broadcast(&c->filled);
	pthread_cond_broadcast(&c->taken);
	pthread_mutex_unlock(&c->lock);
}

static void *work(void *cookie)
{
	struct copy *c = cookie;
	struct listed block;
	struct buf bytes;
	int r = 0;

	buf_init(&bytes, BLOCK_BYTES_MAX);
	while (r == 0 && take(c, &block)) {
		buf_reset(&bytes);
		r = c->one(c, &block, &bytes);
	}
	if (r < 0)
		end(c, r);
	buf_fini(&bytes);
	return NULL;
}

/* ---- all ---- */

/* 1: there is nothing to do for this block. */
static int look(struct copy *c, const struct listed *block, const char *before)
{
	struct vault *vault = c->from->vault;
	int r = c->by_hash && strcmp(before, block->hex) == 0;

	if (r == 0 && c->saves)
		r = vault->ops->has(vault, block->place, block->size);
	if (r == 1)
		count(c, &c->done->there, 0);
	return r;
}

static int read_list(struct copy *c)
{
	char line[LINE_SIZE], before[SHA256_HEX_SIZE] = "";
	struct listed block;
	int r = 0;

	while (r == 0 && fgets(line, sizeof(line), c->from->list)) {
		r = parse_line(line, &block);
		if (r < 0)
			break;
		r = look(c, &block, before);
		if (r == 0)
			r = hand_over(c, &block);
		memcpy(before, block.hex, sizeof(before));
		r = r > 0 ? 0 : r;
	}
	return r == 0 && ferror(c->from->list) ? -EIO : r;
}

static int run(struct copy *c)
{
	pthread_t threads[BLOCK_COPY_THREADS_MAX];
	unsigned count = 0;
	int r = 0;

	assert(c->from->threads > 0 && c->from->threads <= BLOCK_COPY_THREADS_MAX);
	while (r == 0 && count < c->from->threads) {
		r = -pthread_create(&threads[count], NULL, work, c);
		count += r == 0;
	}
	if (r == 0)
		r = read_list(c);
	end(c, r);
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return c->error;
}

static int copy(const struct block_copy *from, copy_one one, struct block_copied *ret)
{
	struct copy *c = calloc(1, sizeof(*c));
	int r;

	*ret = (struct block_copied){0};
	if (!c)
		return -ENOMEM;
	c->from = from;
	c->one = one;
	c->saves = one == save;
	c->by_hash = one == save || !from->blocks;
	c->done = ret;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->filled, NULL);
	pthread_cond_init(&c->taken, NULL);
	r = run(c);
	pthread_cond_destroy(&c->taken);
	pthread_cond_destroy(&c->filled);
	pthread_mutex_destroy(&c->lock);
	free(c);
	if (one == save) {
		const int synced = from->vault->ops->sync(from->vault);

		r = r == 0 ? synced : r;
	}
	if (r == 0 && ret->damaged > 0)
		return -EIO;
	return r == 0 && ret->missing > 0 ? -ENOENT : r;
}

int block_copy_save(const struct block_copy *from, struct block_copied *ret)
{
	return copy(from, save, ret);
}

int block_copy_load(const struct block_copy *from, struct block_copied *ret)
{
	return copy(from, load, ret);
}

int block_copy_check(const struct block_copy *from, struct block_copied *ret)
{
	const struct block_copy backup = {.vault = from->vault, .list = from->list, .threads = from->threads};

	return copy(&backup, load, ret);
}
