/* nephos-gateway: settings, the cluster key, signals. */
#include "common/base/config.h"
#include "common/base/descriptors.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/http/server/cors.h"
#include "common/http/endpoint.h"
#include "common/http/server/peers.h"
#include "common/trust/cluster.h"
#include "gateway/front/gateway.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_MS 10000 /* what is under way may finish; a long poll is cut */

static const char HELP[] = "nephos-gateway: the front door of a nephos store.\n"
			   "Services register here; clients are authenticated and sent on to them.\n";

#define PER_ADDRESS_TEXT "4096"
static_assert(GATEWAY_CONNECTIONS_PER_ADDRESS == 4096, "PER_ADDRESS_TEXT");

static const struct config_setting SETTINGS[] = {
	{.flag = "listen", .kind = CONFIG_TEXT, .fallback = "127.0.0.1", .help = "address to listen on"},
	{.flag = "port",
		.kind = CONFIG_NUMBER,
		.fallback = "8050",
		.min = 0,
		.max = 65535,
		.help = "port to listen on; 0 takes a free one"},
	{.flag = "name", .kind = CONFIG_TEXT, .fallback = "gateway", .help = "name in the log and in /status"},
	{.flag = "gateways", .kind = CONFIG_TEXT, .help = "base URLs of all gateways of the store, with commas"},
	{.flag = "trusted-proxies",
		.kind = CONFIG_TEXT,
		.help = "addresses and networks of reverse proxies, whose X-Forwarded-For is believed, with commas"},
	{.flag = "internal-listen",
		.kind = CONFIG_TEXT,
		.help = "where services register: ADDRESS:PORT, or unix:PATH of a socket"},
	{.flag = "cluster-key",
		.kind = CONFIG_TEXT,
		.help = "file with the cluster's keys: a line of 64 hex digits each, mode 0600"},
	{.flag = "threads", .kind = CONFIG_NUMBER, .fallback = "1", .min = 1, .max = 64, .help = "event threads"},
	{.flag = "cors-origins",
		.kind = CONFIG_TEXT,
		.help = "origins whose pages may use the store from a browser, with commas; * for all; none unless told"},
	{.flag = "connections-per-address",
		.kind = CONFIG_NUMBER,
		.fallback = PER_ADDRESS_TEXT,
		.min = 0,
		.max = GATEWAY_CONNECTIONS_MAX,
		.help = "connections that one address, no trusted proxy, may have (of IPv6: one /64); 0: no limit"},
	{.flag = "web-dir", .kind = CONFIG_TEXT, .help = "folder with the files of the API pages"},
	{.flag = "log-level", .kind = CONFIG_TEXT, .fallback = "info", .help = "debug, info, warning or error"},
	{0},
};

static int load_key(const char *path, struct cluster **ret)
{
	int error = path ? cluster_new(path, ret) : -EINVAL;
	if (error < 0)
		log_error(NULL, "cannot use the cluster key %s: %s", path ? path : "(--cluster-key is missing)",
			error == -EPERM ? "others can read it (chmod 600)" : strerror(-error));
	return error;
}

/* ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH; address gets the part that is listened on. */
static int parse_internal(const char *text, char *address, size_t size, uint16_t *ret_port)
{
	uint64_t port = 0;
	const char *colon = text ? strrchr(text, ':') : NULL;
	int error = colon ? 0 : -EINVAL;
	if (error == 0 && endpoint_unix_path(text)) {
		error = strlen(text) < size ? snprintf(address, size, "%s", text) : -ENAMETOOLONG;
	} else if (error == 0) {
		size_t length = (size_t)(colon - text);
		bool bracketed = length > 1 && text[0] == '[' && colon[-1] == ']';
		error = text_parse_u64(span_str(colon + 1), 65535, &port);
		if (error == 0)
			error = snprintf(address, size, "%.*s", (int)length - 2 * bracketed, text + bracketed);
	}
	if (error < 0) {
		log_error(NULL, "--internal-listen (NEPHOS_INTERNAL_LISTEN) is ADDRESS:PORT or unix:PATH, not %s",
			text ? text : "left out: services register there");
		return error;
	}
	*ret_port = (uint16_t)port;
	return 0;
}

