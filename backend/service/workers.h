/*
 * workers: threads that may block in the database. Each owns one connection; jobs are taken in the order they came. The
 * number of threads is the concurrency limit of the service, the queue its patience: over both a caller is told to come
 * back.
 */
#ifndef NEPHOS_SERVICE_WORKERS_H
#define NEPHOS_SERVICE_WORKERS_H

#include "common/base/metrics.h"

#include <stddef.h>

#define WORKERS_MAX 256		/* threads: more than any PostgreSQL of ours has connections for */
#define WORKERS_QUEUE_MAX 4096u /* jobs that wait: at 1 ms each and 16 workers a quarter of a second */

struct pg;
struct workers;
/* Runs on a worker. Every job that was accepted is run exactly once, also while stopping. */
typedef void (*worker_fn)(struct pg *pg, void *cookie);

struct workers_options {
	unsigned threads; /* 1..WORKERS_MAX */
	const char *conninfo;
	size_t queue_max;	 /* 1..WORKERS_QUEUE_MAX; 0: that */
	const char *lane;	 /* label of the metrics, where a process has several; NULL: "main" */
	struct metrics *metrics; /* may be NULL: jobs, their wait, how many wait */
};

int workers_new(
	const struct workers_options *options, struct workers **ret); /* -EINVAL, -ENOMEM, -EAGAIN (no more threads) */
/* Any thread. -EAGAIN: the queue is full, or the workers are stopping. */
int workers_submit(struct workers *w, worker_fn fn, void *cookie);
/* Runs what was accepted, then ends the threads; workers_submit says -EAGAIN from then on. Once; NULL is fine. */
void workers_stop(struct workers *w);
void workers_free(struct workers *w); /* stops them first, if nobody has; nobody submits any more; NULL is fine */

#endif
