#include "backend/service/service.h"

#include "backend/service/pulse.h"
#include "backend/service/job_queue.h"
#include "backend/service/workers.h"
#include "common/base/clock.h"
#include "common/base/descriptors.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/http/server/monitoring.h"
#include "common/process/process.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Order of life. Up: database (migrated), workers, the service's own things, pulse, server, registration: when the
 * registry has this process, it works. Down, in reverse: first the gateways are told, so that no more requests
 * come; then requests in progress may end; the workers run all jobs that were accepted, since each accepted request
 * must get an answer.
 */

#define PID_BYTES 16

static const struct config_setting SERVICE_SETTINGS[] = {
	{"port", CONFIG_NUMBER, "0", 0, 65535, "port to listen on; 0: any free port", false},
	{"advertise", CONFIG_TEXT, NULL, 0, 0, "base URL at which gateways reach this process", false},
	{"database", CONFIG_TEXT, NULL, 0, 0, "connection string of PostgreSQL", false},
	{"workers", CONFIG_NUMBER, "8", 1, WORKERS_MAX,
		"number of worker threads; each has a connection to the database", false},
	{"gateways", CONFIG_TEXT, NULL, 0, 0,
		"where gateways listen for services: [NAME=]http://HOST:PORT or unix:PATH, separated by commas", false},
	{"pid-file", CONFIG_TEXT, NULL, 0, 0, "file that holds the process id while the service runs", false},
	{0},
};

struct service {
	struct service_options options;
	struct process *process;
	const struct config *config; /* owned by the process, like the name and the cluster */
	const char *name;
	struct config_setting *settings; /* those of all services, and this one's own */
	struct http_route *routes;	 /* the service's and the monitoring routes */
	char url[REGISTRATION_URL_MAX];
	struct door *door;
	struct metrics *metrics;
	struct monitoring monitoring;
	struct http_client *client;
	struct workers *workers;
	struct workers *slow; /* NULL: the service has no slow lane */
	struct pulse *pulse;
	struct http_server *server;
	struct registration *registration;
	void *app;
	int64_t started_ns;
	atomic_bool leaving;
};

static int make_process(struct service *s, int argc, char **argv)
{
	char program[PROCESS_NAME_BYTES_MAX], name[PROCESS_NAME_BYTES_MAX];
	const struct process_options options = {.program = program,
		.name = name,
		.help = s->options.help,
		.settings = s->settings,
		.required = "database"};
	int r;

	(void)snprintf(program, sizeof(program), "nephos-%s", s->options.kind);
	(void)snprintf(name, sizeof(name), "%s-1", s->options.kind);
	r = process_new(&options, argc, argv, &s->process);
	if (r < 0)
		return r;
	s->config = process_config(s->process);
	s->name = process_name(s->process);
	return 0;
}

static int load_keys(void *cookie, struct buf *why)
{
	const struct service *s = cookie;

	return process_load_keys(s->process, why);
}

/* Also makes the client, because its greetings need the key. */
static int make_door(void *cookie, struct buf *why)
{
	struct service *s = cookie;
	int r = door_new(service_cluster(s), s->options.kind, s->name, s->metrics, &s->door);

	if (r == -EINVAL)
		(void)buf_printf(why, "--name: \"%s\", expected letters, digits, '.', '_' and '-'", s->name);
	if (r < 0)
		return r;
	const struct http_client_options client = {.user_agent = s->options.kind, .greeter = door_greeter(s->door)};
	return http_client_new(&client, &s->client);
}

