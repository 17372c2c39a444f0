/*
 * pg: PostgreSQL over libpq, blocking, for worker threads.
 *
 * A worker owns one connection; the number of workers is the concurrency limit of the service. All SQL except that of
 * pg_script is prepared and takes parameters; each service keeps its SQL in one place. A statement is prepared on
 * its first use on a connection. Pipelines send many statements in one round trip. The next use of a lost
 * connection opens a new one, but not within PG_RECONNECT_MS of a failed attempt. A deadline that passes drops the
 * connection; nothing is ever cancelled (PQcancel may hit the statement after the one it was meant for). Failures:
 * -ENOTCONN (no connection, or it was lost and nothing was committed: safe to repeat), -ERR_UNKNOWN_OUTCOME (the
 * connection was lost, or the deadline passed, after something that may have been committed was sent), -EIO (the
 * server refused the statement; pg_sqlstate returns the SQLSTATE, pg_error the text), -ENOSPC (the server's disk is
 * full), -ETIMEDOUT. A WARNING that arrives with a COMMIT (a cancelled wait for a standby) turns its success into
 * -ERR_UNKNOWN_OUTCOME.
 *
 * A connection string that names several hosts means a primary with standbys. This module finds the host that
 * accepts changes. An answer of that host counts only when a synchronous commit has proven that the host is the
 * primary (primary.c). Without that proof the connection is dropped, and the call returns -ENOTCONN, or
 * -ERR_UNKNOWN_OUTCOME if something may have been committed.
 *
 * A connection to the standbys of such a string (pg_new_standby) returns what one standby has, without any proof.
 */
#ifndef NEPHOS_PG_H
#define NEPHOS_PG_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define PG_RECONNECT_MS 250   /* between attempts to connect: a worker must not spin while the server restarts */
#define PG_CONNECT_S 2	      /* the minimum of libpq; a server on the same network answers in milliseconds */
#define PG_STATEMENT_MS 25000 /* statement_timeout: ends before the 30 s that callers over HTTP wait */
#define PG_ANSWER_MS 28000    /* our deadline of a run or flush: the server's comes first, unless the server is gone */
#define PG_IDLE_TX_MS \
	10000 /* idle_in_transaction_session_timeout: our transactions wait for nothing but the next flush */
#define PG_MIGRATE_MS \
	600000 /* deadline of a migration and its wait for the lock: building an index over millions of rows */
#define PG_STANDBY_CONNECT_MS 300      /* to a standby: a request waits for this, and can use the primary instead */
#define PG_HOSTS_MAX 8		       /* servers in a connection string: nobody has more that may all become primary */
#define PG_PARAMS_MAX 96	       /* of one statement; longer lists are passed as arrays */
#define PG_PIPELINE_MAX 16384	       /* statements between two flushes */
#define PG_ARRAY_BYTES_MAX (64u << 20) /* one array parameter: several times the data of the largest batch */

struct pg;	  /* one connection; used by one thread at a time */
struct pg_result; /* the rows that a statement returned, or the number of rows that it affected */

/*
 * A statement: define it as static const. sql uses $1…; name identifies the statement on a connection. The first call
 * on a connection sets the types of the parameters; a parameter that may be PG_NULL there needs a cast in the SQL
 * ($3::bigint).
 */
struct pg_statement {
	const char *name;
	const char *sql;
	/* The statement changes nothing. Outside a transaction, pg_run repeats it once when the connection is lost. A
	 * loss that remains is -ENOTCONN and not -ERR_UNKNOWN_OUTCOME. */
	bool read_only;
};

/* A parameter, which is sent in binary form. Arrays are built with pg_array_*. */
enum pg_kind { PG_NULL, PG_I64, PG_I32, PG_I16, PG_BOOL, PG_TEXT, PG_BYTEA, PG_ARRAY };
struct pg_param {
	enum pg_kind kind;
	int64_t number;
	struct span bytes;  /* text, bytea, or a built array; must stay valid until the statement is sent */
	unsigned array_oid; /* type of the array parameter */
};
#define PG_P_NULL ((struct pg_param){.kind = PG_NULL})
#define PG_P_I64(v) ((struct pg_param){.kind = PG_I64, .number = (int64_t)(v)})
#define PG_P_I32(v) ((struct pg_param){.kind = PG_I32, .number = (int64_t)(v)})
#define PG_P_I16(v) ((struct pg_param){.kind = PG_I16, .number = (int64_t)(v)})
#define PG_P_BOOL(v) ((struct pg_param){.kind = PG_BOOL, .number = (v) ? 1 : 0})
#define PG_P_TEXT(s) ((struct pg_param){.kind = PG_TEXT, .bytes = (s)})
#define PG_P_BYTEA(s) ((struct pg_param){.kind = PG_BYTEA, .bytes = (s)})

/* A one-dimensional array in binary form: of int8, int4, int2, bool, text or bytea. unnest() of several arrays returns
 * the elements i of all of them as row i. */
