#include "common/http/client/gateways.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/http/loopback.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define PORT_MAX 65535
#define PATIENCE_FACTOR 4 /* the second round's patience is this many times the first's */

static const struct span HTTP = SPAN_LITERAL("http://"), HTTPS = SPAN_LITERAL("https://");

struct known {
	char *url;
	int64_t failed_ns; /* when the gateway was left … */
	int64_t avoid_ns;  /* … and for how long it is not preferred after that; 0: it was never left */
};

struct gateways {
	size_t most, count, current;
	bool secure; /* a person gave a gateway that is reached by https */
	struct known list[];
};

int gateways_new(size_t most, struct gateways **ret)
{
	struct gateways *g;

	if (most == 0)
		return -EINVAL;
	g = calloc(1, sizeof(*g) + most * sizeof(g->list[0]));
	if (!g)
		return -ENOMEM;
	g->most = most;
	*ret = g;
	return 0;
}

void gateways_free(struct gateways *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->count; i++)
		free(g->list[i].url);
	free(g);
}

/* ---- what may be a URL ---- */

static bool starts_with(struct span text, struct span start)
{
	return text.size >= start.size && memcmp(text.data, start.data, start.size) == 0;
}

static struct span skip(struct span text, size_t size)
{
	return span_of(text.data + size, text.size - size);
}

static bool all_of(struct span text, const char *others)
{
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
			(c == '\0' || !strchr(others, c)))
			return false;
	}
	return text.size > 0;
}

static bool is_port(struct span text)
{
	uint64_t port;

	return text_parse_u64(text, PORT_MAX, &port) == 0 && port > 0;
}

/* An IPv6 address without its brackets; a link-local one is followed by its interface. */
static bool is_v6(struct span text)
{
	const char *zone = memchr(text.data, '%', text.size);
	size_t size = zone ? (size_t)(zone - text.data) : text.size;
	char address[INET6_ADDRSTRLEN];
	struct in6_addr v6;

	if (size >= sizeof(address))
		return false;
	memcpy(address, text.data, size);
	address[size] = '\0';
	return inet_pton(AF_INET6, address, &v6) == 1 && (!zone || all_of(skip(text, size + 1), "%-._~"));
}

/* The size of the host at the beginning of rest; 0: there is none. */
static size_t host_size(struct span rest)
{
	const char *end;

	if (rest.size > 0 && rest.data[0] == '[') {
		end = memchr(rest.data, ']', rest.size);
		return end && is_v6(span_of(rest.data + 1, (size_t)(end - rest.data) - 1))
			? (size_t)(end - rest.data) + 1
			: 0;
	}
	end = memchr(rest.data, ':', rest.size);
	rest.size = end ? (size_t)(end - rest.data) : rest.size;
	return all_of(rest, "-._~") ? rest.size : 0;
}

struct span gateways_url_trim(struct span url)
{
	while (url.size > 0 && url.data[url.size - 1] == '/')
		url.size--;
	return url;
}

const char *gateways_url_fault(struct span url)
{
	struct span rest;
	size_t size;

	if (!starts_with(url, HTTP) && !starts_with(url, HTTPS))
		return "it does not begin with http:// or https://";
	if (url.size > GATEWAYS_URL_BYTES_MAX)
		return "it is too long";
	rest = skip(url, starts_with(url, HTTP) ? HTTP.size : HTTPS.size);
	if (memchr(rest.data, '@', rest.size))
		return "a user or a password does not belong there, the key comes from \"nephos login\"";
	for (size_t i = 0; i < rest.size; i++)
		if (strchr("/?#", rest.data[i]))
			return "nothing may stand behind the host and its port";
	size = host_size(rest);
	if (size == 0)
		return "it has no host, or one with characters that no name and no address has";
	rest = skip(rest, size);
	if (rest.size > 0 && (rest.data[0] != ':' || !is_port(skip(rest, 1))))
		return "behind the host, there is only place for a port from 1 to 65535";
	return NULL;
}

/* ---- which gateways are on the list ---- */

/* Returns g->count if the URL is not on the list. */
static size_t find(const struct gateways *g, struct span url)
{
	size_t i = 0;

	while (i < g->count &&
		(strlen(g->list[i].url) != url.size || strncasecmp(g->list[i].url, url.data, url.size) != 0))
		i++;
	return i;
}

int gateways_add(struct gateways *g, struct span url)
{
	char *copy;

	url = gateways_url_trim(url);
	if (gateways_url_fault(url))
		return -EINVAL;
	if (find(g, url) < g->count)
		return -EEXIST;
	if (g->count == g->most)
		return -ENOSPC;
	copy = strndup(url.data, url.size);
	if (!copy)
		return -ENOMEM;
	g->list[g->count++].url = copy;
	g->secure = g->secure || starts_with(url, HTTPS);
	return 0;
}

int gateways_add_named(struct gateways *g, size_t by, struct span url)
{
	const bool secure = g->secure;
	char copy[GATEWAYS_URL_BYTES_MAX + 1];
	int r;

	assert(by < g->count);
	url = gateways_url_trim(url);
	if (gateways_url_fault(url))
		return -EINVAL;
	memcpy(copy, url.data, url.size);
	copy[url.size] = '\0';
	if ((secure || starts_with(span_str(g->list[by].url), HTTPS)) && !starts_with(url, HTTPS))
		return -EPERM;
	if (!loopback_may_follow(g->list[by].url, copy))
		return -EPERM;
	r = gateways_add(g, url);
	/* Only a URL that a person gave makes https mandatory; one that a gateway named does not. */
	g->secure = secure;
	return r;
}

