/*
 * bench_docs_http: what the docs service costs over HTTP, beside a bare prepared SELECT by primary key and a bare
 * INSERT commit in the same PostgreSQL. One client; each measured request takes turns with its bare statement, so that
 * other work of the machine slows both. The batches are those of a mount: they have a session and a number each.
 * Usage: bench_docs_http DATA-DIR
 *   DATA-DIR     of a running store (scripts/up --data): its cluster key, and the sockets of its PostgreSQL and of its
 *                first gateway, which is asked which docs services there are; the first of them is measured, without
 *                the gateway
 * BENCH_ROUNDS in the environment: rounds of BENCH_COUNT (300) turns each; a figure is the median of the rounds' ratios
 * of medians.
 */
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/trust/door.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX (8u << 20) /* many times the answer of the largest batch */
#define WAIT_S 30		    /* for an answer */
#define NAMES 1000		    /* the names that are looked up */
#define BATCH_OPS 500
#define BATCHES 10 /* in one round */
#define ROUNDS_MAX 101

struct bench {
	PGconn *pg;
	int fd;
	char host[64];
	struct cluster *cluster;
	struct door *door;
	struct buf out, in;
	struct span body; /* the body of the last answer, in `in` */
	int64_t drive, folder, session, number;
	int64_t created, renamed, looked, bare;
};

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fputs("bench_docs_http: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* ---- HTTP, no more of it than this client needs ---- */

/* Connects, and lets both ends greet each other. Returns the connection. */
static int greet(struct bench *b, const struct endpoint_address *address, const char *peer)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	struct dial *dial = NULL;
	int r = dial_new(address, door_greeter(b->door), peer, &dial);

	if (r == 0)
		r = dial_wait(dial, clock_mono_ns() + WAIT_S * NS_PER_S);
	if (r < 0)
		die("%s: %s", peer, strerror(-r));
	const int fd = dial_take(dial);
	dial_free(dial);
	(void)fcntl(fd, F_SETFL, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

/* Takes a URL of the form http://ADDRESS:PORT */
static void http_open(struct bench *b, const char *url)
{
	struct endpoint_address to = {.size = sizeof(struct sockaddr_in), .type = SOCK_STREAM};
	struct sockaddr_in *name = (struct sockaddr_in *)&to.name;
	char address[32];
	unsigned port;

	name->sin_family = AF_INET;
	/* NOLINTNEXTLINE(cert-err34-c): our own server wrote it */
	if (sscanf(url, "http://%31[0-9.]:%u", address, &port) != 2 ||
		inet_pton(AF_INET, address, &name->sin_addr) != 1)
		die("not http://ADDRESS:PORT: %s", url);
	name->sin_port = htons((uint16_t)port);
	(void)snprintf(b->host, sizeof(b->host), "%s:%u", address, port);
	b->fd = greet(b, &to, "docs/");
}

static void receive(struct bench *b)
{
	if (buf_reserve(&b->in, 65536) < 0)
		die("the answer is too large");
	const ssize_t n = recv(b->fd, b->in.data + b->in.size, b->in.capacity - b->in.size - 1, 0);
	if (n <= 0)
		die("no answer: %s", n < 0 ? strerror(errno) : "closed");
	b->in.size += (size_t)n;
	b->in.data[b->in.size] = '\0';
}

/* Sends what lies in b->out; returns the answer's status. */
static int exchange(struct bench *b)
{
	const char *end, *length;
	int status;

	for (size_t at = 0; at < b->out.size;) {
		const ssize_t n = send(b->fd, b->out.data + at, b->out.size - at, MSG_NOSIGNAL);
		if (n < 0)
			die("send: %s", strerror(errno));
		at += (size_t)n;
	}
	buf_reset(&b->in);
	do
		receive(b);
	while (!(end = strstr(b->in.data, "\r\n\r\n")));
	length = strcasestr(b->in.data, "\r\nContent-Length:");
	/* NOLINTNEXTLINE(cert-err34-c): our own server wrote it */
	if (sscanf(b->in.data, "HTTP/1.1 %d", &status) != 1 || (status != 204 && (!length || length > end)))
		die("not understood: %s", b->in.data);
	const size_t head = (size_t)(end + 4 - b->in.data), size = status == 204 ? 0 : strtoul(length + 17, NULL, 10);
	while (b->in.size < head + size)
		receive(b);
	b->body = span_of(b->in.data + head, size);
	return status;
}

__attribute__((format(printf, 3, 4))) static int request(struct bench *b, struct span body, const char *line, ...)
{
	va_list args;
	int r;

	buf_reset(&b->out);
	va_start(args, line);
	r = buf_vprintf(&b->out, line, args);
	va_end(args);
	if (r == 0)
		r = buf_printf(&b->out,
			" HTTP/1.1\r\nHost: %s\r\nNephos-User: 1\r\nNephos-User-Name: bench\r\nNephos-Admin: 1\r\n"
			"Nephos-Token-Id: k1\r\nAccept: application/vnd.nephos.items, application/json\r\n",
			b->host);
	if (r == 0 && b->session > 0 && body.size > 0)
		r = buf_printf(&b->out, "Nephos-Session: %" PRId64 "\r\nNephos-Batch: %" PRId64 "\r\n", b->session,
			++b->number);
	if (r == 0 && body.size > 0)
		r = buf_printf(&b->out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body.size);
	if (r == 0)
		r = buf_append_str(&b->out, "\r\n");
	if (r == 0)
		r = buf_append_span(&b->out, body);
	if (r < 0)
		die("%s", strerror(error_errno(r)));
	return exchange(b);
}

static void expect(const struct bench *b, int status, int wanted)
{
	if (status != wanted)
		die("answered %d: %.*s", status, (int)b->body.size, b->body.data);
}

static json_t *answer_json(const struct bench *b)
{
	json_t *o = json_loadb(b->body.data, b->body.size, 0, NULL);

	if (!o)
		die("not JSON: %.*s", (int)b->body.size, b->body.data);
	return o;
}

static int64_t text_number(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	int64_t number;

	if (!text || text_parse_i64(span_str(text), &number) < 0)
		die("no %s in an answer", name);
	return number;
}

/* ---- what is measured ---- */

static void send_ops(struct bench *b, struct span ops)
{
	expect(b, request(b, ops, "POST /api/v2/docs/drives/%" PRId64 "/ops", b->drive), 200);
}

static void append_create(struct bench *b, struct buf *ops)
{
	if (buf_printf(ops,
		    "{\"op\":\"create\",\"parent\":\"%" PRId64 "\",\"name\":\"f%08" PRId64 "\",\"type\":\"file\"}",
		    b->folder, b->created++) < 0)
		die("out of memory");
}

static void create_some(struct bench *b, size_t count)
{
	struct buf ops;

	buf_init(&ops, BATCH_BYTES_MAX);
	(void)buf_append_str(&ops, "{\"ops\":[");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			(void)buf_append_u8(&ops, ',');
		append_create(b, &ops);
	}
	(void)buf_append_str(&ops, "]}");
	send_ops(b, buf_span(&ops));
	buf_fini(&ops);
}

static void do_create(struct bench *b)
{
	create_some(b, 1);
}

static void do_rename(struct bench *b)
{
	char ops[256];

	(void)snprintf(ops, sizeof(ops),
		"{\"ops\":[{\"op\":\"rename\",\"parent\":\"%" PRId64 "\",\"name\":\"r%08" PRId64
		"\",\"new_parent\":\"%" PRId64 "\",\"new_name\":\"r%08" PRId64 "\"}]}",
		b->folder, b->renamed, b->folder, b->renamed + 1);
	send_ops(b, span_str(ops));
	b->renamed++;
}

static void do_lookup(struct bench *b)
{
	expect(b,
		request(b, span_of(NULL, 0),
			"GET /api/v2/docs/drives/%" PRId64 "/items/%" PRId64 "/lookup?name=f%08" PRId64, b->drive,
			b->folder, b->looked++ % NAMES),
		200);
}

/* ---- the statements that it is measured beside ---- */

static void sql(struct bench *b, const char *text)
{
	PGresult *result = PQexec(b->pg, text);
	const ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(b->pg));
	PQclear(result);
}

