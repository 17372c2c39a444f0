#include "backend/docs/blocks/block_packed.h"

#include "backend/docs/blocks/packing.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/sha256.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

/*
 * Only the stored bytes themselves show whether they are a short form: they begin as one, and their hash is not
 * that of the block. Bytes whose hash is that of the block are its plain bytes, whatever they look like. So
 * blocks from before there were short forms are read as ever, nobody can upload bytes that are taken for a short
 * form, and a block may be copied from store to store as it is stored. Other bytes that begin as a short form
 * but cannot be unpacked are damaged.
 *
 * The cached plain bytes are a list, the most recently used first. A block never changes, so they are right as
 * long as anybody may refer to the block. They are copied with the lock held: a copy takes less time than a
 * request.
 */

struct kept {
	struct block_name name;
	char *bytes;
	uint32_t size;
	struct kept *next;
};

struct block_packed {
	struct block_store base;
	struct block_store *below;
	struct block_packed_options options;
	pthread_mutex_t lock; /* guards all below */
	struct kept *first;
	size_t count, bytes;
	struct block_name plain[BLOCK_PACKED_PLAIN_MAX]; /* indexed by generation; drive 0: none */
};

static bool is_same(const struct block_name *a, const struct block_name *b)
{
	return a->generation == b->generation && a->drive == b->drive &&
		memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0;
}

/* ---- the cache ---- */

static struct block_name *plain_place(struct block_packed *p, const struct block_name *name)
{
	return &p->plain[(uint64_t)name->generation % BLOCK_PACKED_PLAIN_MAX];
}

static bool is_plain(struct block_packed *p, const struct block_name *name)
{
	pthread_mutex_lock(&p->lock);
	const bool plain = is_same(plain_place(p, name), name);
	pthread_mutex_unlock(&p->lock);
	return plain;
}

static void note_plain(struct block_packed *p, const struct block_name *name)
{
	pthread_mutex_lock(&p->lock);
	*plain_place(p, name) = *name;
	pthread_mutex_unlock(&p->lock);
}

/* The place in the list that points to the block, or the end of the list. The caller holds p->lock. */
static struct kept **find(struct block_packed *p, const struct block_name *name)
{
	struct kept **at = &p->first;

	while (*at && !is_same(&(*at)->name, name))
		at = &(*at)->next;
	return at;
}

/* The caller holds p->lock. */
static void drop(struct block_packed *p, struct kept **at)
{
	struct kept *k = *at;

	assert(p->count > 0 && p->bytes >= k->size);
	p->count--;
	p->bytes -= k->size;
	*at = k->next;
	free(k->bytes);
	free(k);
}

/* The caller holds p->lock. */
static void drop_last(struct block_packed *p)
{
	struct kept **at = &p->first;

	while ((*at)->next)
		at = &(*at)->next;
	drop(p, at);
}

static void forget(struct block_packed *p, const struct block_name *name)
{
	pthread_mutex_lock(&p->lock);
	struct kept **at = find(p, name);
	if (*at)
		drop(p, at);
	pthread_mutex_unlock(&p->lock);
}

/* Takes over k. */
static void keep(struct block_packed *p, struct kept *k)
{
	pthread_mutex_lock(&p->lock);
	struct kept **at = find(p, &k->name); /* another thread may have been faster */
	if (*at)
		drop(p, at);
	k->next = p->first;
	p->first = k;
	p->count++;
	p->bytes += k->size;
	while (p->count > 1 && (p->bytes > p->options.memory || p->count > BLOCK_PACKED_KEPT_MAX))
		drop_last(p);
	pthread_mutex_unlock(&p->lock);
}

/* A part of a block, as a caller of get wants it; data NULL: only the size is wanted. */
struct part {
	uint32_t from, size;
	void *data;
	uint32_t got; /* bytes copied, or the size of the block */
};

static void copy_part(const struct kept *k, struct part *part)
{
	const uint32_t left = part->from < k->size ? k->size - part->from : 0;

	part->got = part->data ? (left < part->size ? left : part->size) : k->size;
	if (part->data)
		memcpy(part->data, k->bytes + (part->got > 0 ? part->from : 0), part->got);
}

