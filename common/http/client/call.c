#include "common/http/client/client_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/http/loopback.h"
#include "common/proto/headers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/*
 * One exchange by libcurl, for both ways of calling.
 *
 * Repeating. When a kept connection dies before a byte of the answer came, libcurl sends the request again by
 * itself, whatever its method. The server may have done the work by then. So the second attempt is allowed only for
 * requests that may be done twice: reads, and requests with an Idempotency-Key. Other calls end with -ECONNRESET,
 * connected and without a first byte, and the caller decides.
 */

#define EXPECT_SLACK_MS 2000 /* how late the check for a sign of life may come */

bool call_writes_itself(const char *name)
{
	static const char *const names[] = {
		"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Expect"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (((name[0] ^ names[i][0]) & ~0x20) == 0 && strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Notes that a callback of the caller ends the call with r, if r is a failure. */
static int note_ours(struct http_call *call, int r)
{
	call->response.ours = call->response.ours || r < 0;
	return r;
}

/* Sending the body. */

static size_t on_read(char *data, size_t unit, size_t count, void *cookie)
{
	struct http_call *call = cookie;
	size_t size = unit * count;
	size_t got = 0;
	int r;

	if (call->options.body_length >= 0 && size > (uint64_t)call->options.body_length - call->pulled)
		size = (size_t)((uint64_t)call->options.body_length - call->pulled);
	if (size == 0)
		return 0;
	r = call->options.pull(call->cookie, data, size, &got);
	call->last_byte_ns = clock_mono_ns();
	call->paused_out = r == -EAGAIN && !call->blocking;
	if (call->paused_out)
		return CURL_READFUNC_PAUSE;
	(void)note_ours(call, r);
	/* An end before the promised length would leave the server waiting for the rest. */
	if (r == 0 && got == 0 && call->options.body_length >= 0)
		r = -EPROTO;
	if (r) {
		call->error = r;
		return CURL_READFUNC_ABORT;
	}
	assert(got <= size);
	call->pulled += got;
	return got;
}

/* Receiving the answer. */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int take_status_line(struct http_call *call, const char *line, size_t size)
{
	const char *space = memchr(line, ' ', size);
	size_t left = space ? size - (size_t)(space - line) : 0;

	if (left < 5 || !is_digit(space[1]) || !is_digit(space[2]) || !is_digit(space[3]) || is_digit(space[4]))
		return -EPROTO;
	call->response.status = (space[1] - '0') * 100 + (space[2] - '0') * 10 + (space[3] - '0');
	http_headers_fini(&call->response.headers);
	/* A 100 says that the server lives, not that it has begun to answer. */
	if (call->response.status >= 200)
		call->response.first_byte = true;
	return 0;
}

static int take_field(struct http_call *call, const char *line, size_t size)
{
	const char *colon = memchr(line, ':', size);
	const char *value, *end = line + size;
	char text[1024];
	char *copy = text;
	int r;

	if (!colon)
		return -EPROTO;
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (size >= sizeof(text))
		copy = malloc(size + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, line, (size_t)(end - line));
	copy[end - line] = '\0';
	copy[colon - line] = '\0';
	r = http_headers_add(&call->response.headers, copy, copy + (value - line));
	if (copy != text)
		free(copy);
	return r == -ENOSPC ? -E2BIG : r;
}

/* Whether the server does not know us. This happens only on a kept connection: on a new one the greeting has just
 * settled it. */
static bool is_unknown(const struct http_call *call)
{
	return call->client->options.greeter && call->response.status == 401 &&
		http_headers_get(&call->response.headers, HEADER_HELLO);
}

static int take_end_of_head(struct http_call *call)
{
	if (call->response.status == 102 && call->options.on_waits && !call->here)
		call->options.on_waits(call->cookie);
	if (call->response.status < 200)
		return 0;
	if (is_unknown(call)) {
		/* A body that was pulled cannot be sent again. But this 401 is no answer for the caller either:
		 * the caller's own token may be good. */
		call->unknown = !call->pulled;
		return call->unknown ? -EKEYREJECTED : -ECONNRESET;
	}
	call->head_done = true;
	call->head_owed = call->options.on_head != NULL;
	return call->here ? 0 : call_tell_head(call);
}

int call_tell_head(struct http_call *call)
{
	if (!call->head_owed)
		return 0;
	call->head_owed = false;
	return note_ours(call, call->options.on_head(call->cookie, &call->response));
}

static size_t on_header(char *line, size_t unit, size_t count, void *cookie)
{
	struct http_call *call = cookie;
	size_t size = unit * count;
	int r;

	call->last_byte_ns = clock_mono_ns();
	if (call->head_done)
		return size; /* trailers */
	if (size >= 5 && memcmp(line, "HTTP/", 5) == 0)
		r = take_status_line(call, line, size);
	else if (size <= 2)
		r = take_end_of_head(call);
	else
		r = take_field(call, line, size);
	if (r)
		call->error = r;
	return r ? 0 : size;
}

static size_t on_write(char *data, size_t unit, size_t count, void *cookie)
{
	struct http_call *call = cookie;
	size_t size = unit * count;
	int r;

	call->last_byte_ns = clock_mono_ns();
	if (call->options.on_data && (call->here || call->head_owed)) {
		call->paused_in = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (call->options.on_data) {
		r = call->options.on_data(call->cookie, data, size);
		call->paused_in = r == -EAGAIN && !call->blocking;
		if (call->paused_in)
			return CURL_WRITEFUNC_PAUSE;
		(void)note_ours(call, r);
	} else {
		r = buf_append(&call->response.body, data, size);
	}
	if (r) {
		call->error = r;
		return size + 1; /* anything but size ends the call */
	}
	return size;
}

/* libcurl asks before each sending of the request. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the library's signature */
static int on_attempt(void *cookie, char *peer, char *local, int peer_port, int local_port)
{
	struct http_call *call = cookie;

	(void)peer;
	(void)local;
	(void)peer_port;
	(void)local_port;
	call->last_byte_ns = clock_mono_ns();
	/* The part of a body that was pulled cannot be pulled again. */
	if (call->attempts++ == 0 || (call->replayable && !call->pulled))
		return CURL_PREREQFUNC_OK;
	call->error = -ECONNRESET;
	return CURL_PREREQFUNC_ABORT;
}

bool call_is_stalled(const struct http_call *call, int64_t now_ns)
{
	if (!call->options.stall_ms || call->paused_in || call->paused_out)
		return false;
	return now_ns - call->last_byte_ns > (int64_t)call->options.stall_ms * NS_PER_MS;
}

int call_waiting(const struct http_call *call, int64_t now_ns)
{
	if (!call->options.waiting || call->response.first_byte || call->paused_out || now_ns <= call->last_byte_ns)
		return 0;
	return call->options.waiting(call->cookie, (unsigned)((now_ns - call->last_byte_ns) / NS_PER_MS));
}

/* Whether the server has been silent for too long: it has not even said that the body may come. */
static bool is_silent(const struct http_call *call, int64_t now_ns)
{
	return call->options.first_byte_ms && call->response.status == 0 &&
		now_ns - call->last_byte_ns > (int64_t)call->options.first_byte_ms * NS_PER_MS;
}

/* Only for blocking calls: asynchronous ones are watched by the client's thread. */
static int on_progress(void *cookie, curl_off_t in_total, curl_off_t in_now, curl_off_t out_total, curl_off_t out_now)
{
	struct http_call *call = cookie;

	(void)in_total;
	(void)in_now;
	(void)out_total;
	(void)out_now;
	if (call->options.on_tick)
		call->options.on_tick(call->cookie);
	if (!call_is_stalled(call, clock_mono_ns()) && !is_silent(call, clock_mono_ns()))
		return 0;
	call->error = -ETIMEDOUT;
	return 1;
}

/* Setting up. */

static int add_field(struct http_call *call, const char *name, const char *value)
{
	char text[1024];
	char *line = text;
	size_t name_size = strlen(name), value_size = strlen(value);
	struct curl_slist *grown;

	if (name_size + value_size + 3 > sizeof(text))
		line = malloc(name_size + value_size + 3);
	if (!line)
		return -ENOMEM;
	memcpy(line, name, name_size);
	/* For an empty value libcurl wants a semicolon; a colon would remove the field. */
	memcpy(line + name_size, value_size ? ": " : ";", value_size ? 3 : 2);
	memcpy(line + strlen(line), value, value_size + 1);
	grown = curl_slist_append(call->fields, line);
	if (grown)
		call->fields = grown;
	if (line != text)
		free(line);
	return grown ? 0 : -ENOMEM;
}

static int drop_field(struct http_call *call, const char *line)
{
	struct curl_slist *grown = curl_slist_append(call->fields, line);

	if (grown)
		call->fields = grown;
	return grown ? 0 : -ENOMEM;
}

static int set_fields(struct http_call *call, const struct http_headers *headers)
{
	const struct http_call_options *o = &call->options;
	bool expect = o->pull && (o->body_length < 0 || o->body_length >= EXPECT_BYTES_MIN);
	int r = 0;

	for (size_t i = 0; !r && headers && i < headers->count; i++) {
		if (!call_writes_itself(headers->list[i].name))
			r = add_field(call, headers->list[i].name, headers->list[i].value);
	}
	/* Fields that libcurl would add by itself. */
	if (!r && o->expect)
		r = add_field(call, "Expect", "100-continue");
	else if (!r && !expect)
		r = drop_field(call, "Expect:");
	if (!r && !o->pull && !(headers && http_headers_get(headers, "Content-Type")))
		r = drop_field(call, "Content-Type:");
	if (!r && !(headers && http_headers_get(headers, "Accept")))
		r = drop_field(call, "Accept:");
	if (!r)
		curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->fields);
	return r;
}

static void set_method(struct http_call *call)
{
	const struct http_call_options *o = &call->options;
	const char *method = o->method ? o->method : "GET";
	CURL *easy = call->easy;

	if (o->pull) {
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1l);
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)o->body_length);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(easy, CURLOPT_READDATA, call);
		curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BUFFER_BYTES);
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	} else if (strcmp(method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1l);
	} else if (o->body.size || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
		strcmp(method, "PATCH") == 0) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body.size);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, o->body.size ? o->body.data : "");
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	} else if (strcmp(method, "GET") != 0) {
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	}
}

