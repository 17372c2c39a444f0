#include "backend/user/rules/token.h"

#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define PREFIX_SIZE 4

const char *token_prefix(enum user_token_kind kind)
{
	return kind == USER_SESSION ? "nps_" : "npk_";
}

int token_make(const char *prefix, char ret_text[TOKEN_TEXT_SIZE], uint8_t ret_hash[SHA256_BYTES])
{
	char text[TOKEN_TEXT_SIZE];

	memcpy(text, prefix, PREFIX_SIZE);
	int r = text_random_hex(TOKEN_RANDOM_BYTES, text + PREFIX_SIZE);
	if (r == 0)
		r = token_hash(text, ret_hash);
	if (r == 0)
		memcpy(ret_text, text, sizeof(text));
	return r;
}

int token_hash(const char *text, uint8_t ret_hash[SHA256_BYTES])
{
	return sha256_of(span_str(text), ret_hash);
}

int token_parse(const char *text, enum user_token_kind *ret_kind, uint8_t ret_hash[SHA256_BYTES])
{
	enum user_token_kind kind = strncmp(text, token_prefix(USER_KEY), PREFIX_SIZE) == 0 ? USER_KEY : USER_SESSION;

	if (strlen(text) != TOKEN_TEXT_SIZE - 1 || strncmp(text, token_prefix(kind), PREFIX_SIZE) != 0)
		return -EINVAL;
	int r = token_hash(text, ret_hash);
	if (r == 0)
		*ret_kind = kind;
	return r;
}

void token_id_format(enum user_token_kind kind, uint64_t id, char ret[TOKEN_ID_SIZE])
{
	snprintf(ret, TOKEN_ID_SIZE, "%c%" PRIu64, kind == USER_SESSION ? 's' : 'k', id);
}

int token_id_parse(const char *text, enum user_token_kind *ret_kind, uint64_t *ret_id)
{
	if (*text != 's' && *text != 'k')
		return -EINVAL;
	int r = text_parse_u64(span_str(text + 1), INT64_MAX, ret_id);
	if (r == 0)
		*ret_kind = *text == 's' ? USER_SESSION : USER_KEY;
	return r < 0 ? -EINVAL : 0;
}
