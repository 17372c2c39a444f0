#include "gateway/proxy/validator.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/line.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TARGET "/internal/v1/validate"

struct list {
	struct validator_question *first, **last;
};

/* A home, and the one call to it that may be in flight. */
struct lane {
	struct validator *validator;
	struct membership_gateway home;
	struct list waiting;   /* for the next call */
	struct list asked;     /* by the call in flight; empty: there is none */
	struct buf message;    /* of that call */
	int64_t not_before_ns; /* no call to the home begins earlier */
};

struct validator {
	struct validator_options with;
	struct http_headers headers;
	struct metric *calls, *questions, *failures;

	pthread_mutex_t lock; /* guards all below */
	size_t waiting;	      /* questions, those of calls in flight included */
	struct lane *lanes[VALIDATOR_HOMES_MAX];
};

/* ---- lists ---- */

static void list_init(struct list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_push(struct list *list, struct validator_question *q)
{
	q->next = NULL;
	*list->last = q;
	list->last = &q->next;
}

static struct validator_question *list_pop(struct list *list)
{
	struct validator_question *q = list->first;

	list->first = q->next;
	if (!list->first)
		list->last = &list->first;
	return q;
}

/* Takes all questions out; the list is empty then. */
static struct validator_question *list_take(struct list *list)
{
	struct validator_question *first = list->first;

	list_init(list);
	return first;
}

static void tell(struct validator_question *q, int error)
{
	while (q) {
		struct validator_question *next = q->next;

		q->heard(q, error, &q->verdict);
		q = next;
	}
}

/* ---- lanes; the caller holds v->lock ---- */

static bool is_idle(const struct lane *lane)
{
	return !lane->asked.first && !lane->waiting.first;
}

static struct lane *lane_new(struct validator *v)
{
	struct lane *lane = calloc(1, sizeof(*lane));

	if (!lane)
		return NULL;
	lane->validator = v;
	list_init(&lane->waiting);
	list_init(&lane->asked);
	buf_init(&lane->message, VALIDATION_BYTES_MAX);
	return lane;
}

/* The lane of this home; else an idle one, which becomes this home's, or a new one. NULL: there is none. */
static struct lane *find_lane(struct validator *v, const struct membership_gateway *home)
{
	struct lane **free_place = NULL, **idle = NULL;

	for (size_t i = 0; i < VALIDATOR_HOMES_MAX; i++) {
		struct lane **place = &v->lanes[i];

		if (*place && strcmp((*place)->home.boot, home->boot) == 0)
			return *place;
		if (!*place && !free_place)
			free_place = place;
		else if (*place && is_idle(*place) && !idle)
			idle = place;
	}
	if (!idle && free_place)
		*free_place = lane_new(v);
	struct lane *lane = idle ? *idle : free_place ? *free_place : NULL;
	if (lane) {
		lane->home = *home;
		lane->not_before_ns = 0;
	}
	return lane;
}

/* ---- calls ---- */

static void on_done(void *cookie, int error, struct http_response *response);

static bool is_lost(void *cookie, unsigned waited_ms)
{
	const struct lane *lane = cookie;
	const struct validator_options *with = &lane->validator->with;

	(void)waited_ms;
	return with->is_gone(with->cookie, lane->home.boot);
}

/* Writes as many questions as the message has room for, in the order in which they came. */
static int write_message(struct lane *lane)
{
	size_t count = 0;

	buf_reset(&lane->message);
	int r = validation_message_begin_questions(&lane->message);
	while (r == 0 && lane->waiting.first && count < VALIDATION_QUESTIONS_MAX &&
		lane->message.size + VALIDATION_QUESTION_BYTES_MAX <= VALIDATION_BYTES_MAX) {
		struct validator_question *q = list_pop(&lane->waiting);

		r = validation_message_write_question(&lane->message, &q->asked);
		list_push(&lane->asked, q);
		count++;
	}
	metric_add(lane->validator->questions, (int64_t)count);
	return r;
}

static int start(struct lane *lane)
{
	struct validator *v = lane->validator;
	char peer[HTTP_PEER_SIZE];
	struct line line;
	const struct upstream_fixed home = {.url = lane->home.hop_url, .peer = peer};
	struct upstream_call *call;

	line_begin(&line, peer, sizeof(peer));
	line_text(&line, "gateway/");
	line_text(&line, lane->home.name);
	line_text(&line, "/");
	line_text(&line, lane->home.boot);
	const struct upstream_options options = {
		.client = v->with.client,
		.registry = v->with.registry,
		.kind = REGISTRY_DOCS,
		.fixed = &home,
		.method = "POST",
		.target = TARGET,
		.headers = &v->headers,
		.body = buf_span(&lane->message),
		.reads = true,
		.response_max = VALIDATION_VERDICTS_BYTES_MAX,
		.deadline_ms = VALIDATOR_CALL_MS,
		.stall_ms = VALIDATOR_CALL_MS,
		.first_byte_ms = VALIDATOR_CALL_MS,
		.lost = is_lost,
		.cookie = lane,
		.done = on_done,
	};
	const int r = upstream_start(&options, &call);
	metric_inc(r == 0 ? v->calls : v->failures);
	return r;
}

/* Takes all questions out of the lane, those of the call in flight included. */
static struct validator_question *take_all(struct lane *lane)
{
	while (lane->waiting.first)
		list_push(&lane->asked, list_pop(&lane->waiting));
	return list_take(&lane->asked);
}

/* Begins the next call, if questions wait for it. If the call cannot be begun, returns all waiting questions:
 * nothing would send them later. The caller holds v->lock. */
static struct validator_question *send_next(struct lane *lane)
{
	assert(!lane->asked.first);
	if (!lane->waiting.first)
		return NULL;
	int r = write_message(lane);
	if (r == 0)
		r = start(lane);
	return r < 0 ? take_all(lane) : NULL;
}

static int read_verdicts(struct validator_question *q, const struct http_response *response)
{
	struct span rest;

	if (response->status != 200)
		return -EBADMSG;
	int r = validation_message_open_verdicts(buf_span(&response->body), &rest);
	for (; r == 0 && q; q = q->next)
		r = validation_message_next_verdict(&rest, &q->verdict);
	return r < 0 || rest.size > 0 ? -EBADMSG : 0;
}

static size_t count(const struct validator_question *q)
{
	size_t n = 0;

	for (; q; q = q->next)
		n++;
	return n;
}

/* The next call is sent before the callbacks of this one run, as those answer clients. */
static void on_done(void *cookie, int error, struct http_response *response)
{
	struct lane *lane = cookie;
	struct validator *v = lane->validator;
	struct validator_question *heard, *unsent = NULL;

	pthread_mutex_lock(&v->lock);
	if (error == 0)
		error = read_verdicts(lane->asked.first, response);
	if (error < 0) {
		lane->not_before_ns = clock_mono_ns() + VALIDATOR_PAUSE_MS * NS_PER_MS;
		metric_inc(v->failures);
		heard = take_all(lane);
	} else {
		heard = list_take(&lane->asked);
		unsent = send_next(lane);
	}
	v->waiting -= count(heard) + count(unsent);
	pthread_mutex_unlock(&v->lock);
	tell(heard, error);
	tell(unsent, -ERR_UNAVAILABLE);
}

bool validator_ask(struct validator *v, const struct membership_gateway *home, struct validator_question *q)
{
	struct validator_question *unsent = NULL;

	pthread_mutex_lock(&v->lock);
	struct lane *lane = v->waiting < VALIDATOR_WAITING_MAX ? find_lane(v, home) : NULL;
	if (lane && clock_mono_ns() < lane->not_before_ns)
		lane = NULL;
	if (lane) {
		list_push(&lane->waiting, q);
		if (!lane->asked.first)
			unsent = send_next(lane);
		v->waiting += !unsent;
	}
	assert(!unsent || (unsent == q && !q->next)); /* no question waits at a lane without a call */
	pthread_mutex_unlock(&v->lock);
	return lane && !unsent;
}

/* ---- life ---- */

static int add_metrics(struct validator *v, struct metrics *metrics)
{
	int error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_validation_calls_total", "",
		"Calls to homes that validate cached answers", &v->calls);

	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_validations_total", "",
			"Cached answers of other homes that were validated with their home", &v->questions);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_validation_failures_total", "",
			"Failed calls of this kind, including malformed answers", &v->failures);
	return error;
}

int validator_new(const struct validator_options *options, struct validator **ret)
{
	struct validator *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->with = *options;
	pthread_mutex_init(&v->lock, NULL);
	http_headers_init(&v->headers);
	int error = http_headers_add(&v->headers, "Content-Type", "application/octet-stream");
	if (error == 0 && options->metrics)
		error = add_metrics(v, options->metrics);
	if (error < 0)
		validator_free(v);
	else
		*ret = v;
	return error;
}

void validator_free(struct validator *v)
{
	if (!v)
		return;
	assert(v->waiting == 0);
	for (size_t i = 0; i < VALIDATOR_HOMES_MAX; i++) {
		if (v->lanes[i])
			buf_fini(&v->lanes[i]->message);
		free(v->lanes[i]);
	}
	http_headers_fini(&v->headers);
	pthread_mutex_destroy(&v->lock);
	free(v);
}