static void bare(struct bench *b, const char *statement, int64_t number, ExecStatusType wanted, int rows)
{
	const uint64_t wire = htobe64((uint64_t)number);
	const char *const values[] = {(const char *)&wire};
	const int lengths[] = {sizeof(wire)}, formats[] = {1};
	PGresult *result = PQexecPrepared(b->pg, statement, 1, values, lengths, formats, 1);

	if (PQresultStatus(result) != wanted || PQntuples(result) != rows)
		die("%s: %s", statement, PQerrorMessage(b->pg));
	PQclear(result);
}

static void bare_insert(struct bench *b)
{
	bare(b, "bench_insert", ++b->bare, PGRES_COMMAND_OK, 0);
}

static void bare_select(struct bench *b)
{
	bare(b, "bench_select", b->looked % NAMES, PGRES_TUPLES_OK, 1);
}

static void prepare(struct bench *b, const char *name, const char *text)
{
	PGresult *result = PQprepare(b->pg, name, text, 0, NULL);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		die("%s", PQerrorMessage(b->pg));
	PQclear(result);
}

/* ---- beginning and end ---- */

static struct span first_line(const char *data_dir, const char *file, char *line, size_t size)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", data_dir, file);
	FILE *f = fopen(path, "re");
	if (!f || !fgets(line, (int)size, f))
		line[0] = '\0';
	if (f)
		(void)fclose(f);
	line[strcspn(line, "\r\n")] = '\0';
	return span_str(line);
}

