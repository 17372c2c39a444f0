/*
 * Answers from memory. A plain GET gets the answer that is kept (proxy_fill.c); HEAD, conditions and Range are
 * answered from that answer, too (kept_reply.h).
 *
 * A request is answered from memory at once when this gateway is the drive's home, has a lease, has followed
 * the drive, and keeps the answer under this user, drive, target and Accept: an answer is only ever repeated to
 * the user that it was given to. The reply names the position up to which the drive was followed, as the answer
 * is true there. An answer of another home that is kept here is given when that home has said that it still
 * would give it (proxy_validate.c).
 */
#include "gateway/proxy/proxy_internal.h"

#include "common/base/clock.h"
#include "common/base/line.h"
#include "common/base/text.h"
#include "common/proto/headers.h"
#include "gateway/access/hop.h"

#include <string.h>

struct hit {
	const struct proxy *proxy;
	struct kept_reply reply;
	struct keeper_place at;
	const char *home_url;
};

/* The drive, if it is known without asking; 0: it is not. */
static uint32_t known_drive(const struct proxy *p, const struct http_request *req, int64_t user, bool *ret_hopped)
{
	const struct drive_ref about = drive_ref_find(http_request_target(req));
	const char *hopped = http_request_header(req, HEADER_DRIVE), *name;
	int64_t number = 0;

	*ret_hopped = hop_of(req, &number, &name);
	if (*ret_hopped)
		return hopped && text_parse_id(span_str(hopped), INT32_MAX, &number) == 0 ? (uint32_t)number : 0;
	return about.first ? first_drives_get(p->first_drives, user, clock_boot_ns()) : about.drive;
}

/* The docs service answers 400 to a session that is no number, whatever is asked for. */
bool proxy_hit_may_answer(const char *session)
{
	uint64_t number;

	return !session || text_parse_u64(span_str(session), INT64_MAX, &number) == 0;
}

/* Whether an answer that is true at that position is new enough for this request. */
static bool reaches_floor(const struct http_request *req, int64_t incarnation, int64_t seq)
{
	const char *text = http_request_header(req, HEADER_FLOOR);
	int64_t life, floor;

	if (!proxy_hit_may_answer(http_request_header(req, HEADER_SESSION)))
		return false;
	return !text || (headers_position_parse(text, &life, &floor) == 0 && life == incarnation && floor <= seq);
}

/* Takes room for a large body; false: this user has no more room for answers that he reads slowly. An answer of
 * a service is bounded in another way. */
static bool take_sending_room(struct kept_reply *reply, int64_t user)
{
	const size_t size = answer_body(reply->answer).size;

	if (size <= KEPT_REPLY_COPIED_BYTES)
		return true;
	reply->room = (struct share_claim){.lane = SHARE_BODIES, .user = user, .amount = size};
	if (under_way_take(reply->under_way, &reply->room) == 0)
		return true;
	reply->room.amount = 0;
	return false;
}

/* Whether this answer, which is true at the reply's position, can answer the request. Takes over the reference
 * to the answer; false: it has dropped the reference. */
static bool take(struct hit *hit, struct answer *answer, int64_t user)
{
	struct kept_reply *reply = &hit->reply;

	reply->answer = answer;
	reply->under_way = hit->proxy->under_way;
	if (kept_reply_judge(reply, clock_real_ns()) == 0 && take_sending_room(reply, user))
		return true;
	answer_unref(answer);
	return false;
}

/* The same, for an answer that is kept here, or was just asked for. */
static bool take_own(struct hit *hit, struct answer *answer, int64_t user)
{
	const int64_t saw = answer_seq(answer);

	hit->home_url = hit->at.home.url;
	hit->reply.incarnation = hit->at.incarnation;
	hit->reply.seq = saw > hit->at.seq ? saw : hit->at.seq;
	return take(hit, answer, user);
}

/* Finds the answer, and the position at which it is known to be true; false: it must be asked for. again: this
 * request has looked before. */
static bool find(struct hit *hit, int64_t user, uint32_t drive, bool again)
{
	const struct http_request *req = hit->reply.req;
	struct cache *cache = hit->proxy->with.cache;
	const char *target = http_request_target(req);
	const int64_t now_ns = clock_boot_ns();
	struct kept_key key;

	keeper_look(hit->proxy->with.keeper, drive, user, &hit->at);
	if (hit->at.way != KEEPER_HERE || !hit->at.serves || !reaches_floor(req, hit->at.incarnation, hit->at.seq))
		return false;
	if (!kept_key_make(&key, user, drive, http_request_header(req, "Accept"), target))
		return false;
	const struct span text = span_of(key.text, key.size);
	struct answer *answer = again ? cache_peek(cache, text, now_ns) : cache_get(cache, text, now_ns);
	/* An answer that says where content lies goes to no client: the exchange handles it (proxy_content.c). */
	if (answer && proxy_content_is(answer)) {
		answer_unref(answer);
		return false;
	}
	return answer && take_own(hit, answer, user);
}

