#include "fusefs/core/kept.h"

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
