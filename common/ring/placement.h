/*
 * placement: which of several members a key belongs to. All processes that know the same members and weights find
 * the same owners in the same order, without communication: gateways for the home of a drive and the owners of a
 * block, and today for the docs service that all changes of a drive go to.
 *
 * It is rendezvous hashing (Thaler and Ravishankar, 1998): each member draws a number from its name and the key,
 * and the members are ordered by these numbers. When a member goes, only its own keys move, and they are spread
 * over all others, because each key has a second owner of its own. A circle with many points for each member, which
 * is the usual meaning of "consistent hashing", has the same property, but needs 1,000 points a member to be within
 * a few per cent of even, and moves the keys next to a member to one neighbour.
 *
 * Weights: a member draws u in (0, 1] and is ordered by -log2(u) / weight, the lowest first, so that its share of
 * the keys is its share of all weights (Schindelhauer and Schomaker, 2005). The logarithm is computed in integers:
 * the last bit of the C library's may differ from machine to machine, and then so would the owner.
 *
 * Pure: no clock, no I/O, no memory of its own. Any thread.
 */
#ifndef NEPHOS_RING_PLACEMENT_H
#define NEPHOS_RING_PLACEMENT_H

#include "common/base/span.h"

#include <stdint.h>

/* Each member draws for each key, which costs seven times as much where weights differ (64 members). */
#define PLACEMENT_MEMBERS_MAX 64
#define PLACEMENT_WEIGHT_MAX 10000 /* so that a weight can express a share of a ten-thousandth */

/* Names are borrowed, and no two members have the same name. weight: 1 to PLACEMENT_WEIGHT_MAX. */
struct placement_member {
	const char *name;
	uint32_t weight;
};

/* The first owners of the key, as indices of members, the first owner first; count is at most PLACEMENT_MEMBERS_MAX,
 * and ret_owners has room for max. Returns how many there are, the smaller of count and max. The order of the members
 * does not matter. */
size_t placement_owners(
	const struct placement_member *members, size_t count, struct span key, size_t *ret_owners, size_t max);

#endif
