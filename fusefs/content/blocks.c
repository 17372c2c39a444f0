#include "fusefs/content/blocks.h"

#include "fusefs/core/core.h"

#include <assert.h>
#include <errno.h>
#include <utlist.h>

/* One request in flight: for a whole block, or for consecutive pieces of one block. */
struct fetch {
	struct blocks *cache;
	struct store_part part;
	struct bytes *bytes; /* where the response is received */
	struct wait *waits;
	uint32_t count;
	struct block *blocks[BLOCK_PART_BYTES_MAX / BLOCKS_PIECE_BYTES];
};

void blocks_init(struct blocks *t, struct core *core, size_t max)
{
	*t = (struct blocks){.core = core, .max = max};
}

struct blocks_want blocks_want(const struct blocks *t, const struct segment *s, int64_t at, int64_t len, bool ahead)
{
	return (struct blocks_want){.from = s->from + (uint32_t)(at - s->at),
		.len = (uint32_t)len,
		.whole = ahead && s->len >= (int64_t)s->block_size / 2 && s->block_size <= t->max / 4};
}

/* Puts b at the front of its list. */
static void link_block(struct blocks *t, struct block *b)
{
	if (b->passed) {
		t->passed_used += b->bytes->capacity;
		DL_PREPEND(t->passed, b);
	} else {
		DL_PREPEND(t->recent, b);
	}
}

static void unlink_block(struct blocks *t, struct block *b)
{
	if (b->passed) {
		assert(t->passed_used >= b->bytes->capacity);
		t->passed_used -= b->bytes->capacity;
		DL_DELETE(t->passed, b);
	} else {
		DL_DELETE(t->recent, b);
	}
}

static void drop(struct blocks *t, struct block *b)
{
	HASH_DEL(t->by_key, b);
	if (b->bytes) {
		unlink_block(t, b);
		assert(t->used >= b->bytes->capacity);
		t->used -= b->bytes->capacity;
		bytes_unref(b->bytes);
	}
	free(b);
}

void blocks_fini(struct blocks *t)
{
	while (t->by_key)
		drop(t, t->by_key);
	assert(!t->recent && !t->passed);
	assert(t->used == 0 && t->passed_used == 0);
}

static struct block_key key_of(const uint8_t sha256[32], uint32_t piece)
{
	struct block_key key = {.piece = piece};

	memcpy(key.sha256, sha256, sizeof(key.sha256));
	return key;
}

static struct block *find(struct blocks *t, const uint8_t sha256[32], uint32_t piece)
{
	struct block_key key = key_of(sha256, piece);
	struct block *b;

	HASH_FIND(hh, t->by_key, &key, sizeof(key), b);
	return b;
}

bool blocks_find(struct blocks *t, const uint8_t sha256[32], uint32_t at, struct blocks_span *ret)
{
	struct block *b = find(t, sha256, BLOCKS_WHOLE);
	uint32_t start = 0;

	if (!b || !b->bytes) {
		b = find(t, sha256, at / BLOCKS_PIECE_BYTES);
		start = at - at % BLOCKS_PIECE_BYTES;
	}
	if (!b || !b->bytes)
		return false;
	if (t->recent != b) {
		unlink_block(t, b);
		b->kept = b->kept || b->passed;
		b->passed = false;
		link_block(t, b);
	}
	*ret = (struct blocks_span){b->bytes, start, start + (uint32_t)b->bytes->used};
	return true;
}

bool blocks_have(struct blocks *t, const uint8_t sha256[32], uint32_t from, uint32_t len)
{
	uint32_t end = from + len;

	while (from < end) {
		struct blocks_span span;

		if (!blocks_find(t, sha256, from, &span) || span.to <= from)
			return false;
		from = span.to;
	}
	return true;
}

static struct block *add(struct blocks *t, const uint8_t sha256[32], uint32_t piece)
{
	struct block *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->key = key_of(sha256, piece);
	HASH_ADD(hh, t->by_key, key, sizeof(b->key), b);
	return b;
}

/* Once the whole block is cached, its pieces only waste memory. */
static void drop_pieces(struct blocks *t, const uint8_t sha256[32], size_t size)
{
	for (uint32_t piece = 0; piece * (size_t)BLOCKS_PIECE_BYTES < size; piece++) {
		struct block *b = find(t, sha256, piece);

		if (b && b->bytes)
			drop(t, b);
	}
}

