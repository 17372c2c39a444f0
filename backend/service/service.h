/*
 * service: the common part of every backend service's main: settings, log, metrics, HTTP server, workers,
 * registration, an orderly end.
 *
 * 	service_new   settings (common ones and the service's own), log; call it before any thread is created
 * 	service_run   reads the cluster key, migrates the database (waiting for it), starts everything, returns after
 * 	              SIGTERM or SIGINT and the drain
 * 	service_free
 *
 * The monitoring routes (/healthz, /readyz, /metrics, /status) and the greeting are open to all. All other routes
 * are only for connections whose other end is known as a part of the store (door), and a public route that is not
 * open needs an identity: otherwise the guard answers 401 before a handler runs. The cookie of every handler is the
 * struct service; service_app returns what the start hook returned. After start any thread may call the accessors.
 */
#ifndef NEPHOS_SERVICE_H
#define NEPHOS_SERVICE_H

#include "backend/pg/pg.h"
#include "backend/service/registration.h"
#include "common/base/config.h"
#include "common/base/metrics.h"
#include "common/http/client/client.h"
#include "common/http/server/server.h"
#include "common/trust/cluster.h"
#include "common/trust/door.h"

#define SERVICE_DRAIN_MS 10000	   /* for requests in progress at the end: longer than any of them should take */
#define SERVICE_DATABASE_WAIT_S 60 /* for the database at the start: the containers of one store start together */
#define SERVICE_HOUSEKEEP_S 60
#define SERVICE_NAME_BYTES_MAX 320 /* a user's name with its NUL: 64 characters of 4 bytes */
#define SERVICE_TOKEN_ID_MAX 24	   /* "s" or "k", a number, NUL */

struct json_t;
struct service;

struct service_options {
	const char *kind;		       /* "user", "docs": for the registration */
	const char *help;		       /* first lines of --help */
	const struct config_setting *settings; /* the service's own; ends with a row whose flag is NULL; may be NULL */
	const struct http_route *routes;       /* without the monitoring routes; ends with a row whose method is NULL */
	const struct pg_migration *migrations;
	size_t migration_count;
	int64_t migration_lock;
	/* A second lane of workers, for jobs that take long and must not delay the others; 0 threads: none. */
	unsigned slow_threads;
	size_t slow_queue_max;
	/* Makes the object that the handlers use; runs after the migrations, before the server listens. */
	int (*start)(struct service *s, void **ret_app);
	/* The process is asked to end, and the gateways have been told: requests that wait (long polls) are to be
	 * answered now. May be NULL. */
	void (*drain)(void *app);
	/* Called after the drain, when the workers have ended. May be NULL. */
	void (*stop)(void *app);
	/* Called every SERVICE_HOUSEKEEP_S, on a thread of its own, in every instance. May be NULL. */
	void (*housekeep)(struct pg *pg, void *app);
	/* Adds to the object that /status shows; on the server's thread. May be NULL. */
	void (*status)(void *app, struct json_t *object);
	/* Adds fields to each answer; any thread. May be NULL. */
	void (*stamp)(struct http_headers *ret, void *app);
	/* Called when the keys of the store have changed (SIGHUP). May be NULL. */
	void (*keys_changed)(void *app);
};

/* Prints the reason of a failure to stderr. -ECANCELED: --help or --version was given. Blocks SIGTERM and SIGINT
 * for this and all later threads. */
int service_new(const struct service_options *options, int argc, char **argv, struct service **ret);
int service_run(struct service *s); /* 0 after an orderly end; failures are logged */
/* Only migrates the database, and waits for it like service_run: for commands that run beside a store. */
int service_migrate(struct service *s, struct pg *pg);
void service_free(struct service *s); /* accepts NULL */

void *service_app(const struct service *s);
const struct config *service_config(const struct service *s);
const char *service_name(const struct service *s);
struct metrics *service_metrics(const struct service *s);
struct http_client *service_client(const struct service *s);
struct cluster *service_cluster(const struct service *s);
struct registration *service_registration(const struct service *s);
bool service_is_ready(const struct service *s); /* the database answers, and this process was not asked to end */

/* Runs fn on a worker, which answers the request; users are served in turn. If the queue is full, the request is
 * answered here, with 503. */
typedef void (*service_work_fn)(struct pg *pg, struct http_request *req, struct service *s);
void service_work(struct service *s, struct http_request *req, service_work_fn fn);
/* The same for work without a request. For party and failures see workers_submit. */
int service_submit(struct service *s, int64_t party, void (*fn)(struct pg *pg, void *cookie), void *cookie);
/* On the slow lane's workers. */
int service_submit_slow(struct service *s, void (*fn)(struct pg *pg, void *cookie), void *cookie);

/* The user who asks, as the gateway has found out. */
struct service_identity {
	uint64_t user_id; /* 0: nobody */
	bool admin;
	char name[SERVICE_NAME_BYTES_MAX];
	char token_id[SERVICE_TOKEN_ID_MAX]; /* "s12", "k7"; "" for nobody */
};
int service_identity(
	const struct http_request *req, struct service_identity *ret); /* -ERR_BAD_REQUEST: not what a gateway writes */

#endif