/* first: the Cache-Status entry that the home would have written before this gateway's; may be empty. */
static void respond(struct hit *hit, const char *first, const char *how)
{
	char status[CACHE_STATUS_SIZE];
	struct line line;

	line_begin(&line, status, sizeof(status));
	line_text(&line, first);
	line_text(&line, hit->proxy->said_name);
	line_text(&line, "; ");
	line_text(&line, how);
	hit->reply.home = hit->home_url;
	hit->reply.hopped = hit->reply.for_gateway;
	hit->reply.cache_status = status;
	kept_reply_send(&hit->reply);
	under_way_give_back(hit->proxy->under_way, &hit->reply.room);
	answer_unref(hit->reply.answer);
}

static void respond_held(struct hit *hit, struct exchange *x, const char *how)
{
	hit->reply.req = proxy_exchange_take_request(x, DONE);
	hit->reply.for_gateway = x->hopped;
	respond(hit, "", how);
	proxy_exchange_release(x);
}

static bool is_read(const struct http_request *req)
{
	const char *method = http_request_method(req);

	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

void proxy_hit_count(struct exchange *x, bool from_memory)
{
	if (!x->counted && x->proxy->with.cache)
		cache_note(x->proxy->with.cache,
			x->where.way == KEEPER_THERE ? CACHE_OTHERS : kept_key_kind(x->target.data), from_memory);
	x->counted = true;
}

bool proxy_hit_answer(struct proxy *p, struct http_request *req)
{
	const struct token_identity *identity = auth_identity(req);
	struct hit hit = {.proxy = p, .reply = {.req = req}};

	if (!p->with.cache || !identity || !is_read(req))
		return false;
	const uint32_t drive = known_drive(p, req, identity->user, &hit.reply.for_gateway);
	if (!drive || auth_may_have_ended(p->with.auth, identity, auth_token(req)))
		return false;
	if (find(&hit, identity->user, drive, false)) {
		cache_note(p->with.cache, kept_key_kind(http_request_target(req)), true);
		respond(&hit, "", "hit");
		return true;
	}
	return hit.at.way == KEEPER_THERE && !hit.reply.for_gateway && proxy_validate_ask(p, req, drive, &hit.at.home);
}

bool proxy_hit_answer_validated(struct proxy *p, struct http_request *req, const struct proxy_validated *validated)
{
	const struct token_identity *identity = auth_identity(req);
	struct hit hit = {.proxy = p, .reply = {.req = req}};
	char name[CACHE_STATUS_NAME_SIZE], home[CACHE_STATUS_NAME_SIZE + sizeof("; hit, ")];
	struct line line;

	hit.home_url = validated->home_url;
	hit.reply.incarnation = validated->incarnation;
	hit.reply.seq = validated->seq;
	if (auth_may_have_ended(p->with.auth, identity, auth_token(req)) ||
		!reaches_floor(req, validated->incarnation, validated->seq) ||
		!take(&hit, answer_ref(validated->answer), identity->user))
		return false;
	cache_note(p->with.cache, CACHE_OTHERS, true);
	cache_status_name(validated->home_name, name);
	line_begin(&line, home, sizeof(home));
	line_text(&line, name);
	line_text(&line, "; hit, ");
	respond(&hit, home, "fwd=stale; fwd-status=304; detail=home");
	return true;
}

bool proxy_hit_answer_held(struct exchange *x)
{
	struct hit hit = {.proxy = x->proxy, .reply = {.req = x->req}};

	if (!x->proxy->with.cache || !x->traits.reads || x->traits.poll || !is_read(x->req) ||
		!find(&hit, x->user, x->drive, false))
		return false;
	proxy_hit_count(x, true);
	respond_held(&hit, x, "hit");
	return true;
}

bool proxy_hit_answer_again(struct exchange *x)
{
	struct hit hit = {.proxy = x->proxy, .reply = {.req = x->req}};

	if (!find(&hit, x->user, x->drive, true))
		return false;
	/* The answer is known to be true where the drive is now, however long ago it was made. */
	proxy_flight_land(x, hit.reply.answer, hit.reply.seq);
	proxy_hit_count(x, true);
	respond_held(&hit, x, "hit");
	return true;
}

bool proxy_hit_answer_by(struct exchange *x, struct answer *answer, const struct keeper_place *at)
{
	struct hit hit = {.proxy = x->proxy, .reply = {.req = x->req}, .at = *at};

	if (!take_own(&hit, answer_ref(answer), x->user))
		return false;
	proxy_hit_count(x, false);
	respond_held(&hit, x, "fwd=miss; collapsed");
	return true;
}
