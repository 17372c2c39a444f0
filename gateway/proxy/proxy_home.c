/*
 * Where a request for a drive goes. This is decided anew each time that the request cannot be answered where it
 * was sent:
 *
 *   which drive      the target has its number, or means the caller's first one: then a service is asked, and its
 *                    answer believed for a while (first_drives). A service that says 421 says which drive it is.
 *   here             this gateway is the home. A change goes with the epoch of the home's claim, and waits until there
 *                    is one; a read needs no claim, but the gateway's lease. What the answer says of the drive is noted
 *                    before it is passed on.
 *   there            another gateway is the home: the request goes there, with the epoch by which the home was found.
 *                    If nobody listens there any more, reads go to the services, as long as the ring cannot have gone
 *                    on without this gateway (keeper.h). After any other failure, requests that may be sent again wait
 *                    for the ring to go on without that gateway, as changes always do.
 *                    421: that gateway has newer information; this one looks again when it has news of the ring.
 *   nowhere          the ring is changing: requests wait.
 *
 * A request that came from another gateway goes to no third one: it gets 421. Each wait has an end
 * (PROXY_HOME_WAIT_MS).
 */
#include "gateway/proxy/proxy_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/line.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/proto/headers.h"
#include "gateway/cache/shard.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define MOVES_MAX 3	  /* of a drive while it is read: after that the read waits for news of the ring each time */
#define CORRECTIONS_MAX 4 /* of the drive by answers: a first drive that changes while it is asked for is met once */
#define FIRST_DRIVE_BYTES_MAX 32 /* a number of 10 digits */

/* ---- going ---- */

/* Removes our fields that were set for the last way. */
static void clear_fields(struct exchange *x)
{
	http_headers_remove(&x->headers, HEADER_EPOCH);
	http_headers_remove(&x->headers, HEADER_DRIVE);
	http_headers_remove(&x->headers, HEADER_HOP);
	http_headers_remove(&x->headers, HEADER_TAGS);
	http_headers_remove(&x->headers, HEADER_STANDBY);
	http_headers_remove(&x->headers, HEADER_CONTENT);
	x->content.asked = false;
	x->fill.wanted = false;
	if (x->drive)
		(void)line_of_number(x->drive, x->key);
}

/* Names the drive that the target was found to mean, even if it means another one since. */
static int say_drive(struct exchange *x)
{
	return x->drive ? http_headers_add_number(&x->headers, HEADER_DRIVE, x->drive) : 0;
}

static void pass_on(struct exchange *x, int error, const struct upstream_fixed *hop)
{
	if (error < 0)
		proxy_exchange_fail(x, error == -ENOSPC ? -ERR_HEADERS_TOO_LARGE : error);
	else
		proxy_send(x, hop);
}

static void go_to_service(struct exchange *x)
{
	clear_fields(x);
	x->way = WAY_SERVICE;
	pass_on(x, say_drive(x), NULL);
}

static void go_here(struct exchange *x)
{
	if (proxy_block_answer(x) || proxy_content_answer(x))
		return;
	clear_fields(x);
	x->way = WAY_HERE;
	if (proxy_flight_board(x))
		return;
	int error = say_drive(x);
	if (error == 0 && x->where.held)
		error = http_headers_add_number(&x->headers, HEADER_EPOCH, x->where.epoch);
	if (error == 0 && x->where.held)
		error = proxy_fill_want(x);
	if (error == 0 && x->where.held)
		error = proxy_content_want(x);
	pass_on(x, error, NULL);
}

static void go_there(struct exchange *x)
{
	char peer[HTTP_PEER_SIZE], way[MEMBERSHIP_NAME_SIZE + LINE_NUMBER_SIZE];
	struct line line;
	const struct membership_gateway *home = &x->where.home;
	const struct upstream_fixed hop = {.url = home->hop_url, .peer = peer};

	clear_fields(x);
	x->way = WAY_HOP;
	line_begin(&line, peer, sizeof(peer));
	line_text(&line, "gateway/");
	line_text(&line, home->name);
	line_text(&line, "/");
	line_text(&line, home->boot);
	line_begin(&line, way, sizeof(way));
	line_number(&line, x->where.epoch);
	line_text(&line, " ");
	line_text(&line, x->proxy->with.name);
	int error = http_headers_add(&x->headers, HEADER_HOP, way);
	if (error == 0)
		error = say_drive(x);
	metric_inc(x->proxy->hops);
	pass_on(x, error, &hop);
}

