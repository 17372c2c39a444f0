#include "gateway/upstream/suspects.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_SIZE 33 /* 32 hexadecimal digits and the NUL, as the ring has them */

struct suspect {
	char boot[BOOT_SIZE];
	int64_t until_ns; /* 0: free */
};

struct suspects {
	pthread_mutex_t lock;
	struct suspect list[SUSPECTS_MAX];
};

int suspects_new(struct suspects **ret)
{
	struct suspects *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	*ret = s;
	return 0;
}

void suspects_free(struct suspects *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* The place of this boot, or that of the oldest suspect. */
static struct suspect *place_for(struct suspects *s, const char *boot)
{
	struct suspect *oldest = s->list;

	for (size_t i = 0; i < SUSPECTS_MAX; i++) {
		if (strcmp(s->list[i].boot, boot) == 0)
			return &s->list[i];
		if (s->list[i].until_ns < oldest->until_ns)
			oldest = &s->list[i];
	}
	return oldest;
}

void suspects_add(struct suspects *s, const char *boot, int64_t now_ns)
{
	pthread_mutex_lock(&s->lock);
	struct suspect *place = place_for(s, boot);
	(void)snprintf(place->boot, sizeof(place->boot), "%s", boot);
	place->until_ns = now_ns + SUSPECTS_NS;
	pthread_mutex_unlock(&s->lock);
}

bool suspects_has(struct suspects *s, const char *boot, int64_t now_ns)
{
	bool has = false;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < SUSPECTS_MAX; i++)
		has = has || (s->list[i].until_ns > now_ns && strcmp(s->list[i].boot, boot) == 0);
	pthread_mutex_unlock(&s->lock);
	return has;
}
