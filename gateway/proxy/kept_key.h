/*
 * kept_key: under what an answer is kept: the user to whom it was given, the drive, the form that he asked for, the
 * target. Pure.
 *
 * Gateways say these keys to each other (validation_message.h): who changes what is in one changes the words that
 * those messages begin with.
 */
#ifndef NEPHOS_GATEWAY_PROXY_KEPT_KEY_H
#define NEPHOS_GATEWAY_PROXY_KEPT_KEY_H

#include "gateway/cache/terms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEPT_KEY_SIZE 2048 /* of longer targets nothing is kept: a path of a dozen long names */

struct kept_key {
	size_t size;
	char text[KEPT_KEY_SIZE];
};

/* accept: of the request, may be NULL. false: it is too long. */
bool kept_key_make(struct kept_key *key, int64_t user, uint32_t drive, const char *accept, const char *target);
/* For an answer of another gateway, of that boot, which keeps it under the key `theirs`. false: it is too long. */
bool kept_key_of_other(struct kept_key *key, const char *boot, struct span theirs);
/* As what it is counted. */
enum cache_kind kept_key_kind(const char *target);

#endif