static void set_limits(struct http_call *call)
{
	const struct http_call_options *o = &call->options;
	unsigned deadline = o->deadline_ms || o->stall_ms ? o->deadline_ms : DEADLINE_MS_DEFAULT;

	curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call_connect_ms(call));
	curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)deadline);
	/* By default libcurl sends, after a second, a body that the server has not asked for; the call must be
	 * given up before that. */
	if (o->first_byte_ms)
		curl_easy_setopt(call->easy, CURLOPT_EXPECT_100_TIMEOUT_MS, (long)o->first_byte_ms + EXPECT_SLACK_MS);
	if (call->blocking && (o->stall_ms || o->first_byte_ms || o->on_tick)) {
		curl_easy_setopt(call->easy, CURLOPT_NOPROGRESS, 0l);
		curl_easy_setopt(call->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(call->easy, CURLOPT_XFERINFODATA, call);
	}
}

static void remember_address(struct http_call *call, const struct curl_sockaddr *address)
{
	struct endpoint_address *a = &call->addresses[call->address_count];

	if (call->address_count == DIAL_ADDRESSES_MAX || address->addrlen > sizeof(a->name))
		return;
	memcpy(&a->name, &address->addr, address->addrlen);
	a->size = address->addrlen;
	a->type = address->socktype;
	a->protocol = address->protocol;
	call->address_count++;
}

