#include "common/proto/item.h"

#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static const struct {
	uint32_t mode;
	const char *name;
} types[] = {
	{S_IFREG, "file"},
	{S_IFDIR, "dir"},
	{S_IFLNK, "symlink"},
	{S_IFIFO, "fifo"},
	{S_IFSOCK, "socket"},
	{S_IFCHR, "chr"},
	{S_IFBLK, "blk"},
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

const char *item_type_name(uint32_t mode)
{
	for (size_t i = 0; i < TYPE_COUNT; i++)
		if (types[i].mode == (mode & S_IFMT))
			return types[i].name;
	return "file"; /* a row without type bits is never sent; the function must return a name anyway */
}

int item_type_parse(const char *name, uint32_t *ret)
{
	for (size_t i = 0; name && i < TYPE_COUNT; i++) {
		if (strcmp(types[i].name, name) != 0)
			continue;
		*ret = types[i].mode;
		return 0;
	}
	return -EINVAL;
}

void item_etag(const struct item *item, char *ret)
{
	(void)snprintf(
		ret, ITEM_ETAG_SIZE, "\"%" PRIx64 "-%" PRIx64 "\"", (uint64_t)item->id, (uint64_t)item->content_seq);
}

/* Accepts only what item_etag writes: 1 to 16 digits, lower case, no zero in front. */
static int etag_hex(struct span s, int64_t *ret)
{
	char padded[17] = "0000000000000000";
	uint8_t bytes[8];
	uint64_t value = 0;

	if (s.size == 0 || s.size > 16 || (s.size > 1 && s.data[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < s.size; i++)
		if (s.data[i] >= 'A' && s.data[i] <= 'F')
			return -EINVAL;
	memcpy(padded + 16 - s.size, s.data, s.size);
	if (text_unhex(span_of(padded, 16), bytes, sizeof(bytes)) < 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(bytes); i++)
		value = value << 8 | bytes[i];
	*ret = (int64_t)value;
	return 0;
}

int item_etag_parse(struct span etag, int64_t *ret_id, int64_t *ret_content_seq)
{
	const char *dash;
	int64_t id, content_seq;
	size_t first;

	if (etag.size < 5 || etag.data[0] != '"' || etag.data[etag.size - 1] != '"')
		return -EINVAL;
	etag = span_of(etag.data + 1, etag.size - 2);
	dash = memchr(etag.data, '-', etag.size);
	if (!dash)
		return -EINVAL;
	first = (size_t)(dash - etag.data);
	if (etag_hex(span_of(etag.data, first), &id) < 0 ||
		etag_hex(span_of(dash + 1, etag.size - first - 1), &content_seq) < 0)
		return -EINVAL;
	*ret_id = id;
	*ret_content_seq = content_seq;
	return 0;
}
