/*
 * One exchange, two sides that run on different threads: the server's (request body in, answer out) and the HTTP
 * client's (the instance).
 *
 *   collect:  body of known, small size → read whole → upstream with replay
 *   stream:   upstream pulls the body, what was collected of it and then from the request as it comes; tried once
 *   answer:   small → collected, sent in one piece at the end; large → through a pipe
 *
 * The exchange is held by the request (whose callbacks come on the server's thread until the request itself is freed
 * there), by the upstream call and by the answer stream; the last one frees it.
 *
 * When its token is gone: what waits for a service is answered 401, what is being answered is cut, and of a body the
 * last byte does not go on. Only the server's thread may read and answer a request whose body is being collected: there
 * the next byte finds out.
 */
#include "gateway/proxy/proxy.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/proto/headers.h"
#include "gateway/proxy/forward_headers.h"
#include "gateway/proxy/pipe.h"
#include "gateway/proxy/traits.h"
#include "gateway/access/recheck.h"
#include "gateway/upstream/upstream.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * The states of an exchange: who owes whom what. One function (move) changes them, with the lock held, by the table.
 *
 * state     what is going on                                     call   request       moved on by
 * COLLECTS  the body is being collected, or the token asked      none   ours          whoever does that
 *           about
 * WAITS     an instance has the request, and owes the answer     set    ours          the client's thread
 * ANSWERS   the instance is done, the client is not answered     none   ours          the client's thread
 *           yet
 * STREAMS   the answer goes on as it comes                       set    the server's  either side's end
 * DRAINS    all of the answer is here, or it is cut; the         none   the server's  the server's thread
 *           client still takes what there is
 * LEAVES    the client has all it wanted, or is gone; the        set    the server's  the client's thread
 *           instance is not done
 * DONE      answered, and nothing more will come                 none   the server's  nobody
 *
 * Beside the state stand the reasons for an end before its time: `aborted` (the client is gone) and `ended` (its token
 * is), which may come in any state. They cancel the call, and the state goes its way when that is over.
 */
enum exchange_state { COLLECTS, WAITS, ANSWERS, STREAMS, DRAINS, LEAVES, DONE, EXCHANGE_STATES };

static const struct {
	bool has_call;
	unsigned to; /* bits of the states that may come next */
} STATES[EXCHANGE_STATES] = {
	[COLLECTS] = {false, 1u << WAITS | 1u << DONE},
	[WAITS] = {true, 1u << ANSWERS | 1u << STREAMS},
	[ANSWERS] = {false, 1u << DONE},
	[STREAMS] = {true, 1u << DRAINS | 1u << LEAVES},
	[DRAINS] = {false, 1u << DONE},
	[LEAVES] = {true, 1u << DONE},
	[DONE] = {false, 0},
};

struct proxy {
	struct proxy_options with;
	struct under_way *under_way; /* with.under_way */
	atomic_bool draining;
	struct metric *requests[REGISTRY_KINDS];
	struct metric *failures[REGISTRY_KINDS];
};

struct exchange {
	struct under_way_entry entry; /* first */
	struct proxy *proxy;
	struct share_claim place; /* at a service; amount 0: none */
	struct http_request *req; /* the server's from STREAMS or DONE on */
	enum registry_kind kind;
	struct traits traits;
	bool in_doubt; /* its token may have ended since the guard asked */
	int64_t doubted_ns;
	bool patient; /* wants to hear that it waits */
	char method[16];
	char key[FORWARD_KEY_SIZE];
	struct buf target;
	struct http_headers headers;
	char trace[TRACE_BYTES_MAX + 1];

	/* Request body. */
	char *body;
	size_t body_size;	 /* when it is complete */
	struct share_claim kept; /* memory that was taken for it, by the step */
	size_t body_filled;
	int64_t pulled; /* by the upstream, when it streams */
	int64_t length; /* -1: chunked */

	/* Answer; client thread until answered. */
	int status;
	int64_t answer_length; /* -1: unknown */
	struct http_headers answer_headers;
	struct buf answer; /* when collected */
	struct pipe *pipe; /* when streamed */

	pthread_mutex_t lock; /* guards the rest */
	enum exchange_state state;
	struct upstream_call *call;
	struct http_stream *stream; /* from STREAMS to its end */
	bool aborted;
	bool judged; /* a user service has all of it, and knows itself what its token is worth */
	int ended;   /* why, by under_way; 0: not */
	unsigned holders;
};

