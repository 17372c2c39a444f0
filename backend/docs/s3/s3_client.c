#include "backend/docs/s3/s3_client.h"

#include "backend/docs/s3/s3_keys.h"
#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/log.h"
#include "common/base/sha256.h"
#include "common/base/text.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * libcurl signs, and keeps connections: each easy handle has one. The idle handles are a stack: the one that was
 * used last is taken first, so that a quiet service has few connections.
 *
 * libcurl 7.88 needs the following. The digest of the payload as a header: libcurl adds none, and signs what is
 * there. The query in the form that is to be signed. User and password as separate options, because a key may
 * have a colon. For a block it sends Expect and waits before the body. The header cannot be removed, because it
 * would be signed as empty; so that wait is short.
 */

#define HEADER_SIZE 128
#define EXPECT_MS 100 /* a service that supports Expect answers at once; to others the body is sent after this time */
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct s3_client {
	char url[S3_URL_SIZE]; /* of the bucket */
	char signing[64];      /* aws:amz:REGION:s3 */
	char prefix[256], ca_file[512];
	struct s3_keys keys;
	int64_t deadline_ns;
	atomic_bool down;
	pthread_mutex_t lock;	 /* guards all below */
	pthread_cond_t returned; /* signalled when a handle is given back */
	CURL *idle[S3_CONNECTIONS_MAX];
	size_t idle_count, count; /* count: idle or in use */
};

/* ---- handles ---- */

static int take(struct s3_client *c, int64_t until_ns, CURL **ret)
{
	bool in_time = true;

	pthread_mutex_lock(&c->lock);
	while (c->idle_count == 0 && in_time)
		in_time = cond_wait_until(&c->returned, &c->lock, until_ns);
	const bool got = c->idle_count > 0;
	if (got)
		*ret = c->idle[--c->idle_count];
	pthread_mutex_unlock(&c->lock);
	return got ? 0 : -ETIMEDOUT;
}

static void give_back(struct s3_client *c, CURL *easy)
{
	pthread_mutex_lock(&c->lock);
	assert(c->idle_count < c->count);
	c->idle[c->idle_count++] = easy;
	pthread_cond_signal(&c->returned);
	pthread_mutex_unlock(&c->lock);
}

/* ---- one try ---- */

struct
try {
	struct s3_client *client;
	const struct s3_request *request;
	struct s3_answer *answer;
	CURL *easy;
	size_t sent; /* bytes of the body */
	char error[S3_ERROR_BYTES];
	size_t error_size;
	curl_off_t moved; /* bytes in both directions at the last look */
	int64_t moved_at_ns;
	int64_t silence_ns; /* longest time without a byte */
	bool silent;	    /* nothing moved for longer */
	char text[CURL_ERROR_SIZE];
};

static size_t on_read(char *data, size_t size, size_t count, void *cookie)
{
	struct try *t = cookie;
	const size_t left = t->request->body.size - t->sent, room = size * count;
	const size_t n = left < room ? left : room;

	memcpy(data, t->request->body.data + t->sent, n);
	t->sent += n;
	return n;
}

