/*
 * pg: PostgreSQL over libpq, blocking, for worker threads.
 *
 * A worker owns one connection; the number of workers is the concurrency limit of the service. All SQL is prepared and
 * takes parameters; text of SQL stands in one place per service. A statement is prepared on first use per connection.
 * Pipelines send many statements in one round trip. Lost connections are reopened on the next use, at most every
 * PG_RECONNECT_MS. A deadline that passes drops the connection; nothing is ever cancelled (PQcancel may hit the
 * statement after the one it was meant for). Failures: -ENOTCONN (no connection, nothing was sent: safe to repeat),
 * -ERR_UNKNOWN_OUTCOME (lost during or after COMMIT was sent), -EIO (server refused the statement; pg_error says the
 * SQLSTATE and text), -ENOSPC (its disk is full), -ETIMEDOUT. A WARNING that arrives with a COMMIT (a cancelled wait
 * for a standby) makes it -ERR_UNKNOWN_OUTCOME.
 *
 * A connection string that names several hosts means a primary with standbys: the one that takes changes is found, and
 * whatever it answers counts only when a synchronous commit has proven that it is the primary (primary.c). Without that
 * proof the connection is dropped: -ENOTCONN, or -ERR_UNKNOWN_OUTCOME of what may have been committed.
 *
 * Who reads from the standbys of such a string (pg_new_standby) is told what one of them has, proven by nothing.
 */
#ifndef NEPHOS_PG_H
#define NEPHOS_PG_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define PG_RECONNECT_MS 250   /* between attempts to connect: a worker must not spin while the server restarts */
#define PG_CONNECT_S 2	      /* libpq's own least; a server on the same network answers in milliseconds */
#define PG_STATEMENT_MS 25000 /* statement_timeout: ends before the 30 s that callers over HTTP wait */
#define PG_ANSWER_MS 28000    /* own deadline of a flush: the server's comes first, unless the server is gone */
#define PG_IDLE_TX_MS \
	10000 /* idle_in_transaction_session_timeout: no transaction of ours waits for anything but the next flush */
#define PG_MIGRATE_MS \
	600000 /* deadline while migrating, the wait for the lock included: an index over millions of rows */
#define PG_STANDBY_CONNECT_MS 300 /* of a standby: without one there is the primary, and a request waits for this */
#define PG_HOSTS_MAX 8		  /* servers in a connection string: nobody has more that may all become the primary */
#define PG_PARAMS_MAX 96	  /* of one statement; more are arrays */
#define PG_PIPELINE_MAX 16384	  /* statements between two flushes */
#define PG_ARRAY_BYTES_MAX (64u << 20) /* one array parameter: the data of the largest batch several times over */

struct pg;	  /* one connection; used by one thread at a time */
struct pg_result; /* rows of one statement, or the count it touched */

/*
 * A statement: define as static const. sql uses $1…; the name is its identity, per connection. The types of its
 * parameters are those of the first call; one that may be PG_NULL there needs a cast in the SQL ($3::bigint).
 */
struct pg_statement {
	const char *name;
	const char *sql;
	/* changes nothing: repeated once by itself when the connection was lost, and then -ENOTCONN rather than
	 * unknown */
	bool read_only;
};

/* A parameter. Binary where that is cheap; arrays are built with pg_array_*. */
enum pg_kind { PG_NULL, PG_I64, PG_I32, PG_I16, PG_BOOL, PG_TEXT, PG_BYTEA, PG_ARRAY };
struct pg_param {
	enum pg_kind kind;
	int64_t number;
	struct span bytes;  /* text, bytea, or a built array; must stay valid until the statement was sent */
	unsigned array_oid; /* type of the array parameter */
};
#define PG_P_NULL ((struct pg_param){.kind = PG_NULL})
#define PG_P_I64(v) ((struct pg_param){.kind = PG_I64, .number = (int64_t)(v)})
#define PG_P_I32(v) ((struct pg_param){.kind = PG_I32, .number = (int64_t)(v)})
#define PG_P_I16(v) ((struct pg_param){.kind = PG_I16, .number = (int64_t)(v)})
#define PG_P_BOOL(v) ((struct pg_param){.kind = PG_BOOL, .number = (v) ? 1 : 0})
#define PG_P_TEXT(s) ((struct pg_param){.kind = PG_TEXT, .bytes = (s)})
#define PG_P_BYTEA(s) ((struct pg_param){.kind = PG_BYTEA, .bytes = (s)})

/* A one-dimensional array in binary form: of int8, int4, int2, bool, text or bytea. Element i of several arrays makes
 * row i of unnest(). */
