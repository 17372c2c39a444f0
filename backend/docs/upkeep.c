#include "backend/docs/upkeep.h"

#include "backend/docs/rows/pg/docs_pg.h"
#include "backend/docs/request/blocks.h"
#include "backend/docs/request/users.h"
#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/*
 * One thread wakes every period and does its chores one after the other. It asks which users were deleted, and
 * puts their drives into the trash. It removes documents without a name that no mount holds open, expired rows
 * (sessions, keys, journals, drives long in the trash), blocks that nothing refers to, and files of blocks that
 * have no row.
 *
 * Each chore is a row in a table. It works in pieces of UPKEEP_PIECE rows, so that no transaction is long, and
 * goes on until a piece was not full; the rest waits for the next period. A failure is logged, and the chore is
 * tried again next time: none of this is urgent.
 *
 * Every instance of the service does all of it, and needs no contact with the others: a piece that two of them
 * take at the same time is done once, because for the second one the rows are locked or gone. The rows of blocks
 * are removed before their files: a file without a row is found later as a stray, but a row without its file
 * would be a document that cannot be read.
 */

struct upkeep {
	struct upkeep_options options;
	struct pg *pg;
	struct docs_store *store;
	pthread_t thread;
	bool running;
	bool user_service_gone; /* logged already */
	uint32_t folder;	/* the next folder of blocks to look at */
	pthread_mutex_t lock;	/* guards all below */
	pthread_cond_t wake;
	bool stopping;
};

static bool is_stopping(struct upkeep *u)
{
	bool stopping;

	pthread_mutex_lock(&u->lock);
	stopping = u->stopping;
	pthread_mutex_unlock(&u->lock);
	return stopping;
}

/* ---- collecting ---- */

static int remove_block(uint32_t drive, const struct docs_block *block, void *cookie)
{
	struct upkeep *u = cookie;
	struct block_store *blocks = u->options.docs->blocks;
	struct block_name name = {.drive = drive, .generation = block->generation};
	int r;

	memcpy(name.sha256, block->sha256, sizeof(name.sha256));
	r = blocks->ops->remove(blocks, &name);
	if (r < 0)
		log_warning(NULL,
			"op=collect drive=%" PRIu32 " generation=%" PRId64 " error=%d outcome=\"the file stays\"",
			drive, block->generation, r);
	metric_inc(u->options.docs->metrics.blocks_collected);
	return 0; /* its row is gone, and the other blocks must be removed all the same */
}

/* The grace of blocks that nothing refers to. When the disk is short of room, it is as short as for an owner who
 * is short of room, because others need the room. */
static unsigned block_grace_s(const struct upkeep *u)
{
	const unsigned usual = u->options.block_grace_s, young = u->options.docs->block_young_s;
	int64_t left;

	return young < usual && blocks_disk_left(u->options.docs, &left) == 0 && left < BLOCKS_SLACK_BYTES ? young
													   : usual;
}

static int collect_blocks(struct upkeep *u, uint32_t *ret_count)
{
	return u->store->ops->collect_blocks(u->store, block_grace_s(u), UPKEEP_PIECE, remove_block, u, ret_count);
}

/*
 * Removes files of blocks without a row, left by uploads that ended between file and row. A row is written
 * within half the grace after its generation was given, or not at all (blocks.c), and a file is younger than its
 * generation. So an old file without a row never gets one, whatever its upload still does.
 */
struct strays {
	struct upkeep *u;
	struct block_name names[UPKEEP_PIECE];
	size_t count;
	unsigned removed;
};

static int remove_strays(struct strays *s)
{
	struct block_store *blocks = s->u->options.docs->blocks;
	struct docs_store *store = s->u->store;
	bool stray[UPKEEP_PIECE];
	int r = s->count > 0 ? store->ops->blocks_strays(store, s->names, s->count, stray) : 0;

	for (size_t i = 0; r == 0 && i < s->count; i++) {
		if (!stray[i])
			continue;
		r = blocks->ops->remove(blocks, &s->names[i]);
		s->removed += r == 0;
	}
	s->count = 0;
	return r;
}

static int on_old_block(const struct block_name *name, void *cookie)
{
	struct strays *s = cookie;

	assert(s->count < UPKEEP_PIECE);
	s->names[s->count++] = *name;
	return s->count < UPKEEP_PIECE ? 0 : remove_strays(s);
}

