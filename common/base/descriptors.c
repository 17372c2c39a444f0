#include "common/base/descriptors.h"

#include <sys/resource.h>

unsigned descriptors_allow(unsigned connections)
{
	const rlim_t wanted = (rlim_t)connections + DESCRIPTORS_OWN;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return connections;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= wanted)
		return connections;
	return limit.rlim_cur > DESCRIPTORS_OWN ? (unsigned)(limit.rlim_cur - DESCRIPTORS_OWN) : 1;
}
