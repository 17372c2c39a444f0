/* pg_internal: declarations that the parts of backend/pg share. For use in this folder only. */
#ifndef NEPHOS_PG_PG_INTERNAL_H
#define NEPHOS_PG_PG_INTERNAL_H

#include "backend/pg/pg.h"

#include <libpq-fe.h>
#include <stdatomic.h>
#include <uthash.h>

#define PG_PROOF_MS 2000       /* shorter than any failover whose old primary may still answer (docs/reliability.md) */
#define PG_PROOF_PERIOD_MS 500 /* several proofs may be late before answers have to wait */
#define PG_PROOF_WAIT_MS 5000  /* how long an answer waits for a proof: standbys elect a new primary meanwhile */
#define PG_LOOK_MS 250	       /* how often a thread that waits for a server checks that it is still the primary */
#define PG_SEEK_MS 1000	       /* how often the prover looks for another primary while a proof does not arrive */
#define PG_ERROR_BYTES 512     /* an error's primary message and detail; longer ones are cut */

/* A statement that this connection has prepared, or will have prepared when the server has answered the queue. */
struct pg_prepared {
	const char *name; /* of the pg_statement, which is static: not copied */
	bool confirmed;
	UT_hash_handle hh;
};

/* A statement or its Parse that is in flight in a pipeline. */
struct pg_queued {
	const struct pg_statement *statement;
	struct pg_prepared *prepare; /* not NULL: the entry is the Parse of this, without a result for the caller */
};

struct pg {
	char *conninfo;
	PGconn *conn;
	struct pg_primary *primary; /* NULL: one host, nothing to prove */
	bool unproven;		    /* primary owns and outlives this connection: no proof, no reference */
	bool standby;		    /* reads from standbys, without any proof */
	int64_t connected_ns;
	int64_t timeline, server_us; /* the server's timeline and start time identify it; timeline 0: not asked */
	uint64_t connections;
	int64_t attempt_ns; /* when the latest attempt to connect failed; 0: it did not fail */
	unsigned deadline_ms;
	struct pg_prepared *prepared;
	bool doomed; /* the server has announced that it closes this connection (FATAL, PANIC) */
	bool warned; /* a WARNING has arrived since the flag was reset */
	bool in_pipeline;
	/* as of the last flush, or the begin of the pipeline: libpq cannot tell while statements are in flight */
	bool in_transaction;
	atomic_int backend;
	struct pg_queued *queue;
	size_t queued;
	size_t queue_capacity;
	char error[PG_ERROR_BYTES];
	char sqlstate[6];
};

/* Parameters in the form that libpq expects. */
struct pg_bound {
	Oid types[PG_PARAMS_MAX];
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX];
	int formats[PG_PARAMS_MAX];
	uint64_t numbers[PG_PARAMS_MAX]; /* big-endian; the values of number parameters point into this array */
};

int pg_bind(const struct pg_param *params, size_t count, struct pg_bound *ret); /* -E2BIG */
struct pg_prepared *pg_prepared_find(struct pg *pg, const char *name);
int pg_prepared_add(struct pg *pg, const char *name, struct pg_prepared **ret); /* -ENOMEM */
void pg_prepared_drop(struct pg *pg, struct pg_prepared *p);

/* A connection that p owns, and that takes no reference to p. */
int pg_new_unproven(const char *conninfo, struct pg_primary *p, struct pg **ret);
/* Sends the buffered bytes and reads until PQgetResult does not block. -ETIMEDOUT, -ENOTCONN (also when another server
 * has become the primary in place of this one); after both the connection is still open. */
int pg_await(struct pg *pg, int64_t until_ns);
int64_t pg_until(const struct pg *pg);
/* Takes all results of the statements that were sent, up to the NULL that ends them. Returns the first failure, or
 * else the last result. */
int pg_take_results(struct pg *pg, int64_t until_ns, PGresult **ret);
/* Stores the text and SQLSTATE of a failure: that of result, or that of the connection when result is NULL. */
void pg_remember(struct pg *pg, const PGresult *result);
/* True when the connection is closed, or the server has announced that it closes it. */
bool pg_is_lost(const struct pg *pg);
/* Maps the SQLSTATE of a refused statement to an error for the caller; closes a connection of no further use. */
int pg_refusal(struct pg *pg);
/* Makes sure that pg is connected. Outside a transaction, replaces a connection that the server closed while it was
 * idle, or whose server is no longer the primary. */
int pg_ensure(struct pg *pg);
int pg_script_until(struct pg *pg, const char *sql, int64_t until_ns);

/* Which server of a connection string is the primary, and the proofs of that. One object for each string, shared by all
 * connections of the process. Thread-safe. */
struct pg_primary;
/* *ret is NULL for a string that names one host, or none: nothing needs proof. -EINVAL, -E2BIG, -ENOMEM, -EAGAIN. */
int pg_primary_get(const char *conninfo, struct pg_primary **ret);
void pg_primary_put(struct pg_primary *p); /* NULL is fine */

/* The hosts and ports of a connection string in the order in which libpq is to try them. */
struct pg_order {
	char hosts[1024], ports[64]; /* room for eight paths of sockets and eight ports */
	bool known, ports_known;     /* false: use the order of the string */
};
void pg_primary_order(const struct pg *pg, struct pg_order *ret);
/* The same for connections to standbys: each call puts another server first. */
void pg_primary_order_standbys(struct pg_primary *p, struct pg_order *ret);
/* Records that pg has connected to its server as the primary; returns as pg_primary_meet does. */
bool pg_primary_met(struct pg *pg);
/* Records that a server of that timeline was met. false: a server of a higher timeline was met before. */
bool pg_primary_meet(struct pg_primary *p, int64_t timeline);
/* True when another server has become the primary in place of the one that pg is connected to. If pg is the connection
 * that makes the proofs, the function also looks for another primary, at most every PG_SEEK_MS. */
bool pg_primary_is_over(struct pg *pg);
/* 0: all answers of this connection until now came from the primary, or need no proof. -ENOTCONN: there is no proof.
 * Waits at most until until_ns, and at most PG_PROOF_WAIT_MS. */
int pg_primary_prove(struct pg *pg, int64_t until_ns);

#endif
