#include "gateway/blocks/block_caps.h"

#include "common/base/clock.h"
#include "common/base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct block_caps {
	struct cluster *cluster;
	struct service_clock *clock;
	pthread_mutex_t lock; /* guards the rest */
	uint64_t generation;  /* of the cluster's keys from which `keys` were derived; 0: none yet */
	struct cap_key keys[CLUSTER_KEYS_MAX];
	size_t count;
};

int block_caps_new(struct cluster *cluster, struct service_clock *clock, struct block_caps **ret)
{
	struct block_caps *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->cluster = cluster;
	c->clock = clock;
	pthread_mutex_init(&c->lock, NULL);
	*ret = c;
	return 0;
}

void block_caps_free(struct block_caps *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* Derives the keys again if the cluster's have changed. Returns how many there are. */
static size_t read_keys(struct block_caps *c, struct cap_key ret[CLUSTER_KEYS_MAX])
{
	pthread_mutex_lock(&c->lock);
	const uint64_t generation = cluster_generation(c->cluster);
	if (generation != c->generation) {
		c->count = 0;
		while (c->count < CLUSTER_KEYS_MAX &&
			cluster_derive(c->cluster, c->count, CAP_LABEL, c->keys[c->count].bytes) == 0)
			c->count++;
		c->generation = generation;
	}
	const size_t count = c->count;
	memcpy(ret, c->keys, count * sizeof(*ret));
	pthread_mutex_unlock(&c->lock);
	return count;
}

int block_caps_check(struct block_caps *c, struct block_name *name, struct span cap)
{
	struct cap_key keys[CLUSTER_KEYS_MAX];
	const size_t count = read_keys(c, keys);
	const int64_t now_s = clock_real_ns() / NS_PER_S;
	int r = -ERR_FORBIDDEN;

	for (size_t i = 0; r < 0 && i < count; i++)
		r = cap_check(&keys[i], name->drive, name->sha256, cap, now_s, &name->generation);
	return r;
}

int block_caps_sign(struct block_caps *c, const struct block_name *name, char ret[CAP_TEXT_SIZE])
{
	struct cap_key keys[CLUSTER_KEYS_MAX];

	if (read_keys(c, keys) == 0)
		return -ENOENT;
	cap_sign(&keys[0], name->drive, name->sha256, name->generation,
		service_clock_latest_s(c->clock, clock_boot_ns()), ret);
	return 0;
}
