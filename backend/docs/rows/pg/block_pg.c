#include "backend/docs/rows/pg/block_pg.h"

#include "backend/docs/blocks/block_name.h"
#include "backend/docs/blocks/spool.h"
#include "backend/docs/rows/pg/sql.h"
#include "backend/docs/rows/pg/sql_numbers.h"
#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A block is a row of block_data and, unless it is empty, pieces of BLOCK_PIECE_BYTES in block_piece. One
 * transaction adds all of it and one statement removes all of it, so a block is there whole or not at all. The
 * pieces are sent and requested a few at a time, so that neither side ever has a large message in memory; a part
 * of a piece can be read alone.
 *
 * The row of the block (table block, which the rules use) is written afterwards by another transaction, as it is
 * for blocks in files: this store is one of several, and the steps between the two are the same for all
 * (request/blocks.c). A crash between them leaves a block here without a row there, which `each` finds.
 *
 * The connections are a stack: the one that was used last is taken first, so that a quiet service has few. No
 * connection is held while a callback runs, because the callback may call the store again.
 */

static_assert(BLOCK_PG_WAIT_MS == PG_ANSWER_MS, "BLOCK_PG_WAIT_MS");

struct block_pg {
	struct block_store base;
	int spool_folder;
	pthread_mutex_t lock;	 /* guards all below */
	pthread_cond_t returned; /* signalled when a connection is given back */
	struct pg *idle[BLOCK_PG_CONNECTIONS_MAX];
	size_t idle_count, count; /* count: idle or in use */
};

/* ---- connections ---- */

static int take(struct block_pg *b, struct pg **ret)
{
	const int64_t until_ns = clock_mono_ns() + BLOCK_PG_WAIT_MS * NS_PER_MS;
	bool in_time = true;

	pthread_mutex_lock(&b->lock);
	while (b->idle_count == 0 && in_time)
		in_time = cond_wait_until(&b->returned, &b->lock, until_ns);
	const bool got = b->idle_count > 0;
	if (got)
		*ret = b->idle[--b->idle_count];
	pthread_mutex_unlock(&b->lock);
	return got ? 0 : -ETIMEDOUT;
}

static void give_back(struct block_pg *b, struct pg *pg)
{
	pthread_mutex_lock(&b->lock);
	b->idle[b->idle_count++] = pg;
	pthread_cond_signal(&b->returned);
	pthread_mutex_unlock(&b->lock);
}

/* Maps an error to what the caller gets. An unknown outcome of adding or removing a block is no error of its
 * own: nobody refers to a block whose put has failed, and a block that should have been removed is found again. */
static int meaning(const struct pg *pg, const char *what, int r)
{
	if (r == -ERR_UNKNOWN_OUTCOME)
		return -ENOTCONN;
	if (r == 0 || r == -ENOTCONN || r == -ETIMEDOUT || r == -ENOSPC || r == -ENOMEM || r == -ENOENT || r == -EEXIST)
		return r;
	log_warning(NULL, "op=%s part=blocks error=%d text=\"%s\"", what, r,
		r == -EBADMSG ? "pieces of a block are missing or cut" : pg_error(pg));
	return -EIO;
}

enum { KEY_SHA256, KEY_GENERATION, KEY_DRIVE, KEY_PARAMS };

static void key_of(const struct block_name *name, struct pg_param *ret)
{
	ret[KEY_SHA256] = PG_P_BYTEA(span_of(name->sha256, sizeof(name->sha256)));
	ret[KEY_GENERATION] = PG_P_I64(name->generation);
	ret[KEY_DRIVE] = PG_P_I32(name->drive);
}

/* ---- put ---- */

/* Begins the transaction. -EEXIST: the block exists. */
static int add_block(struct pg *pg, const struct block_name *name, size_t size)
{
	struct pg_result *results[2] = {NULL, NULL};
	struct pg_param params[KEY_PARAMS + 1];

	key_of(name, params);
	params[KEY_PARAMS] = PG_P_I32(size);
	int r = pg_pipeline_add(pg, &PG_BEGIN, NULL, 0);
	if (r == 0)
		r = pg_pipeline_add(pg, &SQL_BLOCK_DATA_ADD, params, KEY_PARAMS + 1);
	if (r == 0)
		r = pg_pipeline_flush(pg, results);
	if (r == 0 && pg_touched(results[1]) == 0)
		r = -EEXIST;
	pg_result_free(results[0]);
	pg_result_free(results[1]);
	return r;
}