/* With the lock held. */
static void move(struct exchange *x, enum exchange_state to)
{
	assert(STATES[x->state].to & 1u << to);
	assert(STATES[to].has_call == (x->call != NULL));
	x->state = to;
}

static void exchange_free(struct exchange *x)
{
	assert(x->holders == 0);
	under_way_remove(x->proxy->under_way, &x->entry);
	under_way_give_back(x->proxy->under_way, &x->kept);
	free(x->body);
	buf_fini(&x->target);
	buf_fini(&x->answer);
	http_headers_fini(&x->headers);
	http_headers_fini(&x->answer_headers);
	pipe_free(x->pipe);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

static void release(struct exchange *x)
{
	pthread_mutex_lock(&x->lock);
	assert(x->holders > 0);
	bool last = --x->holders == 0;
	pthread_mutex_unlock(&x->lock);
	if (last)
		exchange_free(x);
}

/* ---- the end of its token ---- */

static bool entry_hold(struct under_way_entry *entry)
{
	struct exchange *x = (struct exchange *)entry;
	pthread_mutex_lock(&x->lock);
	bool alive = x->holders > 0;
	x->holders += alive;
	pthread_mutex_unlock(&x->lock);
	return alive;
}

/* A log-out ends its own token, and is answered when the gateways have forgotten it: it was done, and its client hears
 * so. */
static void entry_end(struct under_way_entry *entry, int error)
{
	struct exchange *x = (struct exchange *)entry;
	pthread_mutex_lock(&x->lock);
	if (!x->judged) {
		x->ended = error;
		if (x->call)
			upstream_cancel(x->call);
	}
	pthread_mutex_unlock(&x->lock);
	release(x);
}

static int ended(struct exchange *x)
{
	pthread_mutex_lock(&x->lock);
	int error = x->ended;
	pthread_mutex_unlock(&x->lock);
	return error;
}

/* Before the last byte of a body goes on, its token must be known to be good. */
static bool is_confirmed(struct exchange *x)
{
	return under_way_is_confirmed(x->proxy->under_way, &x->entry, clock_mono_ns() - RECHECK_BELIEVED_NS);
}

static void begin_in_doubt(struct exchange *x);

static void on_request_freed(void *data)
{
	release(data);
}

/* ---- the answer ---- */

/* The request is the server's again after this; the abort callback cannot come any more. */
static struct http_request *take_request(struct exchange *x, enum exchange_state to)
{
	pthread_mutex_lock(&x->lock);
	move(x, to);
	struct http_request *req = x->req;
	pthread_mutex_unlock(&x->lock);
	return req;
}

/* From COLLECTS or ANSWERS. */
static void answer_error(struct exchange *x, int error)
{
	http_respond_error(take_request(x, DONE), error, NULL);
}

static int answer_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct exchange *x = cookie;
	bool wanted = false;
	int error = pipe_read(x->pipe, data, size, ret_size, &wanted);
	if (wanted) {
		pthread_mutex_lock(&x->lock);
		if (x->call)
			upstream_resume(x->call);
		pthread_mutex_unlock(&x->lock);
	}
	return error;
}

static void answer_done(void *cookie, bool complete)
{
	struct exchange *x = cookie;
	pthread_mutex_lock(&x->lock);
	x->stream = NULL;
	if (!complete && x->call)
		upstream_cancel(x->call);
	move(x, x->state == STREAMS ? LEAVES : DONE);
	pthread_mutex_unlock(&x->lock);
	release(x);
}

static const struct http_stream_ops ANSWER_STREAM = {.pull = answer_pull, .done = answer_done};

static void wake_reader(struct exchange *x)
{
	pthread_mutex_lock(&x->lock);
	if (x->stream)
		http_stream_wake(x->stream);
	pthread_mutex_unlock(&x->lock);
}

static int64_t content_length(const struct http_headers *headers)
{
	uint64_t length;
	const char *text = http_headers_get(headers, "Content-Length");
	if (!text || text_parse_u64(span_str(text), INT64_MAX, &length) < 0)
		return -1;
	return (int64_t)length;
}