void blocks_passed(struct blocks *t, const uint8_t sha256[32])
{
	struct block *b = find(t, sha256, BLOCKS_WHOLE);

	if (!b || !b->bytes || b->bytes->capacity <= BLOCKS_SMALL_BYTES || b->passed || b->kept)
		return;
	unlink_block(t, b);
	b->passed = true;
	link_block(t, b);
}

static void arrived(struct blocks *t, struct block *b, struct bytes *bytes)
{
	b->fetch = NULL;
	b->bytes = bytes_ref(bytes);
	t->used += bytes->capacity;
	link_block(t, b);
	if (b->key.piece == BLOCKS_WHOLE)
		drop_pieces(t, b->key.sha256, bytes->used);
	while (t->used > t->max && (t->passed || t->recent->prev != b))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the analyzer miscounts the references */
		drop(t, t->passed ? t->passed->prev : t->recent->prev);
}

void blocks_put(struct blocks *t, const uint8_t sha256[32], struct bytes *bytes)
{
	struct block *b = find(t, sha256, BLOCKS_WHOLE);

	if (b)
		return; /* cached, or in flight: it is dropped then only when its fetch ends */
	b = add(t, sha256, BLOCKS_WHOLE);
	if (b)
		arrived(t, b, bytes);
}

/* -- fetching -- */

static struct bytes *copy_of(const char *data, size_t size)
{
	struct bytes *bytes = bytes_new(size);

	if (!bytes)
		return NULL;
	memcpy(bytes->data, data, size);
	bytes->used = size;
	return bytes;
}

/* Hands the n-th block of a fetch its bytes. Without bytes the block is dropped. */
static void take(struct blocks *t, struct fetch *f, uint32_t n, struct bytes *bytes)
{
	struct block *b = f->blocks[n], *whole = find(t, b->key.sha256, BLOCKS_WHOLE);

	if (!bytes || (whole && whole->bytes))
		drop(t, b);
	else
		arrived(t, b, bytes);
}

/* A fetch of one block gives the received buffer to this block. The buffer of a fetch of several pieces is
 * copied piece by piece, so that each piece can be evicted alone. */
static int divide(const struct fetch *f, struct bytes **ret)
{
	int error = 0;

	f->bytes->used = f->part.len;
	if (f->count == 1)
		ret[0] = bytes_ref(f->bytes);
	for (uint32_t i = 0; f->count > 1 && error == 0 && i < f->count; i++) {
		size_t from = (size_t)i * BLOCKS_PIECE_BYTES;
		size_t len = i + 1 < f->count ? BLOCKS_PIECE_BYTES : f->part.len - from;

		ret[i] = copy_of(f->bytes->data + from, len);
		if (!ret[i])
			error = -ENOMEM;
	}
	return error;
}

