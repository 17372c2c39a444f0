/*
 * Takes a request: finds out its kind, its user and its drive, and collects its body. proxy_internal.h
 * describes what comes after that.
 */
#include "gateway/proxy/proxy.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/proto/headers.h"
#include "gateway/access/hop.h"
#include "gateway/proxy/proxy_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static_assert(CACHE_STATUS_NAME_SIZE == MEMBERSHIP_NAME_SIZE + 2, "a gateway's name fits, with quotes");

/* Takes memory for the next step of the body; false: there is none for this exchange now. */
static bool keep_more(struct exchange *x)
{
	size_t left = x->body_size - x->body_filled;
	struct share_claim more = x->kept;
	more.amount = left < PROXY_COLLECT_STEP ? left : PROXY_COLLECT_STEP;
	/* The whole size is allocated: pages take memory only when they are written to. */
	if (!x->body)
		x->body = malloc(x->body_size ? x->body_size : 1);
	if (!x->body || under_way_take(x->proxy->under_way, &more) < 0)
		return false;
	x->kept.amount += more.amount;
	return true;
}

static void collect_body(struct http_request *req, void *cookie)
{
	struct exchange *x = cookie;
	size_t got = 1;
	int error = proxy_exchange_ended(x);

	while (error == 0 && got > 0 && x->body_filled < x->body_size) {
		if (x->body_filled == x->kept.amount && !keep_more(x)) {
			x->streams = true;
			proxy_home_send(x);
			return;
		}
		error = http_request_read(req, x->body + x->body_filled, x->kept.amount - x->body_filled, &got);
		if (error == 0)
			x->body_filled += got;
	}
	if (error == -EAGAIN) {
		http_request_on_readable(req, collect_body, x);
		return;
	}
	if (error == 0 && x->body_filled < x->body_size)
		error = -ECONNRESET;
	if (error < 0)
		proxy_exchange_fail(x, error);
	else
		proxy_home_send(x);
}

/* From here on the end of the token ends the exchange. If the token ended between the guard's check and here,
 * the exchange was not in the index yet: where that is possible, the token is asked about first. */
static int be_under_way(struct exchange *x, const struct token_identity *identity)
{
	struct span token = auth_token(x->req);

	if (!identity)
		return 0;
	int error = under_way_add(x->proxy->under_way, &x->entry, identity, token);
	x->in_doubt = error == 0 && auth_may_have_ended(x->proxy->with.auth, identity, token);
	return error;
}

static void begin(struct exchange *x)
{
	if (x->traits.asked || x->length < 0 || x->length > (int64_t)PROXY_REPLAY_BYTES) {
		x->streams = true;
		proxy_home_send(x);
		return;
	}
	x->body_size = (size_t)x->length;
	collect_body(x->req, x);
}

static void on_token_known(void *cookie, int outcome)
{
	struct exchange *x = cookie;
	if (outcome < 0) {
		proxy_exchange_fail(x, outcome);
		return;
	}
	under_way_confirm(x->proxy->under_way, &x->entry, x->doubted_ns);
	begin(x);
}

/* Asks about the token again. The request of a slow sender is let in only when more of it arrives: meanwhile
 * other tokens may have ended, or this one. */
void proxy_begin_in_doubt(struct exchange *x)
{
	x->doubted_ns = clock_mono_ns();
	int error = auth_ask_again(x->proxy->with.auth, auth_token(x->req).data, on_token_known, x);
	if (error < 0)
		on_token_known(x, -ERR_UNAVAILABLE);
}

static void note_forwarded(const char *name, const char *value, void *cookie)
{
	struct buf *list = cookie;

	if (strcasecmp(name, "X-Forwarded-For") == 0 && (list->size == 0 || buf_append_str(list, ",") == 0))
		(void)buf_append_str(list, value); /* it fits: it was in the head */
}

/* The user service divides its room for log-ins by client address; no other service needs that address. */
static bool find_client(
	const struct proxy *p, const struct http_request *req, enum registry_kind kind, char ret[CLIENT_ADDRESS_SIZE])
{
	struct buf forwarded;

	if (kind != REGISTRY_USER)
		return false;
	buf_init(&forwarded, HEADER_BYTES_MAX);
	http_request_each_header(req, note_forwarded, &forwarded);
	client_address_find(p->with.clients, http_request_peer(req), forwarded.size ? forwarded.data : "", ret);
	buf_fini(&forwarded);
	return true;
}