static int on_seek(void *cookie, curl_off_t offset, int origin)
{
	struct try *t = cookie;

	if (origin != SEEK_SET || offset < 0 || (size_t)offset > t->request->body.size)
		return CURL_SEEKFUNC_FAIL;
	t->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static long status_of(CURL *easy)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static size_t keep(char *into, size_t *size, size_t room, struct span more)
{
	const size_t n = more.size < room - *size ? more.size : room - *size;

	memcpy(into + *size, more.data, n);
	*size += n;
	return n;
}

/* The body of an error is needed for its code only, and cut. The body of a successful answer is kept up to
 * into_size; when it is longer, the transfer ends there. */
static size_t on_write(char *data, size_t size, size_t count, void *cookie)
{
	struct try *t = cookie;
	const struct span more = span_of(data, size * count);

	if (status_of(t->easy) / 100 != 2) {
		(void)keep(t->error, &t->error_size, sizeof(t->error), more);
		return more.size;
	}
	if (t->request->into_size == 0)
		return more.size;
	if (keep(t->request->into, &t->answer->size, t->request->into_size, more) == more.size)
		return more.size;
	t->answer->cut = true;
	return 0; /* ends the transfer */
}

/* budget: the signature is libcurl's */
static int on_progress(void *cookie, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	struct try *t = cookie;
	const int64_t now_ns = clock_mono_ns();

	(void)down_total;
	(void)up_total;
	if (down + up != t->moved) {
		t->moved = down + up;
		t->moved_at_ns = now_ns;
	}
	t->silent = now_ns - t->moved_at_ns > t->silence_ns;
	return t->silent;
}

static int add_header(struct curl_slist **list, const char *text)
{
	struct curl_slist *more = curl_slist_append(*list, text);

	if (!more)
		return -ENOMEM;
	*list = more;
	return 0;
}

static int make_headers(const struct s3_request *request, struct curl_slist **ret)
{
	char digest[SHA256_HEX_SIZE] = EMPTY_SHA256, header[HEADER_SIZE];
	int r = request->body.size > 0 ? sha256_hex(request->body, digest) : 0;

	if (r < 0)
		return r;
	snprintf(header, sizeof(header), "x-amz-content-sha256: %s", digest);
	r = add_header(ret, header);
	if (r == 0 && request->new_only)
		r = add_header(ret, "If-None-Match: *");
	if (r == 0 && request->part && request->into_size > 0) {
		snprintf(header, sizeof(header), "Range: bytes=%" PRIu32 "-%" PRIu64, request->from,
			(uint64_t)request->from + request->into_size - 1);
		r = add_header(ret, header);
	}
	return r;
}

static void set_method(struct try *t)
{
	CURL *easy = t->easy;

	if (strcmp(t->request->method, "PUT") == 0) {
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1l);
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->request->body.size);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(easy, CURLOPT_READDATA, t);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, t);
		curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, (long)EXPECT_MS);
	} else if (strcmp(t->request->method, "GET") != 0) {
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, t->request->method);
	}
}

static void set_up(struct try *t, const char *url, struct curl_slist *headers, int64_t left_ns)
{
	const struct s3_client *c = t->client;
	CURL *easy = t->easy;

	curl_easy_reset(easy); /* keeps its connection */
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1l);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1l);
	curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, c->signing);
	curl_easy_setopt(easy, CURLOPT_USERNAME, c->keys.access);
	curl_easy_setopt(easy, CURLOPT_PASSWORD, c->keys.secret);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	if (c->ca_file[0])
		curl_easy_setopt(easy, CURLOPT_CAINFO, c->ca_file);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)S3_CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(left_ns / NS_PER_MS));
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0l);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->text);
	set_method(t);
}

/* ---- results ---- */

