#include "backend/pg/pg_internal.h"
#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Proves that the server that answers is the primary, the one that accepts changes.
 *
 * A connection string that names several hosts means a primary with standbys, and a standby may replace the primary.
 * Then an answer alone does not prove that its server is the primary. A restarted server shows changes that no standby
 * has, and that are gone when the server is lost. A server that was cut off goes on answering reads while another one
 * has replaced it. The proof is a synchronous commit, which a standby has confirmed (pg_logical_emit_message needs no
 * table). A thread of this module makes a proof every PG_PROOF_PERIOD_MS, on a connection of its own. A proof holds
 * for PG_PROOF_MS, counted from before its commit was sent. It holds for answers of the same server (same timeline and
 * start time) over connections that were made before the commit was sent. An answer without a valid proof waits for
 * the next proof.
 *
 * A server whose timeline is below the highest one seen is an old primary: this process does not connect to it, and
 * gives up the connections that wait for it.
 *
 * One struct pg_primary for each connection string, shared by all connections of the process. Thread-safe.
 */
static const struct pg_statement PROOF = {"proof", "SELECT pg_logical_emit_message(true, 'nephos', '')", false};

/* The servers of a connection string, in its order; ports has one entry, or one for each host. Addresses (hostaddr) are
 * not listed: by_address says that there are some, and libpq then tries the servers in the order of the string. */
struct servers {
	char *hosts[PG_HOSTS_MAX], *ports[PG_HOSTS_MAX];
	size_t count, port_count;
	bool several, by_address;
};

struct pg_primary {
	struct pg_primary *next; /* all_lock guards next and users */
	unsigned users;
	char *conninfo;
	struct servers servers;
	atomic_size_t found;  /* index of the server that was the primary last */
	atomic_size_t turn;   /* the server to try first as a standby, modulo their number */
	atomic_llong highest; /* the highest timeline that was met */
	struct pg *prover;    /* belongs to the thread, as do seeker, sought_ns and failed */
	struct pg *seeker;    /* connection that looks for another primary while the prover waits */
	int64_t sought_ns;
	bool failed; /* the latest attempt at a proof has failed */
	pthread_t thread;
	bool started;

	pthread_mutex_t lock; /* guards the fields below */
	pthread_cond_t wake;  /* the thread sleeps on it between proofs */
	pthread_cond_t tried; /* an attempt at a proof has succeeded or failed */
	bool stopping;
	bool wanted;		     /* a thread waits for a proof whose commit is not sent yet */
	int64_t timeline, server_us; /* the server of the latest proof; 0: none yet */
	int64_t since_ns;	     /* a time just before the latest proof was sent */
};

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static struct pg_primary *all;

/* ---- the thread ---- */

static void prove_once(struct pg_primary *p)
{
	const int64_t since_ns = clock_mono_ns();

	pthread_mutex_lock(&p->lock);
	p->wanted = false;
	pthread_mutex_unlock(&p->lock);
	p->sought_ns = since_ns;
	const int r = pg_run(p->prover, &PROOF, NULL, 0, NULL);
	p->failed = r < 0;
	pthread_mutex_lock(&p->lock);
	const bool other = r == 0 && (p->timeline != p->prover->timeline || p->server_us != p->prover->server_us);
	if (r == 0) {
		assert(p->prover->timeline && since_ns >= p->since_ns);
		p->timeline = p->prover->timeline;
		p->server_us = p->prover->server_us;
		p->since_ns = since_ns;
	}
	pthread_cond_broadcast(&p->tried);
	pthread_mutex_unlock(&p->lock);
	if (other)
		log_info(NULL, "database=primary timeline=%lld", (long long)p->prover->timeline);
}

/* Sleeps until the next proof is due or wanted; after a failed attempt, always for PG_RECONNECT_MS. false: the thread
 * must stop. */
static bool await_next(struct pg_primary *p)
{
	pthread_mutex_lock(&p->lock);
	const int64_t begun_ns = clock_mono_ns();
	while (!p->stopping) {
		const int64_t pause_ms = p->failed ? PG_RECONNECT_MS : p->wanted ? 0 : PG_PROOF_PERIOD_MS;
		if (pause_ms == 0 || !cond_wait_until(&p->wake, &p->lock, begun_ns + pause_ms * NS_PER_MS))
			break;
	}
	const bool go_on = !p->stopping;
	pthread_mutex_unlock(&p->lock);
	return go_on;
}

