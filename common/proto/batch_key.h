/*
 * batch_key: what the journal says of a session's batch instead of a client's own key: SESSION/NUMBER in decimal
 * (PROTOCOL.md, "Journal"). A mount knows its own changes by it, so no client may choose such a key. Pure, any thread.
 */
#ifndef NEPHOS_PROTO_BATCH_KEY_H
#define NEPHOS_PROTO_BATCH_KEY_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define BATCH_KEY_SIZE 40 /* two numbers of 63 bits, a slash, NUL */

void batch_key_print(int64_t session, int64_t number, char ret[BATCH_KEY_SIZE]);
/* Of some session's batch. */
bool batch_key_is_one(struct span key);
/* Of a batch of this one; 0 has none. */
bool batch_key_is_of(struct span key, int64_t session);

#endif