static int64_t whole_size(CURL *easy)
{
	struct curl_header *header;
	int64_t size;

	if (curl_easy_header(easy, "Content-Range", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return -1;
	const char *slash = strchr(header->value, '/');
	return slash && text_parse_i64(span_str(slash + 1), &size) == 0 && size >= 0 ? size : -1;
}

static bool may_pass(const struct s3_answer *a)
{
	return a->status >= 500 ? a->status != 501 && a->status != 505 && a->status != 507
				: a->status == 408 || a->status == 429 || strcmp(a->code, "RequestTimeout") == 0 ||
			strcmp(a->code, "ConditionalRequestConflict") == 0 || strcmp(a->code, "OperationAborted") == 0;
}

static void describe(const struct try *t, CURLcode code)
{
	struct s3_answer *a = t->answer;

	if (t->silent)
		(void)snprintf(a->why, sizeof(a->why), "no byte came for %" PRId64 " ms",
			(int64_t)(t->silence_ns / NS_PER_MS));
	else if (code != CURLE_OK)
		(void)snprintf(a->why, sizeof(a->why), "%s", t->text[0] ? t->text : curl_easy_strerror(code));
	else
		(void)snprintf(a->why, sizeof(a->why), "it answered %d %s", a->status, a->code);
	for (char *p = a->why; *p; p++)
		if (*p < ' ' || *p == '"')
			*p = '\'';
}

static int error_of(const struct try *t, CURLcode code)
{
	if (t->silent)
		return -ETIMEDOUT;
	switch (code) {
	case CURLE_OK:
		return may_pass(t->answer) ? -ENOTCONN : 0;
	case CURLE_WRITE_ERROR:
		return t->answer->cut ? 0 : -EIO;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return -EIO;
	default:
		return -ENOTCONN;
	}
}

/* Whether the service may have begun to carry the request out. */
static bool reached(CURLcode code, const struct try *t)
{
	long size = 0;

	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &size);
	return code == CURLE_OK || size > 0;
}

static int try_once(struct try *t, const char *url, int64_t left_ns)
{
	const bool repeated = t->answer->repeated;
	struct curl_slist *headers = NULL;
	int r = make_headers(t->request, &headers);

	*t->answer = (struct s3_answer){.whole = -1, .repeated = repeated};
	t->sent = t->error_size = 0;
	t->moved = 0;
	t->moved_at_ns = clock_mono_ns();
	t->silence_ns = (atomic_load(&t->client->down) ? S3_SILENCE_DOWN_MS : S3_SILENCE_MS) * NS_PER_MS;
	t->silent = false;
	t->text[0] = '\0';
	if (r == 0) {
		set_up(t, url, headers, left_ns);
		const CURLcode code = curl_easy_perform(t->easy);
		t->answer->status = (int)status_of(t->easy);
		t->answer->whole = whole_size(t->easy);
		s3_error_code(span_of(t->error, t->error_size), t->answer->code);
		r = error_of(t, code);
		if (r < 0 || t->answer->status / 100 != 2)
			describe(t, code);
		if (r < 0 && reached(code, t))
			t->answer->repeated = true;
	}
	curl_slist_free_all(headers);
	return r;
}

static void wait_before(unsigned tries)
{
	const unsigned most = tries < 6 ? S3_PAUSE_MIN_MS << tries : S3_PAUSE_MAX_MS;
	/* random, so that clients do not all retry at the same moment */
	const unsigned ms = most / 2 + arc4random_uniform(most / 2);
	const struct timespec pause = clock_timespec(ms * NS_PER_MS);

	(void)nanosleep(&pause, NULL);
}

static int try_all(struct try *t, const char *url, int64_t until_ns)
{
	int64_t left_ns = until_ns - clock_mono_ns();
	int r = -ETIMEDOUT;

	for (unsigned tries = 0; tries == 0 || left_ns > S3_PAUSE_MAX_MS * NS_PER_MS; tries++) {
		r = try_once(t, url, left_ns);
		if ((r != -ENOTCONN && r != -ETIMEDOUT) || atomic_load(&t->client->down))
			break;
		wait_before(tries);
		left_ns = until_ns - clock_mono_ns();
	}
	return r;
}

static int make_url(const struct s3_client *c, const struct s3_request *request, char ret[S3_URL_SIZE])
{
	const int n = snprintf(ret, S3_URL_SIZE, "%s%s%s%s%s%s", c->url, request->key ? "/" : "",
		request->key ? c->prefix : "", request->key ? request->key : "", request->query ? "?" : "",
		request->query ? request->query : "");

	return n < S3_URL_SIZE ? 0 : -E2BIG;
}

static void note_outcome(struct s3_client *c, int r, const struct s3_answer *a)
{
	const bool is_down = r == -ENOTCONN || r == -ETIMEDOUT;

	if ((r < 0 && !is_down) || atomic_exchange(&c->down, is_down) == is_down)
		return;
	if (is_down)
		log_warning(
			NULL, "op=s3 url=\"%s\" error=%d text=\"%s\" outcome=\"it counts as down\"", c->url, r, a->why);
	else
		log_info(NULL, "op=s3 url=\"%s\" outcome=\"it answers again\"", c->url);
}

int s3_ask(struct s3_client *c, const struct s3_request *request, struct s3_answer *ret)
{
	const int64_t until_ns = clock_mono_ns() + c->deadline_ns;
	char url[S3_URL_SIZE];
	struct try *t;
	int r = make_url(c, request, url);

	*ret = (struct s3_answer){.whole = -1};
	if (r < 0)
		return r;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct try){.client = c, .request = request, .answer = ret};
	r = take(c, until_ns, &t->easy);
	if (r == 0) {
		r = try_all(t, url, until_ns);
		note_outcome(c, r, ret);
		give_back(c, t->easy);
	}
	free(t);
	return r;
}

