#include "common/trust/door.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/proto/headers.h"
#include "common/trust/hello.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static_assert(HTTP_GREETING_TEXT_SIZE >= HELLO_TEXT_SIZE && HTTP_WAY_SIZE <= HELLO_WAY_SIZE, "what is said fits");
static_assert(sizeof(struct hello_client) + sizeof(int) <= HTTP_GREETING_STATE_BYTES, "what a client remembers fits");

struct door {
	struct cluster *cluster;
	char name[HELLO_NAME_SIZE];
	char instance[DOOR_INSTANCE_SIZE];
	struct http_greeter greeter;
	struct metric *strangers; /* a server without the key listened where one of ours should */
	struct metric *refused;	  /* a client came without the key */
	pthread_mutex_t lock;	  /* guards the fields below */
	char said[DOOR_STRANGERS_MAX][HTTP_WAY_SIZE];
	size_t next_said;
};

/* State of an incoming connection; used by the server's thread. */
struct guest {
	struct hello_server hello;
	uint64_t generation; /* of the keys that the greeting was checked against */
};

/* State of an outgoing connection; zeros at first. */
struct visit {
	bool confirmed;
	struct hello_client hello;
};

/* ---- out ---- */

/* The address of the other end, which stays the same from one connection to the next. */
static const char *server_of(const char *way)
{
	const char *arrow = strchr(way, '>');

	return arrow ? arrow + 1 : way;
}

/* The caller holds d->lock. NULL: nothing was logged about this server. */
static char *find_said(struct door *d, const char *server)
{
	for (size_t i = 0; i < DOOR_STRANGERS_MAX; i++) {
		if (strcmp(d->said[i], server) == 0)
			return d->said[i];
	}
	return NULL;
}

static void note_stranger(struct door *d, const struct http_greeting *g)
{
	const char *server = server_of(g->way);

	metric_inc(d->strangers);
	pthread_mutex_lock(&d->lock);
	const bool is_new = !find_said(d, server);
	if (is_new)
		(void)snprintf(d->said[d->next_said++ % DOOR_STRANGERS_MAX], HTTP_WAY_SIZE, "%s", server);
	pthread_mutex_unlock(&d->lock);
	if (is_new)
		log_warning(NULL,
			"op=greet address=%s expected=%s outcome=refused: who listens there does not have the store's key, or is another part of it; nothing was told to him",
			server, g->peer);
}

static void note_friend(struct door *d, const struct http_greeting *g)
{
	pthread_mutex_lock(&d->lock);
	char *said = find_said(d, server_of(g->way));
	if (said)
		*said = '\0';
	pthread_mutex_unlock(&d->lock);
}

static int ask(struct door *d, const struct http_greeting *g, struct visit *visit, char *ret)
{
	uint8_t nonce[HELLO_NONCE_BYTES];
	struct hello_keys keys;

	assert(!visit->confirmed);
	(void)cluster_hello_keys(d->cluster, &keys);
	randombytes_buf(nonce, sizeof(nonce));
	int r = hello_ask(&visit->hello, &keys, nonce, g->way, ret);
	sodium_memzero(&keys, sizeof(keys));
	return r < 0 ? r : 1;
}

static int greet(void *cookie, const struct http_greeting *g, char ret[HTTP_GREETING_TEXT_SIZE])
{
	struct visit *visit = g->state;
	struct door *d = cookie;

	if (!g->heard.data)
		return ask(d, g, visit, ret);
	int r;
	if (!visit->confirmed) {
		r = hello_confirm(&visit->hello, g->heard, g->peer, d->name, ret);
		visit->confirmed = r == 0;
		r = r == 0 ? 1 : -EKEYREJECTED;
	} else {
		r = span_eq_str(g->heard, HELLO_KNOWN) ? 0 : -EKEYREJECTED;
	}
	if (r == 0)
		note_friend(d, g);
	return r;
}

static void on_refused(void *cookie, const struct http_greeting *g)
{
	note_stranger(cookie, g);
}

/* A process with a key that was removed may be at the other end of a connection that was greeted with that key, and
 * would not report that it does not recognise us. */
static int64_t stale_ns(void *cookie)
{
	const struct door *d = cookie;

	return cluster_narrowed_ns(d->cluster);
}

const struct http_greeter *door_greeter(struct door *d)
{
	return &d->greeter;
}

/* ---- in ---- */

static struct guest *guest_of(struct http_request *req)
{
	struct guest *guest = http_connection_data(req);

	if (!guest) {
		guest = calloc(1, sizeof(*guest));
		if (guest)
			http_connection_set_data(req, guest, free);
	}
	return http_connection_data(req);
}

static int hear(struct door *d, struct http_request *req, const char *message, char ret[HELLO_TEXT_SIZE])
{
	struct hello_side side = {.name = d->name};
	struct guest *guest = guest_of(req);
	char way[HTTP_WAY_SIZE];
	struct hello_keys keys;

	if (!guest)
		return -ENOMEM;
	/* Within one machine no addresses are translated: if the client sees another way, there is somebody
	 * between. */
	if (http_connection_way(req, way))
		side.way = way;
	randombytes_buf(side.nonce, sizeof(side.nonce));
	guest->generation = cluster_hello_keys(d->cluster, &keys);
	int r = hello_hear(&guest->hello, &keys, &side, span_str(message), ret);
	sodium_memzero(&keys, sizeof(keys));
	if (guest->hello.state == HELLO_KNOWN_NOW)
		http_connection_vouch(req);
	return r;
}

