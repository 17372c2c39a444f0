#include "backend/service/service.h"

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <stdio.h>

static int parse_name(const char *encoded, char ret[SERVICE_NAME_BYTES_MAX])
{
	struct buf name;

	buf_init(&name, SERVICE_NAME_BYTES_MAX - 1);
	int r = text_url_decode(span_str(encoded), &name);
	if (r == 0)
		snprintf(ret, SERVICE_NAME_BYTES_MAX, "%s", name.data ? name.data : "");
	buf_fini(&name);
	return r;
}

int service_identity(const struct http_request *req, struct service_identity *ret)
{
	const char *id = http_request_header(req, HEADER_USER);
	const char *name = http_request_header(req, HEADER_USER_NAME);
	const char *admin = http_request_header(req, HEADER_ADMIN);
	const char *token = http_request_header(req, HEADER_TOKEN_ID);
	struct service_identity who = {0};

	if (!id) {
		*ret = who;
		return 0;
	}
	if (text_parse_u64(span_str(id), INT64_MAX, &who.user_id) < 0 || who.user_id == 0)
		return -ERR_BAD_REQUEST;
	if (name && parse_name(name, who.name) < 0)
		return -ERR_BAD_REQUEST;
	if (token && strlen(token) >= sizeof(who.token_id))
		return -ERR_BAD_REQUEST;
	who.admin = admin && strcmp(admin, "1") == 0;
	snprintf(who.token_id, sizeof(who.token_id), "%s", token ? token : "");
	*ret = who;
	return 0;
}