int service_new(const struct service_options *options, int argc, char **argv, struct service **ret)
{
	struct service *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->options = *options;
	s->started_ns = clock_mono_ns();
	int r = config_settings_join(SERVICE_SETTINGS, s->options.settings, &s->settings);
	if (r == 0)
		r = make_process(s, argc, argv);
	if (r == 0)
		r = metrics_new(&s->metrics);
	if (r < 0) {
		service_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void service_free(struct service *s)
{
	if (!s)
		return;
	http_client_free(s->client);
	door_free(s->door);
	metrics_free(s->metrics);
	process_free(s->process);
	free(s->routes);
	free(s->settings);
	free(s);
}

static void on_keys_changed(void *cookie)
{
	const struct service *s = cookie;

	if (s->options.keys_changed && s->app)
		s->options.keys_changed(s->app);
}

/* Whether to wait: the database is not there yet, or its standbys do not confirm yet that it is the primary. */
static bool may_come(int r, int64_t until_ns)
{
	return (r == -ENOTCONN || r == -ERR_UNKNOWN_OUTCOME) && clock_mono_ns() < until_ns;
}

int service_migrate(struct service *s, struct pg *pg)
{
	const int64_t until_ns = clock_mono_ns() + SERVICE_DATABASE_WAIT_S * NS_PER_S;
	bool said = false;

	for (;;) {
		int r = pg_migrate(pg, s->options.migrations, s->options.migration_count, s->options.migration_lock);
		if (r == 0)
			return 0;
		const bool waits = may_come(r, until_ns);
		if (!waits || !said)
			log_write(waits ? LOG_WARNING : LOG_ERROR, NULL, "op=migrate error=%d text=\"%s\" outcome=%s",
				r, pg_error(pg), waits ? "waiting" : "refused");
		if (!waits)
			return r;
		said = true;
		if (process_ends_within(s->process, 2 * PG_RECONNECT_MS))
			return -ECANCELED;
	}
}

static int prepare_database(void *cookie, struct buf *why)
{
	struct service *s = cookie;

	struct pg *pg = NULL;

	int r = pg_new(config_text(s->config, "database"), &pg);
	if (r == -EINVAL || r == -E2BIG)
		(void)buf_printf(
			why, "--database: not a connection string of PostgreSQL, with %d hosts at most", PG_HOSTS_MAX);
	if (r == 0)
		r = service_migrate(s, pg);
	pg_free(pg);
	return r;
}

static void handle_hello(struct http_request *req, void *cookie)
{
	struct service *s = cookie;

	door_answer(s->door, req);
}

static const struct http_route HELLO_ROUTES[] = {DOOR_ROUTE(handle_hello), {0}};

static int join_routes(void *cookie, struct buf *why)
{
	struct service *s = cookie;

	(void)why;
	struct http_route *common = NULL;
	int r = http_routes_concat(MONITORING_ROUTES, HELLO_ROUTES, &common);

	if (r == 0)
		r = http_routes_concat(s->options.routes, common, &s->routes);
	free(common);
	return r;
}

static int monitoring_ready(void *cookie, struct buf *ret_why)
{
	if (service_is_ready(cookie))
		return 0;
	(void)buf_append_str(ret_why, "the database does not answer, or this process is ending");
	return -ERR_UNAVAILABLE;
}

static int monitoring_status(void *cookie, struct buf *ret)
{
	struct service *s = cookie;
	json_t *status = json_pack("{s:s, s:s, s:b, s:I, s:I}", "kind", s->options.kind, "name", s->name, "ready",
		service_is_ready(s), "uptime_s", (json_int_t)((clock_mono_ns() - s->started_ns) / NS_PER_S), "workers",
		(json_int_t)config_number(s->config, "workers"));

	if (status && s->options.status)
		s->options.status(s->app, status);
	char *text = status ? json_dumps(status, JSON_COMPACT) : NULL;
	int r = text ? buf_append_str(ret, text) : -ENOMEM;
	free(text);
	json_decref(status);
	return r;
}

bool service_is_ready(const struct service *s)
{
	return !atomic_load(&s->leaving) && pulse_is_alive(s->pulse);
}

static bool is_ready(void *cookie)
{
	return service_is_ready(cookie);
}

static bool is_watch(const struct http_route *route)
{
	return route->internal && route->open;
}

/* Only gateways and services of this store get in; for a public route, the gateway has authenticated the user. */
static bool guard(struct http_request *req, const struct http_route *route, void *cookie)
{
	const struct service *s = cookie;

	if (is_watch(route))
		return true;
	if (!door_admits(s->door, req))
		return false;
	if (!route->internal && !route->open && !http_request_header(req, HEADER_USER)) {
		http_respond_error(req, -ERR_UNAUTHENTICATED, NULL);
		return false;
	}
	return true;
}

static bool outdated(const void *guest, void *cookie)
{
	return door_is_outdated(((const struct service *)cookie)->door, guest);
}

/* A database that was there for the migrations may be away again: the standbys of a new primary come and go. */
static int start_app(struct service *s)
{
	const int64_t until_ns = clock_mono_ns() + SERVICE_DATABASE_WAIT_S * NS_PER_S;

	for (;;) {
		const int r = s->options.start(s, &s->app);

		if (!may_come(r, until_ns))
			return r;
		log_warning(NULL, "op=start error=%d outcome=waiting", r);
		if (process_ends_within(s->process, 2 * PG_RECONNECT_MS))
			return -ECANCELED;
	}
}

static int start_workers(void *cookie, struct buf *why)
{
	struct service *s = cookie;

	(void)why;
	const struct workers_options workers = {.threads = (unsigned)config_number(s->config, "workers"),
		.conninfo = config_text(s->config, "database"),
		.metrics = s->metrics};
	const struct workers_options slow = {.threads = s->options.slow_threads,
		.conninfo = config_text(s->config, "database"),
		.queue_max = s->options.slow_queue_max,
		.lane = "slow",
		.metrics = s->metrics};
	int r = workers_new(&workers, &s->workers);

	if (r == 0 && s->options.slow_threads)
		r = workers_new(&slow, &s->slow);
	if (r == 0 && s->options.start)
		r = start_app(s);
	const struct pulse_options pulse = {.conninfo = config_text(s->config, "database"),
		.housekeep_s = SERVICE_HOUSEKEEP_S,
		.housekeep = s->options.housekeep,
		.cookie = s->app};
	return r == 0 ? pulse_start(&pulse, &s->pulse) : r;
}

/* Every call that the gateways may have in flight at once gets a connection: calls that wait here must not keep out
 * calls that could be answered at once. */
static unsigned allow_connections(const struct service *s)
{
	unsigned gateways = 0, wanted, allowed;
	struct registration_gateway gateway;

	while (registration_gateway(s->registration, gateways, &gateway) == 0)
		gateways++;
	wanted = gateways * GATEWAY_CALLS_MAX + SERVICE_CONNECTIONS_SPARE;
	allowed = descriptors_allow(wanted);
	if (allowed < wanted)
		log_warning(NULL, "op=start connections=%u outcome=\"descriptors for %u only (ulimit -Hn)\"", wanted,
			allowed);
	return allowed;
}

static void stamp(struct http_headers *ret, void *cookie)
{
	const struct service *s = cookie;

	s->options.stamp(ret, s->app);
}

static int start_server(void *cookie, struct buf *why)
{
	struct service *s = cookie;

	(void)why;
	s->monitoring = (struct monitoring){
		.metrics = s->metrics, .ready = monitoring_ready, .status = monitoring_status, .cookie = s};
	const struct http_server_options server = {.address = config_text(s->config, "listen"),
		.port = (uint16_t)config_number(s->config, "port"),
		.threads = (unsigned)config_number(s->config, "threads"),
		.connections_max = allow_connections(s),
		.stranger_ms = DOOR_STRANGER_MS,
		.routes = s->routes,
		.guard = guard,
		.outdated = outdated,
		.stamp = s->options.stamp ? stamp : NULL,
		.cookie = s,
		.metrics = s->metrics,
		.monitoring = &s->monitoring};

	return http_server_start(&server, &s->server);
}

/* Sets the URL at which others reach this process: --advertise, or else the address that it listens on. If that
 * means all addresses, the URL has the loopback address. */
static int make_url(struct service *s)
{
	const char *advertise = config_text(s->config, "advertise");
	const char *listen = config_text(s->config, "listen");
	const bool all = strcmp(listen, "0.0.0.0") == 0 || strcmp(listen, "::") == 0;
	const bool v6 = strchr(listen, ':') != NULL;
	int size;

	if (advertise)
		size = snprintf(s->url, sizeof(s->url), "%s", advertise);
	else
		size = snprintf(s->url, sizeof(s->url), v6 && !all ? "http://[%s]:%u" : "http://%s:%u",
			all ? "127.0.0.1" : listen, (unsigned)http_server_port(s->server));
	if (size <= 0 || (size_t)size >= sizeof(s->url))
		return -EINVAL;
	if (s->url[size - 1] == '/')
		s->url[size - 1] = '\0'; /* paths are appended to it */
	return 0;
}

/* Handlers may use the registration from the first request on, but it sends nothing until the address is known. */
static int make_registration(void *cookie, struct buf *why)
{
	struct service *s = cookie;

	(void)why;
	const struct registration_options registration = {.gateways = config_text(s->config, "gateways"),
		.kind = s->options.kind,
		.name = s->name,
		.instance = door_instance(s->door),
		.client = s->client,
		.ready = is_ready,
		.cookie = s};

	return registration_new(&registration, &s->registration);
}

static int start_registration(void *cookie, struct buf *why)
{
	struct service *s = cookie;

	(void)why;
	int r = make_url(s);

	return r == 0 ? registration_start(s->registration, s->url) : r;
}

static int write_pid(void *cookie, struct buf *why)
{
	struct service *s = cookie;

	(void)why;
	const char *path = config_text(s->config, "pid-file");
	char pid[PID_BYTES];

	if (!path)
		return 0;
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	return file_write_atomic(path, 0644, span_str(pid));
}

static int note_start(void *cookie, struct buf *why)
{
	const struct service *s = cookie;

	(void)why;
	log_info(NULL, "op=start url=%s outcome=serving", s->url);
	return 0;
}

static const struct process_phase PHASES[] = {
	{"cluster key", load_keys},
	{"door", make_door},
	{"routes", join_routes},
	{"gateways", make_registration},
	{"database", prepare_database},
	{"workers", start_workers},
	{"server", start_server},
	{"registration", start_registration},
	{"pid-file", write_pid},
	{"log", note_start},
	{0},
};

static void stop_all(void *cookie)
{
	struct service *s = cookie;
	const char *pid_file = config_text(s->config, "pid-file");

	atomic_store(&s->leaving, true);
	if (s->registration)
		registration_leave(s->registration);
	if (s->options.drain && s->app)
		s->options.drain(s->app);
	if (s->server)
		http_server_drain(s->server, SERVICE_DRAIN_MS);
	/* The workers stop before the server does, and are freed after it. Until then kept connections may bring
	 * requests, and the service's own work may ask for a worker: stopped workers refuse both. */
	workers_stop(s->workers);
	workers_stop(s->slow);
	http_server_stop(s->server);
	s->server = NULL;
	pulse_free(s->pulse);
	s->pulse = NULL;
	if (s->options.stop && s->app)
		s->options.stop(s->app);
	s->app = NULL;
	workers_free(s->workers);
	s->workers = NULL;
	workers_free(s->slow);
	s->slow = NULL;
	registration_free(s->registration);
	s->registration = NULL;
	if (pid_file)
		(void)unlink(pid_file); /* the file may never have been written */
}

int service_run(struct service *s)
{
	static const struct process_ops OPS = {.phases = PHASES, .stop = stop_all, .keys_changed = on_keys_changed};

	return process_run(s->process, &OPS, s);
}

struct work {
	struct service *service;
	struct http_request *req;
	service_work_fn fn;
};

static void do_work(struct pg *pg, void *cookie)
{
	const struct work work = *(struct work *)cookie;

	free(cookie);
	work.fn(pg, work.req, work.service);
}

/* A request of another part, and one without an account, is done for nobody. */
static int64_t party_of(const struct http_request *req)
{
	struct service_identity who;

	return service_identity(req, &who) == 0 ? (int64_t)who.user_id : JOB_PARTY_SERVICE;
}

void service_work(struct service *s, struct http_request *req, service_work_fn fn)
{
	struct work *work = malloc(sizeof(*work));
	int r = -ENOMEM;

	if (work) {
		*work = (struct work){s, req, fn};
		r = workers_submit(s->workers, party_of(req), do_work, work);
	}
	if (r < 0) {
		free(work);
		http_respond_error(req, -ERR_UNAVAILABLE, "too much is waiting here already");
	}
}

int service_submit(struct service *s, int64_t party, void (*fn)(struct pg *pg, void *cookie), void *cookie)
{
	return workers_submit(s->workers, party, fn, cookie);
}

int service_submit_slow(struct service *s, void (*fn)(struct pg *pg, void *cookie), void *cookie)
{
	return workers_submit(s->slow, JOB_PARTY_SERVICE, fn, cookie);
}

void *service_app(const struct service *s)
{
	return s->app;
}

const struct config *service_config(const struct service *s)
{
	return s->config;
}

const char *service_name(const struct service *s)
{
	return s->name;
}

struct metrics *service_metrics(const struct service *s)
{
	return s->metrics;
}

struct http_client *service_client(const struct service *s)
{
	return s->client;
}

struct cluster *service_cluster(const struct service *s)
{
	return process_cluster(s->process);
}

struct registration *service_registration(const struct service *s)
{
	return s->registration;
}
