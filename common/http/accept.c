#include "common/http/accept.h"

#include "common/base/span.h"

#include <string.h>
#include <strings.h>

/* Cuts off the text up to the next `end` that is in no quoted string. */
static struct span cut(struct span *rest, char end)
{
	bool quoted = false;
	size_t n = 0;

	for (; n < rest->size && (quoted || rest->data[n] != end); n++) {
		if (rest->data[n] == '"')
			quoted = !quoted;
		else if (quoted && rest->data[n] == '\\' && n + 1 < rest->size)
			n++;
	}
	const struct span part = span_of(rest->data, n);
	const size_t used = n + (n < rest->size);

	*rest = span_of(rest->data + used, rest->size - used);
	return part;
}

static struct span trim(struct span text)
{
	while (text.size > 0 && strchr(" \t", text.data[0]))
		text = span_of(text.data + 1, text.size - 1);
	while (text.size > 0 && strchr(" \t", text.data[text.size - 1]))
		text.size--;
	return text;
}

/* "0", "0.", "0.0" … "0.000" */
static bool is_zero(struct span weight)
{
	if (weight.size == 0 || weight.data[0] != '0' || (weight.size > 1 && weight.data[1] != '.'))
		return false;
	for (size_t i = 2; i < weight.size; i++)
		if (weight.data[i] != '0')
			return false;
	return true;
}

static bool has_no_weight(struct span parameters)
{
	while (parameters.size > 0) {
		const struct span one = trim(cut(&parameters, ';'));

		if (one.size >= 2 && strncasecmp(one.data, "q=", 2) == 0)
			return is_zero(span_of(one.data + 2, one.size - 2));
	}
	return false;
}

bool accept_wants(const char *accept, const char *media)
{
	struct span rest = span_str(accept ? accept : "");

	while (rest.size > 0) {
		struct span member = cut(&rest, ',');
		const struct span type = trim(cut(&member, ';'));

		if (type.size == strlen(media) && strncasecmp(type.data, media, type.size) == 0 &&
			!has_no_weight(member))
			return true;
	}
	return false;
}
