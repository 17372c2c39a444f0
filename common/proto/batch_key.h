/*
 * batch_key: the key that the journal shows for a session's batch, in place of a client's own key: SESSION/NUMBER
 * in decimal (PROTOCOL.md, "Journal"). A mount recognises its own changes by this key, so no client may choose such
 * a key. Pure, any thread.
 */
#ifndef NEPHOS_PROTO_BATCH_KEY_H
#define NEPHOS_PROTO_BATCH_KEY_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define BATCH_KEY_SIZE 40 /* two numbers of 63 bits, a slash, NUL */

void batch_key_print(int64_t session, int64_t number, char ret[BATCH_KEY_SIZE]);
/* Whether the key is that of a batch, of any session. */
bool batch_key_is_one(struct span key);
/* Whether the key is that of a batch of this session; session 0 has none. */
bool batch_key_is_of(struct span key, int64_t session);

#endif
