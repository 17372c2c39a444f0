#include "fusefs/store/http/internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/proto/batch_key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define POLLS_PER_LEASE 3
#define PAGE_BYTES_MAX (4u * 1024 * 1024) /* CHANGES_PAGE_MAX entries with two names of 255 bytes, escaped */

/* What a decoded answer stands on. */
struct journal {
	json_t *root;
	struct buf names;
	struct store_change *list;
	size_t count;
};

static enum op_kind kind_of(const char *name)
{
	for (int kind = 0; name && kind < OP_KINDS; kind++)
		if (strcmp(op_kind_name((enum op_kind)kind), name) == 0)
			return (enum op_kind)kind;
	/* A newer store changes things in ways we do not know: taken as "everything about it". */
	return OP_KINDS;
}

static int get_name(const json_t *object, const char *key, struct journal *j, struct span *ret)
{
	size_t from = j->names.size;
	int r = item_json_get_bytes(object, key, &j->names);

	if (r == -ENOENT)
		return 0;
	*ret = span_of(j->names.data + from, j->names.size - from);
	return r;
}

static int get_id(const json_t *object, const char *key, int64_t *ret)
{
	int r = item_json_get_id(object, key, ret);

	return r == -ENOENT ? 0 : r;
}

static void get_what(const json_t *object, struct store_change *ret)
{
	const json_t *list = json_object_get(object, "what");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *what = json_string_value(json_array_get(list, i));

		if (!what)
			continue;
		ret->content |= strcmp(what, "content") == 0 || strcmp(what, "size") == 0;
		ret->attributes |= strcmp(what, "attributes") == 0 || strcmp(what, "size") == 0;
		ret->xattrs |= strcmp(what, "xattrs") == 0;
	}
	switch (ret->op) {
	case OP_WRITE:
	case OP_CLONE:
		ret->content = ret->attributes = true;
		break;
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
		ret->xattrs = ret->attributes = true;
		break;
	case OP_KINDS:
		ret->content = ret->attributes = ret->xattrs = true;
		break;
	default:
		ret->attributes = true;
	}
}

static int get_change(const struct sh_call *call, const json_t *object, struct journal *j, struct store_change *ret)
{
	const char *key = json_string_value(json_object_get(object, "key"));
	int r = item_json_get_id(object, "seq", &ret->seq);

	if (r == 0)
		r = item_json_get_id(object, "id", &ret->id);
	if (r == 0)
		r = get_id(object, "parent", &ret->parent);
	if (r == 0)
		r = get_id(object, "old_parent", &ret->old_parent);
	if (r == 0)
		r = get_id(object, "replaced", &ret->replaced);
	if (r == 0)
		r = get_name(object, "name", j, &ret->name);
	if (r == 0)
		r = get_name(object, "old_name", j, &ret->old_name);
	if (r < 0 || ret->name.size > NAME_BYTES_MAX || ret->old_name.size > NAME_BYTES_MAX)
		return -EPROTO;
	ret->op = kind_of(json_string_value(json_object_get(object, "op")));
	ret->own = key && batch_key_is_of(span_str(key), call->session_sent);
	get_what(object, ret);
	return 0;
}

