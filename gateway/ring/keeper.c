/*
 * A call to a docs service (a claim, a question to the journal) is an object of its own, which has the number by which
 * homes knows whether its answer still counts. All about drives is behind one lock; what is dropped from the cache is
 * dropped under it, so that nobody is told that a drive may be served before that is done.
 */
#include "gateway/ring/keeper.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/line.h"
#include "common/base/text.h"
#include "common/proto/headers.h"
#include "common/proto/touched.h"
#include "gateway/ring/homes.h"
#include "gateway/upstream/upstream.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define TARGET_SIZE 96

struct keeper {
	struct keeper_options with;
	struct ring *ring;
	pthread_t thread;
	bool started;
	struct http_headers json; /* of claims */
	struct metric *claims, *claim_failures, *questions, *forgotten;

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;
	struct homes *homes;
	struct keeper_waiter *waiting;
	unsigned calls;	 /* under way */
	bool look;	 /* it is worth for all who wait */
	uint64_t duties; /* so many times the ring had something to be given up */
	bool stopping;
};

struct question {
	struct keeper *keeper;
	uint32_t drive;
	uint64_t number;
	char key[16];
	char target[TARGET_SIZE];
	char body[TARGET_SIZE];
};

/* ---- what is dropped; with the lock held ---- */

static void do_duty(struct keeper *k, uint32_t drive, enum home_duty duty, const struct touched *touched)
{
	size_t count = 0;

	assert(duty != HOME_DROP || touched);
	const bool all = duty == HOME_FORGET || (duty == HOME_DROP && touched->all);

	if (all) {
		metric_inc(k->forgotten);
		cache_forget_drive(k->with.cache, drive);
	} else if (duty == HOME_DROP) {
		const struct tag *tags = touched_tags(touched, &count);

		cache_drop(k->with.cache, tags, count, touched->last);
	}
}

static void give_up(struct keeper *k, uint32_t drive)
{
	homes_give_up(k->homes, drive);
	do_duty(k, drive, HOME_FORGET, NULL);
}

static struct home_stretch stretch_of(const struct touched *t)
{
	return (struct home_stretch){.incarnation = t->incarnation, .first = t->first, .last = t->last};
}

static void wake_all(struct keeper *k)
{
	k->look = k->waiting != NULL;
	pthread_cond_broadcast(&k->wake);
}

/* ---- questions to a docs service ---- */

static int ask(struct question *q, const char *method, void (*done)(void *, int, struct http_response *))
{
	struct keeper *k = q->keeper;
	struct upstream_call *call;
	const struct upstream_options options = {
		.client = k->with.client,
		.registry = k->with.registry,
		.kind = REGISTRY_DOCS,
		.key = span_str(q->key),
		.method = method,
		.target = q->target,
		.headers = q->body[0] ? &k->json : NULL,
		.body = span_str(q->body),
		.repeatable = true,
		.response_max = TOUCHED_TEXT_SIZE,
		.deadline_ms = KEEPER_CALL_MS,
		.stall_ms = KEEPER_CALL_MS,
		.first_byte_ms = KEEPER_CALL_MS / 2,
		.cookie = q,
		.done = done,
	};

	return upstream_start(&options, &call);
}

static struct question *question_new(struct keeper *k, uint32_t drive, uint64_t number)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->keeper = k;
	q->drive = drive;
	q->number = number;
	(void)snprintf(q->key, sizeof(q->key), "%" PRIu32, drive);
	return q;
}

/* With the lock held. */
static void mark_absent(struct keeper *k, uint32_t drive, int64_t owner)
{
	struct keeper_waiter *w;

	DL_FOREACH(k->waiting, w)
		if (w->drive == drive && w->user != owner)
			w->absent = true;
}

/* Of a drive that is, 0 if that cannot be told. */
static int64_t owner_of(const struct http_response *response)
{
	const char *text = http_headers_get(&response->headers, HEADER_USER);
	int64_t owner = 0;

	return text && text_parse_id(span_str(text), INT64_MAX, &owner) == 0 ? owner : 0;
}

