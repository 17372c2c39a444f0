/*
 * fair_queue: requests that wait for something expensive (a hashing), served round robin by party: each time the
 * oldest request of the next party. A party holds at most `share` places. When all places are taken, a request of
 * a party that has less displaces the last waiting request of the party that has most: so the next party finds a
 * place, however many requests another one sent before. Any thread.
 */
#ifndef NEPHOS_USER_FAIR_QUEUE_H
#define NEPHOS_USER_FAIR_QUEUE_H

#include <stddef.h>

#define FAIR_QUEUE_WHO_SIZE 64

struct fair_queue;
struct fair_queue_party;

/* Embedded in a waiting request; owned by the caller of fair_queue_enter. */
struct fair_queue_turn {
	struct fair_queue_party *party;
	struct fair_queue_turn *prev, *next;
};

int fair_queue_new(size_t max, size_t share, struct fair_queue **ret); /* -ENOMEM */
void fair_queue_free(struct fair_queue *q);			       /* the queue must be empty; NULL is fine */
/*
 * -EAGAIN: this party already holds as much as it may. -ENOMEM. ret_displaced: another turn, which was removed
 * from the queue as if it had been taken and left; NULL: none.
 */
int fair_queue_enter(
	struct fair_queue *q, const char *who, struct fair_queue_turn *turn, struct fair_queue_turn **ret_displaced);
/* Takes the next turn; NULL: nobody waits. A taken turn counts until fair_queue_leave. */
struct fair_queue_turn *fair_queue_take(struct fair_queue *q);
void fair_queue_leave(struct fair_queue *q, struct fair_queue_turn *turn);

#endif