void door_answer(struct door *d, struct http_request *req)
{
	const char *message = http_request_header(req, HEADER_HELLO);
	struct http_headers headers;
	char text[HELLO_TEXT_SIZE];

	http_headers_init(&headers);
	int r = message ? hear(d, req, message, text) : -EBADMSG;
	if (r == 0)
		r = http_headers_add(&headers, HEADER_HELLO, text);
	if (r == 0) {
		http_respond(req, 204, &headers, span_of(NULL, 0));
	} else {
		metric_inc(d->refused);
		http_respond_error(req, r == -ENOMEM ? r : -ERR_UNAUTHENTICATED, NULL);
	}
	http_headers_fini(&headers);
}

static bool is_known(struct door *d, struct guest *guest)
{
	struct hello_keys keys;

	if (!guest || guest->hello.state != HELLO_KNOWN_NOW)
		return false;
	if (guest->generation == cluster_generation(d->cluster))
		return true;
	guest->generation = cluster_hello_keys(d->cluster, &keys);
	if (!hello_still_known(&guest->hello, &keys))
		guest->hello.state = HELLO_STRANGER;
	sodium_memzero(&keys, sizeof(keys));
	return guest->hello.state == HELLO_KNOWN_NOW;
}

bool door_is_outdated(struct door *d, const void *guest)
{
	const struct guest *g = guest;
	struct hello_keys keys;

	if (!g || g->hello.state != HELLO_KNOWN_NOW || g->generation == cluster_generation(d->cluster))
		return false;
	(void)cluster_hello_keys(d->cluster, &keys);
	const bool known = hello_still_known(&g->hello, &keys);
	sodium_memzero(&keys, sizeof(keys));
	return !known;
}

static void turn_away(struct door *d, struct http_request *req)
{
	struct http_headers headers;

	metric_inc(d->refused);
	http_headers_init(&headers);
	/* This field tells a part of the store that nothing was done, and that it has to greet again. */
	(void)http_headers_add(&headers, HEADER_HELLO, "who-are-you");
	http_respond_error_with(req, -ERR_UNAUTHENTICATED, "only parts of this store are answered here", &headers);
	http_headers_fini(&headers);
}

bool door_admits(struct door *d, struct http_request *req)
{
	if (is_known(d, http_connection_data(req)) || http_connection_is_own(req))
		return true;
	turn_away(d, req);
	return false;
}

/* The client's name is KIND/NAME/INSTANCE. */
static bool is_of_kind(const struct guest *guest, const char *kind)
{
	const size_t size = strlen(kind);

	assert(guest->hello.state == HELLO_KNOWN_NOW);
	return strncmp(guest->hello.client, kind, size) == 0 && guest->hello.client[size] == '/';
}

bool door_admits_kind(struct door *d, struct http_request *req, const char *kind)
{
	struct guest *guest = http_connection_data(req);

	if (is_known(d, guest) && is_of_kind(guest, kind))
		return true;
	turn_away(d, req);
	return false;
}

/* ---- life ---- */

static int add_metrics(struct door *d, struct metrics *metrics)
{
	int r = metrics_add(metrics, METRIC_COUNTER, "nephos_strangers_met_total", "",
		"Connections to an address of the store at which a process without the store's key listened",
		&d->strangers);

	return r < 0 ? r
		     : metrics_add(metrics, METRIC_COUNTER, "nephos_strangers_refused_total", "",
			       "Requests and greetings refused because the peer lacks the store's key", &d->refused);
}

int door_new(struct cluster *cluster, const char *kind, const char *name, struct metrics *metrics, struct door **ret)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	struct door *d;
	int r;

	if (strspn(kind, letters) != strlen(kind) || strspn(name, letters) != strlen(name) || !*name)
		return -EINVAL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->cluster = cluster;
	d->greeter = (struct http_greeter){.step = greet, .refused = on_refused, .stale_ns = stale_ns, .cookie = d};
	pthread_mutex_init(&d->lock, NULL);
	r = text_random_hex((DOOR_INSTANCE_SIZE - 1) / 2, d->instance);
	if (r == 0) {
		r = snprintf(d->name, sizeof(d->name), "%s/%s/%s", kind, name, d->instance);
		r = r < 0 || (size_t)r >= sizeof(d->name) ? -EINVAL : 0;
	}
	if (r == 0 && metrics)
		r = add_metrics(d, metrics);
	if (r < 0)
		door_free(d);
	else
		*ret = d;
	return r;
}

void door_free(struct door *d)
{
	if (!d)
		return;
	pthread_mutex_destroy(&d->lock);
	free(d);
}

const char *door_instance(const struct door *d)
{
	return d->instance;
}
