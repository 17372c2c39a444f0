#include "common/http/range.h"

#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static struct span trim(struct span s)
{
	while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = span_of(s.data + 1, s.size - 1);
	while (s.size > 0 && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
		s.size--;
	return s;
}

/* A number that does not fit counts as larger than every size. */
static bool number(struct span s, int64_t *ret)
{
	uint64_t value;
	int r = text_parse_u64(s, INT64_MAX, &value);

	if (r == -EINVAL)
		return false;
	*ret = r < 0 ? INT64_MAX : (int64_t)value;
	return true;
}

/* Parses one of "A-B", "A-", "-N". false: malformed. ret->len 0: the range lies outside the size. */
static bool part_parse(struct span s, int64_t size, struct range *ret)
{
	const char *dash = memchr(s.data, '-', s.size);
	struct span first, last;
	int64_t a, b;

	if (!dash)
		return false;
	first = span_of(s.data, (size_t)(dash - s.data));
	last = span_of(dash + 1, s.size - first.size - 1);
	if (first.size == 0) {
		if (!number(last, &b))
			return false;
		/* A suffix of an empty document is the whole document (RFC 9110, 14.1.2), which Content-Range
		 * cannot express. */
		if (size == 0 && b > 0)
			return false;
		ret->len = b < size ? b : size;
		ret->from = size - ret->len;
		return true;
	}
	b = INT64_MAX;
	if (!number(first, &a) || (last.size > 0 && !number(last, &b)) || b < a)
		return false;
	if (b > size - 1)
		b = size - 1;
	ret->from = a;
	ret->len = a < size ? b - a + 1 : 0;
	return true;
}

/* Collects the parts that lie within the size in ret. *ret_any: the list had a part at all. false: ignore the
 * header. */
static bool parts_parse(struct span list, int64_t size, struct range_set *ret, bool *ret_any)
{
	int64_t sum = 0;

	ret->count = 0;
	while (list.size > 0) {
		const char *comma = memchr(list.data, ',', list.size);
		size_t taken = comma ? (size_t)(comma - list.data) : list.size;
		struct span one = trim(span_of(list.data, taken));
		struct range part;

		list = comma ? span_of(comma + 1, list.size - taken - 1) : span_of(NULL, 0);
		if (one.size == 0)
			continue; /* empty elements of a list mean nothing (RFC 9110, 5.6.1) */
		if (!part_parse(one, size, &part))
			return false;
		*ret_any = true;
		if (part.len == 0)
			continue;
		if (ret->count == RANGE_PARTS_MAX || part.len > size - sum)
			return false;
		sum += part.len;
		ret->parts[ret->count++] = part;
	}
	return *ret_any;
}

int range_parse(const char *header, int64_t size, struct range_set *ret)
{
	struct range_set set;
	bool any = false;

	ret->count = 0;
	if (!header || strncasecmp(header, "bytes=", 6) != 0)
		return 0;
	if (!parts_parse(span_str(header + 6), size, &set, &any))
		return 0;
	if (set.count == 0)
		return -ERR_RANGE;
	*ret = set;
	return 0;
}
