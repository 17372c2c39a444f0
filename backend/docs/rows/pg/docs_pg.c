#include "backend/docs/rows/pg/docs_pg.h"

#include "backend/docs/rows/pg/docs_pg_internal.h"

#include <stdlib.h>

/*
 * The storage of the docs service in PostgreSQL. The files: sql* has all SQL; row has the meaning of rows; read,
 * drive, session, block have one statement each; standby; lock; begin, load, commit, answer, guess have the
 * transaction of a batch; upkeep; notify.
 *
 * The order of locks is always: the drive's row, keys (in their order), the rest. Only the drive's row is ever
 * waited for long: a statement that holds the row of a session or of a block without the drive's row holds only
 * that row, and ends without waiting. So there are no deadlocks. The isolation level is READ COMMITTED, so there
 * are no serialization failures.
 */

#define MIGRATION_LOCK 0x6e6570686f736463ll /* any number that no other program takes in this database */

void docs_pg_reset(struct docs_pg *s)
{
	for (size_t i = 0; i < DOCS_PG_NUMBERS; i++)
		pg_array_clear(s->numbers[i]);
	for (size_t i = 0; i < DOCS_PG_BYTES; i++)
		pg_array_clear(s->bytes[i]);
}

int docs_pg_run(struct docs_pg *s, const struct pg_statement *statement, const struct pg_param *params, size_t count,
	struct pg_result **ret)
{
	if (!s->txn.open)
		return pg_run(s->pg, statement, params, count, ret);
	int r = pg_pipeline_add(s->pg, statement, params, count);
	return r < 0 ? r : pg_pipeline_flush(s->pg, ret);
}

static void docs_pg_free(struct docs_store *store)
{
	if (!store)
		return;
	struct docs_pg *s = docs_pg_of(store);
	docs_pg_txn_abort(store);
	standby_free(s->standby);
	for (size_t i = 0; i < DOCS_PG_NUMBERS; i++)
		pg_array_free(s->numbers[i]);
	for (size_t i = 0; i < DOCS_PG_BYTES; i++)
		pg_array_free(s->bytes[i]);
	free(s);
}

static const struct docs_store_ops OPS = {
	.drive_home = docs_pg_drive_home,
	.drive_create = docs_pg_drive_create,
	.drive_get = docs_pg_drive_get,
	.drive_list = docs_pg_drive_list,
	.drive_change = docs_pg_drive_change,
	.drive_trash = docs_pg_drive_trash,
	.drive_purge = docs_pg_drive_purge,
	.drive_trash_list = docs_pg_drive_trash_list,
	.drive_restore = docs_pg_drive_restore,
	.trash_user = docs_pg_trash_user,
	.account_get = docs_pg_account_get,
	.account_set = docs_pg_account_set,
	.user_cursor = docs_pg_user_cursor,
	.user_cursor_set = docs_pg_user_cursor_set,
	.ids_reserve = docs_pg_ids_reserve,
	.item_get = docs_pg_item_get,
	.item_lookup = docs_pg_item_lookup,
	.item_path = docs_pg_item_path,
	.children = docs_pg_children,
	.extents = docs_pg_extents,
	.snapshot_begin = docs_pg_snapshot_begin,
	.snapshot_end = docs_pg_snapshot_end,
	.xattrs = docs_pg_xattrs,
	.changes = docs_pg_changes,
	.session_create = docs_pg_session_create,
	.session_end = docs_pg_session_end,
	.session_poll = docs_pg_session_poll,
	.lock_hold = docs_pg_lock_hold,
	.lock_look = docs_pg_lock_look,
	.lock_kept = docs_pg_lock_kept,
	.txn_begin = docs_pg_txn_begin,
	.txn_commit = docs_pg_txn_commit,
	.txn_abort = docs_pg_txn_abort,
	.answer_find = docs_pg_answer_find,
	.block_find = docs_pg_block_find,
	.block_generation = docs_pg_block_generation,
	.block_stored = docs_pg_block_stored,
	.blocks_strays = docs_pg_blocks_strays,
	.block_referenced = docs_pg_block_referenced,
	.collect_blocks = docs_pg_collect_blocks,
	.collect_short = docs_pg_collect_short,
	.block_drop = docs_pg_block_drop,
	.block_refused = docs_pg_block_refused,
	.collect_orphans = docs_pg_collect_orphans,
	.collect_expired = docs_pg_collect_expired,
	.fsck_start = docs_pg_fsck_start,
	.fsck_get = docs_pg_fsck_get,
	.fsck_stop = docs_pg_fsck_stop,
	.fsck_findings = docs_pg_fsck_findings,
	.digest_keep = docs_pg_digest_keep,
	.digest_get = docs_pg_digest_get,
	.ring_call = docs_pg_ring_call,
	.ring_look = docs_pg_ring_look,
	.ring_claim = docs_pg_ring_claim,
	.free = docs_pg_free,
};

int docs_pg_new(struct pg *pg, struct drive_cache *cache, struct docs_store **ret)
{
	struct docs_pg *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->store.ops = &OPS;
	s->pg = pg;
	s->cache = cache;
	for (size_t i = 0; r == 0 && i < DOCS_PG_NUMBERS; i++)
		r = pg_array_new(PG_I64, &s->numbers[i]);
	for (size_t i = 0; r == 0 && i < DOCS_PG_BYTES; i++)
		r = pg_array_new(PG_BYTEA, &s->bytes[i]);
	if (r < 0) {
		docs_pg_free(&s->store);
		return r;
	}
	*ret = &s->store;
	return 0;
}

int docs_pg_use_standbys(struct docs_store *store, struct standbys *standbys)
{
	struct docs_pg *s = docs_pg_of(store);

	return s->standby ? 0 : standby_new(standbys, &s->standby);
}

int docs_pg_migrate(struct pg *pg)
{
	return pg_migrate(pg, docs_migrations, docs_migration_count, MIGRATION_LOCK);
}