/* The drive belongs to another gateway, and the gateway that has sent the request went by an older epoch, or by
 * the same one: the sender looks again. */
static void refuse(struct exchange *x)
{
	struct http_headers headers;

	http_headers_init(&headers);
	(void)http_headers_add(&headers, HEADER_HOME, x->where.home.url);
	(void)http_headers_add_number(&headers, HEADER_DRIVE, x->drive);
	http_respond_error_with(proxy_exchange_take_request(x, DONE), -ERR_NOT_HOME, NULL, &headers);
	http_headers_fini(&headers);
	proxy_exchange_release(x);
}

/* ---- waiting ---- */

static void on_look(struct keeper_waiter *waiter)
{
	struct exchange *x = (struct exchange *)((char *)waiter - offsetof(struct exchange, waiter));
	int why;

	if (proxy_exchange_is_over(x, &why))
		proxy_exchange_fail(x, why);
	else if (waiter->absent)
		go_to_service(x); /* the service says that there is no such drive */
	else
		proxy_home_send(x);
}

static void hold(struct exchange *x)
{
	const int64_t now_ns = clock_mono_ns();
	const bool first = x->held_since_ns == 0;
	int why;

	if (first) {
		x->held_since_ns = now_ns;
		metric_inc(x->proxy->held);
	}
	if (proxy_exchange_is_over(x, &why) || now_ns - x->held_since_ns > PROXY_HOME_WAIT_MS * NS_PER_MS) {
		if (why == -ERR_UNAVAILABLE)
			log_warning(x->trace, "%s %s: nobody has become the home of drive %" PRIu32 " in time",
				x->method, x->target.data, x->drive);
		proxy_exchange_fail(x, why);
		return;
	}
	pthread_mutex_lock(&x->lock);
	proxy_exchange_move(x, HELD);
	pthread_mutex_unlock(&x->lock);
	x->waiter.drive = x->drive;
	x->waiter.user = x->vouched ? KEEPER_VOUCHED : x->user;
	x->waiter.absent = false;
	x->waiter.look = on_look;
	if (!keeper_wait(x->proxy->with.keeper, &x->waiter))
		proxy_exchange_fail(x, -ERR_UNAVAILABLE);
}

bool proxy_home_await_service(struct exchange *x)
{
	if (!x->proxy->with.keeper || atomic_load(&x->proxy->draining) ||
		!registry_may_return(x->proxy->with.registry, x->kind, clock_mono_ns()))
		return false;
	proxy_flight_land(x, NULL, 0); /* its followers do the same, each for itself */
	hold(x);
	return true;
}

/* ---- a user's first drive ---- */

static int parse_first_drive(int error, struct http_response *response, uint32_t *ret)
{
	int64_t number = 0;

	if (error == 0 && response->status == 200)
		error = text_parse_id(buf_span(&response->body), INT32_MAX, &number);
	else if (error == 0)
		error = -ERR_UNAVAILABLE;
	*ret = (uint32_t)number;
	return error;
}

static void on_first_drive(void *cookie, int error, struct http_response *response)
{
	struct exchange *x = cookie;
	int why;

	error = parse_first_drive(error, response, &x->drive);
	if (error == 0)
		first_drives_put(x->proxy->first_drives, x->user, x->drive, x->asked_first_ns);
	if (proxy_exchange_is_over(x, &why))
		proxy_exchange_fail(x, why);
	else if (error < 0)
		proxy_exchange_fail(x, -ERR_UNAVAILABLE); /* not past the home: a read may see changes too early */
	else if (!proxy_hit_answer_held(x))
		proxy_home_send(x);
}

