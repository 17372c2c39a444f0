#include "fusefs/store/http/store_http_internal.h"

#include "common/base/text.h"

#include <sys/stat.h>

static bool type_ok(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFIFO:
	case S_IFSOCK:
	case S_IFCHR:
	case S_IFBLK:
		return (mode & ~(uint32_t)(S_IFMT | 07777 | ITEM_MODE_FLAGS)) == 0;
	default:
		return false;
	}
}

static bool id_ok(int64_t id, uint32_t drive)
{
	return id > 0 && ITEM_DRIVE(id) == drive && ITEM_NUMBER(id) != 0;
}

bool store_http_item_ok(const struct item *item, uint32_t drive)
{
	if (!id_ok(item->id, drive) || (item->parent != 0 && !id_ok(item->parent, drive)) || !type_ok(item->mode))
		return false;
	if (item->size < 0 || (uint64_t)item->size > FILE_BYTES_MAX || item->allocated < 0)
		return false;
	/* The root, and a document that lost its last name, have no name. */
	if (item->name.size > 0 && text_name_check(item->name) < 0)
		return false;
	if (item->target.size > PATH_BYTES_MAX || (S_ISLNK(item->mode) && item->target.size == 0))
		return false;
	return !item->has_inline || (S_ISREG(item->mode) && (int64_t)item->inline_data.size == item->size);
}

/* from: where the extent before this one ended. */
bool store_http_extent_ok(const struct extent *extent, int64_t size, int64_t from)
{
	if (extent->at < from || extent->len <= 0 || extent->at > size || extent->len > size - extent->at)
		return false;
	if (extent->kind == EXTENT_INLINE)
		return extent->data.size == (size_t)extent->len;
	return extent->block_size > 0 && extent->block_size <= BLOCK_BYTES_MAX && extent->from < extent->block_size &&
		extent->len <= (int64_t)(extent->block_size - extent->from) && extent->cap.size < 128;
}
