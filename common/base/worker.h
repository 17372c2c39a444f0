/*
 * worker: threads that do what would keep another thread from its callbacks (hashing). Jobs are embedded in what they
 * work on, so that queueing cannot fail; how many may wait is bounded by their owners. Threads: run from any; jobs on
 * the worker's threads.
 */
#ifndef NEPHOS_BASE_WORKER_H
#define NEPHOS_BASE_WORKER_H

struct worker;

struct worker_job {
	void (*run)(struct worker_job *job); /* may free what it is embedded in */
	struct worker_job *prev, *next;	     /* the worker's */
};

int worker_new(unsigned threads, struct worker **ret); /* -ENOMEM, -EAGAIN */
void worker_run(struct worker *w, struct worker_job *job);
void worker_free(struct worker *w); /* what waits is done first; NULL is fine */

#endif
