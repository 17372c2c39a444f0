#include "backend/docs/request/id_ranges.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct range_of_drive {
	uint32_t drive;
	uint32_t left;
	int64_t next;
};

struct id_ranges {
	pthread_mutex_t lock; /* guards all below */
	struct range_of_drive
		ranges[ID_RANGES_DRIVES]; /* index: drive % ID_RANGES_DRIVES; a newer range evicts the older one */
};

int id_ranges_new(struct id_ranges **ret)
{
	struct id_ranges *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	pthread_mutex_init(&n->lock, NULL);
	*ret = n;
	return 0;
}

void id_ranges_free(struct id_ranges *n)
{
	if (!n)
		return;
	pthread_mutex_destroy(&n->lock);
	free(n);
}

static bool take_kept(struct id_ranges *n, uint32_t drive, uint32_t count, int64_t *ret_first)
{
	struct range_of_drive *range = &n->ranges[drive % ID_RANGES_DRIVES];
	bool taken;

	pthread_mutex_lock(&n->lock);
	taken = range->drive == drive && range->left >= count;
	if (taken) {
		*ret_first = range->next;
		range->next += count;
		range->left -= count;
	}
	pthread_mutex_unlock(&n->lock);
	return taken;
}

static void keep_rest(struct id_ranges *n, uint32_t drive, int64_t next, uint32_t left)
{
	struct range_of_drive *range = &n->ranges[drive % ID_RANGES_DRIVES];

	assert(left < ID_RANGES_RANGE);
	pthread_mutex_lock(&n->lock);
	*range = (struct range_of_drive){.drive = drive, .left = left, .next = next};
	pthread_mutex_unlock(&n->lock);
}

int id_ranges_take(struct id_ranges *n, struct docs_store *store, const struct docs_scope *scope, uint32_t count,
	int64_t *ret_first)
{
	uint32_t wanted = count < ID_RANGES_RANGE ? ID_RANGES_RANGE : count;
	int64_t first;
	int r;

	assert(count > 0 && count <= IDS_PER_RESERVATION_MAX);
	if (take_kept(n, scope->drive, count, ret_first))
		return 0;
	r = store->ops->ids_reserve(store, scope, wanted, &first);
	if (r < 0)
		return r;
	keep_rest(n, scope->drive, first + count, wanted - count);
	*ret_first = first;
	return 0;
}
