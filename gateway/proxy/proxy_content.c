/*
 * Content that is longer than what is kept as one answer. The docs service is asked for such content in a form
 * that says where its bytes lie (Nephos-Content), with the fields that the content itself would have come with.
 * This form is an answer as any other: it is kept under its user's key with its tags, and is no staler than
 * others. From it the gateway makes what the client gets: the whole content or parts of it, HEAD and 304 as
 * well, from blocks (gateway/content), in constant memory.
 *
 * A long document of version 1 is content as well: its text, which is sent as a string within JSON.
 *
 * No client gets an answer in that form. When the gateway cannot make use of it, for example as the user has no
 * room left for what he reads, the content is asked for as it is.
 */
#include "gateway/proxy/proxy_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/proto/headers.h"
#include "gateway/cache/shard.h"
#include "gateway/proxy/kept_key.h"
#include "gateway/proxy/kept_reply.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool proxy_content_may_be_made(const struct exchange *x)
{
	const bool reads = strcmp(x->method, "GET") == 0 || strcmp(x->method, "HEAD") == 0;

	return x->proxy->with.blocks && block_source_keeps(x->proxy->with.blocks) && reads && !x->content.refused &&
		(kept_key_kind(x->target.data) == CACHE_CONTENT || kept_key_is_text(x->target.data));
}

/* ---- what is kept ---- */

bool proxy_content_is(const struct answer *answer)
{
	return answer_status(answer) == 200 && kept_reply_field(answer, HEADER_CONTENT) != NULL;
}

/* ---- one answer to a client ---- */

struct making {
	struct exchange *x;
	struct answer *page;
	struct span extents; /* the list of extents in the page, of content of `size` bytes … */
	int64_t size;
	bool is_text; /* … that is sent as a text within JSON */
	struct text_page text;
	struct kept_reply reply;
	struct http_headers headers;
	char status[CACHE_STATUS_SIZE];
};

static const char *cache_status(const struct exchange *x)
{
	if (!x->content.asked)
		return "hit";
	return x->fill.kept ? "fwd=miss; stored" : "fwd=miss";
}

static void make_reply(struct making *m)
{
	const struct exchange *x = m->x;
	const int64_t saw = answer_seq(m->page);

	(void)snprintf(m->status, sizeof(m->status), "%s; %s", x->proxy->said_name, cache_status(x));
	m->reply = (struct kept_reply){
		.req = x->req,
		.answer = m->page,
		.content_type = kept_reply_field(m->page, HEADER_CONTENT),
		.incarnation = x->where.incarnation,
		.seq = saw > x->where.seq ? saw : x->where.seq,
		.home = x->where.home.url,
		.cache_status = m->status,
		.hopped = x->hopped,
		.under_way = x->proxy->under_way,
	};
}

/* ---- the stream ---- */

static int pull_content(void *cookie, void *data, size_t size, size_t *ret_size)
{
	return content_reader_pull(((struct exchange *)cookie)->content.reader, data, size, ret_size);
}

static int pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct exchange *x = cookie;
	int error = -ECONNRESET;

	if (!proxy_exchange_ended(x))
		error = x->content.text ? json_text_pull(x->content.text, data, size, ret_size)
					: pull_content(x, data, size, ret_size);
	/* The blocks that the list names must be there: this list is not to be believed any longer. */
	if (error == -ERR_NOT_FOUND || error == -EBADMSG)
		keeper_forget(x->proxy->with.keeper, x->drive);
	return error < 0 && error != -EAGAIN ? -ECONNRESET : error;
}

static void free_reader(struct exchange *x)
{
	content_reader_free(x->content.reader);
	x->content.reader = NULL;
	free(x->content.text);
	x->content.text = NULL;
	under_way_give_back(x->proxy->under_way, &x->content.room);
	x->content.room.amount = 0;
}

static void done(void *cookie, bool complete)
{
	struct exchange *x = cookie;

	(void)complete;
	pthread_mutex_lock(&x->lock);
	x->stream = NULL;
	proxy_exchange_move(x, DONE);
	pthread_mutex_unlock(&x->lock);
	free_reader(x);
	proxy_exchange_release(x);
}