static int begin_stream(struct exchange *x)
{
	int error = pipe_new(&x->pipe);
	if (error < 0)
		return error;
	pthread_mutex_lock(&x->lock);
	move(x, STREAMS);
	x->holders++; /* the stream */
	struct http_request *req = x->req;
	pthread_mutex_unlock(&x->lock);
	http_respond_stream(req, x->status, &x->answer_headers, x->answer_length, &ANSWER_STREAM, x, &x->stream);
	return 0;
}

static int on_head(void *cookie, const struct http_response *head, unsigned attempts)
{
	struct exchange *x = cookie;
	x->status = head->status;
	x->answer_length = content_length(&head->headers);
	bool bodiless =
		head->status == 204 || head->status == 304 || (strcmp(x->method, "HEAD") == 0 && x->answer_length >= 0);
	int error = forward_headers_answer(&head->headers, &x->answer_headers);
	if (error == 0 && attempts > 1 && !x->traits.reads)
		error = http_headers_addf(&x->answer_headers, HEADER_ATTEMPTS, "%u", attempts);
	/* What has no length may have no end, and its first byte may be long in coming: the head goes now. */
	if (error == 0 && !bodiless && (x->answer_length < 0 || x->answer_length > (int64_t)PROXY_ANSWER_BYTES))
		error = begin_stream(x);
	return error;
}

static int on_data(void *cookie, const void *data, size_t size)
{
	struct exchange *x = cookie;

	if (!x->pipe)
		return buf_append(&x->answer, data, size);
	int error = pipe_write(x->pipe, data, size);
	if (error == 0)
		wake_reader(x);
	return error;
}

/* Who did not ask for it may take a 102 for the answer. */
static void on_waits(void *cookie)
{
	struct exchange *x = cookie;
	pthread_mutex_lock(&x->lock);
	if (x->patient && x->state == WAITS)
		http_request_tell_waiting(x->req);
	pthread_mutex_unlock(&x->lock);
}

static void answer_whole(struct exchange *x)
{
	struct http_request *req = take_request(x, DONE);
	if (strcmp(x->method, "HEAD") == 0 || x->status == 304) {
		http_respond_length(
			req, x->status, &x->answer_headers, x->answer_length > 0 ? (uint64_t)x->answer_length : 0);
		return;
	}
	size_t size = 0;
	char *body = buf_take(&x->answer, &size);
	http_respond_take(req, x->status, &x->answer_headers, body, size);
}

/* What a client is told; nothing of the answer has gone out. */
static int told_error(const struct exchange *x, int error)
{
	if (error == -ERR_UNAVAILABLE || error == -ERR_UNKNOWN_OUTCOME || error == -ERR_TOO_LARGE)
		return error;
	return x->traits.reads ? -ERR_UNAVAILABLE : -ERR_UNKNOWN_OUTCOME;
}

static void give_place_back(struct exchange *x)
{
	under_way_give_back(x->proxy->under_way, &x->place);
	x->place.amount = 0;
}

static void on_upstream_done(void *cookie, int error, struct http_response *response)
{
	struct exchange *x = cookie;
	(void)response; /* head and data came through the callbacks */

	pthread_mutex_lock(&x->lock);
	x->call = NULL;
	move(x, x->state == WAITS ? ANSWERS : x->state == STREAMS ? DRAINS : DONE);
	bool aborted = x->aborted;
	int why = x->ended;
	pthread_mutex_unlock(&x->lock);
	give_place_back(x);

	if (error < 0 && why) {
		log_info(x->trace, "%s %s: ended, as its token was (%s)", x->method, x->target.data,
			error_lookup(why)->type);
	} else if (error < 0 && !aborted) {
		metric_inc(x->proxy->failures[x->kind]);
		log_warning(x->trace, "%s %s: no answer from a %s service (%s)", x->method, x->target.data,
			registry_kind_name(x->kind), error_lookup(error)->type);
	}
	if (x->pipe) {
		pipe_close(x->pipe, error < 0 ? -ECONNRESET : 0);
		wake_reader(x);
	} else if (error < 0) {
		answer_error(x, why ? why : told_error(x, error));
	} else {
		answer_whole(x);
	}
	release(x);
}

/* ---- the request ---- */

static void on_body_readable(struct http_request *req, void *cookie)
{
	struct exchange *x = cookie;
	(void)req;
	pthread_mutex_lock(&x->lock);
	if (x->call)
		upstream_resume(x->call);
	pthread_mutex_unlock(&x->lock);
}

