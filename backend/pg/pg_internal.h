/* pg_internal: what the parts of backend/pg share. Not for anybody else. */
#ifndef NEPHOS_PG_PG_INTERNAL_H
#define NEPHOS_PG_PG_INTERNAL_H

#include "backend/pg/pg.h"

#include <libpq-fe.h>
#include <stdatomic.h>
#include <uthash.h>

#define PG_PROOF_MS 2000 /* less than any failover takes whose old primary may still answer (docs/reliability.md) */
#define PG_PROOF_PERIOD_MS 500 /* several may be late before answers have to wait */
#define PG_PROOF_WAIT_MS 5000  /* an answer waits so long: standbys find a new primary in the meantime */
#define PG_LOOK_MS 250	       /* how often who waits for a server looks whether it is the primary still */
#define PG_SEEK_MS 1000	       /* how often another primary is looked for while a proof does not come */
#define PG_ERROR_BYTES 512     /* primary message and detail; longer ones are cut */

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
	struct pg_primary *primary; /* NULL: one host, nothing to prove */
	bool unproven;		    /* one of the primary's own, which lives longer than it does */
	bool standby;		    /* it reads from those that follow the primary, and nothing is proven */
	int64_t connected_ns;
	int64_t timeline, server_us; /* of the server: who it is, and when it was started; 0: not asked */
	uint64_t connections;
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

/* A connection of p's own. */
int pg_new_unproven(const char *conninfo, struct pg_primary *p, struct pg **ret);
/* Sends what is buffered and reads until the next result can be taken. -ETIMEDOUT, -ENOTCONN (also: another server has
 * taken this one's place); the connection is then still open. */
int pg_await(struct pg *pg, int64_t until_ns);
int64_t pg_until(const struct pg *pg);
/* Takes the results of what was sent up to the NULL that ends them; the first failure counts, the last result is
 * kept. */
int pg_take_results(struct pg *pg, int64_t until_ns, PGresult **ret);
/* Keeps the text of a failure. result NULL: the connection's. */
void pg_remember(struct pg *pg, const PGresult *result);
/* Closed, or the server has said that it is about to be. */
bool pg_is_lost(const struct pg *pg);
/* What a refused statement means to the caller, from its SQLSTATE; drops connections that are of no further use. */
int pg_refusal(struct pg *pg);
/* Connected, and (outside a transaction) not closed by the server while it lay idle. */
int pg_ensure(struct pg *pg);
int pg_script_until(struct pg *pg, const char *sql, int64_t until_ns);

/* What is known of the server behind a connection string: one for each string, shared by all connections of the
 * process. Thread-safe. */
struct pg_primary;
/* NULL is returned for a string that names one host, or none: nothing needs proof. -EINVAL, -ENOMEM, -EAGAIN. */
int pg_primary_get(const char *conninfo, struct pg_primary **ret);
void pg_primary_put(struct pg_primary *p); /* NULL is fine */

/* Hosts and ports in the order in which they are to be tried. */
struct pg_order {
	char hosts[1024], ports[64]; /* eight paths of sockets, eight ports */
	bool known, ports_known;     /* not known: as the string has them */
};
void pg_primary_order(const struct pg_primary *p, struct pg_order *ret);
/* The same for who looks for a standby: each time another one comes first. */
void pg_primary_order_standbys(struct pg_primary *p, struct pg_order *ret);
/* The connection's server is met: see pg_primary_meet. */
bool pg_primary_met(struct pg *pg);
/* A server of that timeline is met. false: one of a higher timeline was met before. */
bool pg_primary_meet(struct pg_primary *p, int64_t timeline);
/* Another server has taken the place of the one that this connection speaks to. Looks for it, for the connection that
 * brings the proofs. */
bool pg_primary_is_over(struct pg *pg);
/* 0: what this connection has answered until now came from the primary. -ENOTCONN: nobody knows. Waits until until_ns
 * at most. */
int pg_primary_prove(struct pg *pg, int64_t until_ns);

#endif
