/*
 * wait: a list of callbacks for something that is in progress, for instance a block that several readers want at
 * once. Not thread-safe: the lock that guards the thing guards the list, too; ready is called with that lock held.
 */
#ifndef NEPHOS_BASE_WAIT_H
#define NEPHOS_BASE_WAIT_H

#include <errno.h>
#include <stdlib.h>

struct wait {
	struct wait *next;
	void (*ready)(void *cookie, int error);
	void *cookie;
};

static inline int wait_add(struct wait **list, void (*ready)(void *cookie, int error), void *cookie)
{
	struct wait *w = malloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	*w = (struct wait){*list, ready, cookie};
	*list = w;
	return 0;
}

/* Empties the list, then calls all its callbacks: a callback may call wait_add again. */
static inline void wait_fire(struct wait **list, int error)
{
	struct wait *w = *list;

	*list = NULL;
	while (w) {
		struct wait *next = w->next;

		w->ready(w->cookie, error);
		free(w);
		w = next;
	}
}

#endif
