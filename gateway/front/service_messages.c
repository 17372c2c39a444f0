#include "gateway/front/service_messages.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/proto/item.h"

#include <errno.h>
#include <jansson.h>

static int register_service(struct registry *registry, const json_t *body)
{
	struct registry_entry entry = {
		.name = json_string_value(json_object_get(body, "name")),
		.instance = json_string_value(json_object_get(body, "instance")),
		.url = json_string_value(json_object_get(body, "url")),
		.ready = json_is_true(json_object_get(body, "ready")),
	};
	int error = registry_kind_parse(json_string_value(json_object_get(body, "kind")), &entry.kind);
	if (error < 0 || !entry.name)
		return -EINVAL;
	if (json_is_true(json_object_get(body, "leaving"))) {
		registry_leave(registry, entry.kind, entry.name, clock_mono_ns());
		return 0;
	}
	return registry_put(registry, &entry, clock_mono_ns());
}

static json_t *parse_message(struct span body)
{
	return json_loadb(body.data ? body.data : "", body.size, JSON_REJECT_DUPLICATES, NULL);
}

int service_messages_register(struct registry *registry, struct span body)
{
	json_t *message = parse_message(body);
	int error = message ? register_service(registry, message) : -ERR_BAD_JSON;
	json_decref(message);
	return error;
}

/* 0: the message names a user, tokens, or both, and all of these make sense. */
static int check_forget(const json_t *message, int64_t *ret_user)
{
	const json_t *ids = json_object_get(message, "token_ids");
	int error = item_json_get_id(message, "user_id", ret_user);

	if (error == -ENOENT && ids)
		error = 0;
	if (error == 0 && ids && !json_is_array(ids))
		error = -ERR_BAD_REQUEST;
	for (size_t i = 0; error == 0 && i < json_array_size(ids); i++)
		if (!json_is_string(json_array_get(ids, i)))
			error = -ERR_BAD_REQUEST;
	return error < 0 ? -ERR_BAD_REQUEST : 0;
}

int service_messages_forget(struct span body, const struct service_messages_forgetter *forgetter, void *cookie)
{
	json_t *message = parse_message(body);
	const json_t *ids = json_object_get(message, "token_ids");
	int64_t user = 0;
	int error = message ? check_forget(message, &user) : -ERR_BAD_JSON;

	for (size_t i = 0; error == 0 && i < json_array_size(ids); i++)
		forgetter->token(cookie, json_string_value(json_array_get(ids, i)));
	if (error == 0 && user > 0)
		forgetter->user(cookie, user);
	json_decref(message);
	return error;
}