static int add_pieces(struct pg *pg, const struct block_name *name, struct span bytes)
{
	struct pg_param params[KEY_PARAMS + 2];
	int r = 0;

	key_of(name, params);
	for (size_t at = 0, n = 0; r == 0 && at < bytes.size; at += BLOCK_PIECE_BYTES, n++) {
		const size_t left = bytes.size - at, size = left < BLOCK_PIECE_BYTES ? left : BLOCK_PIECE_BYTES;

		if (n > 0 && n % BLOCK_PG_PIECES == 0)
			r = pg_pipeline_flush(pg, NULL);
		params[KEY_PARAMS] = PG_P_I32(n);
		params[KEY_PARAMS + 1] = PG_P_BYTEA(span_of(bytes.data + at, size));
		if (r == 0)
			r = pg_pipeline_add(pg, &SQL_BLOCK_DATA_ADD_PIECE, params, KEY_PARAMS + 2);
	}
	return r;
}

static int put_all(struct pg *pg, const struct block_name *name, struct span bytes)
{
	int r = pg_pipeline_begin(pg);

	if (r < 0)
		return r;
	r = add_block(pg, name, bytes.size);
	if (r == 0)
		r = add_pieces(pg, name, bytes);
	if (r == 0)
		r = pg_pipeline_add(pg, &PG_COMMIT, NULL, 0);
	if (r == 0)
		r = pg_pipeline_flush(pg, NULL);
	if (r < 0)
		(void)pg_pipeline_rollback(pg); /* closes the connection when the rollback fails */
	else
		pg_pipeline_end(pg);
	return r;
}

static int block_pg_put(struct block_store *s, const struct block_name *name, struct span bytes)
{
	struct block_pg *b = (struct block_pg *)s;
	struct pg *pg;
	int r = bytes.size > INT32_MAX ? -E2BIG : take(b, &pg);

	if (r < 0)
		return r;
	r = meaning(pg, "put", put_all(pg, name, bytes));
	give_back(b, pg);
	return r;
}

/* ---- get ---- */

/* Bytes [from, to) of a block, which lie in at most BLOCK_PG_PIECES pieces. */
struct part {
	uint32_t from, to;
	char *data;
	uint32_t size; /* bytes read so far */
};

/* Every row but the first has the next piece; each piece must have the length that follows from the size of the
 * block. */
static int take_part(const struct pg_result *result, struct part *part)
{
	const int64_t size = pg_rows(result) > 0 ? pg_number(result, 0, BLOCK_DATA_SIZE) : 0;
	const int64_t to = size < part->to ? size : part->to;

	if (pg_rows(result) == 0)
		return -ENOENT;
	for (int row = 0; row < pg_rows(result) && !pg_is_null(result, row, BLOCK_DATA_PIECE); row++) {
		const struct span bytes = pg_bytes(result, row, BLOCK_DATA_BYTES);
		const int64_t at = (int64_t)part->from + part->size, piece = at / BLOCK_PIECE_BYTES;
		const int64_t end = (piece + 1) * BLOCK_PIECE_BYTES < to ? (piece + 1) * BLOCK_PIECE_BYTES : to;

		if (pg_number(result, row, BLOCK_DATA_PIECE) != piece ||
			(int64_t)bytes.size != (at < end ? end - at : 0))
			return -EBADMSG;
		memcpy(part->data + part->size, bytes.data, bytes.size);
		part->size += (uint32_t)bytes.size;
	}
	return to > part->from && (int64_t)part->from + part->size != to ? -EBADMSG : 0;
}

static int read_part(struct pg *pg, const struct block_name *name, struct part *part)
{
	const uint32_t first = part->from / BLOCK_PIECE_BYTES, last = (part->to - 1) / BLOCK_PIECE_BYTES;
	struct pg_param params[KEY_PARAMS + 4];
	struct pg_result *result = NULL;

	key_of(name, params);
	params[KEY_PARAMS] = PG_P_I32(first);
	params[KEY_PARAMS + 1] = PG_P_I32(last);
	params[KEY_PARAMS + 2] = PG_P_I32(part->from % BLOCK_PIECE_BYTES);
	params[KEY_PARAMS + 3] = PG_P_I32(part->to - last * BLOCK_PIECE_BYTES);
	int r = pg_run(pg, &SQL_BLOCK_DATA_READ, params, KEY_PARAMS + 4, &result);
	if (r < 0)
		return r;
	r = take_part(result, part);
	pg_result_free(result);
	return r;
}