static void on_claimed(void *cookie, int error, struct http_response *response)
{
	struct question *q = cookie;
	struct keeper *k = q->keeper;
	struct home_claim said = {0};
	const int status = error == 0 ? response->status : 0;
	bool claimed = status == 204 &&
		headers_position_parse(
			http_headers_get(&response->headers, HEADER_SEQ), &said.incarnation, &said.seq) == 0;

	if (claimed)
		said.owner = owner_of(response);
	pthread_mutex_lock(&k->lock);
	k->calls--;
	if (claimed)
		claimed = homes_claimed(k->homes, q->drive, q->number, &said);
	else
		homes_refused(k->homes, q->drive, q->number);
	if (status == 404 || said.owner != 0)
		mark_absent(k, q->drive, said.owner);
	/* Who waits for an epoch that others know already hears of it from the ring. */
	if (claimed || said.owner != 0 || status == 404)
		wake_all(k);
	pthread_mutex_unlock(&k->lock);
	metric_inc(claimed ? k->claims : k->claim_failures);
	free(q);
}

static void claim(struct keeper *k, uint32_t drive, uint64_t number, int64_t epoch)
{
	struct question *q = question_new(k, drive, number);
	int error = q ? 0 : -ENOMEM;

	if (error == 0) {
		(void)snprintf(q->target, sizeof(q->target), "/internal/v1/ring/claims");
		(void)snprintf(q->body, sizeof(q->body), "{\"drive\":%" PRIu32 ",\"epoch\":%" PRId64 "}", drive, epoch);
		error = ask(q, "POST", on_claimed);
	}
	if (error < 0) {
		pthread_mutex_lock(&k->lock);
		k->calls--;
		homes_refused(k->homes, drive, number);
		pthread_mutex_unlock(&k->lock);
		metric_inc(k->claim_failures);
		free(q);
	}
}

static void ask_journal(struct keeper *k, uint32_t drive, uint64_t number, int64_t since);

/* With the lock held; returns with it released: the question itself is begun without it. */
static void unlock_and_ask(struct keeper *k, uint32_t drive)
{
	int64_t since = 0;
	const uint64_t number = k->calls < KEEPER_CALLS_MAX ? homes_ask(k->homes, drive, &since) : 0;

	k->calls += number != 0;
	pthread_mutex_unlock(&k->lock);
	if (number)
		ask_journal(k, drive, number, since);
}

static void on_journal(void *cookie, int error, struct http_response *response)
{
	struct question *q = cookie;
	struct keeper *k = q->keeper;
	struct touched touched;
	const int status = error == 0 ? response->status : 0;
	const bool told = status == 200 && touched_parse(buf_span(&response->body), q->drive, &touched) == 0;

	pthread_mutex_lock(&k->lock);
	k->calls--;
	if (told) {
		const struct home_stretch stretch = stretch_of(&touched);

		do_duty(k, q->drive, homes_told(k->homes, q->drive, q->number, &stretch), &touched);
	} else {
		(void)homes_told(k->homes, q->drive, q->number, NULL);
	}
	/* The drive was set back, or is gone. */
	if (status == 409 || status == 404)
		give_up(k, q->drive);
	if (told)
		unlock_and_ask(k, q->drive); /* more may be known by now */
	else
		pthread_mutex_unlock(&k->lock); /* the next request asks again */
	free(q);
}

static void ask_journal(struct keeper *k, uint32_t drive, uint64_t number, int64_t since)
{
	struct question *q = question_new(k, drive, number);
	int error = q ? 0 : -ENOMEM;

	if (error == 0) {
		(void)snprintf(q->target, sizeof(q->target),
			"/internal/v1/ring/journal?drive=%" PRIu32 "&since=%" PRId64, drive, since);
		error = ask(q, "GET", on_journal);
	}
	metric_inc(k->questions);
	if (error < 0) {
		pthread_mutex_lock(&k->lock);
		k->calls--;
		(void)homes_told(k->homes, drive, number, NULL);
		pthread_mutex_unlock(&k->lock);
		free(q);
	}
}

/* ---- places ---- */

static void read_view(const struct home_view *view, const struct ring_place *ring, struct keeper_place *ret)
{
	ret->held = view->state == HOME_HELD || view->state == HOME_BEHIND;
	ret->serves = view->state == HOME_HELD && ring->lease;
	ret->epoch = view->epoch;
	ret->incarnation = view->incarnation;
	ret->seq = view->followed;
	ret->known = view->known;
}

static bool is_foreign(const struct home_view *view, int64_t user)
{
	return view->owner != 0 && view->owner != user;
}

/* What the ring has said counts only if nothing was to be given up since: a claim that begins after that would be held
 * by a gateway that has said that it has stopped. false: ask the ring again. */
static bool place_here(
	struct keeper *k, uint32_t drive, const struct ring_place *ring, uint64_t duties, struct keeper_place *ret)
{
	uint32_t forgotten = 0;
	uint64_t number = 0;

