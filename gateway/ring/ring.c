/*
 * One call or look is in flight at a time, and one lock guards all its state: the thread begins a call when it is
 * due, and the HTTP client's thread takes the answer. A duty that the answer brings is carried out at once, under
 * the same lock, so that nobody asks for a place in between.
 */
#include "gateway/ring/ring.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/line.h"
#include "common/base/log.h"
#include "common/ring/ring_message.h"
#include "gateway/upstream/upstream.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shares are measured by so many keys: nobody looks closer than a thousandth of all. */
#define SHARE_KEYS 4000
#define OWNERS_TOLD 2 /* of a drive: its home, and the next one */

struct ring {
	struct ring_options with;
	pthread_t thread;
	bool started;
	struct http_headers headers;
	struct metric *epoch, *leases, *failures;
	struct metric *members, *lease_ms, *share;

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;  /* wakes the thread, and the caller of ring_leave */
	struct member member;
	bool calling;
	bool failing; /* the last call had no answer; logged once */
	bool stopping;
	struct member_call asked;
	struct buf body; /* of the call in flight */
	struct membership book;
};

/* ---- the answer; the caller holds r->lock ---- */

static void do_duty(struct ring *r, enum member_duty duty)
{
	if (duty != MEMBER_NOTHING && r->with.on_duty)
		r->with.on_duty(r->with.cookie, duty, &r->member);
	if (duty == MEMBER_STOP)
		member_stopped(&r->member);
}

static void note_change(struct ring *r, enum member_state before, int64_t epoch)
{
	const struct member *m = &r->member;

	if (m->state == before && m->book.epoch == epoch)
		return;
	if (m->book.epoch != epoch)
		metric_set(r->epoch, m->book.epoch);
	log_info(NULL, "op=ring epoch=%lld state=%s was=%s members=%zu", (long long)m->book.epoch,
		member_state_name(m->state), member_state_name(before), m->book.count);
}

static int hear(struct ring *r, const struct http_response *response)
{
	const struct member_answer answer = {.book = &r->book};
	struct member_answer heard = answer;
	const enum member_state before = r->member.state;
	const int64_t epoch = r->member.book.epoch;
	enum member_duty duty = MEMBER_NOTHING;
	int error = response->status == 200 ? 0 : -EPROTO;

	if (error == 0)
		error = ring_message_read_answer(buf_span(&response->body), &r->book, &heard.lease);
	if (error == 0)
		error = member_hear(&r->member, &r->asked, &heard, clock_boot_ns(), &duty);
	if (error < 0)
		return error;
	if (heard.lease)
		metric_inc(r->leases);
	do_duty(r, duty);
	note_change(r, before, epoch);
	return 0;
}

static void on_done(void *cookie, int error, struct http_response *response)
{
	struct ring *r = cookie;

	if (error == 0 && r->with.clock)
		service_clock_hear(r->with.clock, http_headers_get(&response->headers, "Date"), clock_boot_ns());
	pthread_mutex_lock(&r->lock);
	assert(r->calling);
	if (error == 0)
		error = hear(r, response);
	r->calling = false;
	/* A look that fails only means that a silent gateway is noticed later. */
	if (r->asked.look && error < 0) {
		pthread_cond_broadcast(&r->wake);
		pthread_mutex_unlock(&r->lock);
		return;
	}
	if (error < 0) {
		metric_inc(r->failures);
		if (!r->failing && !r->stopping)
			log_warning(NULL,
				"op=ring error=%d outcome=\"no docs service has answered: without a lease this "
				"gateway is home of nothing\"",
				error);
	}
	r->failing = error < 0;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	if (error == 0 && r->with.on_heard)
		r->with.on_heard(r->with.cookie);
}

/* ---- the call; the caller holds r->lock ---- */

