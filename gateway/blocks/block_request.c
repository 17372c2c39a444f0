#include "gateway/blocks/block_request.h"

#include "common/base/limits.h"
#include "common/base/text.h"

#include <string.h>

bool block_request_hash(const char *target, uint8_t ret[SHA256_BYTES])
{
	static const char ABOVE[] = "/blocks/";
	const size_t path = strcspn(target, "?");
	const size_t tail = sizeof(ABOVE) - 1 + SHA256_HEX_SIZE - 1;

	if (path < tail || strncmp(target + path - tail, ABOVE, sizeof(ABOVE) - 1) != 0)
		return false;
	return text_unhex(span_of(target + path - (SHA256_HEX_SIZE - 1), SHA256_HEX_SIZE - 1), ret, SHA256_BYTES) == 0;
}

bool block_request_part(const char *range, struct block_request_part *ret)
{
	static const char UNIT[] = "bytes=";
	const char *dash;
	uint64_t first, last;

	*ret = (struct block_request_part){.whole = !range};
	if (!range)
		return true;
	if (strncmp(range, UNIT, sizeof(UNIT) - 1) != 0)
		return false;
	range += sizeof(UNIT) - 1;
	dash = strchr(range, '-');
	if (!dash || text_parse_u64(span_of(range, (size_t)(dash - range)), BLOCK_BYTES_MAX - 1, &first) < 0 ||
		text_parse_u64(span_str(dash + 1), BLOCK_BYTES_MAX - 1, &last) < 0)
		return false;
	if (last < first || last - first >= BLOCK_PART_BYTES_MAX)
		return false;
	ret->from = (uint32_t)first;
	ret->len = (uint32_t)(last - first + 1);
	return true;
}