/* ---- life ---- */

static bool is_of(const char *text, const char *characters, size_t max)
{
	return strlen(text) <= max && text[strspn(text, characters)] == '\0';
}

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char *wrong_option(const struct s3_options *o)
{
	const char *host = strstr(o->endpoint, "://");

	if ((strncmp(o->endpoint, "http://", 7) != 0 && strncmp(o->endpoint, "https://", 8) != 0) || !host[3] ||
		!is_of(host + 3, DIGITS LOWER UPPER ".-:[]", 300))
		return "s3-endpoint is http://HOST[:PORT] or https://HOST[:PORT], without a path";
	if (!is_of(o->bucket, DIGITS LOWER ".-", 63) || strlen(o->bucket) < 3)
		return "s3-bucket is 3 to 63 of a-z, 0-9, '.' and '-'";
	if (!is_of(o->region, DIGITS LOWER UPPER "-_", 32) || !o->region[0])
		return "s3-region is a name such as eu-central-1";
	if (!is_of(o->prefix, DIGITS LOWER UPPER "._-/", 200) || o->prefix[0] == '/' || strstr(o->prefix, "//") ||
		strstr(o->prefix, "./"))
		return "s3-prefix is up to 200 of A-Z, a-z, 0-9, '.', '_', '-' and '/', and does not begin with '/'";
	if (o->ca_file && strlen(o->ca_file) >= sizeof(((struct s3_client *)0)->ca_file))
		return "s3-ca is too long";
	return o->connections == 0 || o->connections > S3_CONNECTIONS_MAX ? "too many connections" : NULL;
}

static int make_handles(struct s3_client *c, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		c->idle[i] = curl_easy_init();
		if (!c->idle[i])
			return -ENOMEM;
		c->idle_count = ++c->count;
	}
	return 0;
}

int s3_client_new(const struct s3_options *options, struct s3_client **ret)
{
	const char *wrong = wrong_option(options);
	struct s3_client *c;

	if (wrong) {
		log_error(NULL, "op=start part=blocks outcome=\"%s\"", wrong);
		return -EINVAL;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	curl_global_init(CURL_GLOBAL_ALL);
	pthread_mutex_init(&c->lock, NULL);
	cond_init(&c->returned);
	snprintf(c->url, sizeof(c->url), "%s/%s", options->endpoint, options->bucket);
	snprintf(c->signing, sizeof(c->signing), "aws:amz:%s:s3", options->region);
	snprintf(c->prefix, sizeof(c->prefix), "%s", options->prefix);
	snprintf(c->ca_file, sizeof(c->ca_file), "%s", options->ca_file ? options->ca_file : "");
	c->deadline_ns = (options->deadline_ms ? options->deadline_ms : S3_DEADLINE_MS) * NS_PER_MS;
	int r = s3_keys_read(options->keys_file, &c->keys);
	if (r == 0)
		r = make_handles(c, options->connections);
	if (r < 0) {
		s3_client_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void s3_client_free(struct s3_client *c)
{
	if (!c)
		return;
	assert(c->idle_count == c->count);
	for (size_t i = 0; i < c->idle_count; i++)
		curl_easy_cleanup(c->idle[i]);
	pthread_cond_destroy(&c->returned);
	pthread_mutex_destroy(&c->lock);
	explicit_bzero(&c->keys, sizeof(c->keys));
	free(c);
	curl_global_cleanup();
}

const char *s3_client_prefix(const struct s3_client *c)
{
	return c->prefix;
}
