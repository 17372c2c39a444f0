/*
 * fair_queue: who waits for something dear (a hashing), in turn by who asks. The parties go round: of each the oldest. A
 * party holds at most `share`. When all is
 * held, who has less takes the place of the last one that waits of the party that has most: whoever came first and
 * with however many, the next one finds a place.
 * Any thread.
 */
#ifndef NEPHOS_USER_FAIR_QUEUE_H
#define NEPHOS_USER_FAIR_QUEUE_H

#include <stddef.h>

#define TURNS_WHO_SIZE 64

struct turns;
struct turns_party;

/* Part of what waits; owned by who entered it. */
struct turn {
	struct turns_party *party;
	struct turn *prev, *next;
};

int turns_new(size_t max, size_t share, struct turns **ret); /* -ENOMEM */
void turns_free(struct turns *t);			     /* when nobody is in it; NULL is fine */
/*
 * -EAGAIN: as much as this party may hold, it holds. -ENOMEM. ret_displaced: another one that waited, and waits no
 * more: as if it had been taken and left; NULL: none.
 */
int turns_enter(struct turns *t, const char *who, struct turn *turn, struct turn **ret_displaced);
/* The next one; NULL: nobody waits. Who was taken counts until turns_leave. */
struct turn *turns_take(struct turns *t);
void turns_leave(struct turns *t, struct turn *turn);

#endif