static bool recall(struct block_packed *p, const struct block_name *name, struct part *part)
{
	pthread_mutex_lock(&p->lock);
	struct kept **at = find(p, name), *k = *at;
	if (k) {
		*at = k->next;
		k->next = p->first;
		p->first = k;
		copy_part(k, part);
	}
	pthread_mutex_unlock(&p->lock);
	return k;
}

/* ---- reading ---- */

static int has_name_of(struct span stored, const struct block_name *name, bool *ret)
{
	uint8_t digest[SHA256_BYTES];
	const int r = sha256_of(stored, digest);

	*ret = r == 0 && memcmp(digest, name->sha256, sizeof(digest)) == 0;
	return r;
}

/* Replaces the stored bytes by the plain bytes. -EBADMSG: they are damaged. */
static int make_plain(struct kept *k, bool *ret_was_plain)
{
	const struct span stored = span_of(k->bytes, k->size);
	size_t size;
	char *plain;
	int r = 0;

	*ret_was_plain = !packing_is_packed(stored);
	if (!*ret_was_plain)
		r = has_name_of(stored, &k->name, ret_was_plain);
	if (r < 0 || *ret_was_plain)
		return r;
	r = packing_unpack(stored, &plain, &size);
	if (r == -EBADMSG)
		log_warning(NULL,
			"op=unpack part=blocks drive=%" PRIu32 " generation=%" PRId64
			" outcome=\"the block is damaged\"",
			k->name.drive, k->name.generation);
	if (r < 0)
		return r;
	free(k->bytes);
	k->bytes = plain;
	k->size = (uint32_t)size;
	return 0;
}

static void kept_free(struct kept *k)
{
	free(k->bytes);
	free(k);
}

/* A block that is too long shows by a size of BLOCK_BYTES_MAX + 1. */
static int read_whole(struct block_packed *p, const struct block_name *name, struct kept **ret)
{
	struct kept *k = calloc(1, sizeof(*k));
	int r = -ENOMEM;

	if (!k)
		return r;
	k->name = *name;
	k->bytes = malloc(BLOCK_BYTES_MAX + 1);
	if (k->bytes)
		r = p->below->ops->get(p->below, name, 0, k->bytes, BLOCK_BYTES_MAX + 1, &k->size);
	if (r < 0) {
		kept_free(k);
		return r;
	}
	char *less = realloc(k->bytes, k->size + 1);
	if (less)
		k->bytes = less;
	*ret = k;
	return 0;
}

static int load(struct block_packed *p, const struct block_name *name, struct part *part)
{
	bool was_plain;
	struct kept *k;
	int r = read_whole(p, name, &k);

	if (r < 0)
		return r;
	r = k->size <= BLOCK_BYTES_MAX ? make_plain(k, &was_plain) : -EIO;
	if (r < 0) {
		kept_free(k);
		return r == -EBADMSG ? -EIO : r;
	}
	if (was_plain)
		note_plain(p, name);
	copy_part(k, part);
	keep(p, k);
	return 0;
}

/* budget: the signature is that of block_store.h */
static int packed_fresh(
	struct block_store *s, const struct block_name *name, void *data, uint32_t room, uint32_t *ret_size)
{
	struct part part = {.size = room, .data = data};
	bool was_plain;
	struct kept *k;
	int r = read_whole((struct block_packed *)s, name, &k);

	if (r < 0)
		return r;
	r = make_plain(k, &was_plain);
	if (r == 0) {
		copy_part(k, &part);
		*ret_size = part.got;
	}
	kept_free(k);
	return r;
}

/* Whether the stored bytes are the plain bytes, so that parts of them can be read from below. */
static int look(struct block_packed *p, const struct block_name *name, bool *ret_plain)
{
	char head[PACKING_HEAD_BYTES];
	uint32_t size;

	*ret_plain = is_plain(p, name);
	if (*ret_plain)
		return 0;
	const int r = p->below->ops->get(p->below, name, 0, head, sizeof(head), &size);
	*ret_plain = r == 0 && !packing_is_packed(span_of(head, size));
	if (*ret_plain)
		note_plain(p, name);
	return r;
}

