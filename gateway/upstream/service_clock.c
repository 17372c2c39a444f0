#include "gateway/upstream/service_clock.h"

#include "common/base/clock.h"
#include "common/http/precondition.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct service_clock {
	pthread_mutex_t lock; /* guards all below */
	bool is_known;
	int64_t begin_s;  /* by that service's clock, the time when this machine began to run */
	int64_t heard_ns; /* when a Date was last taken */
};

int service_clock_new(struct service_clock **ret)
{
	struct service_clock *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	*ret = c;
	return 0;
}

void service_clock_free(struct service_clock *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* When several services send their Dates in turn, the latest time stays, as long as Dates for it come. */
void service_clock_hear(struct service_clock *c, const char *date, int64_t boot_ns)
{
	int64_t there_s;

	if (!date || precondition_parse_date(date, &there_s) < 0)
		return;
	const int64_t begin_s = there_s - boot_ns / NS_PER_S;

	pthread_mutex_lock(&c->lock);
	/* A Date has whole seconds: the same clock may seem to be a second earlier. */
	if (!c->is_known || begin_s >= c->begin_s - 1 || boot_ns - c->heard_ns > SERVICE_CLOCK_KEPT_S * NS_PER_S) {
		c->is_known = true;
		c->begin_s = begin_s;
		c->heard_ns = boot_ns;
	}
	pthread_mutex_unlock(&c->lock);
}

int64_t service_clock_latest_s(struct service_clock *c, int64_t boot_ns)
{
	const int64_t own_s = clock_real_ns() / NS_PER_S;

	pthread_mutex_lock(&c->lock);
	const int64_t there_s = c->is_known ? c->begin_s + boot_ns / NS_PER_S : own_s;
	pthread_mutex_unlock(&c->lock);
	return there_s > own_s ? there_s : own_s;
}
