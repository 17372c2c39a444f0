#include "common/http/server/fields.h"

#include "common/proto/headers.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	enum field_kind kind;
} known[] = {
	{"Accept", FIELD_LIST},
	{"Accept-Charset", FIELD_LIST},
	{"Accept-Encoding", FIELD_LIST},
	{"Accept-Language", FIELD_LIST},
	{"Access-Control-Request-Headers", FIELD_LIST},
	{"Access-Control-Request-Method", FIELD_SINGLE},
	{"Authorization", FIELD_SINGLE},
	{"Cache-Control", FIELD_LIST},
	{"Connection", FIELD_LIST},
	{"Content-Digest", FIELD_LIST},
	{"Content-Disposition", FIELD_SINGLE},
	{"Content-Encoding", FIELD_LIST},
	{"Content-Language", FIELD_LIST},
	{"Content-Length", FIELD_SINGLE},
	{"Content-Location", FIELD_SINGLE},
	{"Content-Range", FIELD_SINGLE},
	{"Content-Type", FIELD_SINGLE},
	{"Date", FIELD_SINGLE},
	{"Expect", FIELD_LIST},
	{"Forwarded", FIELD_LIST},
	{"From", FIELD_SINGLE},
	{"Host", FIELD_SINGLE},
	{"Idempotency-Key", FIELD_SINGLE},
	{"If-Match", FIELD_LIST},
	{"If-Modified-Since", FIELD_SINGLE},
	{"If-None-Match", FIELD_LIST},
	{"If-Range", FIELD_SINGLE},
	{"If-Unmodified-Since", FIELD_SINGLE},
	{"Keep-Alive", FIELD_LIST},
	{"Last-Event-ID", FIELD_SINGLE},
	{"Last-Modified", FIELD_SINGLE},
	{"Max-Forwards", FIELD_SINGLE},
	{"Origin", FIELD_SINGLE},
	{"Pragma", FIELD_LIST},
	{"Prefer", FIELD_LIST},
	{"Proxy-Authorization", FIELD_SINGLE},
	{"Proxy-Connection", FIELD_LIST},
	{"Range", FIELD_SINGLE},
	{"Referer", FIELD_SINGLE},
	{"Repr-Digest", FIELD_LIST},
	{"TE", FIELD_LIST},
	{"Trailer", FIELD_LIST},
	{"Transfer-Encoding", FIELD_SINGLE}, /* a list by its grammar, but only one member is accepted */
	{"Upgrade", FIELD_LIST},
	{"User-Agent", FIELD_SINGLE},
	{"Via", FIELD_LIST},
	{"Want-Content-Digest", FIELD_LIST},
	{"Want-Repr-Digest", FIELD_LIST},
	{"X-Forwarded-For", FIELD_LIST},
};

enum field_kind field_kind(const char *name)
{
	static const char ours[] = HEADER_OURS;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcasecmp(known[i].name, name) == 0)
			return known[i].kind;
	}
	return strncasecmp(name, ours, sizeof(ours) - 1) == 0 ? FIELD_SINGLE : FIELD_UNKNOWN;
}

struct span field_trim(struct span value)
{
	while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == '\t'))
		value = span_of(value.data + 1, value.size - 1);
	while (value.size > 0 && (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t'))
		value.size--;
	return value;
}

bool field_is_identity(const char *value)
{
	static const struct span identity = SPAN_LITERAL("identity");

	while (*value) {
		const size_t size = strcspn(value, ",");
		const struct span member = field_trim(span_of(value, size));

		/* Empty members of a list mean nothing (RFC 9110, 5.6.1). */
		if (member.size > 0 &&
			(member.size != identity.size || strncasecmp(member.data, identity.data, identity.size) != 0))
			return false;
		value += size + (value[size] == ',');
	}
	return true;
}
