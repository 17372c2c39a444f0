/*
 * placement: who of several members a key belongs to. Everybody who knows the same members and their weights finds the
 * same owners in the same order, without talking: the gateways for the home of a drive and the owners of a block, and
 * today for the docs service that all changes of a drive go to.
 *
 * It is rendezvous hashing (Thaler and Ravishankar, 1998): each member draws a number from its name and the key, and
 * the members are ordered by what they drew. A member that goes takes nothing along but its own keys, and these are
 * spread over all the others, as each key's second owner is drawn anew. A circle with many points for each member,
 * which is what "consistent hashing" mostly means, has the same promise, but needs 1,000 points a member to be within a
 * few per cent of even, and moves what is next to a member to one neighbour.
 *
 * Weights: a member draws u in (0, 1] and is ordered by -log2(u) / weight, the lowest first, so that its share of the
 * keys is its share of all weights (Schindelhauer and Schomaker, 2005). The logarithm is computed in integers: that of
 * the C library may differ in its last bit from machine to machine, and then so would the owner.
 *
 * Pure: no clock, no I/O, no memory of its own. Any thread.
 */
#ifndef NEPHOS_RING_PLACEMENT_H
#define NEPHOS_RING_PLACEMENT_H

#include "common/base/span.h"

#include <stdint.h>

/* Each key is drawn for by each member, which costs seven times as much where weights differ (64 members). */
#define PLACEMENT_MEMBERS_MAX 64
#define PLACEMENT_WEIGHT_MAX 10000 /* so that a share of a ten-thousandth can be said */

/* Names are borrowed, and no two members have the same. weight: 1 to PLACEMENT_WEIGHT_MAX. */
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