static int begin_call(struct ring *r)
{
	struct upstream_call *call;
	const struct upstream_options options = {
		.client = r->with.client,
		.registry = r->with.registry,
		.kind = REGISTRY_DOCS,
		.method = "POST",
		.target = "/internal/v1/ring",
		.headers = &r->headers,
		.repeatable = true, /* the book may take the same call twice */
		.response_max = RING_MESSAGE_BYTES_MAX,
		.deadline_ms = RING_CALL_MS,
		.stall_ms = RING_CALL_MS,
		.cookie = r,
		.done = on_done,
	};
	struct upstream_options o = options;

	member_ask(&r->member, clock_boot_ns(), &r->asked);
	buf_reset(&r->body);
	int error = r->asked.look ? 0 : ring_message_write_call(&r->asked.call, &r->body);
	if (error < 0)
		return error;
	if (r->asked.look) {
		o.method = "GET";
		o.headers = NULL;
		o.deadline_ms = o.stall_ms = RING_LOOK_MS;
	}
	o.body = buf_span(&r->body);
	r->calling = true;
	error = upstream_start(&o, &call);
	if (error < 0)
		r->calling = false;
	return error;
}

static void wait_until_due(struct ring *r)
{
	const int64_t in_ns = member_next_call_ns(&r->member) - clock_boot_ns();

	(void)cond_wait_until(&r->wake, &r->lock, r->calling ? COND_FOREVER : clock_mono_ns() + in_ns);
}

