#include "fusefs/store/http/store_http.h"

#include "fusefs/store/http/store_http_internal.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define OPEN_MS 5000 /* a user waits for the mount, and may have misspelt the URL */
#define HASHERS 2    /* threads for SHA-256, each 1.1 to 2.2 GB/s: more than a gateway delivers */
#define STATUS_BYTES_MAX (256u * 1024)

/* ---- waiting for a call, while the store is opened ---- */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
	int error;
	struct store_drive drive;
};

static void on_opened_drive(void *cookie, int error, const struct store_drive *drive)
{
	struct waiter *w = cookie;

	pthread_mutex_lock(&w->lock);
	assert(!w->done); /* a callback is called once */
	w->done = true;
	w->error = error;
	if (drive)
		w->drive = *drive;
	pthread_cond_signal(&w->over);
	pthread_mutex_unlock(&w->lock);
}

static int open_drive(struct store_http *s, int64_t until_ns, struct store_drive *ret)
{
	struct waiter w = {.error = 0};
	store_ticket ticket;

	pthread_mutex_init(&w.lock, NULL);
	cond_init(&w.over);
	ticket = store_http_drive(&s->base, on_opened_drive, &w);
	pthread_mutex_lock(&w.lock);
	while (!w.done) {
		if (!cond_wait_until(&w.over, &w.lock, until_ns) && !w.done) {
			pthread_mutex_unlock(&w.lock);
			store_http_cancel(&s->base, ticket);
			pthread_mutex_lock(&w.lock);
			while (!w.done)
				pthread_cond_wait(&w.over, &w.lock);
		}
	}
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.over);
	pthread_mutex_destroy(&w.lock);
	if (w.error == 0)
		*ret = w.drive;
	return w.error;
}

static int open_session(struct store_http *s, int64_t until_ns)
{
	int r = 0;

	pthread_mutex_lock(&s->lock);
	store_http_session_renew(s);
	while (s->renewing && r == 0)
		r = cond_wait_until(&s->all_over, &s->lock, until_ns) ? 0 : -ETIMEDOUT;
	if (s->session != 0)
		r = 0;
	else if (r == 0)
		r = s->last_failure < 0 ? s->last_failure : -EIO;
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* ---- gateways ---- */

static void on_gateways(struct store_http_call *call, int error, struct http_response *response)
{
	struct store_http *s = call->s;
	json_t *root = NULL;
	const json_t *list;

	if (error == 0 && response->status == 200)
		root = json_loadb(response->body.data ? response->body.data : "", response->body.size, 0, NULL);
	list = json_object_get(root, "gateways");
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *url = json_string_value(json_array_get(list, i));

		if (url)
			(void)gateways_add_named(s->gateways, call->gateway, span_str(url));
	}
	pthread_mutex_unlock(&s->lock);
	json_decref(root);
	store_http_call_over(call);
}

/* No caller waits for the answer: gateways that are not found now are not needed yet. Only the gateway that
 * accepted the key is believed: a page that is readable without a key could come from anybody. */
static void ask_for_gateways(struct store_http *s)
{
	struct store_http_call *call = store_http_call_new(s, CALL_META, on_gateways, NULL);

	call->flags = CALL_FLAG_OUTSIDE | CALL_FLAG_ONE_HOST;
	call->gateway = gateways_current(s->gateways);
	call->response_max = STATUS_BYTES_MAX;
	store_http_call_path(call, "/api/v2/gateways");
	(void)store_http_call_start(call);
}

/* ---- new and free ---- */

