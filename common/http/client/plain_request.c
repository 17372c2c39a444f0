/*
 * What a plain call sends, and where. The URL has a numeric address, an IPv6 one in brackets; names are not
 * accepted, as looking one up may take seconds. The Host field has the host as the URL has it. A target is sent as
 * it is; a URL with characters that could end the line, or begin another field, is refused. The fields come from
 * the caller, except those that say where the request ends: these are written here.
 */
#include "common/http/client/plain_internal.h"

#include "common/base/line.h"
#include "common/base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <strings.h>

#define SCHEME "http://"
#define PORT_DEFAULT 80
#define REQUEST_BYTES_USUAL ((size_t)1000)    /* of a head: one allocation for most */
#define REQUEST_BYTES_MAX ((size_t)64 * 1024) /* of a head; four times what our servers take */

/* The "HOST:PORT" behind the scheme. */
static struct span authority_of(const char *url)
{
	const char *start = url + sizeof(SCHEME) - 1;

	return span_of(start, strcspn(start, "/?#"));
}

static bool is_plain(const char *url)
{
	return url && strncasecmp(url, SCHEME, sizeof(SCHEME) - 1) == 0;
}

static int take_port(struct span text, uint16_t *ret)
{
	uint64_t port = PORT_DEFAULT;

	if (text.size &&
		(*text.data != ':' || text_parse_u64(span_of(text.data + 1, text.size - 1), UINT16_MAX, &port) < 0))
		return -EINVAL;
	if (port == 0)
		return -EINVAL;
	*ret = htons((uint16_t)port);
	return 0;
}

static int take_v4(struct span host, uint16_t port, struct endpoint_address *ret)
{
	struct sockaddr_in *name = (struct sockaddr_in *)&ret->name;
	char text[INET_ADDRSTRLEN];

	if (host.size >= sizeof(text))
		return -EINVAL;
	memcpy(text, host.data, host.size);
	text[host.size] = '\0';
	if (inet_pton(AF_INET, text, &name->sin_addr) != 1)
		return -EINVAL;
	name->sin_family = AF_INET;
	name->sin_port = port;
	ret->size = sizeof(*name);
	return 0;
}

static int take_v6(struct span host, uint16_t port, struct endpoint_address *ret)
{
	struct sockaddr_in6 *name = (struct sockaddr_in6 *)&ret->name;
	char text[INET6_ADDRSTRLEN];

	if (host.size >= sizeof(text))
		return -EINVAL;
	memcpy(text, host.data, host.size);
	text[host.size] = '\0';
	if (inet_pton(AF_INET6, text, &name->sin6_addr) != 1)
		return -EINVAL;
	name->sin6_family = AF_INET6;
	name->sin6_port = port;
	ret->size = sizeof(*name);
	return 0;
}

int plain_address_of(const char *url, struct endpoint_address *ret)
{
	struct endpoint_address found = {.type = SOCK_STREAM};
	uint16_t port = 0;
	int error;

	if (!is_plain(url))
		return -EINVAL;
	const struct span authority = authority_of(url);
	const bool bracket = authority.size && *authority.data == '[';
	const char *end = authority.size ? memchr(authority.data, bracket ? ']' : ':', authority.size) : NULL;
	const size_t host = end ? (size_t)(end - authority.data) : authority.size;
	const size_t port_at = host + (bracket && end ? 1 : 0);

	if (bracket && !end)
		return -EINVAL;
	error = take_port(span_of(authority.data + port_at, authority.size - port_at), &port);
	if (error == 0)
		error = bracket ? take_v6(span_of(authority.data + 1, host - 1), port, &found)
				: take_v4(span_of(authority.data, host), port, &found);
	if (error == 0)
		*ret = found;
	return error;
}

/* ---- the head ---- */

static bool is_clean(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return false;
	return size > 0;
}

static int write_line(struct buf *ret, const char *method, const char *url)
{
	const struct span authority = authority_of(url);
	const char *target = authority.data + authority.size;
	const size_t size = strcspn(target, "#");
	int error;

	if (!is_clean(method, strlen(method)) || !is_clean(authority.data, authority.size) ||
		(size && !is_clean(target, size)))
		return -EINVAL;
	error = buf_append_str(ret, method);
	if (error == 0)
		error = buf_append_str(ret, *target == '/' ? " " : " /");
	if (error == 0)
		error = buf_append(ret, target, size);
	if (error == 0)
		error = buf_append_str(ret, " HTTP/1.1\r\nHost: ");
	if (error == 0)
		error = buf_append_span(ret, authority);
	return error ? error : buf_append_str(ret, "\r\n");
}

static int write_field(struct buf *ret, const char *name, const char *value)
{
	int error = buf_append_str(ret, name);

	if (error == 0)
		error = buf_append_str(ret, *value ? ": " : ":");
	if (error == 0)
		error = buf_append_str(ret, value);
	return error ? error : buf_append_str(ret, "\r\n");
}

static int write_length(struct buf *ret, size_t size)
{
	char text[LINE_NUMBER_SIZE];

	(void)line_of_number((int64_t)size, text);
	return write_field(ret, "Content-Length", text);
}

/* Whether the request has a body, or its method expects one, even if it is empty. */
static bool says_length(const char *method, size_t body)
{
	return body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

int plain_request_write(const struct http_call *call, const struct http_call_options *options, struct buf *ret)
{
	const char *method = options->method ? options->method : "GET";
	const char *agent = call->client->user_agent;
	const struct http_headers *headers = options->headers;
	int error;

	buf_init(ret, REQUEST_BYTES_MAX);
	error = buf_reserve(ret, REQUEST_BYTES_USUAL);
	if (error == 0)
		error = write_line(ret, method, options->url);
	if (error == 0 && agent && !(headers && http_headers_get(headers, "User-Agent")))
		error = write_field(ret, "User-Agent", agent);
	for (size_t i = 0; error == 0 && headers && i < headers->count; i++)
		if (!call_writes_itself(headers->list[i].name) && strcasecmp(headers->list[i].name, "Host") != 0)
			error = write_field(ret, headers->list[i].name, headers->list[i].value);
	if (error == 0 && says_length(method, options->body.size))
		error = write_length(ret, options->body.size);
	if (error == 0)
		error = buf_append_str(ret, "\r\n");
	return error == -E2BIG ? -EINVAL : error;
}