/* What was collected before it had to stream, then what comes. */
static int read_on(struct exchange *x, struct http_request *req, void *data, size_t size, size_t *ret_size)
{
	if (x->pulled >= (int64_t)x->body_filled)
		return http_request_read(req, data, size, ret_size);
	size_t left = x->body_filled - (size_t)x->pulled;
	*ret_size = size < left ? size : left;
	memcpy(data, x->body + x->pulled, *ret_size);
	return 0;
}

static int pull_body(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct exchange *x = cookie;
	pthread_mutex_lock(&x->lock);
	struct http_request *req = x->state == WAITS ? x->req : NULL;
	pthread_mutex_unlock(&x->lock);
	if (!req)
		return -ECANCELED; /* the instance answered before it had read all: what is left is not its business */
	int error = read_on(x, req, data, size, ret_size);
	if (error == -EAGAIN)
		http_request_on_readable(req, on_body_readable, x);
	if (error < 0)
		return error;
	x->pulled += (int64_t)*ret_size;
	if (*ret_size > 0 && x->pulled != x->length)
		return 0;
	error = ended(x);
	return error == 0 && !is_confirmed(x) ? -ERR_UNAVAILABLE : error;
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

static int take_place(struct exchange *x)
{
	x->place.amount = 1;
	int error = under_way_take(x->proxy->under_way, &x->place);
	if (error < 0)
		x->place.amount = 0;
	return error;
}

static int on_waiting(void *cookie)
{
	const struct exchange *x = cookie;
	return x->traits.poll && atomic_load(&x->proxy->draining) ? -ECANCELED : 0;
}

static void send_upstream(struct exchange *x, bool stream)
{
	const struct upstream_options options = {
		.client = x->proxy->with.client,
		.registry = x->proxy->with.registry,
		.kind = x->kind,
		.key = span_str(x->key),
		.method = x->method,
		.target = x->target.data,
		.headers = &x->headers,
		.body = span_of(x->body, x->body_filled),
		.pull = stream ? pull_body : NULL,
		.body_length = x->length,
		.expect = stream && x->traits.asked,
		.on_head = on_head,
		.on_data = on_data,
		.on_waits = on_waits,
		.repeatable = x->traits.repeatable,
		.reads = x->traits.reads,
		.stall_ms = x->traits.poll ? PROXY_POLL_STALL_MS : PROXY_STALL_MS,
		.first_byte_ms = x->traits.poll ? 0
			: x->traits.reads	? PROXY_READ_FIRST_BYTE_MS
						: PROXY_WRITE_FIRST_BYTE_MS,
		.waiting = on_waiting,
		.cookie = x,
		.done = on_upstream_done,
	};
	int error = stream ? 0 : ended(x);
	if (error == 0 && !stream && x->body_filled > 0 && !is_confirmed(x)) {
		begin_in_doubt(x); /* which comes back here */
		return;
	}
	if (error == 0)
		error = take_place(x);
	if (error < 0) {
		answer_error(x, error);
		release(x);
		return;
	}
	metric_inc(x->proxy->requests[x->kind]);
	/* The lock keeps done(), which clears call, behind the store to it. */
	pthread_mutex_lock(&x->lock);
	error = x->ended ? x->ended : x->aborted ? -ERR_UNAVAILABLE : upstream_start(&options, &x->call);
	if (error == 0)
		move(x, WAITS);
	x->judged = error == 0 && !stream && x->kind == REGISTRY_USER;
	pthread_mutex_unlock(&x->lock);
	if (error < 0) {
		give_place_back(x);
		metric_inc(x->proxy->failures[x->kind]);
		log_warning(x->trace, "%s %s: no %s service (%s)", x->method, x->target.data,
			registry_kind_name(x->kind), error_lookup(error)->type);
		answer_error(x, error);
		release(x);
	}
}

/* Memory for the next step of the body; false: there is none for this one now. */
static bool keep_more(struct exchange *x)
{
	size_t left = x->body_size - x->body_filled;
	struct share_claim more = x->kept;
	more.amount = left < PROXY_COLLECT_STEP ? left : PROXY_COLLECT_STEP;
	/* Pages of the whole are there when they are written to. */
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
	int error = ended(x);

	while (error == 0 && got > 0 && x->body_filled < x->body_size) {
		if (x->body_filled == x->kept.amount && !keep_more(x)) {
			send_upstream(x, true);
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
	if (error < 0) {
		answer_error(x, error);
		release(x);
		return;
	}
	send_upstream(x, false);
}

/* From here on the end of its token ends it. What ended between the guard and here was not in the index: in doubt it is
 * asked about first. */
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
		send_upstream(x, true);
		return;
	}
	x->body_size = (size_t)x->length;
	collect_body(x->req, x);
}

static void on_token_known(void *cookie, int outcome)
{
	struct exchange *x = cookie;
	if (outcome < 0) {
		answer_error(x, outcome);
		release(x);
		return;
	}
	under_way_confirm(x->proxy->under_way, &x->entry, x->doubted_ns);
	begin(x);
}

/* A slow sender's request is let in when more of it comes: meanwhile other tokens ended, or this one. */
static void begin_in_doubt(struct exchange *x)
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

/* The user service shares log-ins out by where they come from; nobody else asks. */
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
	/* What means nothing there goes no further (of a GET). */
	x->length = http_request_route(req)->body == HTTP_BODY_NONE ? 0 : http_request_length(req);
	x->holders = 2; /* the request, and whoever collects the body or waits for the instance */
	pthread_mutex_init(&x->lock, NULL);
	http_headers_init(&x->headers);
	http_headers_init(&x->answer_headers);
	buf_init(&x->target, HEADER_BYTES_MAX);
	buf_init(&x->answer, PROXY_ANSWER_BYTES);
	strncpy(x->method, http_request_method(req), sizeof(x->method) - 1);
	strncpy(x->trace, http_request_trace(req), sizeof(x->trace) - 1);
	if (kind == REGISTRY_DOCS)
		forward_headers_key(http_request_target(req), identity, x->key);

	int error = buf_append_str(&x->target, http_request_target(req));
	if (error == 0)
		error = forward_headers_request(
			req, identity, find_client(p, req, kind, client) ? client : NULL, &x->headers);
	if (error == 0)
		error = be_under_way(x, identity);
	if (error < 0) {
		/* Not freed at once: whoever ends its token may hold it. */
		pthread_mutex_lock(&x->lock);
		x->req = NULL;
		assert(x->holders > 1);
		x->holders--;
		pthread_mutex_unlock(&x->lock);
		release(x);
		return error;
	}
	find_traits(x, identity);
	x->kept = (struct share_claim){.lane = SHARE_BODIES, .user = x->place.user};
	*ret = x;
	return 0;
}

