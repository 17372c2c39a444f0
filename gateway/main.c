/*
 * nephos-gateway: the settings of the program, and what is made of them. common/process starts the process,
 * logs, handles signals and ends it; all that a gateway does is gateway/front/gateway.
 *
 * The table SETTINGS is what can be set on the command line, in the environment or in a file. The table PHASES
 * is the start, in order: each phase does one thing, or says in words for a person why it cannot, and the
 * process ends. Settings are checked first and the ports opened last, so that a gateway which listens is one
 * that works.
 *
 * At the end the gateway stops taking connections and lets requests in flight finish, for DRAIN_MS at most;
 * long polls are cut, as their clients come again through another gateway.
 */
#include "common/base/descriptors.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/http/endpoint.h"
#include "common/http/server/cors.h"
#include "common/http/server/peers.h"
#include "common/process/process.h"
#include "gateway/front/gateway.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICES_WAIT_MS 2500 /* services register once a second; if none does, clients get 503 after this */
#define DRAIN_MS 10000	      /* requests in flight may finish; a long poll is cut */

static const char HELP[] = "nephos-gateway: the front door of a nephos store.\n"
			   "Services register here; clients are authenticated and sent on to them.\n";

#define PER_ADDRESS_TEXT "4096"
static_assert(GATEWAY_CONNECTIONS_PER_ADDRESS == 4096, "PER_ADDRESS_TEXT");
#define CACHE_BYTES_TEXT "268435456"
static_assert(GATEWAY_CACHE_BYTES == 268435456, "CACHE_BYTES_TEXT");

static const struct config_setting SETTINGS[] = {
	{.flag = "port",
		.kind = CONFIG_NUMBER,
		.fallback = "8050",
		.min = 0,
		.max = 65535,
		.help = "port to listen on; 0: any free port"},
	{.flag = "gateways",
		.kind = CONFIG_TEXT,
		.help = "base URLs of all gateways of the store, separated by commas"},
	{.flag = "advertise",
		.kind = CONFIG_TEXT,
		.help = "base URL at which clients reach this gateway (default: its address and port)"},
	{.flag = "trusted-proxies",
		.kind = CONFIG_TEXT,
		.help = "addresses and networks of reverse proxies whose X-Forwarded-For is trusted, separated by commas"},
	{.flag = "internal-listen",
		.kind = CONFIG_TEXT,
		.help = "where services register: ADDRESS:PORT, or unix:PATH for a unix socket"},
	{.flag = "ring-listen",
		.kind = CONFIG_TEXT,
		.help = "where this gateway listens for other gateways: ADDRESS:PORT (default: a free port of --listen)"},
	{.flag = "ring-advertise",
		.kind = CONFIG_TEXT,
		.help = "base URL at which other gateways reach this one (default: the address and port of --ring-listen)"},
	{.flag = "cors-origins",
		.kind = CONFIG_TEXT,
		.help = "origins whose pages may use the store from a browser, separated by commas; *: all (default: none)"},
	{.flag = "connections-per-address",
		.kind = CONFIG_NUMBER,
		.fallback = PER_ADDRESS_TEXT,
		.min = 0,
		.max = GATEWAY_CONNECTIONS_MAX,
		.help = "connections allowed per client address (IPv6: per /64), trusted proxies excepted; 0: no limit"},
	{.flag = "cache-bytes",
		.kind = CONFIG_NUMBER,
		.fallback = CACHE_BYTES_TEXT,
		.min = GATEWAY_CACHE_BYTES_MIN,
		.max = GATEWAY_CACHE_BYTES_MAX,
		.help = "memory of the cache of answers and blocks, in bytes"},
	{.flag = "print-fsm",
		.kind = CONFIG_SWITCH,
		.help = "print the states of a ring member and the events that lead from one to another, then exit"},
	{.flag = "web-dir", .kind = CONFIG_TEXT, .help = "folder with the files of the API pages"},
	{0},
};

/* What the phases of the start work on. */
struct main {
	struct process *process;
	const struct config *config;
	char internal[PATH_MAX]; /* where services register */
	uint16_t internal_port;
	char ring[PATH_MAX]; /* where other gateways reach this one */
	uint16_t ring_port;
	struct gateway *gateway;
};

/* ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH; address gets the part to listen on. */
static int parse_listen(const char *text, char *address, size_t size, uint16_t *ret_port)
{
	const char *colon = text ? strrchr(text, ':') : NULL;
	uint64_t port = 0;
	int r = colon ? 0 : -EINVAL;

	if (r == 0 && endpoint_unix_path(text)) {
		r = strlen(text) < size ? snprintf(address, size, "%s", text) : -ENAMETOOLONG;
	} else if (r == 0) {
		size_t length = (size_t)(colon - text);
		bool bracketed = length > 1 && text[0] == '[' && colon[-1] == ']';

		r = text_parse_u64(span_str(colon + 1), 65535, &port);
		if (r == 0)
			r = snprintf(address, size, "%.*s", (int)length - 2 * bracketed, text + bracketed);
	}
	*ret_port = (uint16_t)port;
	return r < 0 ? r : 0;
}