static void open_door(struct bench *b, const char *data_dir)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/cluster.key", data_dir);
	int r = cluster_new(path, &b->cluster);
	if (r == 0)
		r = door_new(b->cluster, "gateway", "bench", NULL, &b->door);
	if (r < 0)
		die("%s: %s", path, strerror(-r));
}

static void open_database(struct bench *b, const char *data_dir)
{
	char folder[4096], info[4200];

	if (first_line(data_dir, "run/socket-dir", folder, sizeof(folder)).size == 0)
		(void)snprintf(folder, sizeof(folder), "%s/run/postgres", data_dir);
	(void)snprintf(info, sizeof(info),
		"host='%s' port=5432 user=nephos dbname=docs options='-c client_min_messages=warning'", folder);
	b->pg = PQconnectdb(info);
	if (PQstatus(b->pg) != CONNECTION_OK)
		die("%s", PQerrorMessage(b->pg));
	sql(b, "DROP TABLE IF EXISTS bench_rows, bench_keys");
	sql(b, "CREATE TABLE bench_rows (id bigint)");
	sql(b, "CREATE TABLE bench_keys (id bigint PRIMARY KEY)");
	sql(b, "INSERT INTO bench_keys SELECT generate_series(0, 999)");
	sql(b, "ANALYZE bench_keys");
	prepare(b, "bench_insert", "INSERT INTO bench_rows (id) VALUES ($1::bigint)");
	prepare(b, "bench_select", "SELECT id FROM bench_keys WHERE id = $1::bigint");
}

static void open_service(struct bench *b, const char *data_dir)
{
	struct endpoint_address gateway;
	const json_t *one, *url = NULL;
	char path[4096];
	int folder = -1;
	size_t i;

	(void)snprintf(path, sizeof(path), "%s/run/internal/gateway-1.sock", data_dir);
	if (endpoint_unix_address(path, &gateway, &folder) < 0)
		die("%s: not the path of a socket", path);
	(void)snprintf(b->host, sizeof(b->host), "nephos");
	b->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (b->fd < 0 || connect(b->fd, (struct sockaddr *)&gateway.name, sizeof(struct sockaddr_un)) < 0)
		die("%s: %s", path, strerror(errno));
	if (folder >= 0)
		(void)close(folder);
	expect(b, request(b, span_of(NULL, 0), "GET /internal/v1/registry"), 200);
	json_t *registry = answer_json(b);
	json_array_foreach(json_object_get(registry, "services"), i, one) {
		const char *kind = json_string_value(json_object_get(one, "kind"));

		if (!url && kind && strcmp(kind, "docs") == 0)
			url = json_object_get(one, "url");
	}
	if (!json_is_string(url))
		die("%s knows no docs service", path);
	(void)close(b->fd);
	http_open(b, json_string_value(url));
	json_decref(registry);
}

/* Makes a folder of its own with the names to look up, a document to rename, and a session, as a mount has one. */
static void fill(struct bench *b)
{
	char ops[256];

	expect(b, request(b, span_of(NULL, 0), "GET /api/v2/docs/drives/home"), 200);
	json_t *drive = answer_json(b);
	b->drive = text_number(drive, "id");
	(void)snprintf(ops, sizeof(ops),
		"{\"ops\":[{\"op\":\"create\",\"parent\":\"%" PRId64 "\",\"name\":\"bench-%" PRId64
		"\",\"type\":\"dir\"}]}",
		text_number(drive, "root"), clock_real_ns());
	json_decref(drive);
	send_ops(b, span_str(ops));
	json_t *made = answer_json(b);
	b->folder = text_number(json_object_get(json_array_get(json_object_get(made, "results"), 0), "item"), "id");
	json_decref(made);
	expect(b,
		request(b, SPAN_LITERAL("{\"name\":\"bench\"}"), "POST /api/v2/docs/drives/%" PRId64 "/sessions",
			b->drive),
		201);
	json_t *session = answer_json(b);
	b->session = text_number(session, "session");
	json_decref(session);
	b->number = 0;
	for (int i = 0; i < NAMES / BATCH_OPS; i++)
		create_some(b, BATCH_OPS);
	(void)snprintf(ops, sizeof(ops),
		"{\"ops\":[{\"op\":\"create\",\"parent\":\"%" PRId64 "\",\"name\":\"r%08d\",\"type\":\"file\"}]}",
		b->folder, 0);
	send_ops(b, span_str(ops));
}