static const struct http_stream_ops STREAM = {.pull = pull, .done = done};

static void wake(void *cookie)
{
	struct exchange *x = cookie;

	pthread_mutex_lock(&x->lock);
	if (x->stream)
		http_stream_wake(x->stream);
	pthread_mutex_unlock(&x->lock);
}

/* Takes room for a window, or for half of one: its user reads more slowly then, but he reads. 0: there is none. */
static unsigned take_window(const struct making *m)
{
	struct exchange *x = m->x;
	const uint64_t besides =
		answer_body(m->page).size - m->extents.size + (m->is_text ? sizeof(*x->content.text) : 0);

	for (unsigned window = CONTENT_WINDOW; window > 0; window--) {
		x->content.room = (struct share_claim){.lane = SHARE_BODIES,
			.user = x->user,
			.amount = content_reader_room(m->extents, window) + besides};
		if (under_way_take(x->proxy->under_way, &x->content.room) == 0)
			return window;
	}
	x->content.room.amount = 0;
	return 0;
}

static int make_reader(struct making *m, const struct byteranges *parts)
{
	struct exchange *x = m->x;
	const struct content_reader_options options = {
		.source = x->proxy->with.blocks,
		.page = m->page,
		.extents = m->extents,
		.drive = x->drive,
		.parts = *parts,
		.window = take_window(m),
		.wake = wake,
		.cookie = x,
	};

	if (options.window == 0)
		return -ERR_TOO_MANY;
	const int error = content_reader_new(&options, &x->content.reader);
	if (error < 0 || !m->is_text)
		return error;
	x->content.text = malloc(sizeof(*x->content.text));
	if (!x->content.text)
		return -ENOMEM;
	/* The reader keeps the page, into which the frame of the text points. */
	json_text_init(x->content.text, &m->text, pull_content, x);
	return 0;
}

/* The exchange gives back its place at the services; its memory is its window. From here on the stream holds
 * the exchange. */
static void begin_stream(struct making *m)
{
	struct exchange *x = m->x;
	const int64_t length = m->is_text ? m->text.length : content_reader_length(x->content.reader);

	proxy_hit_count(x, !x->content.asked);
	under_way_give_back(x->proxy->under_way, &x->place);
	x->place.amount = 0;
	struct http_request *req = proxy_exchange_take_request(x, DRAINS);
	http_respond_stream(req, m->reply.ranges.count > 0 ? 206 : 200, &m->headers, length, &STREAM, x, &x->stream);
}

static int make_fields(struct making *m, const struct byteranges *parts)
{
	const int error = kept_reply_add_fields(&m->reply, &m->headers);

	if (error < 0)
		return error;
	return m->reply.ranges.count > 0 ? byteranges_add_fields(parts, &m->headers)
					 : http_headers_add(&m->headers, "Content-Type", m->reply.content_type);
}

/* false: nothing was answered, for example as there is no room. */
static bool respond_body(struct making *m)
{
	struct byteranges parts;
	int error = byteranges_init(&parts, &m->reply.ranges, m->reply.content_type, m->size);

	http_headers_init(&m->headers);
	if (error == 0)
		error = make_reader(m, &parts);
	if (error == 0)
		error = make_fields(m, &parts);
	if (error == 0)
		begin_stream(m);
	else
		free_reader(m->x);
	http_headers_fini(&m->headers);
	return error == 0;
}

static int check_page(struct making *m)
{
	const char *form = kept_reply_field(m->page, "Content-Type");
	int error = 0;

	m->extents = answer_body(m->page);
	m->is_text = form && strcmp(form, TEXT_PAGE_TYPE) == 0;
	if (m->is_text) {
		error = text_page_read(m->extents, &m->text);
		m->extents = m->text.extents;
	}
	if (error == 0)
		error = assembly_check(m->extents, &m->size);
	m->reply.content_size = m->is_text ? m->text.length : m->size;
	return error;
}

/* From COLLECTS, HELD or ANSWERS. true: the request is answered, and the exchange may be freed. */
static bool respond(struct exchange *x, struct answer *page)
{
	struct making m = {.x = x, .page = page};

	make_reply(&m);
	if (check_page(&m) < 0 || kept_reply_judge(&m.reply, clock_real_ns()) < 0)
		return false;
	if (kept_reply_has_body(&m.reply))
		return respond_body(&m);
	proxy_hit_count(x, !x->content.asked);
	m.reply.req = proxy_exchange_take_request(x, DONE);
	kept_reply_send(&m.reply);
	proxy_exchange_release(x);
	return true;
}

