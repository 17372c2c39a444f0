/*
 * Two walks over the same pieces: `now` is sent, `ahead` asks for the blocks in the order in which they will be
 * needed. Blocks are numbered as a walk reaches them. Block n lies in slot n % window, so that `ahead` may be up
 * to window - 1 blocks further than `now`. Consecutive pieces of the same block count as one block.
 *
 * A slot that waits for a block holds a reference of the reader: the reader is freed when the last such slot was
 * called, or has given up waiting.
 */
#include "gateway/content/content_reader.h"

#include "common/base/error.h"
#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_SIZE 64 /* of a media type: ours are shorter */

struct slot {
	struct content_reader *reader;
	struct block_waiter waiter;
	struct block_name name;
	enum { SLOT_EMPTY, SLOT_ASKED, SLOT_HERE, SLOT_FAILED } state;
	struct block *block;
	int error;
};

/* A walk, and the blocks that it has reached. */
struct walk {
	struct assembly pieces;
	struct piece piece;
	uint64_t blocks;    /* number of blocks reached */
	uint8_t sha256[32]; /* of the last one */
	int64_t generation;
};

struct content_reader {
	struct content_reader_options with;
	struct assembly_options assembly;
	char type[TYPE_SIZE];
	int64_t length;
	/* Used only by the thread that pulls. */
	struct walk now, ahead;
	int64_t sent; /* of now.piece */

	pthread_mutex_t lock; /* guards the rest */
	struct slot slots[CONTENT_WINDOW];
	unsigned holders;
	bool waits; /* pull has returned -EAGAIN: wake is to be called */
	bool over;
};