static int64_t stale_ns(const struct http_call *call)
{
	const struct http_greeter *greeter = call->client->options.greeter;

	return greeter && greeter->stale_ns ? greeter->stale_ns(greeter->cookie) : 0;
}

/* Kept connections that began before stale_ns are not used. libcurl counts the age of a connection in whole
 * seconds, rounded down: the limit is one second less, so that no connection is used that is older by a fraction. */
static void leave_stale(struct http_call *call)
{
	const int64_t since_ns = stale_ns(call);
	const int64_t most_s = since_ns ? (clock_mono_ns() - since_ns) / NS_PER_S - 1 : 0;

	if (!since_ns)
		return;
	if (most_s > 0)
		curl_easy_setopt(call->easy, CURLOPT_MAXLIFETIME_CONN, (long)most_s);
	else
		curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1l);
}

static void close_ready(struct http_call *call)
{
	if (call->ready_fd >= 0 && !call->blocking)
		sockets_forget(&call->client->sockets, call->ready_fd);
	if (call->ready_fd >= 0)
		close(call->ready_fd);
	call->ready_fd = -1;
}

/* Gives libcurl the connection that is ready, or none: then the address is remembered at least. */
static curl_socket_t open_known(struct http_call *call, const struct curl_sockaddr *address)
{
	/* libcurl counts the age of the connection from a moment before this check, but after the dial, so the
	 * dial is checked here. */
	if (stale_ns(call) >= call->dialed_ns)
		close_ready(call);
	int fd = call->ready_fd;

	call->ready_fd = -1;
	if (fd < 0)
		remember_address(call, address);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

unsigned call_connect_ms(const struct http_call *call)
{
	return call->options.connect_ms ? call->options.connect_ms : CONNECT_MS_DEFAULT;
}

bool call_wants_dial(struct http_call *call, CURLcode code)
{
	if (!call->client->options.greeter || code == CURLE_OK || call->dials == DIALS_MAX ||
		(!call->unknown && (call->error || call->address_count == 0)))
		return false;
	/* A kept connection was dead after the request was sent. A request that cannot be sent twice ends as it
	 * does without a greeter. */
	if (!call->unknown && call->attempts > 0 && (!call->replayable || call->pulled)) {
		call->error = -ECONNRESET;
		call->was_sent = true;
		return false;
	}
	return true;
}

int call_dial(struct http_call *call)
{
	if (call->next_address == call->address_count)
		return -ECONNREFUSED;
	call->dialed_ns = clock_mono_ns();
	return dial_new(&call->addresses[call->next_address++], call->client->options.greeter, call->peer, &call->dial);
}

void call_begin_anew(struct http_call *call)
{
	/* If the server does not know us on this connection, it does not on any connection of that age: no kept
	 * connection is tried again. And a connection that was made for this call must not be left over because
	 * another became free. */
	if (call->unknown || call->ready_fd >= 0)
		curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1l);
	if (call->unknown)
		call->attempts = 0; /* the server has done nothing */
	call->was_sent = call->was_sent || call->attempts > 0;
	call->unknown = false;
	call->error = 0;
	call->address_count = call->next_address = 0;
	call->head_done = call->head_owed = false;
	call->response.first_byte = false;
	call->response.status = 0;
	http_headers_fini(&call->response.headers);
	buf_reset(&call->response.body);
	call->last_byte_ns = clock_mono_ns();
}

