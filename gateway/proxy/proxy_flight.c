/*
 * One request to a service for all clients that want the same answer at the same time.
 *
 * When the home of a drive would send a read to a service, and the answer may be kept, that read leads a flight
 * (flights.h). A request for the same answer that comes meanwhile waits for it, as a follower. A request for
 * parts, for the head, or under conditions never leads, but may follow: it gets what it wants of the whole
 * answer, as from memory.
 *
 * The rule about followers (tests/model/ring.pml, MAY_HAND_OUT): an answer is handed to a follower only if it
 * saw at least what this home had told anybody when the follower came, and only while this gateway has a lease
 * and the claim. Otherwise the follower asks anew, perhaps together with others again. While the home is in
 * doubt itself, what was told when a request came cannot be known, and the request does not follow.
 *
 * What happens to the leader must not harm its followers:
 *
 *   landed     all of the answer is here: they get it
 *   cut        the leader failed, its client has gone, its token has ended, the drive has moved: the first follower
 *              leads
 *   alone      the answer does for nobody else (too large, a refusal, made from more than it can say): each follower
 *              asks on its own, at once, as one after the other would be slow. Where long content lies is such an
 *              answer, too: a follower that asks then finds it in memory (proxy_content.c)
 *   parted     as alone, and the same is to be expected of the next answer: requests that come within the next
 *              second go alone as well (flights_part)
 *
 * Each wait ends with the leader's request, whose deadlines are those of any other, and after FLIGHTS_TAKEN_MAX
 * flights a request waits no more. An answer that may be kept is gathered whole before its leader gets it, so
 * that no follower waits for a slow client of the leader.
 */
#include "gateway/proxy/proxy_internal.h"

#include "common/base/clock.h"
#include "common/proto/headers.h"

#include <string.h>

#define FLIGHTS_TAKEN_MAX 3u /* of one request: the leaders of so many were cut, or came too late */

/* Finds the newest position that the answer must have seen; false: it is not known, or only a service can
 * answer. */
static bool find_needed(struct exchange *x)
{
	const char *floor = http_headers_get(&x->headers, HEADER_FLOOR);
	int64_t incarnation, seq;

	x->needed = x->where.known;
	if (!x->where.serves || !proxy_hit_may_answer(http_headers_get(&x->headers, HEADER_SESSION)))
		return false;
	if (!floor)
		return true;
	return headers_position_parse(floor, &incarnation, &seq) == 0 && incarnation == x->where.incarnation &&
		seq <= x->where.known;
}

/* Whether its answer, if it is one that is kept, is all that anybody may ask for under the key. */
static bool may_lead(const struct exchange *x)
{
	static const char *const LESS[] = {
		"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"};

	for (size_t i = 0; i < sizeof(LESS) / sizeof(*LESS); i++)
		if (http_headers_get(&x->headers, LESS[i]))
			return false;
	return strcmp(x->method, "GET") == 0;
}

static bool may_ride(struct exchange *x)
{
	return x->proxy->with.cache && !x->traits.poll && !x->asks_alone && x->flights_taken < FLIGHTS_TAKEN_MAX &&
		(strcmp(x->method, "GET") == 0 || strcmp(x->method, "HEAD") == 0) && find_needed(x);
}

bool proxy_flight_board(struct exchange *x)
{
	struct kept_key key;

	if (!may_ride(x) || !proxy_fill_key(x, &key))
		return false;
	x->flights_taken++;
	pthread_mutex_lock(&x->lock);
	proxy_exchange_move(x, HELD); /* before a leader can get it */
	pthread_mutex_unlock(&x->lock);
	metric_add(x->proxy->waiting, 1);
	const struct flights_request request = {
		.key = span_of(key.text, key.size),
		.may_lead = may_lead(x),
		.now_ns = clock_mono_ns(),
	};
	const enum flights_verdict verdict = flights_join(x->proxy->flights, &request, &x->rider);
	if (verdict == FLIGHTS_FOLLOWS)
		return true; /* and the exchange may be freed by now */
	metric_add(x->proxy->waiting, -1);
	/* An earlier leader may have landed since this request was looked up in memory. */
	return verdict == FLIGHTS_LEADS && proxy_hit_answer_again(x);
}

/* The answer that the leader got, and the position of that incarnation up to which it is true. */
struct landing {
	struct answer *answer; /* NULL: there is none for others */
	int64_t incarnation, seq;
	bool alone; /* each follower asks on its own then */
};

static bool hand_out(struct exchange *x, const struct landing *landing)
{
	struct keeper_place now;

	if (landing->seq < x->needed || landing->incarnation != x->where.incarnation)
		return false;
	keeper_look(x->proxy->with.keeper, x->drive, x->user, &now);
	if (now.way != KEEPER_HERE || !now.held || !now.lease || now.incarnation != landing->incarnation)
		return false;
	now.seq = landing->seq;
	return proxy_hit_answer_by(x, landing->answer, &now);
}

static void disembark(struct exchange *x, const struct landing *landing)
{
	int why;

	metric_add(x->proxy->waiting, -1);
	x->asks_alone = x->asks_alone || landing->alone;
	if (proxy_exchange_is_over(x, &why)) {
		proxy_exchange_fail(x, why);
		return;
	}
	struct metric *collapsed = x->proxy->collapsed, *anew = x->proxy->asked_anew;
	if (landing->answer && hand_out(x, landing)) {
		metric_inc(collapsed);
		return;
	}
	metric_inc(anew);
	proxy_home_send(x);
}

static void land(struct flight_rider *followers, const struct landing *landing)
{
	struct flight_rider *rider, *next;

	for (rider = followers; rider; rider = next) {
		next = rider->next; /* the rider may be freed after that, or be in another list */
		disembark((struct exchange *)((char *)rider - offsetof(struct exchange, rider)), landing);
	}
}

void proxy_flight_land(struct exchange *x, struct answer *answer, int64_t seq)
{
	const struct landing landing = {.answer = answer, .incarnation = x->where.incarnation, .seq = seq};

	if (x->rider.leads)
		land(flights_land(x->proxy->flights, &x->rider), &landing);
}

void proxy_flight_leave_alone(struct exchange *x)
{
	if (x->rider.leads)
		land(flights_land(x->proxy->flights, &x->rider), &(struct landing){.alone = true});
}

void proxy_flight_part(struct exchange *x)
{
	if (x->rider.leads)
		land(flights_part(x->proxy->flights, &x->rider, clock_mono_ns()), &(struct landing){.alone = true});
}

bool proxy_flight_leave(struct exchange *x)
{
	if (!flights_leave(x->proxy->flights, &x->rider))
		return false;
	metric_add(x->proxy->waiting, -1);
	return true;
}