void store_http_quiet(struct store *base)
{
	struct store_http *s = store_http_of(base);
	struct store_http_call *call, *next;

	pthread_mutex_lock(&s->lock);
	s->closing = true;
	HASH_ITER(hh, s->calls, call, next)
		store_http_call_cancel_locked(call);
	pthread_cond_signal(&s->clock_wake);
	while (s->calls)
		pthread_cond_wait(&s->all_over, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static void http_free(struct store *base)
{
	struct store_http *s = store_http_of(base);

	store_http_quiet(base);
	store_http_call_clock_end(s);
	assert(!s->waiting); /* all calls are over, so none is left in the list */
	if (s->drive_number != 0)
		store_http_session_end(s);
	http_client_free(s->client);
	worker_free(s->hasher);
	gateways_free(s->gateways);
	pthread_cond_destroy(&s->clock_wake);
	pthread_cond_destroy(&s->all_over);
	pthread_mutex_destroy(&s->lock);
	free(s->authorization);
	free(s->name);
	store_http_locks_fini(s);
	free(s->drive_name);
	free(s);
}

static const struct store_ops http_ops = {
	.drive = store_http_drive,
	.lookup = store_http_lookup,
	.item = store_http_item,
	.children = store_http_children,
	.extents = store_http_extents,
	.xattrs = store_http_xattrs,
	.block_get = store_http_block_get,
	.block_put = store_http_block_put,
	.batch = store_http_batch,
	.ids = store_http_ids,
	.poll = store_http_poll,
	.lock = store_http_lock,
	.lock_wait = store_http_lock_wait,
	.lock_test = store_http_lock_test,
	.lock_settled = store_http_lock_settled,
	.cancel = store_http_cancel,
	.free = http_free,
};

static int add_metrics(struct store_http *s, struct metrics *m)
{
	static const char *const kinds[CALL_KINDS] = {"meta", "batch", "poll", "block_get", "block_put"};
	int r = 0;

	if (!m)
		return 0;
	for (int i = 0; i < CALL_KINDS && r == 0; i++) {
		struct store_http_counts *c = &s->counts[i];
		char labels[64];

		(void)snprintf(labels, sizeof(labels), "kind=\"%s\"", kinds[i]);
		r = metrics_add(m, METRIC_COUNTER, "nephos_mount_http_requests_total", labels,
			"Requests sent to gateways", &c->requests);
		if (r == 0)
			r = metrics_add(m, METRIC_COUNTER, "nephos_mount_bytes_sent_total", labels,
				"Bytes of request bodies", &c->sent);
		if (r == 0)
			r = metrics_add(m, METRIC_COUNTER, "nephos_mount_bytes_received_total", labels,
				"Bytes of response bodies", &c->received);
	}
	if (r == 0)
		r = metrics_add(m, METRIC_COUNTER, "nephos_mount_retries_total", "",
			"Requests sent again after a failure", &s->retries);
	if (r == 0)
		r = metrics_add(m, METRIC_COUNTER, "nephos_mount_failovers_total", "",
			"Times that the mount changed to another gateway", &s->failovers);
	if (r == 0)
		r = metrics_add(m, METRIC_COUNTER, "nephos_mount_in_doubt_total", "", "Batches with an unknown outcome",
			&s->doubts);
	return r;
}

static int set_drive(struct store_http *s, const char *drive)
{
	uint64_t number;

	if (strcmp(drive, "home") == 0 || text_parse_u64(span_str(drive), INT32_MAX, &number) == 0) {
		(void)snprintf(s->drive, sizeof(s->drive), "%s", drive);
		return 0;
	}
	s->drive_name = strdup(drive);
	return s->drive_name ? 0 : -ENOMEM;
}

static int add_gateways(struct store_http *s, const struct store_http_options *options)
{
	int r = gateways_new(STORE_HTTP_GATEWAYS_MAX, &s->gateways);

	for (size_t i = 0; r == 0 && i < options->url_count; i++) {
		r = gateways_add(s->gateways, span_str(options->urls[i]));
		r = r == -EEXIST ? 0 : r;
	}
	return r == 0 && gateways_count(s->gateways) == 0 ? -EINVAL : r;
}

static int set_up(struct store_http *s, const struct store_http_options *options)
{
	const struct http_client_options client = {.user_agent = "nephos-mount"};
	int r = 0;

	s->base.ops = &http_ops;
	s->outage_ns = options->outage_ms ? (int64_t)options->outage_ms * NS_PER_MS
					  : (STORE_OUTAGE_S + STORE_OUTAGE_SLACK_S) * NS_PER_S;
	s->doubt_ns = (options->doubt_ms ? options->doubt_ms : STORE_HTTP_DOUBT_MS) * NS_PER_MS;
	r = set_drive(s, options->drive);
	if (r == 0)
		r = add_gateways(s, options);
	if (r < 0)
		return r;
	if (asprintf(&s->authorization, "Bearer %s", options->token) < 0) {
		s->authorization = NULL;
		return -ENOMEM;
	}
	s->name = strdup(options->name);
	if (!s->name)
		return -ENOMEM;
	r = add_metrics(s, options->metrics);
	if (r == 0)
		r = http_client_new(&client, &s->client);
	if (r == 0)
		r = worker_new(HASHERS, &s->hasher);
	return r;
}

static void explain(struct store_http *s, int error, struct buf *ret_why)
{
	const char *current, *last;
	int network;

	pthread_mutex_lock(&s->lock);
	network = s->last_failure;
	last = gateways_url(s->gateways, s->last_gateway);
	current = gateways_url(s->gateways, gateways_current(s->gateways));
	pthread_mutex_unlock(&s->lock);
	if (error == -ERR_UNAUTHENTICATED || error == -EACCES)
		(void)buf_printf(ret_why, "%s does not accept the key", current);
	else if (error == -ENOENT)
		(void)buf_printf(ret_why, "there is no drive \"%s\" of this user at %s",
			s->drive_name ? s->drive_name : s->drive, current);
	else if (error == -ENOTUNIQ)
		(void)buf_printf(ret_why,
			"several drives of this user at %s are named \"%s\": name the one you mean by its number",
			current, s->drive_name);
	else if (network < 0)
		(void)buf_printf(ret_why, "%s: %s", last, error_lookup(network)->title);
	else
		(void)buf_printf(ret_why, "%s: %s", current, error_lookup(error)->title);
}

/* Each gateway beyond the first adds half of open_ms to the time limit of opening. With several gateways, half
 * of open_ms is also the limit of one attempt, so that a silent gateway does not use up the time of the others. */
static int open_all(struct store_http *s, unsigned open_ms, struct store_drive *ret_drive)
{
	const size_t others = gateways_count(s->gateways) - 1;
	const int64_t until = clock_mono_ns() + (open_ms + others * (open_ms / 2)) * NS_PER_MS;
	int r;

	s->attempt_ms = others > 0 ? open_ms / 2 : 0;
	r = open_drive(s, until, ret_drive);
	if (r == 0)
		r = open_session(s, until);
	if (r == 0)
		s->attempt_ms = 0; /* no call is in flight; after a failure one may be */
	return r;
}

int store_http_new(const struct store_http_options *options, struct store **ret, struct store_drive *ret_drive,
	struct buf *ret_why)
{
	struct store_http *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->others = -1;
	cond_init(&s->clock_wake);
	cond_init(&s->all_over);
	r = set_up(s, options);
	if (r == 0)
		r = store_http_call_clock_start(s);
	if (r < 0) {
		(void)buf_printf(ret_why, "%s", error_lookup(r)->title);
		goto fail;
	}
	r = open_all(s, options->open_ms ? options->open_ms : OPEN_MS, ret_drive);
	if (r < 0) {
		explain(s, r, ret_why);
		goto fail;
	}
	ask_for_gateways(s);
	*ret = &s->base;
	return 0;
fail:
	http_free(&s->base);
	return r;
}

void store_http_gateway(struct store *base, char *ret, size_t size)
{
	struct store_http *s = store_http_of(base);

	pthread_mutex_lock(&s->lock);
	(void)snprintf(ret, size, "%s", gateways_url(s->gateways, gateways_current(s->gateways)));
	pthread_mutex_unlock(&s->lock);
}

uint64_t store_http_in_doubt(struct store *base)
{
	struct store_http *s = store_http_of(base);
	uint64_t n;

	pthread_mutex_lock(&s->lock);
	n = s->in_doubt;
	pthread_mutex_unlock(&s->lock);
	return n;
}
