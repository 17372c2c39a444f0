/*
 * One upload is worked on by one thread at a time: the server's while it reads (upload_take), a worker's while a block is stored. Between them lies either an armed
 * http_request_on_readable or a job in the workers' queue, never both.
 */
#include "backend/docs/upload.h"

#include "backend/docs/blocks.h"
#include "common/base/error.h"
#include "common/base/sha256.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <utlist.h>

struct upload {
	struct call *call;
	struct upload_options options;
	char *buffer;
	size_t capacity, used;
	bool has_turn, waits; /* guarded by uploads.lock */
	bool ended;
	int64_t size;	     /* of what was stored or is the rest */
	int64_t room;	     /* bytes that the drive takes; -1: not asked yet */
	struct sha256 whole; /* when a digest is to be verified, or single */
	bool has_whole;
	struct sha256 parts; /* of block hashes and the rest */
	uint8_t fingerprint[SHA256_BYTES], digest[SHA256_BYTES];
	struct op_extent *extents;
	size_t count, extent_room;
	char *rest; /* inline content */
	struct upload *prev, *next;
};

struct uploads {
	struct docs *docs;
	pthread_mutex_t lock; /* guards all below */
	struct upload *waiting;
	unsigned running, waiting_count;
};

static void upload_take(struct upload *u);

