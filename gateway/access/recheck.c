#include "gateway/access/recheck.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct recheck {
	struct auth *auth;
	struct under_way *under_way;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;
	unsigned asking;
	bool sooner;
	bool unknown; /* some question of this round got no verdict */
	bool stopping;
};

struct inquiry {
	struct recheck *recheck;
	struct under_way_doubt doubt;
	int64_t asked_ns;
};

static void on_outcome(void *cookie, int outcome)
{
	struct inquiry *q = cookie;
	struct recheck *r = q->recheck;
	struct under_way *u = r->under_way;
	const bool unknown = outcome != 0 && outcome != -ERR_UNAUTHENTICATED;
	const bool too_long = q->asked_ns - q->doubt.confirmed_ns > RECHECK_UNKNOWN_S * NS_PER_S;

	/* A doubted token has no confirmed_ns: it is asked about again, and nothing is changed under it until
	 * then. */
	if (outcome == -ERR_UNAUTHENTICATED || (unknown && q->doubt.confirmed_ns && too_long))
		under_way_end(u, q->doubt.token_id, outcome);
	else
		under_way_asked(u, q->doubt.token_id, unknown ? 0 : q->asked_ns);
	free(q);
	pthread_mutex_lock(&r->lock);
	assert(r->asking > 0);
	r->asking--;
	r->unknown = r->unknown || unknown;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

static bool begin_inquiry(struct recheck *r)
{
	struct inquiry *q = malloc(sizeof(*q));
	int error = -ENOMEM;

	if (!q)
		return false;
	q->recheck = r;
	q->asked_ns = clock_mono_ns();
	if (!under_way_next_doubt(r->under_way, q->asked_ns - TOKEN_CACHE_S * NS_PER_S, &q->doubt)) {
		free(q);
		return false;
	}
	pthread_mutex_lock(&r->lock);
	assert(r->asking < RECHECK_AT_ONCE);
	r->asking++;
	pthread_mutex_unlock(&r->lock);
	error = auth_ask_again(r->auth, q->doubt.token, on_outcome, q);
	if (error < 0)
		on_outcome(q, -ERR_UNAVAILABLE);
	return error == 0;
}

/* The caller holds r->lock; so for ask_all and wait_for_round. After "nobody can say", the next round is soon
 * enough. */
static bool may_ask(const struct recheck *r)
{
	return !r->stopping && !r->unknown && r->asking < RECHECK_AT_ONCE;
}

/* false: there is more to ask than may be asked at once. */
static bool ask_all(struct recheck *r)
{
	bool more = true;

	while (more && may_ask(r)) {
		pthread_mutex_unlock(&r->lock);
		more = begin_inquiry(r);
		pthread_mutex_lock(&r->lock);
	}
	return !more;
}

static void wait_for_round(struct recheck *r, bool all)
{
	const int64_t until_ns = clock_mono_ns() + RECHECK_PERIOD_MS * NS_PER_MS;

	while (!r->stopping && !r->sooner && (all || !may_ask(r)) && cond_wait_until(&r->wake, &r->lock, until_ns))
		;
}

static void *recheck_main(void *cookie)
{
	struct recheck *r = cookie;

	pthread_mutex_lock(&r->lock);
	while (!r->stopping) {
		r->sooner = false;
		r->unknown = false;
		wait_for_round(r, ask_all(r));
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

int recheck_start(struct auth *auth, struct under_way *under_way, struct recheck **ret)
{
	struct recheck *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->auth = auth;
	r->under_way = under_way;
	pthread_mutex_init(&r->lock, NULL);
	cond_init(&r->wake);
	int error = -pthread_create(&r->thread, NULL, recheck_main, r);
	r->started = error == 0;
	if (error < 0)
		recheck_free(r);
	else
		*ret = r;
	return error;
}

void recheck_now(struct recheck *r)
{
	pthread_mutex_lock(&r->lock);
	r->sooner = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

void recheck_stop(struct recheck *r)
{
	if (!r || !r->started)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	r->started = false;
}

void recheck_free(struct recheck *r)
{
	if (!r)
		return;
	recheck_stop(r);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
