#include "backend/docs/request/blocks.h"

#include "backend/docs/core/failpoint.h"
#include "common/base/error.h"

#include <errno.h>
#include <stdlib.h>

/*
 * How bytes become a block of a drive. The SHA-256 of its bytes identifies a block. blocks_keep first looks
 * whether the drive has the block already; if so, the bytes need not be written again. Otherwise blocks_keep
 * checks the owner's quota and the disk for room, gets a generation from the database (a number that is given
 * only once), writes the file under hash and generation, makes the file durable, and writes the row last. Only
 * then may an op name the block.
 *
 * If the process dies in between, a file without a row remains, which upkeep collects. Two uploads of the same
 * bytes get two generations; the row of one of them wins, and the other upload removes its file. Where an owner
 * or the disk has no room, blocks of the owner that nothing refers to any more are collected at once, the oldest
 * first.
 *
 * An upload that failed drops its blocks in a separate job, later: nobody waits for that job.
 */

#define BLOCKS_COLLECTED_MAX 1024 /* blocks collected in one go, when there is no room for another */
#define BLOCKS_PUT_TRIES 2
/* Rounds of collecting for one block: the first candidates may turn out to be needed, and are not looked at
 * again. */
#define BLOCKS_COLLECT_TRIES 8

static int remove_bytes(uint32_t drive, const struct docs_block *block, void *cookie)
{
	struct docs *docs = cookie;
	struct block_name name = {.drive = drive, .generation = block->generation};

	memcpy(name.sha256, block->sha256, sizeof(name.sha256));
	metric_inc(docs->metrics.blocks_collected);
	(void)docs->blocks->ops->remove(
		docs->blocks, &name); /* its row is gone: a file that stays is found as a stray */
	return 0;
}

/* Below 0: other data on that disk takes up so much of the reserve. */
static int disk_left(const struct docs *docs, int64_t *ret)
{
	int64_t left, total;
	const int r = docs->blocks->ops->free_bytes(docs->blocks, &left, &total);

	if (r < 0)
		return r;
	*ret = left - rows_disk_reserve(docs->blocks_reserve, total);
	return 0;
}

int blocks_disk_left(const struct docs *docs, int64_t *ret)
{
	const int r = disk_left(docs, ret);

	if (r == 0 && *ret < 0)
		*ret = 0;
	return r;
}

/* Collects as many bytes as are missing from blocks that nothing refers to any more: those that the owner has let
 * go, and those that were uploaded long ago. */
static int collect(struct docs *docs, struct docs_store *store, uint32_t drive, int64_t missing, uint32_t *ret_count)
{
	const struct docs_shortage shortage = {
		.drive = drive, .bytes = missing, .grace_s = docs->block_young_s, .limit = BLOCKS_COLLECTED_MAX};

	return store->ops->collect_short(store, &shortage, remove_bytes, docs, ret_count);
}

/* Makes room for the block within the owner's quota. */
static int make_room(struct docs *docs, struct docs_store *store, const struct docs_scope *scope,
	struct docs_block *block, int64_t *room)
{
	uint32_t count = 1;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < BLOCKS_COLLECT_TRIES && count > 0 && (int64_t)block->size > *room; i++) {
		r = collect(docs, store, scope->drive, (int64_t)block->size - *room, &count);
		if (r == 0 && count > 0)
			r = store->ops->block_generation(store, scope, block, room);
	}
	return r == 0 && (int64_t)block->size > *room ? -EDQUOT : r;
}

/* Makes room for the block on the disk. */
static int find_disk(struct docs *docs, struct docs_store *store, uint32_t drive, int64_t size)
{
	uint32_t count = 1;
	int64_t left = 0;
	int r = disk_left(docs, &left);

	for (unsigned i = 0; r == 0 && i < BLOCKS_COLLECT_TRIES && count > 0 && left < size; i++) {
		r = collect(docs, store, drive, size - left, &count);
		if (r == 0 && count > 0)
			r = disk_left(docs, &left);
	}
	return r == 0 && left < size ? -ENOSPC : r;
}

/* Checks for room for the row, and for the block itself where blocks are stored in rows. The collection just
 * before may have made some room. */
static int find_row(struct docs *docs)
{
	if (!rows_disk_is_short(docs->rows_disk))
		return 0;
	rows_disk_look_again(docs->rows_disk);
	return rows_disk_is_short(docs->rows_disk) ? -ENOSPC : 0;
}

/*
 * Gets a generation for one more block, if the block is admitted. Every stored block counts until it is gone.
 * Where the owner or the disk is short of room, blocks that nothing refers to are collected now: those that were
 * let go, the oldest first, and those that were uploaded and never named, unless they are young and may be about
 * to be named. A reader of a version that was overwritten since therefore has only the time in which as many
 * bytes are overwritten as the limit leaves free. Uploads side by side do not see each other: together they can
 * exceed the limit by one block each.
 */
static int admit(struct docs *docs, struct docs_store *store, const struct docs_scope *scope, struct docs_block *block)
{
	int64_t room = 0;
	int r = find_disk(docs, store, scope->drive, (int64_t)block->size);

	if (r == 0)
		r = find_row(docs);
	if (r == 0)
		r = store->ops->block_generation(store, scope, block, &room);
	return r < 0 ? r : make_room(docs, store, scope, block, &room);
}

