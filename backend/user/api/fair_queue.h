/*
 * fair_queue: who waits for something dear (a hashing), in turn by who asks. The parties go round: of each the oldest.
 * A party holds at most `share`. When all is held, who has less takes the place of the last one that waits of the party
 * that has most: whoever came first and with however many, the next one finds a place. Any thread.
 */
#ifndef NEPHOS_USER_FAIR_QUEUE_H
#define NEPHOS_USER_FAIR_QUEUE_H

#include <stddef.h>

#define FAIR_QUEUE_WHO_SIZE 64

struct fair_queue;
struct fair_queue_party;

/* Part of what waits; owned by who entered it. */
struct fair_queue_turn {
	struct fair_queue_party *party;
	struct fair_queue_turn *prev, *next;
};

int fair_queue_new(size_t max, size_t share, struct fair_queue **ret); /* -ENOMEM */
void fair_queue_free(struct fair_queue *q);			       /* when nobody is in it; NULL is fine */
/*
 * -EAGAIN: as much as this party may hold, it holds. -ENOMEM. ret_displaced: another one that waited, and waits no
 * more: as if it had been taken and left; NULL: none.
 */
int fair_queue_enter(
	struct fair_queue *q, const char *who, struct fair_queue_turn *turn, struct fair_queue_turn **ret_displaced);
/* The next one; NULL: nobody waits. Who was taken counts until fair_queue_leave. */
struct fair_queue_turn *fair_queue_take(struct fair_queue *q);
void fair_queue_leave(struct fair_queue *q, struct fair_queue_turn *turn);

#endif