static void *primary_main(void *cookie)
{
	struct pg_primary *p = cookie;

	do
		prove_once(p);
	while (await_next(p));
	return NULL;
}

/* ---- one for each connection string ---- */

static int split(const char *list, char **ret, size_t *ret_count)
{
	const char *end;

	for (*ret_count = 0; *ret_count < PG_HOSTS_MAX; list = end + 1) {
		end = strchrnul(list, ',');
		ret[*ret_count] = strndup(list, (size_t)(end - list));
		if (!ret[*ret_count])
			return -ENOMEM;
		(*ret_count)++;
		if (!*end)
			return 0;
	}
	return -E2BIG;
}

static void servers_free(struct servers *s)
{
	for (size_t i = 0; i < PG_HOSTS_MAX; i++) {
		free(s->hosts[i]);
		free(s->ports[i]);
	}
	*s = (struct servers){0};
}

static int servers_parse(const char *conninfo, struct servers *ret)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	int r = options ? 0 : -EINVAL;

	for (const PQconninfoOption *o = options; r == 0 && o->keyword; o++) {
		const bool address = strcmp(o->keyword, "hostaddr") == 0;
		const bool host = strcmp(o->keyword, "host") == 0;
		if (!o->val)
			continue;
		if (host)
			r = split(o->val, ret->hosts, &ret->count);
		else if (strcmp(o->keyword, "port") == 0)
			r = split(o->val, ret->ports, &ret->port_count);
		ret->by_address = ret->by_address || address;
		ret->several = ret->several || ((host || address) && strchr(o->val, ','));
	}
	PQconninfoFree(options);
	return r;
}

/* Lists count servers, beginning with number first. */
static void order_from(const struct servers *s, size_t first, size_t count, struct pg_order *ret)
{
	size_t hosts = 0, ports = 0;

	for (size_t i = 0; i < count && !s->by_address; i++) {
		const size_t at = (first + i) % s->count;
		const char *comma = i ? "," : "";
		hosts += (size_t)snprintf(ret->hosts + hosts, sizeof(ret->hosts) - hosts, "%s%s", comma, s->hosts[at]);
		if (s->port_count == s->count)
			ports += (size_t)snprintf(
				ret->ports + ports, sizeof(ret->ports) - ports, "%s%s", comma, s->ports[at]);
		if (hosts >= sizeof(ret->hosts) || ports >= sizeof(ret->ports))
			break;
	}
	ret->known = hosts > 0 && hosts < sizeof(ret->hosts) && ports < sizeof(ret->ports);
	ret->ports_known = ret->known && ports > 0;
}

/* The latest primary comes first: a host that hangs and is tried before it would cost each connection PG_CONNECT_S. The
 * seeker tries all servers but this one, which the prover is waiting for: if it hangs, each look at the others would
 * begin PG_CONNECT_S later. */
void pg_primary_order(const struct pg *pg, struct pg_order *ret)
{
	const struct pg_primary *p = pg->primary;
	const struct servers *s = &p->servers;
	const size_t found = atomic_load(&p->found);

	if (pg == p->seeker && s->count > 1)
		order_from(s, found + 1, s->count - 1, ret);
	else
		order_from(s, found, s->count, ret);
}

void pg_primary_order_standbys(struct pg_primary *p, struct pg_order *ret)
{
	order_from(&p->servers, atomic_fetch_add(&p->turn, 1), p->servers.count, ret);
}

static void remember_server(struct pg_primary *p, const struct pg *pg)
{
	const struct servers *s = &p->servers;

	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->hosts[i], PQhost(pg->conn)) == 0 &&
			(s->port_count != s->count || strcmp(s->ports[i], PQport(pg->conn)) == 0))
			atomic_store(&p->found, i);
}

static void primary_free(struct pg_primary *p)
{
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	if (p->started)
		pthread_join(p->thread, NULL);
	pg_free(p->prover);
	pg_free(p->seeker);
	pthread_cond_destroy(&p->tried);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	servers_free(&p->servers);
	free(p->conninfo);
	free(p);
}