/* budget: the signature is that of block_store.h */
static int packed_get(struct block_store *s, const struct block_name *name, uint32_t from, void *data, uint32_t size,
	uint32_t *ret_size)
{
	struct block_packed *p = (struct block_packed *)s;
	struct part part = {.from = from, .size = size, .data = data};
	bool plain = false;
	int r = 0;

	if (!recall(p, name, &part)) {
		if (!p->options.far || size < BLOCK_PACKED_SMALL_BYTES)
			r = look(p, name, &plain);
		if (r == 0 && plain)
			return p->below->ops->get(p->below, name, from, data, size, ret_size);
		if (r == 0)
			r = load(p, name, &part);
	}
	if (r == 0)
		*ret_size = part.got;
	return r;
}

static int packed_size(struct block_store *s, const struct block_name *name, uint32_t *ret)
{
	struct block_packed *p = (struct block_packed *)s;
	struct part part = {.data = NULL};
	bool plain = false;
	int r = 0;

	if (!recall(p, name, &part)) {
		if (!p->options.far) /* a caller that asks for the size reads the block next */
			r = look(p, name, &plain);
		if (r == 0 && plain)
			return p->below->ops->size(p->below, name, ret);
		if (r == 0)
			r = load(p, name, &part);
	}
	if (r == 0)
		*ret = part.got;
	return r;
}

/* ---- the rest ---- */

static int packed_put(struct block_store *s, const struct block_name *name, struct span bytes)
{
	struct block_packed *p = (struct block_packed *)s;
	struct buf shorter;

	buf_init(&shorter, BLOCK_BYTES_MAX);
	int r = packing_pack(bytes, &shorter);
	const bool is_packed = r == 0;
	if (r == 0 || r == -E2BIG)
		r = p->below->ops->put(p->below, name, is_packed ? buf_span(&shorter) : bytes);
	buf_fini(&shorter);
	return r;
}

static int packed_remove(struct block_store *s, const struct block_name *name)
{
	struct block_packed *p = (struct block_packed *)s;

	forget(p, name);
	return p->below->ops->remove(p->below, name);
}

/* budget: the signature is that of block_store.h */
static int packed_each(
	struct block_store *s, uint32_t *folder, int64_t older_s, block_store_on_name on_name, void *cookie)
{
	struct block_packed *p = (struct block_packed *)s;

	return p->below->ops->each(p->below, folder, older_s, on_name, cookie);
}

static int packed_spool(struct block_store *s)
{
	struct block_packed *p = (struct block_packed *)s;

	return p->below->ops->spool(p->below);
}

static int packed_free_bytes(struct block_store *s, int64_t *ret, int64_t *ret_total)
{
	struct block_packed *p = (struct block_packed *)s;

	return p->below->ops->free_bytes(p->below, ret, ret_total);
}

static int packed_step(struct block_store *s, int64_t refused, int64_t *ret)
{
	struct block_packed *p = (struct block_packed *)s;

	*ret = 0;
	return p->below->ops->step ? p->below->ops->step(p->below, refused, ret) : 0;
}

static void packed_free(struct block_store *s)
{
	struct block_packed *p = (struct block_packed *)s;

	while (p->first)
		drop(p, &p->first);
	assert(p->count == 0 && p->bytes == 0);
	p->below->ops->free(p->below);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static const struct block_store_ops block_packed_ops = {
	.put = packed_put,
	.get = packed_get,
	.fresh = packed_fresh,
	.size = packed_size,
	.remove = packed_remove,
	.each = packed_each,
	.spool = packed_spool,
	.free_bytes = packed_free_bytes,
	.step = packed_step,
	.free = packed_free,
};

int block_packed_new(struct block_store *below, const struct block_packed_options *options, struct block_store **ret)
{
	struct block_packed *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->base.ops = &block_packed_ops;
	p->below = below;
	p->options = *options;
	pthread_mutex_init(&p->lock, NULL);
	*ret = &p->base;
	return 0;
}