static void on_bytes(void *cookie, int error)
{
	struct fetch *f = cookie;
	struct core *core = f->cache->core;
	struct bytes *bytes[BLOCK_PART_BYTES_MAX / BLOCKS_PIECE_BYTES] = {NULL};

	if (error == 0)
		error = divide(f, bytes);
	core_lock(core);
	for (uint32_t i = 0; i < f->count; i++)
		take(f->cache, f, i, bytes[i]);
	core_call_over(core);
	wait_fire(&f->waits, error);
	core_unlock(core);
	for (uint32_t i = 0; i < f->count; i++)
		bytes_unref(bytes[i]);
	bytes_unref(f->bytes);
	free(f);
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

/* Adds the next block or piece to a request that is not sent yet. */
static int extend(struct blocks *t, struct fetch *f, const struct segment *s, uint32_t piece)
{
	struct block *b = add(t, s->sha256, piece);

	if (!b)
		return -ENOMEM;
	b->fetch = f;
	f->blocks[f->count++] = b;
	return 0;
}

/* Adds the pieces from want->from on, up to the first that is cached or in flight. */
static int gather_pieces(struct blocks *t, struct fetch *f, const struct segment *s, const struct blocks_want *want)
{
	uint32_t first = want->from / BLOCKS_PIECE_BYTES, last = (want->from + want->len - 1) / BLOCKS_PIECE_BYTES;
	uint32_t room = sizeof(f->blocks) / sizeof(f->blocks[0]);
	uint32_t end;
	int r = 0;

	for (uint32_t piece = first; r == 0 && piece <= last && f->count < room; piece++) {
		if (piece > first && find(t, s->sha256, piece))
			break;
		r = extend(t, f, s, piece);
	}
	f->part.from = first * BLOCKS_PIECE_BYTES;
	end = f->part.from + f->count * BLOCKS_PIECE_BYTES;
	f->part.len = (end < s->block_size ? end : s->block_size) - f->part.from;
	return r;
}

static void fetch_undo(struct blocks *t, struct fetch *f)
{
	while (f->count > 0)
		drop(t, f->blocks[--f->count]);
	bytes_unref(f->bytes);
	free(f);
}

/* Among the passed blocks of exactly this size that nobody reads any more, the one that was passed longest ago.
 * NULL: there is none, or passed blocks take too little of the cache. */
static struct block *find_room(struct blocks *t, size_t size)
{
	struct block *b = t->passed ? t->passed->prev : NULL;

	if (t->passed_used < t->max / BLOCKS_PASSED_PART + size)
		return NULL;
	while (b && (b->bytes->capacity != size || !bytes_alone(b->bytes)))
		b = b == t->passed ? NULL : b->prev;
	return b;
}

static struct bytes *room_for(struct blocks *t, size_t size)
{
	struct block *b = find_room(t, size);
	struct bytes *bytes;

	if (!b)
		return bytes_new(size);
	bytes = bytes_ref(b->bytes);
	drop(t, b);
	return bytes;
}

static struct fetch *fetch_new(struct blocks *t, const struct segment *s, const struct blocks_want *want)
{
	struct fetch *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return NULL;
	f->cache = t;
	if (want->whole) {
		f->part.len = s->block_size;
		r = extend(t, f, s, BLOCKS_WHOLE);
	} else {
		r = gather_pieces(t, f, s, want);
	}
	if (r == 0)
		f->bytes = room_for(t, f->part.len);
	if (f->bytes) {
		f->part.into = f->bytes->data;
		return f;
	}
	fetch_undo(t, f);
	return NULL;
}

/* The block or piece that holds or will bring the byte at want->from. A reader that wants a piece does not wait
 * for a whole block that is in flight for others. */
static struct block *find_wanted(struct blocks *t, const struct segment *s, const struct blocks_want *want)
{
	struct block *b = find(t, s->sha256, BLOCKS_WHOLE);

	return want->whole || (b && b->bytes) ? b : find(t, s->sha256, want->from / BLOCKS_PIECE_BYTES);
}

static void ask(struct blocks *t, const struct segment *s, struct fetch *f)
{
	struct extent e = extent_of(s);

	core_call_begins(t->core);
	(void)t->core->store->ops->block_get(t->core->store, &e, f->part, on_bytes, f);
}

int64_t blocks_fetch(struct blocks *t, const struct segment *s, const struct blocks_want *asked,
	void (*ready)(void *cookie, int error), void *cookie)
{
	struct blocks_want want = *asked;
	struct block *b;
	struct fetch *f;
	int64_t len;

	want.whole = want.whole || s->block_size <= BLOCKS_SMALL_BYTES || want.len == s->block_size;
	b = find_wanted(t, s, &want);
	if (b && !b->fetch)
		return -EBADMSG; /* it is cached, and ends before want->from: the store gave two sizes for one block */
	f = b ? b->fetch : fetch_new(t, s, &want);
	if (!f)
		return -ENOMEM;
	if (ready && wait_add(&f->waits, ready, cookie) < 0) {
		if (!b)
			fetch_undo(t, f);
		return -ENOMEM;
	}
	if (!b)
		ask(t, s, f);
	len = (int64_t)f->part.from + f->part.len - want.from;
	if (len <= 0 || len > want.len)
		len = want.len;
	return len;
}

static void on_spare(void *cookie, int error)
{
	struct blocks *t = cookie;

	(void)error; /* a reader of this block sends its own request, and gets its error */
	assert(t->spare > 0);
	t->spare--;
}

bool blocks_fetch_spare(struct blocks *t, const struct segment *s)
{
	const struct blocks_want whole = {.from = 0, .len = s->block_size, .whole = true};

	if (t->spare >= BLOCKS_SPARE_MAX || find(t, s->sha256, BLOCKS_WHOLE) ||
		blocks_fetch(t, s, &whole, on_spare, t) < 0)
		return false;
	t->spare++;
	return true;
}