static void *ring_main(void *cookie)
{
	struct ring *r = cookie;

	pthread_mutex_lock(&r->lock);
	while (!r->stopping) {
		if (r->calling || member_next_call_ns(&r->member) > clock_boot_ns()) {
			wait_until_due(r);
		} else if (begin_call(r) < 0) {
			/* No docs service is there. The next call is due in a second. */
			r->failing = r->failing || !r->asked.look;
			pthread_cond_broadcast(&r->wake);
		}
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* ---- life ---- */

static int add_metrics(struct ring *r, struct metrics *metrics)
{
	int error = metrics_add(metrics, METRIC_GAUGE, "nephos_gateway_ring_epoch", "",
		"The latest epoch of the ring that this gateway has learned", &r->epoch);

	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_ring_leases_total", "",
			"Times that this gateway's lease was renewed", &r->leases);
	if (error == 0)
		error = metrics_add(metrics, METRIC_COUNTER, "nephos_gateway_ring_failures_total", "",
			"Calls about the ring that no docs service answered", &r->failures);
	if (error == 0)
		error = metrics_add(metrics, METRIC_GAUGE, "nephos_gateway_ring_members", "",
			"Members of the ring in that epoch", &r->members);
	if (error == 0)
		error = metrics_add(metrics, METRIC_GAUGE, "nephos_gateway_ring_lease_milliseconds", "",
			"How long this gateway's lease still runs", &r->lease_ms);
	if (error == 0)
		error = metrics_add(metrics, METRIC_GAUGE, "nephos_gateway_ring_share_thousandths", "",
			"This gateway's share of all keys", &r->share);
	return error;
}

int ring_new(const struct ring_options *options, struct ring **ret)
{
	struct ring *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->with = *options;
	pthread_mutex_init(&r->lock, NULL);
	cond_init(&r->wake);
	buf_init(&r->body, RING_MESSAGE_BYTES_MAX);
	http_headers_init(&r->headers);
	int error = http_headers_add(&r->headers, "Content-Type", "application/json");
	if (error == 0)
		error = add_metrics(r, options->metrics);
	if (error < 0)
		ring_free(r);
	else
		*ret = r;
	return error;
}

int ring_start(struct ring *r, const struct member_self *self)
{
	pthread_mutex_lock(&r->lock);
	int error = member_init(&r->member, self);
	pthread_mutex_unlock(&r->lock);
	assert(!r->started);
	if (error == 0)
		error = -pthread_create(&r->thread, NULL, ring_main, r);
	r->started = error == 0;
	return error;
}

/* The caller holds r->lock. After a call that found no docs service, waiting is of no use. */
static bool is_in(const struct ring *r)
{
	return r->member.state != MEMBER_OUTSIDE && !(r->failing && !r->calling);
}

void ring_leave(struct ring *r, unsigned deadline_ms)
{
	const int64_t until_ns = clock_mono_ns() + deadline_ms * NS_PER_MS;

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	member_leave(&r->member);
	r->failing = false; /* only failures from now on count */
	pthread_cond_broadcast(&r->wake);
	while (is_in(r) && cond_wait_until(&r->wake, &r->lock, until_ns))
		;
	pthread_mutex_unlock(&r->lock);
}

void ring_stop(struct ring *r)
{
	if (!r || !r->started)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	r->started = false;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	ring_stop(r);
	assert(!r->calling);
	http_headers_fini(&r->headers);
	buf_fini(&r->body);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* ---- places ---- */

void ring_place(struct ring *r, uint32_t drive, struct ring_place *ret)
{
	char text[LINE_NUMBER_SIZE];
	size_t row = 0;
	const struct span key = span_of(text, line_of_number(drive, text));

	pthread_mutex_lock(&r->lock);
	const struct member *m = &r->member;
	ret->known = member_owners(m, key, &row, 1) == 1;
	ret->self = ret->known && member_is_home(m, key);
	ret->lease = member_has_lease(m, clock_boot_ns());
	ret->last = ret->lease && member_holds_epoch(m);
	ret->epoch = m->book.epoch;
	if (ret->known)
		ret->home = m->book.list[row];
	/* A drive that this gateway has to give up has no home for the moment. */
	if (ret->known && !ret->self)
		ret->known = strcmp(ret->home.boot, m->self.boot) != 0;
	pthread_mutex_unlock(&r->lock);
}

void ring_owners(struct ring *r, struct span key, size_t max, struct ring_owners *ret)
{
	size_t rows[RING_OWNERS_MAX];

	assert(max <= RING_OWNERS_MAX);
	pthread_mutex_lock(&r->lock);
	const struct member *m = &r->member;
	const size_t count = member_owners(m, key, rows, max);
	ret->epoch = m->book.epoch;
	ret->count = 0;
	for (size_t i = 0; i < count; i++)
		if (strcmp(m->book.list[rows[i]].boot, m->self.boot) != 0)
			ret->list[ret->count++] = m->book.list[rows[i]];
	pthread_mutex_unlock(&r->lock);
}

bool ring_successor(struct ring *r, uint32_t drive, struct membership_gateway *ret)
{
	char text[LINE_NUMBER_SIZE];
	size_t rows[2];
	const struct span key = span_of(text, line_of_number(drive, text));

	pthread_mutex_lock(&r->lock);
	const struct member *m = &r->member;
	bool found = member_is_home(m, key) && member_owners(m, key, rows, 2) == 2;
	if (found)
		*ret = m->book.list[rows[1]];
	pthread_mutex_unlock(&r->lock);
	return found && ret->hop_url[0];
}

int64_t ring_epoch(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	const int64_t epoch = r->member.book.epoch;
	pthread_mutex_unlock(&r->lock);
	return epoch;
}

int64_t ring_company(struct ring *r)
{
	size_t members = 0;

	pthread_mutex_lock(&r->lock);
	const struct membership *book = &r->member.book;
	for (size_t i = 0; i < book->count; i++)
		members += book->list[i].member;
	const int64_t epoch = members > 1 && r->member.state != MEMBER_OUTSIDE ? book->epoch : 0;
	pthread_mutex_unlock(&r->lock);
	return epoch;
}

bool ring_has(struct ring *r, const char *boot)
{
	bool has = false;

	pthread_mutex_lock(&r->lock);
	const struct membership *book = &r->member.book;
	for (size_t i = 0; i < book->count && !has; i++)
		has = book->list[i].member && strcmp(book->list[i].boot, boot) == 0;
	pthread_mutex_unlock(&r->lock);
	return has;
}

/* ---- status ---- */

static void count_shares(const struct member *m, unsigned ret[MEMBERSHIP_GATEWAYS_MAX])
{
	memset(ret, 0, MEMBERSHIP_GATEWAYS_MAX * sizeof(*ret));
	for (unsigned key = 0; key < SHARE_KEYS; key++) {
		size_t row;

		if (member_owners(m, span_of(&key, sizeof(key)), &row, 1) == 1)
			ret[row]++;
	}
}

/* A copy, because counting the shares takes a millisecond. NULL: no memory. */
static struct member *copy_member(struct ring *r)
{
	struct member *m = malloc(sizeof(*m));

	if (!m)
		return NULL;
	pthread_mutex_lock(&r->lock);
	*m = r->member;
	pthread_mutex_unlock(&r->lock);
	return m;
}

static int64_t lease_left_ms(const struct member *m)
{
	const int64_t now_ns = clock_boot_ns();

	return member_has_lease(m, now_ns) ? (m->lease_until_ns - now_ns) / NS_PER_MS : 0;
}

static bool is_self(const struct member *m, const struct membership_gateway *g)
{
	return strcmp(g->name, m->self.name) == 0 && strcmp(g->boot, m->self.boot) == 0;
}

void ring_refresh(struct ring *r)
{
	struct member *m = copy_member(r);
	unsigned keys[MEMBERSHIP_GATEWAYS_MAX], members = 0, share = 0;

	if (!m)
		return;
	count_shares(m, keys);
	for (size_t i = 0; i < m->book.count; i++) {
		members += m->book.list[i].member;
		if (m->book.list[i].member && is_self(m, &m->book.list[i]))
			share = keys[i] * 1000 / SHARE_KEYS;
	}
	metric_set(r->members, members);
	metric_set(r->lease_ms, lease_left_ms(m));
	metric_set(r->share, share);
	free(m);
}

static json_t *member_json(const struct member *m, const struct membership_gateway *g, unsigned keys)
{
	return json_pack("{s:s, s:s, s:i, s:b, s:b}", "name", g->name, "url", g->url, "share",
		(int)(keys * 1000 / SHARE_KEYS), "self", (int)is_self(m, g), "leaving", (int)g->leaving);
}

json_t *ring_status(struct ring *r)
{
	struct member *m = copy_member(r);
	unsigned keys[MEMBERSHIP_GATEWAYS_MAX];
	json_t *members = json_array();

	if (!m || !members) {
		free(m);
		json_decref(members);
		return NULL;
	}
	count_shares(m, keys);
	for (size_t i = 0; i < m->book.count; i++)
		if (m->book.list[i].member)
			(void)json_array_append_new(members, member_json(m, &m->book.list[i], keys[i]));
	json_t *status = json_pack("{s:I, s:s, s:I, s:b, s:o}", "epoch", (json_int_t)m->book.epoch, "state",
		member_state_name(m->state), "lease_ms", (json_int_t)lease_left_ms(m), "preparing",
		(int)m->book.preparing, "members", members);
	free(m);
	return status;
}

json_t *ring_drive_status(struct ring *r, uint32_t drive)
{
	size_t rows[OWNERS_TOLD];
	char text[LINE_NUMBER_SIZE];
	const struct span key = span_of(text, line_of_number(drive, text));
	json_t *list = json_array();

	pthread_mutex_lock(&r->lock);
	const struct member *m = &r->member;
	const size_t count = member_owners(m, key, rows, OWNERS_TOLD);
	for (size_t i = 0; i < count; i++) {
		const struct membership_gateway *g = &m->book.list[rows[i]];

		(void)json_array_append_new(list, json_pack("{s:s, s:s}", "name", g->name, "url", g->url));
	}
	const json_int_t epoch = m->book.epoch;
	pthread_mutex_unlock(&r->lock);
	return json_pack("{s:s#, s:I, s:o}", "drive", key.data, (int)key.size, "epoch", epoch, "owners", list);
}
