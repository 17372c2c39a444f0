#include "gateway/access/client_address.h"

#include "common/base/span.h"
#include "common/base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Where a request comes from, for limits by address and for the log. The connection shows it; but behind a
 * reverse proxy every connection is the proxy's, and the client's address is only in a header field, which
 * anybody can write.
 *
 * So the operator names the proxies. X-Forwarded-For is a list to which each proxy appends the address that it
 * got the request from. It is read from its end: as long as the address in hand is one of the named proxies,
 * the entry before it was written by a trusted proxy, and is taken instead. The first address that is no such
 * proxy is the client's; the entries before it may be invented, and are not looked at.
 *
 * IPv4 addresses are kept as IPv6 ones (::ffff:a.b.c.d), so that there is one comparison, of the first bits.
 */

#define BITS_V4 96 /* an IPv4 address comes after so many bits of its IPv6 form */
#define BITS_MAX 128

struct network {
	struct in6_addr address;
	unsigned bits;
};

struct client_address {
	struct network list[CLIENT_ADDRESS_PROXIES_MAX];
	size_t count;
};

/* Parses an address; IPv4 becomes IPv6, so that there is one kind. */
static bool parse(const char *text, struct in6_addr *ret, bool *ret_v4)
{
	struct in6_addr mapped = {{{[10] = 0xff, [11] = 0xff}}};

	*ret_v4 = inet_pton(AF_INET, text, mapped.s6_addr + 12) == 1;
	if (*ret_v4) {
		*ret = mapped;
		return true;
	}
	return inet_pton(AF_INET6, text, ret) == 1;
}

static int parse_network(struct span text, struct network *ret)
{
	char address[CLIENT_ADDRESS_SIZE];
	const char *slash = memchr(text.data, '/', text.size);
	const size_t size = slash ? (size_t)(slash - text.data) : text.size;
	uint64_t bits = BITS_MAX;
	bool v4;

	if (size >= sizeof(address))
		return -EINVAL;
	memcpy(address, text.data, size);
	address[size] = '\0';
	if (!parse(address, &ret->address, &v4))
		return -EINVAL;
	const uint64_t most = v4 ? BITS_MAX - BITS_V4 : BITS_MAX;
	if (slash && text_parse_u64(span_of(slash + 1, text.size - size - 1), most, &bits) < 0)
		return -EINVAL;
	ret->bits = (unsigned)(slash && v4 ? bits + BITS_V4 : bits);
	return 0;
}

static struct span trim(struct span s)
{
	while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = span_of(s.data + 1, s.size - 1);
	while (s.size > 0 && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
		s.size--;
	return s;
}

static int parse_list(const char *trusted, struct client_address *ret)
{
	while (*trusted) {
		const size_t size = strcspn(trusted, ",");
		const struct span one = trim(span_of(trusted, size));

		if (one.size > 0 && ret->count == CLIENT_ADDRESS_PROXIES_MAX)
			return -E2BIG;
		if (one.size > 0 && parse_network(one, &ret->list[ret->count++]) < 0)
			return -EINVAL;
		trusted += size + (trusted[size] == ',');
	}
	return 0;
}

int client_address_new(const char *trusted, struct client_address **ret)
{
	struct client_address *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	int r = trusted ? parse_list(trusted, c) : 0;
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void client_address_free(struct client_address *c)
{
	free(c);
}

static bool lies_in(const struct in6_addr *address, const struct network *n)
{
	const unsigned whole = n->bits / 8, rest = n->bits % 8;

	if (memcmp(address->s6_addr, n->address.s6_addr, whole) != 0)
		return false;
	return rest == 0 || ((address->s6_addr[whole] ^ n->address.s6_addr[whole]) >> (8 - rest)) == 0;
}

static bool is_trusted(const struct client_address *c, const char *text)
{
	struct in6_addr address;
	bool v4;

	if (!c || !parse(text, &address, &v4))
		return false;
	for (size_t i = 0; i < c->count; i++)
		if (lies_in(&address, &c->list[i]))
			return true;
	return false;
}

/* Takes the last entry off the list; false: there is none, or it is no address. */
static bool take_last(struct span *list, char ret[CLIENT_ADDRESS_SIZE])
{
	const char *comma = list->size ? memrchr(list->data, ',', list->size) : NULL;
	const size_t begin = comma ? (size_t)(comma - list->data) + 1 : 0;
	const struct span last = trim(span_of(list->data + begin, list->size - begin));
	struct in6_addr address;
	char text[CLIENT_ADDRESS_SIZE];
	bool v4;

	if (last.size == 0 || last.size >= sizeof(text))
		return false;
	memcpy(text, last.data, last.size);
	text[last.size] = '\0';
	if (!parse(text, &address, &v4))
		return false;
	memcpy(ret, text, last.size + 1);
	list->size = comma ? begin - 1 : 0;
	return true;
}

void client_address_find(
	const struct client_address *c, const char *peer, const char *forwarded, char ret[CLIENT_ADDRESS_SIZE])
{
	struct span list = span_str(forwarded);

	(void)snprintf(ret, CLIENT_ADDRESS_SIZE, "%s", peer);
	while (is_trusted(c, ret) && take_last(&list, ret))
		;
}