static curl_socket_t on_open(void *cookie, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_call *call = cookie;

	(void)purpose;
	if (call->client->options.greeter && !call->is_local)
		return open_known(call, address);
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	if (fd >= 0)
		loopback_tune(fd, &address->addr);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_opened(void *cookie, curl_socket_t fd, curlsocktype purpose)
{
	const struct http_call *call = cookie;

	(void)fd;
	(void)purpose;
	return call->is_local ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ALREADY_CONNECTED;
}

static void set_manners(struct http_call *call)
{
	CURL *easy = call->easy;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1l);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1l);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)CONNECTION_AGE_S);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER_BYTES);
	if (call->client->user_agent)
		curl_easy_setopt(easy, CURLOPT_USERAGENT, call->client->user_agent);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
	if (call->client->options.greeter) {
		curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_opened);
		curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, call);
	}
	if (call->options.socket_path)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, call->options.socket_path);
	if (!call->blocking) {
		curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, client_on_close);
		curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, call->client);
	}
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_attempt);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
}

static bool may_repeat(const struct http_call_options *o)
{
	const char *method = o->method ? o->method : "GET";

	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
		return true;
	return o->headers && http_headers_get(o->headers, "Idempotency-Key");
}

int call_prepare(struct http_call *call, struct http_client *client, const struct http_call_options *options)
{
	call->client = client;
	call->ready_fd = -1;
	call->options = *options;
	if (options->peer && strlen(options->peer) >= sizeof(call->peer))
		return -EINVAL;
	call->is_local = options->socket_path != NULL;
	if (options->peer)
		memcpy(call->peer, options->peer, strlen(options->peer) + 1);
	call->replayable = may_repeat(options);
	call->last_byte_ns = clock_mono_ns();
	http_headers_init(&call->response.headers);
	buf_init(&call->response.body, options->response_max ? options->response_max : RESPONSE_BYTES_DEFAULT);
	return 0;
}

