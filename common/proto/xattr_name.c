#include "common/proto/xattr_name.h"

#include "common/proto/acl.h"

#include <errno.h>

#define TRUSTED "trusted."

static bool begins_with(struct span name, const char *prefix)
{
	size_t size = strlen(prefix);

	return name.size >= size && memcmp(name.data, prefix, size) == 0;
}

int xattr_name_check(struct span name)
{
	static const char *const taken[] = {"user.", TRUSTED, "security."};
	bool is_default;

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (begins_with(name, taken[i]))
			return name.size == strlen(taken[i]) ? -EINVAL : 0;
	return acl_is_name(name, &is_default) ? 0 : -EOPNOTSUPP;
}

bool xattr_name_is_trusted(struct span name)
{
	return begins_with(name, TRUSTED);
}
