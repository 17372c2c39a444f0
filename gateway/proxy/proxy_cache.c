/*
 * Answers from memory. What is kept is the answer of a service to a plain GET: its status, its fields but for ours,
 * its body. From that are also made the answers to HEAD and to If-None-Match. Everything else (parts, other conditions,
 * what has no tags) is asked for each time.
 *
 * A request is answered from memory when this gateway is the drive's home, has a lease, has followed the drive, and
 * keeps the answer under this user, drive, target and Accept: an answer is only ever repeated to whom it was given. The
 * position that it says is that up to which the drive was followed, as the answer is true there.
 *
 * An answer is kept when it says what it was made from; the number of its fence was taken before it was asked for.
 */
#include "gateway/proxy/proxy_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/proto/compact.h"
#include "common/proto/headers.h"
#include "gateway/access/hop.h"
#include "gateway/cache/shard.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEY_SIZE 2048 /* of longer targets nothing is kept: a path of a dozen long names */

#define PAGE_HEAD_SIZE 32 /* of a page in a compact form: the position is in it */

/* ---- keys ---- */

struct key {
	size_t size;
	char text[KEY_SIZE];
};

/* Conditions and ranges that only a service understands. */
static const char *const BEYOND[] = {"Range", "If-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"};

static bool make_key(struct key *key, int64_t user, uint32_t drive, const char *accept, const char *target)
{
	const int size = snprintf(key->text, sizeof(key->text), "%" PRId64 " %" PRIu32 " %s\n%s", user, drive,
		accept ? accept : "", target);

	key->size = size > 0 ? (size_t)size : 0;
	return size > 0 && (size_t)size < sizeof(key->text);
}

static enum cache_kind kind_of(const char *target)
{
	static const struct {
		const char *end;
		enum cache_kind kind;
	} ENDS[] = {{"/children", CACHE_LISTING}, {"/content", CACHE_CONTENT}, {"/extents", CACHE_EXTENTS},
		{"/xattrs", CACHE_XATTRS}};
	const size_t path = strcspn(target, "?");

	for (size_t i = 0; i < sizeof(ENDS) / sizeof(ENDS[0]); i++) {
		const size_t size = strlen(ENDS[i].end);

		if (path >= size && strncmp(target + path - size, ENDS[i].end, size) == 0)
			return ENDS[i].kind;
	}
	return strstr(target, "/files/") ? CACHE_CONTENT : CACHE_ITEM;
}

/* ---- a hit ---- */

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
		error = http_headers_addf(&hit->headers, HEADER_CACHE_STATUS, "%s; hit", hit->proxy->with.name);
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