/* A connection of a client each, beside those to services. */
static unsigned allow_connections(void)
{
	const unsigned wanted = GATEWAY_CONNECTIONS_MAX + GATEWAY_CALLS_MAX;
	const unsigned allowed = descriptors_allow(wanted);

	if (allowed == wanted)
		return GATEWAY_CONNECTIONS_MAX;
	const unsigned clients = allowed > 2 * GATEWAY_CALLS_MAX ? allowed - GATEWAY_CALLS_MAX : allowed / 2;
	log_warning(
		NULL, "descriptors for %u clients at once only, not %d (ulimit -Hn)", clients, GATEWAY_CONNECTIONS_MAX);
	return clients;
}

static void reload_keys(struct cluster *cluster)
{
	const uint64_t before = cluster_generation(cluster);
	int error = cluster_reload(cluster);
	if (error < 0)
		log_error(NULL, "the cluster key cannot be read again (%s): those from before stay", strerror(-error));
	else
		log_info(NULL, "the cluster key was read again: %s",
			cluster_generation(cluster) != before ? "changed" : "unchanged");
}

/* Until a signal that ends the process; SIGHUP has the keys read again. */
static int wait_for_end(struct cluster *cluster, const sigset_t *signals)
{
	int number = 0;
	while (sigwait(signals, &number) != 0 || number == SIGHUP) {
		if (number == SIGHUP)
			reload_keys(cluster);
		number = 0;
	}
	return number;
}

static int check_lists(const struct config *config)
{
	const char *origins = config_text(config, "cors-origins");
	const char *proxies = config_text(config, "trusted-proxies");

	if (!cors_policy_is_valid(origins)) {
		log_error(NULL, "--cors-origins %s: wanted are SCHEME://HOST[:PORT] with commas, or *", origins);
		return -EINVAL;
	}
	if (!peers_list_is_good(proxies)) {
		log_error(NULL,
			"--trusted-proxies %s: wanted are ADDRESS or ADDRESS/BITS, with commas between, at most %d",
			proxies, PEERS_NETWORKS_MAX);
		return -EINVAL;
	}
	return 0;
}

static int run(const struct config *config, const sigset_t *signals)
{
	char internal[PATH_MAX];
	uint16_t internal_port = 0;
	struct cluster *cluster = NULL;
	struct gateway *gateway = NULL;
	int error = parse_internal(config_text(config, "internal-listen"), internal, sizeof(internal), &internal_port);
	if (error == 0)
		error = check_lists(config);
	if (error == 0)
		error = load_key(config_text(config, "cluster-key"), &cluster);
	if (error < 0)
		return error;

	const struct gateway_options options = {
		.name = config_text(config, "name"),
		.address = config_text(config, "listen"),
		.port = (uint16_t)config_number(config, "port"),
		.threads = (unsigned)config_number(config, "threads"),
		.peers = config_text(config, "gateways"),
		.trusted_proxies = config_text(config, "trusted-proxies"),
		.internal_address = internal,
		.internal_port = internal_port,
		.cluster = cluster,
		.cors_origins = config_text(config, "cors-origins"),
		.connections_max = allow_connections(),
		.connections_per_address = (unsigned)config_number(config, "connections-per-address"),
		.assets_dir = config_text(config, "web-dir"),
	};
	error = gateway_start(&options, &gateway);
	if (error < 0) {
		log_error(NULL, "it does not start: %s", strerror(-error));
		goto out;
	}
	log_info(NULL, "listening on %s port %u, for services on %s port %u", options.address, gateway_port(gateway),
		internal, gateway_internal_port(gateway));
	log_info(NULL, "signal %d: finishing what is under way", wait_for_end(cluster, signals));
	gateway_drain(gateway, DRAIN_MS);
	gateway_free(gateway);
	log_info(NULL, "ended");
out:
	cluster_free(cluster);
	return error;
}

int main(int argc, char **argv)
{
	struct config *config = NULL;
	struct buf why;
	enum log_level level = LOG_INFO;
	sigset_t signals;

	/* Before any thread: all inherit it, and only run() takes them. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);

	buf_init(&why, 4096);
	int error = config_load(SETTINGS, HELP, argc, argv, &config, &why);
	if (error == -ECANCELED) {
		error = 0;
		goto out;
	}
	if (error == 0)
		error = log_level_parse(config_text(config, "log-level"), &level);
	if (error < 0) {
		(void)fprintf(stderr, "nephos-gateway: %s\n",
			why.data ? why.data : "--log-level: debug, info, warning or error");
		goto out;
	}
	log_init(config_text(config, "name"), level, STDERR_FILENO);
	error = run(config, &signals);
out:
	config_free(config);
	buf_fini(&why);
	return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