void call_forget_options(struct http_call *call)
{
	call->options.url = call->options.socket_path = call->options.peer = NULL;
	call->options.headers = NULL;
}

int call_init(struct http_call *call, struct http_client *client, CURL *easy, const struct http_call_options *options)
{
	int r = call_prepare(call, client, options);

	call->easy = easy;
	if (r)
		return r;
	set_manners(call);
	set_method(call);
	set_limits(call);
	leave_stale(call);
	if (!options->url || curl_easy_setopt(easy, CURLOPT_URL, options->url) != CURLE_OK)
		return -EINVAL;
	r = set_fields(call, options->headers);
	call_forget_options(call);
	return r;
}

void call_fini(struct http_call *call)
{
	http_response_fini(&call->response);
	dial_free(call->dial);
	call->dial = NULL;
	close_ready(call);
	curl_slist_free_all(call->fields);
	call->fields = NULL;
}

void http_response_fini(struct http_response *r)
{
	http_headers_fini(&r->headers);
	buf_fini(&r->body);
}

/* The result. */

static int errno_of(CURLcode code, long os_error)
{
	static const struct {
		CURLcode code;
		int error;
	} table[] = {
		{CURLE_OK, 0},
		{CURLE_COULDNT_RESOLVE_HOST, -ERR_NO_SUCH_HOST},
		{CURLE_SSL_CONNECT_ERROR, -ERR_NO_TLS},
		{CURLE_PEER_FAILED_VERIFICATION, -ERR_CERTIFICATE},
		{CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT},
		{CURLE_SEND_ERROR, -ECONNRESET},
		{CURLE_RECV_ERROR, -ECONNRESET},
		{CURLE_GOT_NOTHING, -ECONNRESET},
		{CURLE_PARTIAL_FILE, -ECONNRESET},
		{CURLE_SEND_FAIL_REWIND, -ECONNRESET},
		{CURLE_OUT_OF_MEMORY, -ENOMEM},
		{CURLE_URL_MALFORMAT, -EINVAL},
		{CURLE_UNSUPPORTED_PROTOCOL, -EINVAL},
		{CURLE_FILESIZE_EXCEEDED, -E2BIG},
	};

	if (code == CURLE_COULDNT_CONNECT)
		return os_error == EHOSTUNREACH || os_error == ENETUNREACH ? -EHOSTUNREACH : -ECONNREFUSED;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].code == code)
			return table[i].error;
	}
	return -EPROTO;
}

void call_finish(struct http_call *call, CURLcode code)
{
	struct http_response *r = &call->response;
	long request_bytes = 0, os_error = 0;

	curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
	curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_error);
	r->connected = request_bytes > 0 || r->first_byte || call->was_sent;
	r->error = call->error ? call->error : errno_of(code, os_error);
	/* libcurl accepts a head that is cut off by the end of the connection. */
	if (!r->error && !call->head_done)
		r->error = -ECONNRESET;
	/* libcurl's error for an unknown protocol may mean an answer that is no HTTP. */
	if (code == CURLE_UNSUPPORTED_PROTOCOL && r->connected)
		r->error = -EPROTO;
}