static int collect_strays(struct upkeep *u, uint32_t *ret_count)
{
	struct block_store *blocks = u->options.docs->blocks;
	struct strays s = {.u = u};
	int r = 0;

	*ret_count = 0; /* the next rounds do the other folders */
	for (unsigned i = 0; r == 0 && i < UPKEEP_FOLDERS && (i == 0 || u->folder != 0); i++) {
		r = blocks->ops->each(blocks, &u->folder, u->options.docs->file_grace_s, on_old_block, &s);
		if (r == 0)
			r = remove_strays(&s);
	}
	metric_add(u->options.docs->metrics.blocks_collected, s.removed);
	if (s.removed > 0)
		log_info(
			NULL, "op=collect strays=%u outcome=\"files of uploads that never ended are gone\"", s.removed);
	return r;
}

static int collect_orphans(struct upkeep *u, uint32_t *ret_count)
{
	return u->store->ops->collect_orphans(u->store, ORPHAN_GRACE_S, UPKEEP_PIECE, ret_count);
}

static int collect_expired(struct upkeep *u, uint32_t *ret_count)
{
	return u->store->ops->collect_expired(u->store, UPKEEP_PIECE, ret_count);
}

/* ---- users ---- */

static int trash_user(int64_t user, void *cookie)
{
	struct upkeep *u = cookie;
	int r = u->store->ops->trash_user(u->store, user);

	if (r == 0)
		log_info(NULL, "op=trash user=%" PRId64 " outcome=\"drives of a deleted user are in the trash\"", user);
	return r;
}

static int follow_users(struct upkeep *u, uint32_t *ret_count)
{
	int64_t since, last;
	int r = u->store->ops->user_cursor(u->store, &since);

	if (r < 0)
		return r;
	r = users_deleted(u->options.docs->users, since, trash_user, u, &last);
	if (r == -ERR_UNAVAILABLE) {
		if (!u->user_service_gone)
			log_warning(NULL, "op=follow_users outcome=\"no user service answers; tried again\"");
		u->user_service_gone = true;
		return 0;
	}
	u->user_service_gone = false;
	if (r == 0 && last != since)
		r = u->store->ops->user_cursor_set(u->store, last);
	*ret_count = 0;
	return r;
}

/* ---- the round ---- */

struct chore {
	const char *name;
	int (*piece)(struct upkeep *u, uint32_t *ret_count);
};

static const struct chore chores[] = {{"users", follow_users}, {"orphans", collect_orphans},
	{"expired", collect_expired}, {"blocks", collect_blocks}, {"strays", collect_strays}};

static void do_chore(struct upkeep *u, const struct chore *chore)
{
	uint32_t count = UPKEEP_PIECE;

	while (count >= UPKEEP_PIECE && !is_stopping(u)) {
		int r;

		count = 0;
		r = chore->piece(u, &count);
		if (r < 0 && r != -ENOTCONN)
			log_warning(NULL, "op=upkeep chore=%s error=%d text=\"%s\" outcome=\"tried again\"",
				chore->name, r, pg_error(u->pg));
		if (r < 0)
			return;
	}
}

static void *upkeep_main(void *cookie)
{
	struct upkeep *u = cookie;

	pthread_mutex_lock(&u->lock);
	while (!u->stopping) {
		cond_wait_until(&u->wake, &u->lock, clock_mono_ns() + u->options.period_s * NS_PER_S);
		pthread_mutex_unlock(&u->lock);
		for (size_t i = 0; i < sizeof(chores) / sizeof(chores[0]); i++)
			do_chore(u, &chores[i]);
		pthread_mutex_lock(&u->lock);
	}
	pthread_mutex_unlock(&u->lock);
	return NULL;
}

int upkeep_start(const struct upkeep_options *options, struct upkeep **ret)
{
	struct upkeep *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->options = *options;
	/* so that an instance that is restarted often does not begin with the same folders each time */
	u->folder = arc4random_uniform(1u << 16);
	pthread_mutex_init(&u->lock, NULL);
	cond_init(&u->wake);
	r = pg_new(options->conninfo, &u->pg);
	if (r == 0)
		r = docs_pg_new(u->pg, NULL, &u->store);
	if (r == 0)
		r = -pthread_create(&u->thread, NULL, upkeep_main, u);
	u->running = r == 0;
	if (r < 0) {
		upkeep_free(u);
		return r;
	}
	*ret = u;
	return 0;
}

void upkeep_free(struct upkeep *u)
{
	if (!u)
		return;
	pthread_mutex_lock(&u->lock);
	u->stopping = true;
	pthread_cond_broadcast(&u->wake);
	pthread_mutex_unlock(&u->lock);
	if (u->running)
		pthread_join(u->thread, NULL);
	if (u->store)
		u->store->ops->free(u->store);
	pg_free(u->pg);
	pthread_cond_destroy(&u->wake);
	pthread_mutex_destroy(&u->lock);
	free(u);
}