int uploads_new(struct docs *docs, struct uploads **ret)
{
	struct uploads *all = calloc(1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	all->docs = docs;
	pthread_mutex_init(&all->lock, NULL);
	*ret = all;
	return 0;
}

void uploads_free(struct uploads *all)
{
	if (!all)
		return;
	pthread_mutex_destroy(&all->lock);
	free(all);
}

/* ---- turns ---- */

/* 1: has a turn; 0: waits for one; -ERR_TOO_MANY. */
static int turn_ask(struct upload *u)
{
	struct uploads *all = u->call->docs->uploads;
	int r = 0;

	pthread_mutex_lock(&all->lock);
	if (all->running < UPLOADS_MAX) {
		all->running++;
		u->has_turn = true;
		metric_add(all->docs->metrics.uploads, 1);
		r = 1;
	} else if (all->waiting_count < UPLOADS_WAITING_MAX) {
		all->waiting_count++;
		u->waits = true;
		DL_APPEND(all->waiting, u);
		metric_add(all->docs->metrics.uploads_waiting, 1);
	} else {
		r = -ERR_TOO_MANY;
	}
	pthread_mutex_unlock(&all->lock);
	return r;
}

/* Gives the turn to the one who waits longest; returns it, to be started. */
static struct upload *turn_give(struct upload *u)
{
	struct uploads *all = u->call->docs->uploads;
	struct upload *next = NULL;

	pthread_mutex_lock(&all->lock);
	if (u->has_turn) {
		u->has_turn = false;
		next = all->waiting;
		if (next) {
			DL_DELETE(all->waiting, next);
			all->waiting_count--;
			next->waits = false;
			next->has_turn = true;
			metric_add(all->docs->metrics.uploads_waiting, -1);
		} else {
			all->running--;
			metric_add(all->docs->metrics.uploads, -1);
		}
	}
	pthread_mutex_unlock(&all->lock);
	return next;
}

/* A block's buffer goes back to the system at once, whatever the allocator thinks of sizes: so memory stays flat. */
static int buffer_make(struct upload *u, size_t capacity)
{
	void *p = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	u->buffer = p;
	u->capacity = capacity;
	return 0;
}

static void buffer_drop(struct upload *u)
{
	if (u->buffer)
		munmap(u->buffer, u->capacity);
	u->buffer = NULL;
}

void upload_release(struct upload *u)
{
	struct upload *next;

	buffer_drop(u);
	next = turn_give(u);
	if (next)
		upload_take(next);
}

static void upload_free(void *p)
{
	struct upload *u = p;

	upload_release(u);
	if (u->has_whole)
		sha256_fini(&u->whole);
	sha256_fini(&u->parts);
	free(u->extents);
	free(u->rest);
	free(u);
}

static void finish(struct upload *u, int error, struct docs_store *store)
{
	if (error < 0)
		upload_release(u);
	u->options.done(u->options.cookie, error, store);
}

/* ---- on a worker ---- */

static int add_extent(struct upload *u, const struct op_extent *extent)
{
	if (u->count == u->extent_room) {
		size_t room = u->extent_room ? 2 * u->extent_room : 4;
		struct op_extent *grown = realloc(u->extents, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		u->extents = grown;
		u->extent_room = room;
	}
	u->extents[u->count++] = *extent;
	return 0;
}

/* Before the first block: what the drive can take at all, so that nobody fills the disk with what a quota will refuse. */
static int check_room(struct upload *u, struct docs_store *store)
{
	int64_t announced = http_request_length(u->call->req);
	struct docs_drive drive;
	int r;

	if (u->room < 0) {
		r = store->ops->drive_get(store, &u->call->scope, &drive);
		if (r < 0)
			return r;
		u->room = drive.row.quota == 0 ? INT64_MAX : drive.row.quota - drive.row.used + u->options.replaces;
		if (announced > u->room)
			return -EDQUOT;
	}
	return u->size + (int64_t)u->used > u->room ? -EDQUOT : 0;
}

static int store_block(struct upload *u, struct docs_store *store)
{
	struct op_extent extent = {.at = u->size, .len = (int64_t)u->used, .kind = OP_EXTENT_BLOCK};
	struct blocks_piece piece = {.bytes = span_of(u->buffer, u->used)};
	int r = check_room(u, store);

	if (r == 0)
		r = sha256_of(piece.bytes, piece.sha256);
	if (r == 0)
		r = sha256_update(&u->parts, piece.sha256, sizeof(piece.sha256));
	if (r == 0)
		r = blocks_keep(u->call->docs, store, &u->call->scope, &piece, NULL);
	memcpy(extent.sha256, piece.sha256, sizeof(extent.sha256));
	if (r == 0)
		r = add_extent(u, &extent);
	if (r == 0) {
		u->size += (int64_t)u->used;
		u->used = 0;
	}
	return r;
}

static int keep_rest(struct upload *u)
{
	struct op_extent extent = {.at = u->size, .len = (int64_t)u->used, .kind = OP_EXTENT_DATA};
	int r;

	if (u->used == 0)
		return 0;
	u->rest = malloc(u->used);
	if (!u->rest)
		return -ENOMEM;
	memcpy(u->rest, u->buffer, u->used);
	extent.data = span_of(u->rest, u->used);
	r = sha256_update(&u->parts, u->rest, u->used);
	if (r == 0)
		r = add_extent(u, &extent);
	u->size += (int64_t)u->used;
	metric_add(u->call->docs->metrics.inline_bytes_in, (int64_t)u->used);
	return r;
}

static int check_digest(struct upload *u)
{
	int r = 0;

	if (u->has_whole)
		r = sha256_final(&u->whole, u->digest);
	if (r == 0 && u->options.digest.present && memcmp(u->digest, u->options.digest.sha256, SHA256_BYTES) != 0)
		r = -ERR_BAD_DIGEST;
	return r == 0 ? sha256_final(&u->parts, u->fingerprint) : r;
}

/* The buffer is full, or the body has ended. */
static int take_buffer(struct upload *u, struct docs_store *store)
{
	int r = u->has_whole && u->used > 0 ? sha256_update(&u->whole, u->buffer, u->used) : 0;

	if (r < 0)
		return r;
	if (u->options.single) {
		u->size = (int64_t)u->used;
		r = u->ended ? 0 : -ERR_TOO_LARGE;
	} else if (u->used == BLOCK_BYTES_MAX || u->used > INLINE_BYTES_MAX) {
		r = store_block(u, store);
	} else {
		r = keep_rest(u);
	}
	return r == 0 && u->ended ? check_digest(u) : r;
}

static void upload_job(struct docs_store *store, void *cookie)
{
	struct upload *u = cookie;
	int r = take_buffer(u, store);

	if (r == 0 && !u->ended) {
		upload_take(u);
		return;
	}
	if (r == 0 && !u->options.single)
		upload_release(u);
	finish(u, r, store);
}

/* ---- reading ---- */

static void on_readable(struct http_request *req, void *cookie)
{
	(void)req;
	upload_take(cookie);
}

/* Whether the buffer must be dealt with: 1; 0: more is to be read, later; or a failure. */
static int read_some(struct upload *u)
{
	while (u->used < u->capacity) {
		size_t got = 0;
		int r = http_request_read(u->call->req, u->buffer + u->used, u->capacity - u->used, &got);

		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return r;
		u->ended = got == 0;
		if (u->ended)
			return 1;
		u->used += got;
	}
	return 1;
}

static void upload_take(struct upload *u)
{
	int r;

	if (!u->buffer) {
		r = buffer_make(u,
			(size_t)BLOCK_BYTES_MAX + u->options.single); /* a single one shows its end by one byte less */
		if (r < 0) {
			finish(u, r, NULL);
			return;
		}
	}
	r = read_some(u);
	if (r == 0)
		http_request_on_readable(u->call->req, on_readable, u);
	else if (r < 0)
		finish(u, r, NULL);
	else if (docs_run(upload_job, u, u->call->docs) < 0)
		finish(u, -ERR_UNAVAILABLE, NULL);
}

static int upload_new(struct call *call, const struct upload_options *options, struct upload **ret)
{
	struct upload *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->call = call;
	u->options = *options;
	u->room = -1;
	r = sha256_init(&u->parts);
	if (r == 0 && (options->digest.present || options->single)) {
		r = sha256_init(&u->whole);
		u->has_whole = r == 0;
	}
	if (r < 0) {
		upload_free(u);
		return r;
	}
	r = call_keep(call, u, upload_free);
	if (r == 0)
		*ret = u;
	return r;
}

void upload_start(struct call *call, const struct upload_options *options, struct upload **ret)
{
	int64_t length = http_request_length(call->req);
	int r = upload_new(call, options, ret);
	bool small = length >= 0 && length <= (int64_t)INLINE_BYTES_MAX && !options->single;

	if (r == 0 && small)
		r = buffer_make(*ret, (size_t)length + 1); /* so that the end is read too */
	if (r == 0 && !small)
		r = turn_ask(*ret);
	else if (r == 0)
		r = 1;
	if (r > 0)
		upload_take(*ret);
	else if (r < 0)
		options->done(options->cookie, r, NULL);
}

int64_t upload_size(const struct upload *u)
{
	return u->size;
}

struct op_extent *upload_extents(const struct upload *u, size_t *ret_count)
{
	*ret_count = u->count;
	return u->extents;
}

bool upload_has_blocks(const struct upload *u)
{
	return u->count > 0 && u->extents[0].kind == OP_EXTENT_BLOCK;
}

struct span upload_fingerprint(const struct upload *u)
{
	return span_of(u->fingerprint, sizeof(u->fingerprint));
}

struct span upload_bytes(const struct upload *u, uint8_t ret_sha256[32])
{
	memcpy(ret_sha256, u->digest, SHA256_BYTES);
	return span_of(u->buffer, u->used);
}