static void ask_first_drive(struct exchange *x)
{
	static const struct http_headers NONE;
	char target[64];
	struct upstream_call *call;

	(void)snprintf(target, sizeof(target), "/internal/v1/ring/home?user=%" PRId64, x->user);
	buf_reset(&x->question);
	int error = buf_append_str(&x->question, target);
	const struct upstream_options options = {
		.client = x->proxy->with.client,
		.registry = x->proxy->with.registry,
		.kind = REGISTRY_DOCS,
		.method = "GET",
		.target = x->question.data,
		.headers = &NONE,
		.repeatable = true,
		.reads = true,
		.response_max = FIRST_DRIVE_BYTES_MAX,
		.deadline_ms = KEEPER_CALL_MS,
		.stall_ms = KEEPER_CALL_MS,
		.first_byte_ms = KEEPER_CALL_MS / 2,
		.cookie = x,
		.done = on_first_drive,
	};
	pthread_mutex_lock(&x->lock);
	proxy_exchange_move(x, HELD);
	pthread_mutex_unlock(&x->lock);
	x->asked_first_ns = clock_boot_ns();
	if (error == 0)
		error = upstream_start(&options, &call);
	if (error < 0 && (error != -ERR_UNAVAILABLE || !proxy_home_await_service(x)))
		proxy_exchange_fail(x, -ERR_UNAVAILABLE);
}

/* ---- the way ---- */

/* The request came from another gateway. If that gateway went by a later epoch, or if no home is known here,
 * reads go to the services, and changes wait until this gateway has got the newer state of the ring. */
static void find_way_of_hopped(struct exchange *x)
{
	if (x->where.way == KEEPER_NOWHERE || x->hop_epoch > x->where.epoch)
		hold(x);
	else
		refuse(x);
}

static void find_way_there(struct exchange *x)
{
	const struct membership_gateway *home = &x->where.home;
	const bool reachable = home->hop_url[0] && !suspects_has(x->proxy->suspects, home->boot, clock_mono_ns());

	if (x->hopped)
		find_way_of_hopped(x);
	else if (reachable)
		go_there(x);
	else if (x->traits.reads && x->where.last)
		go_to_service(x);
	else
		hold(x);
}

static void find_way(struct exchange *x)
{
	if (!x->drive && x->about.first)
		x->drive = first_drives_get(x->proxy->first_drives, x->user, clock_boot_ns());
	if (!x->drive) {
		ask_first_drive(x);
		return;
	}
	/* The fence is taken before the look whether this gateway is the home: if the drive is given up in
	 * between, the answer is not kept. */
	if (x->proxy->with.cache)
		x->fill.sent = cache_fence(x->proxy->with.cache);
	keeper_place(x->proxy->with.keeper, x->drive, x->vouched ? KEEPER_VOUCHED : x->user, &x->where);
	switch (x->where.way) {
	case KEEPER_NO_RING:
		go_to_service(x);
		break;
	case KEEPER_HERE:
		if (x->traits.reads ? x->where.lease : x->where.held)
			go_here(x);
		else
			hold(x);
		break;
	case KEEPER_THERE:
		find_way_there(x);
		break;
	case KEEPER_NOWHERE:
		hold(x);
		break;
	}
}

void proxy_home_send(struct exchange *x)
{
	int error = x->streams ? 0 : proxy_exchange_ended(x);

	if (error == 0 && !x->streams && x->body_filled > 0 && !proxy_exchange_is_confirmed(x)) {
		proxy_begin_in_doubt(x); /* this calls proxy_home_send again */
		return;
	}
	if (error == 0 && x->place.amount == 0)
		error = proxy_exchange_take_place(x);
	if (error < 0)
		proxy_exchange_fail(x, error);
	else if (x->proxy->with.keeper && (x->about.first || x->drive))
		find_way(x);
	else
		proxy_send(x, NULL);
}

/* ---- the answer ---- */

/* A service says which drive the request is about: another drive has become the first one, or a document is
 * created in the drive of another user. */