	pthread_mutex_lock(&k->lock);
	if (k->duties != duties) {
		pthread_mutex_unlock(&k->lock);
		return false;
	}
	const struct home_view view = homes_view(k->homes, drive);
	ret->way = is_foreign(&view, ret->user) ? KEEPER_NO_RING : KEEPER_HERE;
	read_view(&view, ring, ret);
	if (view.state == HOME_NONE && ring->lease && !k->stopping && k->calls < KEEPER_CALLS_MAX)
		number = homes_claim(k->homes, drive, ring->epoch, ret->user, &forgotten);
	k->calls += number != 0;
	if (forgotten)
		do_duty(k, forgotten, HOME_FORGET, NULL);
	unlock_and_ask(k, drive);
	if (number)
		claim(k, drive, number, ring->epoch);
	return true;
}

static uint64_t count_duties(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	const uint64_t duties = k->duties;
	pthread_mutex_unlock(&k->lock);
	return duties;
}

static void place_elsewhere(const struct ring_place *ring, struct keeper_place *ret)
{
	ret->way = ring->known ? KEEPER_THERE : KEEPER_NOWHERE;
	ret->epoch = ring->epoch;
	ret->home = ring->home;
}

void keeper_place(struct keeper *k, uint32_t drive, int64_t user, struct keeper_place *ret)
{
	struct ring_place ring = {.known = false};
	bool placed = false;

	*ret = (struct keeper_place){.user = user};
	while (!placed) {
		const uint64_t duties = count_duties(k);

		ring_place(k->ring, drive, &ring);
		placed = !ring.self || place_here(k, drive, &ring, duties, ret);
	}
	if (ring.self)
		ret->home = ring.home;
	else
		place_elsewhere(&ring, ret);
}

void keeper_look(struct keeper *k, uint32_t drive, int64_t user, struct keeper_place *ret)
{
	struct ring_place ring = {.known = false};

	*ret = (struct keeper_place){.user = user};
	ring_place(k->ring, drive, &ring);
	if (!ring.self) {
		place_elsewhere(&ring, ret);
		return;
	}
	pthread_mutex_lock(&k->lock);
	const struct home_view view = homes_view(k->homes, drive);
	pthread_mutex_unlock(&k->lock);
	ret->way = is_foreign(&view, user) ? KEEPER_NO_RING : KEEPER_HERE;
	ret->home = ring.home;
	read_view(&view, &ring, ret);
}

bool keeper_has_gateway(struct keeper *k, const char *boot)
{
	return ring_has(k->ring, boot);
}

/* ---- answers ---- */

void keeper_answered(struct keeper *k, uint32_t drive, const struct keeper_answer *answer)
{
	struct touched touched;
	int64_t incarnation, seq;

	pthread_mutex_lock(&k->lock);
	if (answer->touched && touched_parse(span_str(answer->touched), drive, &touched) == 0) {
		const struct home_stretch stretch = stretch_of(&touched);

		do_duty(k, drive, homes_touched(k->homes, drive, &stretch), &touched);
	} else if (answer->touched) {
		give_up(k, drive); /* by a service of another version: the next claim tells where it stands */
	} else if (headers_position_parse(answer->seq, &incarnation, &seq) == 0) {
		do_duty(k, drive, homes_saw(k->homes, drive, incarnation, seq), NULL);
	}
	if (answer->told)
		homes_doubt(k->homes, drive);
	unlock_and_ask(k, drive);
}

void keeper_forget(struct keeper *k, uint32_t drive)
{
	pthread_mutex_lock(&k->lock);
	do_duty(k, drive, HOME_FORGET, NULL);
	homes_doubt(k->homes, drive);
	unlock_and_ask(k, drive);
}

void keeper_refused(struct keeper *k, uint32_t drive, int64_t epoch)
{
	pthread_mutex_lock(&k->lock);
	const struct home_view view = homes_view(k->homes, drive);
	if ((view.state == HOME_HELD || view.state == HOME_BEHIND) && view.epoch == epoch)
		give_up(k, drive);
	pthread_mutex_unlock(&k->lock);
}

/* ---- the ring ---- */

struct leaving {
	struct keeper *keeper;
	const struct member *member;
};

static bool moves(void *cookie, uint32_t drive)
{
	const struct leaving *leaving = cookie;
	char text[LINE_NUMBER_SIZE];

	return member_moves(leaving->member, span_of(text, line_of_number(drive, text)));
}

static void gone(void *cookie, uint32_t drive)
{
	const struct leaving *leaving = cookie;

	do_duty(leaving->keeper, drive, HOME_FORGET, NULL);
}

