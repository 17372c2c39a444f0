/*
 * How a member's draw becomes its place: the hash of its name, seeded with the hash of the key, is taken as a
 * number u = (hash + 1) / 2^64 in (0, 1]. Members of the same weight are ordered by the hash itself, the highest
 * first. That is the same order as that of -log2(u) / weight and needs no logarithm. Where weights differ, the
 * logarithm has 32 bits after the binary point: two members whose numbers differ by less are ordered by their hash,
 * and last by name.
 */
#include "common/ring/placement.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include <xxhash.h>

#define FRACTION_BITS 32

struct draw {
	const char *name;
	uint64_t hash;
	uint64_t distance; /* -log2(u) / weight; 0 for all where the hash alone decides */
	size_t index;
};

/* -log2((hash + 1) / 2^64) in units of 2^-FRACTION_BITS: from 0 to 64 whole ones. The bits of the fraction are
 * computed one by one: a number in [1, 2) is squared, and whether the square is 2 or more is the next bit of its
 * logarithm. */
static uint64_t minus_log2(uint64_t hash)
{
	if (hash == UINT64_MAX)
		return 0;
	uint64_t u = hash + 1;
	unsigned shift = (unsigned)__builtin_clzll(u);
	uint64_t mantissa = u << shift; /* [1, 2) with 63 bits after the binary point */
	uint64_t fraction = 0;

	for (int i = 0; i < FRACTION_BITS; i++) {
		__extension__ unsigned __int128 square = (unsigned __int128)mantissa * mantissa;
		bool two = (square >> 127) != 0;

		mantissa = (uint64_t)(square >> (two ? 64 : 63));
		fraction = fraction << 1 | two;
	}
	return ((uint64_t)(shift + 1) << FRACTION_BITS) - fraction;
}

static bool comes_before(const struct draw *left, const struct draw *right)
{
	if (left->distance != right->distance)
		return left->distance < right->distance;
	if (left->hash != right->hash)
		return left->hash > right->hash;
	return strcmp(left->name, right->name) < 0;
}

static bool weights_differ(const struct placement_member *members, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (members[i].weight != members[0].weight)
			return true;
	return false;
}

/* Inserts a draw into the first `max` ones, which are in order. Callers mostly ask for one or two owners, so this
 * is one comparison for most members; ordering all 64 takes three and a half times as long. */
static size_t insert(struct draw *first, size_t count, size_t max, const struct draw *draw)
{
	size_t at = count < max ? count : max;

	while (at > 0 && comes_before(draw, &first[at - 1])) {
		if (at < max)
			first[at] = first[at - 1];
		at--;
	}
	if (at < max)
		first[at] = *draw;
	return count < max ? count + 1 : max;
}

size_t placement_owners(
	const struct placement_member *members, size_t count, struct span key, size_t *ret_owners, size_t max)
{
	struct draw first[PLACEMENT_MEMBERS_MAX];
	uint64_t seed = XXH64(key.data, key.size, 0);
	bool weighted;
	size_t found = 0;

	assert(count <= PLACEMENT_MEMBERS_MAX);
	weighted = weights_differ(members, count);
	for (size_t i = 0; i < count; i++) {
		const struct placement_member *member = &members[i];
		uint64_t hash = XXH64(member->name, strlen(member->name), seed);
		struct draw draw = {.name = member->name, .hash = hash, .index = i};

		assert(member->weight >= 1 && member->weight <= PLACEMENT_WEIGHT_MAX);
		if (weighted)
			draw.distance = minus_log2(hash) * PLACEMENT_WEIGHT_MAX / member->weight;
		found = insert(first, found, max < count ? max : count, &draw);
	}
	for (size_t i = 0; i < found; i++)
		ret_owners[i] = first[i].index;
	return found;
}
