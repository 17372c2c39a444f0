/*
 * Answers from memory: to a plain GET what is kept (proxy_fill.c), and from that also to HEAD and to If-None-Match.
 *
 * A request is answered from memory when this gateway is the drive's home, has a lease, has followed the drive, and
 * keeps the answer under this user, drive, target and Accept: an answer is only ever repeated to whom it was given. The
 * position that it says is that up to which the drive was followed, as the answer is true there.
 */
#include "gateway/proxy/proxy_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/line.h"
#include "common/base/text.h"
#include "common/proto/compact.h"
#include "common/proto/headers.h"
#include "gateway/access/hop.h"
#include "gateway/proxy/kept_key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_HEAD_SIZE 32 /* of a page in a compact form: the position is in it */

struct hit {
	struct http_request *req;
	const struct proxy *proxy;
	struct answer *answer;
	struct keeper_place at;
	struct http_headers headers;
	struct share_claim room; /* that a large body takes while it is sent */
};

/* Up to which it is known to be true. */
static int64_t position_of(const struct hit *hit)
{
	const int64_t saw = answer_seq(hit->answer);

	return saw > hit->at.seq ? saw : hit->at.seq;
}

/* As the services compare: a weak one is as good as a strong one. */
static bool tag_is_listed(const char *list, const char *etag)
{
	const size_t size = strlen(etag);

	while (*list) {
		list += strspn(list, " \t,");
		if (strncmp(list, "W/", 2) == 0)
			list += 2;
		if (*list == '*')
			return true;
		if (strncmp(list, etag, size) == 0 && strchr(" \t,", list[size]))
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

static bool is_unchanged(const struct hit *hit)
{
	const char *wanted = http_request_header(hit->req, "If-None-Match");
	const char *etag = http_headers_get(&hit->headers, "ETag");

	return wanted && etag && answer_status(hit->answer) == 200 &&
		tag_is_listed(wanted, strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag);
}

static int say_hit(struct hit *hit)
{
	char text[HOME_STATUS_SIZE];
	struct line line;

	line_begin(&line, text, sizeof(text));
	line_text(&line, hit->proxy->with.name);
	line_text(&line, "; hit");
	return http_headers_add(&hit->headers, HEADER_CACHE_STATUS, text);
}

/* Fields as they were kept, NAME NUL VALUE NUL each; then ours. */
static int read_head(struct hit *hit)
{
	struct span head = answer_head(hit->answer);
	char position[HEADERS_VALUE_SIZE];
	size_t at = 0;
	int error = 0;

	while (error == 0 && at < head.size) {
		const char *name = head.data + at, *value = name + strlen(name) + 1;

		error = http_headers_add(&hit->headers, name, value);
		at = (size_t)(value - head.data) + strlen(value) + 1;
	}
	headers_position_print(hit->at.incarnation, position_of(hit), position);
	if (error == 0)
		error = http_headers_add(&hit->headers, HEADER_SEQ, position);
	if (error == 0)
		error = http_headers_add(&hit->headers, HEADER_HOME, hit->at.home.url);
	if (error == 0)
		error = say_hit(hit);
	return error;
}

/* What is large is not copied for each who reads it, but its reader may hold it in memory after it has fallen out: that
 * counts as his. */
struct sending {
	struct under_way *under_way;
	struct share_claim room;
	struct answer *answer;
	size_t sent;
	size_t head_size;
	char head[PAGE_HEAD_SIZE]; /* instead of the first bytes */
};

static int sending_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct sending *s = cookie;
	const struct span body = answer_body(s->answer);
	const bool in_head = s->sent < s->head_size;
	const size_t left = (in_head ? s->head_size : body.size) - s->sent;

	*ret_size = size < left ? size : left;
	memcpy(data, (in_head ? s->head : body.data) + s->sent, *ret_size);
	s->sent += *ret_size;
	return 0;
}

static void sending_free(struct sending *s)
{
	under_way_give_back(s->under_way, &s->room);
	answer_unref(s->answer);
	free(s);
}

static void sending_done(void *cookie, bool complete)
{
	(void)complete;
	sending_free(cookie);
}

static const struct http_stream_ops SENDING = {.pull = sending_pull, .done = sending_done};

/* A page in a compact form says in its head which position it saw. */
static size_t make_head(const struct hit *hit, char ret[PAGE_HEAD_SIZE])
{
	static const char COMPACT[] = "application/vnd.nephos.";
	const char *type = http_headers_get(&hit->headers, "Content-Type");
	const struct span body = answer_body(hit->answer);
	const size_t size = body.size < PAGE_HEAD_SIZE ? body.size : PAGE_HEAD_SIZE;

	if (!type || strncmp(type, COMPACT, sizeof(COMPACT) - 1) != 0)
		return 0;
	memcpy(ret, body.data, size);
	return compact_head_set_position(ret, size, hit->at.incarnation, position_of(hit)) == 0 ? size : 0;
}

static void send_body(struct hit *hit)
{
	const struct span body = answer_body(hit->answer);
	char head[PAGE_HEAD_SIZE];
	const size_t head_size = make_head(hit, head);

	if (body.size <= PROXY_ANSWER_BYTES && head_size == 0) {
		http_respond(hit->req, 200, &hit->headers, body);
		return;
	}
	struct sending *s = calloc(1, sizeof(*s));
	if (!s) {
		http_respond_error(hit->req, -ENOMEM, NULL);
		return;
	}
	memcpy(s->head, head, head_size);
	s->head_size = head_size;
	s->under_way = hit->proxy->under_way;
	s->room = hit->room;
	hit->room.amount = 0; /* moved */
	s->answer = answer_ref(hit->answer);
	http_respond_stream(hit->req, 200, &hit->headers, (int64_t)body.size, &SENDING, s, NULL);
}

static void send_hit(struct hit *hit)
{
	const uint64_t size = answer_body(hit->answer).size;

	if (answer_status(hit->answer) == 404)
		http_respond_error_with(hit->req, -ERR_NOT_FOUND, NULL, &hit->headers);
	else if (is_unchanged(hit))
		http_respond_length(hit->req, 304, &hit->headers, size);
	else if (strcmp(http_request_method(hit->req), "HEAD") == 0)
		http_respond_length(hit->req, 200, &hit->headers, size);
	else
		send_body(hit);
}

/* The drive, as far as it is known without asking; 0: it is not. */
static uint32_t known_drive(const struct proxy *p, const struct http_request *req, int64_t user)
{
	const struct drive_ref about = drive_ref_find(http_request_target(req));
	const char *hopped = http_request_header(req, HEADER_DRIVE), *name;
	int64_t number = 0;

	if (hop_of(req, &number, &name))
		return hopped && text_parse_id(span_str(hopped), INT32_MAX, &number) == 0 ? (uint32_t)number : 0;
	return about.first ? first_drives_get(p->first_drives, user, clock_boot_ns()) : about.drive;
}

static bool reaches_floor(const struct http_request *req, const struct keeper_place *at)
{
	const char *floor = http_request_header(req, HEADER_FLOOR);
	int64_t incarnation, seq;

	if (!floor)
		return true;
	return headers_position_parse(floor, &incarnation, &seq) == 0 && incarnation == at->incarnation &&
		seq <= at->seq;
}

/* false: this user has no more room for answers that he reads slowly; a service's is bounded otherwise. */
static bool take_sending_room(struct hit *hit, int64_t user)
{
	const size_t size = answer_body(hit->answer).size;

	if (size <= PROXY_ANSWER_BYTES)
		return true;
	hit->room = (struct share_claim){.lane = SHARE_BODIES, .user = user, .amount = size};
	return under_way_take(hit->proxy->under_way, &hit->room) == 0;
}

/* The answer, and where it is known to be true; false: it is to be asked. */
static bool find(struct hit *hit, int64_t user, uint32_t drive)
{
	struct http_request *req = hit->req;
	const char *target = http_request_target(req);
	struct kept_key key;

	if (!kept_key_make(&key, user, drive, http_request_header(req, "Accept"), target))
		return false;
	keeper_look(hit->proxy->with.keeper, drive, user, &hit->at);
	if (hit->at.way != KEEPER_HERE || !hit->at.serves || !reaches_floor(req, &hit->at))
		return false;
	hit->answer =
		cache_get(hit->proxy->with.cache, kept_key_kind(target), span_of(key.text, key.size), clock_boot_ns());
	if (hit->answer && !take_sending_room(hit, user)) {
		answer_unref(hit->answer);
		hit->answer = NULL;
	}
	return hit->answer != NULL;
}

static void respond(struct hit *hit)
{
	http_headers_init(&hit->headers);
	if (read_head(hit) < 0)
		http_respond_error(hit->req, -ENOMEM, NULL);
	else
		send_hit(hit);
	http_headers_fini(&hit->headers);
	under_way_give_back(hit->proxy->under_way, &hit->room);
	answer_unref(hit->answer);
}

bool proxy_hit_answer(struct proxy *p, struct http_request *req)
{
	const struct token_identity *identity = auth_identity(req);
	struct hit hit = {.req = req, .proxy = p};

	if (!p->with.cache || !identity || !proxy_fill_may_keep(req))
		return false;
	const uint32_t drive = known_drive(p, req, identity->user);
	if (!drive || auth_may_have_ended(p->with.auth, identity, auth_token(req)) ||
		!find(&hit, identity->user, drive))
		return false;
	respond(&hit);
	return true;
}

bool proxy_hit_answer_held(struct exchange *x)
{
	struct hit hit = {.req = x->req, .proxy = x->proxy};

	if (!x->proxy->with.cache || !x->traits.reads || x->traits.poll || !proxy_fill_may_keep(x->req) ||
		!find(&hit, x->user, x->drive))
		return false;
	hit.req = proxy_exchange_take_request(x, DONE);
	respond(&hit);
	proxy_exchange_release(x);
	return true;
}