static void learn_drive(struct exchange *x, const struct http_headers *headers)
{
	const char *text = http_headers_get(headers, HEADER_DRIVE);
	int64_t number = 0;

	if (!text || text_parse_id(span_str(text), INT32_MAX, &number) < 0 || (uint32_t)number == x->drive)
		return;
	x->drive = (uint32_t)number;
	x->vouched = false;
	x->corrections++;
	if (x->about.first)
		first_drives_forget(x->proxy->first_drives, x->user);
}

/* Whether the answer says where the drive stands: then the caller may see that drive. */
static bool is_told(const struct http_headers *headers)
{
	return http_headers_get(headers, HEADER_SEQ) || http_headers_get(headers, HEADER_TOUCHED);
}

/* A refusal tells that something is there, or is not. The list of version 1 is made of many reads, and has the
 * position of the first. A change of the drive itself is in no journal. */
static void note_answer(struct exchange *x, const struct http_response *head)
{
	const bool refused = head->status >= 400 && head->status < 500 && head->status != 401 && head->status != 429;
	const struct keeper_answer answer = {
		.touched = http_headers_get(&head->headers, HEADER_TOUCHED),
		.seq = http_headers_get(&head->headers, HEADER_SEQ),
		.timeline = http_headers_get(&head->headers, HEADER_TIMELINE),
		.told = (refused && !is_told(&head->headers)) || x->about.v1_list,
	};

	if (x->about.itself && !x->traits.reads)
		keeper_forget(x->proxy->with.keeper, x->drive);
	keeper_answered(x->proxy->with.keeper, x->drive, &answer);
}

void proxy_home_on_failure(struct exchange *x)
{
	if (x->way == WAY_HERE && x->about.itself && !x->traits.reads)
		keeper_forget(x->proxy->with.keeper, x->drive);
}

/* A read may have seen a change that only the present home has made, and that no other gateway has noted: such an
 * answer must not be passed on from here. That cannot be as long as this gateway was the home, and has its lease; or
 * as long as the ring could not go on without this gateway after a home that is gone. Call it after the answer was
 * noted. */
static bool has_moved(struct exchange *x)
{
	const struct keeper_place *then = &x->where;
	struct keeper_place now;

	if (!x->traits.reads || x->way == WAY_HOP || (x->way == WAY_SERVICE && then->way != KEEPER_THERE))
		return false;
	keeper_look(x->proxy->with.keeper, x->drive, x->user, &now);
	if (x->way == WAY_SERVICE)
		return !now.last || now.epoch != then->epoch;
	return now.way != KEEPER_HERE || !now.lease || (then->held && (!now.held || now.epoch != then->epoch));
}

/* The size of what is asked for, of which the answer may be a part; -1: it is not known. */
static int64_t whole_size(const struct exchange *x, const struct http_response *head)
{
	const char *range = http_headers_get(&head->headers, "Content-Range");
	const char *slash = range ? strrchr(range, '/') : NULL;
	uint64_t size;

	if (head->status == 200)
		return x->answer_length;
	return slash && text_parse_u64(span_str(slash + 1), INT64_MAX, &size) == 0 ? (int64_t)size : -1;
}

/* Whether this answer, or the one of which it is the head, a part, or the refusal of a condition, is of the kind that
 * is kept. A service states tags for the whole and its head only; and nothing but content and items has parts and
 * conditions. Blocks are not kept among answers. */
static bool could_be_kept(const struct exchange *x, const struct http_response *head)
{
	const bool partial = head->status == 206 || head->status == 412 || head->status == 416;

	if (x->way != WAY_HERE || !http_headers_get(&x->headers, HEADER_TAGS))
		return false;
	if (!http_headers_get(&head->headers, HEADER_TAGS) && (!partial || strncmp(x->about.below, "blocks/", 7) == 0))
		return false;
	return whole_size(x, head) <= (int64_t)SHARD_BODY_MAX || proxy_content_may_be_made(x);
}