static void release(struct content_reader *r, unsigned count)
{
	pthread_mutex_lock(&r->lock);
	assert(r->holders >= count);
	r->holders -= count;
	const bool last = r->holders == 0;
	pthread_mutex_unlock(&r->lock);
	if (!last)
		return;
	for (size_t i = 0; i < CONTENT_WINDOW; i++)
		block_unref(r->slots[i].block);
	answer_unref(r->with.page);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* ---- blocks ---- */

static void on_block(struct block_waiter *waiter, int error, struct block *block)
{
	struct slot *slot = (struct slot *)((char *)waiter - offsetof(struct slot, waiter));
	struct content_reader *r = slot->reader;

	pthread_mutex_lock(&r->lock);
	assert(slot->state == SLOT_ASKED && !slot->block);
	slot->state = error < 0 ? SLOT_FAILED : SLOT_HERE;
	slot->error = error;
	slot->block = block ? block_ref(block) : NULL;
	if (r->waits && !r->over)
		r->with.wake(r->with.cookie);
	r->waits = false;
	pthread_mutex_unlock(&r->lock);
	release(r, 1);
}

/* Moves to the next piece; *ret_another: the piece is of another block than the one before. */
static int walk_on(struct walk *w, bool *ret_another)
{
	const bool first = w->blocks == 0;
	const int error = assembly_next(&w->pieces, &w->piece);

	*ret_another = false;
	if (error < 0 || w->piece.kind != PIECE_BLOCK)
		return error;
	if (!first && w->generation == w->piece.generation &&
		memcmp(w->sha256, w->piece.sha256, sizeof(w->sha256)) == 0)
		return 0;
	memcpy(w->sha256, w->piece.sha256, sizeof(w->sha256));
	w->generation = w->piece.generation;
	w->blocks++;
	*ret_another = true;
	return 0;
}

static struct slot *slot_of(struct content_reader *r, uint64_t number)
{
	return &r->slots[number % r->with.window];
}

static void ask_for(struct content_reader *r, struct slot *slot, const struct piece *piece)
{
	slot->name = (struct block_name){.drive = r->with.drive, .generation = piece->generation};
	memcpy(slot->name.sha256, piece->sha256, sizeof(slot->name.sha256));
	struct block *block = block_source_find(r->with.source, &slot->name);
	pthread_mutex_lock(&r->lock);
	assert(slot->state != SLOT_ASKED && !slot->block);
	slot->state = block ? SLOT_HERE : SLOT_ASKED;
	slot->block = block;
	r->holders += block ? 0 : 1;
	pthread_mutex_unlock(&r->lock);
	if (block)
		return;
	const int error = block_source_ask(r->with.source, &slot->name, &slot->waiter);
	if (error == 0)
		return;
	pthread_mutex_lock(&r->lock);
	slot->state = SLOT_FAILED;
	slot->error = error;
	r->holders--; /* the reference of the reader's owner remains */
	pthread_mutex_unlock(&r->lock);
}

/* Empties a slot whose block was sent; false: it still waits for its block (whose answer was cut short by the end
 * of a part). */
static bool empty(struct content_reader *r, struct slot *slot)
{
	pthread_mutex_lock(&r->lock);
	const bool free = slot->state != SLOT_ASKED;
	struct block *block = free ? slot->block : NULL;
	if (free) {
		slot->block = NULL;
		slot->state = SLOT_EMPTY;
	}
	pthread_mutex_unlock(&r->lock);
	block_unref(block);
	return free;
}

/* Asks for as many blocks as the window has room for after the one that is being sent. */
static int look_ahead(struct content_reader *r)
{
	while (r->ahead.piece.kind != PIECE_END && r->ahead.blocks < r->now.blocks + r->with.window - 1) {
		bool another;
		const int error = walk_on(&r->ahead, &another);

		if (error < 0)
			return error;
		if (!another)
			continue;
		struct slot *slot = slot_of(r, r->ahead.blocks);
		const bool free = empty(r, slot);

		assert(free);
		ask_for(r, slot, &r->ahead.piece);
	}
	return 0;
}

/* ---- sending ---- */

static int copy_block(struct content_reader *r, void *data, size_t size)
{
	struct slot *slot = slot_of(r, r->now.blocks);
	const struct piece *piece = &r->now.piece;

	pthread_mutex_lock(&r->lock);
	const bool asked = slot->state == SLOT_ASKED;
	r->waits = asked;
	pthread_mutex_unlock(&r->lock);
	if (asked)
		return -EAGAIN;
	if (slot->state == SLOT_FAILED)
		return slot->error;
	const struct span bytes = block_bytes(slot->block);
	/* A block of another size cannot be the named one: the list is wrong. */
	if (bytes.size != piece->block_size)
		return -EBADMSG;
	memcpy(data, bytes.data + piece->from + r->sent, size);
	return 0;
}

static int copy_piece(struct content_reader *r, void *data, size_t size)
{
	const struct piece *piece = &r->now.piece;

	if (piece->kind == PIECE_BLOCK)
		return copy_block(r, data, size);
	if (piece->kind == PIECE_ZEROS)
		memset(data, 0, size);
	else
		memcpy(data, piece->bytes.data + r->sent, size);
	return 0;
}

/* Moves to the next piece. With a window of one block, a block is asked for only when it is needed, after the one
 * before was dropped. */
static int go_on(struct content_reader *r)
{
	bool another;
	const int error = walk_on(&r->now, &another);

	if (error < 0)
		return error;
	r->sent = 0;
	if (r->with.window > 1)
		return look_ahead(r);
	if (another && empty(r, slot_of(r, r->now.blocks)))
		ask_for(r, slot_of(r, r->now.blocks), &r->now.piece);
	return 0;
}

int content_reader_pull(struct content_reader *r, void *data, size_t size, size_t *ret_size)
{
	size_t got = 0;

	while (got < size) {
		int error = r->sent == r->now.piece.len ? go_on(r) : 0;

		if (error < 0)
			return error;
		if (r->now.piece.kind == PIECE_END)
			break;
		const int64_t left = r->now.piece.len - r->sent;
		const size_t more = left < (int64_t)(size - got) ? (size_t)left : size - got;

		error = copy_piece(r, (char *)data + got, more);
		if (error == -EAGAIN && got > 0)
			break; /* the next call returns -EAGAIN */
		if (error < 0)
			return error;
		r->sent += (int64_t)more;
		got += more;
	}
	*ret_size = got;
	return 0;
}

/* ---- life ---- */

int content_reader_new(const struct content_reader_options *options, struct content_reader **ret)
{
	struct content_reader *r = calloc(1, sizeof(*r));

	assert(options->window >= 1 && options->window <= CONTENT_WINDOW);
	const int error = r ? byteranges_length(&options->parts, &r->length) : -ENOMEM;
	if (error < 0) {
		free(r);
		return error;
	}
	r->with = *options;
	r->with.page = answer_ref(options->page);
	strncpy(r->type, options->parts.type, sizeof(r->type) - 1);
	r->with.parts.type = r->type;
	pthread_mutex_init(&r->lock, NULL);
	r->holders = 1;
	r->assembly = (struct assembly_options){.page = options->extents, .parts = &r->with.parts};
	assembly_init(&r->now.pieces, &r->assembly);
	assembly_init(&r->ahead.pieces, &r->assembly);
	r->ahead.piece.kind = PIECE_ZEROS; /* no piece yet, but also not the end */
	for (size_t i = 0; i < CONTENT_WINDOW; i++)
		r->slots[i] = (struct slot){.reader = r, .waiter = {.done = on_block}};
	*ret = r;
	return 0;
}

void content_reader_free(struct content_reader *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->over = true;
	pthread_mutex_unlock(&r->lock);
	unsigned left = 1;
	for (size_t i = 0; i < CONTENT_WINDOW; i++)
		left += block_source_leave(r->with.source, &r->slots[i].waiter); /* each held a reference */
	release(r, left);
}

int64_t content_reader_length(const struct content_reader *r)
{
	return r->length;
}

uint64_t content_reader_room(struct span page, unsigned window)
{
	struct extent_page head;
	struct extent extent;
	uint64_t most = 0;
	size_t at;

	if (extent_page_read(page, &head, &at) < 0)
		return 0;
	while (extent_page_next(page, &at, &extent) == 0)
		if (extent.kind == EXTENT_BLOCK && extent.block_size > most)
			most = extent.block_size;
	return page.size + most * window;
}
