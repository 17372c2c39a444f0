/* Tables of numbers, flags and texts describe a row of the book, for both directions: so everything that is written
 * is read as well. */
#include "common/ring/ring_message.h"

#include "common/base/error.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct number_field {
	const char *name;
	size_t at; /* an int64_t of struct membership_gateway */
};

static const struct number_field NUMBERS[] = {
	{"renewed_at", offsetof(struct membership_gateway, renewed_at)},
	{"unsaid", offsetof(struct membership_gateway, unsaid)},
	{"said", offsetof(struct membership_gateway, said)},
	{"called_at", offsetof(struct membership_gateway, called_at)},
};

struct flag_field {
	const char *name;
	size_t at;
};

static const struct flag_field FLAGS[] = {
	{"member", offsetof(struct membership_gateway, member)},
	{"next", offsetof(struct membership_gateway, next)},
	{"leaving", offsetof(struct membership_gateway, leaving)},
};

struct text_field {
	const char *name;
	size_t at, size;
};

static const struct text_field TEXTS[] = {
	{"name", offsetof(struct membership_gateway, name), MEMBERSHIP_NAME_SIZE},
	{"boot", offsetof(struct membership_gateway, boot), MEMBERSHIP_BOOT_SIZE},
	{"url", offsetof(struct membership_gateway, url), MEMBERSHIP_URL_SIZE},
	{"hop_url", offsetof(struct membership_gateway, hop_url), MEMBERSHIP_URL_SIZE},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* ---- writing ---- */

static int write_json_take(json_t *json, struct buf *ret)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int r = text ? buf_append_str(ret, text) : -ENOMEM;

	free(text);
	json_decref(json);
	return r;
}

int ring_message_write_call(const struct membership_call *call, struct buf *ret)
{
	json_t *silent = json_array();
	int r = silent ? 0 : -ENOMEM;

	for (size_t i = 0; i < call->silent_count && r == 0; i++) {
		const struct membership_silence *s = &call->silent[i];
		json_t *one = json_pack(
			"{s:s, s:s, s:I}", "name", s->name, "boot", s->boot, "renewed_at", (json_int_t)s->renewed_at);

		r = json_array_append_new(silent, one) < 0 ? -ENOMEM : 0;
	}
	if (r < 0) {
		json_decref(silent);
		return r;
	}
	return write_json_take(json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:o}", "name", call->name, "boot",
				       call->boot, "url", call->url, "hop_url", call->hop_url, "weight",
				       (json_int_t)call->weight, "view", (json_int_t)call->view, "said",
				       (json_int_t)call->said, "leaving", (int)call->leaving, "silent", silent),
		ret);
}

