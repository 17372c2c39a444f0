#include "backend/docs/blocks/block_name.h"

#include "common/base/text.h"

#include <inttypes.h>
#include <stdio.h>

void block_name_format(const struct block_name *name, char ret[BLOCK_NAME_SIZE])
{
	char hex[65];

	text_hex(name->sha256, sizeof(name->sha256), hex);
	snprintf(ret, BLOCK_NAME_SIZE, "%" PRIu32 "-%s-%" PRId64, name->drive, hex, name->generation);
}

bool block_name_parse(const char *text, struct block_name *ret)
{
	char again[BLOCK_NAME_SIZE];
	const char *hex = strchr(text, '-'), *end = hex ? strchr(hex + 1, '-') : NULL;
	struct block_name name = {.drive = 0};
	int64_t drive;

	if (!end || end - hex - 1 != 2 * (ptrdiff_t)sizeof(name.sha256) ||
		text_parse_i64(span_of(text, (size_t)(hex - text)), &drive) < 0 || drive <= 0 || drive > INT32_MAX ||
		text_parse_i64(span_str(end + 1), &name.generation) < 0)
		return false;
	name.drive = (uint32_t)drive;
	if (text_unhex(span_of(hex + 1, 2 * sizeof(name.sha256)), name.sha256, sizeof(name.sha256)) < 0)
		return false;
	block_name_format(&name, again);
	*ret = name;
	return strcmp(again, text) == 0;
}

uint32_t block_name_folder(const struct block_name *name)
{
	return (uint32_t)name->sha256[0] << 8 | name->sha256[1];
}