size_t gateways_count(const struct gateways *g)
{
	return g->count;
}

const char *gateways_url(const struct gateways *g, size_t at)
{
	assert(at < g->count);
	return g->list[at].url;
}

/* ---- which gateway is asked ---- */

size_t gateways_current(const struct gateways *g)
{
	return g->current;
}

static bool is_avoided(const struct known *k, int64_t now_ns)
{
	return k->avoid_ns > 0 && now_ns - k->failed_ns < k->avoid_ns;
}

static void avoid(struct known *k, int64_t now_ns)
{
	const int64_t most = GATEWAYS_AVOID_MAX_MS * NS_PER_MS;

	if (is_avoided(k, now_ns))
		return; /* the same failure, of another request that was in flight */
	if (k->avoid_ns > 0 && now_ns - k->failed_ns < k->avoid_ns + most)
		k->avoid_ns = 2 * k->avoid_ns < most ? 2 * k->avoid_ns : most;
	else
		k->avoid_ns = GATEWAYS_AVOID_MIN_MS * NS_PER_MS;
	k->failed_ns = now_ns;
}

bool gateways_leave(struct gateways *g, size_t at, int64_t now_ns)
{
	assert(at < g->count);
	avoid(&g->list[at], now_ns);
	if (g->count < 2 || g->current != at)
		return false;
	g->current = (g->current + 1) % g->count;
	return true;
}

bool gateways_prefer(struct gateways *g, const char *url, int64_t now_ns)
{
	size_t at;

	/* The usual case: it is the current gateway, and its URL is spelt as on the list. Another spelling is
	 * looked up below. */
	if (strcmp(g->list[g->current].url, url) == 0)
		return false;
	at = find(g, gateways_url_trim(span_str(url)));
	if (at == g->count || at == g->current || is_avoided(&g->list[at], now_ns))
		return false;
	g->current = at;
	return true;
}

enum gateways_verdict gateways_judge(const struct http_response *response)
{
	/* Statuses, and failures below HTTP. */
	static const struct {
		int met;
		enum gateways_verdict verdict;
	} table[] = {
		{408, GATEWAYS_ELSEWHERE},	      /* the request came too slowly, and was not accepted */
		{502, GATEWAYS_ELSEWHERE},	      /* the gateway has no service to ask … */
		{503, GATEWAYS_ELSEWHERE},	      /* … or none that can answer now … */
		{504, GATEWAYS_ELSEWHERE},	      /* … or in time */
		{-ECONNRESET, GATEWAYS_ELSEWHERE},    /* the gateway ended */
		{-ETIMEDOUT, GATEWAYS_ELSEWHERE},     /* the gateway hangs, or the network is slow */
		{-ECONNREFUSED, GATEWAYS_ABSENT},     /* nothing listens */
		{-EHOSTUNREACH, GATEWAYS_ABSENT},     /* no route to that host */
		{-ERR_NO_SUCH_HOST, GATEWAYS_ABSENT}, /* no such name; that concerns this gateway only */
		{-ERR_NO_TLS, GATEWAYS_ABSENT},	      /* another process has its port; it was sent nothing … */
		{-ERR_CERTIFICATE, GATEWAYS_ABSENT},  /* … or another machine has its address */
	};
	const int met = response->error < 0 ? response->error : response->status;

	/* A failure on this side, such as a full disk or a share that times out, would be the same with every
	 * gateway. */
	if (response->error < 0 && response->ours)
		return GATEWAYS_OVER;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].met == met)
			return table[i].verdict;
	/* Too large, no HTTP, no memory, cancelled: the request, its answer or this program is at fault. */
	return response->error < 0 ? GATEWAYS_OVER : GATEWAYS_ANSWERED;
}

/* ---- for how long ---- */

bool gateways_nobody(const struct gateways *g, unsigned failures, unsigned absent)
{
	return failures >= g->count && absent == failures;
}

unsigned gateways_patience_ms(const struct gateways *g, unsigned failures)
{
	if (g->count < 2 || failures >= 2 * g->count)
		return 0;
	return failures < g->count ? GATEWAYS_PATIENCE_MS : PATIENCE_FACTOR * GATEWAYS_PATIENCE_MS;
}

int64_t gateways_pause_ns(const struct gateways *g, unsigned failures)
{
	assert(g->count > 0);
	return failures % g->count != 0 ? 0 : gateways_backoff_ns((unsigned)(failures / g->count));
}

int64_t gateways_backoff_ns(unsigned times)
{
	uint32_t ms = GATEWAYS_PAUSE_MIN_MS;

	while (times > 1 && ms < GATEWAYS_PAUSE_MAX_MS) {
		ms *= 2;
		times--;
	}
	if (ms > GATEWAYS_PAUSE_MAX_MS)
		ms = GATEWAYS_PAUSE_MAX_MS;
	/* Half of the pause is random: clients that failed together should not come back together. */
	return (int64_t)(ms / 2 + arc4random_uniform(ms / 2 + 1)) * NS_PER_MS;
}
