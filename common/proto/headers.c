#include "common/proto/headers.h"

#include "common/base/line.h"
#include "common/base/text.h"

#include <errno.h>
#include <string.h>

static int parse_pair(const char *text, char between, int64_t *ret_first, int64_t *ret_second)
{
	const char *at = text ? strchr(text, between) : NULL;
	uint64_t first, second;

	if (!at || text_parse_u64(span_of(text, (size_t)(at - text)), INT64_MAX, &first) < 0 ||
		text_parse_u64(span_str(at + 1), INT64_MAX, &second) < 0)
		return -EINVAL;
	*ret_first = (int64_t)first;
	*ret_second = (int64_t)second;
	return 0;
}

static void print_pair(int64_t first, const char *between, int64_t second, char ret[HEADERS_VALUE_SIZE])
{
	struct line line;

	line_begin(&line, ret, HEADERS_VALUE_SIZE);
	line_number(&line, first);
	line_text(&line, between);
	line_number(&line, second);
}

void headers_position_print(int64_t incarnation, int64_t seq, char ret[HEADERS_VALUE_SIZE])
{
	print_pair(incarnation, ".", seq, ret);
}

int headers_position_parse(const char *text, int64_t *ret_incarnation, int64_t *ret_seq)
{
	return parse_pair(text, '.', ret_incarnation, ret_seq);
}

void headers_stand_print(const struct headers_stand *stand, char ret[HEADERS_STAND_SIZE])
{
	struct line line;

	line_begin(&line, ret, HEADERS_STAND_SIZE);
	line_number(&line, stand->incarnation);
	line_text(&line, ".");
	line_number(&line, stand->seq);
	line_text(&line, "/");
	line_number(&line, stand->timeline);
}

int headers_stand_parse(const char *text, struct headers_stand *ret)
{
	const char *slash = text ? strchr(text, '/') : NULL;
	char position[HEADERS_VALUE_SIZE];
	struct headers_stand stand;

	if (!slash || (size_t)(slash - text) >= sizeof(position))
		return -EINVAL;
	memcpy(position, text, (size_t)(slash - text));
	position[slash - text] = '\0';
	if (headers_position_parse(position, &stand.incarnation, &stand.seq) < 0 || stand.incarnation == 0 ||
		text_parse_id(span_str(slash + 1), INT64_MAX, &stand.timeline) < 0)
		return -EINVAL;
	*ret = stand;
	return 0;
}

void headers_usage_print(int64_t used, int64_t quota, char ret[HEADERS_VALUE_SIZE])
{
	print_pair(used, "/", quota, ret);
}

int headers_usage_parse(const char *text, int64_t *ret_used, int64_t *ret_quota)
{
	return parse_pair(text, '/', ret_used, ret_quota);
}
