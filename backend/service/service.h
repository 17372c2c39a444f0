/*
 * service: what every backend service's main is made of: settings, log, metrics, HTTP server, workers, registration, an
 * orderly end.
 *
 * 	service_new   settings (common ones and the service's own), log; before any thread
 * 	service_run   reads the cluster key, migrates the database (waiting for it), starts everything, returns after
 * 	              SIGTERM or SIGINT and the drain
 * 	service_free
 *
 * Everything but the monitoring routes (/healthz, /readyz, /metrics, /status) and the greeting is for connections whose
 * other end is known as a part of the store (door), and a public route that is not open needs an identity: the guard
 * answers 401 before a handler runs. The cookie of every handler is the struct service; service_app gives what the
 * start hook returned. After start all accessors may be called from any thread.
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

#define SERVICE_DRAIN_MS 10000	   /* requests under way at the end: longer than any of them should take */
#define SERVICE_DATABASE_WAIT_S 60 /* for the database at the start: the containers of one store start together */
#define SERVICE_HOUSEKEEP_S 60
#define SERVICE_NAME_BYTES_MAX 320 /* a user's name with its NUL: 64 characters of 4 bytes */
#define SERVICE_TOKEN_ID_MAX 24	   /* "s" or "k", a number, NUL */

struct json_t;
struct service;

struct service_options {
	const char *kind;		       /* "user", "docs": of the registration */
	const char *help;		       /* first lines of --help */
	const struct config_setting *settings; /* the service's own; ends with a row whose flag is NULL; may be NULL */
	const struct http_route *routes;       /* without the monitoring routes; ends with a row whose method is NULL */
	const struct pg_migration *migrations;
	size_t migration_count;
	int64_t migration_lock;
	/* A second lane of workers, for what takes long and must not keep the rest waiting; 0 threads: none. */
	unsigned slow_threads;
	size_t slow_queue_max;
	/* Makes what the handlers work on; runs after the migrations, before the server listens. */
	int (*start)(struct service *s, void **ret_app);
	/* Asked to end, the gateways know: what waits without work (long polls) is to be answered now. May be NULL. */
	void (*drain)(void *app);
	/* After the drain, when the workers have ended. May be NULL. */
	void (*stop)(void *app);
	/* Every SERVICE_HOUSEKEEP_S, on a thread of its own, in every instance. May be NULL. */
	void (*housekeep)(struct pg *pg, void *app);
	/* Adds to the object that /status shows; on the server's thread. May be NULL. */
	void (*status)(void *app, struct json_t *object);
	/* Adds fields to each answer; any thread. May be NULL. */
	void (*stamp)(struct http_headers *ret, void *app);
	/* The keys of the store are others now (SIGHUP). May be NULL. */
	void (*keys_changed)(void *app);
};

/* Prints why to stderr. -ECANCELED: --help or --version was asked for. Blocks SIGTERM and SIGINT for this and all later
 * threads. */
int service_new(const struct service_options *options, int argc, char **argv, struct service **ret);
int service_run(struct service *s); /* 0 after an orderly end; failures are logged */
/* Only the database, waiting for it like service_run: for commands that run beside a store. */
int service_migrate(struct service *s, struct pg *pg);
void service_free(struct service *s); /* NULL is fine */

void *service_app(const struct service *s);
const struct config *service_config(const struct service *s);
const char *service_name(const struct service *s);
struct metrics *service_metrics(const struct service *s);
struct http_client *service_client(const struct service *s);
struct cluster *service_cluster(const struct service *s);
struct registration *service_registration(const struct service *s);
bool service_is_ready(const struct service *s); /* the database answers, and nobody has asked this process to end */

/* Runs fn on a worker, which answers the request. A full queue is answered here, with 503. */
typedef void (*service_work_fn)(struct pg *pg, struct http_request *req, struct service *s);
void service_work(struct service *s, struct http_request *req, service_work_fn fn);
/* The same for work that is no request. -EAGAIN: the queue is full. */
int service_submit(struct service *s, void (*fn)(struct pg *pg, void *cookie), void *cookie);
/* On the slow lane's workers. */
int service_submit_slow(struct service *s, void (*fn)(struct pg *pg, void *cookie), void *cookie);

/* Who asks, as the gateway has found out. */
struct service_identity {
	uint64_t user_id; /* 0: nobody */
	bool admin;
	char name[SERVICE_NAME_BYTES_MAX];
	char token_id[SERVICE_TOKEN_ID_MAX]; /* "s12", "k7"; "" for nobody */
};
int service_identity(
	const struct http_request *req, struct service_identity *ret); /* -ERR_BAD_REQUEST: not what a gateway writes */

#endif