void proxy_forward(struct proxy *p, struct http_request *req, enum registry_kind kind)
{
	struct exchange *x;
	int error = exchange_new(p, req, kind, &x);
	if (error < 0) {
		http_respond_error(req, error == -ENOSPC ? -ERR_HEADERS_TOO_LARGE : error, NULL);
		return;
	}
	/* The identity is in the headers by now; the request's own data becomes the exchange. */
	http_request_set_data(req, x, on_request_freed);
	if (x->traits.poll)
		http_request_is_poll(req);
	http_request_on_abort(req, on_abort, x);
	if (x->in_doubt)
		begin_in_doubt(x);
	else
		begin(x);
}

const struct under_way_ops PROXY_UNDER_WAY = {.hold = entry_hold, .end = entry_end};

int proxy_new(const struct proxy_options *options, struct proxy **ret)
{
	struct metrics *metrics = options->metrics;
	struct proxy *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->with = *options;
	p->under_way = options->under_way;
	int error = 0;
	for (unsigned kind = 0; kind < REGISTRY_KINDS && metrics && error == 0; kind++) {
		char labels[32];
		(void)snprintf(labels, sizeof(labels), "service=\"%s\"", registry_kind_name((enum registry_kind)kind));
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_forwarded_total", labels,
			"Requests sent on to a service", &p->requests[kind]);
		if (error == 0)
			error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_forward_failures_total", labels,
				"Requests that no instance answered", &p->failures[kind]);
	}
	if (error < 0)
		proxy_free(p);
	else
		*ret = p;
	return error;
}

void proxy_drain(struct proxy *p)
{
	atomic_store(&p->draining, true);
}

void proxy_free(struct proxy *p)
{
	free(p);
}
