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

#define WHOLE 1000 /* weights are in thousandths */

/* "0.35" is 350; digits behind the third are ignored. A weight of another form than "0…" counts as 1. */
static int weight_read(struct span text)
{
	int weight = 0, unit = WHOLE / 10;

	if (text.size == 0 || text.data[0] != '0' || (text.size > 1 && text.data[1] != '.'))
		return WHOLE;
	for (size_t i = 2; i < text.size && unit > 0; i++, unit /= 10) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return WHOLE;
		weight += unit * (text.data[i] - '0');
	}
	return weight;
}

static int weight_of(struct span parameters)
{
	while (parameters.size > 0) {
		const struct span one = trim(cut(&parameters, ';'));

		if (one.size >= 2 && strncasecmp(one.data, "q=", 2) == 0)
			return weight_read(span_of(one.data + 2, one.size - 2));
	}
	return WHOLE;
}

static bool is_type(struct span type, const char *media)
{
	return type.size == strlen(media) && strncasecmp(type.data, media, type.size) == 0;
}

/* The range of media types that says most about JSON decides about it. */
static int json_rank(struct span type)
{
	static const char *const RANGES[] = {"*/*", "application/*", "application/json"};
	int rank = 0;

	for (int i = 0; i < 3; i++)
		if (is_type(type, RANGES[i]))
			rank = i + 1;
	return rank;
}

bool accept_wants(const char *accept, const char *media)
{
	struct span rest = span_str(accept ? accept : "");
	int wanted = 0, json = 0, rank = 0;

	while (rest.size > 0) {
		struct span member = cut(&rest, ',');
		const struct span type = trim(cut(&member, ';'));
		const int weight = weight_of(member), of_json = json_rank(type);

		if (is_type(type, media) && weight > wanted)
			wanted = weight;
		if (of_json > rank || (of_json && of_json == rank && weight > json)) {
			rank = of_json;
			json = weight;
		}
	}
	return wanted > 0 && wanted >= json;
}
