/*
 * fill_wait: a list of requests that wait for an answer of the store. Like common/base/wait, but an answer may be
 * good for only some of the requests (fill.h): the others wait for the next answer. Not thread-safe: guarded by the
 * lock that guards the cached object.
 */
#ifndef NEPHOS_FUSEFS_CORE_FILL_WAIT_H
#define NEPHOS_FUSEFS_CORE_FILL_WAIT_H

#include "common/proto/fill.h"

#include <errno.h>
#include <stdlib.h>

struct fill_wait {
	struct fill_wait *next;
	struct fill_wish wish;
	bool first; /* the question was sent when the request was already waiting */
	void (*ready)(void *cookie, int error);
	void *cookie;
};

static inline int fill_wait_add(struct fill_wait **list, const struct fill_wish *wish, bool first,
	void (*ready)(void *cookie, int error), void *cookie)
{
	struct fill_wait *w = malloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	*w = (struct fill_wait){*list, *wish, first, ready, cookie};
	*list = w;
	return 0;
}

/* Takes from the list the waits that the answer is good for; after a failure, all of them. The caller has to send the
 * question again for the others, and they count as present when it does. */
static inline struct fill_wait *fill_waits_served(struct fill_wait **list, int error, int64_t seen)
{
	struct fill_wait *served = NULL;

	while (*list) {
		struct fill_wait *w = *list;

		if (error < 0 || fill_serves(&w->wish, seen, w->first)) {
			*list = w->next;
			w->next = served;
			served = w;
		} else {
			w->first = true;
			list = &w->next;
		}
	}
	return served;
}

static inline void fill_waits_fire(struct fill_wait *w, int error)
{
	while (w) {
		struct fill_wait *next = w->next;

		w->ready(w->cookie, error);
		free(w);
		w = next;
	}
}

#endif