static int read_size(struct pg *pg, const struct block_name *name, uint32_t *ret)
{
	struct pg_param params[KEY_PARAMS];
	struct pg_result *result = NULL;

	key_of(name, params);
	int r = pg_run(pg, &SQL_BLOCK_DATA_SIZE, params, KEY_PARAMS, &result);
	if (r < 0)
		return r;
	if (pg_rows(result) == 0)
		r = -ENOENT;
	else
		*ret = (uint32_t)pg_number(result, 0, 0);
	pg_result_free(result);
	return r;
}

static int get_all(struct pg *pg, const struct block_name *name, struct part *whole)
{
	const uint32_t from = whole->from, to = whole->to;
	bool ended = false;
	uint32_t size;
	/* A request for 0 bytes still learns whether the block exists. */
	int r = from == to ? read_size(pg, name, &size) : 0;

	while (r == 0 && !ended && from + whole->size < to) {
		const uint32_t at = from + whole->size;
		const uint64_t reach = ((uint64_t)at / BLOCK_PIECE_BYTES + BLOCK_PG_PIECES) * BLOCK_PIECE_BYTES;
		struct part part = {at, reach < to ? (uint32_t)reach : to, whole->data + whole->size, 0};

		r = read_part(pg, name, &part);
		whole->size += part.size;
		ended = at + part.size < part.to;
	}
	return r;
}

/* budget: the signature is that of block_store.h */
static int block_pg_get(struct block_store *s, const struct block_name *name, uint32_t from, void *data, uint32_t size,
	uint32_t *ret_size)
{
	struct block_pg *b = (struct block_pg *)s;
	/* No block is longer than INT32_MAX. */
	const uint32_t begin = from < INT32_MAX ? from : INT32_MAX - 1;
	struct part whole = {begin, size < INT32_MAX - begin ? begin + size : INT32_MAX, data, 0};
	struct pg *pg;
	int r = take(b, &pg);

	if (r < 0)
		return r;
	r = meaning(pg, "get", get_all(pg, name, &whole));
	give_back(b, pg);
	if (r == 0)
		*ret_size = whole.size;
	return r;
}

static int block_pg_size(struct block_store *s, const struct block_name *name, uint32_t *ret)
{
	struct block_pg *b = (struct block_pg *)s;
	struct pg *pg;
	int r = take(b, &pg);

	if (r < 0)
		return r;
	r = meaning(pg, "size", read_size(pg, name, ret));
	give_back(b, pg);
	return r;
}

static int block_pg_remove(struct block_store *s, const struct block_name *name)
{
	struct block_pg *b = (struct block_pg *)s;
	struct pg_param params[KEY_PARAMS];
	struct pg *pg;
	int r = take(b, &pg);

	if (r < 0)
		return r;
	key_of(name, params);
	r = meaning(pg, "remove", pg_run(pg, &SQL_BLOCK_DATA_REMOVE, params, KEY_PARAMS, NULL));
	give_back(b, pg);
	return r;
}

/* ---- walking through all blocks ---- */

/* The next page of names behind `behind`, of any folder. */
static int read_page(struct block_pg *b, const struct block_name *behind, int64_t older_s, struct pg_result **ret)
{
	struct pg_param params[KEY_PARAMS + 2];
	struct pg *pg;
	int r = take(b, &pg);

	if (r < 0)
		return r;
	key_of(behind, params);
	params[KEY_PARAMS] = PG_P_I64(older_s);
	params[KEY_PARAMS + 1] = PG_P_I64(BLOCK_PG_NAMES);
	r = meaning(pg, "each", pg_run(pg, &SQL_BLOCK_DATA_PAGE, params, KEY_PARAMS + 2, ret));
	give_back(b, pg);
	return r;
}