static json_t *gateway_json(const struct membership_gateway *g)
{
	json_t *o = json_pack("{s:I}", "weight", (json_int_t)g->weight);
	int r = o ? 0 : -ENOMEM;

	for (size_t i = 0; i < COUNT(TEXTS) && r == 0; i++)
		r = json_object_set_new(o, TEXTS[i].name, json_string((const char *)g + TEXTS[i].at));
	for (size_t i = 0; i < COUNT(FLAGS) && r == 0; i++)
		r = json_object_set_new(o, FLAGS[i].name, json_boolean(*(const bool *)((const char *)g + FLAGS[i].at)));
	for (size_t i = 0; i < COUNT(NUMBERS) && r == 0; i++) {
		int64_t value;

		memcpy(&value, (const char *)g + NUMBERS[i].at, sizeof(value));
		r = json_object_set_new(o, NUMBERS[i].name, json_integer(value));
	}
	if (r < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

int ring_message_write_answer(const struct membership *book, bool lease, struct buf *ret)
{
	json_t *list = json_array();
	int r = list ? 0 : -ENOMEM;

	assert(book->count <= MEMBERSHIP_GATEWAYS_MAX);
	for (size_t i = 0; i < book->count && r == 0; i++)
		r = json_array_append_new(list, gateway_json(&book->list[i])) < 0 ? -ENOMEM : 0;
	if (r < 0) {
		json_decref(list);
		return r;
	}
	return write_json_take(
		json_pack("{s:b, s:I, s:I, s:b, s:o}", "lease", (int)lease, "epoch", (json_int_t)book->epoch, "calls",
			(json_int_t)book->calls, "preparing", (int)book->preparing, "gateways", list),
		ret);
}

/* ---- reading ---- */

static int get_number(const json_t *o, const char *name, int64_t max, int64_t *ret)
{
	const json_t *value = json_object_get(o, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
		return -ERR_BAD_REQUEST;
	*ret = json_integer_value(value);
	return 0;
}

static int get_flag(const json_t *o, const char *name, bool *ret)
{
	const json_t *value = json_object_get(o, name);

	if (!json_is_boolean(value))
		return -ERR_BAD_REQUEST;
	*ret = json_is_true(value);
	return 0;
}

static int get_weight(const json_t *o, uint32_t *ret)
{
	int64_t weight = 0;
	int r = get_number(o, "weight", UINT32_MAX, &weight);

	*ret = (uint32_t)weight;
	return r;
}

/* The text has no NUL in it: Jansson refuses such texts by default. */
static int get_text(const json_t *o, const char *name, const char **ret)
{
	const json_t *value = json_object_get(o, name);

	if (!json_is_string(value))
		return -ERR_BAD_REQUEST;
	*ret = json_string_value(value);
	return 0;
}

static int read_silent(const json_t *list, struct ring_message_call *ret)
{
	int r = json_is_array(list) && json_array_size(list) <= MEMBERSHIP_GATEWAYS_MAX ? 0 : -ERR_BAD_REQUEST;

	for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		struct membership_silence *s = &ret->silent[i];

		r = get_text(one, "name", &s->name);
		if (r == 0)
			r = get_text(one, "boot", &s->boot);
		if (r == 0)
			r = get_number(one, "renewed_at", INT64_MAX, &s->renewed_at);
	}
	ret->call.silent = ret->silent;
	ret->call.silent_count = r == 0 ? json_array_size(list) : 0;
	return r;
}

static json_t *parse(struct span body)
{
	return json_loadb(body.data ? body.data : "", body.size, JSON_REJECT_DUPLICATES, NULL);
}

int ring_message_read_call(struct span body, struct ring_message_call *ret)
{
	*ret = (struct ring_message_call){.json = parse(body)};
	struct membership_call *call = &ret->call;
	int r = ret->json ? get_text(ret->json, "name", &call->name) : -ERR_BAD_JSON;

	if (r == 0)
		r = get_text(ret->json, "boot", &call->boot);
	if (r == 0)
		r = get_text(ret->json, "url", &call->url);
	if (r == 0)
		r = get_text(ret->json, "hop_url", &call->hop_url);
	if (r == 0)
		r = get_weight(ret->json, &call->weight);
	if (r == 0)
		r = get_number(ret->json, "view", INT64_MAX, &call->view);
	if (r == 0)
		r = get_number(ret->json, "said", INT64_MAX, &call->said);
	if (r == 0)
		r = get_flag(ret->json, "leaving", &call->leaving);
	if (r == 0)
		r = read_silent(json_object_get(ret->json, "silent"), ret);
	if (r < 0)
		ring_message_call_fini(ret);
	return r;
}

void ring_message_call_fini(struct ring_message_call *call)
{
	json_decref(call->json);
	call->json = NULL;
}

static int read_gateway(const json_t *o, struct membership_gateway *ret)
{
	int r = get_weight(o, &ret->weight);

	for (size_t i = 0; i < COUNT(TEXTS) && r == 0; i++) {
		const char *text = "";

		r = get_text(o, TEXTS[i].name, &text);
		if (r == 0 && strlen(text) >= TEXTS[i].size)
			r = -ERR_BAD_REQUEST;
		if (r == 0)
			memcpy((char *)ret + TEXTS[i].at, text, strlen(text) + 1);
	}
	for (size_t i = 0; i < COUNT(FLAGS) && r == 0; i++)
		r = get_flag(o, FLAGS[i].name, (bool *)((char *)ret + FLAGS[i].at));
	for (size_t i = 0; i < COUNT(NUMBERS) && r == 0; i++) {
		int64_t value = 0;

		r = get_number(o, NUMBERS[i].name, INT64_MAX, &value);
		memcpy((char *)ret + NUMBERS[i].at, &value, sizeof(value));
	}
	return r;
}

static int read_book(const json_t *o, struct membership *ret, bool *ret_lease)
{
	const json_t *list = json_object_get(o, "gateways");
	int r = json_is_array(list) && json_array_size(list) <= MEMBERSHIP_GATEWAYS_MAX ? 0 : -ERR_BAD_REQUEST;

	if (r == 0)
		r = get_flag(o, "lease", ret_lease);
	if (r == 0)
		r = get_number(o, "epoch", INT64_MAX, &ret->epoch);
	if (r == 0)
		r = get_number(o, "calls", INT64_MAX, &ret->calls);
	if (r == 0)
		r = get_flag(o, "preparing", &ret->preparing);
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
		r = read_gateway(json_array_get(list, i), &ret->list[i]);
	if (r == 0)
		ret->count = json_array_size(list);
	return r == 0 && membership_check(ret) < 0 ? -ERR_BAD_REQUEST : r;
}

int ring_message_read_answer(struct span body, struct membership *ret, bool *ret_lease)
{
	json_t *json = parse(body);
	struct membership *book = json ? calloc(1, sizeof(*book)) : NULL; /* 40 KiB: too much for some stacks */
	bool lease = false;
	int r = !json ? -ERR_BAD_JSON : book ? read_book(json, book, &lease) : -ENOMEM;

	if (r == 0) {
		*ret = *book;
		*ret_lease = lease;
	}
	free(book);
	json_decref(json);
	return r;
}
