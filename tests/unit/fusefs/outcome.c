#include "tests/unit/fusefs/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

void outcome_init(struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->over, NULL);
}

void outcome_tell(struct outcome *o, int error)
{
	pthread_mutex_lock(&o->lock);
	assert_false(o->done);
	o->done = true;
	o->error = error;
	pthread_cond_signal(&o->over);
	pthread_mutex_unlock(&o->lock);
}

int outcome_wait(struct outcome *o)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += OUTCOME_WAIT_S;
	pthread_mutex_lock(&o->lock);
	while (!o->done && r == 0)
		r = pthread_cond_timedwait(&o->over, &o->lock, &until);
	pthread_mutex_unlock(&o->lock);
	assert_true(o->done);
	return o->error;
}
