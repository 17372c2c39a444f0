/*
 * replica_message: what the home of drives and the gateway that it copies to say to each other (PROTOCOL.md, "Between
 * gateways"). Three messages, in order:
 *
 *   offer    of some drives: where their home stands, what it has touched of late, and keys of what it keeps, with seqs
 *   ticket   what of it is wanted, and the moment of the answer: fence and clock, which the sender says again
 *   entries  what is wanted of it
 *
 * Numbers are little-endian. A reader goes over a message from front to end, by a cursor; what a message is not, is
 * -EBADMSG, wherever it shows: so who acts on one reads it to its end first (replica_message_check_offer, …_entries).
 * What a reader returns is borrowed from the message.
 *
 * Pure. Any thread.
 */
#ifndef NEPHOS_GATEWAY_RING_REPLICA_MESSAGE_H
#define NEPHOS_GATEWAY_RING_REPLICA_MESSAGE_H

#include "common/base/buf.h"
#include "common/proto/touched.h"
#include "gateway/cache/terms.h"
#include "gateway/ring/homes.h"

#include <stdbool.h>
#include <stdint.h>

#define REPLICA_SECTIONS_MAX 64u     /* drives in one message */
#define REPLICA_ENTRIES_MAX 256u     /* keys or entries in one message */
#define REPLICA_KEY_BYTES_MAX 2048u  /* of one key: what the proxy makes is shorter */
#define REPLICA_BYTES_MAX 1572864u   /* of a message: entries of half a MiB and one more of the largest */
#define REPLICA_LIFETIME_S_MAX 3600u /* of an entry: five minutes, for extents with capabilities */

/* Who took an offer says when; what comes for it later is judged by that. */
struct replica_ticket {
	uint64_t fence;
	int64_t clock_ns; /* clock_boot_ns, there */
};

/* A drive in an offer, or in entries: then only drive and incarnation are said. */
struct replica_section {
	uint32_t drive;
	struct home_stand stand;
	bool has_touched;
	struct touched touched;
	size_t count; /* of keys, or entries, that follow */
};

struct replica_key {
	struct span key;
	int64_t seq;
	uint8_t reads;
};

struct replica_entry {
	struct span key, head, body;
	int64_t user, seq; /* seq: it is true there */
	int status;
	uint64_t lifetime_ns; /* what is left of it, since the ticket; 0: it does not end by the clock */
	uint8_t reads;
	size_t key_count;
	uint64_t keys[TAG_LIST_MAX];
};

struct replica_cursor {
	struct span rest;
	size_t sections; /* that are left */
	size_t count;	 /* of this section, that are left */
	size_t total;	 /* so far, of all */
};

/* ---- reading: each is 0, -ENOENT where there is no more of it, or -EBADMSG ---- */

int replica_message_open_offer(struct span message, struct replica_cursor *ret);
int replica_message_next_offer(struct replica_cursor *c, struct replica_section *ret);
int replica_message_next_key(struct replica_cursor *c, struct replica_key *ret);

int replica_message_open_entries(struct span message, struct replica_cursor *ret, struct replica_ticket *ret_ticket);
int replica_message_next_section(struct replica_cursor *c, struct replica_section *ret);
int replica_message_next_entry(struct replica_cursor *c, uint32_t drive, struct replica_entry *ret);

/* All of it is as it must be. */
int replica_message_check_offer(struct span message);
int replica_message_check_entries(struct span message);

/* keys: how many the offer has. ret_wanted: which of them are. */
int replica_message_read_ticket(
	struct span message, size_t keys, struct replica_ticket *ret, bool ret_wanted[REPLICA_ENTRIES_MAX]);

/* ---- writing: -ENOMEM; -E2BIG: beyond the bound of the buffer ---- */

int replica_message_write_offer(struct buf *b, size_t sections);
int replica_message_write_offer_section(struct buf *b, const struct replica_section *s);
int replica_message_write_key(struct buf *b, const struct replica_key *key);
int replica_message_write_entries(struct buf *b, const struct replica_ticket *ticket, size_t sections);
int replica_message_write_section(struct buf *b, const struct replica_section *s);
int replica_message_write_entry(struct buf *b, const struct replica_entry *e);
int replica_message_write_ticket(struct buf *b, const struct replica_ticket *ticket, const bool *wanted, size_t keys);

#endif
