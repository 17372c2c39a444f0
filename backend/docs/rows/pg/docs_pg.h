/*
 * docs_pg: the storage of the docs service in PostgreSQL (docs_store.h over backend/pg).
 *
 * A store borrows its connection; both belong to one worker thread. Failures are those of docs_store.h and of
 * pg.h: -ENOTCONN and -ETIMEDOUT (before COMMIT: nothing happened), -ERR_UNKNOWN_OUTCOME (after COMMIT), -EIO
 * (pg_error has the text). txn_commit returns -ENOTCONN in two more cases. One: a transaction of another drive
 * took the same Idempotency-Key at the same time; the next try finds the answer of that transaction. Two: the
 * transaction began with cached rows that were no longer true, or that were not enough. The caller frees the
 * tree that txn_begin returns.
 */
#ifndef NEPHOS_DOCS_DOCS_PG_H
#define NEPHOS_DOCS_DOCS_PG_H

#include "backend/docs/rows/docs_store.h"
#include "backend/docs/rows/pg/drive_cache.h"
#include "backend/docs/rows/pg/standby.h"
#include "backend/pg/pg.h"

/* rows of one kind that upkeep removes while it holds the lock of a drive: some 20 ms */
#define DOCS_PG_PIECE_ROWS 5000u
/* Inline content in one answer of children; the content of documents beyond it must be requested one by one. */
#define DOCS_PG_INLINE_BYTES_MAX (4u << 20)
#define DOCS_PG_PAYLOAD_BYTES_MAX 7900u /* size of a notification; PostgreSQL accepts 7,999 */
#define DOCS_PG_HELD_MAX SESSION_HOLDS_MAX

/* cache: borrowed, shared by the stores of a process; NULL: every transaction loads all it needs. -ENOMEM. */
int docs_pg_new(struct pg *pg, struct drive_cache *cache, struct docs_store **ret);
/* From now on the reads that may go to a standby (docs_scope.stand) try one first. standbys: borrowed, outlives
 * the store. -ENOMEM, -EAGAIN: reads go on without standbys. */
int docs_pg_use_standbys(struct docs_store *store, struct standbys *standbys);
int docs_pg_migrate(struct pg *pg);

/*
 * Notifications for the long polls at other instances. They are sent after the commit, in a statement of their
 * own, because NOTIFY within the transaction would serialise all commits of the database. Payload: "DRIVE:SEQ"
 * in decimal, or "DRIVE:SEQ!" where file locks were let go of (SEQ 0: nothing else happened), several with
 * commas between. When a notification is lost, a poll waits until its deadline, and nothing else happens.
 */
struct docs_moved {
	uint32_t drive;
	int64_t seq;
	int teller; /* of a received notification: the backend of the connection that sent it (pg_backend) */
	bool locks;
};
int docs_pg_notify(struct docs_store *store, const struct docs_moved *moved, size_t count);
/* On a connection of its own, after each connect and reconnect. */
int docs_pg_listen(struct pg *pg);
/* Waits at most timeout_ms for one notification and passes on what it contains. Returns how many drives it
 * passed on; 0: no notification came. -ENOTCONN: the caller must connect and listen again, and make every waiter
 * look. */
int docs_pg_wait(struct pg *pg, unsigned timeout_ms, void (*on_moved)(const struct docs_moved *moved, void *cookie),
	void *cookie);

#endif
