/*
 * kept_key: the key under which an answer is kept: the user to whom it was given, the drive, the form that the
 * user asked for (Accept), the target. Pure.
 *
 * Gateways send these keys to each other (validation_message.h): a change of what is in a key must also change
 * the words that those messages begin with.
 */
#ifndef NEPHOS_GATEWAY_PROXY_KEPT_KEY_H
#define NEPHOS_GATEWAY_PROXY_KEPT_KEY_H

#include "gateway/cache/terms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEPT_KEY_SIZE 2048 /* answers with longer keys are not kept: a path of a dozen long names */

struct kept_key {
	size_t size;
	char text[KEPT_KEY_SIZE];
};

/* accept: the request's field, may be NULL. false: the key is too long. */
bool kept_key_make(struct kept_key *key, int64_t user, uint32_t drive, const char *accept, const char *target);
/* For an answer of another gateway, which has this boot and keeps the answer under the key `theirs`. false: the
 * key is too long. */
bool kept_key_of_other(struct kept_key *key, const char *boot, struct span theirs);
/* The kind that answers to this target are counted as. */
enum cache_kind kept_key_kind(const char *target);
/* Whether the target is one document of version 1 of the API, whose text may be long. */
bool kept_key_is_text(const char *target);

#endif
