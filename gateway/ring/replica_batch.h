/*
 * replica_batch: some entries of the cache on their way to other gateways, by drive and by receiver. Marks are
 * added first, then places. What has no place goes to no gateway: this gateway is not the drive's home, or has no
 * successor. Entries are taken from the cache after the place of their drive was found, so they are true at that
 * position.
 *
 * One thread. Memory: 600 KiB, allocated once; a batch holds references to its answers.
 */
#ifndef NEPHOS_GATEWAY_RING_REPLICA_BATCH_H
#define NEPHOS_GATEWAY_RING_REPLICA_BATCH_H

#include "common/ring/membership.h"
#include "gateway/cache/cache.h"
#include "gateway/ring/replica_message.h"

struct replica_part {
	size_t section;
	struct cache_mark mark;
	struct cache_copy *copy; /* NULL: it is not sent */
	bool wanted;
};

struct replica_batch {
	size_t section_count, part_count, peer_count;
	struct replica_section sections[REPLICA_SECTIONS_MAX];
	size_t peer_of[REPLICA_SECTIONS_MAX]; /* REPLICA_NO_PEER: it is not sent */
	struct replica_part parts[REPLICA_ENTRIES_MAX];
	struct membership_gateway peers[REPLICA_SECTIONS_MAX];
};

#define REPLICA_NO_PEER SIZE_MAX

/* Sets the position of a drive (section->stand) and its successor. false: the drive is not sent. */
typedef bool (*replica_batch_place_fn)(
	void *cookie, struct replica_section *section, struct membership_gateway *ret_peer);

void replica_batch_clear(struct replica_batch *b);
/* false: no room. */
bool replica_batch_add_drive(struct replica_batch *b, uint32_t drive);
bool replica_batch_add(struct replica_batch *b, const struct cache_mark *mark);
void replica_batch_place(struct replica_batch *b, replica_batch_place_fn place, void *cookie);
void replica_batch_load(struct replica_batch *b, struct cache *cache);

/* Writes the offer for one of the peers. */
int replica_batch_write_offer(struct replica_batch *b, size_t peer, struct buf *ret);
/* Reads the peer's answer to the offer. -EBADMSG */
int replica_batch_read_ticket(
	struct replica_batch *b, size_t peer, struct span message, struct replica_ticket *ret_ticket);
/* Writes entries that the peer wants, up to bytes_max, or a single larger one; what was written is not wanted any
 * more. ret_count: how many; 0: no more are wanted. now_ns: clock_boot_ns, after the ticket came. */
struct replica_batch_entries {
	size_t peer;
	const struct replica_ticket *ticket;
	int64_t now_ns;
	size_t bytes_max;
};
int replica_batch_write_entries(
	struct replica_batch *b, const struct replica_batch_entries *what, struct buf *ret, size_t *ret_count);

#endif