static int name_of(const struct pg_result *result, int row, struct block_name *ret)
{
	const struct span sha256 = pg_bytes(result, row, BLOCK_DATA_SHA256);

	if (sha256.size != sizeof(ret->sha256))
		return -EIO; /* this program never wrote such a row */
	memcpy(ret->sha256, sha256.data, sizeof(ret->sha256));
	ret->generation = pg_number(result, row, BLOCK_DATA_GENERATION);
	ret->drive = (uint32_t)pg_number(result, row, BLOCK_DATA_DRIVE);
	return 0;
}

struct walk {
	struct block_name at; /* the last name that was seen */
	uint32_t folder;      /* BLOCK_NAME_FOLDERS: not known yet */
	bool over;	      /* the folder has no more names */
};

static int visit_page(struct walk *w, const struct pg_result *page, block_store_on_name on_name, void *cookie)
{
	struct block_name name = {.drive = 0};
	int r = 0;

	w->over = pg_rows(page) < BLOCK_PG_NAMES;
	for (int row = 0; r == 0 && row < pg_rows(page); row++) {
		r = name_of(page, row, &name);
		if (r == 0 && w->folder == BLOCK_NAME_FOLDERS)
			w->folder = block_name_folder(&name);
		if (r < 0 || block_name_folder(&name) != w->folder) {
			w->over = true;
			break;
		}
		w->at = name;
		if (pg_number(page, row, BLOCK_DATA_IS_OLD))
			r = on_name(&name, cookie);
	}
	return r;
}

/* budget: the signature is that of block_store.h. An empty folder costs nothing: the walk goes to the next
 * folder that has a block. */
static int block_pg_each(
	struct block_store *s, uint32_t *folder, int64_t older_s, block_store_on_name on_name, void *cookie)
{
	struct block_pg *b = (struct block_pg *)s;
	struct walk w = {.at = {.generation = INT64_MIN, .sha256 = {(uint8_t)(*folder >> 8), (uint8_t)*folder}},
		.folder = BLOCK_NAME_FOLDERS};
	int r = 0;

	while (r == 0 && !w.over) {
		struct pg_result *page = NULL;

		r = read_page(b, &w.at, older_s, &page);
		if (r == 0)
			r = visit_page(&w, page, on_name, cookie);
		pg_result_free(page);
	}
	if (r == 0 || w.folder != BLOCK_NAME_FOLDERS)
		*folder = w.folder + 1 < BLOCK_NAME_FOLDERS ? w.folder + 1 : 0;
	return r;
}

/* ---- the rest ---- */

static int block_pg_spool(struct block_store *s)
{
	return spool_open(((struct block_pg *)s)->spool_folder);
}

static int block_pg_free_bytes(struct block_store *s, int64_t *ret, int64_t *ret_total)
{
	(void)s;
	*ret = *ret_total = BLOCK_ROOM_UNKNOWN;
	return 0;
}

static void block_pg_free(struct block_store *s)
{
	struct block_pg *b = (struct block_pg *)s;

	if (!b)
		return;
	assert(b->idle_count == b->count);
	for (size_t i = 0; i < b->idle_count; i++)
		pg_free(b->idle[i]);
	if (b->spool_folder >= 0)
		close(b->spool_folder);
	pthread_cond_destroy(&b->returned);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static const struct block_store_ops block_pg_ops = {
	.put = block_pg_put,
	.get = block_pg_get,
	.size = block_pg_size,
	.remove = block_pg_remove,
	.each = block_pg_each,
	.spool = block_pg_spool,
	.free_bytes = block_pg_free_bytes,
	.free = block_pg_free,
};

static int open_folder(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

int block_pg_new(const struct block_pg_options *options, struct block_store **ret)
{
	struct block_pg *b;
	int r = 0;

	if (options->connections == 0 || options->connections > BLOCK_PG_CONNECTIONS_MAX)
		return -EINVAL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->base.ops = &block_pg_ops;
	pthread_mutex_init(&b->lock, NULL);
	cond_init(&b->returned);
	b->spool_folder = open_folder(options->spool_folder);
	if (b->spool_folder < 0)
		r = b->spool_folder;
	for (unsigned i = 0; r == 0 && i < options->connections; i++) {
		r = pg_new(options->conninfo, &b->idle[i]);
		b->count += r == 0;
		b->idle_count = b->count;
	}
	if (r < 0) {
		block_pg_free(&b->base);
		return r;
	}
	*ret = &b->base;
	return 0;
}
