/*
 * docs_pg: the storage of the docs service in PostgreSQL (docs_store.h over backend/pg).
 *
 * A store borrows its connection; both belong to one worker thread. Failures are those of docs_store.h and of pg.h:
 * -ENOTCONN and -ETIMEDOUT (before COMMIT: nothing happened), -ERR_UNKNOWN_OUTCOME (after), -EIO (pg_error has the
 * text). txn_commit says -ENOTCONN also when another drive's transaction took the same Idempotency-Key at the same time
 * (tried again, it finds the answer of that one), and when the transaction began with what was known and that was not
 * so any more, or not enough. The caller frees the tree that txn_begin gives.
 */
#ifndef NEPHOS_DOCS_DOCS_PG_H
#define NEPHOS_DOCS_DOCS_PG_H

#include "backend/docs/rows/docs_store.h"
#include "backend/docs/rows/pg/drive_cache.h"
#include "backend/docs/rows/pg/standby.h"
#include "backend/pg/pg.h"

#define DOCS_PG_PIECE_ROWS 5000u /* rows of one kind that upkeep removes under one lock of a drive: some 20 ms */
#define DOCS_PG_INLINE_BYTES_MAX \
	(4u << 20) /* inline content of one answer of children: what comes beyond it is asked for singly */
#define DOCS_PG_PAYLOAD_BYTES_MAX 7900u /* of a notification: PostgreSQL takes 7,999 */
#define DOCS_PG_HELD_MAX SESSION_HOLDS_MAX

/* cache: shared by the stores of a process, borrowed; NULL: every transaction asks for all it needs. -ENOMEM. */
int docs_pg_new(struct pg *pg, struct drive_cache *cache, struct docs_store **ret);
/* Reads that may (docs_scope.stand) go to a standby first, from now on. standbys: borrowed, outlives the store.
 * -ENOMEM, -EAGAIN: they go on without. */
int docs_pg_use_standbys(struct docs_store *store, struct standbys *standbys);
int docs_pg_migrate(struct pg *pg);

/*
 * For other instances' long polls: said after the commit, in a statement of its own, because NOTIFY in the transaction
 * would serialise all commits of the database. Payload: "DRIVE:SEQ" in decimal, or "DRIVE:SEQ!" where file locks were
 * let go of (SEQ 0: nothing else happened), several with commas between. Missing one costs a poll its wait, nothing
 * else.
 */
struct docs_moved {
	uint32_t drive;
	int64_t seq;
	int teller; /* as heard: the backend of the connection that said it (pg_backend) */
	bool locks;
};
int docs_pg_notify(struct docs_store *store, const struct docs_moved *moved, size_t count);
/* On a connection of its own, after each (re)connection. */
int docs_pg_listen(struct pg *pg);
/* Waits at most timeout_ms for one notification and gives what it says. The number given, 0: none came; -ENOTCONN:
 * connect and listen again, and let everybody look. */
int docs_pg_wait(struct pg *pg, unsigned timeout_ms, void (*on_moved)(const struct docs_moved *moved, void *cookie),
	void *cookie);

#endif
