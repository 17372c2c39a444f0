#include "common/http/server/route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t count_rows(const struct http_route *routes)
{
	size_t n = 0;

	while (routes && routes[n].method)
		n++;
	return n;
}

int http_routes_concat(const struct http_route *a, const struct http_route *b, struct http_route **ret)
{
	size_t first = count_rows(a), second = count_rows(b);
	struct http_route *all = calloc(first + second + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	if (first)
		memcpy(all, a, first * sizeof(*all));
	if (second)
		memcpy(all + first, b, second * sizeof(*all));
	*ret = all;
	return 0;
}
