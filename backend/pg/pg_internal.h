/* pg_internal: what the parts of backend/pg share. Not for anybody else. */
#ifndef NEPHOS_PG_PG_INTERNAL_H
#define NEPHOS_PG_PG_INTERNAL_H

#include "backend/pg/pg.h"

#include <libpq-fe.h>
#include <stdatomic.h>
#include <uthash.h>

#define PG_ERROR_BYTES 512 /* primary message and detail; longer ones are cut */

/* A statement that this connection has prepared, or will have when the queue is answered. */
struct pg_prepared {
	const char *name; /* of the pg_statement, which is static */
	bool confirmed;
	UT_hash_handle hh;
};

/* One message pair under way in a pipeline. */
struct pg_queued {
	const struct pg_statement *statement;
	struct pg_prepared *prepare; /* not NULL: this is its Parse, which the caller knows nothing of */
};

struct pg {
	char *conninfo;
	PGconn *conn;
	int64_t attempt_ns; /* of the last failed attempt to connect, 0: none failed */
	unsigned deadline_ms;
	struct pg_prepared *prepared;
	bool doomed; /* the server has said that it will close this connection */
	bool warned; /* a WARNING came since the last reset */
	bool in_pipeline;
	/* at the last flush, or when the pipeline began: libpq cannot say while statements are under way */
	bool in_transaction;
	atomic_int backend;
	struct pg_queued *queue;
	size_t queued;
	size_t queue_capacity;
	char error[PG_ERROR_BYTES];
	char sqlstate[6];
};

/* Parameters in the form that libpq takes. */
struct pg_bound {
	Oid types[PG_PARAMS_MAX];
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX];
	int formats[PG_PARAMS_MAX];
	uint64_t numbers[PG_PARAMS_MAX]; /* big-endian, where values of numbers point to */
};

int pg_bind(const struct pg_param *params, size_t count, struct pg_bound *ret); /* -E2BIG */
struct pg_prepared *pg_prepared_find(struct pg *pg, const char *name);
int pg_prepared_add(struct pg *pg, const char *name, struct pg_prepared **ret); /* -ENOMEM */
void pg_prepared_drop(struct pg *pg, struct pg_prepared *p);

/* Sends what is buffered and reads until the next result can be taken. -ETIMEDOUT, -ENOTCONN; the connection is then
 * still open. */
int pg_await(struct pg *pg, int64_t until_ns);
int64_t pg_until(const struct pg *pg);
/* Keeps the text of a failure. result NULL: the connection's. */
void pg_remember(struct pg *pg, const PGresult *result);
/* Closed, or the server has said that it is about to be. */
bool pg_is_lost(const struct pg *pg);
/* What a refused statement means to the caller, from its SQLSTATE; drops connections that are of no further use. */
int pg_refusal(struct pg *pg);
/* Connected, and (outside a transaction) not closed by the server while it lay idle. */
int pg_ensure(struct pg *pg);
int pg_script_until(struct pg *pg, const char *sql, int64_t until_ns);

#endif