static void finish(struct bench *b)
{
	sql(b, "DROP TABLE bench_rows, bench_keys");
	const int64_t session = b->session;
	b->session = 0;
	(void)request(
		b, span_of(NULL, 0), "DELETE /api/v2/docs/drives/%" PRId64 "/sessions/%" PRId64, b->drive, session);
	PQfinish(b->pg);
	(void)close(b->fd);
	buf_fini(&b->in);
	buf_fini(&b->out);
}

/* ---- figures ---- */

typedef void (*piece)(struct bench *b);

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static double timed(struct bench *b, piece run)
{
	const int64_t start = clock_mono_ns();

	run(b);
	return (double)(clock_mono_ns() - start) / 1000;
}

struct figure {
	const char *name;
	piece run, beside;
	double must, then;
	double ratio[ROUNDS_MAX], us[ROUNDS_MAX], beside_us[ROUNDS_MAX];
};

static void measure(struct bench *b, struct figure *f, size_t round, size_t count)
{
	double *times = calloc(2 * count, sizeof(*times));

	if (!times)
		die("out of memory");
	for (size_t i = 0; i < count; i++) {
		times[count + i] = timed(b, f->beside);
		times[i] = timed(b, f->run);
	}
	f->us[round] = median(times, count);
	f->beside_us[round] = median(times + count, count);
	f->ratio[round] = f->us[round] / f->beside_us[round];
	free(times);
}

static double batch_rate(struct bench *b)
{
	const int64_t start = clock_mono_ns();

	for (int i = 0; i < BATCHES; i++)
		create_some(b, BATCH_OPS);
	return (double)BATCHES * BATCH_OPS * NS_PER_S / (double)(clock_mono_ns() - start);
}

static const char *verdict(bool must, bool then)
{
	return then ? "pass, and what is to come then" : must ? "pass" : "miss";
}

static void print_figure(struct figure *f, size_t rounds)
{
	const double ratio = median(f->ratio, rounds);

	printf("| %s | %.2fx (%.0f us beside %.0f us) | %.1fx | %.1fx | %s |\n", f->name, ratio, median(f->us, rounds),
		median(f->beside_us, rounds), f->must, f->then, verdict(ratio <= f->must, ratio <= f->then));
}

static size_t environment(const char *name, size_t otherwise, size_t max)
{
	const char *text = getenv(name);
	const size_t number = text ? strtoul(text, NULL, 10) : otherwise;

	return number < 1 ? 1 : number > max ? max : number;
}

static void run(struct bench *b)
{
	const size_t rounds = environment("BENCH_ROUNDS", 5, ROUNDS_MAX),
		     count = environment("BENCH_COUNT", 300, 1000000);
	static struct figure figures[] = {
		{.name = "lookup, beside a SELECT", .run = do_lookup, .beside = bare_select, .must = 4, .then = 2.5},
		{.name = "create, beside an INSERT", .run = do_create, .beside = bare_insert, .must = 3.5, .then = 2.5},
		{.name = "rename, beside an INSERT", .run = do_rename, .beside = bare_insert, .must = 4, .then = 3},
	};
	double rates[ROUNDS_MAX];

	for (size_t round = 0; round < rounds + 1; round++) {
		const size_t at = round % rounds; /* the first round warms up; a later one overwrites it */

		for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
			measure(b, &figures[i], at, count);
		rates[at] = batch_rate(b);
	}
	puts("| docs service over HTTP, one client, p50 | ratio | must reach | then | |\n|---|---|---|---|---|");
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		print_figure(&figures[i], rounds);
	const double rate = median(rates, rounds);
	printf("| creates in batches of %d | %.0f/s, on this machine | 20000/s | 50000/s | %s |\n", BATCH_OPS, rate,
		verdict(rate >= 20000, rate >= 50000));
}

int main(int argc, char **argv)
{
	static struct bench b;

	if (argc != 2)
		die("usage: bench_docs_http DATA-DIR");
	buf_init(&b.out, BATCH_BYTES_MAX);
	buf_init(&b.in, ANSWER_BYTES_MAX);
	open_door(&b, argv[1]);
	open_service(&b, argv[1]);
	open_database(&b, argv[1]);
	fill(&b);
	run(&b);
	finish(&b);
	return 0;
}
