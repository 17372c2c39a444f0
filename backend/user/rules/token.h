/*
 * token: opaque tokens, 256 random bits behind a prefix that names their kind. Only their SHA-256 is stored. Pure
 * except for the kernel's random numbers; any thread.
 */
#ifndef NEPHOS_USER_TOKEN_H
#define NEPHOS_USER_TOKEN_H

#include "backend/user/rows/user_store.h"

#define TOKEN_RANDOM_BYTES 32
#define TOKEN_TEXT_SIZE (4 + 2 * TOKEN_RANDOM_BYTES + 1) /* "nps_", hex, NUL */

/* nps_: session, npk_: device key, npt_: set-up. */
int token_make(const char *prefix, char ret_text[TOKEN_TEXT_SIZE], uint8_t ret_hash[SHA256_BYTES]); /* -EIO */
const char *token_prefix(enum user_token_kind kind);
/* -EINVAL: not in the form of our tokens. */
int token_parse(const char *text, enum user_token_kind *ret_kind, uint8_t ret_hash[SHA256_BYTES]);
int token_hash(const char *text, uint8_t ret_hash[SHA256_BYTES]); /* -EIO */
/* The name of a token where its text must not be shown: "s12", "k7". */
#define TOKEN_ID_SIZE 24
void token_id_format(enum user_token_kind kind, uint64_t id, char ret[TOKEN_ID_SIZE]);
int token_id_parse(const char *text, enum user_token_kind *ret_kind, uint64_t *ret_id); /* -EINVAL */

#endif
