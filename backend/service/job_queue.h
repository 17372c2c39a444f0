/*
 * job_queue: jobs that wait for a worker, taken in turn by party, so that whoever sends a thousand requests does not
 * make the others wait for all of them. The jobs of one party keep their order. A party may have as many places as
 * are left free for the others: the first party takes up to half of the queue, the next up to half of the rest, and
 * so on. No I/O, no clock, no lock: the caller has one. Nothing is allocated after job_queue_new.
 */
#ifndef NEPHOS_SERVICE_JOB_QUEUE_H
#define NEPHOS_SERVICE_JOB_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The service itself and what is done for nobody: it may have every free place. */
#define JOB_PARTY_SERVICE 0

struct pg;
struct job_queue;

struct job {
	void (*fn)(struct pg *pg, void *cookie);
	void *cookie;
	int64_t submitted_ns;
};

int job_queue_new(size_t max, struct job_queue **ret); /* max: places, from 1 on; -ENOMEM */
void job_queue_free(struct job_queue *q);	       /* NULL is fine */
/* party: any number. -EAGAIN: the queue is full, or the party has its share of it. */
int job_queue_put(struct job_queue *q, int64_t party, const struct job *job);
/* The oldest job of the party whose turn it is. false: the queue is empty. */
bool job_queue_take(struct job_queue *q, struct job *ret);
size_t job_queue_count(const struct job_queue *q);

#endif
