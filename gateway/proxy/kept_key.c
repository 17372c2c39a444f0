#include "gateway/proxy/kept_key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool kept_key_make(struct kept_key *key, int64_t user, uint32_t drive, const char *accept, const char *target)
{
	const int size = snprintf(key->text, sizeof(key->text), "%" PRId64 " %" PRIu32 " %s\n%s", user, drive,
		accept ? accept : "", target);

	key->size = size > 0 ? (size_t)size : 0;
	return size > 0 && (size_t)size < sizeof(key->text);
}

enum cache_kind kept_key_kind(const char *target)
{
	static const struct {
		const char *end;
		enum cache_kind kind;
	} ENDS[] = {{"/children", CACHE_LISTING}, {"/content", CACHE_CONTENT}, {"/extents", CACHE_EXTENTS},
		{"/xattrs", CACHE_XATTRS}};
	const size_t path = strcspn(target, "?");

	for (size_t i = 0; i < sizeof(ENDS) / sizeof(ENDS[0]); i++) {
		const size_t size = strlen(ENDS[i].end);

		if (path >= size && strncmp(target + path - size, ENDS[i].end, size) == 0)
			return ENDS[i].kind;
	}
	return strstr(target, "/files/") ? CACHE_CONTENT : CACHE_ITEM;
}