static const char *forward_reason(const struct exchange *x, const struct http_response *head)
{
	if (strcmp(x->method, "GET") != 0 && strcmp(x->method, "HEAD") != 0)
		return "method";
	return could_be_kept(x, head) ? "miss" : "bypass";
}

/* Another gateway gives its URL in the form for members of the store: it is rewritten here for the client. */
static int say_home(struct exchange *x)
{
	const char *url = x->way == WAY_HERE ? x->where.home.url : http_headers_get(&x->answer_headers, HEADER_HOME);
	char home[TOLD_URL_SIZE];
	const char *told = url ? forward_headers_home(x->req, x->hopped, url, home) : NULL;

	if (!url || (x->way != WAY_HERE && told == url))
		return 0;
	return http_headers_set(&x->answer_headers, HEADER_HOME, told);
}

/* Every answer says which way it took, as that tells nothing about a drive that the caller may not see: whatever the
 * services say under this name is replaced. Where the home is, an answer about such a drive does not say. */
static int say_where(struct exchange *x, const struct http_response *head)
{
	const char *before = x->way == WAY_HOP ? http_headers_get(&x->answer_headers, HEADER_CACHE_STATUS) : NULL;
	const char *reason = forward_reason(x, head);
	const size_t size = before ? strnlen(before, CACHE_STATUS_SIZE / 2) : 0;
	char text[CACHE_STATUS_SIZE];
	struct line line;

	if (strcmp(reason, "miss") == 0 ||
		(strcmp(reason, "method") != 0 && before && cache_status_looked(before) &&
			strncmp(x->about.below, "blocks/", 7) != 0))
		proxy_hit_count(x, false);

	line_begin(&line, text, sizeof(text));
	line_span(&line, span_of(before, size));
	line_text(&line, before ? ", " : "");
	line_text(&line, x->proxy->said_name);
	line_text(&line, "; fwd=");
	line_text(&line, reason);
	line_text(&line, x->way == WAY_HOP ? "; detail=home" : "");
	int error = http_headers_set(&x->answer_headers, HEADER_CACHE_STATUS, text);

	return error < 0 || (x->way == WAY_HERE && !is_told(&head->headers)) ? error : say_home(x);
}

int proxy_home_on_head(struct exchange *x, const struct http_response *head)
{
	const bool of_docs = x->kind == REGISTRY_DOCS && x->proxy->with.keeper;

	if (head->status == 421 && of_docs) {
		x->misplaced = true;
		learn_drive(x, &head->headers);
		return 0;
	}
	if (!of_docs || !x->drive)
		return say_where(x, head);
	if (x->way == WAY_HERE)
		note_answer(x, head);
	if (x->way == WAY_HOP)
		proxy_validate_on_head(x, head);
	if (has_moved(x)) {
		x->moves++;
		x->misplaced = true;
		return 0;
	}
	if (x->way == WAY_HERE) {
		int error = proxy_content_on_head(x, head);

		if (error < 0)
			return error;
		proxy_fill_on_head(x, head);
		error = proxy_content_collect(x, head);
		if (error < 0)
			return error;
	}
	return say_where(x, head);
}

void proxy_home_say_kept(struct exchange *x)
{
	char text[CACHE_STATUS_SIZE];

	(void)snprintf(text, sizeof(text), "%s; fwd=miss; stored", x->proxy->said_name);
	if (!x->fill.kept)
		return;
	(void)http_headers_set(&x->answer_headers, HEADER_CACHE_STATUS, text);
	if (x->hopped)
		(void)http_headers_add_number(&x->answer_headers, HEADER_STAMP, x->fill.stamp);
}

/* An answer without a length may be made while it is sent, and tell of changes behind the position in its head.
 * If it lasts longer than this gateway is the home, it ends here: its client asks again. */
int proxy_home_on_data(struct exchange *x)
{
	static const struct keeper_answer TOLD = {.told = true};

	if (x->way != WAY_HERE || x->answer_length >= 0)
		return 0;
	keeper_answered(x->proxy->with.keeper, x->drive, &TOLD);
	return has_moved(x) ? -ECONNRESET : 0;
}