void keeper_on_duty(void *cookie, enum member_duty duty, const struct member *member)
{
	struct keeper *k = cookie;
	struct leaving leaving = {.keeper = k, .member = member};

	pthread_mutex_lock(&k->lock);
	k->duties += duty != MEMBER_NOTHING;
	if (duty == MEMBER_STOP) {
		homes_give_up_if(k->homes, moves, gone, &leaving);
	} else if (duty == MEMBER_FORGET) {
		homes_give_up_all(k->homes);
		cache_forget_all(k->with.cache);
	}
	pthread_mutex_unlock(&k->lock);
}

void keeper_on_heard(void *cookie)
{
	struct keeper *k = cookie;

	pthread_mutex_lock(&k->lock);
	wake_all(k);
	pthread_mutex_unlock(&k->lock);
}

/* ---- who waits ---- */

bool keeper_wait(struct keeper *k, struct keeper_waiter *waiter)
{
	pthread_mutex_lock(&k->lock);
	const bool taken = k->started && !k->stopping;
	if (taken) {
		if (!k->waiting)
			pthread_cond_broadcast(&k->wake); /* the tick begins */
		DL_APPEND(k->waiting, waiter);
	}
	pthread_mutex_unlock(&k->lock);
	return taken;
}

/* With the lock held, and released meanwhile. Who comes back in the list is looked at next time. */
static void look_all(struct keeper *k)
{
	struct keeper_waiter *list = k->waiting;

	k->waiting = NULL;
	k->look = false;
	pthread_mutex_unlock(&k->lock);
	while (list) {
		struct keeper_waiter *w = list;

		DL_DELETE(list, w);
		w->look(w);
	}
	pthread_mutex_lock(&k->lock);
}

static void *keeper_main(void *cookie)
{
	struct keeper *k = cookie;

	pthread_mutex_lock(&k->lock);
	while (!k->stopping) {
		const int64_t tick_ns = clock_mono_ns() + KEEPER_TICK_MS * NS_PER_MS;

		if (!k->waiting)
			(void)cond_wait_until(&k->wake, &k->lock, COND_FOREVER);
		else if (k->look || !cond_wait_until(&k->wake, &k->lock, tick_ns))
			look_all(k);
	}
	look_all(k);
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

/* ---- life ---- */

static int add_metrics(struct keeper *k, struct metrics *metrics)
{
	int error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_home_claims_total", "",
		"Times that this gateway became the home of a drive", &k->claims);

	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_home_claim_failures_total", "",
			"Claims of a drive that were refused, or that nobody has answered", &k->claim_failures);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_home_questions_total", "",
			"Questions to the journal about changes that this gateway has missed", &k->questions);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_home_forgotten_total", "",
			"Times that all that was kept of a drive was dropped", &k->forgotten);
	return error;
}

int keeper_new(const struct keeper_options *options, struct keeper **ret)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->with = *options;
	pthread_mutex_init(&k->lock, NULL);
	cond_init(&k->wake);
	http_headers_init(&k->json);
	int error = http_headers_add(&k->json, "Content-Type", "application/json");
	if (error == 0)
		error = homes_new(HOMES_MAX, &k->homes);
	if (error == 0)
		error = add_metrics(k, options->metrics);
	if (error < 0)
		keeper_free(k);
	else
		*ret = k;
	return error;
}

int keeper_start(struct keeper *k, struct ring *ring)
{
	assert(!k->started);
	k->ring = ring;
	k->started = true; /* before the thread, which others may already meet */
	int error = -pthread_create(&k->thread, NULL, keeper_main, k);
	if (error < 0)
		k->started = false;
	return error;
}

void keeper_stop(struct keeper *k)
{
	if (!k || !k->started)
		return;
	pthread_mutex_lock(&k->lock);
	k->stopping = true;
	pthread_cond_broadcast(&k->wake);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	pthread_mutex_lock(&k->lock);
	k->started = false;
	pthread_mutex_unlock(&k->lock);
}

void keeper_free(struct keeper *k)
{
	if (!k)
		return;
	keeper_stop(k);
	assert(!k->waiting);
	homes_free(k->homes);
	http_headers_fini(&k->json);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

json_t *keeper_status(struct keeper *k)
{
	struct homes_counters counters;

	pthread_mutex_lock(&k->lock);
	homes_count(k->homes, &counters);
	pthread_mutex_unlock(&k->lock);
	return json_pack("{s:I, s:I, s:I}", "held", (json_int_t)counters.held, "behind", (json_int_t)counters.behind,
		"claiming", (json_int_t)counters.claiming);
}
