#include "gateway/proxy/first_drives.h"

#include "common/base/clock.h"
#include "common/base/limits.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct place {
	int64_t user; /* 0: free */
	int64_t asked_ns;
	uint32_t drive;
};

struct first_drives {
	pthread_mutex_t lock;
	struct place places[FIRST_DRIVES_MAX];
};

int first_drives_new(struct first_drives **ret)
{
	struct first_drives *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	pthread_mutex_init(&f->lock, NULL);
	*ret = f;
	return 0;
}

void first_drives_free(struct first_drives *f)
{
	if (!f)
		return;
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* Users are numbered one after the other. */
static struct place *place_of(struct first_drives *f, int64_t user)
{
	return &f->places[(uint64_t)user % FIRST_DRIVES_MAX];
}

uint32_t first_drives_get(struct first_drives *f, int64_t user, int64_t now_ns)
{
	const struct place *p = place_of(f, user);
	uint32_t drive = 0;

	pthread_mutex_lock(&f->lock);
	if (p->user == user && now_ns - p->asked_ns < RING_HOME_BELIEVED_MS * NS_PER_MS)
		drive = p->drive;
	pthread_mutex_unlock(&f->lock);
	return drive;
}

/* A late answer to an earlier question does not replace the answer to a later one. */
void first_drives_put(struct first_drives *f, int64_t user, uint32_t drive, int64_t asked_ns)
{
	struct place *p = place_of(f, user);

	pthread_mutex_lock(&f->lock);
	if (p->user != user || asked_ns > p->asked_ns)
		*p = (struct place){.user = user, .asked_ns = asked_ns, .drive = drive};
	pthread_mutex_unlock(&f->lock);
}

/* An answer to a question that was asked before this call, if it comes after the call, is believed no longer
 * than it would have been anyway. */
void first_drives_forget(struct first_drives *f, int64_t user)
{
	struct place *p = place_of(f, user);

	pthread_mutex_lock(&f->lock);
	if (p->user == user)
		p->user = 0;
	pthread_mutex_unlock(&f->lock);
}
