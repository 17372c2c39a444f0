#include "gateway/proxy/flights.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>
#include <xxhash.h>

struct flight {
	UT_hash_handle hh;
	struct flight_rider *followers;
	uint64_t hash; /* of the key */
	size_t key_size;
	char key[];
};

/* A key whose requests go alone. Two keys with one hash are taken for the same: then requests that could have shared
 * an answer do not. */
struct alone {
	uint64_t hash;
	int64_t until_ns; /* 0: this place is free */
};

struct flights {
	pthread_mutex_t lock; /* guards all below, and the riders */
	struct flight *by_key;
	size_t max, followers_max, followers;
	struct alone alone[FLIGHTS_ALONE_KEYS]; /* a key's place is given by its hash */
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

static struct alone *place_of(struct flights *f, uint64_t hash)
{
	return &f->alone[hash % FLIGHTS_ALONE_KEYS];
}

/* The caller holds f->lock. */
static bool goes_alone(struct flights *f, uint64_t hash, int64_t now_ns)
{
	const struct alone *place = place_of(f, hash);

	return place->hash == hash && now_ns < place->until_ns;
}

/* The caller holds f->lock. */
static enum flights_verdict lead(struct flights *f, struct span key, uint64_t hash, struct flight_rider *rider)
{
	struct flight *flight = HASH_COUNT(f->by_key) < f->max ? calloc(1, sizeof(*flight) + key.size) : NULL;

	if (!flight)
		return FLIGHTS_ALONE;
	flight->hash = hash;
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

enum flights_verdict flights_join(struct flights *f, const struct flights_request *r, struct flight_rider *rider)
{
	const uint64_t hash = XXH64(r->key.data, r->key.size, 0);
	enum flights_verdict verdict = FLIGHTS_ALONE;
	struct flight *flight;

	pthread_mutex_lock(&f->lock);
	assert(!rider->flight);
	if (!goes_alone(f, hash, r->now_ns)) {
		HASH_FIND(hh, f->by_key, r->key.data, r->key.size, flight);
		if (flight)
			verdict = follow(f, flight, rider);
		else if (r->may_lead)
			verdict = lead(f, r->key, hash, rider);
	}
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

/* The caller holds f->lock. */
static struct flight_rider *take_followers(struct flights *f, struct flight *flight)
{
	struct flight_rider *rider;

	DL_FOREACH(flight->followers, rider) {
		rider->flight = NULL; /* flights_leave does not remove it any more */
		f->followers--;
	}
	return flight->followers;
}

/* alone_until_ns: 0 if requests for the key go on as before. */
static struct flight_rider *end(struct flights *f, struct flight_rider *leader, int64_t alone_until_ns)
{
	pthread_mutex_lock(&f->lock);
	assert(leader->leads);
	struct flight *flight = leader->flight;
	struct flight_rider *followers = take_followers(f, flight);

	HASH_DEL(f->by_key, flight);
	*leader = (struct flight_rider){.flight = NULL};
	if (alone_until_ns > 0)
		*place_of(f, flight->hash) = (struct alone){flight->hash, alone_until_ns};
	pthread_mutex_unlock(&f->lock);
	free(flight);
	return followers;
}

struct flight_rider *flights_land(struct flights *f, struct flight_rider *leader)
{
	return end(f, leader, 0);
}

struct flight_rider *flights_part(struct flights *f, struct flight_rider *leader, int64_t now_ns)
{
	return end(f, leader, now_ns + FLIGHTS_ALONE_NS);
}

size_t flights_followers(struct flights *f)
{
	pthread_mutex_lock(&f->lock);
	const size_t count = f->followers;
	pthread_mutex_unlock(&f->lock);
	return count;
}
