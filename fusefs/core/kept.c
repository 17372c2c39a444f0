#include "fusefs/core/kept.h"

#include <assert.h>
#include <utlist.h>

int kept_pick(const size_t bytes[KEPT_KINDS], const bool can[KEPT_KINDS])
{
	static const size_t weights[KEPT_KINDS] = {
		[KEPT_CONTENT] = 4, [KEPT_NAMES] = 4, [KEPT_LISTINGS] = 1, [KEPT_XATTRS] = 1};
	size_t most = 0;
	int picked = -1;

	for (int kind = 0; kind < KEPT_KINDS; kind++) {
		size_t weighed = bytes[kind] / weights[kind];

		if (!can[kind] || (picked >= 0 && weighed <= most))
			continue;
		most = weighed;
		picked = kind;
	}
	return picked;
}

void kept_count(struct kept *k, enum kept_kind kind, struct kept_item *item, size_t bytes)
{
	struct kept_list *list = &k->lists[kind];

	assert(list->bytes >= item->bytes);
	if (item->bytes > 0)
		DL_DELETE(list->recent, item);
	list->bytes -= item->bytes;
	item->bytes = bytes;
	list->bytes += bytes;
	if (bytes > 0)
		DL_PREPEND(list->recent, item);
	assert(list->recent || list->bytes == 0);
}

void kept_use(struct kept *k, enum kept_kind kind, struct kept_item *item)
{
	kept_count(k, kind, item, item->bytes);
}

size_t kept_bytes(const struct kept *k, enum kept_kind kind)
{
	return k->lists[kind].bytes;
}

struct kept_item *kept_oldest(const struct kept *k, enum kept_kind kind)
{
	struct kept_item *recent = k->lists[kind].recent;

	return recent && recent->next ? recent->prev : NULL;
}
