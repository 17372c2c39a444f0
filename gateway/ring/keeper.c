/*
 * One lock guards all state of drives. What is dropped from the cache is dropped under that lock, so that no
 * caller learns that a drive may be served before the drop is done. The calls to docs services are in
 * keeper_ask.c, what concerns replicas in keeper_replica.c.
 */
#include "gateway/ring/keeper.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/line.h"
#include "common/base/text.h"
#include "common/proto/headers.h"
#include "gateway/ring/keeper_internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- what is dropped; the caller holds k->lock ---- */

void keeper_do_duty(struct keeper *k, uint32_t drive, enum home_duty duty, const struct touched *touched)
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
	if (duty == HOME_DROP && k->with.touched)
		k->with.touched(k->with.touched_cookie, drive, touched);
}

/* Forgets what is kept of the drive, and how far it was followed: neither can be relied on any more. */
void keeper_forget_home(struct keeper *k, uint32_t drive)
{
	homes_forget(k->homes, drive);
	keeper_do_duty(k, drive, HOME_FORGET, NULL);
}

struct home_stretch keeper_stretch(const struct touched *t)
{
	return (struct home_stretch){.incarnation = t->incarnation, .first = t->first, .last = t->last};
}

void keeper_wake_all(struct keeper *k)
{
	k->look = k->waiting != NULL;
	pthread_cond_broadcast(&k->wake);
}

void keeper_note_timeline(struct keeper *k, const char *text)
{
	int64_t timeline = 0;

	if (!text || text_parse_id(span_str(text), INT64_MAX, &timeline) < 0)
		k->unnamed = true;
	else if (timeline > k->timeline)
		k->timeline = timeline;
}

/* ---- places ---- */

static void read_view(const struct home_view *view, const struct ring_place *ring, struct keeper_place *ret)
{
	ret->held = view->state == HOME_HELD || view->state == HOME_BEHIND;
	ret->serves = view->state == HOME_HELD && ring->lease;
	ret->lease = ring->lease;
	ret->last = ring->last;
	ret->epoch = view->epoch;
	ret->incarnation = view->incarnation;
	ret->seq = view->followed;
	ret->known = view->known;
}

static bool is_foreign(const struct home_view *view, int64_t user)
{
	return view->owner != 0 && user != KEEPER_VOUCHED && view->owner != user;
}

/* The ring's answer counts only if the ring has given no duty since: a claim that begins after such a duty would
 * be held by a gateway that has said that it has stopped. false: the caller has to ask the ring again. */
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
	ret->timeline = k->unnamed ? 0 : k->timeline;
	if ((view.state == HOME_NONE || view.state == HOME_REPLICA) && ring->lease && !k->stopping &&
		k->calls < KEEPER_CALLS_MAX)
		number = homes_claim(k->homes, drive, ring->epoch, ret->user, &forgotten);
	k->calls += number != 0;
	if (forgotten)
		keeper_do_duty(k, forgotten, HOME_FORGET, NULL);
	keeper_ask_and_unlock(k, drive);
	if (number)
		keeper_ask_claim(k, drive, number, ring->epoch);
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
	ret->lease = ring->lease;
	ret->last = ring->last;
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
	if (answer->touched || answer->seq)
		keeper_note_timeline(k, answer->timeline);
	if (answer->touched && touched_parse(span_str(answer->touched), drive, &touched) == 0) {
		const struct home_stretch stretch = keeper_stretch(&touched);

		keeper_do_duty(k, drive, homes_touched(k->homes, drive, &stretch), &touched);
	} else if (answer->touched) {
		keeper_forget_home(
			k, drive); /* from a service of another version; the next claim finds out the position */
	} else if (headers_position_parse(answer->seq, &incarnation, &seq) == 0) {
		keeper_do_duty(k, drive, homes_saw(k->homes, drive, incarnation, seq), NULL);
	}
	if (answer->told)
		homes_doubt(k->homes, drive);
	keeper_ask_and_unlock(k, drive);
}

void keeper_forget(struct keeper *k, uint32_t drive)
{
	pthread_mutex_lock(&k->lock);
	keeper_do_duty(k, drive, HOME_FORGET, NULL);
	homes_doubt(k->homes, drive);
	keeper_ask_and_unlock(k, drive);
}

void keeper_refused(struct keeper *k, uint32_t drive, int64_t epoch)
{
	pthread_mutex_lock(&k->lock);
	const struct home_view view = homes_view(k->homes, drive);
	if ((view.state == HOME_HELD || view.state == HOME_BEHIND) && view.epoch == epoch)
		homes_give_up(k->homes, drive);
	pthread_mutex_unlock(&k->lock);
}

/* ---- the ring ---- */

static bool moves(void *cookie, uint32_t drive)
{
	const struct member *member = cookie;
	char text[LINE_NUMBER_SIZE];

	return member_moves(member, span_of(text, line_of_number(drive, text)));
}

void keeper_on_duty(void *cookie, enum member_duty duty, const struct member *member)
{
	struct keeper *k = cookie;

	pthread_mutex_lock(&k->lock);
	k->duties += duty != MEMBER_NOTHING;
	if (duty == MEMBER_STOP) {
		homes_give_up_if(k->homes, moves, (void *)member);
	} else if (duty == MEMBER_FORGET) {
		homes_give_up_all(k->homes);
	}
	pthread_mutex_unlock(&k->lock);
}

void keeper_on_heard(void *cookie)
{
	struct keeper *k = cookie;

	pthread_mutex_lock(&k->lock);
	keeper_wake_all(k);
	pthread_mutex_unlock(&k->lock);
}

/* ---- waiters ---- */

bool keeper_wait(struct keeper *k, struct keeper_waiter *waiter)
{
	pthread_mutex_lock(&k->lock);
	const bool taken = k->started && !k->stopping;
	if (taken) {
		if (!k->waiting)
			pthread_cond_broadcast(&k->wake); /* keeper_main begins to tick */
		DL_APPEND(k->waiting, waiter);
	}
	pthread_mutex_unlock(&k->lock);
	return taken;
}

/* The caller holds k->lock; it is released meanwhile. A waiter that waits again is called the next time. */
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
			"Claims of a drive that were refused or not answered", &k->claim_failures);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_home_questions_total", "",
			"Queries to the journal for changes that this gateway missed", &k->questions);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_home_forgotten_total", "",
			"Times that everything cached of a drive was dropped", &k->forgotten);
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
	k->started = true; /* before the thread starts: its effects may reach other threads at once */
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
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "held", (json_int_t)counters.held, "behind",
		(json_int_t)counters.behind, "claiming", (json_int_t)counters.claiming, "replicas",
		(json_int_t)counters.replicas, "lagging", (json_int_t)counters.lagging);
}
