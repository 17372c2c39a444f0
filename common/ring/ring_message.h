/*
 * ring_message: the messages between a gateway and a docs service about the members of the ring, as JSON
 * (PROTOCOL.md, "The ring"): a call, and the book after it. The readers accept any bytes: an invalid message is
 * refused as a whole, and no field is guessed. membership_hear decides whether a call makes sense. Pure. Any
 * thread.
 */
#ifndef NEPHOS_RING_MESSAGE_H
#define NEPHOS_RING_MESSAGE_H

#include "common/base/buf.h"
#include "common/ring/membership.h"

#include <jansson.h>

/* The largest message is a book of MEMBERSHIP_GATEWAYS_MAX rows, of less than 1 KiB each. */
#define RING_MESSAGE_BYTES_MAX (96u * 1024)

/* Both append to ret. -ENOMEM, -E2BIG: over ret's limit. */
int ring_message_write_call(const struct membership_call *call, struct buf *ret);
int ring_message_write_answer(const struct membership *book, bool lease, struct buf *ret);

/* A call that was read; its texts belong to json. */
struct ring_message_call {
	json_t *json;
	struct membership_call call;
	struct membership_silence silent[MEMBERSHIP_GATEWAYS_MAX];
};
/* -ERR_BAD_JSON: not JSON; -ERR_BAD_REQUEST: not of the form of a call. After success, call ring_message_call_fini. */
int ring_message_read_call(struct span body, struct ring_message_call *ret);
void ring_message_call_fini(struct ring_message_call *call);

/* -ERR_BAD_JSON, -ENOMEM, -ERR_BAD_REQUEST: not a book that membership_hear leaves behind; ret is unchanged then. */
int ring_message_read_answer(struct span body, struct membership *ret, bool *ret_lease);

#endif