/* Writes the bytes under the block's generation and adds the row to the store. Removes the bytes when another
 * upload of the same block was faster. */
static int keep_new(struct docs *docs, struct docs_store *store, const struct docs_scope *scope,
	struct docs_block *block, struct span bytes)
{
	struct block_name name = {.drive = scope->drive};
	struct docs_block known;
	int r;

	memcpy(name.sha256, block->sha256, sizeof(name.sha256));
	name.generation = block->generation;
	r = docs->blocks->ops->step ? docs->blocks->ops->step(docs->blocks, block->step, &block->step) : 0;
	if (r == 0)
		r = docs->blocks->ops->put(docs->blocks, &name, bytes);
	if (r < 0)
		return r;
	failpoint_after_change(&docs->failpoint, "block-file");
	metric_add(docs->metrics.block_bytes_in, (int64_t)bytes.size);
	block->within_s = BLOCKS_ROW_S(docs->file_grace_s);
	r = store->ops->block_stored(store, scope, block, &known);
	block->touched = r == 0 ? known.touched : 0;
	/* No op can name these bytes. When the outcome of block_stored is not known the bytes stay, and are
	 * collected if there is no row. */
	if (r == -ENOTCONN || r == -ENOENT || r == -ERR_NOT_FOUND || (r == 0 && known.generation != block->generation))
		(void)docs->blocks->ops->remove(docs->blocks, &name);
	return r == -ENOENT ? -ERR_UNAVAILABLE : r;
}

int blocks_keep(struct docs *docs, struct docs_store *store, const struct docs_scope *scope,
	const struct blocks_piece *piece, struct docs_block *ret_new)
{
	struct docs_block block = {.size = (uint32_t)piece->bytes.size, .uploader = scope->user};
	struct docs_block known;
	int r;

	memcpy(block.sha256, piece->sha256, sizeof(block.sha256));
	r = store->ops->block_find(store, scope, piece->sha256, &known);
	if (r == -ENOENT) {
		/* Tries once more where blocks have moved to another place meanwhile. */
		for (unsigned tries = 0; tries == 0 || (tries < BLOCKS_PUT_TRIES && r == -ERR_UNAVAILABLE); tries++) {
			r = admit(docs, store, scope, &block);
			if (r == 0)
				r = keep_new(docs, store, scope, &block, piece->bytes);
		}
		if (r == 0 && ret_new)
			*ret_new = block;
		return r;
	}
	if (r == 0 && ret_new)
		*ret_new = (struct docs_block){.size = 0};
	return r;
}

/* ---- blocks of failed uploads ---- */

struct drop {
	struct docs *docs;
	uint32_t drive;
	struct docs_block *blocks; /* as blocks_keep returned them; NULL: hashes is set instead */
	uint8_t (*hashes)[32];
	size_t count;
};

static void drop_free(struct drop *d)
{
	free(d->blocks);
	free(d->hashes);
	free(d);
}

static void drop_job(struct docs_store *store, void *cookie)
{
	struct drop *d = cookie;

	/* Blocks that this job cannot remove now are collected once their grace is over. */
	if (d->blocks)
		(void)store->ops->block_drop(store, d->drive, d->blocks, d->count, remove_bytes, d->docs);
	else
		(void)store->ops->block_refused(
			store, d->drive, (const uint8_t(*)[32])d->hashes, d->count, remove_bytes, d->docs);
	drop_free(d);
}

static void drop_start(const struct drop *drop)
{
	struct drop *d = malloc(sizeof(*d));

	if (!d) {
		free(drop->blocks);
		free(drop->hashes);
		return;
	}
	*d = *drop;
	if (docs_run_slow(drop_job, d, d->docs, -(int64_t)d->drive) < 0)
		drop_free(d);
}

void blocks_drop_take(struct docs *docs, uint32_t drive, struct docs_block *blocks, size_t count)
{
	drop_start(&(struct drop){.docs = docs, .drive = drive, .blocks = blocks, .count = count});
}

/* Copies the hashes of the blocks that the op names; without ret it only counts them. */
static size_t op_hashes(const struct op *op, uint8_t (*ret)[32])
{
	size_t count = 0;

	for (size_t i = 0; i < op->extent_count; i++) {
		if (op->extents[i].kind != OP_EXTENT_BLOCK)
			continue;
		if (ret)
			memcpy(ret[count], op->extents[i].sha256, sizeof(*ret));
		count++;
	}
	return count;
}

void blocks_refused(struct docs *docs, uint32_t drive, const struct op_batch *batch, size_t first, size_t count)
{
	struct drop d = {.docs = docs, .drive = drive};
	size_t named = 0;

	for (size_t i = first; i < first + count; i++)
		named += op_hashes(op_batch_at(batch, i), NULL);
	d.hashes = named > 0 ? calloc(named, sizeof(*d.hashes)) : NULL;
	if (!d.hashes)
		return;
	for (size_t i = first; i < first + count; i++)
		d.count += op_hashes(op_batch_at(batch, i), d.hashes + d.count);
	drop_start(&d);
}