static void find_traits(struct exchange *x, const struct token_identity *identity)
{
	const struct traits_request request = {.method = x->method,
		.target = x->target.data,
		.headers = &x->headers,
		.key = x->key,
		.user = identity ? identity->user : 0,
		.expects = x->length != 0 && http_request_header(x->req, "Expect")};

	x->patient = http_request_header(x->req, HEADER_PATIENCE) != NULL;
	traits_find(&request, &x->traits);
	traits_place(&request, &x->traits, x->traits.poll ? http_request_query(x->req, "wait") : NULL, &x->place);
}

static void on_abort(struct http_request *req, void *cookie)
{
	struct exchange *x = cookie;
	(void)req;
	pthread_mutex_lock(&x->lock);
	x->aborted = true;
	if (x->call)
		upstream_cancel(x->call);
	pthread_mutex_unlock(&x->lock);
}

static void on_request_freed(void *data)
{
	proxy_exchange_release(data);
}

/* Finds out which drive the request is about. A request from another gateway says which drive that gateway
 * meant. */
static int find_drive(struct exchange *x, const struct token_identity *identity)
{
	const char *name, *meant = http_request_header(x->req, HEADER_DRIVE);
	int64_t number = 0;

	x->hopped = x->kind == REGISTRY_DOCS && hop_of(x->req, &x->hop_epoch, &name);
	if (x->kind != REGISTRY_DOCS || !identity)
		return 0;
	x->user = identity->user;
	x->about = drive_ref_find(x->target.data);
	x->drive = x->about.drive;
	if (!x->hopped || !meant)
		return 0;
	if (text_parse_id(span_str(meant), INT32_MAX, &number) < 0)
		return -ERR_BAD_REQUEST;
	x->drive = (uint32_t)number;
	return 0;
}

static int exchange_new(struct proxy *p, struct http_request *req, enum registry_kind kind, struct exchange **ret)
{
	char client[CLIENT_ADDRESS_SIZE];
	const struct token_identity *identity = auth_identity(req);
	struct exchange *x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->proxy = p;
	x->req = req;
	x->kind = kind;
	/* A body goes no further where the route takes none (of a GET). */
	x->length = http_request_route(req)->body == HTTP_BODY_NONE ? 0 : http_request_length(req);
	x->holders = 2; /* the request, and the work on it: collecting the body, or waiting for the instance */
	pthread_mutex_init(&x->lock, NULL);
	http_headers_init(&x->headers);
	http_headers_init(&x->answer_headers);
	buf_init(&x->target, HEADER_BYTES_MAX);
	buf_init(&x->answer, PROXY_ANSWER_BYTES);
	buf_init(&x->question, HEADERS_VALUE_SIZE + 64);
	strncpy(x->method, http_request_method(req), sizeof(x->method) - 1);
	strncpy(x->trace, http_request_trace(req), sizeof(x->trace) - 1);
	if (kind == REGISTRY_DOCS)
		forward_headers_key(http_request_target(req), identity, x->key);

	int error = buf_append_str(&x->target, http_request_target(req));
	if (error == 0)
		error = find_drive(x, identity);
	if (error == 0)
		error = forward_headers_request(
			req, identity, find_client(p, req, kind, client) ? client : NULL, &x->headers);
	if (error == 0)
		error = be_under_way(x, identity);
	if (error < 0) {
		/* Not freed directly: a thread that ends the token may hold the exchange. */
		pthread_mutex_lock(&x->lock);
		x->req = NULL;
		assert(x->holders > 1);
		x->holders--;
		pthread_mutex_unlock(&x->lock);
		proxy_exchange_release(x);
		return error;
	}
	find_traits(x, identity);
	x->kept = (struct share_claim){.lane = SHARE_BODIES, .user = x->place.user};
	*ret = x;
	return 0;
}

void proxy_forward(struct proxy *p, struct http_request *req, enum registry_kind kind)
{
	if (kind != REGISTRY_DOCS || !proxy_hit_answer(p, req))
		proxy_forward_past_memory(p, req, kind);
}

