#include "common/base/cond.h"

#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>

void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;
	int r;

	/* On Linux none of these calls can fail for a clock that exists. */
	pthread_condattr_init(&attributes);
	r = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	assert(r == 0);
	r = pthread_cond_init(cond, &attributes);
	assert(r == 0);
	pthread_condattr_destroy(&attributes);
}

bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns)
{
	struct timespec until;

	if (until_ns == COND_FOREVER) {
		pthread_cond_wait(cond, lock);
		return true;
	}
	until = clock_timespec(until_ns);
	return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}
