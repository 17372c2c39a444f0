#include "backend/service/pulse.h"

#include "backend/pg/pg.h"
#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct pulse {
	struct pulse_options options;
	struct pg *pg; /* used by the thread only */
	atomic_bool alive;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* guards stopping */
	pthread_cond_t wake;
	bool stopping;
};

static void ask(struct pulse *p)
{
	pg_set_deadline(p->pg, PULSE_DEADLINE_MS);
	const int r = pg_run(p->pg, &PG_PING, NULL, 0, NULL);
	const bool alive = r == 0;

	pg_set_deadline(p->pg, PG_ANSWER_MS);
	if (alive == atomic_exchange(&p->alive, alive))
		return;
	if (alive)
		log_info(NULL, "database=up");
	else
		log_error(NULL, "database=down error=%d text=\"%s\"", r, pg_error(p->pg));
}

/* false: it is time to stop. */
static bool wait_period(struct pulse *p)
{
	const int64_t until_ns = clock_mono_ns() + PULSE_PERIOD_MS * NS_PER_MS;

	pthread_mutex_lock(&p->lock);
	while (!p->stopping && cond_wait_until(&p->wake, &p->lock, until_ns))
		;
	const bool go_on = !p->stopping;
	pthread_mutex_unlock(&p->lock);
	return go_on;
}

static void *pulse_main(void *cookie)
{
	struct pulse *p = cookie;
	int64_t kept_ns = 0;

	while (wait_period(p)) {
		ask(p);
		const int64_t now_ns = clock_mono_ns();
		if (!p->options.housekeep || !atomic_load(&p->alive))
			continue;
		if (kept_ns && now_ns - kept_ns < p->options.housekeep_s * NS_PER_S)
			continue;
		kept_ns = now_ns;
		p->options.housekeep(p->pg, p->options.cookie);
	}
	return NULL;
}

int pulse_start(const struct pulse_options *options, struct pulse **ret)
{
	struct pulse *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->options = *options;
	atomic_init(&p->alive, true);
	pthread_mutex_init(&p->lock, NULL);
	cond_init(&p->wake);
	int r = pg_new(options->conninfo, &p->pg);
	if (r == 0)
		r = -pthread_create(&p->thread, NULL, pulse_main, p);
	p->started = r == 0;
	if (r < 0) {
		pulse_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void pulse_free(struct pulse *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	if (p->started)
		pthread_join(p->thread, NULL);
	pg_free(p->pg);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

bool pulse_is_alive(const struct pulse *p)
{
	return atomic_load(&p->alive);
}
