/*
 * password: Argon2id of a password in NFC, so that it does not matter how its letters were typed. Each hashing
 * takes PASSWORD_MEMORY_BYTES and tens of milliseconds, so the number that run at once is limited. Any thread.
 */
#ifndef NEPHOS_USER_PASSWORD_H
#define NEPHOS_USER_PASSWORD_H

#include "backend/user/rows/user_store.h"

#define PASSWORD_BYTES_MIN 8u
#define PASSWORD_BYTES_MAX 1024u			   /* nobody types more, and each byte costs hashing */
#define PASSWORD_TYPED_BYTES_MAX (3u * PASSWORD_BYTES_MAX) /* limit before normalisation */
#define PASSWORD_WHY_SIZE 160
/* With PASSWORD_PASSES, the least that OWASP recommends for Argon2id. */
#define PASSWORD_MEMORY_BYTES (19u * 1024 * 1024)
#define PASSWORD_PASSES 2u
#define PASSWORD_AT_ONCE_MAX 8u /* 152 MiB */
#define PASSWORD_WAIT_MS 8000	/* wait for a turn: a hundred hashings on one core */

struct password_hasher;

int password_hasher_new(unsigned at_once, struct password_hasher **ret); /* -EINVAL, -ENOMEM, -EIO: libsodium */
void password_hasher_free(struct password_hasher *h);			 /* NULL is fine */
/* Checks whether the text may become a password. -EINVAL, -ENAMETOOLONG: ret_why has the reason; -ENOMEM. */
int password_check(const char *password, char ret_why[PASSWORD_WHY_SIZE]);
/* Hashes a password. -EAGAIN: too many wait; -ENOMEM; -EINVAL, -ENAMETOOLONG: password_check refuses the text. */
int password_hash(struct password_hasher *h, const char *password, char ret[USER_PASSWORD_HASH_SIZE]);
/*
 * Compares a password with a hash. -EACCES: they differ. hash "": there is no password, and finding that out
 * takes as long. Old hashes are of passwords as they were typed: a password that NFC changes is also tried as it
 * was typed.
 */
int password_verify(struct password_hasher *h, const char *hash, const char *password);

#endif
