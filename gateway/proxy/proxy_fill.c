/*
 * Keeps what services answered to a GET: status, fields except ours, and body; the whole answer, or that there
 * is nothing. Everything else (parts, refusals, answers without tags) is asked for each time. A large answer is
 * gathered before any of it is sent, so that other requests that wait for it do not wait for this client.
 *
 * An answer is kept when it says what it was made from; the number of its fence was taken before it was asked
 * for.
 */
#include "gateway/proxy/proxy_internal.h"

#include "common/base/clock.h"
#include "common/proto/headers.h"
#include "gateway/cache/shard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_read(const struct exchange *x)
{
	return strcmp(x->method, "GET") == 0 || strcmp(x->method, "HEAD") == 0;
}

/* An answer that could come from memory at this moment, if it were there, may also come from a standby of the
 * database that stands where the drive is known to stand. */
static int say_stand(struct exchange *x)
{
	const struct headers_stand stand = {x->where.incarnation, x->where.known, x->where.timeline};
	char text[HEADERS_STAND_SIZE];

	if (!x->where.serves || stand.timeline == 0 || stand.incarnation == 0)
		return 0;
	headers_stand_print(&stand, text);
	return http_headers_set(&x->headers, HEADER_STANDBY, text);
}

/* A service that is asked for tags gives a listing a length. So HEAD asks for tags, too, and gets the same head
 * as GET. */
int proxy_fill_want(struct exchange *x)
{
	if (!x->proxy->with.cache || x->traits.poll || !is_read(x))
		return 0;
	x->fill.wanted = strcmp(x->method, "GET") == 0;
	x->fill.asked_ns = clock_boot_ns();
	const int error = http_headers_set(&x->headers, HEADER_TAGS, HEADER_TAGS_WANTED);
	return error < 0 ? error : say_stand(x);
}

static bool is_kept_field(const char *name)
{
	if (strcmp(name, HEADER_CONTENT) == 0)
		return true; /* it says what kind of answer this is, here and wherever the answer is copied to */
	return strncasecmp(name, HEADER_OURS, strlen(HEADER_OURS)) != 0 && strcasecmp(name, HEADER_CACHE_STATUS) != 0;
}

int proxy_fill_write_head(const struct http_headers *headers, struct buf *ret)
{
	int error = 0;

	for (size_t i = 0; i < headers->count && error == 0; i++) {
		const struct http_header *field = &headers->list[i];

		if (!is_kept_field(field->name))
			continue;
		error = buf_append(ret, field->name, strlen(field->name) + 1);
		if (error == 0)
			error = buf_append(ret, field->value, strlen(field->value) + 1);
	}
	return error;
}

/* An answer that is larger than what is collected anyway takes room in its user's share of bodies, until it is
 * kept or given up. */
static bool take_room(struct exchange *x, int64_t length)
{
	struct share_claim *room = &x->fill.room;

	*room = (struct share_claim){.lane = SHARE_BODIES, .user = x->place.user, .amount = (uint64_t)length};
	if (length <= (int64_t)PROXY_ANSWER_BYTES)
		room->amount = 0;
	if (room->amount > 0 && under_way_take(x->proxy->under_way, room) < 0) {
		room->amount = 0;
		return false;
	}
	return true;
}

void proxy_fill_give_up(struct exchange *x)
{
	under_way_give_back(x->proxy->under_way, &x->fill.room);
	x->fill.room.amount = 0;
	answer_unref(x->fill.answer);
	free(x->fill.tags);
	x->fill.answer = NULL;
	x->fill.tags = NULL;
	x->fill.gathers = false;
}

static int make_fill(struct exchange *x, int status, const char *tags, int64_t seq)
{
	struct buf kept;

	buf_init(&kept, HEADER_BYTES_MAX);
	x->fill.tags = malloc(sizeof(*x->fill.tags));
	int error = x->fill.tags ? tag_list_parse(span_str(tags), x->fill.tags) : -ENOMEM;
	if (error == 0 && x->fill.tags->tags[0].id != x->drive)
		error = -EBADMSG; /* a change of this drive would not drop it */
	if (error == 0 && status == 200)
		error = proxy_fill_write_head(&x->answer_headers, &kept);
	if (error == 0) {
		x->fill.answer = answer_new(status, seq, buf_span(&kept), (size_t)x->answer_length);
		error = x->fill.answer ? 0 : -ENOMEM;
	}
	buf_fini(&kept);
	return error;
}

/* CACHE_KEPT: the answer is to be kept, as far as its head shows. */
static enum cache_verdict begin_fill(struct exchange *x, const struct http_response *head)
{
	const char *tags = http_headers_get(&head->headers, HEADER_TAGS);
	int64_t incarnation, seq;

