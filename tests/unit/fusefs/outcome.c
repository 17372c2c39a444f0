#include "tests/unit/fusefs/outcome.h"
#include "common/base/clock.h"
#include "common/base/cond.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

void outcome_init(struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	pthread_mutex_init(&o->lock, NULL);
	cond_init(&o->over);
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
	const int64_t until_ns = clock_mono_ns() + OUTCOME_WAIT_S * NS_PER_S;

	pthread_mutex_lock(&o->lock);
	while (!o->done && cond_wait_until(&o->over, &o->lock, until_ns))
		;
	pthread_mutex_unlock(&o->lock);
	assert_true(o->done);
	return o->error;
}