/* Takes over the contents of *servers. */
static int primary_new(const char *conninfo, struct servers *servers, struct pg_primary **ret)
{
	struct pg_primary *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->users = 1;
	p->servers = *servers;
	*servers = (struct servers){0};
	pthread_mutex_init(&p->lock, NULL);
	cond_init(&p->wake);
	cond_init(&p->tried);
	p->conninfo = strdup(conninfo);
	int r = p->conninfo ? pg_new_unproven(conninfo, p, &p->prover) : -ENOMEM;
	if (r == 0)
		r = pg_new_unproven(conninfo, p, &p->seeker);
	if (r == 0) {
		r = -pthread_create(&p->thread, NULL, primary_main, p);
		p->started = r == 0;
	}
	if (r < 0) {
		primary_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

int pg_primary_get(const char *conninfo, struct pg_primary **ret)
{
	struct servers servers = {0};
	struct pg_primary *p;

	*ret = NULL;
	int r = servers_parse(conninfo, &servers);
	if (r < 0 || !servers.several) {
		servers_free(&servers);
		return r;
	}
	pthread_mutex_lock(&all_lock);
	for (p = all; p && strcmp(p->conninfo, conninfo) != 0; p = p->next)
		;
	if (p) {
		p->users++;
	} else {
		r = primary_new(conninfo, &servers, &p);
		if (r == 0) {
			p->next = all;
			all = p;
		}
	}
	pthread_mutex_unlock(&all_lock);
	servers_free(&servers);
	*ret = r == 0 ? p : NULL;
	return r;
}

void pg_primary_put(struct pg_primary *p)
{
	bool last = false;

	if (!p)
		return;
	pthread_mutex_lock(&all_lock);
	assert(p->users > 0);
	if (--p->users == 0) {
		struct pg_primary **at = &all;
		while (*at != p)
			at = &(*at)->next;
		*at = p->next;
		last = true;
	}
	pthread_mutex_unlock(&all_lock);
	if (last)
		primary_free(p);
}

/* ---- what connections ask ---- */

bool pg_primary_met(struct pg *pg)
{
	remember_server(pg->primary, pg);
	return pg_primary_meet(pg->primary, pg->timeline);
}

int64_t pg_timeline(const struct pg *pg)
{
	return pg->primary ? atomic_load(&pg->primary->highest) : 0;
}

bool pg_primary_meet(struct pg_primary *p, int64_t timeline)
{
	long long highest = atomic_load(&p->highest);

	while (timeline > highest)
		if (atomic_compare_exchange_weak(&p->highest, &highest, timeline))
			return true;
	return timeline == highest;
}

bool pg_primary_is_over(struct pg *pg)
{
	struct pg_primary *p = pg->primary;

	if (!p || !pg->timeline)
		return false;
	if (pg == p->prover && clock_mono_ns() - p->sought_ns >= PG_SEEK_MS * NS_PER_MS) {
		/* Connecting is enough: a new primary that is found raises the highest timeline. */
		(void)pg_connect(p->seeker);
		pg_close(p->seeker);
		p->sought_ns = clock_mono_ns();
	}
	return pg->timeline < atomic_load(&p->highest);
}

static bool holds(const struct pg_primary *p, const struct pg *pg)
{
	return p->since_ns && p->timeline == pg->timeline && p->server_us == pg->server_us &&
		p->since_ns >= pg->connected_ns && clock_mono_ns() - p->since_ns < PG_PROOF_MS * NS_PER_MS;
}

int pg_primary_prove(struct pg *pg, int64_t until_ns)
{
	struct pg_primary *p = pg->primary;
	const int64_t last_ns = clock_mono_ns() + PG_PROOF_WAIT_MS * NS_PER_MS;
	bool proven;

	/* Without a connection, the caller has a failure already. */
	if (!p || pg->unproven || pg->standby || !pg->conn)
		return 0;
	if (until_ns > last_ns)
		until_ns = last_ns;
	assert(pg->timeline);
	pthread_mutex_lock(&p->lock);
	while (!(proven = holds(p, pg)) && pg->timeline >= atomic_load(&p->highest)) {
		p->wanted = true;
		pthread_cond_signal(&p->wake);
		if (!cond_wait_until(&p->tried, &p->lock, until_ns))
			break;
	}
	pthread_mutex_unlock(&p->lock);
	if (proven)
		return 0;
	snprintf(pg->error, sizeof(pg->error), "no standby has confirmed in time that this server is the primary");
	return -ENOTCONN;
}
