#include "backend/docs/block_stores.h"

#include "backend/docs/blocks/block_packed.h"
#include "backend/docs/rows/pg/block_pg.h"
#include "backend/docs/rows/pg/block_place.h"
#include "backend/docs/s3/block_s3.h"
#include "common/base/config.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/*
 * A service opens each store that its settings say how to reach, and always the rows of the database: blocks may
 * lie in another store than the settings say, or be moving to one. The row of block_place says where they lie;
 * the setting `blocks` counts only when the database has no such row yet.
 */

#define SPOOL_FOLDER "/tmp" /* spool folder of a store whose blocks lie elsewhere, unless set */

/* The other settings that each kind of store needs. */
static const struct {
	enum block_kind kind;
	const char *flag, *variable, *what;
} needs[] = {
	{BLOCK_KIND_DIR, "blocks-dir", "NEPHOS_BLOCKS_DIR", "the directory where blocks lie"},
	{BLOCK_KIND_S3, "s3-endpoint", "NEPHOS_S3_ENDPOINT", "where the service of S3 is"},
	{BLOCK_KIND_S3, "s3-bucket", "NEPHOS_S3_BUCKET", "the bucket where blocks lie"},
	{BLOCK_KIND_S3, "s3-keys", "NEPHOS_S3_KEYS", "the file with the keys to the service"},
};

static bool is_told(const struct config *config, enum block_kind kind, bool say)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (needs[i].kind != kind || config_has(config, needs[i].flag))
			continue;
		if (say)
			log_error(NULL, "op=start part=settings outcome=\"--%s (%s) is missing: %s\"", needs[i].flag,
				needs[i].variable, needs[i].what);
		return false;
	}
	return true;
}

int block_stores_check(const struct config *config)
{
	const char *blocks = config_text(config, "blocks");
	enum block_kind kind;

	if (block_kind_parse(span_str(blocks), &kind) == 0)
		return is_told(config, kind, true) ? 0 : -EINVAL;
	log_error(NULL,
		"op=start part=settings blocks=\"%s\" outcome=\"--blocks (NEPHOS_BLOCKS) is neither dir nor pg nor s3\"",
		blocks);
	return -EINVAL;
}

/* ---- each ---- */

static unsigned connections(const struct config *config)
{
	return (unsigned)config_number(config, "block-workers") + 1; /* one for upkeep */
}

static int open_s3(const struct config *config, const char *spool_folder, struct block_store **ret)
{
	const struct block_s3_options options = {.s3 = {.endpoint = config_text(config, "s3-endpoint"),
							 .bucket = config_text(config, "s3-bucket"),
							 .region = config_text(config, "s3-region"),
							 .prefix = config_text(config, "s3-prefix"),
							 .keys_file = config_text(config, "s3-keys"),
							 .ca_file = config_text(config, "s3-ca"),
							 .connections = connections(config)},
		.spool_folder = spool_folder};

	return block_s3_new(&options, ret);
}

static int open_one(const struct config *config, enum block_kind kind, struct block_store **ret)
{
	const char *path = config_has(config, "blocks-dir") ? config_text(config, "blocks-dir") : SPOOL_FOLDER;
	const struct block_pg_options rows = {
		.conninfo = config_text(config, "database"), .spool_folder = path, .connections = connections(config)};
	int r;

	if (kind == BLOCK_KIND_PG)
		r = block_pg_new(&rows, ret);
	else if (kind == BLOCK_KIND_S3)
		r = open_s3(config, path, ret);
	else
		r = block_dir_new(path, ret);
	if (r < 0)
		log_error(NULL, "op=start part=blocks kind=%s path=\"%s\" error=%d", block_kind_name(kind), path, r);
	return r;
}

void block_stores_close(struct block_store *stores[BLOCK_KINDS])
{
	for (unsigned kind = 0; kind < BLOCK_KINDS; kind++)
		if (stores[kind])
			stores[kind]->ops->free(stores[kind]);
}

int block_stores_each(const struct config *config, struct block_store *ret[BLOCK_KINDS])
{
	struct block_store *stores[BLOCK_KINDS] = {NULL};
	int r = 0;

	for (unsigned kind = 0; r == 0 && kind < BLOCK_KINDS; kind++)
		if (is_told(config, (enum block_kind)kind, false))
			r = open_one(config, (enum block_kind)kind, &stores[kind]);
	if (r < 0) {
		block_stores_close(stores);
		return r;
	}
	memcpy(ret, stores, sizeof(stores));
	return 0;
}

/* ---- all as one ---- */

static int look(void *cookie, struct block_place *ret)
{
	struct block_place_row row;
	int r = block_place_read(cookie, &row);

	if (r == 0)
		*ret = row.place;
	else if (r != -ENOTCONN && r != -ETIMEDOUT)
		log_warning(NULL, "op=blocks error=%d text=\"%s\" outcome=\"nobody knows where blocks lie\"", r,
			pg_error(cookie));
	return r == 0 || r == -ETIMEDOUT ? r : -ENOTCONN;
}

static void close_look(void *cookie)
{
	pg_free(cookie);
}

static int open_moving(const struct config *config, struct pg *pg, struct block_store **ret)
{
	struct block_moving_options options = {.look = look, .free = close_look, .cookie = pg};
	int r = block_stores_each(config, options.stores);

	if (r < 0)
		return r;
	r = block_moving_new(&options, ret);
	if (r < 0)
		block_stores_close(options.stores);
	return r;
}

/* In a service the database answers here: its migrations have just run. */
static int find_place(const struct config *config, struct pg *pg, struct block_place_row *ret)
{
	enum block_kind kind;
	int r = block_kind_parse(span_str(config_text(config, "blocks")), &kind);

	if (r == 0)
		r = block_place_first(pg, kind);
	if (r == 0)
		r = block_place_read(pg, ret);
	if (r < 0) {
		log_error(NULL, "op=start part=blocks error=%d text=\"%s\"", r, pg_error(pg));
		return r;
	}
	if (ret->place.kind != kind && ret->place.target != kind)
		log_warning(NULL,
			"op=start part=blocks kind=%s blocks=%s outcome=\"the blocks lie where the database says, and not where --blocks does\"",
			block_kind_name(ret->place.kind), block_kind_name(kind));
	return is_told(config, ret->place.kind, true) &&
			(ret->place.target == BLOCK_KINDS || is_told(config, ret->place.target, true))
		? 0
		: -EINVAL;
}

int block_stores_open(const struct config *config, struct block_store **ret)
{
	struct block_packed_options packed = {.memory = (size_t)config_number(config, "block-memory")};
	struct block_place_row row = {.moved = 0};
	struct block_store *moving = NULL;
	struct pg *pg = NULL;
	int r = pg_new(config_text(config, "database"), &pg);

	if (r == 0)
		r = find_place(config, pg, &row);
	if (r == 0)
		r = open_moving(config, pg, &moving);
	if (r < 0) {
		pg_free(pg);
		return r;
	}
	assert(moving);
	packed.far = row.place.kind != BLOCK_KIND_DIR || row.place.target != BLOCK_KINDS;
	r = block_packed_new(moving, &packed, ret);
	if (r < 0)
		moving->ops->free(moving);
	return r;
}
