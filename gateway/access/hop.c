#include "gateway/access/hop.h"

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/proto/headers.h"
#include "common/ring/membership.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

/* A number has only one spelling. */
static int parse_number(struct span text, int64_t *ret)
{
	uint64_t number;

	if (text.size == 0 || text.data[0] == '0' || text_parse_u64(text, INT64_MAX, &number) < 0)
		return -EBADMSG;
	*ret = (int64_t)number;
	return 0;
}

static bool is_name(const char *text, size_t size)
{
	const size_t length = strlen(text);

	return length > 0 && length < size && strspn(text, LETTERS) == length;
}

int hop_parse(const char *text, int64_t *ret_epoch, const char **ret_name)
{
	const char *space = text ? strchr(text, ' ') : NULL;
	int64_t epoch;

	if (!space || !is_name(space + 1, MEMBERSHIP_NAME_SIZE) ||
		parse_number(span_of(text, (size_t)(space - text)), &epoch) < 0)
		return -EBADMSG;
	*ret_epoch = epoch;
	*ret_name = space + 1;
	return 0;
}

static int parse_user_name(const char *encoded, char ret[TOKENS_NAME_SIZE])
{
	struct buf name;

	buf_init(&name, TOKENS_NAME_SIZE - 1);
	int r = text_url_decode(span_str(encoded), &name);
	if (r == 0 && (name.size == 0 || memchr(name.data, '\0', name.size) || !text_is_utf8(buf_span(&name))))
		r = -EBADMSG;
	if (r == 0) {
		memcpy(ret, name.data, name.size);
		ret[name.size] = '\0';
	}
	buf_fini(&name);
	return r == 0 || r == -ENOMEM ? r : -EBADMSG;
}

int hop_identity(const struct hop_fields *fields, struct token_identity *ret)
{
	struct token_identity identity = {.hopped = true};

	if (!fields->user || !fields->name || !fields->admin || !fields->token_id)
		return -EBADMSG;
	if (strcmp(fields->admin, "0") != 0 && strcmp(fields->admin, "1") != 0)
		return -EBADMSG;
	if (!is_name(fields->token_id, sizeof(identity.token_id)) ||
		parse_number(span_str(fields->user), &identity.user) < 0)
		return -EBADMSG;
	int r = parse_user_name(fields->name, identity.name);
	if (r < 0)
		return r;
	identity.admin = fields->admin[0] == '1';
	memcpy(identity.token_id, fields->token_id, strlen(fields->token_id) + 1);
	*ret = identity;
	return 0;
}

static int remember(struct http_request *req)
{
	const struct hop_fields fields = {
		.user = http_request_header(req, HEADER_USER),
		.name = http_request_header(req, HEADER_USER_NAME),
		.admin = http_request_header(req, HEADER_ADMIN),
		.token_id = http_request_header(req, HEADER_TOKEN_ID),
	};
	struct token_identity *identity = malloc(sizeof(*identity));
	int r = identity ? hop_identity(&fields, identity) : -ENOMEM;

	if (r < 0)
		free(identity);
	else
		http_request_set_data(req, identity, free);
	return r;
}

/* 0, or the error to answer with, and why. */
static int admit(struct http_request *req, const char *self, const char **ret_why)
{
	const char *name;
	int64_t epoch;

	*ret_why = NULL;
	if (hop_parse(http_request_header(req, HEADER_HOP), &epoch, &name) < 0) {
		*ret_why = HEADER_HOP " is missing, or is not EPOCH NAME";
		return -ERR_BAD_REQUEST;
	}
	if (strcmp(name, self) == 0)
		return -ERR_LOOP;
	/* Nobody could say what a token would mean beside the user that the sender names. */
	if (http_request_header(req, "Authorization")) {
		*ret_why = "a request that was passed on has no token";
		return -ERR_BAD_REQUEST;
	}
	int r = remember(req);
	if (r == -EBADMSG) {
		*ret_why = "the header fields that say who asks are missing, or have values that they cannot have";
		r = -ERR_BAD_REQUEST;
	}
	return r;
}

bool hop_admit(struct http_request *req, const char *self)
{
	const char *why;
	int r = admit(req, self, &why);

	if (r < 0)
		http_respond_error(req, r, why);
	return r == 0;
}

bool hop_of(const struct http_request *req, int64_t *ret_epoch, const char **ret_name)
{
	const struct token_identity *identity = http_request_data(req);

	if (!identity || !identity->hopped)
		return false;
	return hop_parse(http_request_header(req, HEADER_HOP), ret_epoch, ret_name) == 0;
}
