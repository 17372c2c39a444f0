#include "common/proto/batch_key.h"

#include "common/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void batch_key_print(int64_t session, int64_t number, char ret[BATCH_KEY_SIZE])
{
	(void)snprintf(ret, BATCH_KEY_SIZE, "%" PRId64 "/%" PRId64, session, number);
}

static bool parse(struct span key, uint64_t *ret_session)
{
	const char *slash = key.size ? memchr(key.data, '/', key.size) : NULL;
	const size_t before = slash ? (size_t)(slash - key.data) : 0;
	uint64_t number;

	return slash && text_parse_u64(span_of(key.data, before), INT64_MAX, ret_session) == 0 &&
		text_parse_u64(span_of(slash + 1, key.size - before - 1), INT64_MAX, &number) == 0;
}

bool batch_key_is_one(struct span key)
{
	uint64_t session;

	return parse(key, &session);
}

bool batch_key_is_of(struct span key, int64_t session)
{
	uint64_t found;

	return session > 0 && parse(key, &found) && found == (uint64_t)session;
}