struct pg_array;
int pg_array_new(enum pg_kind element, struct pg_array **ret);
void pg_array_free(struct pg_array *a);
int pg_array_add_number(struct pg_array *a, int64_t value);
int pg_array_add_bytes(struct pg_array *a, struct span value);
int pg_array_add_null(struct pg_array *a);
size_t pg_array_count(const struct pg_array *a);
void pg_array_clear(struct pg_array *a);
struct pg_param pg_array_param(const struct pg_array *a); /* valid until the array changes */

/* Does not connect yet. -EINVAL: no connection string; -E2BIG: more than PG_HOSTS_MAX hosts; -ENOMEM, -EAGAIN. */
int pg_new(const char *conninfo, struct pg **ret);
/* Of the standbys of a string that names several hosts, another one first each time that it connects. What it answers
 * is as old as it may be, and was perhaps never acknowledged: that is for the caller to judge. After a failover it may
 * be the primary that it is connected to. -EINVAL: the string names one host, or none. */
int pg_new_standby(const char *conninfo, struct pg **ret);
void pg_free(struct pg *pg);
int pg_connect(struct pg *pg); /* connects when not connected; -ENOTCONN */
void pg_close(struct pg *pg);  /* drops the connection without waiting; the next use opens a new one */
int pg_fd(struct pg *pg);      /* socket, for LISTEN loops; -1 */
void pg_set_deadline(struct pg *pg, unsigned ms); /* of each later run or flush, instead of PG_ANSWER_MS */
bool pg_in_transaction(const struct pg *pg);	  /* begun, and neither committed nor rolled back */
const char *pg_error(const struct pg *pg);	  /* text of the last failure, never NULL */
const char *pg_sqlstate(const struct pg *pg);	  /* "" when unknown */

/* One statement, one round trip, its own transaction. ret_result may be NULL. */
int pg_run(struct pg *pg, const struct pg_statement *statement, const struct pg_param *params, size_t count,
	struct pg_result **ret_result);
/* SQL without parameters from a file or a literal of ours: migrations, LISTEN, SET. Several statements allowed. */
int pg_script(struct pg *pg, const char *sql);

/* A pipeline: statements are queued, sent with pg_pipeline_flush and answered in order. Inside a transaction the caller
 * queues PG_BEGIN and PG_COMMIT. When one fails the rest up to the flush is skipped by the server: every result is
 * taken all the same; the first failure counts. */
extern const struct pg_statement PG_BEGIN, PG_COMMIT, PG_ROLLBACK;
extern const struct pg_statement PG_PING; /* asks nothing: the server answers, or it does not */
int pg_pipeline_begin(struct pg *pg);
int pg_pipeline_add(struct pg *pg, const struct pg_statement *statement, const struct pg_param *params, size_t count);
/* Sends all, waits for all results. ret_results (array of the number added since the last flush) may be NULL; on
 * failure none is returned and the caller rolls back (pg_pipeline_rollback). The transaction may span several
 * flushes. */
int pg_pipeline_flush(struct pg *pg, struct pg_result **ret_results);
void pg_pipeline_end(struct pg *pg);
int pg_pipeline_rollback(struct pg *pg); /* also ends the pipeline; closes the connection when that does not work */

int pg_rows(const struct pg_result *r);
int64_t pg_touched(const struct pg_result *r);
bool pg_is_null(const struct pg_result *r, int row, int column);
int64_t pg_number(const struct pg_result *r, int row, int column);    /* int2/4/8/bool, results are binary */
struct span pg_bytes(const struct pg_result *r, int row, int column); /* text, bytea */
void pg_result_free(struct pg_result *r);

/* Notifications that have arrived; wait at most timeout_ms for one. 1: payload copied (cut at size), and whose backend
 * said it; 0: none, negative: failure. Does not connect by itself (-ENOTCONN): a new connection has to LISTEN first. */
int pg_notification(struct pg *pg, unsigned timeout_ms, char *payload, size_t size, int *ret_backend);
/* The highest timeline on which this process has met a primary of the connection string; 0: none, or it names one host.
 * Any thread. */
int64_t pg_timeline(const struct pg *pg);
/* How often it has connected: what was learnt of a server holds as long as this stays the same. */
uint64_t pg_connections(const struct pg *pg);
/* The server's process of this connection as it was last made, 0 before; any thread. */
int pg_backend(const struct pg *pg);

/* Applies the migrations in order under an advisory lock; those already in table schema_migration(name, applied_at) are
 * skipped; a name that is recorded but unknown here (a newer program was there) is -EPERM. */
struct pg_migration {
	const char *name; /* "0001_init" */
	const char *sql;
};
int pg_migrate(struct pg *pg, const struct pg_migration *migrations, size_t count, int64_t lock_key);

#endif