static int get_changes(
	const struct sh_call *call, const struct http_response *response, struct journal *j, struct store_changes *ret)
{
	const json_t *list;
	int r;

	j->root = json_loadb(response->body.data ? response->body.data : "", response->body.size, 0, NULL);
	list = json_object_get(j->root, "changes");
	if (!json_is_array(list) || json_array_size(list) > CHANGES_PAGE_MAX)
		return -EPROTO;
	r = item_json_get_id(j->root, "last", &ret->last.seq);
	if (r == 0)
		r = item_json_get_id(j->root, "incarnation", &ret->last.incarnation);
	if (r < 0 || ret->last.seq < 0 || ret->last.incarnation < 0)
		return -EPROTO;
	if (json_is_integer(json_object_get(j->root, "others"))) {
		const json_int_t others = json_integer_value(json_object_get(j->root, "others"));

		if (others < 0 || others > INT32_MAX)
			return -EPROTO;
		ret->counted = true;
		ret->others = (unsigned)others;
	}
	j->count = json_array_size(list);
	j->list = calloc(j->count > 0 ? j->count : 1, sizeof(*j->list));
	if (!j->list || buf_reserve(&j->names, response->body.size) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < j->count; i++) {
		r = get_change(call, json_array_get(list, i), j, &j->list[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * The journal has no gaps. If the answer has one, or speaks of another incarnation, what was cached is worth nothing. A page may end before `last`:
 * what the follower is told is how far the page goes.
 */
static void judge_order(const struct sh_call *call, const struct journal *j, struct store_changes *ret)
{
	const struct store_position since = call->as.poll.since;

	ret->reset = ret->last.incarnation != since.incarnation || ret->last.seq < since.seq;
	for (size_t i = 0; i < j->count && !ret->reset; i++)
		ret->reset = j->list[i].seq != since.seq + (int64_t)i + 1;
	if (!ret->reset && (int64_t)j->count > ret->last.seq - since.seq)
		ret->reset = true;
	if (ret->reset)
		return;
	ret->list = j->list;
	ret->count = j->count;
	ret->more = ret->last.seq > since.seq + (int64_t)j->count;
	ret->last.seq = since.seq + (int64_t)j->count;
}

static void on_changes(struct sh_call *call, int error, struct http_response *response)
{
	struct store_changes changes = {0};
	struct journal j = {0};

	buf_init(&j.names, PAGE_BYTES_MAX);
	if (error == 0) {
		error = get_changes(call, response, &j, &changes);
		if (error == -EPROTO)
			log_error(NULL, "the journal's answer makes no sense");
	} else if (error == -EIDRM || error == -ERR_EPOCH) {
		/* Where it stands now, the next answer says. */
		changes.reset = true;
		error = 0;
	}
	if (error == 0 && !changes.reset) {
		judge_order(call, &j, &changes);
		pthread_mutex_lock(&call->s->lock);
		if (changes.reset)
			call->s->seen = changes.last;
		sh_note_position(call->s, changes.last);
		if (changes.counted)
			call->s->others = changes.others;
		pthread_mutex_unlock(&call->s->lock);
	}
	pthread_mutex_lock(&call->s->lock);
	changes.lock_life = call->s->lock_life;
	pthread_mutex_unlock(&call->s->lock);
	call->as.poll.done(call->cookie, error, error == 0 ? &changes : NULL);
	json_decref(j.root);
	buf_fini(&j.names);
	free(j.list);
	sh_over(call);
}

static unsigned slack_ms(const struct store_http *s)
{
	unsigned ms = STORE_HTTP_POLL_SLACK_MS;

	for (unsigned i = 0; i < s->late_polls && ms < STORE_HTTP_POLL_SLACK_MAX_MS; i++)
		ms *= 2;
	return ms < STORE_HTTP_POLL_SLACK_MAX_MS ? ms : STORE_HTTP_POLL_SLACK_MAX_MS;
}

/* The session is part of what is said, so this is made for each attempt. */
static int prepare(struct sh_call *call)
{
	const struct sh_poll_call *p = &call->as.poll;
	char id[24];
	json_t *held = json_array();
	json_t *body;

	for (size_t i = 0; i < p->held_count; i++) {
		(void)snprintf(id, sizeof(id), "%" PRId64, p->held[i]);
		json_array_append_new(held, json_string(id));
	}
	body = json_pack(
		"{s:I, s:i, s:o}", "wait", (json_int_t)p->wait_s, "limit", (int)CHANGES_PAGE_MAX, "held", held);
	if (!body)
		json_decref(held);
	if (body &&
		(item_json_set_id(body, "since", p->since.seq) < 0 ||
			item_json_set_id(body, "session", call->s->session) < 0 ||
			(call->s->others >= 0 &&
				json_object_set_new(body, "others", json_integer(call->s->others)) < 0))) {
		json_decref(body);
		body = NULL;
	}
	buf_reset(&call->owned);
	sh_json_take(call, body);
	call->deadline_ms = p->wait_s * 1000 + slack_ms(call->s);
	return call->broken;
}

/* budget: the seam's signature */
store_ticket sh_poll(struct store *base, struct store_position since, unsigned wait_s, const int64_t *held,
	size_t held_count, void (*done)(void *cookie, int error, const struct store_changes *changes), void *cookie)
{
	struct sh_call *call = sh_new(sh_of(base), SH_POLL, on_changes, cookie);
	struct sh_poll_call *p = &call->as.poll;
	const unsigned lease_s = sh_of(base)->lock_lease_s;

	/* The lease of file locks is renewed by polls: of three, two may be lost. */
	if (lease_s > 0 && wait_s > lease_s / POLLS_PER_LEASE)
		wait_s = lease_s / POLLS_PER_LEASE;
	call->method = "POST";
	call->flags = SH_SESSION | SH_ONCE;
	call->response_max = PAGE_BYTES_MAX;
	call->prepare = prepare;
	p->since = since;
	p->wait_s = wait_s;
	p->held = held;
	p->held_count = held_count;
	p->done = done;
	sh_path(call, "/changes");
	return sh_start(call);
}
