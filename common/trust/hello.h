/*
 * hello: how two parts of a store authenticate each other on a new connection, before anything else is sent there
 * (PROTOCOL.md, "Greeting"; docs/adr/0017).
 *
 * 	client → server   ask KEY-ID NONCE WAY        which key, a number used once, and the way as the client sees
 * 	                                              it: its own address > the server's
 * 	server → client   answer NONCE NAME PROOF     who it is, and that it has the key: MAC(server's key, all of
 * 	                                              the above)
 * 	client → server   confirm NAME PROOF          who the client is, and that it has the key:
 * 	                                              MAC(MAC(client's key, the same), NAME)
 * 	server → client   known
 *
 * All parts have the same key, so only a part itself states what kind it is: a process with the key may claim to be
 * any kind, and nobody between can change what it said.
 *
 * A message is the value of one header field, of visible ASCII. Pure: keys, numbers and ways are passed in. Any
 * thread, one at a time per struct.
 */
#ifndef NEPHOS_TRUST_HELLO_H
#define NEPHOS_TRUST_HELLO_H

#include "common/base/span.h"

#include <stdint.h>

#define HELLO_KEYS_MAX 4 /* the old key, the new one, and two more for exchanges in quick succession */
#define HELLO_KEY_BYTES 32
#define HELLO_ID_BYTES 8
#define HELLO_NONCE_BYTES 16 /* never used twice, however many connections */
#define HELLO_PROOF_BYTES 32
#define HELLO_NAME_SIZE 160 /* KIND/NAME/INSTANCE with its NUL: 16, 63 and 32 characters at most */
#define HELLO_WAY_SIZE 128  /* two addresses with ports */
#define HELLO_TEXT_SIZE 512 /* any message with its NUL */
#define HELLO_KNOWN "known"

struct hello_key {
	uint8_t id[HELLO_ID_BYTES]; /* says which key is meant, and reveals nothing about it */
	uint8_t server[HELLO_KEY_BYTES], client[HELLO_KEY_BYTES];
};

struct hello_keys {
	struct hello_key list[HELLO_KEYS_MAX]; /* the first one is used to ask */
	size_t count;
};

void hello_key_derive(const uint8_t key[HELLO_KEY_BYTES], struct hello_key *ret);

struct hello_client {
	struct hello_key key;
	char asked[HELLO_TEXT_SIZE];
};

/* Writes the first message. way has no spaces. -EINVAL. */
int hello_ask(struct hello_client *c, const struct hello_keys *keys, const uint8_t nonce[HELLO_NONCE_BYTES],
	const char *way, char ret[HELLO_TEXT_SIZE]);
/* Takes the answer and writes the third message. expected: the name that the answer must have; if it ends in a
 * slash, how the name must begin. self: the client's own name. -EBADMSG: not an answer of this protocol;
 * -EKEYREJECTED: another name, or no proof of the key; -EINVAL: self is not a valid name. */
int hello_confirm(
	struct hello_client *c, struct span answer, const char *expected, const char *self, char ret[HELLO_TEXT_SIZE]);

enum hello_state { HELLO_STRANGER, HELLO_ASKED, HELLO_KNOWN_NOW };

struct hello_server {
	enum hello_state state;
	uint8_t key_id[HELLO_ID_BYTES];
	uint8_t expected[HELLO_PROOF_BYTES]; /* the key of the client's proof, while ASKED */
	char client[HELLO_NAME_SIZE];	     /* who the client is, when KNOWN_NOW */
};

struct hello_side {
	const char *name;		  /* KIND/NAME/INSTANCE */
	uint8_t nonce[HELLO_NONCE_BYTES]; /* a new one for this connection's question */
	const char
		*way; /* what the client must have stated; NULL: not compared, as addresses may be translated between */
};

/* Takes message 1 or 3, and writes the reply. -EBADMSG: neither of them, or out of turn; -EKEYREJECTED: unknown
 * key, or a wrong proof; -EXDEV: the client sees another way, so there is somebody between. After a failure the
 * client is a stranger. */
int hello_hear(struct hello_server *s, const struct hello_keys *keys, const struct hello_side *side,
	struct span message, char ret[HELLO_TEXT_SIZE]);
/* Whether the key by which the client was authenticated is among these. */
bool hello_still_known(const struct hello_server *s, const struct hello_keys *keys);

#endif
