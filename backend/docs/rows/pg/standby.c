#include "backend/docs/rows/pg/standby.h"

#include "backend/docs/rows/pg/sql.h"
#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/log.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/*
 * The timeline in a standby's rows is read once for each connection, and again when a request names another
 * timeline. This is enough because, while a connection lasts, its server only moves on to later timelines, which
 * contain all that it showed before. A server that is rewound, or left that path, is restarted, and its
 * connections end.
 */

enum refusal {
	REFUSAL_UNREACHABLE, /* no standby, or none that answers in time */
	REFUSAL_TIMELINE,    /* the standby does not have the row of that timeline */
	REFUSAL_BEHIND,
	REFUSAL_AHEAD,
	REFUSAL_OTHER, /* no such drive there, or one with another incarnation; or an error */
	REFUSALS
};

static const char *const REFUSAL_LABELS[REFUSALS] = {
	"why=\"unreachable\"", "why=\"timeline\"", "why=\"behind\"", "why=\"ahead\"", "why=\"other\""};

struct standbys {
	char *conninfo;
	atomic_llong next_try_ns; /* no store connects before this time */
	struct metric *from_standby, *from_primary, *refused[REFUSALS];
	struct pg *primary; /* used by the thread only */
	pthread_t thread;
	bool started;

	pthread_mutex_t lock; /* guards stopping */
	pthread_cond_t wake;
	bool stopping;
};

struct standby {
	struct standbys *all;
	struct pg *pg;
	uint64_t connection; /* the connection that `timeline` was read on */
	int64_t timeline;    /* 0: the row does not exist there */
	int64_t looked_ns;
};

/* ---- the thread that writes the row ---- */

/* Writes the primary's timeline down unless that is done; returns whether it is written down. A server that has
 * just become the primary has not told anybody its timeline yet. */
static bool mark(struct standbys *all, int64_t marked)
{
	if (pg_timeline(all->primary) == marked)
		return true;
	const int r = pg_run(all->primary, &SQL_TIMELINE_MARK, NULL, 0, NULL);
	if (r < 0)
		log_warning(NULL,
			"op=mark database=primary error=%d text=\"%s\" outcome=\"no reads from standbys yet\"", r,
			pg_error(all->primary));
	return r == 0;
}

