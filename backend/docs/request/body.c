#include "backend/docs/request/body.h"

#include "common/base/error.h"
#include "common/base/limits.h"

#include <errno.h>

/* Checks the nesting depth before the parser builds anything. Brackets inside strings do not count. */
static bool too_deep(struct span text)
{
	bool quoted = false;
	unsigned depth = 0;

	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return true;
	}
	return false;
}

int body_object(struct call *call, json_t **ret)
{
	struct span body = http_request_body(call->req);
	json_t *value;

	if (body.size == 0 || too_deep(body))
		return -ERR_BAD_JSON;
	value = json_loadb(body.data, body.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	if (!value)
		return -ERR_BAD_JSON;
	if (!json_is_object(value)) {
		json_decref(value);
		return -ERR_UNPROCESSABLE;
	}
	*ret = value;
	return 0;
}
