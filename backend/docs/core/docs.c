#include "backend/docs/core/docs.h"

#include "backend/docs/journal/feed.h"
#include "backend/docs/journal/notifier.h"
#include "backend/docs/rows/pg/docs_pg.h"
#include "backend/service/service.h"
#include "backend/service/workers.h"
#include "common/base/clock.h"
#include "common/base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/*
 * What handlers need of the service as a whole: a worker to run on, and signatures.
 *
 * A handler runs on a thread of the HTTP server and must not wait there. docs_run puts its job into the pool for
 * requests, docs_run_slow into the pool for jobs that hash or wait for disks, so that uploads cannot keep
 * look-ups waiting. A worker has a connection to PostgreSQL. The store on that connection, with its prepared
 * arrays, is made at the worker's first job and kept in a table by connection. An accepted job always runs,
 * because it owes somebody an answer.
 *
 * A capability lets its holder read one block without asking the database: it is signed with a key that is
 * derived from the key of the store. All docs services derive the same one. When the store's keys are exchanged,
 * the new first key signs at once, and signatures with the other keys are valid until these leave the file
 * (docs_keys_changed).
 */

struct docs_job {
	void (*job)(struct docs_store *store, void *cookie);
	void *cookie;
	struct docs *docs;
};

/* The store of a worker's connection, made at its first job. NULL: no memory. */
static struct docs_store *store_of(struct docs *d, struct pg *pg)
{
	struct docs_worker *worker = NULL;
	struct docs_store *store = NULL;

	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < DOCS_STORES_MAX && !worker; i++)
		if (d->workers[i].pg == pg || !d->workers[i].pg)
			worker = &d->workers[i];
	assert(worker); /* there is one for each worker */
	if (!worker->pg && docs_pg_new(pg, d->drive_cache, &worker->store) == 0) {
		worker->pg = pg;
		if (d->standbys)
			(void)docs_pg_use_standbys(worker->store, d->standbys); /* on failure the primary answers */
	}
	if (worker->pg)
		store = worker->store;
	pthread_mutex_unlock(&d->lock);
	return store;
}

static void job_on_worker(struct pg *pg, void *cookie)
{
	struct docs_job job = *(struct docs_job *)cookie;
	struct docs_store *store = store_of(job.docs, pg);

	free(cookie);
	/* The job must run, because it owes an answer, and it needs a store. Memory for a store is requested
	 * only at the first job of each worker. */
	while (!store)
		store = store_of(job.docs, pg);
	job.job(store, job.cookie);
}

static struct docs_job *job_new(struct docs *d, void (*job)(struct docs_store *store, void *cookie), void *cookie)
{
	struct docs_job *j = malloc(sizeof(*j));

	if (j)
		*j = (struct docs_job){job, cookie, d};
	return j;
}

int docs_run(void (*job)(struct docs_store *store, void *cookie), void *cookie, void *docs, int64_t party)
{
	struct docs *d = docs;
	struct docs_job *j = job_new(d, job, cookie);
	int r = j ? service_submit(d->service, party, job_on_worker, j) : -EAGAIN;

	if (r < 0)
		free(j);
	return r;
}

int docs_run_slow(void (*job)(struct docs_store *store, void *cookie), void *cookie, struct docs *docs, int64_t party)
{
	struct docs_job *j = job_new(docs, job, cookie);
	int r = j ? workers_submit(docs->slow, party, job_on_worker, j) : -EAGAIN;

	if (r < 0)
		free(j);
	return r;
}

void docs_tell(struct docs *docs, uint32_t drive)
{
	feed_changed(docs->feed, drive, 0);
	notifier_tell(docs->notifier, drive, 0);
}

void docs_keys_changed(void *docs)
{
	struct cluster *cluster;
	struct docs *d = docs;

	cluster = service_cluster(d->service);
	pthread_mutex_lock(&d->cap_lock);
	d->cap_key_count = 0;
	while (d->cap_key_count < CLUSTER_KEYS_MAX &&
		cluster_derive(cluster, d->cap_key_count, CAP_LABEL, d->cap_keys[d->cap_key_count].bytes) == 0)
		d->cap_key_count++;
	pthread_mutex_unlock(&d->cap_lock);
}

void docs_cap_sign(struct docs *docs, uint32_t drive, const struct extent *block, int64_t now_s, char *ret)
{
	struct cap_key key;

	pthread_mutex_lock(&docs->cap_lock);
	key = docs->cap_keys[0];
	pthread_mutex_unlock(&docs->cap_lock);
	cap_sign(&key, drive, block->sha256, block->generation, now_s, ret);
}

int docs_cap_check(
	struct docs *docs, uint32_t drive, const uint8_t sha256[32], const char *cap, int64_t *ret_generation)
{
	const int64_t now_s = clock_real_ns() / NS_PER_S;
	struct cap_key keys[CLUSTER_KEYS_MAX];
	int r = -ERR_FORBIDDEN;

	pthread_mutex_lock(&docs->cap_lock);
	const size_t count = docs->cap_key_count;
	memcpy(keys, docs->cap_keys, sizeof(keys));
	pthread_mutex_unlock(&docs->cap_lock);
	for (size_t i = 0; r < 0 && i < count; i++)
		r = cap_check(&keys[i], drive, sha256, span_str(cap), now_s, ret_generation);
	return r;
}