struct pg_array;
int pg_array_new(enum pg_kind element, struct pg_array **ret);
void pg_array_free(struct pg_array *a);
int pg_array_add_number(struct pg_array *a, int64_t value);
int pg_array_add_bytes(struct pg_array *a, struct span value);
int pg_array_add_null(struct pg_array *a);
size_t pg_array_count(const struct pg_array *a);
void pg_array_clear(struct pg_array *a);
struct pg_param pg_array_param(const struct pg_array *a); /* valid until the array changes */

/* Does not connect yet. -EINVAL: not a connection string; -E2BIG: more than PG_HOSTS_MAX hosts or ports; -ENOMEM,
 * -EAGAIN. */
int pg_new(const char *conninfo, struct pg **ret);
/* A connection to one of the standbys of a string that names several hosts; each attempt to connect starts with
 * another host. An answer of a standby may be old by any amount, and may contain changes that were never
 * acknowledged: the caller has to judge that. After a failover the standby may have become the primary. -EINVAL:
 * the string names one host, or none. */
int pg_new_standby(const char *conninfo, struct pg **ret);
void pg_free(struct pg *pg);
int pg_connect(struct pg *pg); /* connects if not connected; -ENOTCONN */
void pg_close(struct pg *pg);  /* drops the connection without waiting; the next use opens a new one */
int pg_fd(struct pg *pg);      /* socket, for LISTEN loops; -1: not connected */
void pg_set_deadline(struct pg *pg, unsigned ms); /* of each later run or flush, instead of PG_ANSWER_MS */
bool pg_in_transaction(const struct pg *pg);	  /* a transaction was begun, and has not ended */
const char *pg_error(const struct pg *pg);	  /* text of the last failure, never NULL */
const char *pg_sqlstate(const struct pg *pg);	  /* "" when unknown */

/* Runs one statement in one round trip, as a transaction of its own. ret_result may be NULL. */
int pg_run(struct pg *pg, const struct pg_statement *statement, const struct pg_param *params, size_t count,
	struct pg_result **ret_result);
/* Runs SQL without parameters from a file or literal of our source: migrations, LISTEN, SET. Several statements are
 * allowed. */
int pg_script(struct pg *pg, const char *sql);

/* A pipeline: statements are queued, sent with pg_pipeline_flush and answered in order. For a transaction the caller
 * also queues PG_BEGIN and PG_COMMIT. When a statement fails, the server skips the rest up to the flush. The flush
 * takes every result all the same, and reports the first failure. */
extern const struct pg_statement PG_BEGIN, PG_COMMIT, PG_ROLLBACK;
extern const struct pg_statement PG_PING; /* reads nothing: tests whether the server answers */
int pg_pipeline_begin(struct pg *pg);
int pg_pipeline_add(struct pg *pg, const struct pg_statement *statement, const struct pg_param *params, size_t count);
/* Sends all queued statements and waits for all results. ret_results may be NULL, or has room for one result for each
 * statement that was added since the last flush. On failure no result is returned, and the caller rolls back
 * (pg_pipeline_rollback). A transaction may span several flushes. */
int pg_pipeline_flush(struct pg *pg, struct pg_result **ret_results);
void pg_pipeline_end(struct pg *pg);
int pg_pipeline_rollback(struct pg *pg); /* also ends the pipeline; closes the connection if either fails */

int pg_rows(const struct pg_result *r);
int64_t pg_touched(const struct pg_result *r);
bool pg_is_null(const struct pg_result *r, int row, int column);
int64_t pg_number(const struct pg_result *r, int row, int column);    /* int2/4/8/bool, results are binary */
struct span pg_bytes(const struct pg_result *r, int row, int column); /* text, bytea */
void pg_result_free(struct pg_result *r);

/* Takes one notification, and waits at most timeout_ms for it. 1: its payload is copied (cut at size), and ret_backend
 * set to the process ID of the backend that sent it; 0: none; negative: failure. Does not connect by itself
 * (-ENOTCONN), because a new connection has to LISTEN first. */
int pg_notification(struct pg *pg, unsigned timeout_ms, char *payload, size_t size, int *ret_backend);
/* The highest timeline on which this process has met a primary of the connection string; 0: it has met none, or the
 * string names one host. Any thread. */
int64_t pg_timeline(const struct pg *pg);
/* How many connections pg has made: what was learnt of a server holds as long as this number stays the same. */
uint64_t pg_connections(const struct pg *pg);
/* The process ID of the server's backend of the latest connection; 0 before the first one. Any thread. */
int pg_backend(const struct pg *pg);

/* Applies the migrations in order under an advisory lock, and skips those already recorded in table
 * schema_migration(name, applied_at). -EPERM: the table has a name that is not among migrations, so a newer program
 * has used the database. */
struct pg_migration {
	const char *name; /* "0001_init" */
	const char *sql;
};
int pg_migrate(struct pg *pg, const struct pg_migration *migrations, size_t count, int64_t lock_key);

#endif