void proxy_forward_past_memory(struct proxy *p, struct http_request *req, enum registry_kind kind)
{
	struct exchange *x;
	int error = exchange_new(p, req, kind, &x);
	if (error < 0) {
		http_respond_error(req, error == -ENOSPC ? -ERR_HEADERS_TOO_LARGE : error, NULL);
		return;
	}
	/* The identity is in the headers by now; the exchange takes its place as the request's data. */
	http_request_set_data(req, x, on_request_freed);
	if (x->traits.poll)
		http_request_is_poll(req);
	http_request_on_abort(req, on_abort, x);
	if (x->in_doubt)
		proxy_begin_in_doubt(x);
	else
		begin(x);
}

static int add_metrics(struct proxy *p, struct metrics *metrics)
{
	int error = 0;

	for (unsigned kind = 0; kind < REGISTRY_KINDS && error == 0; kind++) {
		char labels[32];
		(void)snprintf(labels, sizeof(labels), "service=\"%s\"", registry_kind_name((enum registry_kind)kind));
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_forwarded_total", labels,
			"Requests passed on to a service", &p->requests[kind]);
		if (error == 0)
			error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_forward_failures_total", labels,
				"Requests that no instance of a service answered", &p->failures[kind]);
	}
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_hops_total", "",
			"Requests passed on to the gateway that is the home of their drive", &p->hops);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_hop_failures_total", "",
			"Requests that the home of their drive did not answer", &p->hop_failures);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_held_total", "",
			"Requests that had to wait until their drive had a home, or a service was there", &p->held);
	if (error == 0)
		error = metrics_add(metrics, METRIC_GAUGE, "nephos_gateway_reads_waiting", "",
			"Reads waiting for the answer to an identical read", &p->waiting);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_collapsed_total", "",
			"Reads answered with the answer to an identical read", &p->collapsed);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_collapsed_anew_total", "",
			"Reads that waited for an identical read and could not use its answer", &p->asked_anew);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_cut_total", "",
			"Answers cut by their sender while they were passed on, whose rest could be requested",
			&p->cut);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_resumed_total", "",
			"Answers of this kind whose rest another service delivered", &p->resumed);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_validated_total", "",
			"Reads answered with a cached answer of another home, after that home confirmed it",
			&p->validated);
	return error;
}

static bool is_gone(void *cookie, const char *boot)
{
	const struct proxy *p = cookie;

	return !keeper_has_gateway(p->with.keeper, boot);
}

static int new_validator(struct proxy *p)
{
	const struct validator_options options = {.client = p->with.client,
		.registry = p->with.registry,
		.metrics = p->with.metrics,
		.is_gone = is_gone,
		.cookie = p};

	return validator_new(&options, &p->validator);
}

int proxy_new(const struct proxy_options *options, struct proxy **ret)
{
	struct proxy *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->with = *options;
	p->under_way = options->under_way;
	cache_status_name(options->name, p->said_name);
	int error = options->metrics ? add_metrics(p, options->metrics) : 0;
	if (error == 0)
		error = first_drives_new(&p->first_drives);
	if (error == 0)
		error = flights_new(FLIGHTS_MAX, FLIGHTS_FOLLOWERS_MAX, &p->flights);
	if (error == 0)
		error = suspects_new(&p->suspects);
	if (error == 0 && options->keeper && options->cache)
		error = new_validator(p);
	if (error < 0)
		proxy_free(p);
	else
		*ret = p;
	return error;
}

void proxy_count(const struct proxy *p, struct proxy_counts *ret)
{
	*ret = (struct proxy_counts){.hops = metric_value(p->hops),
		.hop_failures = metric_value(p->hop_failures),
		.held = metric_value(p->held)};
	for (unsigned kind = 0; kind < REGISTRY_KINDS; kind++) {
		ret->services[kind] = metric_value(p->requests[kind]);
		ret->failures[kind] = metric_value(p->failures[kind]);
	}
	/* Hops are counted among the requests for their service as well; one that could not be sent is not. */
	const int64_t docs = ret->services[REGISTRY_DOCS] - ret->hops;
	ret->services[REGISTRY_DOCS] = docs > 0 ? docs : 0;
}

void proxy_drain(struct proxy *p)
{
	atomic_store(&p->draining, true);
}

void proxy_free(struct proxy *p)
{
	if (!p)
		return;
	first_drives_free(p->first_drives);
	flights_free(p->flights);
	suspects_free(p->suspects);
	validator_free(p->validator);
	free(p);
}