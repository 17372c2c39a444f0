/*
 * worker: a pool of threads for long computations (hashing) that would block a thread of callbacks. Jobs are
 * embedded in the objects that they work on, so queueing cannot fail. The owners of the jobs bound how many may
 * wait. Threads: any thread calls worker_run; jobs run on the worker's threads.
 */
#ifndef NEPHOS_BASE_WORKER_H
#define NEPHOS_BASE_WORKER_H

struct worker;

struct worker_job {
	void (*run)(struct worker_job *job); /* may free the object that contains the job */
	struct worker_job *prev, *next;	     /* for the worker only */
};

int worker_new(unsigned threads, struct worker **ret); /* -ENOMEM, -EAGAIN */
void worker_run(struct worker *w, struct worker_job *job);
void worker_free(struct worker *w); /* runs the waiting jobs first; accepts NULL */

#endif
