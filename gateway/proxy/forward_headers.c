#include "gateway/proxy/forward_headers.h"

#include "common/base/line.h"
#include "common/base/text.h"
#include "common/http/told_url.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define CONNECTION_LINES_MAX 4 /* nothing sends more than one */

struct copy {
	struct http_headers *to;
	const char *const *ours;		      /* which fields of ours pass; the last is NULL */
	const char *connection[CONNECTION_LINES_MAX]; /* values of Connection: names of further fields that stop here */
	size_t lines;
	int error;
};

/* Fields of one connection (RFC 9110 §7.6.1), and fields that are set anew on the other side. */
static const char *const STOPS_HERE[] = {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization",
	"Proxy-Authenticate", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length", "Expect", "Host",
	"Authorization", "Cookie", "Date", "Server"};

/* Of the fields of ours only these pass: all others are between the parts of the store, future ones as well. A
 * client's claim about who asks, or about the epoch of a drive's home, counts for nothing. */
static const char *const OF_CLIENTS[] = {HEADER_FLOOR, HEADER_SESSION, HEADER_BATCH, HEADER_LEASE, NULL};
static const char *const FOR_CLIENTS[] = {HEADER_SEQ, HEADER_USAGE, HEADER_BATCH, NULL};
/* Another gateway has made its answer for a client: what that gateway says of itself passes. */
static const char *const OF_GATEWAYS[] = {HEADER_SEQ, HEADER_USAGE, HEADER_BATCH, HEADER_ATTEMPTS, HEADER_HOME, NULL};

static int fold(char c)
{
	return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* An underscore counts as a dash: some of the servers behind us might read it so. */
static bool same_name(const char *a, const char *b)
{
	while (*a && fold(*a) == fold(*b)) {
		a++;
		b++;
	}
	return *a == *b;
}

static bool is_ours(const char *name)
{
	for (size_t i = 0; i < sizeof(HEADER_OURS) - 1; i++) {
		if (fold(name[i]) != fold(HEADER_OURS[i]))
			return false;
	}
	return true;
}

static bool stops_here(const char *name, const char *const *ours)
{
	if (is_ours(name)) {
		while (*ours && !same_name(name, *ours))
			ours++;
		return !*ours;
	}
	for (size_t i = 0; i < sizeof(STOPS_HERE) / sizeof(*STOPS_HERE); i++) {
		if (same_name(name, STOPS_HERE[i]))
			return true;
	}
	return false;
}

/* Whether a comma separated list of tokens has this one. */
static bool list_has(const char *list, const char *name)
{
	size_t size = strlen(name);
	while (list && *list) {
		list += strspn(list, " \t,");
		size_t token = strcspn(list, " \t,");
		if (token == size && strncasecmp(list, name, size) == 0)
			return true;
		list += token;
	}
	return false;
}

static void note_connection(const char *name, const char *value, void *cookie)
{
	struct copy *copy = cookie;
	if (strcasecmp(name, "Connection") != 0)
		return;
	if (copy->lines < CONNECTION_LINES_MAX)
		copy->connection[copy->lines++] = value;
	else
		copy->error = -EINVAL;
}

static void copy_field(const char *name, const char *value, void *cookie)
{
	struct copy *copy = cookie;
	bool stops = copy->error < 0 || stops_here(name, copy->ours);
	for (size_t i = 0; i < copy->lines && !stops; i++)
		stops = list_has(copy->connection[i], name);
	if (!stops)
		copy->error = http_headers_add(copy->to, name, value);
}

static int add_identity(const struct token_identity *identity, struct http_headers *ret)
{
	struct buf name;
	buf_init(&name, 3 * TOKENS_NAME_SIZE);
	int error = text_url_encode(span_str(identity->name), &name);
	if (error == 0)
		error = http_headers_add_number(ret, HEADER_USER, identity->user);
	if (error == 0)
		error = http_headers_add(ret, HEADER_USER_NAME, name.data ? name.data : "");
	if (error == 0)
		error = http_headers_add(ret, HEADER_ADMIN, identity->admin ? "1" : "0");
	if (error == 0)
		error = http_headers_add(ret, HEADER_TOKEN_ID, identity->token_id);
	buf_fini(&name);
	return error;
}

int forward_headers_request(const struct http_request *req, const struct token_identity *identity, const char *client,
	struct http_headers *ret)
{
	struct copy copy = {.to = ret, .ours = OF_CLIENTS};
	http_request_each_header(req, note_connection, &copy);
	http_request_each_header(req, copy_field, &copy);
	if (copy.error == 0)
		copy.error = http_headers_add(ret, HEADER_TRACE, http_request_trace(req));
	if (copy.error == 0 && client)
		copy.error = http_headers_add(ret, HEADER_CLIENT, client);
	if (copy.error == 0)
		copy.error = http_headers_add(ret, HEADER_PATIENCE, "1");
	if (copy.error == 0 && identity)
		copy.error = add_identity(identity, ret);
	return copy.error;
}

int forward_headers_answer(const struct http_headers *answer, bool of_gateway, struct http_headers *ret)
{
	struct copy copy = {.to = ret, .ours = of_gateway ? OF_GATEWAYS : FOR_CLIENTS};
	for (size_t i = 0; i < answer->count; i++)
		note_connection(answer->list[i].name, answer->list[i].value, &copy);
	for (size_t i = 0; i < answer->count; i++)
		copy_field(answer->list[i].name, answer->list[i].value, &copy);
	return copy.error;
}

static void write_key_of_user(int64_t user, char *ret)
{
	struct line line;

	line_begin(&line, ret, FORWARD_KEY_SIZE);
	line_text(&line, "home-of-");
	line_number(&line, user);
}

void forward_headers_key(const char *target, const struct token_identity *identity, char *ret)
{
	static const char DRIVES[] = "/api/v2/docs/drives/";
	static const char V1[] = "/api/v1/docs";

	ret[0] = '\0';
	if (strncmp(target, DRIVES, sizeof(DRIVES) - 1) == 0) {
		const char *drive = target + sizeof(DRIVES) - 1;
		size_t digits = strspn(drive, "0123456789");
		if (digits > 0 && digits < 12) {
			memcpy(ret, drive, digits);
			ret[digits] = '\0';
			return;
		}
	} else if (strncmp(target, V1, sizeof(V1) - 1) != 0) {
		return;
	}
	if (identity)
		write_key_of_user(identity->user, ret);
}

const char *forward_headers_home(const struct http_request *req, bool hopped, const char *url, char *ret)
{
	return hopped ? url : told_url(url, http_request_header(req, "Host"), ret);
}
