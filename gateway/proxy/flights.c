#include "gateway/proxy/flights.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

struct flight {
	UT_hash_handle hh;
	struct flight_rider *followers;
	size_t key_size;
	char key[];
};

struct flights {
	pthread_mutex_t lock; /* guards all below, and the riders */
	struct flight *by_key;
	size_t max, followers_max, followers;
};

int flights_new(size_t max, size_t followers_max, struct flights **ret)
{
	struct flights *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	pthread_mutex_init(&f->lock, NULL);
	f->max = max;
	f->followers_max = followers_max;
	*ret = f;
	return 0;
}

void flights_free(struct flights *f)
{
	if (!f)
		return;
	assert(!f->by_key && f->followers == 0);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* The caller holds f->lock. */
static enum flights_verdict lead(struct flights *f, struct span key, struct flight_rider *rider)
{
	struct flight *flight = HASH_COUNT(f->by_key) < f->max ? calloc(1, sizeof(*flight) + key.size) : NULL;

	if (!flight)
		return FLIGHTS_ALONE;
	flight->key_size = key.size;
	memcpy(flight->key, key.data, key.size);
	HASH_ADD_KEYPTR(hh, f->by_key, flight->key, flight->key_size, flight);
	*rider = (struct flight_rider){.flight = flight, .leads = true};
	return FLIGHTS_LEADS;
}

/* The caller holds f->lock. */
static enum flights_verdict follow(struct flights *f, struct flight *flight, struct flight_rider *rider)
{
	if (f->followers == f->followers_max)
		return FLIGHTS_ALONE;
	*rider = (struct flight_rider){.flight = flight};
	DL_APPEND(flight->followers, rider);
	f->followers++;
	return FLIGHTS_FOLLOWS;
}

enum flights_verdict flights_join(struct flights *f, struct span key, bool may_lead, struct flight_rider *rider)
{
	enum flights_verdict verdict = FLIGHTS_ALONE;
	struct flight *flight;

	pthread_mutex_lock(&f->lock);
	assert(!rider->flight);
	HASH_FIND(hh, f->by_key, key.data, key.size, flight);
	if (flight)
		verdict = follow(f, flight, rider);
	else if (may_lead)
		verdict = lead(f, key, rider);
	pthread_mutex_unlock(&f->lock);
	return verdict;
}

bool flights_leave(struct flights *f, struct flight_rider *rider)
{
	pthread_mutex_lock(&f->lock);
	const bool follows = rider->flight && !rider->leads;

	if (follows) {
		DL_DELETE(rider->flight->followers, rider);
		f->followers--;
		*rider = (struct flight_rider){.flight = NULL};
	}
	pthread_mutex_unlock(&f->lock);
	return follows;
}

struct flight_rider *flights_land(struct flights *f, struct flight_rider *leader)
{
	struct flight_rider *list, *rider;

	pthread_mutex_lock(&f->lock);
	assert(leader->leads);
	struct flight *flight = leader->flight;
	HASH_DEL(f->by_key, flight);
	*leader = (struct flight_rider){.flight = NULL};
	list = flight->followers;
	DL_FOREACH(list, rider) {
		rider->flight = NULL; /* flights_leave does not remove it any more */
		f->followers--;
	}
	pthread_mutex_unlock(&f->lock);
	free(flight);
	return list;
}

size_t flights_followers(struct flights *f)
{
	pthread_mutex_lock(&f->lock);
	const size_t count = f->followers;
	pthread_mutex_unlock(&f->lock);
	return count;
}