	if (!tags || headers_position_parse(http_headers_get(&head->headers, HEADER_SEQ), &incarnation, &seq) < 0)
		return CACHE_NO_TAGS;
	if (incarnation != x->where.incarnation)
		return CACHE_OTHER_INCARNATION;
	if (x->answer_length < 0 || x->answer_length > (int64_t)SHARD_BODY_MAX)
		return CACHE_TOO_LARGE;
	if (!take_room(x, x->answer_length))
		return CACHE_NO_ROOM;
	const int error = make_fill(x, head->status, tags, seq);
	if (error == -EBADMSG)
		return CACHE_NO_TAGS;
	return error < 0 ? CACHE_NO_MEMORY : CACHE_KEPT;
}

/* Whether the answer is not kept because of what it is. Otherwise that is by chance: no room, an older incarnation, a
 * service that is in trouble. */
static bool is_never_kept(const struct exchange *x, const struct http_response *head)
{
	return (head->status == 200 || head->status == 404) &&
		(!http_headers_get(&head->headers, HEADER_TAGS) || x->answer_length < 0 ||
			x->answer_length > (int64_t)SHARD_BODY_MAX);
}

void proxy_fill_on_head(struct exchange *x, const struct http_response *head)
{
	if (!x->fill.wanted)
		return;
	x->fill.wanted = false;
	/* Anything else is no answer that could be kept: a part, a refusal, or that nothing has changed. */
	const bool whole = head->status == 200 || head->status == 404;
	const enum cache_verdict verdict = whole ? begin_fill(x, head) : CACHE_VERDICTS;
	if (whole && verdict != CACHE_KEPT)
		cache_refuse(x->proxy->with.cache, verdict);
	if (verdict != CACHE_KEPT) {
		proxy_fill_give_up(x);
		if (is_never_kept(x, head))
			proxy_flight_part(x);
		else
			proxy_flight_leave_alone(x);
		return;
	}
	x->fill.gathers = head->status == 200 && !x->content.comes && x->answer_length > (int64_t)PROXY_ANSWER_BYTES;
}

int proxy_fill_on_data(struct exchange *x, struct span bytes)
{
	int error = x->fill.answer ? answer_append(x->fill.answer, bytes) : 0;

	if (error == 0 || x->fill.gathers)
		return error;
	proxy_fill_give_up(x);
	return 0;
}

/* The service must get the same Accept as the key has, by which the next request is looked up. */
bool proxy_fill_key(const struct exchange *x, struct kept_key *ret)
{
	const char *sent = http_headers_get(&x->headers, "Accept"), *came = http_request_header(x->req, "Accept");

	return strcmp(sent ? sent : "", came ? came : "") == 0 &&
		kept_key_make(ret, x->user, x->drive, came, x->target.data);
}

static void keep(struct exchange *x)
{
	struct kept_key key;

	if (!proxy_fill_key(x, &key))
		return;
	const struct cache_fill fill = {
		.key = span_of(key.text, key.size),
		.user = x->user,
		.answer = x->fill.answer,
		.tags = x->fill.tags,
		.sent = x->fill.sent,
		.asked_ns = x->fill.asked_ns,
	};

	x->fill.kept = cache_put(x->proxy->with.cache, &fill) == CACHE_KEPT;
	x->fill.stamp = x->fill.kept ? answer_stamp(x->fill.answer) : 0;
}

/* An answer that comes too late to be kept still does for the requests that came before it was too late. */
void proxy_fill_on_end(struct exchange *x, bool complete)
{
	if (x->fill.answer && (!complete || (int64_t)answer_body(x->fill.answer).size != x->answer_length))
		proxy_fill_give_up(x);
	if (x->fill.answer)
		keep(x);
	/* Where long content lies is an answer for no client: a follower finds it in memory, or asks on its own. */
	if (x->fill.answer && proxy_content_is(x->fill.answer))
		proxy_flight_leave_alone(x);
	else
		proxy_flight_land(x, x->fill.answer, x->fill.answer ? answer_seq(x->fill.answer) : 0);
	if (!x->fill.gathers)
		proxy_fill_give_up(x);
}

void proxy_fill_respond(struct exchange *x, struct http_request *req)
{
	struct kept_reply reply = {
		.req = req,
		.answer = x->fill.answer,
		.incarnation = x->where.incarnation,
		.seq = answer_seq(x->fill.answer),
		.under_way = x->proxy->under_way,
		.room = x->fill.room,
	};

	x->fill.room.amount = 0; /* moved to reply */
	kept_reply_send_whole(&reply, &x->answer_headers);
	under_way_give_back(x->proxy->under_way, &reply.room);
}