/* Whether the answer is a refusal that came whole, with this type of problem. */
static bool is_problem(const struct exchange *x, const char *type)
{
	return x->status == 409 && x->answer.size > 0 && memmem(x->answer.data, x->answer.size, type, strlen(type));
}

/* What a refusal says about the claim. If the client named an epoch of its own, by a lease or a floor, the
 * refusal may be due to that epoch. A change of another user's drive was sent without an epoch. A service looks at the
 * epoch only when it has found that the user may make the change: so the change is sent again by way of the home. */
static void judge_refusal(struct exchange *x)
{
	const bool own = !http_headers_get(&x->headers, HEADER_LEASE) && !http_headers_get(&x->headers, HEADER_FLOOR);
	const bool epoch = !x->traits.reads && is_problem(x, "/epoch-changed\"");

	if (x->way == WAY_HERE && is_problem(x, "/drive-trashed\"")) {
		keeper_forget(x->proxy->with.keeper, x->drive);
	} else if (x->way == WAY_HERE && epoch) {
		keeper_refused(x->proxy->with.keeper, x->drive, x->where.epoch);
		x->misplaced = own;
	} else if (x->way == WAY_SERVICE && epoch && own && !x->vouched) {
		x->vouched = x->misplaced = true;
		x->corrections++;
	}
}

/* absent: nobody listens there any more. A gateway that is slow, or cut an answer, goes on answering others
 * from memory: past it, a read could see more than that gateway has noted. */
static void note_failed_hop(struct exchange *x, bool absent)
{
	metric_inc(x->proxy->hop_failures);
	if (absent)
		suspects_add(x->proxy->suspects, x->where.home.boot, clock_mono_ns());
}

int proxy_home_leave(struct exchange *x, bool absent)
{
	if (x->way == WAY_HOP)
		note_failed_hop(x, absent);
	clear_fields(x);
	x->way = WAY_SERVICE;
	return say_drive(x);
}

/* A service was killed in the midst of its answer to a read, and nothing of the answer has been passed on yet:
 * another service may get the read. If a service is killed before its answer begins, upstream tries the next
 * one. */
static bool try_after_cut(struct exchange *x, int error, bool absent)
{
	if (!x->traits.reads || x->traits.poll || !absent || error != -ECONNRESET || x->rest.times >= PROXY_RESTS_MAX)
		return false;
	x->rest.times++;
	proxy_home_send(x);
	return true;
}

static bool try_after_failure(struct exchange *x, int error, bool absent)
{
	if (x->way != WAY_HOP)
		return try_after_cut(x, error, absent);
	note_failed_hop(x, absent);
	if (error != -ERR_UNAVAILABLE && !x->traits.repeatable)
		return false;
	if (x->traits.reads && absent && x->where.last) {
		go_to_service(x);
		return true;
	}
	x->sent_before += error != -ERR_UNAVAILABLE && !x->traits.reads;
	hold(x);
	return true;
}

bool proxy_home_try_again(struct exchange *x, int error, bool absent)
{
	if (x->kind != REGISTRY_DOCS || !x->proxy->with.keeper || !x->drive)
		return false;
	if (error == 0 && !x->misplaced)
		judge_refusal(x);
	if ((error == 0 && !x->misplaced) || (x->streams && x->pulled > 0) || x->corrections > CORRECTIONS_MAX)
		return false;
	if (!x->misplaced)
		return try_after_failure(x, error, absent);
	/* A service has named another drive, or the drive has moved: this looks again now. Else this gateway
	 * needs news of the ring first. */
	if (x->corrections > x->corrected || (x->moves > x->moved && x->moves <= MOVES_MAX)) {
		x->corrected = x->corrections;
		x->moved = x->moves;
		proxy_home_send(x);
	} else {
		hold(x);
	}
	return true;
}

bool proxy_home_is_lost(struct exchange *x)
{
	return !keeper_has_gateway(x->proxy->with.keeper, x->where.home.boot);
}
