#include "gateway/access/share_policy.h"

#include "common/base/error.h"
#include "common/base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

struct lane_limits {
	uint64_t all, user, part; /* 0: no limit of its own */
};

static const struct lane_limits LIMITS[SHARE_LANES] = {
	[SHARE_REQUESTS] = {SHARE_REQUESTS_MAX, 0, 0},
	[SHARE_POLLS] = {SHARE_POLLS_MAX, SHARE_POLLS_PER_USER, SHARE_POLLS_PER_DRIVE},
	[SHARE_MOUNTS] = {SHARE_MOUNTS_MAX, SHARE_MOUNTS_PER_USER, SHARE_MOUNTS_PER_SESSION},
	[SHARE_LOCKS] = {SHARE_LOCKS_MAX, SHARE_LOCKS_PER_USER, 0},
	[SHARE_QUESTIONS] = {SHARE_QUESTIONS_MAX, 0, 0},
	[SHARE_BODIES] = {SHARE_BODIES_BYTES, 0, 0},
};

static_assert(SHARE_BODIES_BYTES / 2 >= BATCH_BYTES_MAX, "half of the room is more than one body");

struct holder_key {
	int64_t user;
	uint64_t part;
	uint64_t lane; /* as wide as the rest: no padding in a key */
};

struct holder {
	struct holder_key key;
	uint64_t amount;
	UT_hash_handle hh;
};

struct share_policy {
	struct holder *holders; /* those that have taken anything */
	uint64_t taken[SHARE_LANES];
};

int share_policy_new(struct share_policy **ret)
{
	struct share_policy *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*ret = p;
	return 0;
}

static void drop(struct share_policy *p, struct holder *holder)
{
	HASH_DEL(p->holders, holder);
	free(holder);
}

void share_policy_free(struct share_policy *p)
{
	struct holder *holder, *next;

	if (!p)
		return;
	HASH_ITER(hh, p->holders, holder, next)
		drop(p, holder);
	free(p);
}

static struct holder *find(struct share_policy *p, const struct share_claim *claim, uint64_t part)
{
	const struct holder_key key = {claim->user, part, claim->lane};
	struct holder *holder = NULL;

	HASH_FIND(hh, p->holders, &key, sizeof(key), holder);
	return holder;
}

static int add(struct share_policy *p, const struct share_claim *claim, uint64_t part)
{
	struct holder *holder = find(p, claim, part);

	if (!holder) {
		holder = calloc(1, sizeof(*holder));
		if (!holder)
			return -ENOMEM;
		holder->key = (struct holder_key){claim->user, part, claim->lane};
		HASH_ADD(hh, p->holders, key, sizeof(holder->key), holder);
	}
	holder->amount += claim->amount;
	return 0;
}

static void take_away(struct share_policy *p, const struct share_claim *claim, uint64_t part)
{
	struct holder *holder = find(p, claim, part);

	assert(holder && holder->amount >= claim->amount);
	holder->amount -= claim->amount;
	if (holder->amount == 0)
		drop(p, holder);
}

static uint64_t held(struct share_policy *p, const struct share_claim *claim, uint64_t part)
{
	const struct holder *holder = find(p, claim, part);

	return holder ? holder->amount : 0;
}

static bool may_take(struct share_policy *p, const struct share_claim *claim)
{
	const struct lane_limits *limits = &LIMITS[claim->lane];
	const uint64_t taken = p->taken[claim->lane] + claim->amount;
	const uint64_t own = held(p, claim, 0) + claim->amount;

	if (taken > limits->all || own > limits->all - taken)
		return false;
	if (limits->user && own > limits->user)
		return false;
	return !limits->part || !claim->part || held(p, claim, claim->part) + claim->amount <= limits->part;
}

int share_policy_take(struct share_policy *p, const struct share_claim *claim)
{
	int r;

	if (claim->amount == 0)
		return 0;
	if (!may_take(p, claim))
		return -ERR_TOO_MANY;
	r = add(p, claim, 0);
	if (r == 0 && claim->part) {
		r = add(p, claim, claim->part);
		if (r < 0)
			take_away(p, claim, 0);
	}
	if (r == 0)
		p->taken[claim->lane] += claim->amount;
	return r;
}

void share_policy_give_back(struct share_policy *p, const struct share_claim *claim)
{
	if (claim->amount == 0)
		return;
	take_away(p, claim, 0);
	if (claim->part)
		take_away(p, claim, claim->part);
	p->taken[claim->lane] -= claim->amount;
}

uint64_t share_policy_taken(const struct share_policy *p, enum share_lane lane)
{
	return p->taken[lane];
}
