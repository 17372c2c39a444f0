#include "fusefs/store_http_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define RESPONSE_BYTES_MAX \
	(32u * 1024 * 1024) /* 4096 results with an item and two folders of 800 bytes each fit twice */

/* What a decoded reply stands on. */
struct reply {
	json_t *root;
	struct buf names; /* bytes that came in base64: never more than the text was long */
	struct op_result *results;
};

static int parse_item(const struct sh_call *call, const json_t *object, struct item *ret, struct reply *reply)
{
	int r = item_from_json(object, ret, &reply->names);

	if (r == 0 && !sh_item_ok(ret, call->s->drive_number))
		r = -EPROTO;
	return r;
}

/* Absent: 0, and ret as it was. */
static int parse_id(const json_t *object, const char *key, int64_t *ret)
{
	int r = item_json_get_id(object, key, ret);

	return r == -ENOENT ? 0 : r;
}

static int parse_result(const struct sh_call *call, const json_t *object, struct op_result *ret, struct reply *reply)
{
	const json_t *item = json_object_get(object, "item"), *dirs = json_object_get(object, "dirs");
	const json_t *len = json_object_get(object, "len");
	int r;

	if (!json_is_object(object) || json_array_size(dirs) > 2)
		return -EPROTO;
	if (item) {
		r = parse_item(call, item, &ret->item, reply);
		if (r < 0)
			return r;
		ret->has_item = true;
		ret->id = ret->item.id;
	}
	for (size_t i = 0; i < json_array_size(dirs); i++) {
		r = parse_item(call, json_array_get(dirs, i), &ret->dirs[ret->dir_count++], reply);
		if (r < 0)
			return r;
	}
	r = parse_id(object, "id", &ret->id);
	if (r == 0)
		r = parse_id(object, "replaced", &ret->replaced);
	if (r == 0 && json_is_integer(len))
		ret->len = json_integer_value(len);
	return r;
}

static int parse_reply(const struct sh_call *call, const struct http_response *response, struct reply *reply)
{
	const json_t *list;

	reply->root = json_loadb(response->body.data ? response->body.data : "", response->body.size, 0, NULL);
	list = json_object_get(reply->root, "results");
	if (!json_is_array(list) || json_array_size(list) != call->as.batch.count)
		return -EPROTO;
	reply->results = calloc(call->as.batch.count, sizeof(*reply->results));
	if (!reply->results || buf_reserve(&reply->names, response->body.size) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < call->as.batch.count; i++) {
		int r = parse_result(call, json_array_get(list, i), &reply->results[i], reply);

		if (r < 0)
			return r == -ENOMEM ? r : -EPROTO;
	}
	return 0;
}

static void parse_usage(const struct http_response *response, struct store_batch_reply *ret)
{
	const char *text = http_headers_get(&response->headers, "Nephos-Usage");
	const char *slash = text ? strchr(text, '/') : NULL;

	if (!slash || text_parse_i64(span_of(text, (size_t)(slash - text)), &ret->used) < 0 ||
		text_parse_i64(span_str(slash + 1), &ret->quota) < 0 || ret->used < 0 || ret->quota < 0)
		ret->used = ret->quota = -1;
}

/* Keeps count of numbers; see judge_number. Returns whether nobody knows what became of the batch. */
static bool settle_number(struct sh_call *call, int error, const struct http_response *response)
{
	struct store_http *s = call->s;
	bool unknown = error < 0 && call->as.batch.in_doubt && (!response || error == -EIO);

	pthread_mutex_lock(&s->lock);
	if (s->session == call->session_sent) {
		s->next_batch = call->as.batch.number + (response && !unknown ? 1 : 0);
		s->unsure = unknown || (s->unsure && !response);
	}
	if (unknown)
		s->in_doubt++;
	pthread_mutex_unlock(&s->lock);
	if (unknown) {
		metric_inc(s->doubts);
		log_error(NULL,
			"batch %" PRId64 " of session %" PRId64 ", %zu ops: no answer, it may have happened or not",
			call->as.batch.number, call->session_sent, call->as.batch.count);
	}
	return unknown;
}

void sh_batch_end(struct sh_call *call, int error, struct http_response *response)
{
	struct store_batch_reply answer = {.index = call->as.batch.index, .used = -1, .quota = -1};
	struct reply reply = {0};
	bool unknown = settle_number(call, error, response);

	buf_init(&reply.names, RESPONSE_BYTES_MAX);
	if (error == 0) {
		error = parse_reply(call, response, &reply);
		if (error < 0) {
			/* It was applied; what it did, the store did not say in words that can be used. */
			log_error(NULL, "batch of %zu ops: the answer makes no sense", call->as.batch.count);
			error = -EIO;
			unknown = true;
		}
	}
	if (response && !unknown) {
		answer.at = sh_response_position(response);
		parse_usage(response, &answer);
		answer.results = error == 0 ? reply.results : NULL;
		answer.count = error == 0 ? call->as.batch.count : 0;
	}
	call->as.batch.done(call->cookie, error, response && !unknown ? &answer : NULL);
	json_decref(reply.root);
	buf_fini(&reply.names);
	free(reply.results);
	sh_over(call);
}

static void on_batch(struct sh_call *call, int error, struct http_response *response)
{
	if (error == -ERR_SESSION_GONE && call->as.batch.in_doubt)
		sh_inquire(call);
	else
		sh_batch_end(call, error, response);
}

/* The number is given anew for each session; within one it stays with its batch. */
static int prepare(struct sh_call *call)
{
	struct store_http *s = call->s;

	if (call->as.batch.number != 0 && call->session_sent == s->session)
		return 0;
	/* Under another session it would be another batch, and might be applied twice: first, what became of it is asked. */
	if (call->as.batch.in_doubt)
		return -ERR_SESSION_GONE;
	call->as.batch.number = s->next_batch;
	call->as.batch.since = s->seen;
	call->as.batch.unsure = s->unsure;
	call->as.batch.renumbered = 0;
	return 0;
}

store_ticket sh_batch(struct store *base, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct store_batch_reply *reply), void *cookie)
{
	struct sh_call *call = sh_new(sh_of(base), SH_BATCH, on_batch, cookie);
	int r;

	call->method = "POST";
	call->flags = SH_SESSION;
	call->response_max = RESPONSE_BYTES_MAX;
	call->prepare = prepare;
	call->as.batch.count = count;
	call->as.batch.index = -1;
	call->as.batch.done = done;
	sh_path(call, "/ops");
	r = op_batch_encode(ops, count, &call->owned, &call->content_type);
	if (r < 0)
		call->broken = r;
	call->body = buf_span(&call->owned);
	return sh_start(call);
}
