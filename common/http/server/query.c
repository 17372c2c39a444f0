#include "common/http/server/query.h"

#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* One pair, still encoded. */
struct pair {
	struct span name, value;
};

/* Reads the next pair that has a name or a value; false: the end. */
static bool next_pair(struct span *rest, struct pair *ret)
{
	while (rest->size > 0) {
		const char *end = memchr(rest->data, '&', rest->size);
		size_t size = end ? (size_t)(end - rest->data) : rest->size;
		const char *equals = memchr(rest->data, '=', size);
		size_t name = equals ? (size_t)(equals - rest->data) : size;

		ret->name = span_of(rest->data, name);
		ret->value = equals ? span_of(equals + 1, size - name - 1) : span_of("", 0);
		*rest = end ? span_of(end + 1, rest->size - size - 1) : span_of("", 0);
		if (size > 0)
			return true;
	}
	return false;
}

static int decode(struct span raw, struct buf *ret)
{
	size_t before = ret->size;
	int r = 0;

	while (r == 0 && raw.size > 0) {
		const char *plus = memchr(raw.data, '+', raw.size);
		size_t size = plus ? (size_t)(plus - raw.data) : raw.size;

		r = text_url_decode(span_of(raw.data, size), ret);
		if (r == 0 && plus)
			r = buf_append_u8(ret, ' ');
		size += plus != NULL;
		raw = span_of(raw.data + size, raw.size - size);
	}
	if (r < 0)
		ret->size = before;
	return r;
}

static bool escapes_are_good(struct span query)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	for (size_t i = 0; i < query.size; i++) {
		const char *p = query.data + i;

		if (*p == '\0')
			return false;
		if (*p != '%')
			continue;
		if (query.size - i < 3 || !p[1] || !p[2] || !strchr(digits, p[1]) || !strchr(digits, p[2]) ||
			(p[1] == '0' && p[2] == '0'))
			return false;
	}
	return true;
}

/* Decoded names. Their bytes lie in text, which is allocated at full size at the start and so does not move. */
struct names {
	struct span list[QUERY_PARAMETERS_MAX];
	size_t count;
	struct buf text;
};

static int take_name(struct names *names, struct span raw, const char **ret_why)
{
	size_t before = names->text.size;
	struct span name;
	int r = decode(raw, &names->text);

	if (r < 0)
		return r;
	name = span_of(names->text.data + before, names->text.size - before);
	for (size_t i = 0; i < names->count; i++) {
		if (!span_eq(names->list[i], name))
			continue;
		*ret_why = "a parameter of the query is given twice";
		return -ERR_BAD_REQUEST;
	}
	if (names->count == QUERY_PARAMETERS_MAX) {
		*ret_why = "too many parameters in the query";
		return -ERR_BAD_REQUEST;
	}
	names->list[names->count++] = name;
	return 0;
}

int query_check(struct span query, const char **ret_why)
{
	struct names names = {.count = 0};
	struct pair pair;
	int r;

	if (!escapes_are_good(query)) {
		*ret_why = "a bad escape in the query";
		return -ERR_BAD_REQUEST;
	}
	if (query.size == 0 || !memchr(query.data, '&', query.size))
		return 0;
	buf_init(&names.text, query.size);
	r = buf_reserve(&names.text, query.size);
	while (r == 0 && next_pair(&query, &pair))
		r = take_name(&names, pair.name, ret_why);
	buf_fini(&names.text);
	return r;
}

static bool is_name(struct span raw, const char *name)
{
	struct buf decoded;
	bool same = span_eq_str(raw, name);

	/* Most names are not encoded. */
	if (same || raw.size == 0 || (!memchr(raw.data, '%', raw.size) && !memchr(raw.data, '+', raw.size)))
		return same;
	buf_init(&decoded, raw.size + 1);
	same = decode(raw, &decoded) == 0 && span_eq_str(buf_span(&decoded), name);
	buf_fini(&decoded);
	return same;
}

int query_value(struct span query, const char *name, struct buf *ret)
{
	struct pair pair;
	int r;

	while (next_pair(&query, &pair)) {
		if (!is_name(pair.name, name))
			continue;
		r = buf_reserve(ret, 1);
		return r < 0 ? r : decode(pair.value, ret);
	}
	return -ENOENT;
}

int query_bool(const char *value, bool *ret)
{
	static const struct {
		const char *word;
		bool means;
	} words[] = {{"1", true}, {"true", true}, {"yes", true}, {"on", true}, {"0", false}, {"false", false},
		{"no", false}, {"off", false}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(value, words[i].word) != 0)
			continue;
		*ret = words[i].means;
		return 0;
	}
	return -EINVAL;
}

int query_number(const char *value, int64_t min, int64_t max, int64_t *ret)
{
	int64_t number;
	int r = text_parse_i64(span_str(value), &number);

	if (r < 0)
		return r;
	if (number < min || number > max)
		return -ERANGE;
	*ret = number;
	return 0;
}