static void *mark_main(void *cookie)
{
	struct standbys *all = cookie;
	int64_t marked = 0;

	pthread_mutex_lock(&all->lock);
	while (!all->stopping) {
		pthread_mutex_unlock(&all->lock);
		/* A timeline that is met while mark() writes is written in the next round. */
		const int64_t met = pg_timeline(all->primary);
		if (mark(all, marked))
			marked = met;
		pthread_mutex_lock(&all->lock);
		const int64_t until_ns = clock_mono_ns() + STANDBY_MARK_MS * NS_PER_MS;
		while (!all->stopping && cond_wait_until(&all->wake, &all->lock, until_ns))
			;
	}
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

/* ---- life ---- */

static int add_metrics(struct standbys *all, struct metrics *m)
{
	static const char reads[] = "nephos_docs_reads_total",
			  help[] = "Reads of documents, by the server of the database that answered them";
	int r = 0;

	if (!m)
		return 0;
	r = metrics_add(m, METRIC_COUNTER, reads, "from=\"standby\"", help, &all->from_standby);
	if (r == 0)
		r = metrics_add(m, METRIC_COUNTER, reads, "from=\"primary\"", help, &all->from_primary);
	for (size_t i = 0; r == 0 && i < REFUSALS; i++)
		r = metrics_add(m, METRIC_COUNTER, "nephos_docs_standby_refused_total", REFUSAL_LABELS[i],
			"Reads that no standby could answer, by reason", &all->refused[i]);
	return r;
}

int standbys_new(const char *conninfo, struct metrics *metrics, struct standbys **ret)
{
	struct standbys *all = calloc(1, sizeof(*all));
	struct pg *probe = NULL;

	if (!all)
		return -ENOMEM;
	pthread_mutex_init(&all->lock, NULL);
	cond_init(&all->wake);
	all->conninfo = strdup(conninfo);
	int r = all->conninfo ? pg_new_standby(conninfo, &probe) : -ENOMEM;
	if (r == 0)
		r = pg_new(conninfo, &all->primary);
	pg_free(probe);
	if (r == 0)
		pg_set_deadline(all->primary, STANDBY_MARK_ANSWER_MS);
	if (r == 0)
		r = add_metrics(all, metrics);
	if (r == 0) {
		r = -pthread_create(&all->thread, NULL, mark_main, all);
		all->started = r == 0;
	}
	if (r < 0) {
		standbys_free(all);
		return r;
	}
	*ret = all;
	return 0;
}

void standbys_free(struct standbys *all)
{
	if (!all)
		return;
	pthread_mutex_lock(&all->lock);
	all->stopping = true;
	pthread_cond_broadcast(&all->wake);
	pthread_mutex_unlock(&all->lock);
	if (all->started)
		pthread_join(all->thread, NULL);
	pg_free(all->primary);
	pthread_cond_destroy(&all->wake);
	pthread_mutex_destroy(&all->lock);
	free(all->conninfo);
	free(all);
}

int standby_new(struct standbys *all, struct standby **ret)
{
	struct standby *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->all = all;
	const int r = pg_new_standby(all->conninfo, &s->pg);
	if (r < 0) {
		free(s);
		return r;
	}
	pg_set_deadline(s->pg, STANDBY_ANSWER_MS);
	*ret = s;
	return 0;
}

void standby_free(struct standby *s)
{
	if (!s)
		return;
	pg_free(s->pg);
	free(s);
}

/* ---- one read ---- */

static void pause_all(struct standbys *all)
{
	atomic_store(&all->next_try_ns, clock_mono_ns() + STANDBY_PAUSE_MS * NS_PER_MS);
}

/* Whether there is a connection, or one could be made now. */
static bool connect_in_time(struct standby *s)
{
	if (pg_fd(s->pg) >= 0)
		return true;
	if (clock_mono_ns() < atomic_load(&s->all->next_try_ns))
		return false;
	if (pg_connect(s->pg) == 0)
		return true;
	pause_all(s->all);
	return false;
}

/* Runs a statement. After a lost connection no store connects for a while: each attempt to reach a standby that
 * hangs delays a read. */
static int run(struct standby *s, const struct pg_statement *statement, const struct pg_param *params, size_t count,
	struct pg_result **ret)
{
	const int r = pg_run(s->pg, statement, params, count, ret);

	if (r < 0 && pg_fd(s->pg) < 0)
		pause_all(s->all);
	return r;
}

static bool is_known(const struct standby *s, int64_t timeline)
{
	return s->connection == pg_connections(s->pg) && s->timeline == timeline;
}

/* Whether the rows of this connection's server are of that timeline. Not every read looks while the standby has
 * yet to receive a failover. */
static bool look(struct standby *s, int64_t timeline)
{
	const int64_t now_ns = clock_mono_ns();
	struct pg_result *r = NULL;

	if (is_known(s, timeline))
		return true;
	if (s->connection == pg_connections(s->pg) && now_ns - s->looked_ns < STANDBY_LOOK_MS * NS_PER_MS)
		return false;
	assert(now_ns >= s->looked_ns);
	s->looked_ns = now_ns;
	s->timeline = 0;
	const int error = run(s, &SQL_TIMELINE_SEEN, NULL, 0, &r);
	s->connection = pg_connections(s->pg);
	if (error < 0)
		return false;
	if (pg_rows(r) == 1)
		s->timeline = pg_number(r, 0, TIMELINE_NUMBER);
	const bool follows = pg_rows(r) == 0 || pg_number(r, 0, TIMELINE_FOLLOWS) != 0;
	pg_result_free(r);
	/* The server has become the primary. Its answers would be right, but these reads are meant to spare the
	 * primary. */
	if (!follows)
		pg_close(s->pg);
	return follows && s->timeline == timeline;
}

/* REFUSALS: the answer is right; else the reason why it is not. */
static int judge(const struct pg_result *r, const struct docs_stand *stand)
{
	if (pg_rows(r) == 0 || pg_number(r, 0, READ_INCARNATION) != stand->at.incarnation)
		return REFUSAL_OTHER;
	if (pg_number(r, 0, READ_SEQ) < stand->at.seq)
		return REFUSAL_BEHIND;
	return pg_number(r, 0, READ_SEQ) > stand->at.seq ? REFUSAL_AHEAD : REFUSALS;
}

static int ask(struct standby *s, const struct standby_question *q, struct pg_result **ret)
{
	if (!connect_in_time(s))
		return REFUSAL_UNREACHABLE;
	if (!look(s, q->stand->timeline))
		return pg_fd(s->pg) >= 0 ? REFUSAL_TIMELINE : REFUSAL_UNREACHABLE;
	if (run(s, q->statement, q->params, q->count, ret) < 0)
		return pg_fd(s->pg) >= 0 ? REFUSAL_OTHER : REFUSAL_UNREACHABLE;
	/* pg_run may have reconnected, to another server. */
	return is_known(s, q->stand->timeline) ? judge(*ret, q->stand) : REFUSAL_TIMELINE;
}

bool standby_ask(struct standby *s, const struct standby_question *q, struct pg_result **ret)
{
	struct pg_result *r = NULL;

	assert(q->statement->read_only && q->stand->timeline > 0);
	const int why = ask(s, q, &r);
	if (why == REFUSALS) {
		assert(r && is_known(s, q->stand->timeline));
		metric_inc(s->all->from_standby);
		*ret = r;
		return true;
	}
	pg_result_free(r);
	metric_inc(s->all->refused[why]);
	return false;
}

void standby_count_primary(struct standby *s)
{
	if (s)
		metric_inc(s->all->from_primary);
}