/* ---- from memory ---- */

static bool reaches_floor(const struct exchange *x)
{
	const char *floor = http_headers_get(&x->headers, HEADER_FLOOR);
	int64_t incarnation, seq;

	if (!proxy_hit_may_answer(http_headers_get(&x->headers, HEADER_SESSION)))
		return false;
	return !floor ||
		(headers_position_parse(floor, &incarnation, &seq) == 0 && incarnation == x->where.incarnation &&
			seq <= x->where.seq);
}

bool proxy_content_answer(struct exchange *x)
{
	struct kept_key key;
	bool answered = false;

	x->content.asked = false;
	if (!x->where.serves || !proxy_content_may_be_made(x) || !reaches_floor(x) ||
		!kept_key_make(&key, x->user, x->drive, http_headers_get(&x->headers, "Accept"), x->target.data))
		return false;
	struct answer *page = cache_peek(x->proxy->with.cache, span_of(key.text, key.size), clock_boot_ns());
	if (page && proxy_content_is(page))
		answered = respond(x, page);
	answer_unref(page);
	return answered;
}

/* ---- from a service ---- */

int proxy_content_want(struct exchange *x)
{
	if (!proxy_content_may_be_made(x) || strcmp(x->method, "GET") != 0)
		return 0;
	if (!x->fill.wanted) {
		x->fill.asked_ns = clock_boot_ns();
		x->fill.wanted = true;
	}
	x->content.asked = true;
	int error = http_headers_set(&x->headers, HEADER_TAGS, HEADER_TAGS_WANTED);
	return error < 0 ? error : http_headers_set(&x->headers, HEADER_CONTENT, HEADER_CONTENT_WANTED);
}

void proxy_content_forget(struct exchange *x)
{
	answer_unref(x->content.page);
	x->content.page = NULL;
	x->content.comes = false;
}

int proxy_content_on_head(struct exchange *x, const struct http_response *head)
{
	const char *type = http_headers_get(&head->headers, HEADER_CONTENT);

	x->content.comes = x->content.asked && type && head->status == 200 && x->answer_length >= 0 &&
		x->answer_length <= (int64_t)SHARD_BODY_MAX;
	return x->content.comes ? http_headers_add(&x->answer_headers, HEADER_CONTENT, type) : 0;
}

/* When the list is not to be kept, it is collected here. */
int proxy_content_collect(struct exchange *x, const struct http_response *head)
{
	int64_t incarnation, seq;
	struct buf kept;

	if (!x->content.comes || x->fill.answer)
		return 0;
	buf_init(&kept, HEADER_BYTES_MAX);
	int error = headers_position_parse(http_headers_get(&head->headers, HEADER_SEQ), &incarnation, &seq);
	if (error == 0)
		error = proxy_fill_write_head(&x->answer_headers, &kept);
	if (error == 0) {
		x->content.page = answer_new(200, seq, buf_span(&kept), (size_t)x->answer_length);
		error = x->content.page ? 0 : -ENOMEM;
	}
	buf_fini(&kept);
	return error;
}

int proxy_content_on_data(struct exchange *x, struct span bytes)
{
	return x->content.page ? answer_append(x->content.page, bytes) : 0;
}

void proxy_content_on_end(struct exchange *x, bool complete)
{
	if (x->content.comes && complete && !x->content.page && x->fill.answer)
		x->content.page = answer_ref(x->fill.answer);
	if (!complete)
		proxy_content_forget(x);
}

bool proxy_content_pass_on(struct exchange *x)
{
	struct answer *page = x->content.page;

	if (!x->content.comes)
		return false;
	x->content.page = NULL;
	x->content.comes = false;
	const bool answered = page && (int64_t)answer_body(page).size == x->answer_length && respond(x, page);
	answer_unref(page);
	if (!answered) {
		x->content.refused = true;
		proxy_home_send(x);
	}
	return true;
}
