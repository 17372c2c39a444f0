/*
 * password: Argon2id of a password in NFC: however its letters were typed. Each hashing takes PASSWORD_MEMORY_BYTES and
 * tens of milliseconds, so only some run at once. Any thread.
 */
#ifndef NEPHOS_USER_PASSWORD_H
#define NEPHOS_USER_PASSWORD_H

#include "backend/user/rows/user_store.h"

#define PASSWORD_BYTES_MIN 8u
#define PASSWORD_BYTES_MAX 1024u			   /* nobody types more; each byte is hashed */
#define PASSWORD_TYPED_BYTES_MAX (3u * PASSWORD_BYTES_MAX) /* before its letters were put together */
#define PASSWORD_WHY_SIZE 160
#define PASSWORD_MEMORY_BYTES \
	(19u * 1024 * 1024) /* with PASSWORD_PASSES the least that OWASP recommends for Argon2id */
#define PASSWORD_PASSES 2u
#define PASSWORD_AT_ONCE_MAX 8u /* 152 MiB */
#define PASSWORD_WAIT_MS 8000	/* for one's turn: a hundred hashings on one core */

struct password_hasher;

int password_hasher_new(unsigned at_once, struct password_hasher **ret); /* -EINVAL, -ENOMEM, -EIO: libsodium */
void password_hasher_free(struct password_hasher *h);			 /* NULL is fine */
/* Whether it may become one. -EINVAL, -ENAMETOOLONG: why is in ret_why; -ENOMEM. */
int password_check(const char *password, char ret_why[PASSWORD_WHY_SIZE]);
/* -EAGAIN: too many wait; -ENOMEM; -EINVAL, -ENAMETOOLONG: not one that password_check lets through. */
int password_hash(struct password_hasher *h, const char *password, char ret[USER_PASSWORD_HASH_SIZE]);
/*
 * -EACCES: it is another. hash "": there is none, which takes as long to find out. Passwords were once hashed as they
 * were typed: one that
 * NFC changes is tried so, too.
 */
int password_verify(struct password_hasher *h, const char *hash, const char *password);

#endif