static bool may_be_kept(const struct http_request *req)
{
	const char *method = http_request_method(req);

	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return false;
	for (size_t i = 0; i < sizeof(BEYOND) / sizeof(BEYOND[0]); i++)
		if (http_request_header(req, BEYOND[i]))
			return false;
	return true;
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
	struct key key;

	if (!make_key(&key, user, drive, http_request_header(req, "Accept"), target))
		return false;
	keeper_look(hit->proxy->with.keeper, drive, user, &hit->at);
	if (hit->at.way != KEEPER_HERE || !hit->at.serves || !reaches_floor(req, &hit->at))
		return false;
	hit->answer = cache_get(hit->proxy->with.cache, kind_of(target), span_of(key.text, key.size), clock_boot_ns());
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

bool proxy_cache_answer(struct proxy *p, struct http_request *req)
{
	const struct token_identity *identity = auth_identity(req);
	struct hit hit = {.req = req, .proxy = p};

	if (!p->with.cache || !identity || !may_be_kept(req))
		return false;
	const uint32_t drive = known_drive(p, req, identity->user);
	if (!drive || auth_may_have_ended(p->with.auth, identity, auth_token(req)) ||
		!find(&hit, identity->user, drive))
		return false;
	respond(&hit);
	return true;
}

bool proxy_cache_answer_held(struct exchange *x)
{
	struct hit hit = {.req = x->req, .proxy = x->proxy};

	if (!x->proxy->with.cache || !x->traits.reads || x->traits.poll || !may_be_kept(x->req) ||
		!find(&hit, x->user, x->drive))
		return false;
	hit.req = proxy_exchange_take_request(x, DONE);
	respond(&hit);
	proxy_exchange_release(x);
	return true;
}

/* ---- a fill ---- */

/* A service that is asked for tags gives a listing a length; so HEAD asks for them, too, and says the same as GET. */
int proxy_cache_want(struct exchange *x)
{
	const bool gets = strcmp(x->method, "GET") == 0;

	if (!x->proxy->with.cache || x->traits.poll || !may_be_kept(x->req))
		return 0;
	x->fill.wanted = gets && !http_request_header(x->req, "If-None-Match");
	x->fill.sent = cache_fence(x->proxy->with.cache);
	x->fill.asked_ns = clock_boot_ns();
	return http_headers_set(&x->headers, HEADER_TAGS, HEADER_TAGS_WANTED);
}

static bool is_kept_field(const char *name)
{
	return strncasecmp(name, HEADER_OURS, strlen(HEADER_OURS)) != 0 && strcasecmp(name, HEADER_CACHE_STATUS) != 0;
}

static int write_head(const struct http_headers *headers, struct buf *ret)
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

/* What is larger than what is collected anyway takes its user's share of bodies until it is kept or not. */
static bool take_room(struct exchange *x, int64_t length)
{
	struct share_claim *room = &x->fill.room;

	if (length < 0 || length > (int64_t)SHARD_BODY_MAX)
		return false;
	*room = (struct share_claim){.lane = SHARE_BODIES, .user = x->place.user, .amount = (uint64_t)length};
	if (length <= (int64_t)PROXY_ANSWER_BYTES)
		room->amount = 0;
	if (room->amount > 0 && under_way_take(x->proxy->under_way, room) < 0) {
		room->amount = 0;
		return false;
	}
	return true;
}

static void give_up(struct exchange *x)
{
	under_way_give_back(x->proxy->under_way, &x->fill.room);
	x->fill.room.amount = 0;
	answer_unref(x->fill.answer);
	free(x->fill.tags);
	x->fill.answer = NULL;
	x->fill.tags = NULL;
	x->fill.wanted = false;
}

static int begin_fill(struct exchange *x, const struct http_response *head)
{
	const char *tags = http_headers_get(&head->headers, HEADER_TAGS);
	int64_t incarnation, seq;
	struct buf kept;
	int error = (head->status == 200 || head->status == 404) && tags ? 0 : -ENOENT;

	if (error == 0)
		error = headers_position_parse(http_headers_get(&head->headers, HEADER_SEQ), &incarnation, &seq);
	if (error < 0 || incarnation != x->where.incarnation || !take_room(x, x->answer_length))
		return -ENOENT;
	buf_init(&kept, HEADER_BYTES_MAX);
	x->fill.tags = malloc(sizeof(*x->fill.tags));
	error = x->fill.tags ? tag_list_parse(span_str(tags), x->fill.tags) : -ENOMEM;
	if (error == 0 && x->fill.tags->tags[0].id != x->drive)
		error = -EBADMSG; /* what touches this drive would not drop it */
	if (error == 0 && head->status == 200)
		error = write_head(&x->answer_headers, &kept);
	if (error == 0) {
		x->fill.answer = answer_new(head->status, seq, buf_span(&kept), (size_t)x->answer_length);
		error = x->fill.answer ? 0 : -ENOMEM;
	}
	buf_fini(&kept);
	return error;
}

void proxy_cache_on_head(struct exchange *x, const struct http_response *head)
{
	if (x->fill.wanted && begin_fill(x, head) < 0)
		give_up(x);
}

void proxy_cache_on_data(struct exchange *x, struct span bytes)
{
	if (x->fill.answer && answer_append(x->fill.answer, bytes) < 0)
		give_up(x);
}

void proxy_cache_on_end(struct exchange *x, bool complete)
{
	struct key key;

	if (!x->fill.answer)
		return;
	if (complete && (int64_t)answer_body(x->fill.answer).size == x->answer_length &&
		make_key(&key, x->user, x->drive, http_headers_get(&x->headers, "Accept"), x->target.data)) {
		const struct cache_fill fill = {
			.key = span_of(key.text, key.size),
			.user = x->user,
			.answer = x->fill.answer,
			.tags = x->fill.tags,
			.sent = x->fill.sent,
			.asked_ns = x->fill.asked_ns,
		};

		x->fill.kept = cache_put(x->proxy->with.cache, &fill) == CACHE_KEPT;
	}
	give_up(x);
}