static int check_internal(void *cookie, struct buf *why)
{
	struct main *m = cookie;
	const char *text = config_text(m->config, "internal-listen");
	int r = parse_listen(text, m->internal, sizeof(m->internal), &m->internal_port);

	if (r < 0 && text)
		(void)buf_printf(why, "--internal-listen: \"%s\", expected ADDRESS:PORT or unix:PATH", text);
	else if (r < 0)
		(void)buf_append_str(why,
			"--internal-listen (NEPHOS_INTERNAL_LISTEN) is missing: where services register, "
			"ADDRESS:PORT or unix:PATH");
	return r;
}

static int check_ring(void *cookie, struct buf *why)
{
	struct main *m = cookie;
	const char *text = config_text(m->config, "ring-listen");
	int r = 0;

	if (text)
		r = parse_listen(text, m->ring, sizeof(m->ring), &m->ring_port);
	if (r < 0)
		(void)buf_printf(why, "--ring-listen: \"%s\", expected ADDRESS:PORT", text);
	return r;
}

static int check_lists(void *cookie, struct buf *why)
{
	const struct main *m = cookie;
	const char *origins = config_text(m->config, "cors-origins");
	const char *proxies = config_text(m->config, "trusted-proxies");

	if (!cors_policy_is_valid(origins))
		(void)buf_printf(why, "--cors-origins: \"%s\", expected SCHEME://HOST[:PORT] with commas between, or *",
			origins);
	else if (!peers_list_is_good(proxies))
		(void)buf_printf(why,
			"--trusted-proxies: \"%s\", expected at most %d of ADDRESS or ADDRESS/BITS with commas between",
			proxies, PEERS_NETWORKS_MAX);
	return why->size > 0 ? -EINVAL : 0;
}

static int load_keys(void *cookie, struct buf *why)
{
	const struct main *m = cookie;

	return process_load_keys(m->process, why);
}

/* How many connections clients may have: one descriptor each, beside those to services and of other gateways. */
static unsigned allow_connections(void)
{
	const unsigned others = GATEWAY_CALLS_MAX + GATEWAY_HOPS_MAX;
	const unsigned wanted = GATEWAY_CONNECTIONS_MAX + others;
	const unsigned allowed = descriptors_allow(wanted);

	if (allowed == wanted)
		return GATEWAY_CONNECTIONS_MAX;
	/* Clients get more than half only when the others have all they may need; few gateways have 63 others. */
	unsigned clients = allowed > 2 * others ? allowed - others : allowed / 2;

	clients = clients < GATEWAY_CONNECTIONS_MAX ? clients : GATEWAY_CONNECTIONS_MAX;
	log_warning(NULL, "op=start connections=%d outcome=\"descriptors for %u clients at once only (ulimit -Hn)\"",
		GATEWAY_CONNECTIONS_MAX, clients);
	return clients;
}

static int start_gateway(void *cookie, struct buf *why)
{
	struct main *m = cookie;
	const struct gateway_options options = {
		.name = process_name(m->process),
		.address = config_text(m->config, "listen"),
		.port = (uint16_t)config_number(m->config, "port"),
		.threads = (unsigned)config_number(m->config, "threads"),
		.advertise = config_text(m->config, "advertise"),
		.peers = config_text(m->config, "gateways"),
		.trusted_proxies = config_text(m->config, "trusted-proxies"),
		.internal_address = m->internal,
		.internal_port = m->internal_port,
		.ring_address = m->ring[0] ? m->ring : NULL,
		.ring_port = m->ring_port,
		.ring_advertise = config_text(m->config, "ring-advertise"),
		.cluster = process_cluster(m->process),
		.cache_bytes = (size_t)config_number(m->config, "cache-bytes"),
		.cors_origins = config_text(m->config, "cors-origins"),
		.connections_max = allow_connections(),
		.connections_per_address = (unsigned)config_number(m->config, "connections-per-address"),
		.services_wait_ms = SERVICES_WAIT_MS,
		.assets_dir = config_text(m->config, "web-dir"),
	};
	int r = gateway_start(&options, why, &m->gateway);

	if (r == 0)
		log_info(NULL, "op=start listen=%s port=%u internal=%s internal_port=%u ring=%s outcome=serving",
			options.address, gateway_port(m->gateway), m->internal, gateway_internal_port(m->gateway),
			gateway_hop_url(m->gateway));
	return r;
}

static void stop(void *cookie)
{
	struct main *m = cookie;

	if (m->gateway)
		gateway_drain(m->gateway, DRAIN_MS);
	gateway_free(m->gateway);
	m->gateway = NULL;
}

static const struct process_phase PHASES[] = {
	{"settings", check_internal},
	{"settings", check_ring},
	{"settings", check_lists},
	{"cluster key", load_keys},
	{"gateway", start_gateway},
	{0},
};

int main(int argc, char **argv)
{
	static const struct process_options OPTIONS = {
		.program = "nephos-gateway", .name = "gateway", .help = HELP, .settings = SETTINGS};
	static const struct process_ops OPS = {.phases = PHASES, .stop = stop};
	struct main m = {0};
	int r = process_new(&OPTIONS, argc, argv, &m.process);

	if (r == 0) {
		m.config = process_config(m.process);
		if (config_switch(m.config, "print-fsm"))
			gateway_print_fsm(stdout);
		else
			r = process_run(m.process, &OPS, &m);
	}
	process_free(m.process);
	return r == 0 || r == -ECANCELED ? EXIT_SUCCESS : EXIT_FAILURE;
}
