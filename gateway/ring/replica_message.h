/*
 * replica_message: the messages between the home of drives and the gateway to which it copies (PROTOCOL.md,
 * "Between gateways"). Three messages, in this order:
 *
 *   offer    for some drives: where their home stands, what it has touched of late, and keys of its entries, with seqs
 *   ticket   which of these keys are wanted, and the moment of the answer: fence and clock, which the sender repeats
 *   entries  the entries that are wanted
 *
 * Numbers are little-endian. A reader goes over a message from front to end by a cursor. It returns -EBADMSG at
 * the place where the message is malformed, which may come late: so a caller that acts on a message reads it to
 * its end first (replica_message_check_offer, …_entries). What a reader returns is borrowed from the message.
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
#define REPLICA_KEY_BYTES_MAX 2048u  /* of one key: the proxy's keys are shorter */
#define REPLICA_BYTES_MAX 1572864u   /* of a message: half a MiB of entries and one more of the largest size */
#define REPLICA_LIFETIME_S_MAX 3600u /* of an entry; extents with capabilities live for five minutes */

/* The receiver of an offer states the moment at which it took the offer. Entries that come later are judged by
 * that moment. */
struct replica_ticket {
	uint64_t fence;
	int64_t clock_ns; /* clock_boot_ns of the receiver */
};

/* A drive in an offer, or in a message of entries, which has only the fields drive, incarnation and count. */
struct replica_section {
	uint32_t drive;
	struct home_stand stand;
	bool has_touched;
	struct touched touched;
	size_t count; /* of keys or entries that follow */
};

struct replica_key {
	struct span key;
	int64_t seq;
	uint8_t reads;
};

struct replica_entry {
	struct span key, head, body;
	int64_t user, seq; /* seq: a position at which the entry is true */
	int status;
	uint64_t lifetime_ns; /* what is left of it, counted from the ticket; 0: it does not end by the clock */
	uint8_t reads;
	size_t key_count;
	uint64_t keys[TAG_LIST_MAX];
};

struct replica_cursor {
	struct span rest;
	size_t sections; /* not read yet */
	size_t count;	 /* of this section, not read yet */
	size_t total;	 /* of all sections so far */
};

/* ---- reading: each returns 0, -ENOENT when there is nothing more of its kind, or -EBADMSG ---- */

int replica_message_open_offer(struct span message, struct replica_cursor *ret);
int replica_message_next_offer(struct replica_cursor *c, struct replica_section *ret);
int replica_message_next_key(struct replica_cursor *c, struct replica_key *ret);

int replica_message_open_entries(struct span message, struct replica_cursor *ret, struct replica_ticket *ret_ticket);
int replica_message_next_section(struct replica_cursor *c, struct replica_section *ret);
int replica_message_next_entry(struct replica_cursor *c, uint32_t drive, struct replica_entry *ret);

/* Check that the whole message is well-formed. */
int replica_message_check_offer(struct span message);
int replica_message_check_entries(struct span message);

/* keys: how many keys the offer has. ret_wanted: which of these keys are wanted. */
int replica_message_read_ticket(
	struct span message, size_t keys, struct replica_ticket *ret, bool ret_wanted[REPLICA_ENTRIES_MAX]);

/* ---- writing: -ENOMEM; -E2BIG: more than the maximum of the buffer ---- */

int replica_message_write_offer(struct buf *b, size_t sections);
int replica_message_write_offer_section(struct buf *b, const struct replica_section *s);
int replica_message_write_key(struct buf *b, const struct replica_key *key);
int replica_message_write_entries(struct buf *b, const struct replica_ticket *ticket, size_t sections);
int replica_message_write_section(struct buf *b, const struct replica_section *s);
int replica_message_write_entry(struct buf *b, const struct replica_entry *e);
int replica_message_write_ticket(struct buf *b, const struct replica_ticket *ticket, const bool *wanted, size_t keys);

#endif
