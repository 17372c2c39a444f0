/*
 * workers: threads that may block in the database. Each owns one connection. Those for whom jobs wait are served in
 * turn (job_queue), and the jobs of each run in the order in which they came. The number of threads is the
 * concurrency limit of the service, and the queue bounds how many jobs wait: beyond both a caller is asked to come
 * again.
 */
#ifndef NEPHOS_SERVICE_WORKERS_H
#define NEPHOS_SERVICE_WORKERS_H

#include "common/base/metrics.h"

#include <stddef.h>
#include <stdint.h>

#define WORKERS_MAX 256		/* threads: more than the connections of any PostgreSQL of ours */
#define WORKERS_QUEUE_MAX 4096u /* jobs that wait: at 1 ms each and 16 workers a quarter of a second */

struct pg;
struct workers;
/* Runs on a worker. Every accepted job is run exactly once, also while the workers stop. */
typedef void (*worker_fn)(struct pg *pg, void *cookie);

struct workers_options {
	unsigned threads; /* 1..WORKERS_MAX */
	const char *conninfo;
	size_t queue_max;	 /* 1..WORKERS_QUEUE_MAX; 0: WORKERS_QUEUE_MAX */
	const char *lane;	 /* label of the metrics, if a process has several pools; NULL: "main" */
	struct metrics *metrics; /* may be NULL: jobs refused, time they waited, jobs that wait */
};

int workers_new(
	const struct workers_options *options, struct workers **ret); /* -EINVAL, -ENOMEM, -EAGAIN (no more threads) */
/* Any thread. party: for whom (job_queue.h): JOB_PARTY_SERVICE, the id of a user, or the number of a drive, negated.
 * -EAGAIN: the queue is full, or has as many jobs of the party as it may have; or the workers are stopping. */
int workers_submit(struct workers *w, int64_t party, worker_fn fn, void *cookie);
/* Runs all accepted jobs, then ends the threads; workers_submit returns -EAGAIN from then on. Call it once; accepts
 * NULL. */
void workers_stop(struct workers *w);
void workers_free(struct workers *w); /* calls workers_stop if needed; no thread may submit any more; accepts NULL */

#endif
