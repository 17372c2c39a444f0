#include "fusefs/store/testing/mem_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int mem_drive_new(uint32_t number, int64_t quota, struct mem_drive **ret)
{
	struct mem_drive *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	pthread_mutex_init(&d->lock, NULL);
	d->number = number;
	d->quota = quota;
	d->next_number = 2;
	if (mem_tree_init(d) < 0)
		abort();
	*ret = d;
	return 0;
}

void mem_drive_free(struct mem_drive *d)
{
	struct mem_block *b, *next;

	if (!d)
		return;
	assert(!d->stores && d->store_count == 0);
	assert(!d->locks); /* a store frees its locks with itself */
	mem_tree_fini(&d->tree);
	HASH_ITER(hh, d->blocks, b, next) {
		HASH_DEL(d->blocks, b);
		free(b->data);
		free(b);
	}
	free(d->journal);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void mem_drive_forget(struct mem_drive *d)
{
	pthread_mutex_lock(&d->lock);
	d->forgotten = d->seq;
	mem_wake_all(d);
	pthread_mutex_unlock(&d->lock);
}

void mem_drive_collect(struct mem_drive *d)
{
	pthread_mutex_lock(&d->lock);
	mem_doc_drop_unused(d);
	pthread_mutex_unlock(&d->lock);
}

void mem_drive_counts(struct mem_drive *d, struct mem_counts *ret)
{
	pthread_mutex_lock(&d->lock);
	*ret = d->counts;
	pthread_mutex_unlock(&d->lock);
}

bool mem_drive_has(struct mem_drive *d, int64_t id)
{
	bool has;

	pthread_mutex_lock(&d->lock);
	has = mem_doc_find(d, id) != NULL;
	pthread_mutex_unlock(&d->lock);
	return has;
}
